"""Pictures of text, in the style of `plotting`: tensors and tokens in, Axes out."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

from course_utils.plotting import COLORS, new_axes

MARKS = {"\n": "↵", "\t": "→", " ": "·"}


def visible(token: str) -> str:
    """A token with its white space made visible: "\\n" -> "↵", " " -> "·"; "" -> "(nothing)"."""
    return "".join(MARKS.get(character, character) for character in token) or "(nothing)"


def show_text(
    tokens: Sequence[str],
    values: Tensor,
    label: str,
    limits: tuple[float, float] | None = None,
    columns: int = 72,
    ax: Axes | None = None,
) -> Axes:
    """Tokens as running text, each on a field whose color is its value: n strings, (n,).

    `label`: what the values are, with their unit; "" draws no scale beside the text. Colors go from
    white at 0 to blue, or from blue over white at 0 to red where `limits` have two signs. A token
    that does not fit into the line of `columns` characters begins the next one, and so does what
    follows a line's end.
    """
    if len(tokens) != len(values) or not tokens:
        raise ValueError(f"{len(tokens)} tokens and {len(values)} values; give one for each token")
    values = values.detach().float().cpu()
    low, high = limits or (min(0.0, values.min().item()), values.max().item())
    places, row, column = [], 0, 0
    for width in (len(visible(token)) for token in tokens):
        if column and column + width > columns:
            row, column = row + 1, 0
        places.append((row, column, width))
        column = columns if tokens[len(places) - 1].endswith("\n") else column + width
    ax = new_axes(0.1 * columns + 1.2, 0.22 * (row + 1) + 0.3, ax)
    scale = plt.cm.ScalarMappable(plt.Normalize(low, high), "RdBu_r" if low < 0 else "Blues")
    for token, value, (row, column, width) in zip(tokens, values, places, strict=True):
        face = scale.to_rgba(value.item(), alpha=0.6)  # pale enough for black letters
        ax.add_patch(plt.Rectangle((column, row), width, 1, facecolor=face, edgecolor="white"))
        for i, character in enumerate(visible(token)):
            at = (column + i + 0.5, row + 0.55)
            ax.text(*at, character, family="monospace", fontsize=8, ha="center", va="center")
    ax.set(xlim=(0, columns), ylim=(places[-1][0] + 1, 0))
    ax.set_axis_off()
    if label:
        bar = ax.figure.colorbar(scale, ax=ax, fraction=0.03, pad=0.01, aspect=12, alpha=0.6)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return ax


def plot_next_tokens(
    probabilities: Tensor, names: Sequence[str], top: int = 20, ax: Axes | None = None
) -> Axes:
    """The `top` likeliest next tokens as bars, likeliest first: p (V,), the V tokens' texts."""
    p, order = probabilities.detach().float().cpu().topk(min(top, len(probabilities)))
    ax = new_axes(6.0, 2.4, ax)
    ax.bar(range(len(p)), p.numpy(), color=COLORS["train"])
    ax.set_xticks(range(len(p)), [visible(names[i]) for i in order.tolist()], family="monospace")
    ax.set_ylabel("probability")
    ax.set_ylim(0, max(0.05, 1.1 * p[0].item()))
    return ax


def show_attention(
    weights: Tensor, tokens: Sequence[str], names: Sequence[str], columns: int = 4
) -> Sequence[Axes]:
    """Where each token (a row) looks (a column): shares (n, T, T), one picture for each name."""
    rows = math.ceil(len(weights) / columns)
    size = 2.3 if len(tokens) > 12 else 2.0
    figure = plt.figure(
        figsize=(size * columns, (size + 0.25) * rows), layout="constrained", facecolor="white"
    )
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    labels = [visible(token) for token in tokens]
    for ax, shares, name in zip(axes, weights.detach().cpu(), names, strict=False):
        ax.imshow(shares.sqrt().numpy(), cmap="Blues", vmin=0, vmax=1)  # roots: small shares show
        ax.set_xticks(range(len(labels)), labels, family="monospace", fontsize=6)
        ax.set_yticks(range(len(labels)), labels, family="monospace", fontsize=6)
        ax.tick_params(length=0)
        ax.set_title(name, fontsize=9, loc="left")
    for ax in axes[len(weights) :]:
        ax.set_axis_off()
    return axes
