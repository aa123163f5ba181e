"""Exercises of notebook 04: solution and likely mistakes of each; test_exercises.py tries them."""

import math

import torch
import torch.nn.functional as F

from course_utils.exercises import lesson_04


def value(real, fake):
    return (F.logsigmoid(real) + F.logsigmoid(-fake)).mean()


def slopes(judge, x, create_graph=True, reduce=torch.sum):
    x = x.requires_grad_(True)
    (slope,) = torch.autograd.grad(reduce(judge(x)), x, create_graph=create_graph)
    return slope.flatten(1)


def penalty(judge, x):
    return slopes(judge, x).square().sum(1).mean()


EXERCISES = {
    lesson_04.check_best: (
        0.75,
        [
            (0.25, "generated"),
            (3, "p / q"),
            (math.log(3), "logit"),
            (0.6, "compare it with q"),
            (0.5, "6 are real"),
        ],
    ),
    lesson_04.check_smoothed: (
        lambda p, q, t: t * p / (p + q),
        [
            (lambda p, q, t: p / (p + q), "without smoothing"),
            (lambda p, q, t: t * p / (t * p + q), "*all* items"),
            (lambda p, q, t: (t * p + (1 - t) * q) / (p + q), "both sides"),
            (lambda p, q, t: q / (p + q), "share of generated"),
            (lambda p, q, t: 1 - t * p / (p + q), "one minus"),
            (lambda p, q, t: t * p, "set its slope to 0"),
            (lambda p, q, t: 0.5, "expected the shape"),
        ],
    ),
    lesson_04.check_value: (
        value,
        [
            (lambda r, f: -value(r, f), "minus V"),
            (lambda r, f: value(r, -f), "not ln D(G(z))"),
            (lambda r, f: (F.logsigmoid(r) - F.logsigmoid(-f)).mean(), "a minus too many"),
            (lambda r, f: len(r) * value(r, f), "summed over the batch"),
            (lambda r, f: value(r, f) / 2, "added, not averaged"),
            (lambda r, f: value(r, f) / math.log(2), "bits"),
            (lambda r, f: value(f, r), "swapped"),
            (lambda r, f: (r.sigmoid().log() + (1 - f.sigmoid()).log()).mean(), "logsigmoid"),
            (lambda r, f: (r - f).mean(), "D = sigmoid(logit)"),
        ],
    ),
    lesson_04.check_penalty: (
        penalty,
        [
            (lambda j, x: slopes(j, x).norm(dim=1).mean(), "square it"),
            (lambda j, x: torch.autograd.grad(j(x).sum(), x)[0].square().sum(), "of its own"),
            (lambda j, x: slopes(j, x).square().mean(), "sum over them"),
            (lambda j, x: slopes(j, x).square().sum(), "mean over it"),
            (lambda j, x: slopes(j, x, reduce=torch.mean).square().sum(1).mean(), "logits.sum()"),
            (lambda j, x: (slopes(j, x).norm(dim=1) - 1).square().mean(), "towards 0"),
            (lambda j, x: slopes(j, x, False).square().sum(1).mean(), "create_graph"),
            (lambda j, x: penalty(j, x) + 1, "square the slope of each"),
        ],
    ),
}
