"""Windows of a text that is one long tensor of tokens: what a language model reads and predicts.

A batch is (tokens, targets), both (B, T): `targets[b, t]` is the token that follows
`tokens[b, t]`. A text of n tokens has n - 1 targets: nothing comes before the first token.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def random_windows(
    tokens: Tensor, length: int, size: int, steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches of windows that begin anywhere: each (B, T) with B = size, T = length."""
    _check(tokens, length, size)
    offsets = torch.arange(length + 1, device=tokens.device)  # one more: the last target
    for _ in range(steps):
        starts = torch.randint(len(tokens) - length, (size, 1), generator=generator)  # (B, 1)
        window = tokens[starts.to(tokens.device) + offsets]  # (B, T + 1)
        yield window[:, :-1], window[:, 1:]


def streams(
    tokens: Tensor, length: int, size: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass through the text in `size` streams side by side, `length` tokens at a time.

    Row b of a batch goes on where row b of the batch before stopped, so a model may carry its
    state. `start`: tokens left out at the front; another one each pass cuts the text anew. Fewer
    than size x length tokens at the end are left out.
    """
    _check(tokens, length, size)
    per_stream = (len(tokens) - 1 - start) // size
    if per_stream < length or start < 0:
        raise ValueError(
            f"start={start}: {len(tokens)} tokens do not give {size} streams of {length} from "
            "there; choose fewer streams or a shorter length"
        )
    used = slice(start, start + size * per_stream)
    x, y = (part[used].unflatten(0, (size, -1)) for part in (tokens[:-1], tokens[1:]))
    for at in range(0, per_stream - length + 1, length):
        yield x[:, at : at + length], y[:, at : at + length]


def whole_text(tokens: Tensor, length: int, size: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
    """Every target once, in windows that do not overlap: batches (B, T), a short one last.

    The first token of a window has no context but itself, the last one has T tokens.
    """
    _check(tokens, 1, size)
    x, y = tokens[:-1], tokens[1:]
    full = len(x) // length * length
    rows = (x[:full].unflatten(0, (-1, length)), y[:full].unflatten(0, (-1, length)))
    for at in range(0, len(rows[0]), size):
        yield rows[0][at : at + size], rows[1][at : at + size]
    if full < len(x):
        yield x[None, full:], y[None, full:]


def _check(tokens: Tensor, length: int, size: int) -> None:
    if tokens.ndim != 1:
        raise ValueError(f"tokens have shape {tuple(tokens.shape)}; give one row of numbers (n,)")
    if length < 1 or size < 1:
        raise ValueError(f"length={length}, size={size}: both must be at least 1")
    if len(tokens) < length + 1:
        raise ValueError(
            f"{len(tokens)} tokens are fewer than length + 1 = {length + 1}; use a longer text or "
            "a shorter window"
        )
