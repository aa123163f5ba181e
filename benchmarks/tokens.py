"""Byte-pair encoding in plain Python: learning 1,000 merges of tiny Shakespeare, and encoding it.

Cold: the tokenizer has seen no word yet; warm: the same text once more, its words kept. The library
`tokenizers` (Rust, same merges, no batches) encodes the same text as context.
"""

import time

import torch

from course_utils.data.text import load_text
from course_utils.models.bpe import BPETokenizer, train_bpe

MERGES = 1000


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each repetition; nothing here is random."""
    text = load_text("tinyshakespeare").train
    size = len(text.encode("utf-8")) / 1e6
    results: dict[str, list[float]] = {}
    for _ in seeds:
        start = time.perf_counter()
        merges = train_bpe(text, MERGES)
        measured = {f"{MERGES:,} merges learned, s (must be <= 5)": time.perf_counter() - start}
        tokenizer = BPETokenizer(merges)
        for state, goal in (("cold", " (must be >= 1)"), ("warm", "")):
            start = time.perf_counter()
            tokens = tokenizer.encode(text)
            seconds = time.perf_counter() - start
            measured[f"encoding, {state}, MB/s{goal}"] = size / seconds
        measured["library tokenizers, MB/s"] = size / _library_seconds(tokenizer, text, tokens)
        measured["characters per token"] = len(text) / len(tokens)
        for what, value in measured.items():
            results.setdefault(what, []).append(value)
    return results


def _library_seconds(tokenizer: BPETokenizer, text: str, ours: torch.Tensor) -> float:
    """Seconds of the library for the same text; it must give the same tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary, merges = tokenizer.for_tokenizers()
    library = Tokenizer(models.BPE(vocabulary, merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    start = time.perf_counter()
    theirs = library.encode(text).ids
    seconds = time.perf_counter() - start
    if theirs != ours.tolist():
        raise RuntimeError("the library tokenizers cuts the text into other tokens")
    return seconds
