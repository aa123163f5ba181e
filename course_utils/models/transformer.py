"""Transformers: every token looks back at all tokens before it, and takes what it needs.

Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), as a language model with
normalization before each part: GPT-2, Radford et al. 2019. A learned bias for each distance, added
to GPT-2's learned positions: Shaw et al. 2018 (arXiv 1803.02155), in the form of T5, Raffel et al.
2020 (arXiv 1910.10683, section 2.1). It starts as the fixed slopes of ALiBi, Press et al. 2022
(arXiv 2108.12409, section 3). With that bias at 0 this is GPT-2: `from_gpt2` loads it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

KeysValues = tuple[Tensor, Tensor]  # (B, N, S, D) each
Memory = list[KeysValues]  # of every layer


@dataclass(frozen=True)
class GPTConfig:
    vocab_size: int
    context_size: int = 64  # tokens
    layers: int = 4
    heads: int = 4
    width: int = 128  # numbers for each token, C


def attention_weights(q: Tensor, k: Tensor, bias: Tensor | None = None) -> Tensor:
    """Where each query looks: (B, N, T, D), (B, N, S, D) -> shares (B, N, T, S), rows sum to 1.

    The T queries are the last T of the S places; none sees a later place. `bias` (N, T, S) is
    added to the scores. Vaswani et al. 2017, eq. 1.
    """
    T, S = q.shape[-2], k.shape[-2]
    future = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(S - T + 1)
    bias = q.new_zeros(T, S) if bias is None else bias
    bias = bias.masked_fill(future, float("-inf"))  # here, not in the scores: B times less work
    scores = (q / q.shape[-1] ** 0.5) @ k.transpose(-2, -1) + bias  # (B, N, T, S)
    return scores.softmax(dim=-1)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """(B, N, T, D), (B, N, S, D), (B, N, S, D) -> the values, mixed: (B, N, T, D)."""
    return attention_weights(q, k, bias) @ v


class Attention(nn.Module):
    """N heads look back, each in its own D = C / N numbers."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        if config.width % config.heads:
            raise ValueError(
                f"width={config.width} is no multiple of heads={config.heads}; each head gets "
                "width / heads numbers"
            )
        self.heads = config.heads
        self.to_qkv = nn.Linear(config.width, 3 * config.width)
        self.to_out = nn.Linear(config.width, config.width)
        self.distance_bias = nn.Parameter(torch.zeros(config.heads, config.context_size))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.look_back(*self.split(x))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, C) -> queries, keys, values, each (B, N, T, D)."""
        qkv = self.to_qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, N, D)
        return qkv.permute(2, 0, 3, 1, 4).unbind()

    def look_back(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The last T of S places look back: -> (B, T, C)."""
        T, S = q.shape[2], k.shape[2]
        place = torch.arange(S, device=q.device)
        distance = (place[S - T :, None] - place).clamp(min=0)  # (T, S), tokens back
        out = causal_attention(q, k, v, self.distance_bias[:, distance])  # (B, N, T, D)
        return self.to_out(out.transpose(1, 2).flatten(2))  # (B, T, C)


