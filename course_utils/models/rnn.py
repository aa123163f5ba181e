"""Recurrent networks: a state that reads one token after the other, and a language model with it.

Plain: Elman 1990, "Finding structure in time". LSTM: Hochreiter & Schmidhuber 1997, with the forget
gate of Gers, Schmidhuber & Cummins 2000. GRU: Cho et al. 2014 (arXiv 1406.1078), in the variant of
torch.nn.GRU. Weights and the order of gates are those of torch.nn, so loading from it is copying.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]
Extend = Callable[..., tuple[Tensor, object]]


@dataclass(frozen=True)
class RNNConfig:
    vocab_size: int
    width: int = 384  # numbers in the state h, and in the cell c
    embedding_size: int = 64  # numbers for each token


def rnn_step(inputs: Tensor, h: Tensor, w_hidden: Tensor) -> Tensor:
    """One step of a plain recurrent network: (B, C), (B, C), (C, C) -> the new state (B, C).

    `inputs` = W_x x + b, the part of the step that does not wait for the state.
    """
    return torch.tanh(inputs + h @ w_hidden.T)  # Elman 1990


def lstm_step(inputs: Tensor, h: Tensor, c: Tensor, w_hidden: Tensor) -> State:
    """One step of an LSTM: (B, 4C), (B, C), (B, C), (4C, C) -> new h and c, both (B, C)."""
    gates = torch.addmm(inputs, h, w_hidden.T)  # (B, 4C), inputs + h W^T
    write, keep, content, show = gates.chunk(4, dim=1)  # each (B, C)
    c = keep.sigmoid() * c + write.sigmoid() * content.tanh()
    return show.sigmoid() * c.tanh(), c


def gru_step(inputs: Tensor, h: Tensor, w_hidden: Tensor, b_hidden: Tensor) -> Tensor:
    """One step of a GRU: (B, 3C), (B, C), (3C, C), (3C,) -> the new state (B, C).

    The reset gate acts after the product with h (torch.nn.GRU), in Cho et al. before it.
    """
    reset_x, update_x, content_x = inputs.chunk(3, dim=1)  # each (B, C)
    reset_h, update_h, content_h = torch.addmm(b_hidden, h, w_hidden.T).chunk(3, dim=1)
    reset, keep = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    content = (content_x + reset * content_h).tanh()
    return keep * h + (1 - keep) * content


class LSTMLanguageModel(nn.Module):
    """Logits of the next token at every place, from all tokens before it.

    torch.nn.LSTM takes the steps of lstm_step, in one call: twice as fast as a loop in Python.
    """

    def __init__(self, config: RNNConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.lstm = nn.LSTM(config.embedding_size, config.width, batch_first=True)
        self.to_logits = nn.Linear(config.width, config.vocab_size)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        # the gates write, keep, content, show; keep is open at first (Gers et al. 2000, section 4)
        nn.init.ones_(self.lstm.bias_ih_l0.data[config.width : 2 * config.width])

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, V); nothing was read before."""
        return self.extend(tokens)[0]

    def extend(self, tokens: Tensor, memory: State | None = None) -> tuple[Tensor, State]:
        """Read on: (B, T), the h and c of an earlier call -> logits (B, T, V), the new h and c."""
        layers = memory and tuple(part[None] for part in memory)  # each (1, B, C): one layer
        states, layers = self.lstm(self.embedding(tokens), layers)  # (B, T, C)
        return self.to_logits(states), tuple(part[0] for part in layers)


def parameter_groups(
    model: LSTMLanguageModel, rate: float
) -> tuple[list[nn.Parameter], list[dict]]:
    """The two matrices of the layer, for `muon.Muon`, and all other weights for AdamW."""
    matrices = [model.lstm.weight_ih_l0, model.lstm.weight_hh_l0]
    others = [w for w in model.parameters() if all(w is not matrix for matrix in matrices)]
    return matrices, [{"params": others, "lr": rate}]


def next_token_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Cross-entropy in nats per token, mean over all tokens. Untrained: ln V."""
    tokens, targets = batch  # both (B, T)
    return {"loss": F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())}


class CarriedLoss:
    """next_token_loss of a chunk that goes on where the last one stopped.

    Truncated backpropagation: the memory is carried, but detached, so gradients stay within a chunk
    (Williams & Peng 1990). Make a new one at the start of each pass.
    """

    def __init__(self):
        self.memory = None

    def __call__(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        tokens, targets = batch  # both (B, T)
        logits, memory = model.extend(tokens, self.memory)
        self.memory = tuple(part.detach() for part in memory)
        return {"loss": F.cross_entropy(logits.flatten(0, 1), targets.flatten())}


@torch.no_grad()
def sample(
    extend: Extend, prompt: Tensor, n: int, generator: torch.Generator, temperature: float = 1.0
) -> Tensor:
    """Write on: a prompt (B, T) -> n more tokens (B, n), each drawn from p(next)^(1 / temperature).

    `extend` as in the models of this course. Temperature 0 takes the likeliest token each time.
    """
    if temperature < 0:
        raise ValueError(f"temperature={temperature}; choose 0 (the likeliest) or more")
    logits, memory = extend(prompt)
    drawn = []
    for _ in range(n):
        last = logits[:, -1]  # (B, V)
        if temperature == 0:
            token = last.argmax(dim=1, keepdim=True)
        else:
            p = (last / temperature).softmax(dim=1).to(generator.device)
            token = torch.multinomial(p, 1, generator=generator).to(last.device)  # (B, 1)
        drawn.append(token)
        logits, memory = extend(token, memory)
    return torch.cat(drawn, dim=1)
