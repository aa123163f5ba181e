"""Recurrent networks: equal to torch.nn, causal, carried and cut, and they learn."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.models.rnn import (
    CarriedLoss,
    LSTMLanguageModel,
    RNNConfig,
    gru_step,
    lstm_step,
    next_token_loss,
    parameter_groups,
    rnn_step,
    sample,
)
from course_utils.training import update

V, B, T = 11, 3, 9


def model_of(seed=0, width=16):
    torch.manual_seed(seed)
    return LSTMLanguageModel(RNNConfig(V, width))


def tokens_of(size=B, length=T, seed=1):
    return torch.randint(V, (size, length), generator=torch.Generator().manual_seed(seed))


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)  # float64: rounding of 20 steps


def twin(kind, size_in=5, width=7):
    """A layer of torch.nn in float64, its weights, an input (B, T, 5) and W_x x + b of it."""
    torch.manual_seed(2)
    layer = kind(size_in, width, batch_first=True).double()
    x = torch.randn(B, T, size_in, dtype=torch.float64)
    return layer, x, F.linear(x, layer.weight_ih_l0, layer.bias_ih_l0)


def test_plain_steps_equal_torch_rnn():
    layer, x, inputs = twin(nn.RNN)
    states, h = [], torch.randn(B, 7, dtype=torch.float64)
    right, last = layer(x, h[None])
    for now in (inputs + layer.bias_hh_l0).unbind(1):
        states.append(h := rnn_step(now, h, layer.weight_hh_l0))
    close(torch.stack(states, 1), right)
    close(h, last[0])


def test_lstm_steps_equal_torch_lstm():
    layer, x, inputs = twin(nn.LSTM)
    states, (h, c) = [], torch.randn(2, B, 7, dtype=torch.float64)
    right, (right_h, right_c) = layer(x, (h[None], c[None]))
    for now in (inputs + layer.bias_hh_l0).unbind(1):
        h, c = lstm_step(now, h, c, layer.weight_hh_l0)
        states.append(h)
    close(torch.stack(states, 1), right)
    close(h, right_h[0])
    close(c, right_c[0])


def test_gru_steps_equal_torch_gru():
    layer, x, inputs = twin(nn.GRU)
    states, h = [], torch.randn(B, 7, dtype=torch.float64)
    right, _ = layer(x, h[None])
    for now in inputs.unbind(1):
        states.append(h := gru_step(now, h, layer.weight_hh_l0, layer.bias_hh_l0))
    close(torch.stack(states, 1), right)


def test_gradients_of_lstm_steps_equal_those_of_torch_lstm():
    layer, x, inputs = twin(nn.LSTM)
    right = torch.autograd.grad(layer(x)[0].square().sum(), layer.weight_hh_l0)
    h = c = torch.zeros(B, 7, dtype=torch.float64)
    total = 0
    for now in (inputs + layer.bias_hh_l0).unbind(1):
        h, c = lstm_step(now, h, c, layer.weight_hh_l0)
        total = total + h.square().sum()
    close(torch.autograd.grad(total, layer.weight_hh_l0)[0], right[0])


def test_the_language_model_is_embedding_then_lstm_steps_then_logits():
    model, tokens = model_of().double(), tokens_of()
    layer, states = model.lstm, []
    inputs = F.linear(model.embedding(tokens), layer.weight_ih_l0, layer.bias_ih_l0)
    h = c = torch.zeros(B, 16, dtype=torch.float64)
    for now in (inputs + layer.bias_hh_l0).unbind(1):
        h, c = lstm_step(now, h, c, layer.weight_hh_l0)
        states.append(h)
    close(model(tokens), model.to_logits(torch.stack(states, 1)))
    for mine, right in zip(model.extend(tokens)[1], (h, c), strict=True):
        close(mine, right)


def test_at_first_the_gate_that_keeps_is_open_and_no_other_has_a_bias():
    layer = model_of().lstm
    bias = layer.bias_ih_l0 + layer.bias_hh_l0
    assert bias.unflatten(0, (4, 16)).unique(dim=1).flatten().tolist() == [0, 1, 0, 0]


def test_every_weight_is_in_one_group_and_muon_gets_the_two_matrices():
    model = model_of()
    matrices, (others,) = parameter_groups(model, 0.1)
    assert sorted(tuple(w.shape) for w in matrices) == [(64, 16), (64, 64)]
    assert others["lr"] == 0.1
    ids = [id(w) for w in [*matrices, *others["params"]]]
    assert sorted(ids) == sorted(id(w) for w in model.parameters())


def test_reading_in_parts_equals_reading_at_once():
    model, tokens = model_of().double(), tokens_of()
    memory, parts = None, []
    for part in tokens.split([1, 4, 4], dim=1):
        logits, memory = model.extend(part, memory)
        parts.append(logits)
    close(torch.cat(parts, 1), model(tokens))


def test_a_sequence_alone_equals_the_same_in_a_batch():
    model, tokens = model_of().double(), tokens_of()
    for row in range(B):
        close(model(tokens[row : row + 1])[0], model(tokens)[row])


def test_what_comes_later_changes_no_earlier_logits():
    model, tokens = model_of(), tokens_of()
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % V
    before, after = model(tokens), model(other)
    assert torch.equal(before[:, :6], after[:, :6])
    assert (before[:, 6:] != after[:, 6:]).any(dim=-1).all()


def test_gradients_reach_all_earlier_inputs_and_no_later_ones():
    model = model_of()
    inputs = model.embedding(tokens_of()).detach().requires_grad_()
    states, _ = model.lstm(inputs)
    states[:, 5].sum().backward()
    reached = inputs.grad.abs().sum(dim=(0, 2)) > 0
    assert reached.tolist() == [True] * 6 + [False] * 3


def test_an_untrained_model_costs_ln_v():
    loss = next_token_loss(model_of(width=64), (tokens_of(32, 32), tokens_of(32, 32, seed=5)))
    assert loss["loss"].item() == pytest.approx(math.log(V), rel=0.1)


def test_the_loss_is_the_mean_of_minus_log_p_by_hand():
    model, tokens, targets = model_of(), tokens_of(), tokens_of(seed=5)
    p = model(tokens).softmax(-1).gather(-1, targets[..., None])
    by_hand = -p.log().mean()
    torch.testing.assert_close(next_token_loss(model, (tokens, targets))["loss"], by_hand)


def test_one_batch_is_learned():
    model, batch = model_of(), (tokens_of(), tokens_of(seed=5))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = [update(model, batch, next_token_loss, optimizer)["loss"] for _ in range(150)]
    assert losses[-1] < 0.1 * losses[0]


def test_the_carried_loss_of_two_chunks_is_the_loss_of_both_at_once():
    model, tokens, targets = model_of(), tokens_of(B, 8), tokens_of(B, 8, seed=5)
    carried = CarriedLoss()
    parts = zip(tokens.chunk(2, 1), targets.chunk(2, 1), strict=True)
    halves = [carried(model, batch)["loss"] for batch in parts]
    both = next_token_loss(model, (tokens, targets))["loss"]
    torch.testing.assert_close(sum(halves) / 2, both)


def test_a_second_chunk_runs_and_sends_no_gradient_into_the_first():
    model, carried = model_of(), CarriedLoss()
    tokens, targets = tokens_of(B, 8), tokens_of(B, 8, seed=5)
    for half in range(2):
        model.zero_grad()
        piece = slice(4 * half, 4 * half + 4)
        inputs = [p for p in model.parameters()]
        loss = carried(model, (tokens[:, piece], targets[:, piece]))["loss"]
        loss.backward()  # raises if the graph of the first chunk were still attached
        assert all(p.grad is not None for p in inputs)
        assert not any(part.requires_grad for part in carried.memory)
    first = model.embedding(tokens[:, :4]).detach().requires_grad_()
    _, state = model.lstm(first)  # each (1, B, C)
    carried.memory = tuple(part[0].detach() for part in state)
    loss = carried(model, (tokens[:, 4:], targets[:, 4:]))["loss"]
    assert torch.autograd.grad(loss, first, allow_unused=True) == (None,)


def test_saturated_inputs_give_a_finite_loss_and_gradient():
    model = model_of()
    with torch.no_grad():
        model.lstm.weight_ih_l0.mul_(1000)
    loss = next_token_loss(model, (tokens_of(), tokens_of(seed=5)))["loss"]
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.parameters())


def always(logits):
    """A model that has the same logits at every place; its memory counts what it read."""
    return lambda tokens, memory=0: (logits.expand(*tokens.shape, -1), memory + tokens.shape[1])


def test_samples_follow_the_probabilities_at_temperature_one_and_half():
    p = torch.tensor([0.6, 0.3, 0.1])
    for temperature, right in ((1.0, p), (0.5, p**2 / (p**2).sum())):
        draws = sample(
            always(p.log()), torch.zeros(10_000, 1).long(), 1, torch.Generator(), temperature
        )
        shares = torch.bincount(draws.flatten(), minlength=3) / 10_000
        # 5 standard errors of 3 shares: a false alarm in 600,000 runs
        assert ((shares - right).abs() < 5 * (right * (1 - right) / 10_000).sqrt()).all()


def test_temperature_zero_takes_the_likeliest_and_a_negative_one_is_an_error():
    model, prompt = model_of(), tokens_of(2, 3)
    drawn = sample(model.extend, prompt, 4, torch.Generator(), temperature=0)
    longer = torch.cat([prompt, drawn], dim=1)
    assert torch.equal(drawn, model(longer).argmax(-1)[:, 2:-1])
    with pytest.raises(ValueError, match="temperature=-1"):
        sample(model.extend, prompt, 4, torch.Generator(), temperature=-1)


def test_equal_generators_give_equal_samples():
    model, prompt = model_of(), tokens_of(2, 3)
    first, second = (
        sample(model.extend, prompt, 20, torch.Generator().manual_seed(4)) for _ in range(2)
    )
    assert torch.equal(first, second) and first.shape == (2, 20)


def test_sampling_remembers_all_that_it_has_written():
    def count(tokens, read=0):
        """A model that is sure of one thing: how many tokens it has read."""
        read += tokens.shape[1]
        return 50 * F.one_hot(torch.full_like(tokens, read), V).float(), read

    text = tokens_of(length=2)
    drawn = sample(count, text, 5, torch.Generator(), temperature=0)
    assert drawn.tolist() == [[2, 3, 4, 5, 6]] * B


def test_the_temperature_is_1_unless_said_otherwise():
    drawn = [
        sample(model_of().extend, tokens_of(), 20, torch.Generator().manual_seed(3), *temperature)
        for temperature in ((), (1.0,))
    ]
    assert torch.equal(*drawn)
