"""Muon: gradient steps for matrices, made orthogonal before they are taken.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon). A gradient is often nearly of low rank: a few directions take
the whole step. Muon gives all directions of the averaged gradient the same size. Everything that is
no matrix inside the network (embeddings, biases, the last layer) is left to AdamW.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter


def orthogonalize(matrices: Tensor, turns: int = 5) -> Tensor:
    """(n, rows, columns) -> the same singular vectors, singular values from some 0.7 to 1.2.

    Newton-Schulz iteration: an odd polynomial of the singular values, by matrix products alone,
    with the coefficients of Jordan et al. 2024.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices  # the smaller side first: smaller products
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(turns):
        square = x @ x.mT
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x.mT if tall else x


class Muon(torch.optim.AdamW):
    """Muon for `matrices`, AdamW for the groups in `others`, as one optimizer with one schedule.

    `rate`: of the matrices, the size of a step in singular values; `others` are groups of
    torch.optim.AdamW, each with its own "lr". A matrix that is not 2-D raises ValueError.
    """

    def __init__(
        self, matrices: Iterable[Parameter], others: list[dict], rate: float, decay: float = 0.1
    ):
        matrices = list(matrices)
        if wrong := [tuple(weight.shape) for weight in matrices if weight.ndim != 2]:
            raise ValueError(
                f"Muon takes matrices, not weights of shape {wrong[0]}; give those to AdamW"
            )
        first = {"params": matrices, "lr": rate, "weight_decay": decay}
        super().__init__([first, *others], betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step of all weights that have a gradient; those of the matrices are used up."""
        group = self.param_groups[0]
        shapes: dict[torch.Size, list[Parameter]] = {}
        for weight in group["params"]:
            if weight.grad is not None:
                shapes.setdefault(weight.shape, []).append(weight)
        for (rows, columns), weights in shapes.items():  # equal shapes in one product
            steps = orthogonalize(torch.stack([self._averaged(weight) for weight in weights]))
            size = group["lr"] * max(1, rows / columns) ** 0.5
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, list(steps.unbind()), alpha=-size)
        super().step(closure)  # AdamW passes by what has no gradient any more

    def _averaged(self, weight: Parameter, momentum: float = 0.95) -> Tensor:
        """Nesterov's momentum: the running mean of gradients, moved on by the newest once more."""
        mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
        mean.lerp_(weight.grad, 1 - momentum)
        newest, weight.grad = weight.grad, None
        return newest.lerp(mean, momentum)
