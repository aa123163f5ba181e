"""Tokens per second of a GPT that keeps keys and values, beside one that reads everything anew.

The GPT of notebook 08 (4 layers, 128 wide), untrained: the cost does not depend on the weights. One
text at a time, greedy, after one token of prompt; both loops must write the same tokens.
"""

import time

import torch

from course_utils.generation import generate, reread
from course_utils.models.transformer import GPT, GPTConfig

LENGTHS = (32, 64, 128, 256)  # tokens


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    results: dict[str, list[float]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        model = GPT(GPTConfig(65, context_size=max(LENGTHS))).eval()
        for parameter in model.parameters():  # away from 0, so that logits differ
            parameter.data += 0.02 * torch.randn_like(parameter)
        prompt = torch.zeros(1, 1, dtype=torch.int64)
        for n in LENGTHS:
            rates, texts = [], []
            for extend in (reread(model), model.extend):
                generate(extend, prompt, 8)  # warm
                start = time.perf_counter()
                texts.append(generate(extend, prompt, n))
                rates.append(n / (time.perf_counter() - start))
            if not torch.equal(*texts):
                raise RuntimeError(f"the two loops wrote other tokens at n={n}, seed {seed}")
            goal = " (must be >= 5)" if n == 256 else ""
            for what, value in (
                (f"{n} tokens, read anew, tokens/s", rates[0]),
                (f"{n} tokens, kept, tokens/s", rates[1]),
                (f"{n} tokens, times as fast{goal}", rates[1] / rates[0]),
            ):
                results.setdefault(what, []).append(value)
    return results
