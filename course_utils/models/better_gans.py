"""Better GANs: losses with a slope everywhere, limits on the critic's slope, labels, convolutions.

Wasserstein: Arjovsky et al. 2017 (arXiv 1701.07875); gradient penalty: Gulrajani et al. 2017 (arXiv
1704.00028). Spectral normalization: Miyato et al. 2018 (arXiv 1802.05957). Relativistic loss:
Jolicoeur-Martineau 2019 (arXiv 1807.00734); with a zero-centred penalty at real and at generated
images: Huang et al. 2024 (arXiv 2501.05441). One logit per class: Miyato & Koyama 2018 (arXiv
1802.05637). Convolutions: Radford et al. 2016 (arXiv 1511.06434). Truncation: Brock et al. 2019
(arXiv 1809.11096). Images are (B, 1, 28, 28) in [0, 1], noise (B, Z), labels (B,); a batch is
images and labels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.autoencoder import PIXELS, SIDE
from course_utils.models.cvae import join_label
from course_utils.models.gan import Generator, frozen, leaky_layers


@dataclass(frozen=True)
class LabelGANConfig:
    classes: int = 10
    noise_size: int = 20  # numbers of noise for one image
    widths: tuple[int, ...] = (128, 256)  # hidden layers of the generator
    critic_widths: tuple[int, ...] = (256, 256)  # hidden layers of the critic
    channels: int = 16  # of the convolutions, at 14 x 14; twice as many at 7 x 7


def normalized_layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear maps with batch normalization and a leaky ReLU between: (B, in) -> (B, out)."""
    parts = []
    for size_in, size_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        parts += [nn.Linear(size_in, size_out), nn.BatchNorm1d(size_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts, nn.Linear(sizes[-2], sizes[-1]))


class LabelGenerator(nn.Module):
    """Noise and a label -> an image of this class. In training mode a batch needs two items."""

    def __init__(self, config: LabelGANConfig):
        super().__init__()
        self.config = config
        size_in = config.noise_size + config.classes
        self.layers = normalized_layers((size_in, *config.widths, PIXELS))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """(B, Z), (B,) -> images (B, 1, 28, 28)."""
        logits = self.layers(join_label(z, labels, self.config.classes))  # (B, 784)
        return torch.sigmoid(logits).unflatten(1, (1, SIDE, SIDE))

    noise = Generator.noise  # (n, Z) draws, as in lesson 04


def slopes(critic: nn.Module, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (B,) and their slopes with respect to the image (B, 784), which autograd finds.

    The slopes can be differentiated again: a second backward pass, through the first one.
    """
    x = x.detach().requires_grad_()
    score = critic(x, labels)
    (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return score, slope.flatten(1)


def chained_slopes(layers: nn.Sequential, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The same for fully connected layers, without a second backward pass.

    (B, 784), (B,) -> (B,), (B, 784). The chain rule written as a second forward pass: from the row
    of the label back through each weight, and 1 or the leaky slope where the input was below 0.
    """
    bends = []
    for layer in layers:
        if isinstance(layer, nn.LeakyReLU):
            bends.append(torch.where(x > 0, 1.0, layer.negative_slope))  # (B, width)
        x = layer(x)
    *hidden, last = [layer for layer in layers if isinstance(layer, nn.Linear)]
    slope = last.weight[labels]  # (B, width)
    for layer, bend in zip(reversed(hidden), reversed(bends), strict=True):
        slope = (slope * bend) @ layer.weight
    return x.gather(1, labels.unsqueeze(1)).squeeze(1), slope


class LabelCritic(nn.Module):
    """Image and label -> a score: large for real. One output per class; the label's counts."""

    def __init__(self, config: LabelGANConfig):
        super().__init__()
        self.layers = leaky_layers((PIXELS, *config.critic_widths, config.classes))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, 1, 28, 28), (B,) -> (B,)."""
        scores = self.layers(x.flatten(1))  # (B, classes)
        return scores.gather(1, labels.unsqueeze(1)).squeeze(1)

    def with_slopes(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B,) and their slopes with respect to the images, (B, 784)."""
        return chained_slopes(self.layers, x.flatten(1), labels)


class ConvGenerator(LabelGenerator):
    """The same with convolutions: 7 x 7 places, then 14 x 14, then 28 x 28."""

    def __init__(self, config: LabelGANConfig):
        super().__init__(config)
        C = config.channels
        self.layers = nn.Sequential(
            nn.Linear(config.noise_size + config.classes, 2 * C * 7 * 7),
            nn.Unflatten(1, (2 * C, 7, 7)),
            nn.BatchNorm2d(2 * C),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(2 * C, C, kernel_size=4, stride=2, padding=1),  # (B, C, 14, 14)
            nn.BatchNorm2d(C),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(C, 1, kernel_size=4, stride=2, padding=1),  # (B, 1, 28, 28)
            nn.Flatten(),
        )


class ConvCritic(LabelCritic):
    """The same with convolutions: 28 x 28 places, then 14 x 14, then 7 x 7."""

    def __init__(self, config: LabelGANConfig):
        super().__init__(config)
        C = config.channels
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, SIDE, SIDE)),
            nn.Conv2d(1, C, kernel_size=4, stride=2, padding=1),  # (B, C, 14, 14)
            nn.LeakyReLU(0.2),
            nn.Conv2d(C, 2 * C, kernel_size=4, stride=2, padding=1),  # (B, 2 C, 7, 7)
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * C * 7 * 7, config.classes),
        )

    def with_slopes(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B,) and their slopes with respect to the images, (B, 784)."""
        return slopes(self, x, labels)


def spectral_step(weight: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """One power iteration: (out, in), (out,) -> the largest singular value so far, and new `left`.

    Miyato et al. 2018, algorithm 1. Repeated, it converges to the largest factor by which `weight`
    stretches a vector; gradients reach `weight` alone.
    """
    with torch.no_grad():
        right = F.normalize(weight.T @ left, dim=0)
        left = F.normalize(weight @ right, dim=0)
    return left @ weight @ right, left


class SpectralLinear(nn.Linear):
    """A linear map divided by its largest singular value: it stretches no vector."""

    def __init__(self, size_in: int, size_out: int):
        super().__init__(size_in, size_out)
        self.register_buffer("left", F.normalize(torch.randn(size_out), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, size_in) -> (B, size_out)."""
        largest, left = spectral_step(self.weight, self.left)
        if self.training:
            self.left.copy_(left)  # the next step goes on from here: weights change little
        return F.linear(x, self.weight / largest, self.bias)


