"""Eight Gaussians on a ring: a small data set on which lost modes can be counted.

As in Metz et al. 2017, "Unrolled generative adversarial networks" (arXiv 1611.02163, section 3.1):
eight modes at radius 2, each with standard deviation 0.02 per axis.
"""

import math

import torch
from torch import Tensor

MODES, RADIUS, DEVIATION = 8, 2.0, 0.02


def ring_centres() -> Tensor:
    """The centres of the modes, (8, 2)."""
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def draw_ring(n: int, generator: torch.Generator) -> Tensor:
    """n points (n, 2), each from a mode chosen at random."""
    chosen = torch.randint(MODES, (n,), generator=generator)
    return ring_centres()[chosen] + DEVIATION * torch.randn(n, 2, generator=generator)


def count_modes(points: Tensor, least_share: float = 0.02) -> tuple[int, float]:
    """How many modes points (n, 2) reach, and the share of points within 3 deviations of a centre.

    A mode counts if at least `least_share` of all points lie within 3 deviations of its centre (a
    fair share is 1 / 8). Of real points 98.9 % lie there: 1 - exp(-9 / 2).
    """
    distances = torch.cdist(points.cpu(), ring_centres())  # (n, 8)
    near = distances <= 3 * DEVIATION
    found = near.float().mean(dim=0) >= least_share
    return int(found.sum()), near.any(dim=1).float().mean().item()
