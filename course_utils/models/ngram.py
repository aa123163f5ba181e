"""Counting: how often did each token follow the last few? The baseline of every language model.

Interpolated smoothing of Witten & Bell 1991, "The zero-frequency problem" (method C of text
compression): a longer context is trusted more, the more often it was seen and the fewer kinds of
tokens followed it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def witten_bell(counts: Tensor, shorter: Tensor) -> Tensor:
    """Mix counts after a context with p(next | a shorter context), both (..., V) -> (..., V).

    The share left for the shorter context is that of new kinds among what was seen:
    kinds / (total + kinds). A context never seen leaves it everything.
    """
    total = counts.sum(dim=-1, keepdim=True)
    kinds = (counts > 0).sum(dim=-1, keepdim=True).clamp(min=1)
    return (counts + kinds * shorter) / (total + kinds)


class FollowerCounts:
    """For each context of one length, which tokens followed it, and how often.

    Contexts are numbered; `grams` holds context x V + next token, sorted, so the followers of one
    context stand side by side. The number of a gram is its place there.
    """

    def __init__(self, keys: Tensor, contexts: int, vocab_size: int):
        self.vocab_size = vocab_size
        self.grams, self.number_of, self.counts = keys.unique(
            return_inverse=True, return_counts=True
        )
        edges = torch.arange(contexts + 1, device=keys.device) * vocab_size
        self.first = torch.searchsorted(self.grams, edges)  # (contexts + 1,)

    def followers(self, contexts: Tensor) -> Tensor:
        """Counts of all tokens after each context: (B, T) -> (B, T, V); 0 after -1, an unseen."""
        context = contexts.flatten()  # (n,)
        seen = context >= 0
        kinds = torch.where(seen, self.first.diff()[context], 0)  # (n,), -1 reads the last one
        rows = torch.arange(len(context), device=context.device).repeat_interleave(kinds)
        before = (kinds.cumsum(0) - kinds)[rows]
        places = self.first[context[rows]] + torch.arange(len(rows), device=rows.device) - before
        counts = torch.zeros(len(context), self.vocab_size, device=context.device)
        counts[rows, self.grams[places] % self.vocab_size] = self.counts[places].float()
        return counts.unflatten(0, contexts.shape)

    def find(self, contexts: Tensor, tokens: Tensor) -> Tensor:
        """Number of the gram context + token, as a context; -1 where the training text has none."""
        keys = contexts * self.vocab_size + tokens
        places = torch.searchsorted(self.grams, keys).clamp(max=len(self.grams) - 1)
        return torch.where((contexts >= 0) & (self.grams[places] == keys), places, -1)


class NGram:
    """Counts of 1 to `order` tokens in a row, mixed into p(next | the last order - 1 tokens).

    A language model like the others: `logits`, `extend`. `tokens`: the training text, (n,) int64.
    """

    def __init__(self, tokens: Tensor, vocab_size: int, order: int):
        if order < 1:
            raise ValueError(f"order={order}: an n-gram has at least 1 token; choose order >= 1")
        if len(tokens) < order:
            raise ValueError(
                f"{len(tokens)} tokens hold no {order} in a row; use a longer text or lower order"
            )
        if tokens.min() < 0 or tokens.max() >= vocab_size:
            raise ValueError(
                f"tokens lie between {tokens.min()} and {tokens.max()}, vocab_size={vocab_size} "
                f"allows 0 to {vocab_size - 1}; was another tokenizer used?"
            )
        self.vocab_size, self.order, self.levels = vocab_size, order, []
        numbers, contexts = tokens.new_zeros(len(tokens) + 1), 1  # the empty context has number 0
        for length in range(order):
            keys = numbers[:-1] * vocab_size + tokens[length:]  # context, then the next token
            self.levels.append(level := FollowerCounts(keys, contexts, vocab_size))
            numbers, contexts = level.number_of, len(level.grams)

    def probabilities(self, tokens: Tensor, order: int | None = None) -> Tensor:
        """(B, T) -> p of the next token (B, T, V), from the last order - 1 tokens of the window."""
        p = torch.full((*tokens.shape, self.vocab_size), 1 / self.vocab_size, device=tokens.device)
        contexts = tokens.new_zeros(len(tokens), tokens.shape[1] + 1)  # the empty one everywhere
        for level in self.levels[:order]:
            p = witten_bell(level.followers(contexts[:, 1:]), p)
            longer = level.find(contexts[:, :-1], tokens)  # (B, T), each with one token more
            contexts = F.pad(longer, (1, 0), value=-1)  # nothing stands before the window
        return p

    def logits(self, tokens: Tensor, order: int | None = None) -> Tensor:
        """(B, T) -> ln p of the next token (B, T, V), which are logits, too."""
        return self.probabilities(tokens, order).log()

    def extend(
        self, tokens: Tensor, memory: Tensor | None = None, order: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read on: (B, T) -> logits (B, T, V) and the memory, the last order - 1 tokens."""
        seen = tokens if memory is None else torch.cat([memory, tokens], dim=1)
        kept = min((order or self.order) - 1, seen.shape[1])
        return self.logits(seen, order)[:, -tokens.shape[1] :], seen[:, seen.shape[1] - kept :]
