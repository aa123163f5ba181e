"""A mixture of Gaussians with independent dimensions, fitted by maximum likelihood.

Pearson 1894 (the first mixture); McLachlan & Peel 2000, "Finite Mixture Models". With one component
it is a single Gaussian. Fitted here by gradient steps, as every later model of the course; the EM
algorithm (Dempster, Laird & Rubin 1977) climbs the same likelihood. Items are (B, dims).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class MixtureConfig:
    components: int  # K; 1 is a single Gaussian
    dims: int  # numbers per item


def gaussian_log_density(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log density of a Gaussian with independent dimensions, in nats. (..., dims) -> (...)."""
    z = (x - mean) * torch.exp(-log_std)  # distance from the mean, in deviations
    return (-0.5 * z.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(dim=-1)


class Mixture(nn.Module):
    """K Gaussians, each with a weight, a mean and a standard deviation per dimension.

    Trap: a component on a single item can shrink without end, and the likelihood grows without end.
    Many more items than components keep it from that.
    """

    def __init__(self, config: MixtureConfig):
        super().__init__()
        self.config = config
        K, dims = config.components, config.dims
        self.logits = nn.Parameter(torch.zeros(K))  # equal weights at the start
        self.means = nn.Parameter(torch.randn(K, dims))
        self.log_stds = nn.Parameter(torch.zeros(K, dims))

    def forward(self, x: Tensor) -> Tensor:
        """Log density of each item, in nats. (B, dims) -> (B,)."""
        log_weights = self.logits.log_softmax(dim=0)  # (K,)
        parts = gaussian_log_density(x.unsqueeze(1), self.means, self.log_stds)  # (B, K)
        return torch.logsumexp(log_weights + parts, dim=1)  # (B,)

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Put the means on K random items of x (n, dims), and all deviations to those of x."""
        K = self.config.components
        if len(x) < max(K, 2):
            raise ValueError(f"{len(x)} items cannot start {K} components; give at least {K + 1}")
        self.means.copy_(x[torch.randperm(len(x), device=x.device)[:K]])
        self.log_stds.copy_(x.std(dim=0).log().expand_as(self.log_stds))


def mixture_loss(model: Mixture, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Negative log-likelihood, in nats per item."""
    x, *_ = batch
    return {"loss": -model(x).mean()}


@torch.no_grad()
def sample(model: Mixture, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw n items (n, dims): first a component, then a point from that component."""
    weights = model.logits.softmax(dim=0)
    chosen = torch.multinomial(weights, n, replacement=True, generator=generator)  # (n,)
    noise = torch.randn(n, model.config.dims, generator=generator, device=weights.device)
    return model.means[chosen] + model.log_stds[chosen].exp() * noise  # (n, dims)
