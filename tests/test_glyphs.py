"""Glyphs: reproducible, in the frame, and their factors do in the image what their units say."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from course_utils.data.glyphs import (
    FACTOR_RANGES,
    FACTORS,
    PEN,
    SEGMENTS,
    _skeleton,
    draw_factors,
    draw_glyphs,
    glyph_split,
    render,
    soft_distance,
    write,
)

NEUTRAL = {"height": 16.0, "aspect": 1.0, "stroke_width": 2.5}  # all others 0


def drawn(digits: list[int], **factors: float) -> Tensor:
    """The same handwriting at every call, under the given factors: ink (n, 28, 28) in [0, 1]."""
    row = torch.tensor([{**NEUTRAL, **factors}.get(name, 0.0) for name in FACTORS])
    generator = torch.Generator().manual_seed(7)
    images, _ = draw_glyphs(torch.tensor(digits), generator, row.expand(len(digits), -1))
    return images[:, 0].double() / 255


def moments(ink: Tensor) -> dict[str, Tensor]:
    """Ink, centre of mass and second moments of images (n, 28, 28), in pixels, x right, y down."""
    at = torch.arange(28, dtype=torch.float64) + 0.5
    total = ink.sum(dim=(1, 2))
    x, y = (ink.sum(dim=1) @ at) / total, (ink.sum(dim=2) @ at) / total
    dx, dy = at - x[:, None], at - y[:, None]
    xx = torch.einsum("nhw,nw,nw->n", ink, dx, dx) / total
    xy = torch.einsum("nhw,nh,nw->n", ink, dy, dx) / total
    yy = torch.einsum("nhw,nh,nh->n", ink, dy, dy) / total
    return {"ink": total, "x": x, "y": y, "lean": -xy / yy, "xx": xx, "yy": yy}


def straight_line(**factors: float) -> Tensor:
    """Ink (28, 28) of one stroke from top to bottom."""
    path = torch.stack([torch.zeros(SEGMENTS + 1), torch.linspace(0, 1, SEGMENTS + 1)], dim=1)
    row = torch.tensor([[{**NEUTRAL, **factors}.get(name, 0.0) for name in FACTORS]])
    return render(path[None], torch.ones(1, SEGMENTS), row)[0, 0].double() / 255


ALL = 20 * list(range(10))  # digits


def test_a_split_has_the_promised_shapes_types_and_ranges():
    images, labels, factors = glyph_split(1_000, seed=0)
    assert images.shape == (1_000, 1, 28, 28) and images.dtype == torch.uint8
    assert labels.shape == (1_000,) and labels.dtype == torch.int64
    assert factors.shape == (1_000, len(FACTORS)) and factors.dtype == torch.float32
    assert set(labels.tolist()) == set(range(10))
    assert images.amin() == 0 and (images.flatten(1).amax(dim=1) > 200).all()
    low, high = torch.tensor([FACTOR_RANGES[name] for name in FACTORS]).T
    assert ((factors >= low) & (factors <= high)).all()


def test_equal_seeds_give_equal_splits_and_other_seeds_others():
    first, second, other = glyph_split(600, 1), glyph_split(600, 1), glyph_split(600, 2)
    for a, b in zip(first, second, strict=True):
        assert a.equal(b)
    assert not first[0].equal(other[0])


def test_given_factors_keep_the_handwriting_of_the_generator():
    labels = torch.tensor(ALL)
    images, factors = draw_glyphs(labels, torch.Generator().manual_seed(3))
    again, same = draw_glyphs(labels, torch.Generator().manual_seed(3), factors)
    assert again.equal(images) and same.equal(factors)


def test_one_handwriting_is_drawn_under_many_factors():
    generator = torch.Generator().manual_seed(0)
    path, pen_down = write(torch.tensor([4]), generator)
    factors = draw_factors(5, generator)
    images = render(path, pen_down, factors)
    assert images.shape == (5, 1, 28, 28)
    alone = render(path, pen_down, factors[3:4])
    assert_close(images[3:4].int(), alone.int(), atol=1, rtol=0)  # one grey level of rounding


def test_no_two_glyphs_of_a_digit_are_equal():
    assert len(drawn(50 * [8]).unique(dim=0)) == 50


def test_factors_are_independent_of_the_label_and_of_each_other():
    """Correlations within 5 standard errors: a false alarm in some 30,000 seeds (55 pairs)."""
    n = 20_000
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (n,), generator=generator)
    columns = torch.cat([draw_factors(n, generator).T, torch.eye(10)[:, labels]])
    correlation = torch.corrcoef(columns)[: len(FACTORS)]
    correlation[:, : len(FACTORS)].fill_diagonal_(0)
    assert correlation.abs().max() < 5 / math.sqrt(n)


def test_shift_moves_the_centre_of_mass_by_as_many_pixels():
    still, moved = moments(drawn(ALL)), moments(drawn(ALL, shift_x=1.0, shift_y=-0.6))
    for axis, shift in (("x", 1.0), ("y", -0.6)):
        change = moved[axis] - still[axis]
        assert change.mean().item() == pytest.approx(shift, abs=0.02)
        assert (change - shift).abs().max() < 0.15  # the frame may cut a tail off


def test_an_unshifted_glyph_has_its_centre_of_mass_in_the_middle():
    still = moments(drawn(ALL))
    for axis in ("x", "y"):  # where lines cross or run together there is less ink than path
        assert (still[axis] - 14).square().mean().sqrt() < 0.3
        assert (still[axis] - 14).abs().max() < 1


def test_slant_shears_to_the_right_by_its_angle():
    upright, slanted = moments(drawn(ALL)), moments(drawn(ALL, slant=20.0))
    change = slanted["lean"] - upright["lean"]  # a shear of a thin line adds tan(slant)
    assert change.min() > 0
    assert change.mean().item() == pytest.approx(math.tan(math.radians(20)), rel=0.1)


def test_rotation_turns_counter_clockwise_by_its_angle():
    ones = 50 * [1]
    upright, turned = moments(drawn(ones)), moments(drawn(ones, rotation=10.0))
    change = torch.atan(turned["lean"]) - torch.atan(upright["lean"])
    assert change.max() < 0  # the top of a 1 goes left
    assert change.mean().rad2deg().item() == pytest.approx(-10, rel=0.15)


def test_ink_grows_with_stroke_width():
    inks = [moments(drawn(ALL, stroke_width=width))["ink"] for width in (1.5, 2.0, 3.0, 4.0)]
    assert all((thick > thin).all() for thin, thick in zip(inks, inks[1:], strict=False))


@pytest.mark.parametrize("width", [1.5, 2.5, 4.0])
def test_a_straight_line_is_as_wide_as_stroke_width_says(width):
    rows = [straight_line(stroke_width=width, shift_x=step / 10)[14] for step in range(10)]
    ink = torch.stack(rows).sum(dim=1).mean()  # a mean over positions between two pixels
    assert ink.item() == pytest.approx(width, abs=0.03)


def test_a_straight_line_is_as_many_pixels_longer_as_height_says():
    short, long = (straight_line(height=height)[:, 13:15].mean(dim=1).sum() for height in (14, 18))
    assert (long - short).item() == pytest.approx(4, abs=0.05)


def test_aspect_changes_the_width_and_not_the_height():
    narrow, wide = (moments(drawn(20 * [0], aspect=a)) for a in (0.8, 1.2))
    ratio = (wide["xx"] / narrow["xx"]).sqrt().mean().item()
    assert ratio == pytest.approx(1.5, rel=0.08)
    assert_close(wide["yy"].sqrt(), narrow["yy"].sqrt(), atol=0.6, rtol=0)


def test_glyphs_stay_in_the_frame():
    images, _, _ = glyph_split(5_000, seed=0)
    border = torch.ones(28, 28, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    touching = (images[:, 0, border] > 127).any(dim=1).float().mean()
    assert touching < 0.02  # MNIST: 0.012


def test_soft_distance_is_the_distance_to_a_straight_line():
    y = torch.linspace(2, 26, SEGMENTS)[None]
    distance = soft_distance(torch.full_like(y, 14.0), y, torch.full_like(y, 24 / (SEGMENTS - 1)))
    exact = (torch.arange(28.0) + 0.5 - 14).abs().expand(20, -1)[:, 8:20]
    assert_close(distance[0, 4:24, 8:20], exact, atol=0.02, rtol=0)


@pytest.mark.parametrize("digit", range(10))
def test_every_path_runs_evenly_from_its_first_to_its_last_point(digit):
    for text in PEN[digit]:
        points, weights, pen_down = _skeleton(text)
        assert_close(weights.sum(dim=1), torch.ones(SEGMENTS + 1))  # moved points move the path
        path = weights @ points
        assert_close(path[[0, -1]], points[[0, -1]], atol=1e-4, rtol=0)
        assert pen_down.sum() == SEGMENTS - text.count("|")
        steps = path.diff(dim=0).norm(dim=1)[pen_down == 1]
        assert 16 * steps.max() < 2  # pixels: no gaps


def test_labels_that_are_no_digits_and_factors_of_a_wrong_shape_are_refused():
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="digits 0 to 9"):
        draw_glyphs(torch.tensor([3, 10]), generator)
    with pytest.raises(ValueError, match="need \\(2, 7\\)"):
        draw_glyphs(torch.tensor([3, 1]), generator, torch.zeros(1, 7))
