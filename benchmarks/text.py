"""Characters of tiny Shakespeare: nanoGPT's recipe for a CPU beside ours.

Losses are nats per character over the whole validation text (the last 10 %), in windows that do not
overlap, as long as the context a model was trained with.

The plain recipe is the one nanoGPT's README gives for a CPU: 4 layers, 4 heads, 128 wide, context
64, batches of 12, 2,000 steps of AdamW at 1e-3 (100 of warm-up, cosine down to 1e-4, beta2 0.99,
decay 0.1, gradients clipped at 1), no dropout, no biases, token embedding tied to the output;
written with torch's own modules. Its README reports 1.88. Ours is the GPT of notebook 08, trained
by Muon: one layer with the same context until it is as good as the plain recipe, and the run of
the lesson, four layers with a context of 128. Both run in one process, in turn.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data.text import load_text
from course_utils.data.windows import random_windows, whole_text
from course_utils.language_metrics import nats_per_token
from course_utils.models.rnn import next_token_loss
from course_utils.models.tokenizer import CharTokenizer
from course_utils.models.transformer import GPT, GPTConfig, parameter_groups
from course_utils.muon import Muon
from course_utils.training import update, warmup_then_decay


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = (nn.LayerNorm(width, bias=False) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.fc, self.down = (
            nn.Linear(width, 4 * width, bias=False),
            nn.Linear(4 * width, width, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln_1(x)).split(C, dim=2)
        q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.fc(self.ln_2(x))))


class PlainGPT(nn.Module):
    def __init__(self, vocab_size: int, context: int = 64, layers: int = 4, width: int = 128):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab_size, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[PlainBlock(width, heads=4) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                scale = (2 * layers) ** -0.5 if name.endswith(("proj.weight", "down.weight")) else 1
                nn.init.normal_(weight, std=0.02 * scale)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        return self.ln_f(self.blocks(x)) @ self.wte.weight.T


def plain(train: Tensor, vocab_size: int, seed: int, steps: int = 2000) -> tuple[nn.Module, float]:
    """nanoGPT's recipe for a CPU: the model, and its CPU seconds."""
    torch.manual_seed(seed)
    model, start = PlainGPT(vocab_size), time.process_time()
    groups = [
        {"params": [w for w in model.parameters() if w.ndim >= 2], "weight_decay": 0.1},
        {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=100)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - 100, eta_min=1e-4)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, decay], [100])
    for _ in range(steps):
        plain_step(model, train, optimizer)
        schedule.step()
    return model.eval(), time.process_time() - start


def plain_step(model: nn.Module, train: Tensor, optimizer: torch.optim.Optimizer) -> int:
    """One step of the plain recipe; the number of characters that it saw."""
    starts = torch.randint(len(train) - 64, (12,))
    x = torch.stack([train[i : i + 64] for i in starts])
    y = torch.stack([train[i + 1 : i + 65] for i in starts])
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return x.numel()


def ours(
    train: Tensor,
    config: GPTConfig,
    seed: int,
    steps: int,
    windows: int = 16,
    dropout: float = 0.0,
) -> tuple[nn.Module, float]:
    """The recipe of notebook 08, so many windows a step: the model, and its CPU seconds.

    `dropout`: share of what a part of a block adds to the path that is left out in training
    (Srivastava et al. 2014; where GPT-2 has it).
    """
    torch.manual_seed(seed)
    model, start = GPT(config), time.process_time()
    for block in model.blocks if dropout else ():
        block.attention.to_out = nn.Sequential(block.attention.to_out, nn.Dropout(dropout))
        block.mlp.append(nn.Dropout(dropout))
    matrices, others = parameter_groups(model, 1e-2)
    optimizer = Muon(matrices, others, rate=0.04)
    schedule = warmup_then_decay(optimizer, steps // 10, steps)
    order = torch.Generator().manual_seed(seed)
    for batch in random_windows(train, config.context_size, windows, steps, order):
        update(model, batch, next_token_loss, optimizer)
        schedule.step()
    return model.eval(), time.process_time() - start


def shakespeare() -> tuple[Tensor, Tensor, int]:
    """Characters to train and to validate, and the number of kinds; no stand-in will do."""
    text = load_text("tinyshakespeare")
    if text.name != "tinyshakespeare":
        raise SystemExit("this benchmark needs tiny Shakespeare: set COURSE_DATA, or a network")
    tokenizer = CharTokenizer(text.train + text.validation)
    train, validation = tokenizer.encode(text.train), tokenizer.encode(text.validation)
    return train, validation, tokenizer.vocab_size


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    train, validation, V = shakespeare()
    short = GPTConfig(V, context_size=64, layers=1)
    lesson = GPTConfig(V, context_size=128)
    results: dict[str, list[float]] = {}
    for seed in seeds:
        model, usual = plain(train, V, seed)
        measured = {
            "plain recipe, nats per character": nats_per_token(model, whole_text(validation, 64)),
            "plain recipe, CPU s": usual,
        }
        for name, config, steps in (("same context", short, 360), ("lesson", lesson, 1000)):
            wall = time.perf_counter()
            model, seconds = ours(train, config, seed, steps)
            wall = time.perf_counter() - wall
            nats = nats_per_token(model, whole_text(validation, config.context_size, 32))
            goal = " (must be <= 1.55, aim 1.50)" if name == "lesson" else ""
            measured[f"ours, {name}, nats per character{goal}"] = nats
            measured[f"ours, {name}, CPU s"] = seconds
            measured[f"ours, {name}, s on this machine"] = wall
            if name == "same context":
                measured["ours, same context, x the plain CPU time (must be <= 1/8)"] = (
                    seconds / usual
                )
        for what, value in measured.items():
            results.setdefault(what, []).append(value)
    return results
