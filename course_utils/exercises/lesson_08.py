"""Checks of notebook 08: size of a block, mask, attention, heads; our GPT against the library's."""

import math
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from course_utils.exercises.checking import compare, exercise, given_tensor
from course_utils.models.transformer import from_gpt2


@exercise
def check_block_size(weights: float) -> str | None:
    """Exercise 1: weights of a block.

    (3 + 1 + 4 + 4) C^2 = 120,000 for C = 100.
    """
    mistakes = {
        "the small network has two maps, C to 4 C and 4 C to C; attention has four": 80_000,
        "the map of attention's output, C to C, is missing": 110_000,
        "queries, keys and values have a map each: 3 C^2": 100_000,
        "this is the attention alone; add the small network": 40_000,
    }
    if math.isclose(float(weights), 120_000):
        return None
    match = (hint for hint, x in mistakes.items() if math.isclose(float(weights), x))
    return next(match, "every map from a to b numbers has a b weights; add them all")


@exercise
def check_visible(visible: Callable[[int, int], Tensor]) -> str | None:
    """Exercise 2: who may see whom.

    Which of S places each of the last T of them may see, (T, S) of bool.
    """
    for T, S in ((4, 4), (2, 5), (1, 3)):
        answer = given_tensor(visible(T, S), (T, S))
        right = torch.ones(T, S).tril(S - T)
        ones = torch.ones(T, S)
        guesses = {
            "a place sees itself, too: the diagonal is True": ones.tril(S - T - 1),
            "True means *may be seen*; yours marks what is hidden": 1 - right,
            "these are the first T places; for the last T the diagonal moves right by S - T": (
                ones.tril()
            ),
            "this looks at the future: lower triangle, not upper": ones.triu(S - T),
            "one place too far: the place right after may not be seen": ones.tril(S - T + 1),
        }
        if hint := compare(answer, right, guesses, "row t may see the columns up to S - T + t"):
            return f"for T = {T}, S = {S}: {hint}"
    return None


@exercise
def check_attention(attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: attention of one head.

    One head without a mask, q (T, D), k and v (S, D) -> (T, D).
    """
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(n, 16, generator=generator) for n in (3, 5, 5))
    answer = given_tensor(attend(q.clone(), k.clone(), v.clone()), (3, 16))
    scores = q @ k.T
    guesses = {
        "the scores are not divided: use the root of D": scores.softmax(-1) @ v,
        "you divided by D; the spread of a score is its root": (scores / 16).softmax(-1) @ v,
        "D is the size of a key, q.shape[-1], not the number of places": (
            (scores / 5**0.5).softmax(-1) @ v
        ),
        "each query's shares sum to 1: softmax over the keys, dim=-1": (scores / 4).softmax(0) @ v,
        "you divided the shares; divide the scores, before softmax": scores.softmax(-1) / 4 @ v,
        "softmax is missing: scores are no shares": scores / 4 @ v,
        "you mixed the keys; the answer is made of values": (scores / 4).softmax(-1) @ k,
    }
    right = (scores / 4).softmax(-1) @ v
    return compare(answer, right, guesses, "softmax(q k^T / root of D, over the keys) @ v")


@exercise
def check_heads(cut: Callable[[Tensor, int], Tensor]) -> str | None:
    """Exercise 4: cutting into heads.

    (B, T, C) -> (B, N, T, C / N).
    """
    x = torch.arange(2 * 3 * 8.0).unflatten(0, (2, 3, 8))
    answer = given_tensor(cut(x.clone(), 4), (2, 4, 3, 2))
    guesses = {
        "a head got numbers of several tokens: cut the last axis, then transpose": (
            x.reshape(2, 4, 3, 2)
        ),
        "head 0 must get the first C / N numbers; yours takes every N-th": (
            x.unflatten(2, (2, 4)).permute(0, 3, 1, 2)
        ),
    }
    right = x.unflatten(2, (4, 2)).transpose(1, 2)
    return compare(
        answer, right, guesses, "unflatten the last axis into (N, C / N), then transpose"
    )


def compare_with_transformers() -> str:
    """One line: a small random GPT-2 of the library `transformers`, and ours with its weights."""
    if find_spec("transformers") is None:
        return "The library transformers is not installed here; the course's tests compare with it."
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    size = {"vocab_size": 100, "n_positions": 32, "n_embd": 48, "n_layer": 3, "n_head": 4}
    theirs = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)).eval()
    tokens = torch.randint(100, (2, 32))
    with torch.no_grad():
        gap = (theirs(tokens).logits - from_gpt2(theirs.state_dict(), heads=4)(tokens)).abs().max()
    verdict = "equal up to rounding" if gap < 1e-4 else f"DIFFERENT by up to {gap:.3g}"
    return f"A random GPT-2 of transformers with 3 blocks: its logits and ours are {verdict}."
