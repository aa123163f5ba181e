"""Checks of notebook 09: a temperature, top-k, top-p, and the rule of speculative decoding."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given, given_tensor

P = torch.tensor([0.06, 0.5, 0.04, 0.3, 0.1])  # not sorted


def _kept(answer: object, logits: Tensor) -> Tensor:
    """Which tokens are still possible (V,); anything but logits of this shape becomes a hint."""
    return given_tensor(answer, logits.shape) > float("-inf")


def _changed(answer: Tensor, logits: Tensor) -> str | None:
    """What went wrong in the values, if the logits of kept tokens are no longer the same."""
    kept = answer > float("-inf")
    if (answer == 0).any():
        return "a logit of 0 is not impossible: exp(0) = 1; use float('-inf')"
    if not torch.equal(answer[kept], logits[kept]):
        return "the logits of the tokens that stay must not change"
    return None


@exercise
def check_temperature(p: float) -> str | None:
    """Exercise 1: a temperature by hand.

    Two tokens with 0.8 and 0.2; the first one's share at temperature 0.5.
    """
    mistakes = {
        "this is the share at temperature 2; 0.5 makes the likelier token likelier": 2 / 3,
        "this is the share at temperature 1; 1 / 0.5 = 2, so p is squared first": 0.8,
        "this is 0.8^2; divide by the sum of both squares": 0.64,
        "this is the second token's share": 0.04 / 0.68,
        "this is p / temperature, no probability": 1.6,
        "the softmax was taken of p / temperature; it is taken of ln p / temperature": 1
        / (1 + math.exp(-1.2)),
    }
    if math.isclose(float(p), 0.64 / 0.68, abs_tol=6e-3):
        return None
    match = (h for h, x in mistakes.items() if math.isclose(float(p), x, abs_tol=3e-3))
    return next(match, "p^(1 / temperature), then divided by the sum over both tokens")


@exercise
def check_top_k(keep: Callable[[Tensor, int], Tensor]) -> str | None:
    """Exercise 2: top-k.

    logits (V,) and k -> the logits, -inf for all but the k largest.
    """
    logits = P.log() + 1.5
    for k, right in ((2, [1, 3]), (1, [1]), (5, [0, 1, 2, 3, 4])):
        answer = torch.as_tensor(given(keep(logits.clone(), k))).float()
        kept = _kept(answer, logits).nonzero().flatten().tolist()
        if hint := _changed(answer, logits):
            return hint
        if k == 2 and kept == [0, 2]:
            return "you kept the k least likely tokens"
        if k == 2 and kept == [0, 1]:
            return "you kept the first k places; keep the k largest logits, wherever they stand"
        if k == 2 and kept == [0, 2, 4]:
            return "you took the k largest away; keep them and take the others away"
        if kept != right:
            return f"for k={k} of 5 tokens you kept {len(kept)}; compare with the k-th largest"
    return None


@exercise
def check_top_p(keep: Callable[[Tensor, float], Tensor]) -> str | None:
    """Exercise 3: top-p.

    logits (V,) and a share -> the logits, -inf outside the nucleus.
    """
    logits = P.log() + 1.5
    for share, right in ((0.7, [1, 3]), (0.4, [1]), (0.85, [1, 3, 4])):
        answer = torch.as_tensor(given(keep(logits.clone(), share))).float()
        kept = _kept(answer, logits).nonzero().flatten().tolist()
        if hint := _changed(answer, logits):
            return hint
        if not kept:
            return f"for {share} no token stays; the likeliest must stay, even if it has 0.5"
        if kept == right:
            continue
        if kept == right[:-1] or (share == 0.7 and kept == [1]):
            return "the token that crosses the share belongs to the nucleus; yours is dropped"
        if len(kept) == len(P):
            return f"for {share} all tokens stay; do you begin with the likeliest (descending)?"
        if share == 0.7 and kept == [0, 1, 2]:
            return "you added up logits; take their softmax first, then add up probabilities"
        if share == 0.7 and kept == [0, 1]:
            return "you sorted, but did not carry the answer back to the old places (scatter)"
        return f"for {share} you kept the tokens {kept}; the fewest that hold it are {right}"
    return None


@exercise
def check_accept(rule: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str | None:
    """Exercise 4: the rule of speculative decoding.

    p, q (V,) -> probability to accept each guess, distribution of a redraw.
    """
    p = torch.tensor([0.5, 0.3, 0.2, 0.0])
    q = torch.tensor([0.1, 0.5, 0.3, 0.1])
    pair = given(rule(p.clone(), q.clone()))
    if not isinstance(pair, tuple) or len(pair) != 2:
        return "return two tensors: the probability to accept, and the distribution of a redraw"
    accept, redraw = (given_tensor(part, p.shape) for part in pair)
    close = lambda a, b: torch.allclose(a, b, atol=1e-5)  # noqa: E731
    if close(accept, p / q):
        return "p / q is above 1 for the first token; a probability is at most 1"
    if close(accept, (q / p).clamp(max=1)):
        return "the ratio is upside down: a guess that the draft likes too much must often go"
    if close(accept, torch.ones(4)):
        return "you accept always, so the text is the draft's"
    if not close(accept, (p / q).clamp(max=1)):
        return "a guess is accepted with probability min(1, p / q)"
    if close(redraw, p):
        return "a redraw from p gives the draft's tokens a second chance: draw from (p - q)+"
    if close(redraw, (p - q).clamp(min=0)):
        return "(p - q)+ sums to less than 1; divide by the sum"
    if (redraw < 0).any():
        return "p - q is negative where the draft likes a token too much; cut at 0"
    if close(redraw, (q - p).clamp(min=0) / (q - p).clamp(min=0).sum()):
        return "this is (q - p)+: the redraw fills in what the draft gives too little of"
    if not close(q * accept + (1 - (q * accept).sum()) * redraw, p):
        return "q accept + (share of rejected guesses) redraw must be p; yours is not"
    return None
