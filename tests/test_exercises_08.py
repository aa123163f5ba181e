"""Exercises of notebook 08: solution and likely mistakes of each; test_exercises.py tries them."""

import torch

from course_utils.exercises import lesson_08


def visible(T, S):
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


def attend(q, k, v):
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


def cut(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


EXERCISES = {
    lesson_08.check_block_size: (
        120_000,
        [
            (80_000, "two maps"),
            (110_000, "output"),
            (100_000, "a map each"),
            (40_000, "attention alone"),
            (7, "add them all"),
        ],
    ),
    lesson_08.check_visible: (
        visible,
        [
            (lambda T, S: torch.ones(T, S).tril(S - T - 1), "sees itself"),
            (lambda T, S: ~visible(T, S), "what is hidden"),
            (lambda T, S: torch.ones(T, S).tril(), "last T"),
            (lambda T, S: torch.ones(T, S).triu(S - T), "lower triangle"),
            (lambda T, S: torch.ones(T, S).tril(S - T + 1), "one place too far"),
            (lambda T, S: torch.ones(S, S).tril(), "expected the shape"),
        ],
    ),
    lesson_08.check_attention: (
        attend,
        [
            (lambda q, k, v: (q @ k.T).softmax(-1) @ v, "not divided"),
            (lambda q, k, v: (q @ k.T / q.shape[-1]).softmax(-1) @ v, "divided by D"),
            (lambda q, k, v: (q @ k.T / len(k) ** 0.5).softmax(-1) @ v, "number of places"),
            (lambda q, k, v: (q @ k.T / q.shape[-1] ** 0.5).softmax(0) @ v, "dim=-1"),
            (lambda q, k, v: (q @ k.T).softmax(-1) / q.shape[-1] ** 0.5 @ v, "before softmax"),
            (lambda q, k, v: q @ k.T / q.shape[-1] ** 0.5 @ v, "softmax is missing"),
            (lambda q, k, v: attend(q, k, k), "mixed the keys"),
        ],
    ),
    lesson_08.check_heads: (
        cut,
        [
            (lambda x, n: x.reshape(len(x), n, x.shape[1], -1), "several tokens"),
            (lambda x, n: x.unflatten(-1, (-1, n)).permute(0, 3, 1, 2), "every N-th"),
            (lambda x, n: x.unflatten(-1, (n, -1)), "expected the shape"),
        ],
    ),
}


def test_ours_and_transformers_are_compared_in_one_line():
    assert "equal up to rounding" in lesson_08.compare_with_transformers()
