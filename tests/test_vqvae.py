"""VQ-VAE: rounding to the codebook, who gets which gradient, and codes that die and come back."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.models.vqvae import (
    VQVAE,
    VQVAEConfig,
    count_codes,
    nearest_code,
    revive_dead_codes,
    straight_through,
    vqvae_loss,
)
from course_utils.training import update

SMALL = VQVAEConfig(codes=12, code_size=4, channels=8, blocks=1)


def images(n, seed=0):
    x = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(x, 5, stride=1, padding=2).sub(0.5).mul(6).add(0.5).clamp(0, 1)


def small_model(seed=0):
    """A model whose codebook lies among the encoder's vectors, so that many codes are used."""
    torch.manual_seed(seed)
    model = VQVAE(SMALL)
    revive_dead_codes(model, images(20))
    return model


def test_the_lookup_is_the_brute_force_nearest_neighbour():
    generator = torch.Generator().manual_seed(0)
    z, codebook = torch.randn(5, 7, 7, 16, generator=generator), torch.randn(40, 16)
    found = nearest_code(z, codebook)
    distances = (z.unsqueeze(-2) - codebook).square().sum(dim=-1)  # (5, 7, 7, 40)
    assert torch.equal(found, distances.argmin(dim=-1))
    assert found.shape == (5, 7, 7) and found.dtype == torch.int64


def test_a_vector_of_the_codebook_is_its_own_nearest():
    codebook = torch.randn(40, 16)
    assert torch.equal(nearest_code(codebook, codebook), torch.arange(40))


def test_straight_through_has_the_value_of_q_and_the_gradient_of_the_identity():
    z = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    q = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    weight = torch.randn(3, 4, dtype=torch.double)
    output = straight_through(z, q)
    torch.testing.assert_close(output, q)
    (output * weight).sum().backward()
    torch.testing.assert_close(z.grad, weight)  # what the identity would pass on
    assert q.grad is None


def test_the_codebook_term_moves_the_codebook_alone_and_commitment_the_encoder_alone():
    model, batch = small_model(), (images(4),)
    parts = {
        "codebook": [model.codebook],
        "encoder": list(model.encoder.parameters()),
        "decoder": list(model.decoder.parameters()),
    }
    moved = {}
    for term in ("reconstruction", "codebook", "commitment"):
        model.zero_grad(set_to_none=True)
        vqvae_loss(model, batch)[term].backward()
        moved[term] = {
            name for name, weights in parts.items() if any(w.grad is not None for w in weights)
        }
    assert moved["codebook"] == {"codebook"}
    assert moved["commitment"] == {"encoder"}
    assert moved["reconstruction"] == {"encoder", "decoder"}


def test_the_terms_are_summed_over_an_image_and_add_up_to_the_loss():
    model, x = small_model(), images(5)
    z = model.encode(x)
    q = model.codebook[nearest_code(z, model.codebook)]
    losses = vqvae_loss(model, (x, torch.arange(5)))
    rounding = (z - q).square().sum() / 5
    torch.testing.assert_close(losses["codebook"], rounding)
    torch.testing.assert_close(losses["commitment"], rounding)
    error = (model(x) - x).square().sum() / 5
    torch.testing.assert_close(losses["reconstruction"], error)
    torch.testing.assert_close(losses["loss"], error + (1 + SMALL.commitment) * rounding)


def test_a_decoder_with_zero_weights_costs_a_quarter_per_black_or_white_pixel():
    model = small_model()
    for weight in model.decoder.parameters():
        nn.init.zeros_(weight)
    loss = vqvae_loss(model, (images(5).round(),))["reconstruction"]
    assert loss.item() == pytest.approx(784 / 4)


def test_an_untrained_decoder_says_the_mean_ink_of_digits():
    """From 0.5 on, large steps can end at all black, and stay there."""
    torch.manual_seed(0)
    output = VQVAE(VQVAEConfig())(images(5))
    assert 0.08 < output.mean() < 0.16 and output.std() < 0.05


def test_the_loss_does_not_depend_on_the_batch_size():
    model, x = small_model(), images(13)
    whole = vqvae_loss(model, (x,))
    parts = [(len(part), vqvae_loss(model, (part,))) for part in x.split(5)]
    for name, value in whole.items():
        torch.testing.assert_close(sum(n * losses[name] for n, losses in parts) / 13, value)


def test_shapes_and_one_image_alone_is_as_in_a_batch():
    model, x = small_model(), images(3)
    codes = model.to_codes(x)
    assert model.encode(x).shape == (3, 7, 7, 4) and codes.shape == (3, 7, 7)
    assert 0 <= codes.min() and codes.max() < 12
    torch.testing.assert_close(model.from_codes(codes), model(x))
    torch.testing.assert_close(model(x[1:2]), model(x)[1:2])
    assert model(x).shape == x.shape and 0 <= model(x).min() and model(x).max() <= 1


