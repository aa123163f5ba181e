"""The ring of Gaussians, and counting its modes."""

import torch

from course_utils.data.ring import DEVIATION, count_modes, draw_ring, ring_centres


def test_points_lie_on_their_modes_with_the_stated_deviation():
    points = draw_ring(80_000, torch.Generator().manual_seed(0))
    nearest = torch.cdist(points, ring_centres()).argmin(dim=1)
    offsets = points - ring_centres()[nearest]
    # 10,000 points a mode: 5 standard errors of a share are 0.017, of a deviation 1.6 %
    shares = torch.bincount(nearest, minlength=8) / len(points)
    torch.testing.assert_close(shares, torch.full((8,), 1 / 8), atol=0.006, rtol=0)
    assert abs(offsets.std().item() / DEVIATION - 1) < 0.01
    assert offsets.mean(dim=0).abs().max() < 5 * DEVIATION / len(points) ** 0.5


def test_equal_generators_draw_equal_points():
    one, again, other = (draw_ring(100, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_real_points_have_all_modes_and_nearly_all_lie_within_three_deviations():
    modes, share = count_modes(draw_ring(20_000, torch.Generator().manual_seed(1)))
    assert modes == 8
    assert abs(share - 0.9889) < 5 * (0.0111 / 20_000) ** 0.5


def test_lost_modes_and_points_between_are_seen():
    centres = ring_centres()
    assert count_modes(centres[:1].repeat(100, 1)) == (1, 1.0)
    assert count_modes(torch.zeros(100, 2)) == (0, 0.0)  # the middle of the ring
    half = torch.cat([centres[:4].repeat(25, 1), torch.zeros(100, 2)])
    assert count_modes(half) == (4, 0.5)


def test_a_stray_point_makes_no_mode():
    centres = ring_centres()
    points = torch.cat([centres[:1].repeat(99, 1), centres[1:2]])
    assert count_modes(points) == (1, 1.0)
