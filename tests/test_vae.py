"""Variational autoencoders: terms in nats that equal closed forms, bounds in order, fair draws."""

import math
from functools import partial

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from course_utils.data.batches import Batches
from course_utils.models.vae import (
    VAE,
    BentVAE,
    VAEConfig,
    bernoulli_nll,
    binarized,
    estimate_log_likelihood,
    gaussian_nll,
    importance_weighted_bound,
    importance_weighted_loss,
    kl_to_standard_normal,
    log_weights,
    reparameterize,
    sample,
    start_at_mean,
    vae_loss,
)
from course_utils.training import evaluate, update

SMALL = VAEConfig(latent_size=3, widths=(16,))
DEVIATION = 0.5  # of a pixel, in the linear-Gaussian model


def random_images(n, seed=0):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def small_vae(config=SMALL, kind=VAE):
    """Untrained, but with a decoder that draws something else for every code."""
    torch.manual_seed(0)
    model = kind(config)
    model.decoder[-1].reset_parameters()
    return model


def normal(mean, log_var):
    return Normal(mean, torch.exp(0.5 * log_var))


def linear_gaussian(wrong_by=0.0):
    """A linear VAE whose encoder is the exact posterior, its mean shifted by `wrong_by`.

    x = W z + b + noise with orthogonal columns in W: the posterior is diagonal. Returns the model,
    its likelihood, 5 images drawn from it and their exact log p(x), where x ~ N(b, W W' + s^2 I).
    """
    generator = torch.Generator().manual_seed(0)
    model = small_vae(VAEConfig(latent_size=3, widths=())).double()
    w, _ = torch.linalg.qr(torch.randn(784, 3, generator=generator, dtype=torch.float64))
    w = w * torch.tensor([3.0, 2.0, 0.5], dtype=torch.float64)
    b = torch.rand(784, generator=generator, dtype=torch.float64)
    precision = 1 + w.square().sum(dim=0) / DEVIATION**2  # of the posterior
    to_mean = (w / DEVIATION**2 / precision).T  # (3, 784)
    # encode() limits log_var softly; this is what goes in so that -log(precision) comes out
    log_var = 10 * torch.atanh(-precision.log() / 10)
    with torch.no_grad():
        model.decoder[0].weight.copy_(w)
        model.decoder[0].bias.copy_(b)
        model.encoder[0].weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
        model.encoder[0].bias.copy_(torch.cat([wrong_by - to_mean @ b, log_var]))
    z = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(5, 784, generator=generator, dtype=torch.float64)
    x = z @ w.T + b + DEVIATION * noise
    covariance = w @ w.T + DEVIATION**2 * torch.eye(784, dtype=torch.float64)
    exact = MultivariateNormal(b, covariance).log_prob(x)
    return model, partial(gaussian_nll, deviation=DEVIATION), x.unflatten(1, (1, 28, 28)), exact


def test_the_kl_is_that_of_torch_distributions():
    mean, log_var = torch.randn(5, 4), torch.randn(5, 4)
    wanted = kl_divergence(normal(mean, log_var), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_var), wanted)


def test_the_kl_is_zero_at_the_prior_and_positive_elsewhere():
    zero = torch.zeros(2, 4)
    assert kl_to_standard_normal(zero, zero).tolist() == [0, 0]
    assert kl_to_standard_normal(zero + 0.1, zero).min() > 0
    assert kl_to_standard_normal(zero, zero - 0.1).min() > 0


def test_draws_have_the_mean_and_the_variance_that_were_asked_for():
    # 100,000 draws; mean and variance each within 5 standard errors: a false alarm in 10^6 seeds
    n = 100_000
    mean, log_var = torch.tensor([1.0, -2.0]), torch.tensor([-2.0, 1.5])
    torch.manual_seed(0)
    z = reparameterize(mean.expand(n, 2), log_var.expand(n, 2))
    variance = log_var.exp()
    assert ((z.mean(dim=0) - mean).abs() < 5 * (variance / n).sqrt()).all()
    assert ((z.var(dim=0) / variance - 1).abs() < 5 * math.sqrt(2 / n)).all()


