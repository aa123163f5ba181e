"""How good are samples? Distances between two sets of features: real ones and generated ones.

The features (n, F) are those of one fixed network, the same for every model that is compared
(`judge.load_judge`). No number means anything alone: give the number of samples, and the **floor**,
the same distance between two sets of real items. Fréchet distance: Dowson & Landau 1982; on
features of a network Heusel et al. 2017 (arXiv 1706.08500). Kernel distance: Gretton et al. 2012;
on features Bińkowski et al. 2018 (arXiv 1801.01401). Precision and recall: Kynkäänniemi et al. 2019
(arXiv 1904.06991). All sums run in float64.
"""

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of two Gaussians with the means and covariances of a and b.

    (n, F), (m, F) -> |mean difference|^2 + tr(A + B - 2 (A B)^1/2), in squared units of a feature.
    0 for equal sets. It is biased: smaller sets give larger values, so compare equal n only. Fewer
    than F + 1 items, or features that are not finite, raise ValueError.
    """
    _check(a, b, least=a.shape[1] + 1)
    a, b = a.double(), b.double()
    F = a.shape[1]
    cov_a, cov_b = (torch.cov(x.T).reshape(F, F) for x in (a, b))
    # (A B)^1/2 has the eigenvalues of (A^1/2 B A^1/2)^1/2, and that one is symmetric
    root = _square_root(cov_a)
    eigenvalues = torch.linalg.eigvalsh(root @ cov_b @ root)
    trace = cov_a.trace() + cov_b.trace() - 2 * eigenvalues.clamp(min=0).sqrt().sum()
    return ((a.mean(dim=0) - b.mean(dim=0)).square().sum() + trace).clamp(min=0).item()


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues, but for rounding. (F, F) -> (F, F)."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def kernel_distance(a: Tensor, b: Tensor, block: int = 1000) -> tuple[float, float]:
    """Squared maximum mean discrepancy with the kernel (x y / F + 1)^3, and its standard error.

    (n, F), (m, F) -> two numbers. Unbiased: 0 on average for sets of one distribution, so it can
    be negative. Mean over pairs of blocks of `block` items, whose spread gives the standard error;
    fewer than 2 blocks raise ValueError.
    """
    _check(a, b, least=2 * block)
    pairs = zip(a.double().split(block), b.double().split(block), strict=False)
    values = torch.stack([_mmd(x, y) for x, y in pairs if len(x) == len(y) == block])
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


def _mmd(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared MMD of two blocks (n, F): no item is compared with itself."""
    n, F = x.shape

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        return (u @ v.T / F + 1) ** 3

    within = [(k.sum() - k.trace()) / (n * (n - 1)) for k in (kernel(x, x), kernel(y, y))]
    return sum(within) - 2 * kernel(x, y).mean()


def precision_recall(real: Tensor, generated: Tensor, k: int = 3) -> tuple[float, float]:
    """Share of generated items among the real ones (quality), and the reverse (diversity).

    (n, F), (m, F) -> two shares. An item lies *among* a set if it is within the distance of one of
    the set's items to its k-th nearest neighbour in the set. Real against real gives about 0.9, not
    1: compare with it, at equal n and m. Sets of k items or fewer raise ValueError.
    """
    _check(real, generated, least=k + 1)
    return _share_among(generated, real, k), _share_among(real, generated, k)


def _share_among(queries: Tensor, items: Tensor, k: int) -> float:
    radii = torch.cat(
        [torch.cdist(part, items).kthvalue(k + 1, dim=1).values for part in items.split(1000)]
    )  # (n,); the nearest of all is the item itself
    inside = [(torch.cdist(q, items) <= radii).any(dim=1) for q in queries.split(1000)]
    return torch.cat(inside).float().mean().item()


def _check(a: Tensor, b: Tensor, least: int) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"need features (n, F) and (m, F), got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if min(len(a), len(b)) < least:
        raise ValueError(f"{len(a)} and {len(b)} items are too few; give at least {least} of each")
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("features are not finite: did training diverge?")
