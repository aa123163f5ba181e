"""Exercises of notebook 07: solution and likely mistakes of each; test_exercises.py tries them."""

import math
import sys

from course_utils.exercises import lesson_07
from course_utils.models.bpe import BPETokenizer, train_bpe


def count(words, weight=True, first=None, last=None, once=False, sort=False):
    counts = {}
    for tokens, times in words.items():
        pairs = list(zip(tokens, tokens[1:], strict=False))[first:last]
        for pair in set(pairs) if once else pairs:
            pair = tuple(sorted(pair)) if sort else pair
            counts[pair] = counts.get(pair, 0) + (times if weight else 1)
    return counts


def count_across(words):
    return count({tuple(t for word, times in words.items() for t in word * times): 1})


def count_tokens(words):
    counts = {}
    for tokens, times in words.items():
        for token in tokens:
            counts[token] = counts.get(token, 0) + times
    return counts


def count_without_repeats(words):
    """Forgets that (1, 1, 1) holds the pair (1, 1) twice."""
    return {pair: n // (1 + (pair[0] == pair[1])) for pair, n in count(words).items()}


def merge(tokens, pair, new, pairs=None, step=2, stop=None, at_most=99):
    merged, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) in (pairs or [pair]) and at_most:
            merged.append(new)
            i, at_most = i + step, at_most - 1
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def merge_from_the_right(tokens, pair, new):
    return merge(tokens[::-1], pair[::-1], new)[::-1]


def merge_drops_the_last(tokens, pair, new):
    merged = merge(tokens, pair, new)
    return merged if merged[-1:] == [new] else merged[:-1]


def merge_all_but_the_end(tokens, pair, new):
    return merge(tokens[:-1], pair, new) + tokens[-1:]


def bits(nats, tokens, characters):
    return nats / math.log(2) * tokens / characters


EXERCISES = {
    lesson_07.check_bytes: (
        14,
        [
            (8, "these are characters"),
            (13, "is the space counted"),
            (16, "in UTF-8 ï takes 2"),
            (18, "UTF-16"),
            (32, "UTF-32"),
            (3, "outside ASCII"),
            (100, "add them up"),
        ],
    ),
    lesson_07.check_count_pairs: (
        count,
        [
            (lambda words: count(words, weight=False), "add its number, not 1"),
            (lambda words: count(words, once=True), "once a word"),
            (lambda words: count(words, last=-1), "last pair"),
            (lambda words: count(words, first=1), "first pair"),
            (lambda words: count(words, sort=True), "keep the order"),
            (count_across, "into the next"),
            (count_tokens, "these are tokens"),
            (count_without_repeats, "(1, 1) twice"),
            (lambda words: {}, "every pair of neighbours"),
            (lambda words: list(count(words)), "return a dict"),
        ],
    ),
    lesson_07.check_merge: (
        merge,
        [
            (lambda t, pair, new: merge(t, pair, new, at_most=1), "only the first"),
            (lambda t, pair, new: merge(t, pair, new, step=1), "step over two"),
            (merge_drops_the_last, "last token is lost"),
            (lambda t, pair, new: [x for x in merge(t, pair, new) if x == new], "in no pair"),
            (lambda t, pair, new: merge(t, pair, new, pairs=[pair, pair[::-1]]), "(2, 1)"),
            (lambda t, pair, new: t, "nothing is merged"),
            (lambda t, pair, new: [0], "yours [0]"),
            (merge_from_the_right, "from the left"),
            (merge_all_but_the_end, "at the very end"),
            (lambda t, pair, new: merge(t, pair, new) or [new], "no tokens give"),
        ],
    ),
    lesson_07.check_bits: (
        bits,
        [
            (lambda nats, n, c: nats * n / c, "nats per character"),
            (lambda nats, n, c: nats / math.log(2), "bits per token"),
            (lambda nats, n, c: bits(nats, c, n), "upside down"),
            (lambda nats, n, c: nats * math.log(2) * n / c, "multiplied by ln 2"),
            (lambda nats, n, c: math.exp(nats), "perplexity"),
            (lambda nats, n, c: bits(nats, n, 1), "whole text"),
            (lambda nats, n, c: bits(3, 400, 1000), "nats per token / ln 2"),
            (lambda nats, n, c: 0, "nats per token / ln 2"),
        ],
    ),
}


def test_the_text_of_exercise_1_has_that_many_bytes():
    assert len("naïve 好🙂".encode()) == 14 and len("naïve 好🙂") == 8
    assert len("naïve 好🙂".encode("utf-16-le")) == 18
    assert len("naïve 好🙂".encode("utf-32-le")) == 32


def test_the_comparison_with_the_library_can_say_no(monkeypatch):
    tokenizer = BPETokenizer(train_bpe("low lower lowest", 4))
    assert "equal to" in lesson_07.compare_with_tokenizers(tokenizer, "lower lows 好")
    monkeypatch.setattr(tokenizer, "cut", lambda word: list(word.encode()))
    tokenizer._seen.clear()
    assert "differs" in lesson_07.compare_with_tokenizers(tokenizer, "low")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert "not installed" in lesson_07.compare_with_tokenizers(tokenizer, "low")
