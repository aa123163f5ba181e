"""Decoding: the filters equal those of transformers, the cache, beams and drafts change nothing."""

import math
from itertools import product

import pytest
import torch
from torch.testing import assert_close
from transformers import generation as theirs

from course_utils import generation
from course_utils.models.ngram import NGram
from course_utils.models.rnn import LSTMLanguageModel, RNNConfig
from course_utils.models.transformer import GPT, GPTConfig

V = 7


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def a_gpt(context_size=32):
    """A GPT with weights large enough that its logits depend on all tokens and places."""
    model = GPT(GPTConfig(V, context_size, layers=2, heads=2, width=16))
    generator = seeded(2)
    for name, weight in model.named_parameters():
        size = 2 if "embedding" in name else 0.4
        weight.data = size * torch.randn(weight.shape, generator=generator)
    model.norm.bias.data.zero_()  # else one token is the likeliest everywhere
    return model


def an_lstm():
    torch.manual_seed(0)
    return LSTMLanguageModel(RNNConfig(V, width=8))


def an_ngram():
    return NGram(torch.randint(V, (300,), generator=seeded(2)), V, order=3)


MODELS = [a_gpt, an_lstm, an_ngram]
PROMPT = torch.tensor([[1, 4, 2], [6, 0, 3]])
LOGITS = 3 * torch.randn(50, V, generator=torch.Generator().manual_seed(5))
SEEN = torch.randint(V, (50, 4), generator=torch.Generator().manual_seed(6))


def keep_all_tokens(tokens, n):
    """forget for the memory of `reread`."""
    return tokens[:, : tokens.shape[1] - n]


CHAIN = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.35, 0.4, 0.25]])  # p(next | the last)


def a_chain(table=CHAIN):
    """A model of 3 tokens that looks at the last one only."""
    return generation.reread(lambda tokens: table.log()[tokens])


FILTERS = [
    (lambda x: generation.with_temperature(x, 0.7), theirs.TemperatureLogitsWarper(0.7)),
    (lambda x: generation.keep_top_k(x, 3), theirs.TopKLogitsWarper(3)),
    (lambda x: generation.keep_top_k(x, V), theirs.TopKLogitsWarper(V)),
    (lambda x: generation.keep_top_p(x, 0.8), theirs.TopPLogitsWarper(0.8)),
    (lambda x: generation.keep_top_p(x, 0.01), theirs.TopPLogitsWarper(0.01)),
    (lambda x: generation.keep_min_p(x, 0.1), theirs.MinPLogitsWarper(0.1)),
    (
        lambda x: generation.penalize_repetition(x, SEEN, 1.3),
        theirs.RepetitionPenaltyLogitsProcessor(1.3),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), FILTERS)
def test_filters_equal_those_of_transformers(ours, theirs):
    assert_close(ours(LOGITS), theirs(SEEN, LOGITS.clone()))


@pytest.mark.parametrize("size", [1e-6, 1.0])
@pytest.mark.parametrize("keep", [generation.keep_top_p, generation.keep_min_p])
def test_the_likeliest_token_always_stays(keep, size):
    flat = torch.zeros(2, V)  # all equal
    for logits in (LOGITS, 1000 * LOGITS, flat):
        kept = keep(logits, size)
        assert (kept > float("-inf")).any(dim=1).all()
        assert_close(kept.amax(dim=1), logits.amax(dim=1))


def test_the_nucleus_holds_the_token_that_crosses_the_share():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    kept = [(generation.keep_top_p(logits, p) > float("-inf")).sum().item() for p in (0.4, 0.6, 1)]
    assert kept == [1, 2, 4]


@pytest.mark.parametrize("make", MODELS)
def test_a_cache_changes_nothing(make):
    model = make()
    plain = generation.reread(getattr(model, "forward", None) or model.logits)
    for generator in (seeded, lambda: None):
        cached = generation.generate(model.extend, PROMPT, 20, generator())
        assert cached.equal(generation.generate(plain, PROMPT, 20, generator()))


def test_logits_with_and_without_cache_are_equal_to_rounding():
    model = a_gpt()
    text = torch.randint(V, (2, 20), generator=seeded())
    first, memory = model.extend(text[:, :7])
    parts = [first]
    for token in text[:, 7:].split(1, dim=1):
        logits, memory = model.extend(token, memory)
        parts.append(logits)
    assert_close(torch.cat(parts, dim=1), model(text), atol=1e-5, rtol=1e-5)


