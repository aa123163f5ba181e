"""Checks of notebook 07: UTF-8 bytes, counting pairs, merging a pair, bits per character."""

import math
from collections.abc import Callable

import torch

from course_utils.exercises.checking import exercise, given
from course_utils.models.tokenizer import BPETokenizer, count_pairs, merge_pair


@exercise
def check_bytes(count: float) -> str | None:
    """Exercise 1: how many bytes of UTF-8 the text "Café 好🙂" has."""
    if not isinstance(count, int | float):
        raise ValueError(f"expected a number, got {type(count).__name__}")
    mistakes = {
        7: "this is the number of characters; some of them need more than one byte",
        12: "the é needs two bytes: one byte is enough only for the 128 characters of ASCII",
        16: "two bytes for most characters is UTF-16; UTF-8 needs one for those of ASCII",
        28: "4 bytes for each character is UTF-32; UTF-8 needs 1 to 4",
    }
    if count == 13:
        return None
    return mistakes.get(count, "ASCII 1 byte each, é 2 bytes, 好 3 bytes, 🙂 4 bytes; add them")


@exercise
def check_count_pairs(count: Callable[[dict], dict]) -> str | None:
    """Exercise 2: {tokens of a word: how often it occurs} -> {pair of neighbours: how often}."""
    words = {(1, 2, 3, 1, 2): 4, (2, 1): 3, (5, 5, 5): 2, (7,): 9}
    answer = _counts(count(dict(words)))
    right = dict(count_pairs(words))
    if answer == right:
        return None
    once = dict(count_pairs(dict.fromkeys(words, 1)))
    last = {pair: n for word, n in words.items() for pair in zip(word, word[1:], strict=False)}
    cut = dict(count_pairs({word[:-1]: n for word, n in words.items()}))
    apart: dict = {}
    unordered: dict = {}
    for word, n in words.items():
        for pair in zip(word[::2], word[1::2], strict=False):
            apart[pair] = apart.get(pair, 0) + n
    for (a, b), n in right.items():
        pair = (min(a, b), max(a, b))
        unordered[pair] = unordered.get(pair, 0) + n
    text = [token for word, n in words.items() for token in word * n]
    across = dict(count_pairs({tuple(text): 1}))
    mistakes = (
        (once, "each word counts once here; a word that occurs n times adds n to its pairs"),
        (last, "a pair that is there again replaces the count of before: add to it"),
        (cut, "the last pair of each word is missing"),
        (apart, "pairs overlap: a word of 3 tokens has 2 pairs, (1st, 2nd) and (2nd, 3rd)"),
        (unordered, "(1, 2) and (2, 1) are two pairs: the order of the tokens counts"),
        (across, "a pair lies inside one word; yours also crosses from one word to the next"),
    )
    match = (hint for wrong, hint in mistakes if answer == wrong)
    return next(match, f"the pairs of (5, 5, 5), twice: (5, 5) 4 times; all of ours: {right}")


def _counts(answer: object) -> dict:
    """The answer as a plain dict without zeros."""
    if not isinstance(given(answer), dict):
        raise ValueError(f"expected a dict of counts, got {type(answer).__name__}")
    return {tuple(pair): n for pair, n in answer.items() if n}


@exercise
def check_merge_pair(merge: Callable[[list[int], tuple[int, int], int], list[int]]) -> str | None:
    """Exercise 3: a list of tokens, a pair, a new token -> the list with the pair merged."""
    cases = (
        ([1, 2, 3, 1, 2], (1, 2), "the pair stands here twice, at the start and at the end"),
        ([4, 1, 2], (1, 2), "the pair may be the last two tokens"),
        ([1, 3, 2, 1], (1, 2), "the pair is not here: only neighbours count, in this order"),
        ([2, 1, 2, 2], (2, 2), "the pair is twice the same token, and once it stands alone"),
        ([1, 1, 1], (1, 1), "pairs do not overlap: from the left, (1, 1) is merged, 1 stays"),
        ([1], (1, 2), "one token has no neighbour and stays"),
        ([], (1, 2), "no tokens give no tokens"),
    )
    for tokens, pair, hint in cases:
        mine = list(tokens)
        answer = list(given(merge(mine, pair, 256)))
        if mine != tokens:
            return "your function changes the list that it gets; make a new one"
        right = merge_pair(tokens, pair, 256)
        if answer != right:
            return f"{hint}: {tokens} with {pair} -> {right}, yours is {answer}"
    return None


@exercise
def check_bits(bits: Callable[[float, int, int], float]) -> str | None:
    """Exercise 4: nats per token, number of tokens, of characters -> bits per character."""
    nats, tokens, characters = 3.5, 400, 1000
    answer = float(given(bits(nats, tokens, characters)))
    right = nats / math.log(2) * tokens / characters
    mistakes = {
        "these are nats per character; divide by ln 2": nats * tokens / characters,
        "these are bits per token; a text has fewer tokens than characters": nats / math.log(2),
        "multiply by tokens / characters, not by characters / tokens": (
            nats / math.log(2) * characters / tokens
        ),
        "divide by ln 2: a bit is ln 2 = 0.69 nats, so there are more bits than nats": (
            nats * math.log(2) * tokens / characters
        ),
        "these are the bits of the whole text; divide by its characters": (
            nats / math.log(2) * tokens
        ),
        "exp gives a perplexity; bits are the logarithm itself": math.exp(nats),
    }
    if math.isclose(answer, right, rel_tol=1e-4):
        return None
    match = (h for h, x in mistakes.items() if math.isclose(answer, x, rel_tol=1e-4))
    return next(match, "bits per character = nats per token / ln 2 * tokens / characters")


def compare_with_tokenizers(tokenizer: BPETokenizer, text: str) -> str:
    """One line: does the library `tokenizers`, with the same merges, cut the text as we do?"""
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers
    except ImportError:
        return "the library tokenizers is not installed; nothing is compared"
    theirs = Tokenizer(models.BPE(*tokenizer.for_tokenizers()))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ours = tokenizer.encode(text)
    if torch.equal(ours, torch.tensor(theirs.encode(text).ids, dtype=torch.int64)):
        return f"equal: all {len(ours):,} tokens are those of the library tokenizers"
    return f"not equal: the library tokenizers does not give our {len(ours):,} tokens"
