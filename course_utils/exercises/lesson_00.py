"""Checks of lesson 00: nats per image, a Gaussian's loss, KL divergence, draws from a mixture."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given, given_number
from course_utils.models.mixture import gaussian_log_density

NATS = 784 * -math.log(0.9)  # 82.6
DRAWS = 10_000


def _close(answer: float, expected: float) -> bool:
    return math.isclose(answer, expected, rel_tol=1e-3, abs_tol=1e-4)


def _first(
    answer: float, mistakes: dict[str, float], otherwise: str, tolerance: float = 1e-3
) -> str:
    """The hint whose wrong value the answer has, up to a relative `tolerance`."""
    match = (h for h, x in mistakes.items() if math.isclose(answer, x, rel_tol=tolerance))
    return next(match, otherwise)


@exercise
def check_pixels(nats_per_image: float) -> str | None:
    """Exercise 1: the nats of an image.

    Probability 0.9 for each of 784 pixels.
    """
    answer = given_number(nats_per_image)
    if abs(answer - NATS) < 0.1:
        return None
    if abs(answer - NATS) < 1:
        return "nearly right, but rounded: give one digit after the point"
    mistakes = {
        "the sign is turned round: a surprise is minus the logarithm": -NATS,
        "this is in bits; use the natural logarithm": NATS / math.log(2),
        "this is with the logarithm to base 10; use the natural one": NATS / math.log(10),
        "this is the loss of one pixel; sum over all 784": NATS / 784,
        "this is the cost of the wrong value; the true one has probability 0.9": 784 * math.log(10),
        "784 ln 2 is for a model that knows nothing; this one is nearly sure": 784 * math.log(2),
        "this is the entropy of the coin; here each pixel's true value had probability 0.9": 784
        * -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)),
    }
    hint = "the surprise of one pixel is -ln 0.9, and surprises of independent pixels add up"
    return _first(answer, mistakes, hint, tolerance=5e-3)  # it may have been rounded by hand


@exercise
def check_gaussian(gaussian_loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 2: a Gaussian's loss.

    The mean negative log density of a Gaussian, given its standard deviation.
    """
    generator = torch.Generator().manual_seed(0)
    for numbers in ((-1.5, 0.4), (3.0, 2.5)):  # never 1: deviation and variance must differ
        mean, std = torch.tensor(numbers)
        x = mean + 1.3 * std * torch.randn(50, generator=generator)
        answer = given_number(given(gaussian_loss(x.clone(), mean.clone(), std.clone())))
        if not _close(answer, -_log_density(x, mean, std.log()).mean().item()):
            return _first(answer, _gaussian_mistakes(x, mean, std), _gaussian_hint(answer))
    return None


