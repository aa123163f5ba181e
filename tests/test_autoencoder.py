"""Autoencoders: the linear one is PCA, losses have the stated unit, pieces do what they say."""

import pytest
import torch
from torch import nn

from course_utils.models.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    ConvAutoencoder,
    ConvAutoencoderConfig,
    denoising_loss,
    pca,
    pca_reconstruct,
    reconstruction_loss,
    sample,
)
from course_utils.training import update

DEEP = AutoencoderConfig(latent_size=8, widths=(32, 16))
CONV = ConvAutoencoderConfig(latent_size=8, channels=4)


def random_images(n, seed=0):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def low_rank_images(n=100, seed=0):
    """Images that are mostly a random mixture of 8 patterns: 4 strong ones and 4 weak ones."""
    generator = torch.Generator().manual_seed(seed)
    patterns, _ = torch.linalg.qr(torch.randn(784, 8, generator=generator))
    strength = torch.tensor([3.0, 2.6, 2.3, 2.0, 1.0, 0.8, 0.6, 0.4])
    x = torch.randn(n, 8, generator=generator) * strength @ patterns.T
    x = 0.05 + x + 0.01 * torch.randn(n, 784, generator=generator)
    return x.unflatten(1, (1, 28, 28))


def models():
    torch.manual_seed(0)
    linear = Autoencoder(AutoencoderConfig(latent_size=8, widths=()))
    return [linear, Autoencoder(DEEP), ConvAutoencoder(CONV)]


every_model = pytest.mark.parametrize("model", models(), ids=["linear", "deep", "convolutional"])


def error(images, reconstruction):
    return (images - reconstruction).square().flatten(1).sum(dim=1).mean()


def test_pca_equals_the_singular_vectors_of_the_centred_images():
    images = low_rank_images()
    mean, components = pca(images, 5)
    torch.testing.assert_close(mean, images.flatten(1).mean(dim=0))
    _, _, v = torch.linalg.svd(images.flatten(1) - mean, full_matrices=False)
    overlap = (components * v[:5].T).sum(dim=0).abs()  # the signs are free
    torch.testing.assert_close(overlap, torch.ones(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(components.T @ components, torch.eye(5), atol=1e-5, rtol=0)


def test_the_error_of_pca_is_the_variance_that_it_leaves_out():
    images = low_rank_images()
    mean, components = pca(images, 5)
    left_out = torch.linalg.svdvals(images.flatten(1) - mean)[5:].square().sum() / len(images)
    reconstruction = pca_reconstruct(images, mean, components)
    torch.testing.assert_close(error(images, reconstruction), left_out, rtol=1e-3, atol=0)


def test_pca_with_more_components_than_pixels_says_so():
    with pytest.raises(ValueError, match="size=785"):
        pca(random_images(3), 785)


def test_a_linear_autoencoder_learns_pca_the_same_error_and_the_same_subspace():
    images, size = low_rank_images(), 4
    mean, components = pca(images, size)
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderConfig(size, widths=()))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800)
    for _ in range(800):
        update(model, (images,), reconstruction_loss, optimizer)
        schedule.step()
    best = error(images, pca_reconstruct(images, mean, components))
    assert best <= error(images, model(images)) * (1 + 1e-5)  # nothing linear is better
    assert error(images, model(images)) < 1.01 * best
    basis, _ = torch.linalg.qr(model.decoder.straight.weight.detach())
    cosines = torch.linalg.svdvals(basis.T @ components)  # of the principal angles
    assert cosines.min() > 0.99


def test_the_mean_image_costs_the_total_variance():
    images = low_rank_images()
    total_variance = images.flatten(1).var(dim=0, correction=0).sum()
    model = Autoencoder(AutoencoderConfig(latent_size=3, widths=()))
    nn.init.zeros_(model.decoder.straight.weight)
    model.decoder.straight.bias.data = images.flatten(1).mean(dim=0)
    torch.testing.assert_close(reconstruction_loss(model, (images,))["loss"], total_variance)


def test_an_untrained_decoder_that_says_one_half_costs_a_quarter_per_black_or_white_pixel():
    model = Autoencoder(DEEP)
    for weight in model.decoder.parameters():
        nn.init.zeros_(weight)
    images = random_images(5).round()
    assert reconstruction_loss(model, (images,))["loss"].item() == pytest.approx(784 / 4)


@every_model
def test_the_loss_does_not_depend_on_the_batch_size(model):
    images = random_images(13)
    whole = reconstruction_loss(model, (images,))["loss"]
    parts = [len(x) * reconstruction_loss(model, (x,))["loss"] for x in images.split(5)]
    torch.testing.assert_close(sum(parts) / 13, whole)


@every_model
def test_shapes_and_one_image_alone_is_as_in_a_batch(model):
    images = random_images(3)
    assert model.encode(images).shape == (3, 8)
    assert model.decode(model.encode(images)).shape == model(images).shape == (3, 1, 28, 28)
    torch.testing.assert_close(model(images[1:2]), model(images)[1:2])


