"""Draws families.svg: the four families of generative models, one row each."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

BLUE, GREEN, GREY, ORANGE = "#0072B2", "#009E73", "#737373", "#E69F00"


def box(ax: Axes, x: float, y: float, text: str, color: str = GREY, filled: bool = False) -> None:
    """A labelled box centred at (x, y): filled for a network that learns, open for data."""
    style = "round,pad=0.02,rounding_size=0.12"
    face = color if filled else "white"
    patch = FancyBboxPatch((x - 0.66, y - 0.24), 1.32, 0.48, style, fc=face, ec=color, lw=1.6)
    ax.add_patch(patch)
    ink = "white" if filled else "black"
    ax.text(x, y - 0.01, text, ha="center", va="center", fontsize=9, color=ink)


def arrow(ax: Axes, start: tuple, end: tuple, bend: float = 0.0) -> None:
    """An arrow from start to end; `bend` curves it."""
    kind = f"arc3,rad={bend}"
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            lw=1.3,
            color="black",
            connectionstyle=kind,
        )
    )


def chain(ax: Axes, y: float, parts: list[tuple[str, str, bool]], start: float = 4.0) -> None:
    """Boxes in a row with arrows between them."""
    for i, (text, color, filled) in enumerate(parts):
        box(ax, start + 1.75 * i, y, text, color, filled)
        if i:
            arrow(ax, (start + 1.75 * i - 1.06, y), (start + 1.75 * i - 0.69, y))


def main() -> None:
    plt.rcParams.update({"svg.hashsalt": "course", "svg.fonttype": "path"})
    figure, ax = plt.subplots(figsize=(11.4, 4.6), facecolor="white")
    ax.set(xlim=(-0.1, 11.9), ylim=(-0.45, 4.75), aspect="equal")
    ax.set_axis_off()
    rows = {
        "latent variables": "compress, then draw a code\nand decode it",
        "adversarial": "one network learns to tell,\nanother to deceive it",
        "autoregressive": "predict the next piece,\nappend it, repeat",
        "denoising": "undo a little noise,\nmany times",
    }
    for row, (name, idea) in enumerate(rows.items()):
        y = 4.1 - 1.35 * row
        ax.text(0, y + 0.2, name, fontsize=13, weight="bold", va="center")
        ax.text(0, y - 0.25, idea, fontsize=9.5, va="center", color="#404040")
        if row:
            ax.axhline(y + 0.72, color="#e0e0e0", lw=1)
    image = ("image", GREY, False)
    chain(ax, 4.1, [image, ("encoder", BLUE, True), ("code z", ORANGE, False),
                    ("decoder", GREEN, True), image])  # fmt: skip
    chain(ax, 2.75, [("noise z", ORANGE, False), ("generator", GREEN, True), image,
                     ("discriminator", BLUE, True), ("real or\nmade?", GREY, False)])  # fmt: skip
    chain(ax, 1.4, [("tokens 1 … t", GREY, False), ("network", GREEN, True),
                    ("token t + 1", ORANGE, False)])  # fmt: skip
    arrow(ax, (7.5, 1.13), (4.0, 1.13), bend=-0.22)
    ax.text(9.0, 1.4, "appended, then again", fontsize=9.5, va="center", color="#404040")
    chain(ax, 0.05, [("pure noise", ORANGE, False), ("network", GREEN, True),
                     ("less noise", ORANGE, False), ("network …", GREEN, True), image])  # fmt: skip
    target = Path(__file__).with_suffix(".svg")
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
