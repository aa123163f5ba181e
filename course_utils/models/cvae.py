"""Conditional variational autoencoder: the label is told, so the code need not hold it.

Kingma et al. 2014, "Semi-supervised learning with deep generative models" (arXiv 1406.5298, model
M2 with known labels); Sohn et al. 2015, "Learning structured output representation using deep
conditional generative models". Images are (B, 1, 28, 28) in [0, 1], codes (B, Z), labels (B,).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.autoencoder import PIXELS, SIDE
from course_utils.models.vae import (
    LARGEST_LOG_VAR,
    bernoulli_nll,
    kl_to_standard_normal,
    layers,
    reparameterize,
)


@dataclass(frozen=True)
class ConditionalVAEConfig:
    latent_size: int  # numbers in a code
    classes: int = 10
    widths: tuple[int, ...] = (512, 256)  # hidden layers of the encoder; reversed in the decoder


def join_label(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Put the label's one-hot vector beside x. (B, n), (B,) -> (B, n + classes).

    A label outside 0 ... classes - 1 raises ValueError.
    """
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must be 0 to {classes - 1}, got {labels.min()} to {labels.max()}: "
            "set `classes` in the config"
        )
    return torch.cat([x, F.one_hot(labels, classes).to(x)], dim=1)


class ConditionalVAE(nn.Module):
    """The VAE of lesson 02, with the label at the input of encoder and decoder."""

    def __init__(self, config: ConditionalVAEConfig):
        super().__init__()
        self.config = config
        Z, classes = config.latent_size, config.classes
        self.encoder = layers((PIXELS + classes, *config.widths, 2 * Z))
        self.decoder = layers((Z + classes, *config.widths[::-1], PIXELS))
        self.register_buffer("mean_image", torch.zeros(PIXELS))  # see vae.start_at_mean
        self.register_buffer("mean_logits", torch.zeros(PIXELS))

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 1, 28, 28), labels (B,) -> mean and log-variance of q(z|x, y), each (B, Z)."""
        x = x.flatten(1) - self.mean_image
        joined = join_label(x, labels, self.config.classes)  # (B, 784 + classes)
        mean, log_var = self.encoder(joined).chunk(2, dim=1)
        return mean, LARGEST_LOG_VAR * torch.tanh(log_var / LARGEST_LOG_VAR)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Codes (B, Z), labels (B,) -> logits of the pixels (B, 1, 28, 28)."""
        joined = join_label(z, labels, self.config.classes)  # (B, Z + classes)
        return (self.mean_logits + self.decoder(joined)).unflatten(1, (1, SIDE, SIDE))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Images -> logits decoded from the mean of q(z|x, y), both (B, 1, 28, 28)."""
        return self.decode(self.encode(x, labels)[0], labels)


def cvae_loss(
    model: ConditionalVAE, batch: tuple[Tensor, ...], beta: float = 1.0
) -> dict[str, Tensor]:
    """Negative ELBO of log p(x|y) and its two terms, in nats per image. A batch: images, labels.

    With `beta` the KL counts beta times: above 1, what the label says leaves the code sooner.
    """
    x, labels, *_ = batch
    mean, log_var = model.encode(x, labels)
    logits = model.decode(reparameterize(mean, log_var), labels)
    reconstruction = bernoulli_nll(logits, x).mean()
    kl = kl_to_standard_normal(mean, log_var).mean()
    return {"loss": reconstruction + beta * kl, "reconstruction": reconstruction, "kl": kl}


@torch.no_grad()
def sample(model: ConditionalVAE, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Decode a draw from the prior for each label: probabilities of ink, (n, 1, 28, 28)."""
    z = torch.randn(
        len(labels), model.config.latent_size, generator=generator, device=generator.device
    )
    was_training = model.training
    model.eval()
    try:
        return torch.sigmoid(model.decode(z.to(labels.device), labels))
    finally:
        model.train(was_training)
