"""Checks of notebook 02: a KL by hand, a draw, the negative ELBO, the importance-weighted bound."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given
from course_utils.models.vae import bernoulli_nll, importance_weighted_bound, kl_to_standard_normal

CLOSE = 1e-3  # relative: an answer this near is right


def _near(answer: object, value: float | Tensor, rtol: float = CLOSE) -> bool:
    answer = torch.as_tensor(answer, dtype=torch.float64)
    value = torch.as_tensor(value, dtype=torch.float64)
    return answer.shape == value.shape and bool(torch.allclose(answer, value, rtol=rtol))


@exercise
def check_kl(nats: float) -> str | None:
    """Exercise 1: KL of N(2, 0.25) to N(0, 1), to two digits after the point."""
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
    """Exercise 2: mean + exp(log_var / 2) * noise."""
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
    if not _near(answer, mean + torch.exp(0.5 * log_var) * noise):
        return "we expect mean + standard deviation * noise, of the shape (B, Z)"
    return None


@exercise
def check_negative_elbo(
    negative_elbo: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
) -> str | None:
    """Exercise 3: cross-entropy summed over pixels plus KL summed over the code, batch mean."""
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
def check_bound(bound: Callable[[Tensor], Tensor]) -> str | None:
    """Exercise 4: the log of the mean of exp(log weights) over the draws, per image."""
    generator = torch.Generator().manual_seed(2)
    weights = 3 * torch.randn(8, 5, generator=generator) - 90
    right = importance_weighted_bound(weights)
    answer = torch.as_tensor(given(bound(weights)))
    if answer.shape == (8,):
        return "you averaged over the images: the draws are the first axis"
    if answer.shape == ():
        return "one number for all; we want a bound for each image, (B,)"
    if torch.isinf(bound(weights - 1000)).any():
        return "exp(-1000) is 0 in a computer: use torch.logsumexp, which is safe"
    guesses = {
        "this is the mean of the logs, the ELBO; we want the log of the mean": weights.mean(dim=0),
        "a sum is not a mean: subtract log k": right + math.log(8),
        "you divided by k outside the logarithm: subtract log k instead": (
            torch.logsumexp(weights, dim=0) / 8
        ),
        "add log k once only, with a minus": right + 2 * math.log(8),
    }
    for hint, wrong in guesses.items():
        if _near(answer, wrong, rtol=1e-4):
            return hint
    if not _near(answer, right, rtol=1e-4):
        return "expected log((exp(w_1) + ... + exp(w_k)) / k) over the first axis"
    return None
