"""Exercises of notebook 02: solution and likely mistakes of each; test_exercises.py tries them."""

import torch
import torch.nn.functional as F

from course_utils.exercises import lesson_02


def draw(mean, log_var, noise):
    return mean + torch.exp(0.5 * log_var) * noise


def terms(logits, x, mean, log_var):
    """Cross-entropy of every pixel (B, 784) and KL of every number of the code (B, Z)."""
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1)
    return pixels, 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


def negative_elbo(*given):
    pixels, code = terms(*given)
    return (pixels.sum(1) + code.sum(1)).mean()


def of_weights(w):
    return w.sum(dim=0).square() / w.square().sum(dim=0)


def effective(log_w):
    return 1 / torch.softmax(log_w, dim=0).square().sum(dim=0)


def of_terms(formula):
    return lambda *given: formula(*terms(*given))


EXERCISES = {
    lesson_02.check_kl: (
        2.32,
        [
            (4.64, "half"),
            (2.92, "do not square"),
            (0.93, "sign"),
            (1.32, "square the mean"),
            (2.82, "-1 is missing"),
        ]
        + [(3.34, "nats"), (7.0, "put mean 2")],
    ),
    lesson_02.check_draw: (
        draw,
        [
            (lambda m, v, e: m + v.exp() * e, "variance"),
            (lambda m, v, e: m + v * e, "logarithm"),
            (lambda m, v, e: m + e, "scaled"),
            (lambda m, v, e: torch.exp(v / 2) * e, "mean is missing"),
            (lambda m, v, e: m + torch.exp(v / 2) + e, "not added"),
            (lambda m, v, e: draw(m, v, torch.randn_like(m)), "noise you are given"),
            (lambda m, v, e: m + v.sqrt() * e, "may be negative"),
            (lambda m, v, e: draw(m, v, e).sum(), "shape"),
        ],
    ),
    lesson_02.check_negative_elbo: (
        negative_elbo,
        [
            (of_terms(lambda p, c: p.sum(1) + c.sum(1)), "one number per image"),
            (of_terms(lambda p, c: p.sum() + c.sum()), "over the batch"),
            (of_terms(lambda p, c: (p.mean(1) + c.sum(1)).mean()), "784 times"),
            (of_terms(lambda p, c: p.mean() + c.mean()), "both averaged"),
            (of_terms(lambda p, c: (p.sum(1) + c.mean(1)).mean()), "numbers of the code"),
            (of_terms(lambda p, c: p.sum(1).mean()), "missing"),
            (of_terms(lambda p, c: (p.sum(1) - c.sum(1)).mean()), "is a cost"),
            (of_terms(lambda p, c: -(p.sum(1) + c.sum(1)).mean()), "minus too many"),
            (lambda logits, x, m, v: (logits - x).square().sum(), "expected cross-entropy"),
        ],
    ),
    lesson_02.check_effective_draws: (
        effective,
        [
            (lambda w: of_weights(w), "take exp first"),
            (lambda w: w.exp().sum(0) / w.exp().square().sum(0), "square the sum"),
            (lambda w: w.exp().sum(0).square() / w.exp().sum(0), "square each weight"),
            (lambda w: 1 / effective(w), "upside down"),
            (lambda w: len(w) * effective(w), "take the sum"),
            (lambda w: effective(w.T), "first axis"),
            (lambda w: effective(w).mean(), "per image"),
            (lambda w: of_weights(w.exp()), "exp(-90)"),
            (lambda w: w.exp().max(0).values, "over the first axis"),
            (lambda w: of_weights((w - w.max()).exp()), "own largest"),
        ],
    ),
}
