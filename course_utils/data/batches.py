"""Batches by index from tensors in memory: no worker processes, no Python per image."""

from collections.abc import Iterator

import torch
from torch import Tensor


def to_unit_range(images: Tensor) -> Tensor:
    """uint8 0 ... 255 -> float32 0 ... 1, same shape; always a copy."""
    if images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 images, got {images.dtype}: converted already?")
    return images.to(torch.float32).div_(255)


class Batches:
    """Tuples of tensors with one first axis, batch by batch, as often as you loop over it.

    uint8 tensors are images and arrive as float32 in [0, 1]; others arrive as they are. With a
    `generator` each pass has a new order, without one the order is that of the tensors. The last
    batch may be short. What arrives is a copy: changing it leaves the data set as it was.

        for images, labels in Batches(train.images, train.labels, size=256, generator=generator):
    """

    def __init__(
        self, *tensors: Tensor, size: int = 256, generator: torch.Generator | None = None
    ) -> None:
        lengths = [len(tensor) for tensor in tensors]
        if not tensors or len(set(lengths)) > 1 or lengths[0] == 0:
            raise ValueError(f"need tensors of one length, at least 1; got lengths {lengths}")
        if size < 1:
            raise ValueError(f"size={size}: a batch holds at least one item")
        self.tensors, self.size, self.generator = tensors, size, generator

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return -(-len(self.tensors[0]) // self.size)  # rounded up

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for rows in self._order().split(self.size):  # each (B,)
            yield tuple(_rows_of(tensor, rows) for tensor in self.tensors)

    def _order(self) -> Tensor:
        """(n,) row numbers, on the device of the data."""
        n, device = len(self.tensors[0]), self.tensors[0].device
        if self.generator is None:
            return torch.arange(n, device=device)
        order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        return order.to(device)


def _rows_of(tensor: Tensor, rows: Tensor) -> Tensor:
    chosen = tensor.index_select(0, rows)  # for images ten times faster than tensor[rows]
    return to_unit_range(chosen) if chosen.dtype == torch.uint8 else chosen
