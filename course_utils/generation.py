"""Decoding: from the logits of a language model to text. It works with any model of this course.

A model enters as its function `extend(tokens (B, T), memory) -> logits (B, T, V), new memory`; the
first call has no memory. The memory of a Transformer is its keys and values (the KV cache), that of
an LSTM its state. Nothing here knows which. The functions do not touch the mode of a model
(`model.eval()`): that is the caller's.

Nucleus: Holtzman et al. 2020 (arXiv 1904.09751). Min-p: Nguyen et al. 2024 (arXiv 2407.01082).
Repetition penalty: Keskar et al. 2019 (arXiv 1909.05858). Beam search: Sutskever et al. 2014 (arXiv
1409.3215, section 3.2). Speculative decoding: Leviathan et al. 2023 (arXiv 2211.17192), Chen et al.
2023 (arXiv 2302.01318).
"""

from collections.abc import Callable

import torch
from torch import Tensor

Extend = Callable[..., tuple[Tensor, object]]
Adjust = Callable[[Tensor, Tensor], Tensor]  # logits (B, V), all tokens so far (B, S) -> (B, V)

NEVER = float("-inf")  # the logit of a token that must not be drawn


def with_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Logits of p^(1 / temperature): below 1 sharper, above 1 flatter. Shapes stay."""
    if temperature <= 0:
        raise ValueError(f"temperature={temperature}; choose more than 0, or greedy decoding")
    return logits / temperature


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Only the k likeliest tokens stay possible: (..., V) -> (..., V). A tie at the k-th stays."""
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"k={k}; choose 1 to {logits.shape[-1]}, the size of the vocabulary")
    smallest = logits.topk(k, dim=-1).values[..., -1:]  # (..., 1)
    return logits.masked_fill(logits < smallest, NEVER)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Only the nucleus stays: the fewest likeliest tokens that hold a share `top_p` together.

    (..., V) -> (..., V). A token goes when those before it hold that share without it, so the
    likeliest one always stays. Holtzman et al. 2020, section 3.1.
    """
    check_share("top_p", top_p)
    p, order = logits.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    before = p.cumsum(dim=-1) - p  # (..., V), what the likelier ones hold together
    late = before >= top_p  # never the first: 0 stands before it
    return logits.masked_fill(late.scatter(-1, order, late), NEVER)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Only tokens with at least `min_p` times the probability of the likeliest: (..., V)."""
    check_share("min_p", min_p)
    p = logits.softmax(dim=-1)
    return logits.masked_fill(p < min_p * p.amax(dim=-1, keepdim=True), NEVER)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Tokens seen before get less likely: logits (B, V), tokens (B, S) -> (B, V).

    A positive logit is divided by the penalty, a negative one multiplied. Keskar et al. 2019,
    section 4.1.
    """
    if penalty <= 0:
        raise ValueError(f"penalty={penalty}; choose 1 (no change) or more, for example 1.2")
    old = logits.gather(1, seen)  # (B, S)
    return logits.scatter(1, seen, torch.where(old > 0, old / penalty, old * penalty))


def check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name}={value} is no share; choose more than 0, at most 1")


def check_task(prompt: Tensor, n: int, context_size: int | None = None) -> None:
    """Raise ValueError, with the cure, where nothing can be written."""
    if n < 1:
        raise ValueError(f"n={n} tokens to write; choose 1 or more")
    if prompt.ndim != 2 or 0 in prompt.shape:
        raise ValueError(
            f"the prompt has the shape {tuple(prompt.shape)}; give rows of at least 1 token, (B, T)"
        )
    if prompt.min() < 0:
        raise ValueError(f"the prompt holds the token {prompt.min()}; tokens are 0 or more")
    places = prompt.shape[1] + n - 1  # the last token is written, but never read
    if context_size is not None and places > context_size:
        raise ValueError(
            f"a prompt of {prompt.shape[1]} tokens and n={n} need {places} places, "
            f"context_size={context_size}; crop the prompt, choose a lower n, or use `reread`"
        )


def read_prompt(extend: Extend, prompt: Tensor) -> tuple[Tensor, object]:
    """The first call of `extend`. A token that the model does not know raises ValueError."""
    try:
        logits, memory = extend(prompt)
        known = prompt.max() < logits.shape[-1]
    except IndexError:  # of an embedding
        known = False
    if not known:
        raise ValueError(
            f"the prompt holds the token {prompt.max()}, which the model does not know; was "
            "another tokenizer used?"
        )
    return logits, memory


def draw_token(p: Tensor, generator: torch.Generator) -> Tensor:
    """One token of each row: probabilities (B, V) -> (B, 1)."""
    return torch.multinomial(p.to(generator.device), 1, generator=generator).to(p.device)


@torch.no_grad()
def generate(
    extend: Extend,
    prompt: Tensor,
    n: int,
    generator: torch.Generator | None = None,
    adjust: Adjust | None = None,
    context_size: int | None = None,
) -> Tensor:
    """Write on: a prompt (B, T) -> n more tokens (B, n), drawn; without a generator, greedy.

    `adjust` changes the logits (B, V), given all tokens so far. Prompt and text must fit into
    `context_size`, else ValueError before the first token; `reread` has no such limit.
    """
    check_task(prompt, n, context_size)
    logits, memory = read_prompt(extend, prompt)
    seen = prompt
    while True:
        last = logits[:, -1] if adjust is None else adjust(logits[:, -1], seen)  # (B, V)
        if generator is None:
            token = last.argmax(dim=1, keepdim=True)  # (B, 1)
        else:
            token = draw_token(last.softmax(dim=1), generator)
        seen = torch.cat([seen, token], dim=1)
        if seen.shape[1] == prompt.shape[1] + n:
            return seen[:, -n:]
        logits, memory = extend(token, memory)


def reread(forward: Callable[[Tensor], Tensor], context_size: int | None = None) -> Extend:
    """An `extend` without a cache: it reads everything anew each time, (B, S) -> (B, S, V).

    With a `context_size`, a window slides over the text: older tokens are forgotten. A prompt that
    is longer raises ValueError.
    """

    def extend(tokens: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if context_size is not None and tokens.shape[1] > context_size:
            raise ValueError(
                f"{tokens.shape[1]} tokens exceed context_size={context_size}; crop the prompt"
            )
        seen = tokens if seen is None else torch.cat([seen, tokens], dim=1)
        seen = seen[:, -(context_size or seen.shape[1]) :]
        return forward(seen)[:, -tokens.shape[1] :], seen

    return extend


def pick_rows(memory: object, rows: Tensor) -> object:
    """The memory of some rows of the batch; it may be tensors in tuples and lists."""
    if isinstance(memory, Tensor):
        return memory[rows]
    return type(memory)(pick_rows(part, rows) for part in memory)


@torch.no_grad()
def beam_search(
    extend: Extend,
    prompt: Tensor,
    n: int,
    beams: int,
    end: int | None = None,
    length_power: float = 0.0,
) -> tuple[Tensor, float]:
    """The likeliest text found with `beams` candidates: prompt (1, T) -> (1, up to n), its ln p.

    A candidate is done after n tokens or at the token `end`. Among those that are done the best has
    the highest ln p / length^length_power: 0 favours short texts, 1 takes the mean. One beam
    without `end` is greedy decoding.
    """
    check_task(prompt, n)
    if len(prompt) != 1 or beams < 1:
        raise ValueError(f"{len(prompt)} prompts, beams={beams}; give 1 prompt, 1 or more beams")
    logits, memory = read_prompt(extend, prompt)
    total = logits[:, -1].log_softmax(dim=1)  # (1, V), later (alive, V)
    written, done = prompt[:, :0], []
    for length in range(1, n + 1):
        best, place = total.flatten().topk(min(beams, total.numel()))
        rows, tokens = place // total.shape[1], place % total.shape[1]
        written = torch.cat([written[rows], tokens[:, None]], dim=1)  # (beams, length)
        alive = torch.full_like(tokens, length < n, dtype=torch.bool)
        if end is not None:
            alive &= tokens != end
        done += zip(best[~alive].tolist(), written[~alive], strict=True)
        if not alive.any():
            break
        written = written[alive]
        logits, memory = extend(tokens[alive, None], pick_rows(memory, rows[alive]))
        total = best[alive, None] + logits[:, -1].log_softmax(dim=1)
    log_p, text = max(done, key=lambda pair: pair[0] / len(pair[1]) ** length_power)
    return text[None], log_p


def accept_or_redraw(
    guess: Tensor, p: Tensor, q: Tensor, generator: torch.Generator
) -> tuple[bool, Tensor]:
    """A guess drawn from q -> whether it stays, and a token distributed as p, all of (1, V).

    It stays with probability min(1, p / q), else one is drawn from (p - q)+, normalized. Leviathan
    et al. 2023, section 2.3. `guess` and the answer: (1, 1).
    """
    u = torch.rand((), generator=generator, device=generator.device).to(p.device)
    if u * q.gather(1, guess) < p.gather(1, guess):
        return True, guess
    rest = (p - q).clamp(min=0)
    rest = rest if rest.sum() > 0 else p  # the sum is 0 by rounding only
    return False, draw_token(rest, generator)


def forget_last(memory: list, n: int) -> list:
    """A KV cache without its last n places: each tensor (B, N, S, D) -> (B, N, S - n, D)."""
    return [tuple(part[:, :, : part.shape[2] - n] for part in layer) for layer in memory]


def read_on(extend: Extend, tokens: Tensor, memory: object) -> tuple[Tensor, object]:
    return read_prompt(extend, tokens) if memory is None else extend(tokens, memory)


def probabilities(logits: Tensor, seen: Tensor, adjust: Adjust | None) -> Tensor:
    """(B, V) -> (B, V), after `adjust`."""
    return (logits if adjust is None else adjust(logits, seen)).softmax(dim=1)


def write_guesses(
    draft: Extend,
    text: Tensor,
    n: int,
    memory: object,
    read: int,
    generator: torch.Generator,
    adjust: Adjust | None,
) -> tuple[Tensor, list[Tensor], list[object]]:
    """The draft writes n guesses after a text (1, T), of which its memory holds `read` tokens.

    -> text and guesses (1, T + n), the draft's probabilities of each (1, V), its memory after each
    call: the i-th, counted from 0, has read T + i tokens.
    """
    qs, memories = [], []
    for _ in range(n):
        logits, memory = read_on(draft, text[:, read:], memory)
        read = text.shape[1]
        qs.append(probabilities(logits[:, -1], text, adjust))
        memories.append(memory)
        text = torch.cat([text, draw_token(qs[-1], generator)], dim=1)
    return text, qs, memories


def judge_guesses(
    logits: Tensor,
    text: Tensor,
    qs: list[Tensor],
    generator: torch.Generator,
    adjust: Adjust | None,
) -> tuple[Tensor, int]:
    """Keep the guesses at the end of a text up to the first wrong one, and add a token.

    Logits of the large model (1, G + 1, V), text and G guesses (1, T + G), the draft's
    probabilities -> the text (1, T + stay + 1), how many guesses stay.
    """
    start = text.shape[1] - len(qs)
    for i, q in enumerate(qs):
        before, guess = text[:, : start + i], text[:, start + i, None]
        p = probabilities(logits[:, i], before, adjust)
        stays, token = accept_or_redraw(guess, p, q, generator)
        if not stays:
            return torch.cat([before, token], dim=1), i
    p = probabilities(logits[:, -1], text, adjust)  # all stay: one token more for nothing
    return torch.cat([text, draw_token(p, generator)], dim=1), len(qs)


@torch.no_grad()
def speculate(
    extend: Extend,
    draft: Extend,
    prompt: Tensor,
    n: int,
    guesses: int,
    generator: torch.Generator,
    adjust: Adjust | None = None,
    forget: Callable[[object, int], object] = forget_last,
) -> tuple[Tensor, int]:
    """Text of the model `extend`, guessed by a small one: (1, T) -> (1, n), calls of `extend`.

    The tokens are distributed as those of `generate(extend, ...)`. The draft writes `guesses`
    tokens, the model judges all of them in one call. `forget` drops places of its memory;
    the draft may have any memory.
    """
    check_task(prompt, n)
    if len(prompt) != 1 or guesses < 1:
        raise ValueError(f"{len(prompt)} prompts, guesses={guesses}; give 1, and 1 guess or more")
    text, calls, end = prompt, 0, prompt.shape[1] + n
    memory, old, read, draft_read = None, None, 0, 0  # both models, tokens they have read
    while (size := text.shape[1]) < end:
        count = min(guesses, end - size - 1)
        tried, qs, memories = write_guesses(draft, text, count, old, draft_read, generator, adjust)
        logits, memory = read_on(extend, tried[:, read:], memory)
        calls += 1
        text, stay = judge_guesses(logits[:, -count - 1 :], tried, qs, generator, adjust)
        memory, read = forget(memory, count - stay), size + stay
        if qs:  # the draft has read no guess that was rejected, and never the last one
            draft_read = size + min(stay, count - 1)
            old = memories[draft_read - size]
    return text[:, -n:], calls
