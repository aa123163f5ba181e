"""Exercises of notebook 06: solution and likely mistakes of each; test_exercises.py tries them."""

import math

import torch

from course_utils.exercises import lesson_06


def add_k(counts, k):
    return (counts + k) / (counts + k).sum(dim=1, keepdim=True)


def clip(gradients, limit):
    norm = torch.stack([g.norm() for g in gradients]).norm().item()
    return [g * min(1.0, limit / norm) for g in gradients]


def clip_each(gradients, limit):
    return [clip([g], limit)[0] for g in gradients]


def scaled(gradients, factor):
    """Every gradient times a factor, which is made from all numbers."""
    return [g * factor(torch.cat([g.flatten() for g in gradients])) for g in gradients]


def gates(inputs, h, w_hidden):
    keep, content, show = (inputs + h @ w_hidden.T).chunk(3, dim=1)
    return keep.sigmoid(), content.tanh(), show.sigmoid()


def no_tanh(inputs, h, c, w_hidden):
    keep, content, show = (inputs + h @ w_hidden.T).chunk(3, dim=1)
    c = keep.sigmoid() * c + (1 - keep.sigmoid()) * content
    return show.sigmoid() * c.tanh(), c


def no_sigmoid(inputs, h, c, w_hidden):
    c = coupled(inputs, h, c, w_hidden)[1]
    return (inputs + h @ w_hidden.T)[:, 8:] * c.tanh(), c


def coupled(inputs, h, c, w_hidden):
    keep, content, show = gates(inputs, h, w_hidden)
    c = keep * c + (1 - keep) * content
    return show * c.tanh(), c


def with_cell(cell):
    """A step that makes the new c by `cell(keep, content, c)`."""

    def step(inputs, h, c, w_hidden):
        keep, content, show = gates(inputs, h, w_hidden)
        c = cell(keep, content, c)
        return show * c.tanh(), c

    return step


def with_state(state):
    """A step that makes the new h by `state(show, new c, old c)`."""

    def step(inputs, h, c, w_hidden):
        new = coupled(inputs, h, c, w_hidden)[1]
        return state(gates(inputs, h, w_hidden)[2], new, c), new

    return step


EXERCISES = {
    lesson_06.check_perplexity: (
        4,
        [
            (math.log(4), "nats"),
            (2, "bits"),
            (16, "exp of the sum"),
            (5, "mean of 2 and 8"),
            (3.2, "mean of p"),
            (7, "exp(mean of -ln p)"),
        ],
    ),
    lesson_06.check_add_k: (
        add_k,
        [
            (lambda n, k: n / n.sum(1, keepdim=True), "0 / 0"),
            (lambda n, k: (n + k) / (n.sum(1, keepdim=True) + k), "grows by V k"),
            (lambda n, k: (n + k) / n.sum(1, keepdim=True).clamp(min=1), "more than 1"),
            (lambda n, k: (n + k) / (n + k).sum(0, keepdim=True), "column's total"),
            (lambda n, k: (n + k) / (n + k).sum(), "total of the table"),
            (lambda n, k: add_k(n, 1), "always add 1"),
            (lambda n, k: n, "p(b | a) ="),
        ],
    ),
    lesson_06.check_clip: (
        clip,
        [
            (clip_each, "by its own length"),
            (lambda gs, limit: [g.clamp(-limit, limit) for g in gs], "single numbers"),
            (lambda gs, limit: scaled(gs, lambda x: 1 / x.norm()), "multiply by the limit"),
            (lambda gs, limit: scaled(gs, lambda x: limit / x.square().mean().sqrt()), "mean"),
            (lambda gs, limit: scaled(gs, lambda x: limit / x.square().sum()), "take the root"),
            (lambda gs, limit: scaled(gs, lambda x: limit / x.norm()), "made longer"),
            (lambda gs, limit: gs, "nothing was clipped"),
            (lambda gs, limit: gs[:1], "with the shapes"),
        ],
    ),
    lesson_06.check_coupled: (
        coupled,
        [
            (with_cell(lambda keep, new, c: (1 - keep) * c + keep * new), "swapped"),
            (with_cell(lambda keep, new, c: keep * c + new), "not 1"),
            (with_cell(lambda keep, new, c: keep * (c + new)), "must be 1 - keep"),
            (no_tanh, "needs a tanh"),
            (with_cell(lambda keep, new, c: c), "in the order keep"),
            (lambda x, h, c, w: coupled(x, 0 * h, c, w), "h is missing"),
            (lambda x, h, c, w: coupled(x, h, c, w)[::-1], "wrong order"),
            (lambda x, h, c, w: coupled(x, h, c, w)[0], "return two"),
            (with_state(lambda show, new, old: show * new), "tanh is missing"),
            (with_state(lambda show, new, old: show * old.tanh()), "yours from the old"),
            (with_state(lambda show, new, old: new), "decides what is seen"),
            (no_sigmoid, "needs a sigmoid"),
        ],
    ),
}


def test_clipping_equals_torch():
    weights = [torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(2, 3))]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    ours = clip([w.grad.clone() for w in weights], 0.5)
    torch.nn.utils.clip_grad_norm_(weights, 0.5)
    for mine, weight in zip(ours, weights, strict=True):
        torch.testing.assert_close(mine, weight.grad)
