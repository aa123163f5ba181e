"""Exercises of notebook 03: solution and likely mistakes of each; test_exercises.py tries them."""

import math

import torch

from course_utils.exercises import lesson_03
from course_utils.models.pixelcnn import causal_mask
from course_utils.models.vqvae import nearest_code


def total(x):
    return x.square().flatten(1).sum(1).mean()


def two(z, q):
    return total(z.detach() - q), total(z - q.detach())


def means(z, codebook):
    moved, nearest = codebook.clone(), nearest_code(z, codebook)
    for code in nearest.unique():
        moved[code] = z[nearest == code].mean(0)
    return moved


def sums(z, codebook):
    return torch.zeros_like(codebook).index_add(0, nearest_code(z, codebook), z)


def counts(z, codebook):
    return torch.bincount(nearest_code(z, codebook), minlength=len(codebook)).unsqueeze(1)


def columns(size):
    return causal_mask(size, see_centre=False).T


EXERCISES = {
    lesson_03.check_bits: (
        49 * math.log2(128),
        [
            (49 * math.log(128), "nats"),
            (7, "one code"),
            (49 * 128, "log2 128"),
            (784 * 8, "grey pixels"),
            (49 * 16, "both sides know"),
            (1000, "log2 V bits"),
        ],
    ),
    lesson_03.check_rounding: (
        two,
        [
            (lambda z, q: two(z, q)[::-1], "swapped"),
            (lambda z, q: (total(z - q), total(z - q)), "moves z and q"),
            (lambda z, q: (total(z.detach() - q), total(z - q)), "commitment's z and q"),
            (lambda z, q: (total((z - q).detach()), total(z - q)), "reaches nothing"),
            (lambda z, q: tuple(3 * x for x in two(z, q)), "summed over the batch"),
            (lambda z, q: ((z.detach() - q).square().mean(), two(z, q)[1]), "over everything"),
            (lambda z, q: tuple(x / 4 for x in two(z, q)), "numbers of a vector"),
            (lambda z, q: tuple(x.sqrt() for x in two(z, q)), "both terms are"),
            (lambda z, q: sum(two(z, q)), "return two"),
        ],
    ),
    lesson_03.check_means: (
        means,
        [
            (lambda z, c: sums(z, c) / counts(z, c), "nan"),
            (lambda z, c: c.copy_(means(z, c)), "return a new one"),
            (lambda z, c: sums(z, c) / counts(z, c).clamp(min=1), "moved to 0: leave"),
            (lambda z, c: torch.where(counts(z, c) > 0, sums(z, c), c), "these are the sums"),
            (lambda z, c: sums(z, c), "not divided"),
            (lambda z, c: torch.where(counts(z, c) > 0, sums(z, c) / 60, c), "all vectors"),
            (lambda z, c: c, "nothing moved"),
            (lambda z, c: z.mean(0).expand_as(c), "for each code"),
            (lambda z, c: sums(z, c)[:5], "expected the shape (6, 3)"),
        ],
    ),
    lesson_03.check_column_mask: (
        columns,
        [
            (lambda n: columns(n).T, "row by row; now columns"),
            (lambda n: causal_mask(n, see_centre=True).T, "mask B"),
            (lambda n: 1 - columns(n), "swapped"),
            (lambda n: 1 - causal_mask(n, see_centre=True).T, "comes later"),
            (lambda n: (torch.arange(n) < n // 2).expand(n, n), "above in the same column"),
            (lambda n: torch.ones(n, n), "0 elsewhere"),
            (lambda n: columns(n).flatten(), "expected the shape"),
        ],
    ),
}


def test_a_mask_of_true_and_false_is_right_too():
    assert lesson_03.check_column_mask(lambda n: columns(n) > 0).status == "correct"
