"""How well does a model predict a text? All losses are summed, then divided once by the tokens.

So neither the size of a batch nor a short last one changes a number. Models come as functions:
counts, recurrent networks and Transformers are measured alike. In nats per token; exp of it is the
**perplexity**, and `metrics.nats_to_bits` of it, times tokens per character, gives bits per
character, which compares texts cut into different tokens.
"""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

Extend = Callable[[Tensor, object], tuple[Tensor, object]]


@torch.no_grad()
def nats_per_token(
    logits_of: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]]
) -> float:
    """Mean of -log p(target | its window so far) over all targets of all batches, in nats.

    `logits_of`: tokens (B, T) -> logits (B, T, V). An unsure model gives ln V. Put a model with
    dropout into eval mode first (`training.evaluating`).
    """
    total, count = 0.0, 0
    for tokens, targets in batches:
        total += _sum_of_nats(logits_of(tokens), targets)
        count += targets.numel()
    if not count:
        raise ValueError("there is no token to predict; is the text empty?")
    return total / count


@torch.no_grad()
def nats_per_token_carried(
    extend: Extend, tokens: Tensor, length: int = 64, size: int = 16
) -> float:
    """The same with all earlier text as context: what the model remembers is carried along.

    `extend`: (tokens (B, T), memory) -> (logits (B, T, V), memory); the first memory is None. The
    text (n,) is read in `size` pieces side by side, each from its beginning to its end, `length`
    tokens a call; every target counts once, and only `size` of them have no context.
    """
    if len(tokens) < 2:
        raise ValueError(f"{len(tokens)} tokens hold nothing to predict; give a longer text")
    x, y = tokens[:-1], tokens[1:]
    size = min(size, len(x))
    full = len(x) // size * size
    total = _sum_carried(
        extend, x[:full].unflatten(0, (size, -1)), y[:full].unflatten(0, (size, -1)), length
    )
    if full < len(x):
        total += _sum_carried(extend, x[None, full:], y[None, full:], length)
    return total / len(x)


def _sum_carried(extend: Extend, x: Tensor, y: Tensor, length: int) -> float:
    total, memory = 0.0, None
    for part, targets in zip(x.split(length, dim=1), y.split(length, dim=1), strict=True):
        logits, memory = extend(part, memory)
        total += _sum_of_nats(logits, targets)
    return total


def _sum_of_nats(logits: Tensor, targets: Tensor) -> float:
    return F.cross_entropy(logits.flatten(0, 1).double(), targets.flatten(), reduction="sum").item()
