"""Distances between sets of features: closed forms, known values, and their statistics."""

import pytest
import torch

from course_utils.sample_quality import frechet_distance, kernel_distance, precision_recall


def normal(n: int, size: int, seed: int) -> torch.Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def with_moments(n: int, mean: torch.Tensor, cov: torch.Tensor, seed: int) -> torch.Tensor:
    """Items whose sample mean and covariance are exactly these, up to rounding."""
    x = normal(n, len(mean), seed).double()
    x = x - x.mean(dim=0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T  # covariance 1
    return mean + x @ torch.linalg.cholesky(cov).T


def test_frechet_distance_equals_the_closed_form_of_two_gaussians():
    # commuting covariances: |m|^2 + sum (a - b)^2 with a, b the standard deviations
    a, b = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([3.0, 1.0, 0.5]).double()
    mean = torch.tensor([1.0, -2.0, 0.0]).double()
    x = with_moments(50, torch.zeros(3).double(), a.square().diag(), 0)
    y = with_moments(60, mean, b.square().diag(), 1)
    expected = 5.0 + (a - b).square().sum().item()
    assert frechet_distance(x, y) == pytest.approx(expected, abs=1e-8)


def test_frechet_distance_of_covariances_that_do_not_commute():
    a = torch.tensor([[2.0, 0.6], [0.6, 1.0]]).double()
    b = torch.tensor([[1.0, -0.8], [-0.8, 3.0]]).double()
    x, y = (with_moments(40, torch.zeros(2).double(), cov, s) for s, cov in enumerate((a, b)))
    # of a 2 x 2 matrix: tr root(M) = root(tr M + 2 root(det M)), here M = A B
    product = a @ b
    trace = (product.trace() + 2 * torch.linalg.det(product).sqrt()).sqrt()
    expected = (a.trace() + b.trace() - 2 * trace).item()
    assert frechet_distance(x, y) == pytest.approx(expected, abs=1e-8)


def test_frechet_distance_is_0_for_equal_sets_and_symmetric():
    x, y = normal(300, 8, 0), 2 * normal(200, 8, 1) + 1
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-6)


def test_frechet_distance_survives_a_feature_that_never_changes():
    x, y = normal(100, 3, 0), normal(100, 3, 1)
    x[:, 2] = y[:, 2] = 0
    distance = frechet_distance(x, y)
    assert distance == pytest.approx(frechet_distance(x[:, :2], y[:, :2]), abs=1e-6)


def test_frechet_distance_is_biased_small_sets_look_worse():
    small, large = (frechet_distance(normal(n, 16, 0), normal(n, 16, 1)) for n in (50, 5000))
    assert small > 20 * large


def test_kernel_distance_is_unbiased_for_sets_of_one_distribution():
    # 40 pairs of sets; the mean within 4 of its own standard errors: false alarm in 1 of 10,000
    values = [
        kernel_distance(normal(200, 5, 2 * i), normal(200, 5, 2 * i + 1), block=100)[0]
        for i in range(40)
    ]
    values = torch.tensor(values)
    assert values.mean().abs() < 4 * values.std() / 40**0.5
    assert values.min() < 0 < values.max()


def test_kernel_distance_of_a_shift_equals_its_expectation():
    # dimension 1, kernel (x y + 1)^3 = sum of c_j x^j y^j with c = 1, 3, 3, 1:
    # the squared MMD is the sum of c_j (difference of the j-th moments)^2; N(0, 1) and N(1, 1)
    # have the moments 0, 1, 0 and 1, 2, 4
    expected = 3 * (1 - 0) ** 2 + 3 * (2 - 1) ** 2 + (4 - 0) ** 2
    value, error = kernel_distance(normal(40_000, 1, 0), normal(40_000, 1, 1) + 1)
    assert abs(value - expected) < 5 * error < 0.2 * expected


def test_the_kernel_does_not_grow_with_the_number_of_features():
    # k = (x y / F + 1)^3: within the ones 8, within the zeros 1, between them 1
    for F in (1, 64):
        distance = kernel_distance(torch.ones(4, F), torch.zeros(4, F), block=2)
        assert distance == pytest.approx((8 + 1 - 2 * 1, 0))


def test_kernel_distance_compares_no_item_with_itself():
    x = torch.tensor([[1.0], [2.0], [1.0], [2.0]])
    # blocks (1, 2): within, the one pair gives (2 + 1)^3 = 27; between: 8, 27, 27, 125
    value, error = kernel_distance(x, x, block=2)
    assert value == pytest.approx(2 * 27 - 2 * (8 + 27 + 27 + 125) / 4)
    assert error == 0


def test_precision_and_recall_of_sets_made_to_have_known_values():
    real = torch.cat([normal(300, 2, 0), normal(300, 2, 1) + 100])
    one_mode = normal(600, 2, 2)
    precision, recall = precision_recall(real, one_mode)
    assert precision > 0.9  # all of it looks real
    assert 0.4 < recall <= 0.5  # and it misses half
    precision, recall = precision_recall(one_mode, real)
    assert 0.4 < precision <= 0.5 and recall > 0.9  # the same sets in exchanged roles


def test_precision_and_recall_of_equal_and_of_far_sets():
    x = normal(200, 4, 0)
    assert precision_recall(x, x) == (1.0, 1.0)
    assert precision_recall(x, x + 1000) == (0.0, 0.0)


def test_one_item_repeated_has_precision_without_recall():
    real = normal(500, 2, 0)
    repeated = real[:1].repeat(500, 1)
    precision, recall = precision_recall(real, repeated)
    assert precision == 1.0 and recall < 0.01


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, precision_recall])
def test_bad_features_are_refused_with_a_cure(distance):
    good = normal(2500, 4, 0)
    with pytest.raises(ValueError, match="need features"):
        distance(good, good[:, :3])
    with pytest.raises(ValueError, match="need features"):
        distance(good.unflatten(1, (2, 2)), good)
    with pytest.raises(ValueError, match="too few; give at least"):
        distance(good, good[:3])
    with pytest.raises(ValueError, match="not finite"):
        distance(good, good.clone().fill_(torch.nan))


def test_precision_and_recall_of_four_points_by_hand():
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])  # first neighbours at 1, 1, 1, 8
    generated = torch.tensor([[2.5], [12.0], [30.0], [31.0]])  # at 9.5, 9.5, 1, 1
    assert precision_recall(real, generated, k=1) == (0.5, 1.0)


def test_the_fewest_items_that_are_allowed_are_enough():
    x = normal(5, 4, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert precision_recall(x[:2], x[:2], k=1) == (1.0, 1.0)


def test_an_item_at_the_distance_of_the_neighbour_still_lies_among_them():
    real, generated = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [30.0]])
    assert precision_recall(real, generated, k=1)[0] == 0.5


def test_three_neighbours_and_blocks_of_a_thousand_unless_said_otherwise():
    real, made = normal(2000, 2, 0), normal(2000, 2, 1) + 1
    assert precision_recall(real[:200], made[:200]) == precision_recall(real[:200], made[:200], k=3)
    assert kernel_distance(real, made) == kernel_distance(real, made, block=1000)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, precision_recall])
def test_the_second_set_needs_rows_too(distance):
    good = normal(2500, 4, 0)
    with pytest.raises(ValueError, match="need features"):
        distance(good, good[:, :, None])


def test_blocks_without_a_partner_are_left_out():
    x, y = normal(4, 3, 0), normal(9, 3, 1)
    assert kernel_distance(x, y, block=2) == kernel_distance(x, y[:4], block=2)
