"""Checks of notebook 05: a Fréchet distance by hand, hinge, kernel distance, precision."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import compare, exercise, given_number


@exercise
def check_frechet(distance: float) -> str | None:
    """Exercise 1: a Fréchet distance by hand.

    N(1, 1) and N(-1, 3^2): 2^2 + (1 - 3)^2 = 8.
    """
    guesses = {
        "the second argument is a variance: 3^2 means a deviation of 3": 4 + (1 - 9) ** 2,
        "this is one of the two parts; add the other one": 4,
        "this is the root; the distance as used here is squared": math.sqrt(8),
        "the deviations count by their squared difference, (1 - 3)^2": 4 + 8,
        "subtract the deviations: (1 - 3)^2, not (1 + 3)^2": 4 + 16,
    }
    return compare(
        float(distance), 8, guesses, "(difference of means)^2 + (difference of deviations)^2"
    )


@exercise
def check_hinge(hinge: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 2: the hinge loss.

    Mean max(0, 1 - real) + mean max(0, 1 + fake).
    """
    real, fake = torch.tensor([2.0, 0.5, -1.0, 0.0]), torch.tensor([-3.0, 0.25, 1.0, -0.5])
    answer = given_number(hinge(real, fake))

    def cut(x: Tensor) -> float:
        return x.clamp(min=0).mean().item()

    right = cut(1 - real) + cut(1 + fake)
    guesses = {
        "the two are swapped: real scores shall be above 1, generated ones below -1": (
            cut(1 + real) + cut(1 - fake)
        ),
        "summed over the batch: take means": 4 * right,
        "no max(0, ...): scores beyond 1 on the right side shall earn nothing": (
            (1 - real).mean() + (1 + fake).mean()
        ).item(),
        "the sign of the generated part: 1 + score, it shall become negative": (
            cut(1 - real) + cut(1 - fake)
        ),
        "the margin is missing: the limit is at 1, not at 0": cut(-real) + cut(fake),
        "the mean of both parts; add them": right / 2,
    }
    return compare(answer, right, guesses, "mean of max(0, 1 - real) plus mean of max(0, 1 + fake)")


@exercise
def check_kernel(unbiased: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: the kernel distance.

    Mean of xx and of yy without the diagonals, minus twice the mean of xy.
    """
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 6, 3, generator=generator)
    xx, yy, xy = ((a @ b.T / 3 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    answer = given_number(unbiased(xx.clone(), yy.clone(), xy.clone()))
    off = [(k.sum() - k.trace()).item() for k in (xx, yy)]
    between = xy.mean().item()
    right = sum(off) / 30 - 2 * between
    guesses = {
        "the diagonal compares each item with itself: leave it out": (xx.mean() + yy.mean()).item()
        - 2 * between,
        "n (n - 1) pairs are left without the diagonal, not n^2": sum(off) / 36 - 2 * between,
        "the mixed table counts twice": sum(off) / 30 - between,
        "the mixed table is subtracted": sum(off) / 30 + 2 * between,
        "between the two sets no pair is an item with itself: keep the diagonal of xy": (
            sum(off) / 30 - 2 * (xy.sum() - xy.trace()).item() / 30
        ),
        "these are sums: divide by the numbers of pairs": sum(off) - 2 * xy.sum().item(),
    }
    return compare(
        answer, right, guesses, "mean of xx + mean of yy (no diagonals) - 2 x the mean of xy"
    )


@exercise
def check_precision(precision: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 4: precision.

    The share of rows in which some distance is at most its column's radius.
    """
    distances = torch.tensor(
        [[0.5, 3.0, 4.0], [2.0, 2.5, 0.9], [1.5, 0.8, 3.0], [5.0, 0.4, 0.3], [9.0, 9.0, 9.0]]
    )
    radii = torch.tensor([1.0, 0.5, 2.0])
    answer = given_number(precision(distances.clone(), radii.clone()))
    inside = distances <= radii
    guesses = {
        "this is recall's direction: the share of real items that were reached": (
            inside.any(dim=0).float().mean().item()
        ),
        "inside *one* ball is enough, it need not be inside all": (
            inside.all(dim=1).float().mean().item()
        ),
        "this counts pairs; count generated items": inside.float().mean().item(),
        "this is a number of items; divide by m": inside.any(dim=1).sum().item(),
        "each ball has its own radius: compare column by column": (
            (distances <= radii.mean()).any(dim=1).float().mean().item()
        ),
        "this is the share outside": 1 - inside.any(dim=1).float().mean().item(),
    }
    return compare(
        answer, 0.6, guesses, "for each row: is any distance at most the radius of its column?"
    )
