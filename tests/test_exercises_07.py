"""Exercises of notebook 07: solution and likely mistakes of each; test_exercises.py tries them."""

import math

import pytest

from course_utils.exercises import lesson_07
from course_utils.models.tokenizer import BPETokenizer, count_pairs, merge_pair, train_bpe


def replaced(words):
    return {pair: n for word, n in words.items() for pair in zip(word, word[1:], strict=False)}


def apart(words):
    counts = {}
    for word, n in words.items():
        for i in range(0, len(word) - 1, 2):
            counts[word[i : i + 2]] = counts.get(word[i : i + 2], 0) + n
    return counts


def unordered(words):
    counts = {}
    for pair, n in count_pairs(words).items():
        counts[tuple(sorted(pair))] = counts.get(tuple(sorted(pair)), 0) + n
    return counts


def across(words):
    return count_pairs({tuple(t for word, n in words.items() for t in word * n): 1})


def merge_first(tokens, pair, new):
    for i in range(len(tokens) - 1):
        if (tokens[i], tokens[i + 1]) == pair:
            return [*tokens[:i], new, *tokens[i + 2 :]]
    return list(tokens)


def merge_before_the_last(tokens, pair, new):
    if len(tokens) != 3:
        return merge_pair(tokens, pair, new)
    return merge_pair(tokens[:-1], pair, new) + tokens[-1:]


def merge_any_order(tokens, pair, new):
    return merge_pair(merge_pair(tokens, pair, new), pair[::-1], new)


def merge_overlapping(tokens, pair, new):
    merged = []
    for i, token in enumerate(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            merged.append(new)
        elif i == 0 or tuple(tokens[i - 1 : i + 1]) != pair:
            merged.append(token)
    return merged


def merge_in_place(tokens, pair, new):
    tokens[:] = merge_pair(tokens, pair, new)
    return tokens


def bits(nats, tokens, characters):
    return nats / math.log(2) * tokens / characters


EXERCISES = {
    lesson_07.check_bytes: (
        13,
        [(7, "number of char"), (12, "é needs"), (16, "UTF-16"), (28, "UTF-32"), (9, "add them")],
    ),
    lesson_07.check_count_pairs: (
        count_pairs,
        [
            (lambda words: count_pairs(dict.fromkeys(words, 1)), "counts once"),
            (replaced, "replaces the count"),
            (lambda words: count_pairs({w[:-1]: n for w, n in words.items()}), "last pair"),
            (apart, "pairs overlap"),
            (unordered, "order of the tokens"),
            (across, "crosses from one word"),
            (lambda words: {}, "all of ours"),
            (lambda words: [], "expected a dict"),
        ],
    ),
    lesson_07.check_merge_pair: (
        merge_pair,
        [
            (merge_first, "twice, at the start"),
            (merge_before_the_last, "may be the last two"),
            (merge_any_order, "only neighbours count, in this order"),
            (merge_overlapping, "once it stands alone"),
            (merge_in_place, "changes the list"),
            (lambda tokens, pair, new: tokens, "twice, at the start"),
        ],
    ),
    lesson_07.check_bits: (
        bits,
        [
            (lambda nats, t, c: nats * t / c, "nats per character"),
            (lambda nats, t, c: nats / math.log(2), "bits per token"),
            (lambda nats, t, c: bits(nats, c, t), "not by characters / tokens"),
            (lambda nats, t, c: nats * math.log(2) * t / c, "more bits than nats"),
            (lambda nats, t, c: nats / math.log(2) * t, "whole text"),
            (lambda nats, t, c: math.exp(nats), "perplexity"),
            (lambda nats, t, c: 0, "bits per character ="),
        ],
    ),
}


def test_the_library_is_compared_and_can_disagree():
    pytest.importorskip("tokenizers")
    tokenizer = BPETokenizer(train_bpe("low lower lowest " * 3, 9))
    assert lesson_07.compare_with_tokenizers(tokenizer, "slow 好").startswith("equal")
    tokenizer.cut = lambda word: [0]
    assert lesson_07.compare_with_tokenizers(tokenizer, "lowly").startswith("not equal")
