"""Pictures for the whole course: each function takes tensors and returns Axes.

One color per role, from the Okabe-Ito palette, which color-blind readers can tell apart
(Okabe & Ito 2008, Color Universal Design).
"""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

COLORS = {
    "train": "#0072B2",  # blue
    "validation": "#D55E00",  # vermilion
    "real": "#000000",
    "generated": "#009E73",  # bluish green
    "model": "#CC79A7",  # reddish purple
    "baseline": "#737373",  # grey
    "highlight": "#E69F00",  # orange
}
STYLE = {
    "figure.facecolor": "white",  # opaque: readable on a dark page
    "savefig.facecolor": "white",
    "figure.dpi": 96,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}
LINES = ("-", "--", "-.", ":")  # curves differ by more than their color
CLASS_COLORS = "tab10"  # ten digits; labels are also written as text, never by color alone


def new_axes(width: float = 6.0, height: float = 3.2, ax: Axes | None = None) -> Axes:
    """The axes given, or those of a new figure in the course's style; sizes in inches."""
    if ax is not None:
        return ax
    return _subplots(1, width, height)


def new_row(columns: int, width: float = 9.0, height: float = 3.0) -> Sequence[Axes]:
    """`columns` axes side by side in one figure of the course's style; sizes in inches."""
    return _subplots(columns, width, height)


def _subplots(columns: int, width: float, height: float) -> Axes | Sequence[Axes]:
    # The figure is made outside the style: the first one starts a notebook's backend, and the end
    # of the style would undo that backend's settings; later pictures would not be shown.
    look = {"dpi": STYLE["figure.dpi"], "facecolor": STYLE["figure.facecolor"]}
    figure = plt.figure(figsize=(width, height), layout="constrained", **look)
    with plt.rc_context(STYLE):
        return figure.subplots(1, columns)


def show_images(
    images: Tensor, columns: int = 10, title: str = "", ax: Axes | None = None, scale: float = 0.6
) -> Axes:
    """A grid of images, row by row. (n, 1, H, W) or (n, 3, H, W), float in [0, 1].

    `scale`: inches per image. Values outside [0, 1] raise ValueError: a plot never guesses a range.
    """
    from torchvision.utils import make_grid

    if images.dtype == torch.uint8 or images.min() < 0 or images.max() > 1:
        raise ValueError(
            f"images must be float in [0, 1], got {images.dtype} from {images.min():.3g} to "
            f"{images.max():.3g}; use to_unit_range for uint8 and clamp(0, 1) for a model's output"
        )
    images = images.detach().cpu().float()
    rows = math.ceil(len(images) / columns)
    ax = new_axes(scale * columns, scale * rows + (0.35 if title else 0), ax)
    grid = make_grid(images, nrow=columns, padding=2, pad_value=1.0)  # (3, H', W')
    ax.imshow(grid.permute(1, 2, 0).numpy(), interpolation="nearest", vmin=0, vmax=1)
    ax.set_axis_off()
    ax.set_title(title, fontsize=10, loc="left")
    return ax


def show_rows(rows: dict[str, Tensor], scale: float = 0.6, title: str = "") -> Axes:
    """Rows of images under each other, each with its name at the left: {name: (n, 1, H, W)}."""
    columns = len(next(iter(rows.values())))
    ax = show_images(torch.cat(list(rows.values())), columns, title, scale=scale)
    height = next(iter(rows.values())).shape[-2] + 2  # make_grid pads by 2 pixels
    for row, name in enumerate(rows):
        ax.text(-6, (row + 0.5) * height, name, ha="right", va="center", fontsize=9)
    return ax


def plot_history(
    history: dict[str, Sequence[float]], unit: str, ax: Axes | None = None, x_label: str = "epoch"
) -> Axes:
    """Curves over epochs from 1 on: {"train": [...], "validation": [...]}, in `unit`."""
    ax = new_axes(5.0, 3.0, ax)
    for line, (name, values) in zip(LINES * len(history), history.items(), strict=False):
        epochs = range(1, len(values) + 1)
        ax.plot(epochs, values, line, marker=".", color=COLORS.get(name), label=name)
    ax.set_xlabel(x_label)
    ax.set_ylabel(unit)
    ax.legend()
    return ax


def plot_classes(points: Tensor, labels: Tensor, ax: Axes | None = None, size: float = 3.0) -> Axes:
    """Points in the plane by class, each class named at its median. (n, 2), (n,)."""
    ax = new_axes(5.5, 5.0, ax)
    palette = plt.get_cmap(CLASS_COLORS)
    for label in labels.unique().tolist():
        mine = points[labels == label].cpu()
        ax.scatter(*mine.T, s=size, color=palette(label), alpha=0.5, linewidths=0, rasterized=True)
        x, y = mine.median(dim=0).values.tolist()
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": palette(label)}
        ax.text(x, y, str(label), ha="center", va="center", fontsize=9, bbox=box)
    return ax


