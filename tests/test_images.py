import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from course_utils.data.images import ImageSplit, hold_out, load_images, parse_idx

with_real_data = pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="needs real MNIST")


def idx(*shape, values=None, kind=8):
    header = bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return header + bytes(range(24) if values is None else values)


def test_an_idx_file_becomes_a_tensor_of_its_shape():
    images = parse_idx(idx(2, 3, 4))
    assert images.dtype == torch.uint8
    assert_close(images, torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an IDX file"),
        (b"<html>no</html>", "not an IDX file"),
        (idx(2, 3, 4, kind=13), "not an IDX file"),  # 13: 32-bit floats
        (idx(2, 3, 4)[:9], "header is cut off"),
        (idx(2, 3, 4)[:-1], "promises 24 values.*23 follow"),
        (idx(2, 3, 5), "promises 30 values.*24 follow"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        parse_idx(content)


def test_torchvision_and_we_read_the_same_from_one_folder(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    content = {"images-idx3": idx(6, 2, 2), "labels-idx1": idx(6, values=[3, 1, 4, 1, 5, 9])}
    for name, data in content.items():
        for part in ("train", "t10k"):
            (raw / f"{part}-{name}-ubyte").write_bytes(data)
    theirs = datasets.MNIST(tmp_path, train=True, download=False)
    assert_close(theirs.data, parse_idx(content["images-idx3"]))
    assert_close(theirs.targets, parse_idx(content["labels-idx1"]).long())


def test_held_out_images_are_the_last_ones_and_nothing_is_lost():
    split = ImageSplit(torch.arange(10), torch.arange(10), torch.arange(20.0).reshape(10, 2))
    rest, held = hold_out(split, 3)
    assert_close(rest.images, torch.arange(7))
    assert_close(held.labels, torch.tensor([7, 8, 9]))
    assert_close(torch.cat([rest.factors, held.factors]), split.factors)
    assert hold_out(ImageSplit(split.images, split.labels), 3)[0].factors is None


@pytest.mark.parametrize("n", [0, 10, -1])
def test_holding_out_all_or_nothing_is_refused(n):
    with pytest.raises(ValueError, match="choose n between 1 and 9"):
        hold_out(ImageSplit(torch.arange(10), torch.arange(10)), n)


def test_an_unknown_data_set_gets_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'mnist'"):
        load_images("minst")


def test_offline_the_glyphs_stand_in_and_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    data = load_images("mnist")
    (line,) = capsys.readouterr().out.splitlines()
    assert "glyphs" in line and "COURSE_OFFLINE" in line and "course_utils data" in line
    assert data.name == "glyphs" and data.train.factors.shape[0] == 60_000
    assert data.train.images.shape == (60_000, 1, 28, 28) and data.test.labels.shape == (10_000,)
    assert data.train.images.dtype == torch.uint8 and data.train.labels.dtype == torch.int64
    assert not torch.equal(data.train.labels[:10_000], data.test.labels)  # another seed
    # 10 classes, equally likely: 5 standard errors around 6,000
    assert (data.train.labels.bincount() - 6_000).abs().max() < 5 * (60_000 * 0.09) ** 0.5


@with_real_data
def test_mnist_has_its_known_sizes_and_first_labels(capsys):
    data = load_images("mnist")
    assert data.name == "mnist" and capsys.readouterr().out == ""
    assert data.train.images.shape == (60_000, 1, 28, 28) and data.train.factors is None
    assert data.test.images.shape == (10_000, 1, 28, 28)
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert abs(data.train.images.float().mean() / 255 - 0.1307) < 1e-4


@with_real_data
def test_torchvision_reads_the_shared_folder():
    datasets = pytest.importorskip("torchvision.datasets")
    theirs = datasets.MNIST(os.environ["COURSE_DATA"], train=False, download=False)
    assert_close(theirs.data, load_images("mnist").test.images.squeeze(1))


def test_importing_the_data_layer_does_not_import_torchvision():
    code = "import sys, course_utils.data.images; print('torchvision' in sys.modules)"
    run = {"cwd": Path(__file__).parent.parent, "capture_output": True, "text": True}
    assert subprocess.run([sys.executable, "-c", code], **run).stdout == "False\n"
