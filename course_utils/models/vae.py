"""Variational autoencoders: a code with a prior, and a bound on log p(x) in nats.

Kingma & Welling 2014, "Auto-encoding variational Bayes" (arXiv 1312.6114); Rezende et al. 2014
(arXiv 1401.4082). A weight on the KL: Higgins et al. 2017, "beta-VAE". Importance-weighted bound:
Burda et al. 2016 (arXiv 1509.00519). Images are (B, 1, 28, 28) in [0, 1], codes (B, Z).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.autoencoder import PIXELS, SIDE, BentMap

LARGEST_LOG_VAR = 10.0  # of the encoder: a variance between exp(-10) and exp(10)
NLL = Callable[[Tensor, Tensor], Tensor]  # (decoder's output, images) -> -log p(x|z), in nats


@dataclass(frozen=True)
class VAEConfig:
    latent_size: int  # numbers in a code
    widths: tuple[int, ...] = (400,)  # hidden layers of the encoder; the decoder has them reversed


def layers(sizes: Sequence[int]) -> nn.Sequential:
    """Linear maps from size to size with a ReLU between: (..., sizes[0]) -> (..., sizes[-1])."""
    parts = []
    for size_in, size_out in zip(sizes[:-1], sizes[1:], strict=True):
        parts += [nn.Linear(size_in, size_out), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class VAE(nn.Module):
    """Encoder q(z|x), a Gaussian with a diagonal covariance; decoder p(x|z), Bernoulli pixels."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        Z = config.latent_size
        self.encoder = layers((PIXELS, *config.widths, 2 * Z))
        self.decoder = layers((Z, *config.widths[::-1], PIXELS))
        for parameter in self.decoder[-1].parameters():
            nn.init.zeros_(parameter)  # the untrained decoder draws the same for every code
        self.register_buffer("mean_image", torch.zeros(PIXELS))  # see start_at_mean
        self.register_buffer("mean_logits", torch.zeros(PIXELS))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 1, 28, 28) -> mean and log-variance of q(z|x), each (B, Z)."""
        mean, log_var = self.encoder(x.flatten(1) - self.mean_image).chunk(2, dim=1)
        # a soft limit: exp(log_var) stays finite for any input, and its gradient is never cut
        return mean, LARGEST_LOG_VAR * torch.tanh(log_var / LARGEST_LOG_VAR)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (..., Z) -> logits of the pixels (..., 1, 28, 28); their means if Gaussian."""
        return (self.mean_logits + self.decoder(z)).unflatten(-1, (1, SIDE, SIDE))

    def forward(self, x: Tensor) -> Tensor:
        """Images -> logits decoded from the mean of q(z|x), both (B, 1, 28, 28)."""
        return self.decode(self.encode(x)[0])


class BentVAE(VAE):
    """The same with a straight path beside the layers on both sides, as in notebook 01."""

    def __init__(self, config: VAEConfig):
        super().__init__(config)
        Z = config.latent_size
        self.encoder = BentMap(PIXELS, config.widths, 2 * Z)
        self.decoder = BentMap(Z, config.widths[::-1], PIXELS)
        for layer in (self.decoder.straight, self.decoder.bent[-1]):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)


@torch.no_grad()
def start_at_mean(model: VAE, images: Tensor) -> None:
    """Center the model at the mean of `images`, in [0, 1]: it saves the first steps of training.

    The encoder then sees images minus their mean; what the decoder says is added to the mean's
    log-odds, so that an untrained one draws the mean image.
    """
    mean = images.flatten(1).mean(dim=0)  # (784,)
    model.mean_image.copy_(mean)
    model.mean_logits.copy_(torch.logit(mean, eps=1e-3))


def reparameterize(mean: Tensor, log_var: Tensor) -> Tensor:
    """A draw from N(mean, exp(log_var)) that gradients pass through (Kingma & Welling, eq. 10)."""
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def kl_to_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, 1)), summed over the code, in nats. (B, Z) -> (B,)."""
    # Kingma & Welling 2014, appendix B
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=-1)


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x|z) of Bernoulli pixels, summed over an image, in nats. (..., 1, 28, 28) -> (...).

    Known value: logits 0 cost 784 ln 2 = 543.4 nats. Pixels must lie in [0, 1], else ValueError.
    Between 0 and 1 this cross-entropy is no likelihood, and its smallest value is not 0.
    """
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"pixels must be in [0, 1], got {x.min():.3g} to {x.max():.3g}: divide by 255, and do "
            "not standardize what a Bernoulli likelihood shall explain"
        )
    x = x.expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(-3).sum(dim=-1)