def _log_density(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """(n,), (), () -> (n,)."""
    return gaussian_log_density(x.unsqueeze(1), mean, log_std)


def _gaussian_mistakes(x: Tensor, mean: Tensor, std: Tensor) -> dict[str, float]:
    log_std, constant = std.log().item(), 0.5 * math.log(2 * math.pi)
    total = -_log_density(x, mean, std.log()).sum().item()
    right = total / len(x)
    as_variance = -_log_density(x, mean, 0.5 * std.log()).mean().item()
    as_log = -_log_density(x, mean, std).mean().item()
    squares = 0.5 * ((x - mean) / std).square().mean()
    return {
        "the minus is missing: the loss is the negative log density": -right,
        "you took the sum over the items; take the mean (each number of x is an item)": total,
        "this is in bits; use the natural logarithm": right / math.log(2),
        "the constant ln(2 pi) / 2 is missing": right - constant,
        "ln(2 pi) needs its factor 1/2": right + constant,
        "the term ln(std) is missing": right - log_std,
        "the sign of ln(std) is turned round": right - 2 * log_std,
        "std is a deviation, not a variance: square it in the denominator": as_variance,
        "std is the deviation itself, not its logarithm": as_log,
        "the square is divided by std; divide by std squared": right + squares.mul(std - 1).item(),
        "there is std where ln(std) belongs": right + std.item() - log_std,
    }


def _gaussian_hint(answer: float) -> str:
    if not math.isfinite(answer):
        return f"the answer is {answer}: do you take the logarithm of a density that became 0?"
    return "compare with the formula of section 3, term by term; is the square halved?"


@exercise
def check_kl(kl: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: KL divergence.

    KL divergence of two lists of probabilities, zeros in p included.
    """
    generator = torch.Generator().manual_seed(0)
    for n in (2, 5, 8):
        p = torch.rand(n, generator=generator).add(0.05)
        q = torch.rand(n, generator=generator).add(0.05)
        p, q = p / p.sum(), q / q.sum()
        answer, right = given_number(given(kl(p.clone(), q.clone()))), _kl(p, q)
        if not _close(answer, right):
            return _first(answer, _kl_mistakes(p, q), "compare with the sum in section 2")
    certain, half = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    answer = given_number(given(kl(certain.clone(), half.clone())))
    if math.isnan(answer):
        return "not a number when p holds a 0: 0 * ln 0 is nan in torch; leave those outcomes out"
    if not _close(answer, math.log(2)):
        return f"for p = (1, 0) and q = (1/2, 1/2) we expect ln 2 = 0.693, not {answer:.3g}"
    answer = given_number(given(kl(half.clone(), certain.clone())))
    if answer != math.inf:
        return (
            "for p = (1/2, 1/2) and q = (1, 0) the answer is infinite: "
            f"the model called possible things impossible; yours is {answer:.3g}"
        )
    return None


def _kl(p: Tensor, q: Tensor) -> float:
    return (p * (p / q).log()).sum().item()


def _kl_mistakes(p: Tensor, q: Tensor) -> dict[str, float]:
    right, n = _kl(p, q), len(p)
    return {
        "this is KL(q || p): the first distribution, p, gives the weights": _kl(q, p),
        "the sign is turned round: KL is never negative": -right,
        "this is in bits; use the natural logarithm": right / math.log(2),
        "you took the mean over the outcomes; take the sum": right / n,
        "this is the cross-entropy; subtract the entropy of p": -(p * q.log()).sum().item(),
        "this is the entropy of p; compare p with q": -(p * p.log()).sum().item(),
        "the logarithms are not weighted by p": (p / q).log().sum().item(),
    }


@exercise
def check_sampler(draw: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> str | None:
    """Exercise 4: draws from a mixture.

    Draws from a mixture of Gaussians; false alarms once in a million.
    """
    weights, means = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([-100.0, 0.0, 200.0])
    stds = torch.tensor([0.5, 2.0, 3.0])
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)  # the learner's random state is given back
        x = given(draw(weights.clone(), means.clone(), stds.clone(), DRAWS))
    finally:
        torch.set_rng_state(state)
    if not isinstance(x, Tensor) or x.shape != (DRAWS,):
        return f"we expect a tensor of shape ({DRAWS},), got {tuple(getattr(x, 'shape', ()))}"
    bell = (x.unsqueeze(1) - means).abs().div(stds).argmin(dim=1)  # (n,) the likeliest origin
    shares = torch.bincount(bell, minlength=3) / DRAWS
    if x.isnan().any():
        return "some draws are not a number (nan)"
    if (x == x[0]).all():
        return "all draws are the same; draw a bell and a noise anew for each of them"
    if (shares < 0.02).any():
        return "some bells are never drawn: pick one bell anew for every draw, no average of bells"
    if (shares - 1 / 3).abs().max() < 0.03:
        return "you picked the bells with equal probability; use the weights"
    if (shares - weights).abs().max() > 0.03:  # 5 standard errors of 0.005
        return f"the bells come in shares {_list(shares)}; we expect {_list(weights)}"
    spread = torch.stack([x[bell == k].std() for k in range(3)])
    return _spread_hint(spread, stds)


def _spread_hint(spread: Tensor, stds: Tensor) -> str | None:
    """A hint when the deviations of the bells' own draws are wrong; bells overlap a little."""
    if ((spread / stds - 1).abs() < 0.12).all():  # 5 standard errors of the rarest bell
        return None
    hints = {
        "stds are deviations: multiply the noise by them, not by their squares": stds.square(),
        "stds are deviations already; do not take their root": stds.sqrt(),
        "the noise has deviation 1 in every bell; multiply it by the bell's own": torch.ones(3),
    }
    for hint, wrong in hints.items():
        if ((spread / wrong - 1).abs() < 0.12).all():
            return hint
    if (spread < 0.1 * stds).all():
        return "all draws of a bell are the same; add noise, drawn anew for each draw"
    return f"the bells' deviations are {_list(spread)}; we expect {_list(stds)}"


def _list(values: Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in values.tolist())
