"""Conditional VAE: the label reaches both halves, the bound has its unit, samples obey labels."""

import math

import pytest
import torch
from torch import nn

from course_utils.models.cvae import (
    ConditionalVAE,
    ConditionalVAEConfig,
    cvae_loss,
    join_label,
    sample,
)
from course_utils.models.vae import VAE, VAEConfig, start_at_mean, vae_loss
from course_utils.training import update

SMALL = ConditionalVAEConfig(latent_size=4, widths=(16,))
LABELS = torch.tensor([3, 0, 9, 3, 5])


def small_model(seed=0):
    torch.manual_seed(seed)
    return ConditionalVAE(SMALL)


def images(n=5, seed=0):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def test_the_label_is_joined_as_a_one_hot_vector():
    joined = join_label(torch.full((2, 3), 7.0), torch.tensor([1, 0]), classes=2)
    assert joined.tolist() == [[7, 7, 7, 0, 1], [7, 7, 7, 1, 0]]


@pytest.mark.parametrize("wrong", [-1, 10])
def test_a_label_that_is_no_class_says_so(wrong):
    with pytest.raises(ValueError, match="labels must be 0 to 9"):
        sample(small_model(), torch.tensor([0, wrong]), torch.Generator())


def test_encoder_and_decoder_both_depend_on_the_label():
    model, x = small_model(), images()
    for part, other in zip(
        model.encode(x, LABELS), model.encode(x, (LABELS + 1) % 10), strict=True
    ):
        assert (part != other).any(dim=1).all()
    z = torch.randn(5, 4)
    differs = model.decode(z, LABELS) != model.decode(z, (LABELS + 1) % 10)
    assert differs.flatten(1).any(dim=1).all()


def test_started_at_the_mean_the_mean_image_is_what_black_was_before():
    model, x = small_model(), images()
    mean = x.mean(dim=0, keepdim=True).expand_as(x)
    before = model.encode(torch.zeros_like(x), LABELS)
    start_at_mean(model, x)
    torch.testing.assert_close(model.encode(mean, LABELS), before)


def test_with_label_weights_zero_it_is_the_plain_vae():
    model, plain = small_model(), VAE(VAEConfig(latent_size=4, widths=(16,)))
    for ours, theirs, size in (
        (model.encoder, plain.encoder, 784),
        (model.decoder, plain.decoder, 4),
    ):
        ours[0].weight.data[:, size:] = 0
        theirs[0].weight.data = ours[0].weight.data[:, :size].clone()
        theirs[0].bias.data = ours[0].bias.data
        theirs[2].load_state_dict(ours[2].state_dict())
    x = images()
    torch.testing.assert_close(model(x, LABELS), plain(x))
    torch.manual_seed(1)
    conditional = cvae_loss(model, (x, LABELS))
    torch.manual_seed(1)
    torch.testing.assert_close(conditional, vae_loss(plain, (x,)))


def test_a_decoder_with_zero_weights_costs_784_ln_2_and_the_terms_add_up():
    model = small_model()
    for weight in model.decoder.parameters():
        nn.init.zeros_(weight)
    losses = cvae_loss(model, (images(), LABELS))
    assert losses["reconstruction"].item() == pytest.approx(784 * math.log(2), rel=1e-5)
    torch.testing.assert_close(losses["loss"], losses["reconstruction"] + losses["kl"])
    losses = cvae_loss(model, (images(), LABELS), beta=4.0)
    torch.testing.assert_close(losses["loss"], losses["reconstruction"] + 4 * losses["kl"])


def test_the_loss_does_not_depend_on_the_batch_size():
    model, x, labels = small_model(), images(13), torch.arange(13) % 10
    nn.init.constant_(model.encoder[-1].bias[4:], -200.0)  # the code is hardly random any more
    nn.init.zeros_(model.decoder[0].weight)
    whole = cvae_loss(model, (x, labels))
    parts = [
        (len(part), cvae_loss(model, (part, y)))
        for part, y in zip(x.split(5), labels.split(5), strict=True)
    ]
    for name, value in whole.items():
        torch.testing.assert_close(sum(n * losses[name] for n, losses in parts) / 13, value)


def test_shapes_and_one_image_alone_is_as_in_a_batch():
    model, x = small_model(), images()
    mean, log_var = model.encode(x, LABELS)
    assert mean.shape == log_var.shape == (5, 4) and model(x, LABELS).shape == x.shape
    torch.testing.assert_close(model(x[1:2], LABELS[1:2]), model(x, LABELS)[1:2])


def test_targets_outside_0_to_1_say_so():
    with pytest.raises(ValueError, match="divide by 255"):
        cvae_loss(small_model(), (255 * images(), LABELS))


def test_inputs_a_thousand_times_too_large_give_a_finite_bound_and_gradient():
    model = small_model()
    mean, log_var = model.encode(1000 * images(), LABELS)
    (mean.square() + log_var.exp()).sum().backward()
    assert log_var.exp().isfinite().all()
    assert all(w.grad.isfinite().all() for w in model.encoder.parameters())


def test_it_learns_to_draw_what_the_label_says():
    """Two labels, two pictures, and a code that is noise: the label alone must decide."""
    torch.manual_seed(0)
    model = ConditionalVAE(ConditionalVAEConfig(latent_size=2, classes=2, widths=(32,)))
    pictures = torch.zeros(2, 1, 28, 28)
    pictures[0, :, :, :14] = pictures[1, :, :, 14:] = 1
    for weight in model.encoder[-1].parameters():
        nn.init.zeros_(weight)  # q(z|x, y) is the prior
    labels = torch.arange(2).repeat(20)
    optimizer = torch.optim.Adam(model.decoder.parameters(), lr=0.01)
    for _ in range(50):
        update(model, (pictures[labels], labels), cvae_loss, optimizer)
    drawn = sample(model, labels, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.round(), pictures[labels])


def test_sampling_repeats_with_its_generator_and_gives_the_mode_back():
    model = small_model()
    model.train()
    first = sample(model, LABELS, torch.Generator().manual_seed(7))
    again = sample(model, LABELS, torch.Generator().manual_seed(7))
    torch.testing.assert_close(first, again)
    assert first.shape == (5, 1, 28, 28) and not first.requires_grad and model.training
    assert 0 <= first.min() and first.max() <= 1
    with pytest.raises(ValueError):
        sample(model, LABELS + 10, torch.Generator())
    assert model.training
    sample(model.eval(), LABELS, torch.Generator())
    assert not model.training


def test_the_decoder_has_the_widths_of_the_encoder_in_reverse():
    model = ConditionalVAE(ConditionalVAEConfig(latent_size=4, widths=(20, 12)))
    sizes = [(layer.in_features, layer.out_features) for layer in model.decoder[::2]]
    assert sizes == [(14, 12), (12, 20), (20, 784)]
