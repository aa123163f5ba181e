"""Counting: probabilities by hand, sums of 1, closed forms, parts equal to the whole."""

import math
from collections import Counter

import pytest
import torch

from course_utils.data.windows import whole_text
from course_utils.language_metrics import nats_per_token, nats_per_token_carried
from course_utils.models.ngram import NGram, witten_bell
from course_utils.models.rnn import sample

V = 5
SKEWED = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0])
TEXT = torch.multinomial(
    SKEWED, 300, replacement=True, generator=torch.Generator().manual_seed(0)
)  # token 4 never occurs


def p_by_hand(text, context, token, order):
    """Witten-Bell with dictionaries, straight from the formula."""
    if order == 0:
        return 1 / V
    context = context[len(context) - (order - 1) :]
    n = len(context)
    after = Counter(text[i + n] for i in range(len(text) - n) if text[i : i + n] == context)
    shorter = p_by_hand(text, context, token, order - 1)
    if not after:
        return shorter
    return (after[token] + len(after) * shorter) / (sum(after.values()) + len(after))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_equal_the_formula_by_hand(order):
    model = NGram(TEXT, V, 4)
    window = torch.tensor([[0, 1, 0, 2, 3, 3, 3, 4, 0, 1]])  # with contexts never seen
    found = model.probabilities(window, order)
    for place in range(window.shape[1]):
        context = window[0, : place + 1].tolist()
        usable = min(order, place + 2)
        right = [p_by_hand(TEXT.tolist(), context, token, usable) for token in range(V)]
        torch.testing.assert_close(found[0, place], torch.tensor(right))


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_probabilities_sum_to_one_and_none_is_zero(order):
    p = NGram(TEXT, V, order).probabilities(torch.randint(V, (7, 20)))
    torch.testing.assert_close(p.sum(-1), torch.ones(7, 20))
    assert p.min() > 0


def test_unsmoothed_unigram_costs_the_entropy_of_the_counts():
    counts = torch.bincount(TEXT, minlength=V)
    entropy = torch.special.entr(counts / counts.sum()).sum().item()
    model = NGram(TEXT.repeat(2000), V, 1)  # so many counts that smoothing is nothing
    found = nats_per_token(model.logits, whole_text(TEXT, 50))
    first = -math.log(counts[TEXT[0]] / len(TEXT))  # whole_text predicts all tokens but the first
    assert found == pytest.approx((300 * entropy - first) / 299, abs=1e-4)


def test_a_bigram_is_the_share_of_followers_mixed_with_the_unigram():
    counts, shorter = torch.tensor([3.0, 1.0, 0.0]), torch.tensor([0.5, 0.3, 0.2])
    right = torch.tensor([3 + 2 * 0.5, 1 + 2 * 0.3, 2 * 0.2]) / 6  # 2 kinds, 4 seen
    torch.testing.assert_close(witten_bell(counts, shorter), right)
    assert torch.equal(witten_bell(torch.zeros(3), shorter), shorter)


def test_reading_in_parts_equals_reading_at_once():
    model, tokens = NGram(TEXT, V, 4), torch.randint(V, (3, 12))
    for order in (1, 2, 4, None):
        memory, parts = None, []
        for part in tokens.split([1, 2, 6, 3], dim=1):
            logits, memory = model.extend(part, memory, order)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts, 1), model.logits(tokens, order))


def test_a_lower_order_of_a_large_model_is_the_small_model():
    tokens = torch.randint(V, (2, 9))
    small, large = NGram(TEXT, V, 2), NGram(TEXT, V, 5)
    torch.testing.assert_close(large.logits(tokens, 2), small.logits(tokens))


def test_what_comes_later_changes_nothing_earlier():
    model, tokens = NGram(TEXT, V, 4), torch.randint(V, (2, 9))
    other = torch.cat([tokens[:, :6], (tokens[:, 6:] + 1) % V], dim=1)
    assert torch.equal(model.logits(tokens)[:, :6], model.logits(other)[:, :6])


def test_a_text_of_one_kind_is_predicted_and_an_unseen_one_costs_more_than_ln_v():
    model = NGram(torch.zeros(1000, dtype=torch.int64), V, 3)
    assert nats_per_token(model.logits, whole_text(torch.zeros(50).long(), 10)) < 0.01
    assert nats_per_token(model.logits, whole_text(torch.full((50,), 3), 10)) > math.log(V)


def test_perplexity_depends_on_no_batch_size_and_carrying_equals_long_windows():
    model = NGram(TEXT, V, 3)
    values = [nats_per_token(model.logits, whole_text(TEXT, 40, size)) for size in (1, 3, 64)]
    assert values == pytest.approx([values[0]] * 3, abs=1e-6)
    carried = nats_per_token_carried(model.extend, TEXT, length=7, size=1)
    at_once = nats_per_token(model.logits, whole_text(TEXT, len(TEXT)))
    assert carried == pytest.approx(at_once, abs=1e-6)


def test_a_cycle_is_continued():
    cycle = torch.arange(V).repeat(200)
    drawn = sample(NGram(cycle, V, 2).extend, torch.tensor([[3]]), 6, torch.Generator(), 0)
    assert drawn.tolist() == [[4, 0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("tokens", "order", "words"),
    [
        (TEXT, 0, "order=0"),
        (TEXT[:2], 3, "2 tokens hold no 3"),
        (TEXT[:0], 1, "0 tokens"),
        (TEXT + 2, 2, "vocab_size=5"),
    ],
)
def test_bad_input_is_an_error(tokens, order, words):
    with pytest.raises(ValueError, match=words):
        NGram(tokens, V, order)


def test_a_text_as_long_as_the_order_is_enough():
    assert NGram(TEXT[:3], V, 3).logits(TEXT[None, :5]).isfinite().all()