@pytest.mark.parametrize("model", models()[1:], ids=["deep", "convolutional"])
def test_it_learns_a_fixed_batch_and_stays_in_the_range_of_images(model):
    images = (random_images(8) > 0.8).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = update(model, (images,), reconstruction_loss, optimizer)["loss"]
    for _ in range(100):
        last = update(model, (images,), reconstruction_loss, optimizer)["loss"]
    assert last < 0.25 * first
    assert model(images).min() >= 0 and model(images).max() <= 1


@every_model
def test_inputs_a_thousand_times_too_large_give_finite_losses_and_gradients(model):
    model.zero_grad()
    loss = reconstruction_loss(model, (1000 * random_images(4),))["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_without_hidden_layers_every_map_is_linear_and_beside_them_runs_a_straight_path():
    linear, deep, _ = models()
    x, y = random_images(2, seed=1), random_images(2, seed=2)
    torch.testing.assert_close(linear((x + y) / 2), (linear(x) + linear(y)) / 2)
    assert not torch.allclose(deep((x + y) / 2), (deep(x) + deep(y)) / 2, atol=1e-4)
    nn.init.zeros_(deep.encoder.bent[-1].weight)
    nn.init.zeros_(deep.encoder.bent[-1].bias)
    torch.testing.assert_close(deep.encode(x), deep.encoder.straight(x.flatten(1)))


def test_the_decoder_has_the_layers_of_the_encoder_in_reverse():
    model = Autoencoder(AutoencoderConfig(latent_size=3, widths=(20, 10)))
    ways = [
        [(layer.in_features, layer.out_features) for layer in part.bent if hasattr(layer, "weight")]
        for part in (model.encoder, model.decoder)
    ]
    assert ways == [[(784, 20), (20, 10), (10, 3)], [(3, 10), (10, 20), (20, 784)]]


class Remember(nn.Module):
    """Returns its input, and keeps it."""

    def forward(self, x):
        self.seen = x
        return x


def test_the_denoising_loss_shows_the_spoiled_image_and_compares_with_the_clean_one():
    images, model = random_images(3), Remember()
    losses = denoising_loss(lambda x: x + 0.5)(model, (images, torch.arange(3)))
    torch.testing.assert_close(model.seen, images + 0.5)
    assert losses["loss"].item() == pytest.approx(784 * 0.25, rel=1e-5)
    assert denoising_loss(lambda x: x)(model, (images,))["loss"] == 0


@pytest.mark.parametrize("size", [1, 2, 8])
def test_sampling_draws_codes_with_the_mean_and_covariance_of_the_codes(size):
    class Identity(nn.Module):
        def decode(self, z):
            self.codes = z
            return z

    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(size, size, generator=generator)
    codes = torch.randn(5_000, size, generator=generator) @ mix + 3
    model = Identity()
    assert sample(model, codes, 10_000, generator).max() <= 1
    # a mean of 10,000 draws, 5 standard errors in each of at most 8 columns: 1 false alarm in 2e5
    error = (model.codes.mean(dim=0) - codes.mean(dim=0)) / codes.std(dim=0)
    assert error.abs().max() < 5 / 10_000**0.5
    wanted, got = (torch.atleast_2d(c.T.cov()) for c in (codes, model.codes))
    assert (got - wanted).abs().max() < 0.1 * wanted.abs().max()  # a standard error is 1.4 %


def test_sampling_repeats_with_its_generator_and_gives_the_mode_back():
    model, codes = models()[1], torch.randn(50, 8)
    model.train()
    first = sample(model, codes, 4, torch.Generator().manual_seed(7))
    again = sample(model, codes, 4, torch.Generator().manual_seed(7))
    torch.testing.assert_close(first, again)
    assert first.shape == (4, 1, 28, 28) and not first.requires_grad and model.training
    with pytest.raises(RuntimeError):
        sample(model, codes[:, :3], 4, torch.Generator())  # codes of the wrong size
    assert model.training
    sample(model.eval(), codes, 4, torch.Generator())
    assert not model.training


def test_samples_are_cut_to_the_range_of_images_and_centred_number_by_number():
    class Identity(nn.Module):
        def decode(self, z):
            return z

    source = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 2, generator=source) + torch.tensor([-4.0, 4.0])
    drawn = sample(Identity(), codes, 200, source)
    assert drawn[:, 0].max() < 1 and drawn[:, 0].median() == 0 and drawn[:, 1].median() == 1


def test_codes_of_any_size_can_be_sampled_also_with_a_number_that_never_changes():
    source = torch.Generator().manual_seed(0)
    codes = torch.randn(50, 8, generator=source)
    codes[:, 3] = 0
    for size in (1e-3, 1.0):
        assert sample(models()[1], size * codes, 4, source).isfinite().all()


def test_pca_gives_one_component_or_as_many_as_there_are_pixels():
    few = random_images(5)[:, :, :2, :3]  # 6 pixels
    assert pca(few, 1)[1].shape == (6, 1) and pca(few, 6)[1].shape == (6, 6)


def test_between_two_maps_of_the_convolutional_one_stands_a_bend():
    model = ConvAutoencoder(CONV)
    kinds = [[type(layer).__name__ for layer in part] for part in (model.down, model.up)]
    conv = ["Conv2d", "SiLU"]
    assert kinds == [[*conv, *conv], ["SiLU", *conv, "ConvTranspose2d"]]
