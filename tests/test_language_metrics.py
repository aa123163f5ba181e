import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.data.windows import whole_text
from course_utils.language_metrics import nats_per_token, nats_per_token_carried

TOKENS = torch.randint(5, (203,), generator=torch.Generator().manual_seed(0))


def unsure(tokens):
    return torch.zeros(*tokens.shape, 5)


def after_itself(tokens):
    """The logits of the next token depend on this one alone."""
    return 2 * F.one_hot(tokens, 5).float()


def counting(tokens, memory):
    """Logits that grow with the number of tokens read so far."""
    read = memory or 0
    place = torch.arange(read + 1, read + 1 + tokens.shape[1])[:, None] / 100
    return after_itself(tokens) * place, read + tokens.shape[1]


def test_a_model_that_knows_nothing_costs_ln_v():
    assert nats_per_token(unsure, whole_text(TOKENS, 8)) == pytest.approx(math.log(5), abs=1e-6)


@pytest.mark.parametrize(("length", "size"), [(202, 1), (8, 1), (8, 7), (13, 64)])
def test_the_mean_is_over_tokens_whatever_the_batches(length, size):
    expected = F.cross_entropy(after_itself(TOKENS[:-1]), TOKENS[1:]).item()
    found = nats_per_token(after_itself, whole_text(TOKENS, length, size))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("length", [1, 7, 64, 500])
def test_carried_memory_does_not_depend_on_the_calls(length):
    logits, _ = counting(TOKENS[None, :-1], None)
    expected = F.cross_entropy(logits[0], TOKENS[1:]).item()
    found = nats_per_token_carried(counting, TOKENS, length, size=1)
    assert found == pytest.approx(expected, abs=1e-6)


def test_pieces_side_by_side_start_without_memory_and_miss_no_token():
    x, y = TOKENS[:-1], TOKENS[1:]  # 202 targets: 4 pieces of 50, and 2 left
    parts = [(x[i : i + 50], y[i : i + 50]) for i in range(0, 202, 50)]
    sums = [F.cross_entropy(counting(a[None], None)[0][0], b, reduction="sum") for a, b in parts]
    found = nats_per_token_carried(counting, TOKENS, 16, size=4)
    assert found == pytest.approx(sum(sums).item() / 202, abs=1e-6)


def test_nothing_to_predict_is_refused():
    with pytest.raises(ValueError, match="no token"):
        nats_per_token(unsure, [])
    with pytest.raises(ValueError, match="1 tokens"):
        nats_per_token_carried(counting, TOKENS[:1])


def test_a_text_of_two_tokens_has_one_to_predict():
    extend = lambda tokens, memory: (torch.zeros(*tokens.shape, 4), memory)  # noqa: E731
    assert nats_per_token_carried(extend, torch.tensor([1, 2])) == pytest.approx(math.log(4))
