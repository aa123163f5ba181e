import pytest
import torch

from course_utils.data.windows import random_windows, streams, whole_text


def test_random_windows_give_each_token_the_one_that_follows_it():
    tokens = torch.arange(100)
    batches = list(random_windows(tokens, 8, 5, 400, torch.Generator().manual_seed(0)))
    assert len(batches) == 400
    for x, y in batches:
        assert x.shape == y.shape == (5, 8) and torch.equal(y, x + 1)
    seen = torch.cat([x.flatten() for x, _ in batches])
    assert seen.min() == 0 and max(y.max() for _, y in batches) == 99  # both ends are reached


def test_equal_generators_draw_equal_windows_and_others_others():
    one, again, other = (
        next(random_windows(torch.arange(1000), 8, 50, 1, torch.Generator().manual_seed(seed)))[0]
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_a_text_of_one_window_can_be_read():
    x, y = next(random_windows(torch.arange(5), 4, 2, 1, torch.Generator()))
    assert x[0].tolist() == [0, 1, 2, 3] and y[1].tolist() == [1, 2, 3, 4]


def test_each_stream_goes_on_where_it_stopped():
    batches = list(streams(torch.arange(103), 10, 3))
    assert [x.shape for x, _ in batches] == [(3, 10)] * 3  # 34 targets a stream: 4 are left out
    rows = torch.cat([x for x, _ in batches], dim=1)
    assert torch.equal(rows, torch.arange(30) + torch.tensor([[0], [34], [68]]))
    assert all(torch.equal(y, x + 1) for x, y in batches)


def test_a_later_start_cuts_the_streams_anew():
    x, _ = next(streams(torch.arange(103), 10, 3, start=6))
    assert x[:, 0].tolist() == [6, 38, 70]


@pytest.mark.parametrize("n", [2, 7, 8, 9, 100, 129, 130])
def test_the_whole_text_has_every_target_once(n):
    batches = list(whole_text(torch.arange(n), 8, size=4))
    assert torch.equal(torch.cat([y.flatten() for _, y in batches]), torch.arange(1, n))
    assert all(torch.equal(y, x + 1) and x.shape[1] <= 8 for x, y in batches)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: next(random_windows(t, 100, 2, 1, torch.Generator())), "100 tokens are fewer"),
        (lambda t: next(random_windows(t[:0], 4, 2, 1, torch.Generator())), "0 tokens are fewer"),
        (lambda t: next(random_windows(t[None], 4, 2, 1, torch.Generator())), r"shape \(1, 100\)"),
        (lambda t: next(streams(t, 10, 20)), "do not give 20 streams of 10"),
        (lambda t: next(streams(t, 0, 2)), "length=0"),
        (lambda t: next(streams(t, 4, 0)), "size=0"),
        (lambda t: next(whole_text(t[:1], 4)), "1 tokens are fewer"),
    ],
)
def test_bad_input_is_named_with_a_cure(call, words):
    with pytest.raises(ValueError, match=words):
        call(torch.arange(100))