def test_one_place_of_the_grid_stands_for_its_patch_of_pixels():
    model = VQVAE(VQVAEConfig(codes=12, code_size=4, channels=8, blocks=0))
    codes = torch.zeros(1, 7, 7, dtype=torch.long)
    changed = codes.clone()
    changed[0, 2, 5] = 3  # row 2, column 5
    differs = (model.from_codes(codes) != model.from_codes(changed))[0, 0].nonzero()
    assert differs.min(dim=0).values.tolist() == [8, 20]
    assert differs.max(dim=0).values.tolist() == [11, 23]
    x = images(1)
    changed = x.clone()
    changed[:, :, 8:12, 20:24] = 1 - x[:, :, 8:12, 20:24]
    assert (model.encode(x) != model.encode(changed)).any(dim=-1).nonzero().tolist() == [[0, 2, 5]]


@pytest.mark.parametrize("wrong", [-1, 12])
def test_codes_that_are_not_in_the_codebook_say_so(wrong):
    with pytest.raises(ValueError, match="another codebook"):
        small_model().from_codes(torch.full((1, 7, 7), wrong))


def test_counts_are_those_of_the_codes():
    model, x = small_model(), images(6)
    counts = count_codes(model, x)
    assert counts.shape == (12,) and counts.sum() == 6 * 49
    assert counts[3] == (model.to_codes(x) == 3).sum()


def test_dead_codes_come_back_to_life_and_living_ones_stay():
    model, x = small_model(), images(20)
    model.codebook.data[4:] = 1000.0  # far from every vector: never the nearest
    before = model.codebook.detach().clone()
    assert (count_codes(model, x)[4:] == 0).all()
    living = count_codes(model, x) > 0
    assert revive_dead_codes(model, x) == 12 - living.sum()
    torch.testing.assert_close(model.codebook[living], before[living])
    assert (count_codes(model, x) > 0).sum() >= 11  # two may fall on nearly one vector
    z = model.encode(x).flatten(0, 2)
    distance = torch.cdist(model.codebook[~living].detach(), z.detach()).min(dim=1).values
    torch.testing.assert_close(distance, torch.zeros_like(distance), atol=1e-3, rtol=0)


def test_with_no_dead_code_nothing_changes():
    model, x = small_model(), images(20)
    while revive_dead_codes(model, x):
        pass
    before = model.codebook.detach().clone()
    assert revive_dead_codes(model, x) == 0
    assert torch.equal(model.codebook, before)


def test_a_fixed_batch_is_learned_in_seconds():
    torch.manual_seed(0)
    model, batch = VQVAE(VQVAEConfig(codes=32, channels=16)), (images(8),)
    revive_dead_codes(model, *batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = update(model, batch, vqvae_loss, optimizer)["reconstruction"]
    for _ in range(100):
        last = update(model, batch, vqvae_loss, optimizer)["reconstruction"]
    assert last < 0.25 * first


def test_inputs_a_thousand_times_too_large_give_finite_losses_and_gradients():
    model = small_model()
    loss = vqvae_loss(model, (1000 * images(4),))["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(w.grad.isfinite().all() for w in model.parameters() if w.grad is not None)


def test_maps_and_bends_take_turns():
    model = small_model()
    kinds = [[type(layer).__name__ for layer in part] for part in (model.encoder, model.decoder)]
    body = ["Conv2d", "ResidualBlock", "SiLU", "Conv2d"]
    assert kinds == [body, [*body, "PixelShuffle", "Sigmoid"]]
    for part in (model.encoder, model.decoder):
        change = [type(layer).__name__ for layer in part[1].change]
        assert change == ["SiLU", "Conv2d", "SiLU", "Conv2d"]


def test_a_code_that_is_used_once_stays():
    model = small_model()
    x = images(1)
    z = model.encode(x).flatten(0, 2).detach()
    out = z - z.mean(dim=0)
    farthest = out[out.square().sum(dim=1).argmax()]
    model.codebook.data[:] = 1000.0  # never the nearest
    model.codebook.data[0] = z.mean(dim=0)
    model.codebook.data[1] = z.mean(dim=0) + 1.9 * farthest  # the nearest of that one alone
    counts = count_codes(model, x)
    assert counts[:2].tolist() == [48, 1]
    before = model.codebook.detach().clone()
    assert revive_dead_codes(model, x) == 10
    assert torch.equal(model.codebook[:2], before[:2])