def test_the_greedy_text_of_these_tests_varies():
    """A text that repeats one token would hide a cache that holds the wrong places."""
    text = generation.generate(a_gpt().extend, PROMPT, 25)
    assert all(len(row.unique()) >= 5 for row in text) and not text[0].equal(text[1])


def test_the_same_seed_writes_the_same_text_and_another_one_another():
    extend = a_gpt().extend
    text = [generation.generate(extend, PROMPT, 20, seeded(seed)) for seed in (0, 0, 1)]
    assert text[0].equal(text[1]) and not text[0].equal(text[2])


def test_a_row_alone_is_the_same_row_in_a_batch():
    extend = a_gpt().extend
    both = generation.generate(extend, PROMPT, 20)
    for i in range(2):
        assert generation.generate(extend, PROMPT[i : i + 1], 20).equal(both[i : i + 1])


def test_drawn_tokens_have_the_probabilities_of_the_model():
    """10,000 draws, 5 standard errors for each of 3 tokens: false alarm below 1 in 500,000."""
    drawn = generation.generate(a_chain(), torch.zeros(10_000, 1, dtype=torch.int64), 1, seeded())
    p = torch.tensor([0.5, 0.3, 0.2])
    shares = drawn.flatten().bincount(minlength=3) / 10_000
    assert ((shares - p).abs() < 5 * (p * (1 - p) / 10_000).sqrt()).all()


def test_adjust_sees_all_tokens_so_far():
    lengths = []

    def adjust(logits, seen):
        lengths.append(seen.shape[1])
        return logits.scatter(1, seen, float("-inf"))  # never a token twice

    text = generation.generate(a_gpt().extend, PROMPT, 4, seeded(), adjust)
    assert lengths == [3, 4, 5, 6]
    for row in torch.cat([PROMPT, text], dim=1):
        assert len(row.unique()) == V


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_stays_and_no_gradient_is_kept(training):
    model = a_gpt().train(training)
    with_grad = []

    def extend(tokens, memory=None):
        with_grad.append(torch.is_grad_enabled())
        return model.extend(tokens, memory)

    generation.generate(extend, PROMPT, 2)
    generation.beam_search(extend, PROMPT[:1], 2, 2)
    generation.speculate(extend, a_gpt().extend, PROMPT[:1], 2, 2, seeded())
    assert model.training == training and not any(with_grad)


def test_the_text_may_fill_the_context_but_no_more():
    model = a_gpt(context_size=8)
    assert generation.generate(model.extend, PROMPT, 6, context_size=8).shape == (2, 6)
    with pytest.raises(ValueError, match="n=7 need 9 places.*crop the prompt.*reread"):
        generation.generate(model.extend, PROMPT, 7, context_size=8)
    sliding = generation.reread(model, context_size=8)
    assert generation.generate(sliding, PROMPT, 30, context_size=None).shape == (2, 30)
    with pytest.raises(ValueError, match="crop the prompt"):
        generation.generate(sliding, torch.zeros(1, 9, dtype=torch.int64), 1)


@pytest.mark.parametrize("make", MODELS)
def test_one_beam_is_greedy(make):
    extend = make().extend
    for row in PROMPT.split(1):
        text, log_p = generation.beam_search(extend, row, 12, beams=1)
        assert text.equal(generation.generate(extend, row, 12))
        logits = extend(torch.cat([row, text], dim=1))[0][:, 2:-1].log_softmax(dim=-1)
        assert log_p == pytest.approx(logits.gather(2, text[..., None]).sum().item(), abs=1e-4)


@pytest.mark.parametrize("make", [a_chain, a_gpt, an_lstm])
def test_enough_beams_find_the_likeliest_text(make):
    extend = make() if make is a_chain else make().extend
    size, n, prompt = (3 if make is a_chain else V), 3, torch.tensor([[0]])
    texts = torch.tensor(list(product(range(size), repeat=n)))
    windows = torch.cat([prompt.expand(len(texts), 1), texts], dim=1)
    ln_p = extend(windows)[0][:, :-1].log_softmax(dim=-1)
    total = ln_p.gather(2, texts[..., None]).sum(dim=(1, 2)).detach()
    text, log_p = generation.beam_search(extend, prompt, n, beams=size**2)
    assert text[0].equal(texts[total.argmax()])
    assert log_p == pytest.approx(total.max().item(), abs=1e-4)


