"""Critics, their slopes, spectral normalization, labels: known values and parity."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from course_utils.models.better_gans import (
    ConvCritic,
    ConvGenerator,
    LabelCritic,
    LabelGANConfig,
    LabelGenerator,
    SpectralCritic,
    SpectralLinear,
    chained_slopes,
    hinge_loss,
    normalized_layers,
    relativistic_generator_loss,
    relativistic_loss,
    sample,
    score_loss,
    slopes,
    spectral_step,
    wasserstein_loss,
)
from course_utils.training import MovingAverage, update

CONFIG = LabelGANConfig(noise_size=5, widths=(12, 8), critic_widths=(9, 7), channels=3)
GENERATORS, CRITICS = (LabelGenerator, ConvGenerator), (LabelCritic, ConvCritic, SpectralCritic)
CRITIC_LOSSES = (wasserstein_loss, hinge_loss, relativistic_loss)
GENERATOR_LOSSES = (score_loss, relativistic_generator_loss)


class FirstPixel(LabelCritic):
    """A critic whose score is `weight` times the first pixel, whatever the label."""

    def __init__(self, weight: float):
        super().__init__(LabelGANConfig(critic_widths=()))
        with torch.no_grad():
            self.layers[0].weight.zero_()[:, 0] = weight
            self.layers[0].bias.zero_()


def zero_pixel(generator: LabelGenerator) -> LabelGenerator:
    with torch.no_grad():
        generator.layers[-1].bias[0] = -80
    return generator


@pytest.fixture
def players():
    torch.manual_seed(0)
    return LabelGenerator(CONFIG), LabelCritic(CONFIG)


def batch(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(n, 1, 28, 28), torch.arange(n) % 10


def ones(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(n, 1, 28, 28), torch.arange(n) % 10


@pytest.mark.parametrize("make", GENERATORS)
def test_generators_draw_images_in_the_unit_range(make):
    generator = make(CONFIG)
    images = generator(1000 * torch.randn(4, 5), torch.arange(4))
    assert images.shape == (4, 1, 28, 28) and images.min() >= 0 and images.max() <= 1


def test_normalized_features_have_mean_0_and_variance_1_over_the_batch():
    torch.manual_seed(0)
    linear, normalize, *_ = normalized_layers((5, 12, 8))
    features = normalize(0.1 * linear(torch.randn(50, 5)))
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(12), atol=1e-5, rtol=0)
    variance = features.var(dim=0, unbiased=False)  # of 0.003 before: 1e-5 in it is 0.3 %
    torch.testing.assert_close(variance, torch.ones(12), atol=0.02, rtol=0)


@pytest.mark.parametrize("make", CRITICS)
def test_critics_score_each_image_by_its_own_label(make):
    torch.manual_seed(0)
    critic = make(CONFIG).eval()
    x, labels = batch()
    together = critic(x, labels)
    assert together.shape == (6,)
    torch.testing.assert_close(together[2:3], critic(x[2:3], labels[2:3]))
    assert not torch.equal(together, critic(x, labels.roll(1)))


@pytest.mark.parametrize("make", GENERATORS)
def test_a_label_that_does_not_exist_raises(make):
    with pytest.raises(ValueError, match="0 to 9"):
        make(CONFIG)(torch.randn(2, 5), torch.tensor([3, 10]))


def test_known_values_of_the_wasserstein_loss(players):
    # real 1, generated 0 at the first pixel: distance = weight, the slope has length = weight
    losses = wasserstein_loss(FirstPixel(3.0), ones(), zero_pixel(players[0]))
    assert losses["distance"].item() == pytest.approx(3)
    assert losses["penalty"].item() == pytest.approx(4)
    assert losses["loss"].item() == pytest.approx(10 * 4 - 3)
    best = wasserstein_loss(FirstPixel(1.0), ones(), zero_pixel(players[0]))
    assert best["loss"].item() == pytest.approx(-1)  # the distance between the two, no penalty


def test_the_gradient_penalty_looks_on_the_line_from_real_to_generated(players):
    generator, critic = players
    seen = []
    critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    wasserstein_loss(critic, (torch.zeros(6, 1, 28, 28), torch.arange(6)), generator)
    _, fake, between = seen
    share = (between / fake).flatten(1)  # the real images are 0
    torch.testing.assert_close(share, share[:, :1].expand_as(share))  # one share for an image
    assert share.min() >= 0 and share.max() <= 1 and len(share[:, 0].unique()) == 6


def test_known_values_of_the_hinge_loss(players):
    generator = zero_pixel(players[0])
    assert hinge_loss(FirstPixel(0.0), ones(), generator)["loss"].item() == pytest.approx(2)
    assert hinge_loss(FirstPixel(0.5), ones(), generator)["loss"].item() == pytest.approx(1.5)
    # scores 7 and 0: nothing more to win on real ones
    assert hinge_loss(FirstPixel(7.0), ones(), generator)["loss"].item() == pytest.approx(1)


def test_known_values_of_the_relativistic_loss(players):
    generator = zero_pixel(players[0])
    blind = relativistic_loss(FirstPixel(0.0), ones(), generator)
    assert blind["loss"].item() == pytest.approx(math.log(2)) and blind["penalty"] == 0
    sees = relativistic_loss(FirstPixel(2.0), ones(), generator, weight=3.0)
    assert sees["relativistic"].item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert sees["penalty"].item() == pytest.approx(4 + 4)  # at real and at generated images
    assert sees["loss"].item() == pytest.approx(math.log(1 + math.exp(-2)) + 1.5 * 8)
    loss = relativistic_generator_loss(generator, ones(), FirstPixel(2.0))["loss"]
    assert loss.item() == pytest.approx(math.log(1 + math.exp(2)))
    assert score_loss(generator, ones(), FirstPixel(2.0))["loss"].item() == pytest.approx(0)


def test_adding_a_constant_to_all_scores_changes_no_relativistic_loss(players):
    generator, critic = players
    values = []
    for shift in (0.0, 100.0):
        with torch.no_grad():
            critic.layers[-1].bias += shift
        torch.manual_seed(3)
        values.append(relativistic_loss(critic, batch(), generator)["loss"])
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-4)


def test_slopes_without_a_second_backward_pass_equal_autograd(players):
    critic = players[1]
    x, labels = batch(40)
    scores, slope = chained_slopes(critic.layers, x.flatten(1), labels)
    torch.testing.assert_close(scores, critic(x, labels))
    _, expected = slopes(critic, x, labels)
    torch.testing.assert_close(slope, expected)
    # and so do the gradients of the penalty with respect to all weights
    ours = torch.autograd.grad(slope.square().sum(), critic.parameters(), allow_unused=True)
    theirs = torch.autograd.grad(expected.square().sum(), critic.parameters(), allow_unused=True)
    for a, b, weight in zip(ours, theirs, critic.parameters(), strict=True):
        zero = torch.zeros_like(weight)
        torch.testing.assert_close(zero if a is None else a, zero if b is None else b)


def test_slopes_point_where_the_score_rises(players):
    critic = players[1].double()
    x, labels = batch(3)
    x = x.double()
    step = 1e-6 * torch.randn_like(x)
    rise = critic(x + step, labels) - critic(x, labels)
    expected = (slopes(critic, x, labels)[1] * step.flatten(1)).sum(dim=1)
    torch.testing.assert_close(rise, expected, rtol=1e-4, atol=1e-12)


def test_power_iteration_converges_to_the_largest_singular_value():
    torch.manual_seed(0)
    weight, left = torch.randn(20, 30), torch.randn(20)
    for _ in range(200):
        largest, left = spectral_step(weight, left)
    torch.testing.assert_close(largest, torch.linalg.matrix_norm(weight, 2))


def test_a_spectral_layer_equals_that_of_torch():
    torch.manual_seed(0)
    ours = SpectralLinear(30, 20)
    theirs = nn.Linear(30, 20)
    theirs.load_state_dict({name: ours.state_dict()[name] for name in ("weight", "bias")})
    theirs = parametrizations.spectral_norm(theirs)
    x = torch.randn(4, 30)
    for _ in range(300):  # both iterate at every call in training mode
        a, b = ours(x), theirs(x)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    ours.zero_grad(), a.square().sum().backward()
    b.square().sum().backward()
    original = theirs.parametrizations.weight.original
    torch.testing.assert_close(ours.weight.grad, original.grad, rtol=1e-3, atol=1e-4)


def test_evaluation_does_not_move_a_spectral_layer():
    layer = SpectralLinear(5, 4).eval()
    before = layer.left.clone()
    x = torch.randn(3, 5)
    torch.testing.assert_close(layer(x), layer(x))
    assert torch.equal(layer.left, before)


def test_a_spectral_critic_has_slopes_of_at_most_1():
    torch.manual_seed(0)
    critic = SpectralCritic(CONFIG)
    x, labels = batch(50)
    for _ in range(200):
        critic(x, labels)
    lengths = slopes(critic, x, labels)[1].norm(dim=1)
    assert lengths.max() <= 1.001


@pytest.mark.parametrize("loss", CRITIC_LOSSES)
@pytest.mark.parametrize("make", GENERATORS)
def test_a_critic_step_leaves_the_generator_alone(players, loss, make):
    torch.manual_seed(0)
    generator, critic = make(CONFIG), players[1]
    before = [p.detach().clone() for p in generator.parameters()]
    mine = [p.detach().clone() for p in critic.parameters()]
    optimizer = torch.optim.Adam(critic.parameters(), 1e-3)
    update(critic, batch(), partial(loss, generator=generator), optimizer)
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), before, strict=True))
    assert all(p.grad is None for p in generator.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(critic.parameters(), mine, strict=True))


@pytest.mark.parametrize("loss", GENERATOR_LOSSES)
@pytest.mark.parametrize("make", CRITICS)
def test_a_generator_step_leaves_the_critic_alone(players, loss, make):
    torch.manual_seed(0)
    generator, critic = players[0], make(CONFIG)
    before = [p.detach().clone() for p in critic.parameters()]
    optimizer = torch.optim.Adam(generator.parameters(), 1e-3)
    update(generator, batch(), partial(loss, critic=critic), optimizer)
    assert all(torch.equal(a, b) for a, b in zip(critic.parameters(), before, strict=True))
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())
    assert all(p.grad is not None for p in generator.parameters())


@pytest.mark.parametrize("loss", CRITIC_LOSSES)
def test_the_critic_is_paid_for_scoring_real_images_higher(players, loss):
    generator = zero_pixel(players[0])
    right, wrong = (loss(FirstPixel(w), ones(), generator)["loss"] for w in (0.5, -0.5))
    assert right < wrong


def test_losses_and_gradients_are_finite_for_inputs_times_1000(players):
    generator, critic = players
    x, labels = batch()
    for loss in CRITIC_LOSSES:
        value = loss(critic, (1000 * x, labels), generator)["loss"]
        grads = torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)
        assert value.isfinite() and all(g is None or g.isfinite().all() for g in grads)


@pytest.mark.parametrize("make", GENERATORS)
def test_the_same_noise_alone_and_in_a_batch_gives_the_same_image(make):
    torch.manual_seed(0)
    generator = make(CONFIG)
    for _ in range(3):  # batch statistics that are not those of the start
        generator(3 * torch.randn(32, 5), torch.arange(32) % 10)
    generator.eval()
    z, labels = torch.randn(7, 5), torch.arange(7)
    torch.testing.assert_close(generator(z, labels)[3:4], generator(z[3:4], labels[3:4]))


def test_sampling_gives_the_mode_back_and_follows_the_seed(players):
    generator = players[0].train()
    labels = torch.arange(10)
    a, b = (sample(generator, labels, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b) and generator.training and not a.requires_grad
    average = MovingAverage(generator)
    assert torch.equal(sample(average.model, labels, torch.Generator().manual_seed(3)), a)
    assert not average.model.training  # it stays in eval mode


def test_truncated_noise_stays_within_its_limit(players):
    seen = []
    generator = players[0]
    generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    labels = torch.zeros(2000, dtype=torch.int64)
    sample(generator, labels, torch.Generator().manual_seed(0), truncation=0.5)
    z = torch.cat(seen)
    assert z.shape == (2000, 5) and z.abs().max() <= 0.5
    # within +-t a normal draw has the variance 1 - 2 t f(t) / (2 F(t) - 1) = 0.0806 for t = 0.5;
    # 10,000 numbers: 5 standard errors are 5 %
    assert z.var().item() == pytest.approx(0.0806, rel=0.05)


@pytest.mark.parametrize("loss", CRITIC_LOSSES)
def test_a_short_last_batch_works(players, loss):
    generator, critic = players
    for n in (2, 3):  # with one item alone there are no batch statistics
        assert loss(critic, batch(n), generator)["loss"].isfinite()
        assert score_loss(generator, batch(n), critic)["loss"].isfinite()


def test_the_game_teaches_the_generator_what_each_label_looks_like():
    """Label 0 is white on the left, label 1 on the right."""
    torch.manual_seed(0)
    config = LabelGANConfig(noise_size=4, widths=(32,), critic_widths=(32,))
    generator, critic = LabelGenerator(config), LabelCritic(config)
    adams = [
        torch.optim.Adam(model.parameters(), 4e-3, betas=(0.0, 0.99))
        for model in (generator, critic)
    ]
    labels = torch.arange(2).repeat(16)
    x = torch.zeros(32, 1, 28, 28)
    x[labels == 0, :, :, :14] = x[labels == 1, :, :, 14:] = 1
    for _ in range(150):
        update(critic, (x, labels), partial(relativistic_loss, generator=generator), adams[1])
        of_generator = partial(relativistic_generator_loss, critic=critic)
        update(generator, (x, labels), of_generator, adams[0])
    drawn = sample(generator, labels, torch.Generator().manual_seed(0))
    assert (drawn - x).abs().mean() < 0.1  # it began at 0.5


def test_known_values_where_the_critic_likes_the_generated_images():
    """Real images 0, generated 1 at the first pixel: every score of a generated one counts."""
    torch.manual_seed(0)
    generator, real = LabelGenerator(CONFIG), (torch.zeros(6, 1, 28, 28), torch.arange(6))
    with torch.no_grad():
        generator.layers[-1].bias[0] = 80
    assert hinge_loss(FirstPixel(0.5), real, generator)["loss"].item() == pytest.approx(1 + 1.5)
    losses = wasserstein_loss(FirstPixel(1.0), real, generator)
    assert losses["distance"].item() == pytest.approx(-1) and losses["loss"].item() == 1
    loss = score_loss(generator, real, FirstPixel(0.5))["loss"]
    assert loss.item() == pytest.approx(-0.5)
    losses = relativistic_loss(FirstPixel(2.0), real, generator)  # its own weight: 0.1
    assert losses["loss"].item() == pytest.approx(math.log(1 + math.exp(2)) + 0.05 * 8)


@pytest.mark.parametrize("make", CRITICS)
def test_scores_with_slopes_are_the_scores_and_point_where_they_rise(make):
    torch.manual_seed(0)
    critic = make(CONFIG).eval().double()
    if make is SpectralCritic:  # its layers hold no plain weights
        return
    x, labels = batch(3)
    x = x.double()
    score, slope = critic.with_slopes(x, labels)
    torch.testing.assert_close(score, critic(x, labels))
    step = 1e-6 * torch.randn_like(x)
    rise = critic(x + step, labels) - critic(x, labels)
    wanted = (slope * step.flatten(1)).sum(dim=1)
    torch.testing.assert_close(rise, wanted, rtol=1e-4, atol=1e-12)


def kinds(layers: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in layers]


def test_between_two_maps_stands_a_leaky_layer_and_in_generators_a_normalization():
    bend = ["BatchNorm2d", "LeakyReLU"]
    up = ["Linear", "Unflatten", *bend, "ConvTranspose2d", *bend, "ConvTranspose2d", "Flatten"]
    assert kinds(ConvGenerator(CONFIG).layers) == up
    down = ["Unflatten", "Conv2d", "LeakyReLU", "Conv2d", "LeakyReLU", "Flatten", "Linear"]
    assert kinds(ConvCritic(CONFIG).layers) == down
    for make in (*GENERATORS, *CRITICS):  # a fifth of what is below 0 passes
        slopes = [m.negative_slope for m in make(CONFIG).modules() if isinstance(m, nn.LeakyReLU)]
        assert slopes == [0.2] * 2


def test_noise_that_is_drawn_again_follows_the_seed_too(players):
    labels = torch.arange(10)
    one, two = (
        sample(players[0], labels, torch.Generator().manual_seed(3), truncation=0.5)
        for _ in range(2)
    )
    assert torch.equal(one, two)
