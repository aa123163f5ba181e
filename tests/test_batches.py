import pytest
import torch
from torch.testing import assert_close

from course_utils.data.batches import Batches, to_unit_range


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_unit_range_maps_0_and_255_to_exactly_0_and_1():
    values = to_unit_range(torch.arange(256, dtype=torch.uint8))
    assert values.dtype == torch.float32 and values[0] == 0 and values[255] == 1
    assert_close(values, torch.arange(256) / 255)


def test_unit_range_refuses_what_is_already_float():
    with pytest.raises(ValueError, match="converted already"):
        to_unit_range(torch.rand(2))


def test_without_a_generator_the_order_stays_and_the_last_batch_is_short():
    batches = Batches(torch.arange(13), torch.arange(13) * 2.0, size=5)
    assert len(batches) == 3 and [len(rows) for rows, _ in batches] == [5, 5, 3]
    first, second = (torch.cat(column) for column in zip(*batches, strict=True))
    assert_close(first, torch.arange(13))
    assert_close(second, torch.arange(13) * 2.0)


def test_with_a_generator_each_pass_has_every_row_once_in_a_new_order_rows_kept_together():
    batches = Batches(torch.arange(100), -torch.arange(100), size=7, generator=seeded())
    passes = [[torch.cat(column) for column in zip(*batches, strict=True)] for _ in range(2)]
    for rows, negated in passes:
        assert_close(rows.sort().values, torch.arange(100))
        assert_close(negated, -rows)
    assert not torch.equal(passes[0][0], passes[1][0])


def test_equal_seeds_give_equal_orders():
    one, two = (Batches(torch.arange(50), generator=seeded(3)) for _ in range(2))
    assert_close(next(iter(one)), next(iter(two)))


def test_uint8_images_arrive_as_unit_range_and_labels_as_they_are():
    images = torch.full((4, 1, 2, 2), 51, dtype=torch.uint8)
    ((x, labels),) = Batches(images, torch.arange(4))
    assert x.dtype == torch.float32 and labels.dtype == torch.int64
    assert_close(x, torch.full((4, 1, 2, 2), 0.2))


@pytest.mark.parametrize("generator", [None, seeded()])
def test_changing_a_batch_leaves_the_data_as_they_were(generator):
    data = torch.ones(6, 2)
    for (x,) in Batches(data, size=4, generator=generator):
        x.zero_()
    assert_close(data, torch.ones(6, 2))


@pytest.mark.parametrize(
    ("tensors", "size"), [((), 4), ((torch.ones(3), torch.ones(2)), 4), ((torch.ones(0),), 4)]
)
def test_tensors_that_do_not_fit_are_refused(tensors, size):
    with pytest.raises(ValueError, match="one length"):
        Batches(*tensors, size=size)


def test_an_empty_batch_size_is_refused():
    with pytest.raises(ValueError, match="size=0"):
        Batches(torch.ones(3), size=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("generator", [None, seeded()])
def test_batches_stay_on_the_device_of_the_data(generator):
    images = torch.arange(8, dtype=torch.uint8).cuda()
    (x,) = zip(*Batches(images, size=3, generator=generator), strict=True)
    assert all(part.is_cuda for part in x)
    assert_close(torch.cat(x).cpu().sort().values, torch.arange(8) / 255)