class Block(nn.Module):
    """Look back, then think: two parts, each added to the path that runs through all blocks."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        C = config.width
        self.norm_1, self.attention = nn.LayerNorm(C), Attention(config)
        self.norm_2 = nn.LayerNorm(C)
        self.mlp = nn.Sequential(
            nn.Linear(C, 4 * C), nn.GELU(approximate="tanh"), nn.Linear(4 * C, C)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attention(self.norm_1(x))
        return x + self.mlp(self.norm_2(x))


class GPT(nn.Module):
    """Logits of the next token at every place, from the tokens up to there."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.position_embedding = nn.Embedding(config.context_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.to_logits = nn.Linear(config.width, config.vocab_size, bias=False)
        start_small(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, V). More tokens than the context raise ValueError."""
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.to_logits(self.norm(x))

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        """What a token is plus where it stands, `start` tokens after the first: -> (B, T, C)."""
        end = start + tokens.shape[1]
        if end > self.config.context_size:
            raise ValueError(
                f"{end} tokens exceed context_size={self.config.context_size}; crop the prompt"
            )
        places = torch.arange(start, end, device=tokens.device)
        return self.token_embedding(tokens) + self.position_embedding(places)

    def extend(self, tokens: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """Read on: (B, T), keys and values of an earlier call -> logits (B, T, V), all of them."""
        start = memory[0][0].shape[2] if memory else 0
        x, grown = self.embed(tokens, start), []
        for i, block in enumerate(self.blocks):
            q, *kv = block.attention.split(block.norm_1(x))
            if memory:
                kv = [torch.cat(pair, dim=2) for pair in zip(memory[i], kv, strict=True)]
            x = x + block.attention.look_back(q, *kv)
            x = x + block.mlp(block.norm_2(x))
            grown.append(tuple(kv))
        return self.to_logits(self.norm(x)), grown


def start_small(model: GPT) -> None:
    """Weights from N(0, 0.02^2) as in GPT-2; 0 for biases, places, and where a block adds.

    So every block passes its input on at first (Zhang et al. 2019, arXiv 1901.09321, section 3).
    Head n starts by looking back with a bias of -4^-n for each token of distance: the first head
    sees the last few tokens, the later ones further.
    """
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            nn.init.normal_(weight, std=0.02)
        if name.endswith(("position_embedding.weight", "to_out.weight", "mlp.2.weight")):
            nn.init.zeros_(weight)
        if name.endswith(("to_qkv.bias", "to_out.bias", "mlp.0.bias", "mlp.2.bias")):
            nn.init.zeros_(weight)
        if name.endswith("distance_bias"):
            heads, places = (torch.arange(size) for size in weight.shape)
            weight.data = -(places * 4.0 ** -heads[:, None])


def parameter_groups(model: GPT, rate: float) -> tuple[list[nn.Parameter], list[dict]]:
    """The matrices inside the blocks, for `muon.Muon`, and all other weights in groups for AdamW.

    Rate of the distance biases: 10 x `rate`, since a useful bias is about as large as a score.
    """
    inside = dict(model.blocks.named_parameters())
    matrices = [w for name, w in inside.items() if name.endswith("weight") and w.ndim == 2]
    distances = [w for name, w in inside.items() if name.endswith("distance_bias")]
    taken = {id(w) for w in matrices + distances}
    others = [w for w in model.parameters() if id(w) not in taken]
    return matrices, [{"params": distances, "lr": 10 * rate}, {"params": others, "lr": rate}]


GPT2_NAMES = {  # of the maps in one block, in the order of transformers
    "ln_1": "norm_1",
    "attn.c_attn": "attention.to_qkv",
    "attn.c_proj": "attention.to_out",
    "ln_2": "norm_2",
    "mlp.c_fc": "mlp.0",
    "mlp.c_proj": "mlp.2",
}


def from_gpt2(weights: dict[str, Tensor], heads: int) -> GPT:
    """Our GPT with the weights of `transformers.GPT2LMHeadModel`, by their names there.

    Theirs stores linear maps transposed, and uses the token embedding for the logits, too. Weights
    that are missing raise ValueError.
    """
    theirs = {name.removeprefix("transformer."): value for name, value in weights.items()}
    if not {"wte.weight", "wpe.weight", "ln_f.weight"} <= theirs.keys():
        raise ValueError(
            f"these are no weights of GPT-2: their names are {sorted(weights)[:3]} ..."
        )
    vocab_size, width = theirs["wte.weight"].shape
    layers = len({name.split(".")[1] for name in theirs if name.startswith("h.")})
    model = GPT(GPTConfig(vocab_size, len(theirs["wpe.weight"]), layers, heads, width))
    pairs = [
        ("wte", "token_embedding"),
        ("wpe", "position_embedding"),
        ("wte", "to_logits"),
        ("ln_f", "norm"),
    ]
    for i in range(layers):
        pairs += [(f"h.{i}.{a}", f"blocks.{i}.{b}") for a, b in GPT2_NAMES.items()]
    start = model.state_dict()
    ours = {name: 0 * value for name, value in start.items() if name.endswith("distance_bias")}
    for a, b in pairs:
        for kind in (kind for kind in ("weight", "bias") if f"{b}.{kind}" in start):
            value = theirs[f"{a}.{kind}"]
            ours[f"{b}.{kind}"] = value.T if ".c_" in a and kind == "weight" else value
    model.load_state_dict(ours)
    return model