def test_gradients_reach_the_mean_and_the_log_variance_through_a_draw():
    mean, log_var = torch.zeros(4, 3, requires_grad=True), torch.zeros(4, 3, requires_grad=True)
    torch.manual_seed(0)
    z = reparameterize(mean, log_var)
    z.sum().backward()
    assert mean.grad.eq(1).all()
    torch.testing.assert_close(log_var.grad, 0.5 * z.detach())  # dz / dlog_var = std eps / 2


def test_a_decoder_that_knows_nothing_costs_784_ln_2_nats_whatever_the_image():
    zeros = torch.zeros(3, 1, 28, 28)
    for x in (random_images(3), zeros, zeros + 1):
        torch.testing.assert_close(bernoulli_nll(zeros, x), torch.full((3,), 784 * math.log(2)))


def test_both_likelihoods_are_those_of_torch_distributions():
    output, x = torch.randn(4, 3, 1, 28, 28), random_images(3).round()
    wanted = -Independent(Bernoulli(logits=output), 3).log_prob(x.expand_as(output))
    torch.testing.assert_close(bernoulli_nll(output, x), wanted)
    wanted = -Independent(Normal(output, 0.3), 3).log_prob(x)
    torch.testing.assert_close(gaussian_nll(output, x, deviation=0.3), wanted)


