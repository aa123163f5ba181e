"""Units and distances against values one can check by hand."""

import math

import pytest
import torch

from course_utils.metrics import (
    active_units,
    bits_per_dimension,
    linear_probe_r2,
    nats_to_bits,
    nearest_neighbours,
    perplexity,
    psnr,
    sap_score,
    squared_correlations,
    squared_error,
)


def test_ln_2_nats_are_one_bit_and_784_ln_2_nats_one_bit_a_pixel():
    assert nats_to_bits(math.log(2)) == pytest.approx(1)
    assert bits_per_dimension(784 * math.log(2), 784) == pytest.approx(1)


def test_squared_error_is_summed_over_dimensions_and_kept_per_item():
    x = torch.zeros(3, 1, 28, 28)
    y = x.clone()
    y[1] = 0.5
    torch.testing.assert_close(squared_error(x, y), torch.tensor([0.0, 196.0, 0.0]))


def test_squared_error_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match="shapes differ"):
        squared_error(torch.zeros(3, 4), torch.zeros(3, 1))


def test_psnr_of_an_error_of_one_tenth_is_20_db_and_of_noise_its_deviation():
    x = torch.zeros(2, 1, 8, 8)
    torch.testing.assert_close(psnr(x, x + 0.1), torch.tensor([20.0, 20.0]))
    generator = torch.Generator().manual_seed(0)
    noise = 0.5 * torch.randn(1, 100_000, generator=generator)
    # 5 standard errors of the mean square: 5 sqrt(2 / 100,000) = 2.2 % = 0.1 dB
    assert abs(psnr(noise, torch.zeros_like(noise)).item() - 6.02) < 0.1


def test_nearest_neighbours_equal_brute_force_in_order():
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(300, 5, generator=generator)
    items = torch.randn(40, 5, generator=generator)
    distances, indices = nearest_neighbours(queries, items, k=3)
    brute = (queries[:, None] - items).square().sum(dim=2).sqrt()
    expected = brute.sort(dim=1)
    torch.testing.assert_close(indices, expected.indices[:, :3])
    torch.testing.assert_close(distances, expected.values[:, :3], atol=1e-4, rtol=1e-4)


def test_more_neighbours_than_items_is_refused_with_the_cure():
    with pytest.raises(ValueError, match="choose 1 <= k <= 4"):
        nearest_neighbours(torch.zeros(1, 2), torch.zeros(4, 2), k=5)


def test_a_probe_reads_a_linear_target_fully_and_noise_not_at_all():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(2_000, 3, generator=generator)
    linear = codes @ torch.tensor([[1.0], [2.0], [0.0]]) + 7
    noise = torch.randn(2_000, 1, generator=generator)
    half = linear + math.sqrt(5.0) * noise  # signal and noise have variance 5 each
    targets = torch.cat([linear, noise, half], dim=1)
    r2 = linear_probe_r2(codes[:1000], targets[:1000], codes[1000:], targets[1000:])
    assert r2[0] > 0.999
    assert abs(r2[1]) < 0.03
    assert abs(r2[2] - 0.5) < 0.1


def test_a_probe_survives_a_dimension_that_is_constant():
    codes = torch.cat([torch.randn(100, 2), torch.zeros(100, 1)], dim=1)
    r2 = linear_probe_r2(codes, codes[:, :1], codes, codes[:, :1])
    torch.testing.assert_close(r2, torch.ones(1), atol=1e-4, rtol=0)


def test_a_unit_whose_mean_never_changes_is_not_active():
    means = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    means = means * torch.tensor([1.0, 0.2, 0.05]) + 7
    assert active_units(means).tolist() == [True, True, False]
    assert active_units(means, threshold=0.1).tolist() == [True, False, False]


def test_squared_correlations_are_those_of_corrcoef_and_0_for_a_constant():
    generator = torch.Generator().manual_seed(0)
    codes, noise = (torch.randn(200, size, generator=generator) for size in (3, 2))
    factors = torch.stack([codes[:, 0] * -2 + 5, codes[:, 1] + noise[:, 0]], dim=1)
    wanted = torch.corrcoef(torch.cat([codes, factors], dim=1).T)[:3, 3:].square()
    r2 = squared_correlations(codes, factors)
    torch.testing.assert_close(r2, wanted)
    assert r2[0, 0] == pytest.approx(1)
    codes[:, 2] = 4.0
    assert squared_correlations(codes, factors)[2].tolist() == [0, 0]


def test_the_sap_score_is_1_for_one_number_a_factor_and_0_for_two_that_know_the_same():
    assert sap_score(torch.eye(4)[:, :3]) == 1
    assert sap_score(torch.tensor([[0.5, 0.9], [0.5, 0.3], [0.1, 0.2]])) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="at least 2"):
        sap_score(torch.ones(1, 3))


def test_perplexity_of_equal_counts_is_their_number_and_of_a_single_kind_1():
    assert perplexity(torch.full((128,), 7)) == pytest.approx(128)
    assert perplexity(torch.tensor([0, 9, 0])) == pytest.approx(1)
    assert perplexity(torch.tensor([1, 1, 0, 0])) == pytest.approx(2)
    p = torch.tensor([0.5, 0.25, 0.25])
    entropy = torch.distributions.Categorical(p).entropy()
    assert perplexity(100 * p) == pytest.approx(entropy.exp().item())


@pytest.mark.parametrize("counts", [[0, 0], [3, -1]])
def test_perplexity_without_counts_says_so(counts):
    with pytest.raises(ValueError, match="counted"):
        perplexity(torch.tensor(counts))


def test_a_shift_of_both_changes_no_squared_error():
    x, y = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(squared_error(x + 5, y + 5), squared_error(x, y))


def test_one_neighbour_or_all_items_may_be_asked_for():
    items = torch.tensor([[0.0], [1.0], [3.0]])
    distances, indices = nearest_neighbours(torch.tensor([[2.9]]), items)
    assert indices.tolist() == [[2]] and distances.item() == pytest.approx(0.1, abs=1e-5)
    assert nearest_neighbours(torch.tensor([[2.9]]), items, k=3)[1].tolist() == [[2, 1, 0]]


def test_squared_correlations_depend_on_no_unit():
    codes, factors = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(0))
    small = squared_correlations(1e-2 * codes, 1e-2 * factors)
    torch.testing.assert_close(small, squared_correlations(codes, factors))


def test_two_numbers_one_count_and_a_variance_at_the_threshold():
    assert sap_score(torch.eye(2)) == 1
    assert perplexity(torch.tensor([0, 1])) == 1
    means = torch.tensor([[-1.0], [1.0]])  # variance 2
    assert not active_units(means, threshold=2.0) and active_units(means, threshold=1.9)
