"""Units, errors and probes. Losses are in nats; this is the one file that converts units."""

import math

import torch
from torch import Tensor


def nats_to_bits(nats: float) -> float:
    """1 nat = 1 / ln 2 = 1.4427 bits."""
    return nats / math.log(2)


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Nats per item -> bits per dimension (per pixel, say): nats / (dimensions ln 2)."""
    return nats / (dimensions * math.log(2))


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Squared error per item, summed over its dimensions. (B, ...), (B, ...) -> (B,)."""
    if x.shape != y.shape:
        raise ValueError(f"shapes differ: {tuple(x.shape)} and {tuple(y.shape)}")
    return (x - y).square().flatten(1).sum(dim=1)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of images with peak 1, in decibels: -10 log10(mean squared error).

    (B, ...), (B, ...) -> (B,). Equal images give inf; noise of deviation s alone gives -20 log10 s.
    """
    mean_squared_error = squared_error(x, y) / x[0].numel()
    return -10 * torch.log10(mean_squared_error)


def nearest_neighbours(queries: Tensor, items: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Euclidean distances and indices of the `k` nearest items of each query, nearest first.

    (B, ...), (n, ...) -> (B, k), (B, k). Works through the queries in chunks: memory stays small.
    """
    if not 1 <= k <= len(items):
        raise ValueError(
            f"k={k} neighbours among {len(items)} items; choose 1 <= k <= {len(items)}"
        )
    queries, items = queries.flatten(1), items.flatten(1)
    squares = torch.linalg.vector_norm(items, dim=1).square()  # (n,)
    # |q - x|^2 = |q|^2 - 2 q x + |x|^2, of which |q|^2 is the same for all items
    found = [
        torch.addmm(squares, chunk, items.T, alpha=-2).topk(k, dim=1, largest=False).indices
        for chunk in queries.split(256)
    ]
    indices = torch.cat(found)  # (B, k)
    # the distances of those few exactly: the sum above loses digits when they are small
    rows = [(q - items[i]).norm(dim=1) for q, i in zip(queries, indices, strict=True)]
    return torch.stack(rows), indices


def linear_probe_r2(
    codes: Tensor, targets: Tensor, test_codes: Tensor, test_targets: Tensor
) -> Tensor:
    """Share of each target's variance that a linear map of the code explains, on test items.

    (n, Z), (n, F), (m, Z), (m, F) -> (F,). Least squares with an intercept, fitted on (codes,
    targets). 1 = read off perfectly, 0 = no better than the mean (Alain & Bengio 2016,
    arXiv 1610.01644, probe a layer with a linear model).
    """
    weights = torch.linalg.lstsq(_with_one(codes), targets.double(), driver="gelsd").solution
    residual = test_targets.double() - _with_one(test_codes) @ weights
    spread = test_targets.double() - test_targets.double().mean(dim=0)
    return (1 - residual.square().sum(dim=0) / spread.square().sum(dim=0)).float()


def _with_one(codes: Tensor) -> Tensor:
    return torch.cat([codes.double(), torch.ones(len(codes), 1, dtype=torch.float64)], dim=1)


def active_units(means: Tensor, threshold: float = 0.01) -> Tensor:
    """Which numbers of a code are used: means of q(z|x) over a data set (n, Z) -> bool (Z,).

    A unit is active when its mean varies from item to item: variance above `threshold` (Burda et
    al. 2016, arXiv 1509.00519, section 5). A collapsed unit has the same mean for every item.
    """
    return means.var(dim=0) > threshold


def squared_correlations(codes: Tensor, factors: Tensor) -> Tensor:
    """R^2 of each factor from each single number of the code: (n, Z), (n, F) -> (Z, F) in [0, 1].

    The squared correlation is the share of variance that a straight line explains. A number or a
    factor that never changes gets 0.
    """
    z, f = ((x - x.mean(dim=0)).double() for x in (codes, factors))
    spread = z.square().sum(dim=0)[:, None] * f.square().sum(dim=0)  # (Z, F)
    return ((z.T @ f).square() / spread.clamp(min=1e-12)).float()


def sap_score(r2: Tensor) -> float:
    """Disentanglement, from `squared_correlations` (Z, F): 0 (none) to 1.

    Separated attribute predictability (Kumar et al. 2018, arXiv 1711.00848, section 3): for each
    factor R^2 of the best number minus that of the second best, mean over the factors.
    """
    if len(r2) < 2:
        raise ValueError(f"need at least 2 numbers in a code to compare, got {len(r2)}")
    best, second = r2.topk(2, dim=0).values
    return (best - second).mean().item()


def perplexity(counts: Tensor) -> float:
    """How many kinds are in use: exp of the entropy of the shares. (V,) counts -> 1 ... V.

    V kinds equally often give V, a single kind gives 1. All counts 0 raises ValueError.
    """
    if counts.sum() <= 0 or counts.min() < 0:
        raise ValueError("counts must be at least 0, and one of them more: was anything counted?")
    shares = counts.double() / counts.sum()
    return torch.special.entr(shares).sum().exp().item()
