"""A small convolutional network that reads digits; later lessons judge samples by its features.

Convolution and pooling for digits: LeCun et al. 1998, "Gradient-based learning applied to document
recognition". Batch normalization: Ioffe & Szegedy 2015 (arXiv 1502.03167).
Dropout: Srivastava et al. 2014.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ClassifierConfig:
    classes: int = 10
    channels: int = 16  # after the first convolution; twice as many after the second
    feature_size: int = 64
    dropout: float = 0.2  # share of features set to zero in training


def conv_block(channels_in: int, channels_out: int) -> nn.Sequential:
    """(B, channels_in, H, W) -> (B, channels_out, H / 2, W / 2)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class Classifier(nn.Module):
    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        self.blocks = nn.Sequential(
            conv_block(1, config.channels),
            conv_block(config.channels, 2 * config.channels),
        )
        self.to_features = nn.Linear(2 * config.channels * 7 * 7, config.feature_size)
        self.dropout = nn.Dropout(config.dropout)
        self.to_logits = nn.Linear(config.feature_size, config.classes)

    def features(self, x: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) in [0, 1] -> features (B, feature_size), none negative."""
        maps = self.blocks(x)  # (B, 2 * channels, 7, 7)
        return F.relu(self.to_features(maps.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 28, 28) -> logits (B, classes)."""
        return self.to_logits(self.dropout(self.features(x)))


def classifier_loss(model: Classifier, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Cross-entropy in nats per image (untrained: about ln 10 = 2.30), and the share read right."""
    x, labels, *_ = batch
    logits = model(x)
    accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return {"loss": F.cross_entropy(logits, labels), "accuracy": accuracy}