def test_grey_pixels_cost_something_even_when_decoded_exactly():
    grey = torch.full((1, 1, 28, 28), 0.5)
    torch.testing.assert_close(
        bernoulli_nll(torch.logit(grey), grey)[0].item(), 543.4, rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("x", [random_images(2) * 1.01 + 0.1, random_images(2) - 0.5])
def test_targets_outside_0_1_say_so(x):
    with pytest.raises(ValueError, match=r"pixels must be in \[0, 1\].*divide by 255"):
        vae_loss(small_vae(), (x,))


def test_the_loss_is_the_sum_of_its_terms_and_beta_weighs_the_kl():
    model, batch = small_vae(), (random_images(8),)
    for beta in (1.0, 4.0):
        losses = vae_loss(model, batch, beta=beta)
        total = losses["reconstruction"] + beta * losses["kl"]
        torch.testing.assert_close(losses["loss"], total)
    mean, log_var = model.encode(batch[0])
    torch.testing.assert_close(losses["kl"], kl_to_standard_normal(mean, log_var).mean())


def test_the_loss_does_not_depend_on_the_size_of_the_batches():
    # log_var far below 0 makes the draws equal the means, so nothing random is left
    model, images = small_vae(), random_images(13)
    with torch.no_grad():
        model.encoder[-1].bias[SMALL.latent_size :] = -1000
    whole = vae_loss(model, (images,))
    for size in (13, 10, 1):
        means = evaluate(model, Batches(images, size=size), vae_loss)
        for name, value in whole.items():
            assert means[name] == pytest.approx(value.item(), rel=1e-3), (name, size)


def test_the_closed_form_elbo_of_a_linear_gaussian_model_is_the_mean_of_the_loss():
    model, nll, x, _ = linear_gaussian(wrong_by=0.1)
    w, b = model.decoder[0].weight, model.decoder[0].bias
    mean, log_var = model.encode(x)
    centre = gaussian_nll(model.decode(mean), x, DEVIATION)
    spread = (w.square().sum(dim=0) * log_var.exp()).sum(dim=1) / (2 * DEVIATION**2)
    elbo = -(centre + spread + kl_to_standard_normal(mean, log_var)).mean()
    assert (model.decode(mean).flatten(1) - (mean @ w.T + b)).abs().max() < 1e-9
    torch.manual_seed(0)
    with torch.no_grad():
        draws = torch.stack([-vae_loss(model, (x,), nll=nll)["loss"] for _ in range(400)])
    error = draws.std() / math.sqrt(len(draws))  # 5 standard errors: a false alarm in 10^6 seeds
    assert abs(draws.mean() - elbo) < 5 * error


def test_elbo_below_importance_weighted_bound_below_exact_log_likelihood():
    model, nll, x, exact = linear_gaussian(wrong_by=0.15)
    torch.manual_seed(0)
    with torch.no_grad():
        weights = log_weights(model, x, k=4000, nll=nll)  # (k, B)
    elbo = weights.mean(dim=0)
    of_5 = torch.stack([importance_weighted_bound(w) for w in weights.split(5)]).mean(dim=0)
    of_all = importance_weighted_bound(weights)
    assert (elbo + 0.1 < of_5).all() and (of_5 + 0.02 < exact).all()
    torch.testing.assert_close(of_all, exact, atol=0.15, rtol=0)


def test_with_the_exact_posterior_every_weight_is_the_exact_log_likelihood():
    model, nll, x, exact = linear_gaussian()
    weights = log_weights(model, x, k=7, nll=nll)
    torch.testing.assert_close(weights, exact.expand(7, -1))
    torch.testing.assert_close(estimate_log_likelihood(model, x, k=7, nll=nll, chunk=3), exact)


def test_draws_in_chunks_are_as_many_as_were_asked_for():
    model, x = small_vae(), random_images(4).round()
    torch.manual_seed(1)
    weights = torch.cat([log_weights(model, x, k) for k in (3, 3, 1)])
    torch.manual_seed(1)
    estimate = estimate_log_likelihood(model, x, k=7, chunk=3)
    torch.testing.assert_close(estimate, importance_weighted_bound(weights))


def test_log_weights_are_the_densities_of_torch_distributions():
    model, x = small_vae(), random_images(4).round()
    torch.manual_seed(1)
    weights = log_weights(model, x, k=5)
    torch.manual_seed(1)
    mean, log_var = model.encode(x)
    z = reparameterize(mean.expand(5, -1, -1), log_var.expand(5, -1, -1))
    joint = Normal(0.0, 1.0).log_prob(z).sum(dim=-1) - bernoulli_nll(model.decode(z), x)
    wanted = joint - normal(mean, log_var).log_prob(z).sum(dim=-1)
    torch.testing.assert_close(weights, wanted)


def test_the_bound_with_one_draw_is_the_weight_and_equal_weights_do_not_change_it():
    weights = torch.randn(1, 6)
    torch.testing.assert_close(importance_weighted_bound(weights), weights[0])
    torch.testing.assert_close(importance_weighted_bound(weights.expand(9, -1)), weights[0])


def test_the_importance_weighted_loss_is_minus_the_mean_bound():
    model, batch = small_vae(), (random_images(6).round(),)
    torch.manual_seed(1)
    loss = importance_weighted_loss(model, batch, k=5)["loss"]
    torch.manual_seed(1)
    bound = importance_weighted_bound(log_weights(model, batch[0], k=5))
    torch.testing.assert_close(loss, -bound.mean())


def test_losses_and_gradients_are_finite_for_inputs_a_thousand_times_too_large():
    model, x = small_vae(), random_images(8)
    mean, log_var = model.encode(1000 * x)
    assert log_var.abs().max() <= 10
    logits = model.decode(reparameterize(mean, log_var))
    loss = (bernoulli_nll(logits, x) + kl_to_standard_normal(mean, log_var)).mean()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_binarized_images_are_black_and_white_and_grey_on_average():
    seen = []

    def loss_fn(model, batch):
        seen.append(batch)
        return {"loss": batch[0].sum()}

    grey, labels = torch.full((200, 1, 28, 28), 0.3), torch.arange(200)
    torch.manual_seed(0)
    for _ in range(2):
        binarized(loss_fn)(None, (grey, labels))
    (one, same_labels), (two, _) = seen
    assert one.unique().tolist() == [0, 1] and same_labels is labels
    assert not one.equal(two)  # drawn anew
    # 156,800 pixels; 5 standard errors of a share of 0.3: a false alarm in 10^6 seeds
    assert abs(one.mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / one.numel())


every_model = pytest.mark.parametrize("kind", [VAE, BentVAE])


@every_model
def test_an_untrained_model_knows_nothing_and_one_at_the_mean_draws_it_for_every_code(kind):
    model, images = kind(SMALL), random_images(50) * 0.5 + 0.2
    assert bernoulli_nll(model(images), images).tolist() == pytest.approx([543.427] * 50)
    start_at_mean(model, images)
    drawn = torch.sigmoid(model.decode(torch.randn(2, 3)))
    torch.testing.assert_close(drawn, images.mean(dim=0).expand(2, -1, -1, -1))
    mean_code = model.encode(images.mean(dim=0, keepdim=True))[0]
    at_zero = model.encoder(torch.zeros(1, 784)).chunk(2, dim=1)[0]  # its layers see: no difference
    torch.testing.assert_close(mean_code, at_zero)
    start_at_mean(model, torch.zeros(2, 1, 28, 28))  # pixels without ink: finite all the same
    assert model(images).isfinite().all()


def test_shapes_of_codes_logits_and_reconstructions():
    model, x = small_vae(), random_images(5)
    mean, log_var = model.encode(x)
    assert mean.shape == log_var.shape == (5, 3)
    assert model.decode(torch.zeros(2, 5, 3)).shape == (2, 5, 1, 28, 28)
    torch.testing.assert_close(model(x), model.decode(mean))


def test_the_same_seed_gives_the_same_samples_in_the_data_range():
    model = small_vae()
    one, two, other = (sample(model, 6, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert one.shape == (6, 1, 28, 28)
    assert one.min() >= 0 and one.max() <= 1 and not one.requires_grad
    assert one.equal(two) and not one.equal(other)


def test_samples_are_decoded_from_draws_of_the_prior():
    model, seen = small_vae(), []
    model.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    sample(model, 10_000, torch.Generator().manual_seed(0))
    (z,) = seen
    # 5 standard errors of a mean, and of a variance, of 10,000 draws
    assert z.mean(dim=0).abs().max() < 5 * 10_000**-0.5
    assert (z.var(dim=0) - 1).abs().max() < 5 * (2 / 10_000) ** 0.5


def test_sampling_gives_the_mode_back_also_after_an_error():
    model = small_vae().train()
    model.decoder.append(torch.nn.Dropout())  # in eval mode it does nothing
    one, two = (sample(model, 6, torch.Generator().manual_seed(1)) for _ in range(2))
    assert one.equal(two)
    assert model.training
    sample(model.eval(), 2, torch.Generator())
    assert not model.training
    model.train().decoder = None
    with pytest.raises(TypeError):
        sample(model, 2, torch.Generator())
    assert model.training


@every_model
def test_one_batch_is_learned_in_seconds(kind):
    torch.manual_seed(0)
    model, batch = kind(VAEConfig(latent_size=8, widths=(64,))), (random_images(16).round(),)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = [update(model, batch, vae_loss, optimizer)["loss"].item() for _ in range(200)]
    assert losses[0] == pytest.approx(784 * math.log(2), rel=0.02)  # untrained: it knows nothing
    assert min(losses[-20:]) < 0.25 * losses[0]


def test_the_decoder_has_the_widths_of_the_encoder_in_reverse():
    for model in (VAE(VAEConfig(3, widths=(20, 10))), BentVAE(VAEConfig(3, widths=(20, 10)))):
        layers = getattr(model.decoder, "bent", model.decoder)
        sizes = [(layer.in_features, layer.out_features) for layer in layers[::2]]
        assert sizes == [(3, 10), (10, 20), (20, 784)]


def test_gaussian_pixels_cost_half_the_squared_error_plus_a_constant():
    x, mean = random_images(2), random_images(2, seed=9)
    error = 0.5 * (x - mean).square().flatten(1).sum(dim=1)
    wanted = error + 784 * 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(gaussian_nll(mean, x), wanted)


def test_the_importance_weighted_loss_uses_the_likelihood_that_it_is_given():
    model, batch = small_vae(), (random_images(6),)
    torch.manual_seed(1)
    loss = importance_weighted_loss(model, batch, k=5, nll=gaussian_nll)["loss"]
    torch.manual_seed(1)
    bound = importance_weighted_bound(log_weights(model, batch[0], 5, gaussian_nll))
    torch.testing.assert_close(loss, -bound.mean())


def test_a_binarized_loss_is_of_the_same_model():
    seen = []
    binarized(lambda model, batch: seen.append(model))("the model", (random_images(2),))
    assert seen == ["the model"]
