import math

import pytest
import torch
from torch.testing import assert_close

from course_utils.data.corrupt import add_noise, erase_patches, median_filter


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_has_its_deviation_and_the_known_psnr():
    images = torch.zeros(1000, 1, 28, 28)
    noisy = add_noise(images, 0.5, seeded())
    error = (noisy - images).square().mean()
    # 784,000 draws: the standard error of the mean square is 0.25 sqrt(2 / 784,000); 5 of them
    assert abs(error - 0.25) < 5 * 0.25 * math.sqrt(2 / 784_000)
    assert noisy.min() < 0  # not clipped, or the error would be smaller
    assert abs(-10 * math.log10(error) - 6.02) < 0.05


def test_noise_follows_its_generator_and_leaves_its_input():
    images = torch.full((2, 1, 4, 4), 0.5)
    assert_close(add_noise(images, 0.1, seeded(1)), add_noise(images, 0.1, seeded(1)))
    assert not torch.equal(add_noise(images, 0.1, seeded(1)), add_noise(images, 0.1, seeded(2)))
    assert_close(images, torch.full((2, 1, 4, 4), 0.5))
    assert_close(add_noise(images, 0.0, seeded()), images)


def test_one_whole_square_is_erased_in_each_image_and_nothing_else():
    images = torch.rand(50, 3, 9, 11, generator=seeded()) + 0.1
    before = images.clone()
    erased, mask = erase_patches(images, 4, seeded(1))
    assert_close(images, before)
    assert mask.shape == (50, 1, 9, 11) and mask.dtype == torch.bool
    assert_close(erased, torch.where(mask, 0.0, images))
    for square in mask[:, 0]:
        rows, columns = square.nonzero().unbind(1)
        assert len(rows) == 16  # 4 x 4 places inside a box of 4 x 4: the whole box
        assert rows.max() - rows.min() == 3 and columns.max() - columns.min() == 3


def test_equal_generators_erase_equal_places():
    images = torch.ones(50, 1, 9, 11)
    one, again, other = (erase_patches(images, 4, seeded(seed))[1] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_every_place_of_the_square_is_equally_likely():
    n, places = 12_000, 12  # a 2 x 2 square in 4 x 5 pixels has 3 x 4 places
    _, mask = erase_patches(torch.ones(n, 1, 4, 5), 2, seeded())
    first = mask.flatten(1).float().argmax(dim=1)  # the upper left pixel of the square
    counts = first.unique(return_counts=True)[1]
    assert len(counts) == places
    # binomial; 5 standard errors: a false alarm in fewer than 1 of 100,000 seeds
    error = math.sqrt(n / places * (1 - 1 / places))
    assert (counts - n / places).abs().max() < 5 * error


def test_the_median_filter_agrees_with_a_case_by_hand():
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])[None, None]
    # the upper left window, mirrored: 5 4 5 / 2 1 2 / 5 4 5, its median is 4
    expected = torch.tensor([[4.0, 4.0, 5.0], [5.0, 5.0, 5.0], [5.0, 6.0, 6.0]])
    assert_close(median_filter(image)[0, 0], expected)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_median_filter_agrees_with_a_plain_loop_on_each_channel(size):
    images = torch.rand(2, 3, 6, 8, generator=seeded())
    r = size // 2
    filtered = median_filter(images, size)
    for y in range(r, 6 - r):
        for x in range(r, 8 - r):
            window = images[:, :, y - r : y + r + 1, x - r : x + r + 1].flatten(2)
            assert_close(filtered[:, :, y, x], window.median(dim=2).values)
    if size == 1:
        assert_close(filtered, images)


def test_the_median_filter_removes_a_lone_speck_and_keeps_an_edge():
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1.0
    specked = edge.clone()
    specked[0, 0, 3, 1] = 1.0
    assert_close(median_filter(specked), edge)


def test_many_images_at_once_equal_each_alone():
    images = torch.rand(1030, 1, 5, 5, generator=seeded())  # more than one part of 1,024
    assert_close(median_filter(images)[1024:], median_filter(images[1024:]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: add_noise(x, -1.0, seeded()),
        lambda x: add_noise((x * 255).byte(), 0.1, seeded()),
        lambda x: erase_patches(x, 0, seeded()),
        lambda x: erase_patches(x, 9, seeded()),
        lambda x: median_filter(x, 4),
        lambda x: median_filter(x, 17),
        lambda x: median_filter(x[0]),
    ],
)
def test_what_makes_no_sense_is_refused(spoil):
    with pytest.raises(ValueError):
        spoil(torch.rand(2, 1, 8, 8))
