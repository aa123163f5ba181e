"""VQ-VAE: an image as a grid of symbols from a learnt codebook.

van den Oord et al. 2017, "Neural discrete representation learning" (arXiv 1711.00937). Images are
(B, 1, 28, 28) in [0, 1]. The encoder gives a vector for each of 7 x 7 places, `z` (B, 7, 7, Z); the
nearest of the V vectors in the codebook (V, Z) replaces it. Its number is the code of that place.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

PATCH = 4  # pixels: each place of the 7 x 7 grid stands for 4 x 4 pixels
START = -2.0  # log-odds of ink in digits, 12 %; from 0 on, large steps can end at all black


@dataclass(frozen=True)
class VQVAEConfig:
    codes: int = 128  # V, vectors in the codebook
    code_size: int = 16  # Z, numbers in each of them
    channels: int = 32  # feature maps of 7 x 7
    blocks: int = 2  # residual blocks of the encoder, and of the decoder
    commitment: float = 0.25  # weight of that loss; van den Oord et al. 2017, section 3.2


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """The number of the vector in the codebook that is nearest to z. (..., Z), (V, Z) -> (...)."""
    # |z - e|^2 = |z|^2 - 2 z e + |e|^2, of which |z|^2 is the same for all e
    return (codebook.square().sum(dim=1) - 2 * z @ codebook.T).argmin(dim=-1)


def straight_through(z: Tensor, q: Tensor) -> Tensor:
    """The value of q with the gradient of z: the rounding counts as the identity. Same shapes."""
    return z + (q - z).detach()


class ResidualBlock(nn.Module):
    """x + a small bent change: each place looks at its eight neighbours."""

    def __init__(self, channels: int):
        super().__init__()
        self.change = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.change(x)


def patch_encoder(config: VQVAEConfig) -> nn.Sequential:
    """Images (B, 1, 28, 28) -> (B, Z, 7, 7): patches first, then looks at the neighbours."""
    C, Z = config.channels, config.code_size
    return nn.Sequential(
        nn.Conv2d(1, C, kernel_size=PATCH, stride=PATCH),  # (B, C, 7, 7)
        *[ResidualBlock(C) for _ in range(config.blocks)],
        nn.SiLU(),
        nn.Conv2d(C, Z, kernel_size=1),
    )


def patch_decoder(config: VQVAEConfig) -> nn.Sequential:
    """(B, Z, 7, 7) -> images (B, 1, 28, 28) in [0, 1]: the way back."""
    C, Z = config.channels, config.code_size
    to_pixels = nn.Conv2d(C, PATCH * PATCH, kernel_size=1)
    nn.init.constant_(to_pixels.bias, START)
    return nn.Sequential(
        nn.Conv2d(Z, C, kernel_size=1),
        *[ResidualBlock(C) for _ in range(config.blocks)],
        nn.SiLU(),
        to_pixels,  # (B, 16, 7, 7): 16 pixels a place
        nn.PixelShuffle(PATCH),  # (B, 1, 28, 28)
        nn.Sigmoid(),
    )


class VQVAE(nn.Module):
    def __init__(self, config: VQVAEConfig):
        super().__init__()
        self.config = config
        self.encoder, self.decoder = patch_encoder(config), patch_decoder(config)
        self.codebook = nn.Parameter(torch.randn(config.codes, config.code_size))

    def encode(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) -> vectors z (B, 7, 7, Z), not yet rounded to the codebook."""
        return self.encoder(x).permute(0, 2, 3, 1)

    def decode(self, q: Tensor) -> Tensor:
        """Vectors (B, 7, 7, Z) -> images (B, 1, 28, 28) in [0, 1]."""
        return self.decoder(q.permute(0, 3, 1, 2))

    def to_codes(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) -> codes (B, 7, 7), whole numbers from 0 to V - 1."""
        return nearest_code(self.encode(x), self.codebook)

    def from_codes(self, codes: Tensor) -> Tensor:
        """Codes (B, 7, 7) -> images (B, 1, 28, 28) in [0, 1]."""
        if codes.min() < 0 or codes.max() >= self.config.codes:
            raise ValueError(
                f"codes must be 0 to {self.config.codes - 1}, got {codes.min()} to {codes.max()}: "
                "do they come from a model with another codebook?"
            )
        return self.decode(self.codebook[codes])

    def forward(self, x: Tensor) -> Tensor:
        """Images -> their reconstructions, both (B, 1, 28, 28)."""
        return self.from_codes(self.to_codes(x))


def vqvae_loss(model: VQVAE, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Squared errors per image, summed over pixels or over codes' numbers, mean over the batch.

    van den Oord et al. 2017, eq. 3. `codebook` pulls codes to the encoder's vectors, `commitment`
    the vectors to their codes: the same number, with different gradients.
    """
    x, *_ = batch
    z = model.encode(x)  # (B, 7, 7, Z)
    q = model.codebook[nearest_code(z, model.codebook)]  # (B, 7, 7, Z)
    output = model.decode(straight_through(z, q))
    losses = {
        "reconstruction": (output - x).square().flatten(1).sum(dim=1).mean(),
        "codebook": (z.detach() - q).square().flatten(1).sum(dim=1).mean(),
        "commitment": (z - q.detach()).square().flatten(1).sum(dim=1).mean(),
    }
    total = losses["reconstruction"] + losses["codebook"]
    return {"loss": total + model.config.commitment * losses["commitment"], **losses}


@torch.no_grad()
def count_codes(model: VQVAE, images: Tensor) -> Tensor:
    """How often the images use each code. (B, 1, 28, 28) -> (V,), which sums to 49 B."""
    return torch.bincount(model.to_codes(images).flatten(), minlength=model.config.codes)


@torch.no_grad()
def revive_dead_codes(model: VQVAE, images: Tensor) -> int:
    """Move each code that no place of `images` uses onto one of their vectors; return how many.

    Vectors far from their code are likelier to be chosen, in proportion to the squared distance
    (as in k-means++, Arthur & Vassilvitskii 2007). With a new model it starts the codebook.
    """
    z = model.encode(images).flatten(0, 2)  # (49 B, Z)
    nearest = nearest_code(z, model.codebook)
    used = torch.bincount(nearest, minlength=model.config.codes) > 0  # (V,)
    dead = (~used).nonzero().flatten()
    if len(dead) == 0:
        return 0
    distance = (z - model.codebook[nearest]).square().sum(dim=1) + 1e-12  # equal vectors: any
    model.codebook[dead] = z[torch.multinomial(distance, len(dead))]
    return len(dead)
