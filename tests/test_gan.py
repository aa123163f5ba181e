"""Two losses of one game: known values, who learns, and the networks."""

import math

import pytest
import torch
from torch import nn

from course_utils.models.gan import (
    Discriminator,
    GANConfig,
    Generator,
    discriminator_loss,
    frozen,
    generator_loss,
    leaky_layers,
    penalized_discriminator_loss,
    sample,
    saturating_generator_loss,
    slope_penalty,
)
from course_utils.training import MovingAverage, update

CONFIG = GANConfig(shape=(1, 28, 28), noise_size=7, widths=(16,), judge_widths=(16,))


class Says(nn.Module):
    """A discriminator that looks at the first pixel: 1 gives `logit`, 0 minus `logit`."""

    def __init__(self, logit: float):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit))

    def forward(self, x):
        return self.logit * (2 * x.flatten(1)[:, 0] - 1)


@pytest.fixture
def players():
    torch.manual_seed(0)
    return Generator(CONFIG), Discriminator(CONFIG), (torch.rand(6, 1, 28, 28),)


def first_pixel_low(generator: Generator) -> Generator:
    """The generator draws the first pixel near 0."""
    with torch.no_grad():
        generator.layers[-1].bias[0] = -50
    return generator


ONES = (torch.ones(6, 1, 28, 28),)


def test_a_perfect_discriminator_has_loss_0(players):
    losses = discriminator_loss(Says(40.0), ONES, first_pixel_low(players[0]))
    assert losses["loss"].item() == pytest.approx(0, abs=1e-6)


def test_a_discriminator_that_takes_each_for_the_other_has_a_large_loss(players):
    losses = discriminator_loss(Says(-40.0), ONES, first_pixel_low(players[0]))
    assert losses["loss"].item() == pytest.approx(80)


def test_an_undecided_discriminator_costs_2_ln_2_and_the_generator_ln_2(players):
    generator, _, batch = players
    losses = discriminator_loss(Says(0.0), batch, generator)
    assert losses["loss"].item() == pytest.approx(2 * math.log(2))
    assert losses["on_real"].item() == losses["on_fake"].item() == pytest.approx(math.log(2))
    assert generator_loss(generator, batch, Says(0.0))["loss"].item() == pytest.approx(math.log(2))
    saturating = saturating_generator_loss(generator, batch, Says(0.0))["loss"]
    assert saturating.item() == pytest.approx(-math.log(2))


def test_formula_and_code_agree_on_four_numbers(players):
    generator = first_pixel_low(players[0])
    for logit in (-3.0, -0.5, 0.7, 2.0):
        real = 1 / (1 + math.exp(-logit))  # D(x)
        fake = 1 - real  # D(G(z)), since the logit is the opposite
        losses = discriminator_loss(Says(logit), ONES, generator)
        assert losses["loss"].item() == pytest.approx(-math.log(real) - math.log(1 - fake))
        assert generator_loss(generator, ONES, Says(logit))["loss"].item() == pytest.approx(
            -math.log(fake)
        )
        saturating = saturating_generator_loss(generator, ONES, Says(logit))["loss"]
        assert saturating.item() == pytest.approx(math.log(1 - fake))


def test_a_fooled_discriminator_gives_the_generator_loss_0(players):
    loss = generator_loss(first_pixel_low(players[0]), ONES, Says(-40.0))["loss"]
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_label_smoothing_is_cheapest_at_the_smoothed_target(players):
    generator = first_pixel_low(players[0])
    logit = nn.Parameter(torch.tensor(math.log(0.9 / 0.1)))
    judge = Says(0.0)
    judge.logit = logit
    on_real = discriminator_loss(judge, ONES, generator, real_target=0.9)["on_real"]
    (slope,) = torch.autograd.grad(on_real, logit)
    assert slope.item() == pytest.approx(0, abs=1e-6)
    assert on_real.item() == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), rel=1e-5)


def test_the_slope_penalty_of_a_linear_judge_is_the_squared_length_of_its_weights():
    judge = Discriminator(GANConfig(shape=(3,), judge_widths=()))
    penalty = slope_penalty(judge, torch.randn(5, 3))
    line = judge.layers[0].weight
    torch.testing.assert_close(penalty, line.square().sum())
    (slope,) = torch.autograd.grad(penalty, line)  # it can be made smaller
    torch.testing.assert_close(slope, 2 * line)


def test_the_penalized_loss_adds_half_the_weight_times_the_slope(players):
    generator, discriminator, batch = players
    torch.manual_seed(3)
    plain = discriminator_loss(discriminator, batch, generator)["loss"]
    torch.manual_seed(3)  # the same noise
    losses = penalized_discriminator_loss(discriminator, batch, generator, weight=6.0)
    torch.testing.assert_close(losses["loss"], plain + 3 * losses["slope"])
    assert losses["slope"] > 0 and not batch[0].requires_grad
    losses["loss"].backward()
    assert all(p.grad is None for p in generator.parameters())


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def moved(model, before):
    return [not torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True)]


def test_a_discriminator_step_leaves_the_generator_alone(players):
    generator, discriminator, batch = players
    mine, theirs = weights(discriminator), weights(generator)
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-3)
    update(discriminator, batch, lambda d, b: discriminator_loss(d, b, generator), optimizer)
    assert all(moved(discriminator, mine)) and not any(moved(generator, theirs))
    assert all(p.grad is None for p in generator.parameters())