def test_two_beams_find_what_greedy_misses():
    """Greedy takes the likeliest first token, 0.4 x 0.4; the text 1 2 has 0.36 x 0.8."""
    chain = a_chain(torch.tensor([[0.4, 0.36, 0.24], [0.1, 0.1, 0.8], [0.35, 0.4, 0.25]]))
    found = [generation.beam_search(chain, torch.tensor([[0]]), 2, beams) for beams in (1, 2)]
    assert [text.tolist() for text, _ in found] == [[[0, 0]], [[1, 2]]]
    assert [log_p for _, log_p in found] == pytest.approx([math.log(0.16), math.log(0.288)])


def test_length_power_decides_between_short_and_long_texts():
    """Token 2 ends a text. 1 2 has 0.24, sqrt of it 0.49 a token; six 0 have 0.5 a token."""
    prompt = torch.tensor([[0]])
    short = generation.beam_search(a_chain(), prompt, 6, beams=30, end=2)
    assert short[0].tolist() == [[1, 2]]
    long = generation.beam_search(a_chain(), prompt, 6, beams=30, end=2, length_power=1.0)
    assert long[0].tolist() == [[0] * 6]
    assert [short[1], long[1]] == pytest.approx([math.log(0.24), 6 * math.log(0.5)])


def chi_square(counts, p):
    expected = counts.sum() * p
    return ((counts - expected).square() / expected).sum().item()


def speculated_counts(runs=3000):
    """How often each of the 9 pairs of tokens is written after token 0, with a poor draft."""
    q = torch.tensor([[0.2, 0.2, 0.6], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]]).log()
    draft = generation.reread(lambda tokens: q[tokens])
    target, generator, prompt = a_chain(), seeded(), torch.tensor([[0]])
    counts = torch.zeros(9)
    for _ in range(runs):
        text, _ = generation.speculate(
            target, draft, prompt, 3, guesses=2, generator=generator, forget=keep_all_tokens
        )
        counts[3 * text[0, 1] + text[0, 2]] += 1  # tokens 2 and 3
    return counts


def pairs():
    """p of tokens 2 and 3 after token 0."""
    return ((CHAIN[0] @ CHAIN)[:, None] * CHAIN).flatten()


LIMIT = 39.0  # chi-square with 8 degrees of freedom: more in 5 of a million right samplers


def test_speculation_leaves_the_distribution_unchanged():
    assert chi_square(speculated_counts(), pairs()) < LIMIT


def test_the_chi_square_test_finds_a_sampler_that_accepts_every_guess(monkeypatch):
    monkeypatch.setattr(
        generation, "accept_or_redraw", lambda guess, p, q, generator: (True, guess)
    )
    assert chi_square(speculated_counts(1000), pairs()) > LIMIT


@pytest.mark.parametrize("draft", [a_gpt, an_lstm, an_ngram])
@pytest.mark.parametrize("guesses", [1, 3, 5])
def test_a_speculated_text_is_greedy_where_only_the_likeliest_is_kept(draft, guesses):
    """With one possible token nothing is random: the caches of both models must be in order."""
    model = a_gpt()
    top = lambda logits, seen: generation.keep_top_k(logits, 1)  # noqa: E731
    for row in PROMPT.split(1):
        text, calls = generation.speculate(
            model.extend, draft().extend, row, 25, guesses, seeded(), adjust=top
        )
        assert text.equal(generation.generate(model.extend, row, 25))
        assert 25 / (guesses + 1) <= calls <= 25


def test_the_draft_forgets_its_rejected_guesses():
    """With 2 guesses, all it has read but the newest token stands in the final text."""
    reads = []
    draft = generation.reread(lambda tokens: reads.append(tokens) or torch.zeros(*tokens.shape, V))
    row = PROMPT[:1]
    text, _ = generation.speculate(a_gpt().extend, draft, row, 25, 2, seeded())
    whole = torch.cat([row, text], dim=1)
    for read in reads:
        assert read[:, :-1].equal(whole[:, : read.shape[1] - 1])


