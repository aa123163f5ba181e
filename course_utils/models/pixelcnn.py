"""PixelCNN: the probability of a grid of symbols, one symbol after the other.

van den Oord et al. 2016, "Pixel recurrent neural networks" (arXiv 1601.06759). Here the symbols are
the codes of a VQ-VAE, (B, H, W) whole numbers from 0 to V - 1, and a label (B,) is told:
p(codes|y) is the product over places of p(code | codes above and to the left, y).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PixelCNNConfig:
    vocab_size: int  # V, kinds of symbols
    size: tuple[int, int] = (7, 7)  # H, W of the grid
    classes: int = 10
    channels: int = 48  # feature maps
    blocks: int = 4  # residual blocks


def causal_mask(size: int, see_centre: bool) -> Tensor:
    """1 where a filter of size x size may look, 0 elsewhere: the rows above, and the places left.

    Mask A (`see_centre=False`) hides the place itself, mask B shows it (section 3.4 of the paper).
    """
    before = torch.arange(size * size) < size * size // 2 + see_centre
    return before.float().unflatten(0, (size, size))


class MaskedConv2d(nn.Conv2d):
    """A convolution that keeps the size and looks at earlier places alone (mask B: and its own)."""

    def __init__(self, channels_in: int, channels_out: int, size: int, see_centre: bool):
        super().__init__(channels_in, channels_out, kernel_size=size, padding=size // 2)
        self.register_buffer("mask", causal_mask(size, see_centre))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class CausalBlock(nn.Module):
    """x + a bent change that looks at places seen already, and at this one's features (mask B)."""

    def __init__(self, channels: int):
        super().__init__()
        self.change = nn.Sequential(
            nn.SiLU(),
            MaskedConv2d(channels, channels // 2, size=3, see_centre=True),
            nn.SiLU(),
            nn.Conv2d(channels // 2, channels, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.change(x)


class PixelCNN(nn.Module):
    def __init__(self, config: PixelCNNConfig):
        super().__init__()
        self.config = config
        C, (H, W) = config.channels, config.size
        self.code_embedding = nn.Embedding(config.vocab_size, C // 2)
        self.label_embedding = nn.Embedding(config.classes, C * H * W)  # features of each place
        self.first = MaskedConv2d(C // 2, C, size=5, see_centre=False)
        self.blocks = nn.Sequential(*[CausalBlock(C) for _ in range(config.blocks)])
        self.to_logits = nn.Sequential(nn.SiLU(), nn.Conv2d(C, config.vocab_size, kernel_size=1))

    def from_embedded(self, embedded: Tensor, labels: Tensor) -> Tensor:
        """Embedded symbols (B, C / 2, H, W), labels (B,) -> logits (B, V, H, W)."""
        label = self.label_embedding(labels).unflatten(1, (-1, *self.config.size))  # (B, C, H, W)
        return self.to_logits(self.blocks(self.first(embedded) + label))

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Symbols (B, H, W), labels (B,) -> logits (B, V, H, W); at a place, of its own symbol."""
        return self.from_embedded(self.code_embedding(codes).permute(0, 3, 1, 2), labels)


def prior_loss(model: PixelCNN, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """-log p(codes|y) in nats per image: summed over the places, mean over the batch.

    A batch: codes (B, H, W), labels (B,). Known value: logits 0 cost H W ln V.
    """
    codes, labels, *_ = batch
    per_place = F.cross_entropy(model(codes, labels), codes, reduction="none")  # (B, H, W)
    return {"loss": per_place.flatten(1).sum(dim=1).mean()}


@torch.no_grad()
def sample(model: PixelCNN, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a grid of symbols for each label (n,), place after place -> (n, H, W)."""
    height, width = model.config.size
    codes = torch.zeros(len(labels), height, width, dtype=torch.long, device=labels.device)
    was_training = model.training
    model.eval()
    try:
        for place in range(height * width):
            row, column = divmod(place, width)
            probabilities = model(codes, labels)[:, :, row, column].softmax(dim=1)  # (n, V)
            drawn = torch.multinomial(probabilities.to(generator.device), 1, generator=generator)
            codes[:, row, column] = drawn.flatten().to(codes)
        return codes
    finally:
        model.train(was_training)
