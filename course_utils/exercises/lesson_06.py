"""Checks of notebook 06: a perplexity, add-k smoothing, clipping, an LSTM with one gate less."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given, given_tensor


def _first_match(answer: Tensor, guesses: dict[str, Tensor]) -> str | None:
    """The hint of the first guess that equals the answer."""
    close = (hint for hint, x in guesses.items() if torch.allclose(answer, x, atol=1e-5))
    return next(close, None)


@exercise
def check_perplexity(perplexity: float) -> str | None:
    """Exercise 1: a perplexity by hand.

    The perplexity of two characters that had the probabilities 1/2 and 1/8.
    """
    mistakes = {
        "these are nats per character; the perplexity is exp of them": math.log(4),
        "these are bits per character; the perplexity is 2 to that power": 2,
        "this is exp of the sum; take the mean over the two characters first": 16,
        "this is the mean of 2 and 8; the mean is taken of -ln p, before exp": 5,
        "this is 1 / the mean of p; the mean is taken of -ln p": 3.2,
    }
    if math.isclose(float(perplexity), 4, rel_tol=2e-3):
        return None
    match = (h for h, x in mistakes.items() if math.isclose(float(perplexity), x, rel_tol=2e-3))
    return next(match, "perplexity = exp(mean of -ln p), here over two characters")


@exercise
def check_add_k(smooth: Callable[[Tensor, float], Tensor]) -> str | None:
    """Exercise 2: add-k smoothing.

    counts[a, b] of b after a, (V, V), and k -> p(b | a) with add-k smoothing.
    """
    counts = torch.tensor(
        [[3.0, 1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0], [5.0, 0, 0, 0], [1, 1, 2, 9]]
    )
    for k in (1.0, 0.1):
        right = (counts + k) / (counts + k).sum(1, keepdim=True)
        answer = given_tensor(smooth(counts.clone(), k), (4, 4))
        if answer.isnan().any():
            return "a character never seen gives 0 / 0 here; k must be in the denominator, too"
        total = counts.sum(1, keepdim=True)
        hint = _first_match(
            answer,
            {
                "k is added to all V counts of a row, so the total grows by V k": (counts + k)
                / (total + k),
                "the denominator still lacks what you added: the rows sum to more than 1": (
                    (counts + k) / total.clamp(min=1)
                ),
                "you divided by the column's total: the rows p(. | a) must sum to 1": (counts + k)
                / (counts + k).sum(0, keepdim=True),
                "you divided by the total of the table: that is p(a, b), not p(b | a)": (counts + k)
                / (counts + k).sum(),
                "you always add 1; add k": (counts + 1) / (total + 4),
            }
            if k != 1
            else {},
        )
        if hint:
            return hint
        if k != 1 and not torch.allclose(answer, right, atol=1e-5):
            return "p(b | a) = (count + k) / (total of the row + V k)"
    return None


@exercise
def check_clip(clip: Callable[[list[Tensor], float], list[Tensor]]) -> str | None:
    """Exercise 3: clipping gradients.

    Gradients of several weights and a limit -> the gradients, at most that long.
    """
    generator = torch.Generator().manual_seed(0)
    gradients = [
        10 * torch.randn(3, 4, generator=generator),
        0.1 * torch.randn(5, generator=generator),
    ]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    answer = _list(clip([g.clone() for g in gradients], 2.0), gradients)
    flat = torch.cat([g.flatten() for g in gradients])
    guesses = {
        "each weight's gradient is clipped by its own length; there is one length for all": (
            torch.cat([(g * min(1.0, 2.0 / g.norm().item())).flatten() for g in gradients])
        ),
        "you cut single numbers, which turns the direction; scale all by one factor": flat.clamp(
            -2, 2
        ),
        "you divided by the length but did not multiply by the limit": flat / norm,
        "this length is a mean; the norm is the root of the sum of squares": flat
        * 2
        / flat.square().mean().sqrt(),
        "you divided by the squared length: take the root": flat * 2 / norm.square(),
        "nothing was clipped": flat,
    }
    if hint := _first_match(answer, guesses):
        return hint
    if not torch.allclose(answer, flat * 2 / norm, atol=1e-5):
        return "multiply every gradient by limit / norm, the norm being that of all numbers"
    short = [0.01 * g for g in gradients]
    if not torch.allclose(_list(clip(short, 2.0), short), 0.01 * flat, atol=1e-6):
        return "a gradient shorter than the limit must stay as it is; yours is made longer"
    return None


def _list(answer: object, like: list[Tensor]) -> Tensor:
    """The gradients as one row of numbers; they must be as many, of the same shapes."""
    parts = [given(part) for part in given(answer)]
    if [tuple(part.shape) for part in parts] != [tuple(part.shape) for part in like]:
        raise ValueError("return a list of gradients with the shapes of the given ones")
    return torch.cat([part.flatten() for part in parts]).float()


@exercise
def check_coupled(step: Callable[..., tuple[Tensor, Tensor]]) -> str | None:
    """Exercise 4: an LSTM with one gate less.

    An LSTM step whose write gate is 1 - keep. (B, 3C), h, c, (3C, C) -> h, c.
    """
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, 12, generator=generator)
    h, c = 2 * torch.randn(2, 2, 4, generator=generator)
    w_hidden = torch.randn(12, 4, generator=generator)
    pair = given(step(inputs.clone(), h.clone(), c.clone(), w_hidden.clone()))
    if not isinstance(pair, tuple) or len(pair) != 2:
        return "return two tensors, the new h and the new c"
    new_h, new_c = (given_tensor(part, (2, 4)) for part in pair)
    keep, content, show = (inputs + h @ w_hidden.T).chunk(3, dim=1)
    kept, written, shown = keep.sigmoid(), content.tanh(), show.sigmoid()
    right = kept * c + (1 - kept) * written
    cells = {
        "keep and write are swapped: keep multiplies the old c": (1 - kept) * c + kept * written,
        "the new content needs a tanh": kept * c + (1 - kept) * content,
        "the write gate is 1 - keep, not 1": kept * c + written,
        "the write gate is keep here; it must be 1 - keep": kept * (c + written),
        "1 - keep is taken after the sigmoid, not before it": kept * c
        + (1 - keep).sigmoid() * written,
        "the state h is missing in the gates: add h @ w_hidden.T": torch.lerp(
            inputs[:, 4:8].tanh(), c, inputs[:, :4].sigmoid()
        ),
    }
    if hint := _first_match(new_c, cells):
        return hint
    if not torch.allclose(new_c, right, atol=1e-5):
        if torch.allclose(new_h, right, atol=1e-5):
            return "h and c are returned in the wrong order: h first"
        return (
            "c = keep * c + (1 - keep) * tanh(content), the gates in the order keep, content, show"
        )
    states = {
        "h is show * tanh(c): the tanh is missing": shown * right,
        "h comes from the new c, yours from the old one": shown * c.tanh(),
        "the gate show needs a sigmoid": show * right.tanh(),
        "h is the new c here; the gate show decides what is seen": right,
    }
    if hint := _first_match(new_h, states):
        return hint
    if not torch.allclose(new_h, shown * right.tanh(), atol=1e-5):
        return "h = sigmoid(show) * tanh(new c)"
    return None
