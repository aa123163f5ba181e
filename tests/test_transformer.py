import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.data.windows import random_windows, whole_text
from course_utils.language_metrics import nats_per_token, nats_per_token_carried
from course_utils.models.rnn import next_token_loss
from course_utils.models.transformer import (
    GPT,
    Attention,
    GPTConfig,
    attention_weights,
    causal_attention,
    from_gpt2,
    parameter_groups,
)
from course_utils.training import update

CONFIG = GPTConfig(vocab_size=11, context_size=12, layers=2, heads=2, width=16)


def awake(config: GPTConfig = CONFIG, seed: int = 0) -> GPT:
    """A model whose weights are all random, so that every part has a say."""
    torch.manual_seed(seed)
    model = GPT(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3)
    return model


def some_tokens(*shape: int, seed: int = 0, vocab_size: int = 11) -> torch.Tensor:
    return torch.randint(vocab_size, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("T", "S"), [(7, 7), (1, 1), (3, 7), (1, 7)])
def test_attention_is_that_of_torch(T, S):
    q, k, v = (torch.randn(2, 3, n, 5, dtype=torch.float64) for n in (T, S, S))
    mask = torch.ones(T, S, dtype=torch.bool).tril(S - T)
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(causal_attention(q, k, v), theirs, rtol=1e-12, atol=1e-12)


def test_the_bias_is_added_to_the_scores_before_the_mask():
    q, k, v = torch.randn(3, 2, 3, 6, 5, dtype=torch.float64)
    bias = torch.randn(3, 6, 6, dtype=torch.float64)
    mask = bias.masked_fill(torch.ones(6, 6, dtype=torch.bool).triu(1), float("-inf"))
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(causal_attention(q, k, v, bias), theirs, rtol=1e-12, atol=1e-12)


def test_rows_of_attention_are_shares_of_the_past():
    q, k = torch.randn(2, 2, 3, 6, 5)
    weights = attention_weights(q, k)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 6))
    assert weights.triu(1).abs().max() == 0 and weights[..., 0, 0].min() == 1


def test_scores_of_random_vectors_have_variance_one():
    q, k = torch.randn(2, 100, 1, 100, 64, generator=torch.Generator().manual_seed(0))
    scores = q @ k.transpose(-2, -1) / 64**0.5  # 1e6 of them, in groups that share a vector
    assert scores.var().item() == pytest.approx(1, abs=0.02)
    weights = attention_weights(q, k)[..., -1, :]  # the last query sees all 100
    expected = scores[..., -1, :].softmax(dim=-1)
    torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize("place", [1, 7, 11])
def test_a_later_token_changes_no_earlier_logits(place):
    model, tokens = awake(), some_tokens(2, 12)
    other = tokens.clone()
    other[:, place:] = (other[:, place:] + 1) % 11
    a, b = model(tokens), model(other)
    torch.testing.assert_close(a[:, :place], b[:, :place], rtol=0, atol=1e-6)
    assert (a[:, place:] - b[:, place:]).abs().amax(dim=(0, 2)).min() > 1e-3


def test_gradients_flow_from_the_past_alone():
    model = awake()
    x = model.embed(some_tokens(1, 12)).detach().requires_grad_(True)
    out = x
    for block in model.blocks:
        out = block(out)
    (slope,) = torch.autograd.grad(out[0, 6].sum(), x)
    size = slope[0].abs().sum(dim=1)  # of each place
    assert size[:7].min() > 1e-4 and size[7:].max() == 0


def test_a_sequence_alone_is_the_same_in_a_batch():
    model, tokens = awake(), some_tokens(5, 9)
    together = model(tokens)
    alone = torch.cat([model(row[None]) for row in tokens])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(model(tokens[order]), together[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("parts", [[12], [1] * 12, [5, 1, 6], [11, 1]])
def test_reading_on_from_keys_and_values_is_reading_at_once(parts):
    model, tokens = awake(), some_tokens(3, 12)
    memory, found = None, []
    for part in tokens.split(parts, dim=1):
        logits, memory = model.extend(part, memory)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, dim=1), model(tokens), rtol=1e-4, atol=1e-5)
    assert len(memory) == 2 and memory[0][0].shape == memory[1][1].shape == (3, 2, 12, 8)


def test_an_untrained_model_costs_ln_v_whatever_the_windows():
    torch.manual_seed(0)
    model, tokens = GPT(CONFIG).eval(), some_tokens(200)
    for length, size in ((12, 64), (12, 3), (5, 7)):
        nats = nats_per_token(model, whole_text(tokens, length, size))
        assert nats == pytest.approx(math.log(11), rel=0.1)
    a, b = (nats_per_token(awake(), whole_text(tokens, 12, size)) for size in (64, 3))
    assert a == pytest.approx(b, abs=1e-5)
    pieces = tokens[: 12 * 16 + 1]  # 16 pieces of 12 targets: a window each
    carried = nats_per_token_carried(awake().extend, pieces, length=5, size=16)
    assert carried == pytest.approx(nats_per_token(awake(), whole_text(pieces, 12)), abs=1e-5)


