"""Checks of notebook 07: bytes of a text, counting pairs, merging a pair, bits per character."""

import math
from collections.abc import Callable

from torch import Tensor

from course_utils.exercises.checking import exercise, given
from course_utils.models.bpe import BPETokenizer, count_pairs, merge_pair

Words = dict[tuple[int, ...], int]


@exercise
def check_bytes(count: float) -> str | None:
    """Exercise 1: bytes of a text.

    How many bytes "naïve 好🙂" has in UTF-8: 4 + 2 + 1 + 3 + 4 = 14.
    """
    mistakes = {
        8: "these are characters; ï, 好 and 🙂 take more than one byte each",
        13: "is the space counted, and are there 2 bytes for ï?",
        16: "in UTF-8 ï takes 2 bytes, 好 3 and 🙂 4; letters of English and the space 1",
        32: "you gave each character 4 bytes, as UTF-32 does; UTF-8 gives 1 to a letter of ASCII",
        18: "this is UTF-16: 2 bytes a character, 4 for the emoji; UTF-8 gives 1 to ASCII",
        3: "these are the characters outside ASCII; we ask for the bytes of the whole text",
    }
    if float(count) == 14:
        return None
    return mistakes.get(float(count), "ASCII takes 1 byte, ï 2, 好 3, 🙂 4; add them up")


@exercise
def check_count_pairs(count: Callable[[Words], dict[tuple[int, int], int]]) -> str | None:
    """Exercise 2: counting pairs.

    {tokens of a word: how often it occurs} -> {pair of neighbours: how often}.
    """
    words = {(1, 2, 3): 5, (2, 3): 2, (3, 2, 3, 2): 1, (7,): 4}
    answer = _counts(count(dict(words)))
    right = dict(count_pairs(words))
    swapped: dict[tuple[int, int], int] = {}
    for (a, b), n in right.items():
        key = (min(a, b), max(a, b))
        swapped[key] = swapped.get(key, 0) + n
    guesses = [
        ("a word that occurs 5 times counts 5 times: add its number, not 1", _unweighted(words)),
        ("each pair is counted once a word; (3, 2, 3, 2) holds (3, 2) twice", _once(words)),
        ("the last pair of each word is missing", _counted(words, 0, -1)),
        ("the first pair of each word is missing", _counted(words, 1, None)),
        ("(2, 3) and (3, 2) are two pairs: keep the order", swapped),
        ("pairs must not reach from one word into the next", _across(words)),
        ("these are tokens; a pair is two neighbours", _singles(words)),
    ]
    if hint := next((hint for hint, guess in guesses if answer == guess), None):
        return hint
    if answer != right:
        return "for every word, every pair of neighbours adds the number of times the word occurs"
    same = _counts(count({(1, 1, 1): 1}))
    if same != {(1, 1): 2}:
        return "the word (1, 1, 1) holds the pair (1, 1) twice: at places 0 and 1"
    return None


def _counts(answer: object) -> dict[tuple[int, int], int]:
    """The answer as a plain dict; pairs with the count 0 are left out."""
    answer = given(answer)
    if not isinstance(answer, dict):
        raise ValueError(f"return a dict or a Counter, not {type(answer).__name__}")
    return {pair: int(n) for pair, n in answer.items() if n}


def _counted(words: Words, first: int | None, last: int | None) -> dict[tuple[int, int], int]:
    """Counts where only a part of the pairs of each word is taken."""
    counts: dict[tuple[int, int], int] = {}
    for tokens, times in words.items():
        for pair in list(zip(tokens, tokens[1:], strict=False))[first:last]:
            counts[pair] = counts.get(pair, 0) + times
    return counts


def _unweighted(words: Words) -> dict[tuple[int, int], int]:
    return dict(count_pairs(dict.fromkeys(words, 1)))


def _once(words: Words) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for tokens, times in words.items():
        for pair in set(zip(tokens, tokens[1:], strict=False)):
            counts[pair] = counts.get(pair, 0) + times
    return counts


def _across(words: Words) -> dict[tuple[int, int], int]:
    whole = tuple(token for word, times in words.items() for token in word * times)
    return dict(count_pairs({whole: 1}))


