"""How varied and how likely is a generated text? All on tokens, so for any tokenizer.

Distinct-n: Li et al. 2016 (arXiv 1510.03055, section 5). Repetition: rep-n of Welleck et al. 2020
(arXiv 1908.04319), Su et al. 2022 (arXiv 2202.06417). Likelihood under a judge, compared with that
of human text: Holtzman et al. 2020 (arXiv 1904.09751, section 4). None of them alone is a quality:
a loop is likely, noise is varied; we read them together, beside the values of human text.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def distinct_share(texts: Tensor, n: int) -> float:
    """Distinct-n: different n-grams / all n-grams of all rows together. (B, T) -> 0 to 1."""
    numbers = number_grams(grams(texts, n))
    return len(numbers.unique()) / len(numbers)


def repeated_share(texts: Tensor, n: int = 4) -> float:
    """Share of n-grams that stood earlier in their own row, mean over rows. (B, T) -> 0 to 1."""
    return sum(1 - distinct_share(row[None], n) for row in texts) / len(texts)


def copied_share(texts: Tensor, training: Tensor, n: int) -> float:
    """Share of the n-grams that stand in the training text, too. (B, T), (S,) -> 0 to 1.

    Short n-grams are shared by all texts of a language; compare with the value of held-out text.
    """
    known, ours = grams(training[None], n), grams(texts, n)
    numbers = number_grams(torch.cat([known, ours]))
    return torch.isin(numbers[len(known) :], numbers[: len(known)]).float().mean().item()


@torch.no_grad()
def judge_nats(
    judge: Callable[[Tensor], Tensor], prompts: Tensor, texts: Tensor, rows: int = 8
) -> float:
    """Nats per token of texts (B, n) after prompts (B, T), under another model, mean over tokens.

    `judge` gives logits, (B, T) -> (B, T, V); it reads `rows` texts at once.
    """
    if prompts.ndim != 2 or 0 in prompts.shape or len(prompts) != len(texts):
        raise ValueError(
            f"prompts of shape {tuple(prompts.shape)}, texts of {tuple(texts.shape)}; each text "
            "needs a prompt of at least one token"
        )
    nats = 0.0
    for prompt, text in zip(prompts.split(rows), texts.split(rows), strict=True):
        read = torch.cat([prompt, text], dim=1)[:, :-1]  # the last token is judged, not read
        ln_p = judge(read)[:, prompt.shape[1] - 1 :].log_softmax(dim=-1)  # (rows, n, V)
        nats -= ln_p.gather(2, text[..., None]).sum().item()
    return nats / texts.numel()


def grams(texts: Tensor, n: int) -> Tensor:
    """All n tokens in a row: (B, T) -> (B (T - n + 1), n)."""
    if texts.ndim != 2 or not 1 <= n <= texts.shape[1] or not len(texts):
        raise ValueError(
            f"texts of shape {tuple(texts.shape)} hold no {n} tokens in a row; give rows of n "
            "tokens or more, n >= 1"
        )
    return texts.unfold(1, n, 1).flatten(0, 1)


def number_grams(grams: Tensor) -> Tensor:
    """Equal n-grams get equal numbers, others different ones: (G, n) -> (G,)."""
    size, numbers = int(grams.max()) + 1, torch.zeros_like(grams[:, 0])
    for column in grams.unbind(dim=1):  # a number stays below G, so the product fits
        numbers = (numbers * size + column).unique(return_inverse=True)[1]
    return numbers