def plot_curves(
    x: Tensor, curves: dict[str, Tensor], x_label: str, y_label: str, ax: Axes | None = None
) -> Axes:
    """Curves over one axis: {name: (n,)}; infinite values leave a gap.

    A role's name gets its color, other names the remaining ones; each curve has its kind of line.
    """
    ax = new_axes(5.5, 3.2, ax)
    spare = iter([color for role, color in COLORS.items() if role not in curves])
    for line, (name, y) in zip(LINES * len(curves), curves.items(), strict=False):
        y = torch.where(y.isfinite(), y, torch.nan)
        ax.plot(x.numpy(), y.numpy(), line, color=COLORS.get(name) or next(spare), label=name)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.legend()
    return ax


def plot_histogram(
    density: Tensor, edges: Tensor, x_label: str, role: str = "real", ax: Axes | None = None
) -> Axes:
    """Bars of a histogram: density of each bin (n,), edges of the bins (n + 1,)."""
    ax = new_axes(5.5, 3.2, ax)
    ax.stairs(density.numpy(), edges.numpy(), fill=True, color=COLORS[role], alpha=0.25)
    ax.set_xlabel(x_label)
    ax.set_ylabel("density")
    return ax


def plot_density(
    log_density: Tensor,
    grid: tuple[Tensor, Tensor],
    labels: tuple[str, str],
    points: dict[str, Tensor],
    ax: Axes | None = None,
) -> Axes:
    """Contours of a density in the plane over points {role: (n, 2)}.

    `grid`: places (W,) and heights (H,) at which `log_density` (H, W) is known, in nats; `labels`
    of these two axes. Five lines, one for each nat below the peak: each is e times lower.
    """
    ax = new_axes(4.5, 4.0, ax)
    for role, xy in points.items():
        ax.scatter(*xy.T.numpy(), s=3, color=COLORS[role], alpha=0.35, linewidths=0, label=role)
    below = (log_density - log_density.max()).numpy()
    ax.contour(
        grid[0].numpy(),
        grid[1].numpy(),
        below,
        levels=[-5, -4, -3, -2, -1],
        colors=COLORS["model"],
        linewidths=1.2,
        linestyles="solid",
    )
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.set_xlim(grid[0][0].item(), grid[0][-1].item())
    ax.set_ylim(grid[1][0].item(), grid[1][-1].item())
    ax.legend(markerscale=4, loc="upper left")
    return ax


def plot_bars(
    groups: dict[str, float | Sequence[float]],
    unit: str,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Bars with their values: {name: value}, or {name: (n,)}, n groups of bars called `names`."""
    rows = {name: [float(v) for v in torch.as_tensor(x).reshape(-1)] for name, x in groups.items()}
    single = names is None
    labels = list(rows) if single else list(names)
    series = {"": [values[0] for values in rows.values()]} if single else rows
    ax = new_axes(6.5, 0.6 + 0.3 * len(labels) * max(1.0, 0.7 * len(series)), ax)
    palette = [COLORS[role] for role in ("train", "validation", "generated", "model", "baseline")]
    height = 0.8 / len(series)
    for place, (name, values) in enumerate(series.items()):
        y = [row + (place - (len(series) - 1) / 2) * height for row in range(len(labels))]
        bars = ax.barh(y, values, height=0.9 * height, color=palette[place], label=name or None)
        ax.bar_label(bars, fmt="%.1f" if single else "%.2f", padding=3, fontsize=8)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(unit)
    if not single:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_matrix(
    values: Tensor,
    row_names: Sequence[str],
    column_names: Sequence[str],
    label: str,
    ax: Axes | None = None,
) -> Axes:
    """A table (R, C) of numbers, each written in its field; the fuller the color, the larger."""
    rows, columns = values.shape
    ax = new_axes(1.4 + 0.62 * columns, 1.3 + 0.3 * rows, ax)
    values = values.detach().cpu().float()
    ax.imshow(values.numpy(), cmap="Blues", vmin=min(0.0, values.min().item()), aspect="auto")
    darkest = values.max().item()
    for row in range(rows):
        for column in range(columns):
            value = values[row, column].item()
            color = "white" if value > 0.71 * darkest else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_yticks(range(rows), row_names)
    ax.set_xticks(range(columns), column_names, rotation=30, ha="right")
    ax.grid(visible=False)
    ax.set_title(label, fontsize=10, loc="left")
    return ax
