"""Autoencoders: linear (which is PCA), deep, convolutional, denoising.

Linear = PCA: Baldi & Hornik 1989, "Neural networks and principal component analysis". Deep:
Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks".
Denoising: Vincent et al. 2008, "Extracting and composing robust features with denoising
autoencoders". Images are (B, 1, 28, 28) in [0, 1], codes (B, Z).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SIDE = 28  # pixels, height and width of an image
PIXELS = SIDE * SIDE


@dataclass(frozen=True)
class AutoencoderConfig:
    latent_size: int  # numbers in a code
    widths: tuple[int, ...] = (512, 256)  # units of the hidden layers; () is a linear autoencoder


@dataclass(frozen=True)
class ConvAutoencoderConfig:
    latent_size: int  # numbers in a code
    channels: int = 16  # feature maps of 7 x 7
    width: int = 128  # units of the hidden layer between maps and code


class BentMap(nn.Module):
    """x -> A x + b + layers(x): a straight path, and a bent one beside it unless `widths` is ()."""

    def __init__(self, size_in: int, widths: tuple[int, ...], size_out: int):
        super().__init__()
        self.straight = nn.Linear(size_in, size_out)
        layers, size = [], size_in
        for width in widths:
            layers += [nn.Linear(size, width), nn.SiLU()]
            size = width
        self.bent = nn.Sequential(*layers, nn.Linear(size, size_out)) if widths else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, size_in) -> (B, size_out)."""
        return self.straight(x) + self.bent(x) if self.bent else self.straight(x)


class Autoencoder(nn.Module):
    """Fully connected; with `widths=()` all is linear, and the pixels are not limited to [0, 1]."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.config = config
        self.encoder = BentMap(PIXELS, config.widths, config.latent_size)
        self.decoder = BentMap(config.latent_size, config.widths[::-1], PIXELS)
        self.to_pixels = nn.Sigmoid() if config.widths else nn.Identity()

    def encode(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) -> codes (B, Z)."""
        return self.encoder(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, Z) -> images (B, 1, 28, 28)."""
        return self.to_pixels(self.decoder(z)).unflatten(1, (1, SIDE, SIDE))

    def forward(self, x: Tensor) -> Tensor:
        """Images -> their reconstructions, both (B, 1, 28, 28)."""
        return self.decode(self.encode(x))


class ConvAutoencoder(nn.Module):
    """The same two paths; the bent one looks at 7 x 7 places of the image with the same filters."""

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__()
        self.config = config
        C, Z = config.channels, config.latent_size
        self.down = nn.Sequential(
            nn.Conv2d(1, C, kernel_size=4, stride=4),  # (B, C, 7, 7)
            nn.SiLU(),
            nn.Conv2d(C, C, kernel_size=3, padding=1),
            nn.SiLU(),
        )
        self.maps_to_code = BentMap(C * 7 * 7, (config.width,), Z)
        self.code_to_maps = BentMap(Z, (config.width,), C * 7 * 7)
        self.straight_to_code, self.straight_to_image = nn.Linear(PIXELS, Z), nn.Linear(Z, PIXELS)
        self.up = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(C, C, kernel_size=3, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(C, 1, kernel_size=4, stride=4),  # (B, 1, 28, 28)
        )

    def encode(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) -> codes (B, Z)."""
        return self.straight_to_code(x.flatten(1)) + self.maps_to_code(self.down(x).flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, Z) -> images (B, 1, 28, 28)."""
        maps = self.code_to_maps(z).unflatten(1, (-1, 7, 7))  # (B, C, 7, 7)
        straight = self.straight_to_image(z).unflatten(1, (1, SIDE, SIDE))
        return torch.sigmoid(straight + self.up(maps))

    def forward(self, x: Tensor) -> Tensor:
        """Images -> their reconstructions, both (B, 1, 28, 28)."""
        return self.decode(self.encode(x))


def pca(images: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The mean image (784,) and the `size` directions of largest variance (784, Z), largest first.

    Directions are orthonormal columns; their signs are arbitrary. Raises ValueError for a `size`
    larger than the number of pixels.
    """
    x = images.flatten(1)
    if not 1 <= size <= x.shape[1]:
        raise ValueError(f"size={size} components of {x.shape[1]} pixels; choose fewer")
    mean = x.mean(dim=0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)  # (784, 784)
    directions = torch.linalg.eigh(covariance.cpu().double()).eigenvectors  # variance rises
    return mean, directions[:, -size:].flip(1).to(x)


def pca_reconstruct(images: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    """Project images onto the components and come back, (B, 1, 28, 28) -> (B, 1, 28, 28)."""
    codes = (images.flatten(1) - mean) @ components  # (B, Z)
    return (mean + codes @ components.T).unflatten(1, images.shape[1:])


def reconstruction_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Squared error per image: summed over the pixels, mean over the batch."""
    x, *_ = batch
    error = (model(x) - x).square()  # (B, 1, 28, 28)
    return {"loss": error.flatten(1).sum(dim=1).mean()}


def denoising_loss(corrupt: Callable[[Tensor], Tensor]) -> Callable[..., dict[str, Tensor]]:
    """A loss that spoils the input with `corrupt` and compares the output with the clean image."""

    def loss(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x, *_ = batch
        error = (model(corrupt(x)) - x).square()  # (B, 1, 28, 28)
        return {"loss": error.flatten(1).sum(dim=1).mean()}

    return loss


@torch.no_grad()
def sample(model: nn.Module, codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Decode `n` draws from the Gaussian fitted to `codes` (m, Z) -> (n, 1, 28, 28) in [0, 1].

    For showing what fails: nothing made the codes of a plain autoencoder fill that Gaussian.
    """
    covariance = codes.T.cov().reshape(codes.shape[1], -1).double().cpu()  # (Z, Z)
    jitter = 1e-6 * covariance.trace() * torch.eye(len(covariance), dtype=torch.double)
    factor = torch.linalg.cholesky(covariance + jitter).to(codes)
    noise = torch.randn(n, codes.shape[1], generator=generator, device=generator.device)
    was_training = model.training
    model.eval()
    try:
        return model.decode(codes.mean(dim=0) + noise.to(codes) @ factor.T).clamp(0, 1)
    finally:
        model.train(was_training)
