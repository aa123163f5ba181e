"""Autoencoders: linear (which is PCA), deep, convolutional, denoising.

Baldi & Hornik 1989 (linear = PCA); Hinton & Salakhutdinov 2006 (deep); Vincent et al. 2008
(denoising). Images are (B, 1, 28, 28) in [0, 1]; codes are (B, Z).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AutoencoderConfig:
    latent_size: int  # numbers in a code
    widths: tuple[int, ...] = (512, 256)  # units of the hidden layers; () is a linear autoencoder
    pixels: int = 784  # 28 x 28