@pytest.mark.parametrize("loss", [generator_loss, saturating_generator_loss])
def test_a_generator_step_leaves_the_discriminator_alone(players, loss):
    generator, discriminator, batch = players
    mine, theirs = weights(generator), weights(discriminator)
    optimizer = torch.optim.Adam(generator.parameters(), 1e-3)
    update(generator, batch, lambda g, b: loss(g, b, discriminator), optimizer)
    assert all(moved(generator, mine)) and not any(moved(discriminator, theirs))
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.requires_grad for p in discriminator.parameters())  # it can learn again


def test_frozen_weights_thaw_after_an_exception(players):
    discriminator = players[1]
    with pytest.raises(RuntimeError), frozen(discriminator):
        assert not any(p.requires_grad for p in discriminator.parameters())
        raise RuntimeError
    assert all(p.requires_grad for p in discriminator.parameters())


def test_a_short_last_batch_and_a_single_item_work(players):
    generator, discriminator, (x,) = players
    for n in (1, 3):
        assert discriminator_loss(discriminator, (x[:n],), generator)["loss"].isfinite()
        assert generator_loss(generator, (x[:n],), discriminator)["loss"].isfinite()


def test_losses_are_means_the_batch_size_does_not_change_them(players):
    batch = players[2]
    generator = first_pixel_low(players[0])
    small, large = (
        discriminator_loss(Says(0.7), (torch.ones(n, 1, 28, 28),), generator) for n in (2, 50)
    )
    torch.testing.assert_close(small["loss"], large["loss"])
    assert len(batch[0]) == 6


def test_losses_stay_finite_when_the_discriminator_is_very_sure(players):
    generator = first_pixel_low(players[0])
    for logit in (-1e4, 1e4):
        judge = Says(logit)
        loss = discriminator_loss(judge, ONES, generator)["loss"]
        assert loss.isfinite() and torch.autograd.grad(loss, judge.logit)[0].isfinite()
        loss = generator_loss(generator, ONES, judge)["loss"]
        grads = torch.autograd.grad(loss, list(generator.parameters()), allow_unused=True)
        assert loss.isfinite() and all(g is None or g.isfinite().all() for g in grads)


def test_signals_keep_their_size_through_many_layers():
    torch.manual_seed(0)
    shape, widths = (300,), (300,) * 6
    deep = Generator(GANConfig(shape=shape, noise_size=300, widths=widths))
    assert 0.5 < deep(torch.randn(500, 300)).std() < 2.0  # torch's own start gives about 0.04


def test_images_are_in_the_unit_range_and_points_are_free():
    torch.manual_seed(0)
    images = Generator(CONFIG)(1000 * torch.randn(4, 7))
    assert images.shape == (4, 1, 28, 28) and images.min() >= 0 and images.max() <= 1
    points = Generator(GANConfig(shape=(2,), noise_size=3))(1000 * torch.randn(4, 3))
    assert points.shape == (4, 2) and points.abs().max() > 1


def test_the_same_noise_alone_and_in_a_batch_gives_the_same_image(players):
    generator = players[0].eval()
    z = torch.randn(5, 7)
    torch.testing.assert_close(generator(z)[2:3], generator(z[2:3]))


def test_noise_is_standard_normal(players):
    z = players[0].noise(20_000, torch.Generator().manual_seed(0)).flatten()
    # 5 standard errors of a mean, and of a variance
    assert z.mean().abs() < 5 * len(z) ** -0.5 and (z.var() - 1).abs() < 5 * (2 / len(z)) ** 0.5


def test_a_fifth_of_what_is_below_0_passes_a_layer():
    layers = leaky_layers((1, 1, 1))
    for linear in (layers[0], layers[2]):
        nn.init.ones_(linear.weight)
        nn.init.zeros_(linear.bias)
    torch.testing.assert_close(layers(torch.tensor([[1.0], [-1.0]])), torch.tensor([[1.0], [-0.2]]))


def test_samples_come_from_the_seed_and_give_the_mode_back(players):
    generator = players[0].train()
    a, b = (sample(generator, 3, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(a, b) and a.shape == (3, 1, 28, 28) and not a.requires_grad
    assert generator.training
    more = sample(generator, 5, torch.Generator().manual_seed(5))
    assert not torch.equal(more[:3], a)


def test_the_moving_average_can_be_sampled(players):
    average = MovingAverage(players[0])
    assert sample(average.model, 2, torch.Generator().manual_seed(0)).shape == (2, 1, 28, 28)
    assert not average.model.training  # it stays in eval mode


def test_a_point_generator_learns_the_place_of_the_data():
    torch.manual_seed(0)
    config = GANConfig(shape=(2,), noise_size=2, widths=(32,), judge_widths=(32,))
    generator, discriminator = Generator(config), Discriminator(config)
    optimizers = [
        torch.optim.Adam(p.parameters(), 5e-3, betas=(0.5, 0.99))
        for p in (generator, discriminator)
    ]
    centre = torch.tensor([3.0, -2.0])
    for _ in range(300):
        batch = (centre + torch.randn(64, 2),)
        update(
            discriminator, batch, lambda d, b: discriminator_loss(d, b, generator), optimizers[1]
        )
        update(generator, batch, lambda g, b: generator_loss(g, b, discriminator), optimizers[0])
    points = sample(generator, 1000, torch.Generator().manual_seed(0))
    assert (points.mean(dim=0) - centre).norm() < 1.0  # it began 3.6 away


def test_weights_start_with_the_deviation_of_he_for_this_bend():
    torch.manual_seed(0)
    weight = leaky_layers((500, 500))[0].weight  # 250,000 draws: a standard error of 0.14 %
    assert weight.std().item() == pytest.approx((2 / (1 + 0.2**2) / 500) ** 0.5, rel=0.007)
