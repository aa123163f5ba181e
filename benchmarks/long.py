"""A long run: a wider GPT with dropout, on the characters of tiny Shakespeare.

The GPT of notebook 08 and its recipe, with 192 numbers, 6 heads, a context of 256 and 2,100 batches
of 8 windows: the text is read four times, so it needs dropout (0.15). nanoGPT's recipe for a GPU
(6 layers, 384 wide, context 256, 5,000 batches of 64 windows, dropout 0.2) reaches 1.4697, as its
README reports. Losses are nats per character over the whole validation text (the last 10 %), in
windows of 256 that do not overlap; with half a window or more before each character it is less.
The run aims at ten minutes on two cores; two threads of one core need more.
"""

import time

from benchmarks.language import overlapping
from benchmarks.text import ours, shakespeare
from course_utils.data.windows import whole_text
from course_utils.language_metrics import nats_per_token
from course_utils.models.transformer import GPTConfig


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    train, validation, V = shakespeare()
    config = GPTConfig(V, context_size=256, heads=6, width=192)
    results: dict[str, list[float]] = {}
    for seed in seeds:
        wall = time.perf_counter()
        model, seconds = ours(train, config, seed, steps=2100, windows=8, dropout=0.15)
        measured = {
            "s on this machine (must be <= 600)": time.perf_counter() - wall,
            "CPU s": seconds,
            "nats per character, training text": nats_per_token(
                model, whole_text(train[: len(validation)], config.context_size, 16)
            ),
            "nats per character (aim 1.47)": nats_per_token(
                model, whole_text(validation, config.context_size, 16)
            ),
            "nats per character, with half a window before each": overlapping(model, validation),
        }
        for what, value in measured.items():
            results.setdefault(what, []).append(value)
    return results
