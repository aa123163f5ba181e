"""Checks of notebook 04: the best judge, with smoothed labels, the game's value, a penalty."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.exercises.checking import compare, exercise, given, given_tensor

AT_P, AT_Q = 0.6, 0.2  # densities of exercise 1


@exercise
def check_best(probability: float) -> str | None:
    """Exercise 1: the best judge's answer.

    The best judge's answer where p = 0.6 and q = 0.2.
    """
    right = AT_P / (AT_P + AT_Q)
    mistakes = {
        "this is the share of *generated* items there; D says how likely *real* is": 1 - right,
        "this is p / q; the judge answers with a probability, p / (p + q)": AT_P / AT_Q,
        "this is the logit, ln(p / q); give the probability": math.log(AT_P / AT_Q),
        "a density is no probability of being real: compare it with q": AT_P,
    }
    number = float(probability)
    if math.isclose(number, right, abs_tol=2e-3):
        return None
    match = (hint for hint, x in mistakes.items() if math.isclose(number, x, abs_tol=5e-3))
    return next(match, "of 8 items near this place 6 are real and 2 generated")


@exercise
def check_smoothed(best: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    """Exercise 2: the best judge of smoothed labels.

    The best judge if the label of real items is `target`.
    """
    generator = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 50, generator=generator) + 0.05
    target = 0.8
    answer = given_tensor(best(p.clone(), q.clone(), target), (50,))
    mistakes = {
        "this is the best judge without smoothing: use the target": p / (p + q),
        "real items get the label t, so t p stands above; below stand *all* items": (
            target * p / (target * p + q)
        ),
        "this smooths both sides; generated items keep the label 0": (
            (target * p + (1 - target) * q) / (p + q)
        ),
        "this is the share of generated items": q / (p + q),
        "this is one minus the answer": 1 - target * p / (p + q),
    }
    loss = "at one place the loss is -t p ln D - ((1 - t) p + q) ln(1 - D); set its slope to 0"
    return compare(answer, target * p / (p + q), mistakes, loss)


@exercise
def check_value(value: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: the value of the game.

    V = E ln D(x) + E ln(1 - D(G(z))) from logits.
    """
    generator = torch.Generator().manual_seed(1)
    real, fake = 2 * torch.randn(2, 40, generator=generator)
    answer = given_tensor(value(real.clone(), fake.clone()), ())
    log_d, log_not = nn.functional.logsigmoid(real), nn.functional.logsigmoid(-fake)
    right = (log_d + log_not).mean()
    mistakes = {
        "this is minus V, the judge's loss; V itself is at most 0": -right,
        "the second term is ln(1 - D(G(z))), not ln D(G(z))": (
            log_d + nn.functional.logsigmoid(fake)
        ).mean(),
        "the second term has a minus too many: V = E ln D(x) + E ln(1 - D(G(z)))": (
            log_d - log_not
        ).mean(),
        "you summed over the batch; V is a mean": 40 * right,
        "the two terms are added, not averaged: an undecided judge gives -2 ln 2": right / 2,
        "these are bits; V is in nats": right / math.log(2),
        "real and generated are swapped": (
            nn.functional.logsigmoid(fake) + nn.functional.logsigmoid(-real)
        ).mean(),
    }
    if hint := compare(answer, right, mistakes, "D = sigmoid(logit); V = E ln D(x) + E ln(1 - D)"):
        return hint
    sure = given_tensor(value(torch.full((4,), -200.0), torch.full((4,), 200.0)), ())
    if not torch.isclose(sure, torch.tensor(-400.0), rtol=1e-3):
        return f"for logits of -200 and 200 V is -400, yours {sure:g}: use logsigmoid or softplus"
    return None


class _Bowl(nn.Module):
    """A judge with a known slope: the logit a |x|^2 / 2 has the slope a x."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.a / 2 * x.flatten(1).square().sum(dim=1)


@exercise
def check_penalty(penalty: Callable[[nn.Module, Tensor], Tensor]) -> str | None:
    """Exercise 4: a penalty on slopes.

    The mean squared length of the slope at items x.
    """
    judge = _Bowl()
    x = torch.randn(6, 2, 5, generator=torch.Generator().manual_seed(2))
    try:
        result = given(penalty(judge, x.clone()))
    except RuntimeError as error:
        if "does not require grad" in str(error) or "not have been used" in str(error):
            return "x needs a gradient of its own: x = x.detach().requires_grad_(True)"
        raise
    answer = given_tensor(result, ()).detach()
    squares = (1.5 * x).flatten(1).square()  # (6, 10)
    right = squares.sum(dim=1).mean()
    mistakes = {
        "this is the length of the slope; square it": squares.sum(dim=1).sqrt().mean(),
        "you averaged over the numbers of an item: sum over them": squares.mean(),
        "you summed over the batch, too: take the mean over it": squares.sum(),
        "this is the slope of the *mean* logit, 1 / B of each: use logits.sum()": right / 36,
        "this pulls the length towards 1; here it is pulled towards 0": (
            (squares.sum(dim=1).sqrt() - 1).square().mean()
        ),
    }
    text = "square the slope of each item's logit, sum over its numbers, mean over the batch"
    if hint := compare(answer, right, mistakes, text):
        return hint
    cut = "the value is right, but no gradient reaches the judge: create_graph=True"
    if not getattr(result, "requires_grad", False):
        return cut
    (slope,) = torch.autograd.grad(result, judge.a, allow_unused=True)
    return cut if slope is None else None