def _singles(words: Words) -> dict[int, int]:
    counts: dict[int, int] = {}
    for tokens, times in words.items():
        for token in tokens:
            counts[token] = counts.get(token, 0) + times
    return counts


@exercise
def check_merge(merge: Callable[[list[int], tuple[int, int], int], list[int]]) -> str | None:
    """Exercise 3: merging a pair.

    Tokens, a pair and a new number -> the tokens with the new one for each pair.
    """

    def answer(tokens: list[int], pair: tuple[int, int]) -> list[int]:
        got = given(merge(list(tokens), pair, 9))
        return [int(token) for token in (got.tolist() if isinstance(got, Tensor) else got)]

    tokens = [1, 2, 5, 1, 2, 2, 1]
    got = answer(tokens, (1, 2))
    mistakes = [
        ([9, 5, 1, 2, 2, 1], "only the first pair is merged; go on to the end"),
        ([9, 2, 5, 9, 2, 2, 1], "the second token of the pair is still there: step over two"),
        ([9, 5, 9, 2], "the last token is lost: it has no neighbour, but it stays"),
        ([9, 9], "tokens that are in no pair are lost; they stay as they are"),
        ([9, 5, 9, 9], "(2, 1) is merged, too; the order of the pair counts"),
        (tokens, "nothing is merged"),
    ]
    if hint := next((hint for wrong, hint in mistakes if got == wrong), None):
        return hint
    if got != merge_pair(tokens, (1, 2), 9):
        return f"{tokens} with the pair (1, 2) as 9 gives [9, 5, 9, 2, 1], yours {got}"
    if (got := answer([1, 1, 1, 1, 1], (1, 1))) != [9, 9, 1]:
        return f"five times 1 with the pair (1, 1) gives [9, 9, 1], from the left; yours {got}"
    if answer([5, 1, 2], (1, 2)) != [5, 9]:
        return "a pair at the very end is not merged"
    if answer([], (1, 2)) or answer([1], (1, 2)) != [1]:
        return "no tokens give no tokens, and a single one stays"
    return None


@exercise
def check_bits(bits: Callable[[float, int, int], float]) -> str | None:
    """Exercise 4: bits per character.

    Nats per token, number of tokens and of characters -> bits per character.
    """
    nats, tokens, characters = 3.0, 400, 1000
    answer = float(given(bits(nats, tokens, characters)))
    right = nats / math.log(2) * tokens / characters
    mistakes = {
        "these are nats per character; a bit is ln 2 nats": nats * tokens / characters,
        "these are bits per token; a token is worth several characters": nats / math.log(2),
        "tokens / characters is upside down: fewer tokens than characters make it smaller": (
            nats / math.log(2) * characters / tokens
        ),
        "you multiplied by ln 2; divide: a bit is less than a nat": (
            nats * math.log(2) * tokens / characters
        ),
        "this is a perplexity; bits need no exp": math.exp(nats),
        "these are the bits of the whole text; divide by its characters": (
            nats / math.log(2) * tokens
        ),
    }
    if hint := next(
        (h for h, x in mistakes.items() if math.isclose(answer, x, rel_tol=1e-3)), None
    ):
        return hint
    second = float(given(bits(2.0, 500, 500)))
    if not math.isclose(answer, right, rel_tol=1e-3) or not math.isclose(
        second, 2 / math.log(2), rel_tol=1e-3
    ):
        return "bits per character = nats per token / ln 2 * tokens / characters"
    return None


def compare_with_tokenizers(tokenizer: BPETokenizer, text: str) -> str:
    """One line: does the library `tokenizers`, given the same merges, cut the text alike?"""
    try:
        import tokenizers
    except ImportError:
        return "the library tokenizers is not installed: nothing compared"
    vocabulary, merges = tokenizer.for_tokenizers()
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    ours, theirs = tokenizer.encode(text).tolist(), other.encode(text).ids
    if ours == theirs:
        return f"equal to the library tokenizers: {len(ours):,} tokens"
    first = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    return f"differs from the library tokenizers, for the first time at token {first}"
