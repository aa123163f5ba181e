"""How cost grows: one training step of a small network, one of its sizes multiplied by 8.

Each size runs in a fresh process with one thread and random data. CPU ms: the median of the steps.
MB: the peak above what the process held after its imports and one tiny step. Exponents are fitted
to the four sizes by least squares in log-log: 1 means that twice the size costs twice as much; the
error tells how far the four points are from such a law. Exponents of the matrix products
are known; what a step costs apart from them grows more slowly or not at all, so at small sizes an
exponent is smaller than the formula says.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import psutil
import torch
from torch import nn

from benchmarks._measure import fit_exponent, fresh, peak_memory
from course_utils.data.batches import Batches
from course_utils.data.text import load_text
from course_utils.models import rnn, transformer
from course_utils.models.autoencoder import Autoencoder, AutoencoderConfig, reconstruction_loss
from course_utils.models.bpe import train_bpe
from course_utils.models.transformer import GPTConfig
from course_utils.models.vae import VAE, VAEConfig, vae_loss
from course_utils.muon import Muon
from course_utils.training import train_epoch, update

SECONDS = 0.5  # of each measurement, at least
FACTORS = (1, 2, 4, 8)
V = 65  # kinds of characters
Step = Callable[[], object]


@dataclass(frozen=True)
class Growth:
    first: int  # the smallest size
    make: Callable[[int], Step]  # a size -> what is measured
    why: str  # the exponent, explained


def images_step(batch: int = 128, widths: tuple[int, ...] = (256,), vae: int = 0) -> Step:
    """A step of the fully connected autoencoder, or of a VAE with codes of `vae` numbers."""
    x = torch.rand(batch, 1, 28, 28)
    if vae:
        model, loss_fn = VAE(VAEConfig(vae, widths)), vae_loss
    else:
        model, loss_fn = Autoencoder(AutoencoderConfig(32, widths)), reconstruction_loss
    adam = torch.optim.Adam(model.parameters(), fused=True)
    return lambda: update(model, (x,), loss_fn, adam)


def images_pass(n: int) -> Step:
    """A pass over n images, in batches of 128."""
    model, images = Autoencoder(AutoencoderConfig(32, (256,))), torch.rand(n, 1, 28, 28)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    batches = Batches(images.mul(255).byte(), generator=torch.Generator().manual_seed(0), size=128)
    return lambda: train_epoch(model, batches, reconstruction_loss, adam)


def text_step(model: nn.Module, groups: tuple, length: int, windows: int = 8) -> Step:
    """A step of a language model on windows of `length` random characters."""
    tokens = torch.randint(V, (windows, length + 1))
    batch, optimizer = (tokens[:, :-1], tokens[:, 1:]), Muon(*groups, rate=1e-3)
    return lambda: update(model, batch, rnn.next_token_loss, optimizer)


def gpt_step(context: int = 64, layers: int = 2, width: int = 128) -> Step:
    model = transformer.GPT(GPTConfig(V, context, layers, heads=4, width=width))
    return text_step(model, transformer.parameter_groups(model, 1e-3), context)


def lstm_step(length: int = 64, width: int = 128) -> Step:
    model = rnn.LSTMLanguageModel(rnn.RNNConfig(V, width))
    return text_step(model, rnn.parameter_groups(model, 1e-3), length)


def attention_step(length: int) -> Step:
    """Four heads of 32 numbers look back in 4 windows, and the gradients come back."""
    q, k, v = (torch.randn(4, 4, length, 32, requires_grad=True) for _ in range(3))
    return lambda: transformer.causal_attention(q, k, v).sum().backward()


def merges_of(share: int, merges: int) -> Step:
    """Learn merges from `share` eighths of tiny Shakespeare's training text."""
    text = load_text("tinyshakespeare").train
    part = text[: share * len(text) // 8]
    return lambda: train_bpe(part, merges)


GROWTHS = {
    "autoencoder: images in a pass": Growth(
        1000, images_pass, "each image is seen once: the time grows with their number, exponent 1"
    ),
    "autoencoder: images in a batch": Growth(
        128,
        lambda n: images_step(batch=n),
        "products and activations grow with the batch, the optimizer's work does not: at most 1",
    ),
    "autoencoder: width of the hidden layers": Growth(
        128,
        lambda n: images_step(widths=(n, n)),
        "a layer between two hidden ones grows with the square of the width, one to the pixels in "
        "proportion to it: between 1 and 2, and nearer to 2 the wider",
    ),
    "autoencoder: hidden layers": Growth(
        1,
        lambda n: images_step(widths=(256,) * n),
        "each layer adds the same; the first and the last, between pixels and units, are there "
        "anyway and cost most: far below 1",
    ),
    "VAE: numbers in a code": Growth(
        16,
        lambda n: images_step(widths=(400,), vae=n),
        "only the two layers at the code grow, small beside those at the 784 pixels: near 0, which "
        "is why a larger code costs almost no time",
    ),
    "GPT: width": Growth(
        64,
        lambda n: gpt_step(width=n),
        "the products of a block, and Muon's even more, grow with the square of the width or its "
        "cube, elementwise work in proportion to it: 1 for small widths, 2 and more for large ones",
    ),
    "GPT: layers": Growth(
        1,
        lambda n: gpt_step(layers=n),
        "all blocks cost the same, embedding and logits come once: near 1",
    ),
    "GPT: characters in the context": Growth(
        64,
        lambda n: gpt_step(context=n),
        "maps and MLP grow with the number of characters, attention with its square, the optimizer "
        "not at all: near 1 while the context is short beside the width, then towards 2",
    ),
    "attention alone: characters": Growth(
        128,
        attention_step,
        "every character looks at every earlier one: time and memory grow with the square; time "
        "faster still where the scores no longer fit into the cache",
    ),
    "LSTM: characters in a chunk": Growth(
        32,
        lambda n: lstm_step(length=n),
        "one step after the other, each costs the same; Muon comes once: at most 1, and never 2",
    ),
    "LSTM: width": Growth(
        64,
        lambda n: lstm_step(width=n),
        "the product with the state grows with the square, Muon's products with the cube, "
        "elementwise work in proportion: from 1 upwards, with the width",
    ),
    "BPE: eighths of the text": Growth(
        1,
        lambda n: merges_of(n, 1000),
        "counting words grows with the text, learning with the number of different words, which "
        "grows more slowly: below 1",
    ),
    "BPE: merges": Growth(
        250,
        lambda n: merges_of(8, n),
        "counting words and pairs comes once, and a later merge is of a rarer pair, which changes "
        "fewer words: far below 1",
    ),
}
PANELS = {  # of the picture: its title, and how its rows' names begin
    "images": ("autoencoder", "VAE"),
    "text": ("GPT", "attention", "LSTM"),
    "byte pairs": ("BPE",),
}


def measure(name: str, size: int) -> dict[str, float]:
    """One size in this process, which has just started."""
    images_step(2, (4,))()  # libraries are loaded by the first step
    before = psutil.Process().memory_info().rss / 1e6
    step = GROWTHS[name].make(size)
    step()  # warm
    runs, start = [], time.perf_counter()
    while time.perf_counter() - start < SECONDS or len(runs) < 3:
        clock = time.process_time()
        step()
        runs.append(time.process_time() - clock)
    return {"CPU ms": 1000 * median(runs), "MB": peak_memory() - before}


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float | str]]:
    """What was measured -> one number for each repetition; a name "row | column" is a field."""
    results: dict[str, list[float | str]] = {}
    for _ in seeds:
        for name, growth in GROWTHS.items():
            sizes = [growth.first * factor for factor in FACTORS]
            points = [fresh("growth", name, size) for size in sizes]
            row = f"{name}, {sizes[0]:,} to {sizes[-1]:,}"
            columns: dict[str, float | str] = {}
            for unit in ("CPU ms", "MB"):
                costs = [max(point[unit], 0.1) for point in points]  # a page of memory is no law
                columns |= {
                    f"{unit}, x {factor}": cost for factor, cost in zip(FACTORS, costs, strict=True)
                }
                exponent, error = fit_exponent(sizes, costs)
                columns |= {f"exponent of {unit}": exponent, f"its error, {unit}": error}
            for column, value in columns.items():
                results.setdefault(f"{row} | {column}", []).append(value)
            results[f"{row} | why"] = [growth.why]
    return results


