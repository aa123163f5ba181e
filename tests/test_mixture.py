"""The mixture of Gaussians against torch.distributions, closed forms, and its own draws."""

import math

import pytest
import torch
from torch import distributions
from torch.testing import assert_close

from course_utils.models.mixture import (
    Mixture,
    MixtureConfig,
    gaussian_log_density,
    mixture_loss,
    sample,
)
from course_utils.training import update


def a_mixture(components: int, dims: int, seed: int = 0) -> Mixture:
    """A mixture with random weights, means and deviations."""
    torch.manual_seed(seed)
    model = Mixture(MixtureConfig(components, dims))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def the_same_in_torch(model: Mixture) -> distributions.Distribution:
    bells = distributions.Normal(model.means, model.log_stds.exp())
    which = distributions.Categorical(logits=model.logits)
    return distributions.MixtureSameFamily(which, distributions.Independent(bells, 1))


@pytest.mark.parametrize(("components", "dims"), [(1, 1), (3, 1), (1, 4), (5, 2)])
def test_the_log_density_is_that_of_torch_distributions(components, dims):
    model = a_mixture(components, dims)
    x = 3 * torch.randn(50, dims)
    assert_close(model(x), the_same_in_torch(model).log_prob(x))


def test_a_standard_gaussian_costs_half_ln_2_pi_e_at_its_own_draws():
    entropy = 0.5 * math.log(2 * math.pi * math.e)
    x = torch.tensor([[-1.0], [1.0]])  # mean 0, variance 1
    loss = -gaussian_log_density(x, torch.zeros(1), torch.zeros(1)).mean()
    assert loss.item() == pytest.approx(entropy)
    assert entropy == pytest.approx(1.4189385)


def test_densities_in_two_dimensions_multiply():
    x, mean, log_std = torch.randn(7, 2), torch.randn(2), torch.randn(2)
    apart = [gaussian_log_density(x[:, i : i + 1], mean[i], log_std[i]) for i in (0, 1)]
    assert_close(gaussian_log_density(x, mean, log_std), sum(apart))


def test_the_density_integrates_to_one():
    model = a_mixture(3, 2)
    axis = torch.linspace(-40, 40, 1601)  # steps of 0.05; the narrowest bell has deviation 0.1
    grid = torch.cartesian_prod(axis, axis)
    assert model.log_stds.exp().min() > 0.1
    assert (model(grid).exp().sum() * 0.05**2).item() == pytest.approx(1.0, abs=1e-3)


def test_maximum_likelihood_of_one_bell_is_the_mean_and_the_biased_variance():
    torch.manual_seed(0)
    x = torch.tensor([3.0, -1.0]) + torch.tensor([0.5, 4.0]) * torch.randn(200, 2)
    model = Mixture(MixtureConfig(components=1, dims=2))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-7)

    def closure():
        optimizer.zero_grad()
        loss = mixture_loss(model, (x,))["loss"]
        loss.backward()
        return loss

    optimizer.step(closure)
    variance = x.var(dim=0, unbiased=False)
    assert_close(model.means[0], x.mean(dim=0), atol=1e-3, rtol=0.0)
    assert_close((2 * model.log_stds[0]).exp(), variance, atol=0.0, rtol=1e-3)
    known = 0.5 * (2 * math.pi * math.e * variance).log().sum()
    assert_close(mixture_loss(model, (x,))["loss"], known)


def test_the_loss_is_a_mean_over_items():
    model, x = a_mixture(3, 2), torch.randn(10, 2)
    once = mixture_loss(model, (x,))["loss"]
    assert_close(mixture_loss(model, (torch.cat([x, x, x]),))["loss"], once)
    assert_close(once, -model(x).mean())


def test_draws_have_the_moments_of_the_mixture():
    """10,000 draws, 5 standard errors: a false alarm in a million seeds."""
    model, n = a_mixture(4, 2), 10_000
    x = sample(model, n, torch.Generator().manual_seed(1))
    truth = the_same_in_torch(model)
    assert x.shape == (n, 2)
    mean_error = (truth.variance / n).sqrt()
    assert ((x.mean(dim=0) - truth.mean).abs() < 5 * mean_error).all()
    squares = (x - truth.mean).square()
    variance_error = squares.std(dim=0) / math.sqrt(n)
    assert ((squares.mean(dim=0) - truth.variance).abs() < 5 * variance_error).all()


def test_draws_follow_their_generator_and_leave_the_global_one_alone():
    model = a_mixture(4, 2)
    before = torch.get_rng_state()
    first = sample(model, 5, torch.Generator().manual_seed(3))
    assert torch.equal(first, sample(model, 5, torch.Generator().manual_seed(3)))
    assert torch.equal(before, torch.get_rng_state())
    assert not first.requires_grad


def test_loss_and_gradients_are_finite_for_inputs_a_thousand_times_too_large():
    model = a_mixture(4, 2)
    loss = mixture_loss(model, (1000 * torch.randn(20, 2),))["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_it_starts_on_items_of_the_data_with_the_deviations_of_all():
    x = torch.randn(30, 2) * torch.tensor([1.0, 50.0])
    model = Mixture(MixtureConfig(components=5, dims=2))
    model.start_from(x)
    assert all((x == mean).all(dim=1).any() for mean in model.means)
    assert len(model.means.unique(dim=0)) == 5
    assert_close(model.log_stds.exp(), x.std(dim=0).expand(5, 2))


@pytest.mark.parametrize(("items", "components"), [(2, 3), (1, 1)])
def test_too_few_items_to_start_from_are_refused_with_the_number(items, components):
    model = Mixture(MixtureConfig(components, dims=2))
    with pytest.raises(ValueError, match=f"{items} items cannot start {components}"):
        model.start_from(torch.randn(items, 2))


def test_it_learns_two_far_hills_from_one_batch():
    torch.manual_seed(0)
    hills = torch.cat([torch.randn(300, 1) * 0.3 - 3, torch.randn(100, 1) * 0.3 + 3])
    model = Mixture(MixtureConfig(components=2, dims=1))
    model.start_from(hills)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    start = update(model, (hills,), mixture_loss, optimizer)["loss"]
    for _ in range(200):
        end = update(model, (hills,), mixture_loss, optimizer)["loss"]
    one_gaussian = 0.5 * math.log(2 * math.pi * math.e * hills.var(unbiased=False))
    assert end < 0.5 * start and end < one_gaussian - 1
    assert_close(
        model.logits.softmax(0).sort().values, torch.tensor([0.25, 0.75]), atol=0.01, rtol=0
    )


def test_as_many_items_as_components_are_enough_to_start():
    x = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    model = Mixture(MixtureConfig(components=2, dims=2))
    model.start_from(x)
    assert_close(model.means.sort(dim=0).values.detach(), x)
