"""Images of digits, whole, in memory: MNIST, or the glyphs that are drawn where MNIST is missing.

MNIST: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document
recognition". 60,000 training and 10,000 test images, 28 x 28 pixels.
"""

import struct
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from course_utils.data.files import check_name, read_file, say_stand_in
from course_utils.data.sources import FILES, DataMissing

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000  # images, the same for both data sets
GLYPH_SEEDS = {"train": 0, "test": 1}


@dataclass(frozen=True)
class ImageSplit:
    images: Tensor  # uint8 (n, 1, 28, 28)
    labels: Tensor  # int64 (n,)
    factors: Tensor | None = None  # float32 (n, F), glyphs only, in the units of glyphs.FACTORS


@dataclass(frozen=True)
class ImageData:
    name: str  # what was really loaded: "mnist" or "glyphs"
    train: ImageSplit
    test: ImageSplit


def load_images(name: str) -> ImageData:
    """Load "mnist" or "glyphs"; where MNIST cannot be had, a printed line says so: glyphs.

    Look at `.name` of the result to know which it is. Raises ValueError for any other name.
    """
    check_name("image data set", name, ("mnist", "glyphs"))
    if name == "mnist":
        try:
            return _load_mnist()
        except DataMissing as reason:
            say_stand_in("mnist", "glyphs (digits drawn by the course)", reason)
    from course_utils.data.glyphs import glyph_split  # only where it is needed

    train, test = (
        ImageSplit(*glyph_split(n, seed))
        for n, seed in ((TRAIN_SIZE, GLYPH_SEEDS["train"]), (TEST_SIZE, GLYPH_SEEDS["test"]))
    )
    return ImageData("glyphs", train, test)


def hold_out(split: ImageSplit, n: int) -> tuple[ImageSplit, ImageSplit]:
    """(all but the last n images, the last n): a validation set that leaves the test set alone."""
    total = len(split.images)
    if not 0 < n < total:
        raise ValueError(
            f"cannot hold out {n} of {total} images; choose n between 1 and {total - 1}"
        )
    return _part(split, slice(None, -n)), _part(split, slice(-n, None))


def _part(split: ImageSplit, rows: slice) -> ImageSplit:
    factors = None if split.factors is None else split.factors[rows]
    return ImageSplit(split.images[rows], split.labels[rows], factors)


def parse_idx(content: bytes) -> Tensor:
    """Bytes of an IDX file -> uint8 tensor of the shape that its header names.

    Header: two zero bytes, the type (8: unsigned byte), the number of axes, then each axis' size
    as a big-endian 32-bit integer. Raises ValueError for anything else.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"not an IDX file of unsigned bytes: it starts with {content[:4]!r}")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"the IDX header is cut off: {len(content)} bytes instead of {start}")
    shape = struct.unpack_from(f">{content[3]}I", content, offset=4)
    if len(content) - start != prod(shape):
        raise ValueError(
            f"the IDX header promises {prod(shape):,} values, shape {shape}; "
            f"{len(content) - start:,} follow"
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).reshape(shape)


def _load_mnist() -> ImageData:
    train_images, train_labels, test_images, test_labels = (
        parse_idx(read_file(file)) for file in FILES["mnist"]
    )
    train = ImageSplit(train_images.unsqueeze(1), train_labels.long())
    return ImageData("mnist", train, ImageSplit(test_images.unsqueeze(1), test_labels.long()))
