"""Exercises of notebook 09: solution and likely mistakes of each; test_exercises.py tries them."""

import math

import torch

from course_utils import generation
from course_utils.exercises import lesson_09

NEVER = float("-inf")


def top_k(logits, k):
    return logits.masked_fill(logits < logits.topk(k).values[-1], NEVER)


def top_p(logits, share):
    return nucleus(logits, lambda p: p.cumsum(0) - p >= share)


def nucleus(logits, late, descending=True, back=True):
    """A top-p whose dropped places are late(sorted p)."""
    p, order = logits.softmax(0).sort(descending=descending)
    gone = late(p)
    return logits.masked_fill(gone.scatter(0, order, gone) if back else gone, NEVER)


def top_p_of_logits(logits, share):
    """The softmax forgotten: logits are added up."""
    largest, order = logits.sort(descending=True)
    gone = largest.cumsum(0) - largest >= share
    return logits.masked_fill(gone.scatter(0, order, gone), NEVER)


def accept(p, q):
    rest = (p - q).clamp(min=0)
    return (p / q).clamp(max=1), rest / rest.sum()


EXERCISES = {
    lesson_09.check_temperature: (
        0.941,
        [
            (0.667, "temperature 2"),
            (0.8, "temperature 1"),
            (0.64, "sum of both squares"),
            (0.0588, "second token"),
            (1.6, "no probability"),
            (1 / (1 + math.exp(-1.2)), "ln p / temperature"),
            (0.5, "p^(1 / temperature)"),
        ],
    ),
    lesson_09.check_top_k: (
        top_k,
        [
            (lambda x, k: -top_k(-x, k).masked_fill(top_k(-x, k) == NEVER, -NEVER), "least likely"),
            (lambda x, k: x.masked_fill(torch.arange(5) >= k, NEVER), "first k places"),
            (lambda x, k: x.masked_fill(x >= x.topk(k).values[-1], NEVER), "took the k largest"),
            (lambda x, k: x.masked_fill(x <= x.topk(k).values[-1], NEVER), "you kept 1"),
            (lambda x, k: x.masked_fill(x < x.topk(k).values[-1], 0), "not impossible"),
            (lambda x, k: top_k(x, k).log_softmax(0), "must not change"),
            (lambda x, k: x.topk(k).values, "expected the shape"),
        ],
    ),
    lesson_09.check_top_p: (
        top_p,
        [
            (lambda x, s: nucleus(x, lambda p: p.cumsum(0) > s), "is dropped"),
            (lambda x, s: nucleus(x, lambda p: p.cumsum(0) >= 0), "no token stays"),
            (lambda x, s: nucleus(x, lambda p: p.cumsum(0) - p >= s, False), "descending"),
            (lambda x, s: nucleus(x, lambda p: p.cumsum(0) - p >= s, True, False), "scatter"),
            (top_p_of_logits, "softmax"),
            (lambda x, s: x, "all tokens stay"),
            (lambda x, s: top_k(x, 3), "the fewest"),
            (lambda x, s: top_p(x, s).softmax(0), "not impossible"),
            (lambda x, s: top_p(x, s).log_softmax(0), "must not change"),
        ],
    ),
    lesson_09.check_accept: (
        accept,
        [
            (lambda p, q: (p / q, accept(p, q)[1]), "at most 1"),
            (lambda p, q: ((q / p).clamp(max=1), p), "upside down"),
            (lambda p, q: (torch.ones(4), p), "accept always"),
            (lambda p, q: (p, p), "min(1, p / q)"),
            (lambda p, q: (accept(p, q)[0], p), "second chance"),
            (lambda p, q: (accept(p, q)[0], (p - q).clamp(min=0)), "divide by the sum"),
            (lambda p, q: (accept(p, q)[0], p - q), "cut at 0"),
            (lambda p, q: (accept(p, q)[0], accept(q, p)[1]), "too little"),
            (lambda p, q: (accept(p, q)[0], torch.full((4,), 0.25)), "must be p"),
            (lambda p, q: accept(p, q)[0], "two tensors"),
        ],
    ),
}


def test_the_solutions_equal_the_package():
    logits = torch.randn(20, generator=torch.Generator().manual_seed(0))
    for k in (1, 5, 20):
        assert top_k(logits, k).equal(generation.keep_top_k(logits, k))
    for share in (0.1, 0.5, 0.9):
        assert top_p(logits, share).equal(generation.keep_top_p(logits, share))
