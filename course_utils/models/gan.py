"""Generative adversarial networks: two losses, one for each player.

Goodfellow et al. 2014, "Generative adversarial nets" (arXiv 1406.2661). One-sided label smoothing:
Salimans et al. 2016 (arXiv 1606.03498, section 3.4). Penalty on the gradient at real items:
Mescheder et al. 2018 (arXiv 1801.04406, section 4.1). Items x are images (B, 1, 28, 28) in [0, 1]
or points (B, 2); noise z is (B, Z).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class GANConfig:
    shape: tuple[int, ...]  # of one item: (1, 28, 28) for an image, (2,) for a point
    noise_size: int = 100  # numbers of noise for one item; Radford et al. 2016, section 4
    widths: tuple[int, ...] = (256, 512)  # hidden layers of the generator
    judge_widths: tuple[int, ...] = (512, 256)  # hidden layers of the discriminator


def leaky_layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear maps with a leaky ReLU between: (B, sizes[0]) -> (B, sizes[-1])."""
    parts = []
    for size_in, size_out in zip(sizes[:-1], sizes[1:], strict=True):
        linear = nn.Linear(size_in, size_out)
        # signals keep their size through layers (He et al. 2015, arXiv 1502.01852, section 2.2)
        nn.init.kaiming_normal_(linear.weight, a=0.2)
        # a gradient flows for negative inputs, too (Radford et al. 2016, section 3)
        parts += [linear, nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts[:-1])


class Generator(nn.Module):
    """Noise -> items. Images end in a sigmoid, points as they are."""

    def __init__(self, config: GANConfig):
        super().__init__()
        self.config = config
        self.layers = leaky_layers((config.noise_size, *config.widths, math.prod(config.shape)))
        self.to_item = nn.Sigmoid() if len(config.shape) == 3 else nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        """(B, Z) -> (B, *shape)."""
        return self.to_item(self.layers(z)).unflatten(1, self.config.shape)

    def noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws from N(0, 1): (n, Z), on the device of the weights."""
        device = next(self.parameters()).device
        source = generator.device if generator else device
        z = torch.randn(n, self.config.noise_size, generator=generator, device=source)
        return z.to(device)


class Discriminator(nn.Module):
    """Items -> logits: large for *real*, small for *generated*."""

    def __init__(self, config: GANConfig):
        super().__init__()
        self.layers = leaky_layers((math.prod(config.shape), *config.judge_widths, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B,)."""
        return self.layers(x.flatten(1)).squeeze(1)


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """What is computed inside the `with` block sends no gradient to the weights of `model`."""
    model.requires_grad_(False)
    try:
        yield model
    finally:
        model.requires_grad_(True)


def discriminator_loss(
    discriminator: nn.Module,
    batch: tuple[Tensor, ...],
    generator: Generator,
    real_target: float = 1.0,
) -> dict[str, Tensor]:
    """-log D(x) - log(1 - D(G(z))), in nats: 0 if D is perfect, 2 ln 2 = 1.386 if undecided.

    `real_target` below 1 (0.9, say) is one-sided label smoothing.
    """
    x, *_ = batch
    fake = generator(generator.noise(len(x))).detach()  # the generator shall not learn from this
    real_logits, fake_logits = discriminator(x), discriminator(fake)  # each (B,)
    target = torch.full_like(real_logits, real_target)
    on_real = F.binary_cross_entropy_with_logits(real_logits, target)
    on_fake = F.softplus(fake_logits).mean()  # softplus(l) = -log(1 - sigmoid(l))
    return {"loss": on_real + on_fake, "on_real": on_real, "on_fake": on_fake}


def slope_penalty(discriminator: nn.Module, x: Tensor) -> Tensor:
    """Squared length of the slope of the logit at items x, mean over the batch.

    The slope of the logit of each item: (B, *shape) -> one number. It can be differentiated again.
    """
    x = x.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)  # like x
    return slope.flatten(1).square().sum(dim=1).mean()


def penalized_discriminator_loss(
    discriminator: nn.Module, batch: tuple[Tensor, ...], generator: Generator, weight: float
) -> dict[str, Tensor]:
    """`discriminator_loss` plus weight / 2 times the slope penalty at real items, "slope"."""
    losses = discriminator_loss(discriminator, batch, generator)
    slope = slope_penalty(discriminator, batch[0])  # R1 in Mescheder et al. 2018, section 4.1
    return losses | {"loss": losses["loss"] + weight / 2 * slope, "slope": slope}


def generator_loss(
    generator: Generator, batch: tuple[Tensor, ...], discriminator: nn.Module
) -> dict[str, Tensor]:
    """-log D(G(z)), in nats: 0 if D is fooled, ln 2 = 0.693 if it is undecided. Non-saturating."""
    return {"loss": F.softplus(-_fake_logits(generator, batch, discriminator)).mean()}


def saturating_generator_loss(
    generator: Generator, batch: tuple[Tensor, ...], discriminator: nn.Module
) -> dict[str, Tensor]:
    """log(1 - D(G(z))), the generator's part of the game's value, in nats: -ln 2 if undecided."""
    return {"loss": -F.softplus(_fake_logits(generator, batch, discriminator)).mean()}


def _fake_logits(
    generator: Generator, batch: tuple[Tensor, ...], discriminator: nn.Module
) -> Tensor:
    fake = generator(generator.noise(len(batch[0])))
    with frozen(discriminator):  # the gradient passes through it, and leaves nothing there
        return discriminator(fake)


@torch.no_grad()
def sample(model: Generator, n: int, generator: torch.Generator) -> Tensor:
    """n items from fresh noise, in eval mode: (n, *shape)."""
    was_training = model.training
    model.eval()
    try:
        return model(model.noise(n, generator))
    finally:
        model.train(was_training)