def draw(values: dict[str, list], path: Path) -> None:
    """Times beside those of the smallest size, from what `main` measured, as a picture."""
    import matplotlib.pyplot as plt

    from course_utils.plotting import COLORS, new_row

    rows: dict[str, list[float]] = {}
    for what, runs in values.items():
        row, _, column = what.partition(" | ")
        if column.startswith("CPU ms, x "):
            rows.setdefault(row, []).append(fmean(runs))
    colors = [color for role, color in COLORS.items() if role != "baseline"]
    marks = ["o-", "s--", "^-.", "D:", "v-", "P--"]
    for ax, (title, kinds) in zip(new_row(3, 12, 4.6), PANELS.items(), strict=True):
        for power in (0, 1, 2):
            ax.plot(FACTORS, [f**power for f in FACTORS], color=COLORS["baseline"], linewidth=0.8)
            ax.text(8.2, 8**power, f"{power}", va="center", fontsize=9, color=COLORS["baseline"])
        chosen = [row for row in rows if row.startswith(kinds)]
        for row, mark, color in zip(chosen, marks, colors, strict=False):
            times = [value / rows[row][0] for value in rows[row]]
            ax.plot(FACTORS, times, mark, color=color, markersize=4, label=row)
        ax.set(xscale="log", yscale="log", xlabel="size, x the smallest", title=title)
        ax.set(xticks=FACTORS, xticklabels=FACTORS, yticks=(1, 8, 64), yticklabels=(1, 8, 64))
        ax.minorticks_off()
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    ax.figure.axes[0].set_ylabel("CPU time, x that of the smallest")
    with plt.rc_context({"svg.hashsalt": "course"}):  # the same numbers, the same file
        ax.figure.savefig(path, metadata={"Date": None})
    plt.close(ax.figure)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