def gaussian_nll(mean: Tensor, x: Tensor, deviation: float = 1.0) -> Tensor:
    """-log p(x|z) of Gaussian pixels, summed over an image, in nats. (..., 1, 28, 28) -> (...).

    Of a density, so it can be negative. Deviation 1: half the squared error, plus a constant.
    """
    constant = math.log(deviation) + 0.5 * math.log(2 * math.pi)
    per_pixel = 0.5 * ((x - mean) / deviation).square() + constant
    return per_pixel.flatten(-3).sum(dim=-1)


def vae_loss(
    model: VAE, batch: tuple[Tensor, ...], beta: float = 1.0, nll: NLL = bernoulli_nll
) -> dict[str, Tensor]:
    """Negative ELBO and its two terms, in nats per image; with `beta` the KL counts beta times."""
    x, *_ = batch
    mean, log_var = model.encode(x)
    reconstruction = nll(model.decode(reparameterize(mean, log_var)), x).mean()
    kl = kl_to_standard_normal(mean, log_var).mean()
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}


def binarized(loss_fn: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """The same loss on black-and-white images: a grey value is the probability of white.

    The pixels are drawn anew at every call, as in Burda et al. 2016, section 5.
    """

    def loss(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x, *rest = batch
        pixels = (torch.rand_like(x) < x).to(x.dtype)  # faster than torch.bernoulli
        return loss_fn(model, (pixels, *rest))

    return loss


def log_weights(model: VAE, x: Tensor, k: int, nll: NLL = bernoulli_nll) -> Tensor:
    """log p(x, z) - log q(z|x) for k draws z from q(z|x), in nats. (B, 1, 28, 28) -> (k, B)."""
    mean, log_var = (part.expand(k, -1, -1) for part in model.encode(x))  # (k, B, Z)
    z = reparameterize(mean, log_var)
    distance = (z - mean).square() * torch.exp(-log_var)
    # both normal densities hold the constant ln(2 pi) / 2; it cancels
    log_ratio = 0.5 * (distance + log_var - z.square()).sum(dim=-1)  # log p(z) - log q(z|x)
    return log_ratio - nll(model.decode(z), x)


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    """A lower bound on log p(x): the log of the mean of k weights. (k, B) -> (B,), in nats.

    Burda et al. 2016, eq. 8. k = 1 is the ELBO; on average it rises with k towards log p(x).
    """
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def importance_weighted_loss(
    model: VAE, batch: tuple[Tensor, ...], k: int, nll: NLL = bernoulli_nll
) -> dict[str, Tensor]:
    """Minus the bound with k draws, to train on; in nats per image."""
    x, *_ = batch
    return {"loss": -importance_weighted_bound(log_weights(model, x, k, nll)).mean()}


@torch.no_grad()
def estimate_log_likelihood(
    model: VAE, x: Tensor, k: int, nll: NLL = bernoulli_nll, chunk: int = 2
) -> Tensor:
    """The importance-weighted bound for a large k, `chunk` draws at a time: (B,), in nats."""
    total = torch.full((len(x),), -math.inf, device=x.device)  # log of the sum of the weights
    for done in range(0, k, chunk):
        part = log_weights(model, x, min(chunk, k - done), nll)
        total = torch.logaddexp(total, torch.logsumexp(part, dim=0))
    return total - math.log(k)


@torch.no_grad()
def sample(model: VAE, n: int, generator: torch.Generator) -> Tensor:
    """Decode n draws from the prior: each pixel's probability of ink, (n, 1, 28, 28) in [0, 1]."""
    z = torch.randn(n, model.config.latent_size, generator=generator, device=generator.device)
    was_training = model.training
    model.eval()
    try:
        return torch.sigmoid(model.decode(z.to(next(model.parameters()).device)))
    finally:
        model.train(was_training)
