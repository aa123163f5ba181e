"""Diversity, repetition, copying and likelihood of texts: values counted by hand."""

import math

import pytest
import torch

from course_utils.text_quality import (
    copied_share,
    distinct_share,
    judge_nats,
    number_grams,
    repeated_share,
)


def tokens(*rows):
    return torch.tensor([[ord(c) for c in row] for row in rows])


def test_distinct_share_counts_over_all_rows():
    texts = tokens("abab", "abcd")  # ab ba ab, ab bc cd: 4 different of 6
    assert distinct_share(texts, 2) == pytest.approx(4 / 6)
    assert distinct_share(texts, 1) == pytest.approx(4 / 8)


def test_repeated_share_counts_within_a_row():
    assert repeated_share(tokens("abab", "abab"), 2) == pytest.approx(1 / 3)  # ab comes again
    assert repeated_share(tokens("abcdefgh"), 4) == 0
    assert repeated_share(tokens("aaaaaaaa"), 4) == pytest.approx(4 / 5)


def test_copied_share_looks_for_whole_grams():
    training = tokens("abcxcd")[0]
    assert copied_share(tokens("abcd", "zzbc"), training, 2) == pytest.approx(4 / 6)
    assert copied_share(tokens("abcd", "zzbc"), training, 3) == pytest.approx(1 / 4)
    assert copied_share(tokens("abcxcd"), training, 6) == 1


def test_grams_of_a_large_vocabulary_are_not_mixed_up():
    """65,536^8 does not fit into 64 bits; brute force with tuples."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.randint(65_534, 65_536, (4, 60), generator=generator)
    rows = {tuple(row[i : i + 8].tolist()) for row in texts for i in range(53)}
    assert distinct_share(texts, 8) == pytest.approx(len(rows) / (4 * 53))


def test_grams_with_the_largest_token_are_not_mixed_up_with_the_next_ones():
    assert distinct_share(torch.tensor([[0, 1, 0]]), 2) == 1  # 01 and 10
    assert distinct_share(torch.tensor([[0, 2, 1, 0]]), 2) == 1


@pytest.mark.parametrize("rows", [1, 2, 8])
def test_a_judge_sees_the_prompt_and_is_asked_about_each_token(rows):
    """The judge expects the last token again with p = 3/4, any other of 3 with 1/8."""
    table = torch.full((3, 3), 1 / 8).fill_diagonal_(3 / 4).log()
    prompts, texts = torch.tensor([[2, 0], [0, 1], [0, 1]]), torch.tensor([[0, 0], [0, 2], [1, 1]])
    right = -(4 * math.log(3 / 4) + 2 * math.log(1 / 8)) / 6
    assert judge_nats(lambda t: table[t], prompts, texts, rows) == pytest.approx(right)


def test_a_judge_that_knows_nothing_says_ln_v():
    judge = lambda t: torch.zeros(*t.shape, 65)  # noqa: E731
    texts = torch.randint(65, (10, 7))
    assert judge_nats(judge, texts[:, :1], texts) == pytest.approx(math.log(65), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distinct_share(tokens("abc"), 4), "no 4 tokens in a row"),
        (lambda: distinct_share(tokens("abc"), 0), "n >= 1"),
        (lambda: distinct_share(tokens("abc")[0], 1), "give rows"),
        (lambda: copied_share(tokens("abc"), tokens("ab")[0], 3), "no 3 tokens"),
        (lambda: judge_nats(None, tokens("a"), tokens("a", "b")), "needs a prompt"),
        (lambda: judge_nats(None, tokens("a")[:, :0], tokens("a")), "at least one token"),
    ],
)
def test_bad_input_names_value_and_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_different_pairs_get_different_numbers():
    pairs = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    assert len(number_grams(pairs).unique()) == 16


def test_repetition_is_counted_in_fours_unless_said_otherwise():
    text = tokens("abcdabcd")  # 5 grams of four, the last is the first
    assert repeated_share(text) == pytest.approx(1 / 5)
