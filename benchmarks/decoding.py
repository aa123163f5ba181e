"""Tokens per second of a GPT that keeps keys and values, beside one that reads everything anew.

The GPT of notebook 08 (4 layers, 128 wide), untrained: the cost does not depend on the weights. One
text at a time, greedy; both loops must write the same tokens. "A whole text" begins with one token;
"at n tokens" are the last 16, when nearly n are read for each.
"""

import time

import torch

from course_utils.generation import Extend, generate, reread
from course_utils.models.transformer import GPT, GPTConfig

LENGTHS = (32, 64, 128, 256)  # tokens
LAST = 16  # of them


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    results: dict[str, list[float]] = {}
    for seed in seeds:
        torch.manual_seed(seed)
        model = GPT(GPTConfig(65, context_size=max(LENGTHS))).eval()
        for parameter in model.parameters():  # away from 0, so that logits differ
            parameter.data += 0.02 * torch.randn_like(parameter)
        prompt = torch.zeros(1, 1, dtype=torch.int64)
        loops = {"read anew": reread(model), "kept": model.extend}
        for n in LENGTHS:
            texts, whole, last = [], [], []
            for how, extend in loops.items():
                generate(extend, prompt, 8)  # warm
                start = time.perf_counter()
                texts.append(generate(extend, prompt, n))
                whole.append(n / (time.perf_counter() - start))
                last.append(LAST / seconds_of_last(extend, texts[0]))
                results.setdefault(f"at {n} tokens, {how}, tokens/s", []).append(last[-1])
            if not torch.equal(*texts):
                raise RuntimeError(f"the two loops wrote other tokens at n={n}, seed {seed}")
            goal = " (must be >= 5)" if n == 256 else ""
            for what, rates in ((f"at {n} tokens", last), (f"a whole text of {n} tokens", whole)):
                name = f"{what}, times as fast{goal}"
                results.setdefault(name, []).append(rates[1] / rates[0])
    return results


@torch.no_grad()
def seconds_of_last(extend: Extend, text: torch.Tensor) -> float:
    """Seconds to read the last tokens of a text (1, n) one by one, all before them read already."""
    _, memory = extend(text[:, :-LAST])
    start = time.perf_counter()
    for token in text[:, -LAST:].split(1, dim=1):
        _, memory = extend(token, memory)
    return time.perf_counter() - start