class SpectralCritic(LabelCritic):
    """The fully connected critic with spectral normalization in each layer."""

    def __init__(self, config: LabelGANConfig):
        super().__init__(config)
        linear = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        parts = []
        for layer in linear:
            parts += [SpectralLinear(layer.in_features, layer.out_features), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*parts[:-1])


def score_both(
    critic: LabelCritic, generator: LabelGenerator, batch: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of the real images and of generated ones of the same classes, each (B,); the latter.

    The generator does not learn from this.
    """
    x, labels, *_ = batch
    with torch.no_grad():
        fake = generator(generator.noise(len(x)), labels)
    return critic(x, labels), critic(fake, labels), fake


def score_fake(generator: LabelGenerator, batch: tuple[Tensor, ...], critic: LabelCritic) -> Tensor:
    """Scores of generated images (B,). Only the generator learns from this."""
    x, labels, *_ = batch
    fake = generator(generator.noise(len(x)), labels)
    with frozen(critic):
        return critic(fake, labels)


def wasserstein_loss(
    critic: LabelCritic, batch: tuple[Tensor, ...], generator: LabelGenerator, weight: float = 10.0
) -> dict[str, Tensor]:
    """Mean score of generated minus real images, plus `weight` times the gradient penalty.

    Gulrajani et al. 2017, eq. 3: the slope has length 1 on the lines from real to generated images.
    Minus the difference is an estimate of the Wasserstein distance, "distance", in units of pixels.
    """
    real, fake, images = score_both(critic, generator, batch)
    x, labels, *_ = batch
    share = torch.rand(len(x), 1, 1, 1, device=x.device)
    _, slope = slopes(critic, torch.lerp(x, images, share), labels)  # (B, 784)
    distance, penalty = (real - fake).mean(), (slope.norm(dim=1) - 1).square().mean()
    return {"loss": weight * penalty - distance, "distance": distance, "penalty": penalty}


def hinge_loss(
    critic: LabelCritic, batch: tuple[Tensor, ...], generator: LabelGenerator
) -> dict[str, Tensor]:
    """max(0, 1 - score) on real and max(0, 1 + score) on generated images; 2 if all scores are 0.

    Miyato et al. 2018, eq. 16: a score beyond 1 on the right side is not rewarded any more.
    """
    real, fake, _ = score_both(critic, generator, batch)
    return {"loss": F.relu(1 - real).mean() + F.relu(1 + fake).mean()}


def score_loss(
    generator: LabelGenerator, batch: tuple[Tensor, ...], critic: LabelCritic
) -> dict[str, Tensor]:
    """Minus the mean score of generated images: the generator's loss for the two losses above."""
    return {"loss": -score_fake(generator, batch, critic).mean()}


def relativistic_loss(
    critic: LabelCritic, batch: tuple[Tensor, ...], generator: LabelGenerator, weight: float = 0.1
) -> dict[str, Tensor]:
    """-log sigmoid(real score - generated score), in nats: ln 2 if the critic sees no difference.

    Plus weight / 2 times the mean squared slope at real and at generated images (Huang et al. 2024,
    eqs. 2 and 3). Real and generated images of the same class are compared in pairs.
    """
    x, labels, *_ = batch
    with torch.no_grad():
        fake = generator(generator.noise(len(x)), labels)
    scores, slope = critic.with_slopes(torch.cat([x, fake]), labels.repeat(2))
    real_score, fake_score = scores.chunk(2)  # each (B,)
    relativistic = F.softplus(fake_score - real_score).mean()
    penalty = slope.square().sum() / len(x)  # mean at real ones plus mean at generated ones
    loss = relativistic + weight / 2 * penalty
    return {"loss": loss, "relativistic": relativistic, "penalty": penalty}


def relativistic_generator_loss(
    generator: LabelGenerator, batch: tuple[Tensor, ...], critic: LabelCritic
) -> dict[str, Tensor]:
    """-log sigmoid(generated score - real score), in nats: ln 2 if the critic is blind."""
    x, labels, *_ = batch
    with torch.no_grad():
        real = critic(x, labels)
    return {"loss": F.softplus(real - score_fake(generator, batch, critic)).mean()}


@torch.no_grad()
def sample(
    model: LabelGenerator,
    labels: Tensor,
    generator: torch.Generator,
    truncation: float | None = None,
) -> Tensor:
    """One image for each label (n,), in eval mode: (n, 1, 28, 28).

    With `truncation`, numbers of noise beyond it are drawn again (Brock et al. 2019, section 3.1):
    nearer to the typical image, and less different from one another.
    """
    z = model.noise(len(labels), generator)
    if truncation is not None:
        while (far := z.abs() > truncation).any():
            z = torch.where(far, model.noise(len(labels), generator), z)
    was_training = model.training
    model.eval()
    try:
        return torch.cat(
            [model(a, b) for a, b in zip(z.split(1000), labels.split(1000), strict=True)]
        )
    finally:
        model.train(was_training)
