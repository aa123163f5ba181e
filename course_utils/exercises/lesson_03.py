"""Checks of notebook 03: bits of a grid of codes, two gradients, a k-means step, a mask."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.checking import exercise, given, given_tensor
from course_utils.models.pixelcnn import causal_mask
from course_utils.models.vqvae import nearest_code

BITS = 49 * 7  # a grid of 7 x 7 codes, each one of 128


@exercise
def check_bits(bits: float) -> str | None:
    """Exercise 1: bits of a grid of codes.

    Bits of 7 x 7 codes of 128 kinds, all equally likely.
    """
    mistakes = {
        "these are nats; a bit is ln 2 nats": BITS * math.log(2),
        "this is one code; an image has 7 x 7 of them": 7,
        "one of 128 kinds costs log2 128 bits, not 128 (nor count grey pixels, 784 x 8)": 49 * 128,
        "128 = 2^7: each code costs 7 bits, and there are 49 of them": 128,
        "this counts the 16 numbers of a code, but both sides know the codebook": 49 * 16,
        "this counts 16 numbers of 32 bits, but both sides know the codebook": 49 * 16 * 32,
    }
    if math.isclose(float(bits), BITS, rel_tol=2e-3):
        return None
    match = (hint for hint, x in mistakes.items() if math.isclose(float(bits), x, rel_tol=2e-3))
    return next(match, "a choice among V equally likely kinds costs log2 V bits; add them up")


@exercise
def check_rounding(losses: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str | None:
    """Exercise 2: the two losses of rounding.

    The two terms |z - q|^2, one for the codebook and one for the encoder.
    """
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 7, 7, 4, generator=generator, requires_grad=True)
    q = torch.randn(3, 7, 7, 4, generator=generator, requires_grad=True)
    pair = given(losses(z, q))
    if not isinstance(pair, tuple) or len(pair) != 2:
        return "return two numbers: the codebook's term, and the commitment's"
    right = (z - q).square().sum().item() / 3
    for value in (given_tensor(part, ()).item() for part in pair):
        if math.isclose(value, 3 * right, rel_tol=1e-4):
            return "you summed over the batch, too: take the mean over it"
        if math.isclose(value, right / 196, rel_tol=1e-4):
            return "you averaged over everything: sum over places and numbers, mean over the batch"
        if math.isclose(value, right / 4, rel_tol=1e-4):
            return "you averaged over the numbers of a vector: sum over them"
        if not math.isclose(value, right, rel_tol=1e-4):
            return "both terms are |z - q|^2: sum over places and numbers, mean over the batch"
    return _gradient_hint(*[_reached(part, z, q) for part in pair])


def _reached(loss: Tensor, z: Tensor, q: Tensor) -> str:
    """Which of z and q the gradient of this loss reaches: "", "z", "q" or "zq"."""
    if not loss.requires_grad:
        return ""
    grads = torch.autograd.grad(loss, (z, q), retain_graph=True, allow_unused=True)
    names = zip("zq", grads, strict=True)
    return "".join(name for name, g in names if g is not None and g.abs().sum() > 0)


def _gradient_hint(codebook: str, commitment: str) -> str | None:
    if (codebook, commitment) == ("q", "z"):
        return None
    if (codebook, commitment) == ("z", "q"):
        return "the two are swapped: detach the side that shall *not* move"
    if codebook == "" or commitment == "":
        return "one term reaches nothing: detach only one of z and q in it"
    return (
        f"the codebook's term moves {' and '.join(codebook)}, the commitment's "
        f"{' and '.join(commitment)}; we expect q alone and z alone: use .detach()"
    )


@exercise
def check_means(move: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: a step of k-means.

    A k-means step, each code moves to the mean of the vectors that chose it.
    """
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(60, 3, generator=generator)
    codebook = torch.cat([torch.randn(5, 3, generator=generator), torch.full((1, 3), 50.0)])
    nearest = nearest_code(z, codebook)  # the last code is dead
    counts = torch.bincount(nearest, minlength=6).unsqueeze(1)  # (6, 1)
    sums = torch.zeros(6, 3).index_add(0, nearest, z)
    right = torch.where(counts > 0, sums / counts.clamp(min=1), codebook)
    theirs = codebook.clone()
    answer = given_tensor(move(z.clone(), theirs), (6, 3))
    if not torch.equal(theirs, codebook):
        return "your function changes the codebook that it was given; return a new one"
    if answer[5].isnan().any():
        return "a code that nobody chose became nan (0 / 0): leave such a code where it is"
    guesses = {
        "a code that nobody chose moved to 0: leave such a code where it is": torch.where(
            counts > 0, right, 0.0
        ),
        "these are the sums of the vectors; divide by how many there are": torch.where(
            counts > 0, sums, codebook
        ),
        "the sums are not divided, and the code that nobody chose moved to 0": sums,
        "you divided by the number of all vectors; divide by those that chose the code": (
            torch.where(counts > 0, sums / 60, codebook)
        ),
        "nothing moved": codebook,
    }
    for hint, wrong in guesses.items():
        if torch.allclose(answer, wrong, atol=1e-4):
            return hint
    if not torch.allclose(answer, right, atol=1e-4):
        return "for each code: the mean of the rows of z whose nearest code it is (nearest_code)"
    return None


@exercise
def check_column_mask(mask: Callable[[int], Tensor]) -> str | None:
    """Exercise 4: a mask for another order.

    Mask A for an order column by column, each from top to bottom.
    """
    for size in (3, 5):
        answer = given_tensor(mask(size), (size, size))
        by_rows = causal_mask(size, see_centre=False)
        centre = torch.zeros(size, size)
        centre[size // 2, size // 2] = 1
        guesses = {
            "this is the order row by row; now columns come first": by_rows,
            "mask A hides the place itself; yours shows it (mask B)": by_rows.T + centre,
            "row by row, and the place itself is seen": by_rows + centre,
            "this sees what comes later: 1 belongs to columns at the left": 1 - by_rows.T - centre,
            "0 and 1 are swapped: 1 where the filter may look": 1 - by_rows.T,
            "the places above in the same column come earlier, too": (
                (torch.arange(size) < size // 2).float().expand(size, size)
            ),
        }
        for hint, wrong in guesses.items():
            if torch.equal(answer, wrong):
                return hint
        if not torch.equal(answer, by_rows.T):
            return "1 in the columns at the left, and above the centre in its column; 0 elsewhere"
    return None