def test_a_draft_that_is_the_model_needs_few_calls():
    extend = a_gpt().extend
    _, calls = generation.speculate(extend, extend, PROMPT[:1], 24, guesses=3, generator=seeded())
    assert calls == 6  # 3 guesses and one token more in each


BAD = [
    (lambda: generation.with_temperature(LOGITS, 0), "temperature=0.*more than 0"),
    (lambda: generation.keep_top_k(LOGITS, V + 1), "k=8.*1 to 7"),
    (lambda: generation.keep_top_k(LOGITS, 0), "k=0.*1 to 7"),
    (lambda: generation.keep_top_p(LOGITS, 0.0), "top_p=0.0.*more than 0"),
    (lambda: generation.keep_top_p(LOGITS, 1.1), "top_p=1.1.*at most 1"),
    (lambda: generation.keep_min_p(LOGITS, -0.1), "min_p=-0.1"),
    (lambda: generation.penalize_repetition(LOGITS, SEEN, 0), "penalty=0.*1.2"),
    (lambda: generation.generate(a_gpt().extend, PROMPT, 0), "n=0.*1 or more"),
    (lambda: generation.generate(a_gpt().extend, PROMPT[:, :0], 3), "at least 1 token"),
    (lambda: generation.generate(a_gpt().extend, PROMPT[0], 3), "rows"),
    (lambda: generation.generate(a_gpt().extend, PROMPT + V, 3), "token 13.*another tokenizer"),
    (lambda: generation.generate(a_chain(), PROMPT, 3), "token 6.*another tokenizer"),
    (lambda: generation.generate(a_gpt().extend, PROMPT - 1, 3), "token -1"),
    (lambda: generation.beam_search(a_gpt().extend, PROMPT, 3, 2), "2 prompts.*give 1"),
    (lambda: generation.beam_search(a_gpt().extend, PROMPT[:1], 3, 0), "beams=0"),
    (lambda: generation.speculate(None, None, PROMPT[:1], 3, 0, seeded()), "guesses=0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_names_value_and_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "keep",
    [
        lambda x: generation.keep_top_k(x, 3),
        lambda x: generation.keep_top_p(x, 0.8),
        lambda x: generation.keep_min_p(x, 0.1),
    ],
)
def test_filters_take_more_than_two_axes(keep):
    assert keep(LOGITS.unflatten(0, (5, 10))).equal(keep(LOGITS).unflatten(0, (5, 10)))


def test_at_the_edge_a_share_that_is_just_reached_is_enough_and_a_penalty_of_1_changes_nothing():
    kept = generation.keep_top_p(torch.zeros(1, 4), 0.5)  # a quarter each: two hold the half
    assert kept.tolist() == [[0, 0, generation.NEVER, generation.NEVER]]
    assert_close(generation.penalize_repetition(LOGITS, SEEN, 1.0), LOGITS)
    assert generation.penalize_repetition(LOGITS, SEEN, 0.5).isfinite().all()
    sliding = generation.reread(a_gpt(context_size=8), context_size=8)
    assert generation.generate(sliding, torch.zeros(1, 8, dtype=torch.int64), 1).shape == (1, 1)


def test_speculation_follows_its_seed_alone():
    draft = generation.reread(lambda tokens: torch.zeros(*tokens.shape, 3))
    texts = []
    for other in (0, 1):
        torch.manual_seed(other)
        texts += generation.speculate(
            a_chain(), draft, torch.tensor([[0]]), 40, 3, seeded(), forget=keep_all_tokens
        )
    assert texts[0].equal(texts[2]) and texts[1] == texts[3]


def test_speculation_adjusts_the_draft_too_and_shows_all_tokens_so_far():
    def never_twice(logits, seen):
        return logits.scatter(1, seen, generation.NEVER)

    flat, prompt = generation.reread(lambda tokens: torch.zeros(*tokens.shape, V)), PROMPT[:1, :1]
    text, calls = generation.speculate(
        flat, flat, prompt, 6, 2, seeded(), never_twice, keep_all_tokens
    )
    assert len(torch.cat([prompt, text], dim=1).unique()) == V
    assert calls == 2  # the draft is the model, so each of its guesses stays
