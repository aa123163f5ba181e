"""Checks of notebook 02: a KL by hand, a draw, the negative ELBO, effective draws."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given
from course_utils.models.vae import bernoulli_nll, kl_to_standard_normal

CLOSE = 1e-3  # relative: an answer this near is right


def _near(answer: object, value: float | Tensor, rtol: float = CLOSE) -> bool:
    answer = torch.as_tensor(answer, dtype=torch.float64)
    value = torch.as_tensor(value, dtype=torch.float64)
    return answer.shape == value.shape and bool(torch.allclose(answer, value, rtol=rtol))


@exercise
def check_kl(nats: float) -> str | None:
    """Exercise 1: a KL by hand.

    KL of N(2, 0.25) to N(0, 1), to two digits after the point.
    """
    mean, variance = 2.0, 0.25
    right = 0.5 * (mean**2 + variance - 1 - math.log(variance))
    guesses = {
        "the half in front of the sum is missing": 2 * right,
        "0.25 is the variance, not the standard deviation: do not square it": (
            0.5 * (mean**2 + variance**2 - 1 - math.log(variance**2))
        ),
        "the sign of the logarithm: ln 0.25 is negative, and it is subtracted": (
            0.5 * (mean**2 + variance - 1 + math.log(variance))
        ),
        "the -1 is missing: N(0, 1) itself must cost 0": right + 0.5,
        "square the mean": 0.5 * (mean + variance - 1 - math.log(variance)),
        "you gave bits; we ask for nats, so take the natural logarithm": right / math.log(2),
    }
    if abs(float(nats) - right) < 0.01:
        return None
    for hint, wrong in guesses.items():
        if abs(float(nats) - wrong) < 0.01:
            return hint
    return "put mean 2 and variance 0.25 into 0.5 (mean^2 + variance - 1 - ln variance)"


@exercise
def check_draw(draw: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 2: a draw from a Gaussian.

    Mean + exp(log_var / 2) * noise.
    """
    generator = torch.Generator().manual_seed(0)
    mean, log_var, noise = (torch.randn(5, 3, generator=generator) for _ in range(3))
    answer = given(draw(mean, log_var, noise))
    guesses = {
        "exp(log_var) is the variance; a draw is scaled by its root, the standard deviation": (
            mean + log_var.exp() * noise
        ),
        "log_var is a logarithm: the standard deviation is exp(log_var / 2)": mean
        + log_var * noise,
        "the noise must be scaled by the standard deviation, exp(log_var / 2)": mean + noise,
        "the mean is missing": torch.exp(0.5 * log_var) * noise,
        "the standard deviation scales the noise; it is not added": (
            mean + torch.exp(0.5 * log_var) + noise
        ),
    }
    for hint, wrong in guesses.items():
        if _near(answer, wrong):
            return hint
    if torch.as_tensor(answer).isnan().any():
        return "the root of log_var: take exp(log_var / 2), since log_var may be negative"
    if not _near(draw(mean, log_var, noise), answer):
        return "two calls give two answers: use the noise you are given, draw none yourself"
    if not _near(answer, mean + torch.exp(0.5 * log_var) * noise):
        return "we expect mean + standard deviation * noise, of the shape (B, Z)"
    return None


@exercise
def check_negative_elbo(
    negative_elbo: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
) -> str | None:
    """Exercise 3: the negative ELBO.

    Cross-entropy summed over pixels plus KL summed over the code, batch mean.
    """
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 1, 28, 28, generator=generator)
    x = torch.rand(6, 1, 28, 28, generator=generator).round()
    mean, log_var = (torch.randn(6, 4, generator=generator) for _ in range(2))
    nll, kl = bernoulli_nll(logits, x), kl_to_standard_normal(mean, log_var)  # each (B,)
    answer = given(negative_elbo(logits, x, mean, log_var))
    right = (nll + kl).mean()
    guesses = {
        "one number per image; the loss is their mean over the batch": nll + kl,
        "you summed over the batch: take the mean over it": (nll + kl).sum(),
        "you took the mean over the pixels: sum over them, or the KL counts 784 times": (
            (nll / 784 + kl).mean()
        ),
        "pixels and code were both averaged: sum over both": (nll / 784 + kl / 4).mean(),
        "sum the KL over the numbers of the code": (nll + kl / 4).mean(),
        "the KL is missing": nll.mean(),
        "the KL is a cost: add it": (nll - kl).mean(),
        "a minus too many: the loss is the negative ELBO, a positive number": -right,
    }
    for hint, wrong in guesses.items():
        if _near(answer, wrong):
            return hint
    if not _near(answer, right):
        return "expected cross-entropy summed over pixels + KL summed over the code, batch mean"
    return None


@exercise
def check_effective_draws(effective_draws: Callable[[Tensor], Tensor]) -> str | None:
    """Exercise 4: effective draws.

    (sum of weights)^2 / sum of squared weights, from log weights, per image.
    """
    generator = torch.Generator().manual_seed(2)
    log_w = torch.randn(8, 5, generator=generator)
    w = log_w.exp()
    answer = torch.as_tensor(given(effective_draws(log_w)))
    if answer.shape == (8,):
        return "you summed over the images: the draws are the first axis"
    if answer.shape != (5,):
        return f"the answer has the shape {tuple(answer.shape)}; we want one number per image, (B,)"
    guesses = {
        "these are logarithms: take exp first": log_w.sum(0).square() / log_w.square().sum(0),
        "square the sum of the weights": w.sum(0) / w.square().sum(0),
        "below the line: square each weight, then sum": w.sum(0).square() / w.sum(0),
        "upside down: equal weights must give k, not 1 / k": w.square().sum(0) / w.sum(0).square(),
        "a mean of squares below the line: take the sum": (w.sum(0).square() / w.square().mean(0)),
    }
    for hint, wrong in guesses.items():
        if _near(answer, wrong):
            return hint
    if not _near(answer, w.sum(0).square() / w.square().sum(0)):
        return "expected (w_1 + ... + w_k)^2 / (w_1^2 + ... + w_k^2) over the first axis"
    if not _near(given(effective_draws(log_w - 90)), answer):
        return "exp(-90)^2 is 0 in float32: subtract the largest log weight first, or use softmax"
    apart = log_w - torch.tensor([0.0, 0.0, 0.0, 0.0, 300.0])
    if not _near(given(effective_draws(apart)), answer):
        return "subtract each image's own largest log weight: images differ by hundreds of nats"
    return None
