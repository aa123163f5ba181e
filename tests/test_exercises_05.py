"""Exercises of notebook 05: solution and likely mistakes of each; test_exercises.py tries them."""

import torch

from course_utils.exercises import lesson_05


def hinge(real, fake):
    return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()


def off(table):
    return table.sum() - table.trace()


def unbiased(xx, yy, xy):
    n = len(xx)
    return (off(xx) + off(yy)) / (n * (n - 1)) - 2 * xy.mean()


def precision(distances, radii):
    return (distances <= radii).any(dim=1).float().mean()


EXERCISES = {
    lesson_05.check_frechet: (
        8,
        [
            (68, "is a variance"),
            (4, "one of the two parts"),
            (8**0.5, "squared"),
            (12, "squared difference"),
            (5, "difference of means"),
        ],
    ),
    lesson_05.check_hinge: (
        hinge,
        [
            (lambda r, f: hinge(-r, -f), "swapped"),
            (lambda r, f: 4 * hinge(r, f), "take means"),
            (lambda r, f: (1 - r).mean() + (1 + f).mean(), "no max"),
            (lambda r, f: hinge(r, -f), "the sign of the generated part"),
            (lambda r, f: (1 - r).mean().clamp(min=0) + (1 + f).mean().clamp(min=0), "no max"),
            (lambda r, f: (-r).clamp(min=0).mean() + f.clamp(min=0).mean(), "margin"),
            (lambda r, f: hinge(r, f) / 2, "add them"),
            (lambda r, f: (1 - r).clamp(min=0), "one number"),
        ],
    ),
    lesson_05.check_kernel: (
        unbiased,
        [
            (lambda xx, yy, xy: xx.mean() + yy.mean() - 2 * xy.mean(), "leave it out"),
            (lambda xx, yy, xy: (off(xx) + off(yy)) / 36 - 2 * xy.mean(), "n (n - 1)"),
            (lambda xx, yy, xy: unbiased(xx, yy, xy) + xy.mean(), "counts twice"),
            (lambda xx, yy, xy: unbiased(xx, yy, -xy), "is subtracted"),
            (lambda xx, yy, xy: (off(xx) + off(yy) - 2 * off(xy)) / 30, "keep the diagonal"),
            (lambda xx, yy, xy: off(xx) + off(yy) - 2 * xy.sum(), "these are sums"),
        ],
    ),
    lesson_05.check_precision: (
        precision,
        [
            (lambda d, r: (d <= r).any(dim=0).float().mean(), "recall's direction"),
            (lambda d, r: (d <= r).all(dim=1).float().mean(), "inside all"),
            (lambda d, r: (d <= r).float().mean(), "counts pairs"),
            (lambda d, r: (d <= r).any(dim=1).sum(), "divide by m"),
            (lambda d, r: (d <= r.mean()).any(dim=1).float().mean(), "its own radius"),
            (lambda d, r: 1 - precision(d, r), "share outside"),
            (lambda d, r: (d <= r).any(dim=1), "one number"),
        ],
    ),
}


def test_a_plain_number_is_right_too():
    assert lesson_05.check_precision(lambda d, r: 3 / 5).status == "correct"
    assert lesson_05.check_frechet(torch.tensor(8.0)).status == "correct"