def test_positions_matter_and_each_kind_of_position_alone_tells_the_order():
    tokens = torch.tensor([[1, 2, 3, 4], [2, 1, 3, 4]])
    for kept in ("position_embedding", "distance_bias"):
        model = awake()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if name.endswith(("position_embedding.weight", "distance_bias")):
                    weight.mul_(kept in name)
        a, b = model(tokens)[:, -1]
        assert (a - b).abs().max() > 1e-3, kept
    # without both, one block sees a bag of tokens (two see more: the mask tells places apart)
    model = awake(GPTConfig(vocab_size=11, context_size=12, layers=1, heads=2, width=16))
    with torch.no_grad():
        model.position_embedding.weight.zero_()
        model.blocks[0].attention.distance_bias.zero_()
    a, b = model(tokens)[:, -1]
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_one_fixed_batch_is_learned():
    torch.manual_seed(0)
    model = GPT(CONFIG)
    batch = next(random_windows(some_tokens(100), 12, 4, 1, torch.Generator().manual_seed(0)))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    losses = [update(model, batch, next_token_loss, optimizer)["loss"].item() for _ in range(150)]
    assert losses[0] == pytest.approx(math.log(11), rel=0.1) and losses[-1] < 0.1 * losses[0]


def test_huge_weights_give_finite_losses_and_gradients():
    model = awake()
    with torch.no_grad():
        model.token_embedding.weight.mul_(1000)
    loss = next_token_loss(model, (some_tokens(2, 12), some_tokens(2, 12)))["loss"]
    loss.backward()
    assert loss.isfinite() and all(w.grad.isfinite().all() for w in model.parameters())


def test_every_block_passes_its_input_on_at_first():
    x = torch.randn(2, 5, 16)
    torch.testing.assert_close(GPT(CONFIG).blocks[0](x), x)


def test_too_many_tokens_and_odd_widths_are_named_with_a_cure():
    model = GPT(CONFIG)
    with pytest.raises(ValueError, match="13 tokens exceed context_size=12; crop the prompt"):
        model(some_tokens(1, 13))
    _, memory = model.extend(some_tokens(1, 12))
    with pytest.raises(ValueError, match="13 tokens exceed"):
        model.extend(some_tokens(1, 1), memory)
    with pytest.raises(ValueError, match="width=16 is no multiple of heads=3"):
        Attention(GPTConfig(11, heads=3, width=16))
    with pytest.raises(ValueError, match="no weights of GPT-2"):
        from_gpt2({"layer.weight": torch.zeros(2, 2)}, heads=2)


def test_our_gpt_is_the_gpt2_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=20, n_embd=24, n_layer=3, n_head=4, initializer_range=0.3
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for weight in theirs.parameters():  # their biases start at 0 and would hide a swap
            weight.add_(0.1 * torch.randn_like(weight))
        tokens = some_tokens(3, 20, vocab_size=50)
        ours = from_gpt2(theirs.state_dict(), heads=4).eval()
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-4)


def test_every_weight_is_trained_once_and_matrices_of_blocks_by_muon():
    model = GPT(GPTConfig(vocab_size=11, layers=2, heads=2, width=8))
    matrices, others = parameter_groups(model, 0.01)
    rest = [weight for group in others for weight in group["params"]]
    everyone = [id(weight) for weight in matrices + rest]
    assert sorted(everyone) == sorted(id(weight) for weight in model.parameters())
    assert len(matrices) == 2 * 4 and all(weight.ndim == 2 for weight in matrices)
    shapes = {tuple(weight.shape) for weight in others[0]["params"]}
    assert shapes == {(2, 64)} and [group["lr"] for group in others] == [0.1, 0.01]


def test_a_new_model_has_the_weights_that_it_shall_start_with():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=200, context_size=12, layers=2, heads=3, width=48))
    for name, weight in model.named_parameters():
        if name.endswith("distance_bias"):  # -4^-n for each token of distance
            slopes = torch.tensor([[1.0], [1 / 4], [1 / 16]])
            torch.testing.assert_close(weight.detach(), -slopes * torch.arange(12))
        elif name.endswith(
            ("token_embedding.weight", "to_logits.weight", "to_qkv.weight", "mlp.0.weight")
        ):
            # at least 6,912 draws: 5 standard errors are 4.3 %
            assert weight.std().item() == pytest.approx(0.02, rel=0.045), name
        elif "norm" in name:
            assert (weight == name.endswith("weight")).all(), name
        else:  # biases, places, and where a block adds
            assert (weight == 0).all(), name


def test_each_distance_has_its_own_bias_the_place_itself_has_the_first():
    torch.manual_seed(0)
    attention = Attention(CONFIG)
    with torch.no_grad():
        attention.distance_bias.normal_()
    q, k, v = torch.randn(3, 2, 2, 5, 8)
    back = torch.arange(5)[:, None] - torch.arange(5)
    bias = attention.distance_bias[:, back.clamp(min=0)].masked_fill(back < 0, float("-inf"))
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    wanted = attention.to_out(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention.look_back(q, k, v), wanted, rtol=1e-4, atol=1e-5)


def test_a_single_block_reads_on_too():
    model = awake(GPTConfig(vocab_size=11, context_size=12, layers=1, heads=2, width=16))
    tokens = some_tokens(2, 9)
    _, memory = model.extend(tokens[:, :4])
    later, _ = model.extend(tokens[:, 4:], memory)
    torch.testing.assert_close(later, model(tokens)[:, 4:], rtol=1e-4, atol=1e-5)
