"""The training atom of the course, and what surrounds it.

One contract for every model: a batch is a tuple of tensors whose first axis is the batch, and
`loss_fn(model, batch)` returns a dict of scalar tensors with the key "loss". The loop over epochs
stays in the notebook.
"""

import copy
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

Batch = tuple[Tensor, ...]
LossFn = Callable[[nn.Module, Batch], dict[str, Tensor]]


def update(
    model: nn.Module,
    batch: Batch,
    loss_fn: LossFn,
    optimizer: Optimizer,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Make one gradient step on `batch`; return its losses before the step, by name, detached.

    `dtype` is the number format of matrix products (`runtime.pick_dtype`); weights stay float32.
    """
    model.train()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(batch[0].device.type, dtype, enabled=dtype != torch.float32):
        losses = loss_fn(model, batch)
    losses["loss"].backward()
    optimizer.step()
    return {name: value.detach() for name, value in losses.items()}


def train_epoch(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_fn: LossFn,
    optimizer: Optimizer,
    schedule: LambdaLR | None = None,
    average: "MovingAverage | None" = None,
    dtype: torch.dtype = torch.float32,
) -> dict[str, float]:
    """One pass of `update` over the batches; return the mean of each loss over the items seen.

    `schedule` and `average`, where given, are stepped after every update.
    """
    rows = []
    for batch in batches:
        rows.append((len(batch[0]), update(model, batch, loss_fn, optimizer, dtype)))
        if schedule is not None:
            schedule.step()
        if average is not None:
            average.update(model)
    return _weighted_mean(rows)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_fn: LossFn,
    dtype: torch.dtype = torch.float32,
) -> dict[str, float]:
    """Mean of each loss over all items, in eval mode; a short last batch counts by its items.

    The mode the model was in is given back, also after an exception.
    """
    rows = []
    with evaluating(model):
        for batch in batches:
            with torch.autocast(batch[0].device.type, dtype, enabled=dtype != torch.float32):
                rows.append((len(batch[0]), loss_fn(model, batch)))
    return _weighted_mean(rows)


def _weighted_mean(rows: list[tuple[int, dict[str, Tensor]]]) -> dict[str, float]:
    if not rows:
        raise ValueError("there is no batch to average over; is the data set empty?")
    items = torch.tensor([count for count, _ in rows], dtype=torch.float64)
    means = {}
    for name in rows[0][1]:
        values = torch.stack([losses[name] for _, losses in rows]).cpu()  # one transfer a pass
        means[name] = (values.double() @ items / items.sum()).item()
    return means


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Put the model into eval mode inside the `with` block, and back into its mode after it."""
    was_training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(was_training)


def warmup_then_decay(optimizer: Optimizer, warmup_steps: int, total_steps: int) -> LambdaLR:
    """Learning rate from 0 up in a line over `warmup_steps`, then down to 0 along half a cosine.

    Loshchilov & Hutter 2017 (arXiv 1608.03983, eq. 5, one cycle); warm-up as in Goyal et al. 2017
    (arXiv 1706.02677, section 2.2). The first step is not zero: it uses 1 / warmup_steps.
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(f"need 0 <= warmup_steps < total_steps, got {warmup_steps}, {total_steps}")

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        done = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
        return 0.5 * (1 + math.cos(math.pi * done))

    return LambdaLR(optimizer, factor)


class MovingAverage:
    """Exponential moving average of a model's weights: average <- decay average + (1 - decay) now.

    Polyak & Juditsky 1992; for generators Yazici et al. 2019 (arXiv 1806.04498). The first updates
    use the smaller decay (1 + n) / (10 + n), so that a short run is not an average of its start.
    Buffers (batch statistics) are copied, not averaged. `average.model` is the averaged copy.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights that `model` has now."""
        weight = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), weight)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
        self.updates += 1


def progress(items: Iterable, label: str) -> tqdm:
    """Iterate with one line of text: share done, time used, time left, and what `set_postfix` adds.

    `for epoch in (bar := progress(range(10), "training")): ...; bar.set_postfix(loss=1.2)`
    """
    return tqdm(items, desc=label, file=sys.stdout, mininterval=1.0, ascii=" =", ncols=100)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let *Interrupt* end a training loop early without losing the model or the history.

    A learner who presses the stop button gets one line, not a traceback; later cells go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        print("\nStopped by hand. The model and the history up to here are kept.")
