"""Exercises of lesson 00: solution and wrong answers, other right ways, and the random state."""

import math

import pytest
import torch

from course_utils.exercises.lesson_00 import check_gaussian, check_kl, check_pixels, check_sampler

LN_2PI = math.log(2 * math.pi)


def gaussian_loss(x, mean, std):
    return (0.5 * ((x - mean) / std) ** 2 + std.log() + 0.5 * LN_2PI).mean()


def kl(p, q):
    seen = p > 0
    return (p[seen] * (p[seen] / q[seen]).log()).sum()


def draw(weights, means, stds, n):
    k = torch.multinomial(weights, n, replacement=True)
    return means[k] + stds[k] * torch.randn(n)


def draw_averages(weights, means, stds, n):
    return (weights * (means + stds * torch.randn(n, len(means)))).sum(dim=1)


def draw_evenly(weights, means, stds, n):
    return draw(torch.ones_like(weights), means, stds, n)


PIXELS = [
    (784 * math.log(0.9), "minus"),
    (-784 * math.log2(0.9), "bits"),
    (119, "bits"),
    (83, "rounded"),
    (-784 * math.log10(0.9), "base 10"),
    (-math.log(0.9), "sum over all"),
    (-784 * math.log(0.1), "wrong value"),
    (543.4, "knows nothing"),
    (254.9, "entropy"),
    (5.0, "add up"),
    (torch.ones(784), "expected one number"),
]
GAUSSIAN = [
    (lambda x, m, s: -gaussian_loss(x, m, s), "minus"),
    (lambda x, m, s: gaussian_loss(x, m, s) * len(x), "mean"),
    (lambda x, m, s: gaussian_loss(x, m, s) / math.log(2), "bits"),
    (lambda x, m, s: gaussian_loss(x, m, s) - 0.5 * LN_2PI, "constant"),
    (lambda x, m, s: gaussian_loss(x, m, s) + 0.5 * LN_2PI, "factor 1/2"),
    (lambda x, m, s: gaussian_loss(x, m, s) - s.log(), "ln(std) is missing"),
    (lambda x, m, s: gaussian_loss(x, m, s) - 2 * s.log(), "sign of ln(std)"),
    (lambda x, m, s: gaussian_loss(x, m, s.sqrt()), "not a variance"),
    (lambda x, m, s: gaussian_loss(x, m, s.exp()), "not its logarithm"),
    (lambda x, m, s: gaussian_loss(x, m, s) + (0.5 * ((x - m) / s) ** 2).mean(), "halved"),
    (lambda x, m, s: torch.tensor(math.inf), "became 0"),
    (lambda x, m, s: (0.5 * (x - m) ** 2 / s + s.log() + 0.5 * LN_2PI).mean(), "std squared"),
    (lambda x, m, s: gaussian_loss(x, m, s) - s.log() + s, "ln(std) belongs"),
    (lambda x, m, s: -torch.distributions.Normal(m, s).log_prob(x), "expected one number"),
]
KL = [
    (lambda p, q: kl(q, p), "KL(q || p)"),
    (lambda p, q: -kl(p, q), "never negative"),
    (lambda p, q: kl(p, q) / math.log(2), "bits"),
    (lambda p, q: kl(p, q) / len(p), "mean over the outcomes"),
    (lambda p, q: -(p * q.log()).sum(), "cross-entropy"),
    (lambda p, q: -(p * p.log()).sum(), "entropy of p"),
    (lambda p, q: (p / q).log().sum(), "weighted"),
    (lambda p, q: (p * (p / q).log()).sum(), "0 * ln 0"),
    (lambda p, q: (p * ((p + 1e-9) / (q + 1e-9)).log()).sum(), "infinite"),
    (lambda p, q: torch.tensor(7.0), "section 2"),
]
SAMPLER = [
    (draw_averages, "average"),
    (draw_evenly, "use the weights"),
    (lambda w, m, s, n: draw(w, m, s**2, n), "squares"),
    (lambda w, m, s, n: draw(w, m, s.sqrt(), n), "root"),
    (lambda w, m, s, n: draw(w, m, torch.ones(3), n), "bell's own"),
    (lambda w, m, s, n: draw(w, m, 0 * s, n), "add noise"),
    (lambda w, m, s, n: draw(w, m, 0 * s, n) + 0.3, "drawn anew"),
    (lambda w, m, s, n: draw(w, m, s, 1).expand(n), "all draws are the same"),
    (lambda w, m, s, n: draw(w, m, s, 10), "shape (10000,)"),
    (lambda w, m, s, n: draw(w.sqrt(), m, s, n), "shares"),
    (lambda w, m, s, n: draw(w, m, s * torch.tensor([1.0, 2.0, 3.0]), n), "we expect 0.50"),
    (lambda w, m, s, n: torch.full((n,), math.nan), "not a number"),
]


EXERCISES = {
    check_pixels: (-784 * math.log(0.9), PIXELS),
    check_gaussian: (gaussian_loss, GAUSSIAN),
    check_kl: (kl, KL),
    check_sampler: (draw, SAMPLER),
}


@pytest.mark.parametrize(
    ("check", "solution"),
    [
        (check_pixels, 82.6),
        (check_pixels, torch.tensor(82.6)),
        (check_gaussian, lambda x, m, s: -torch.distributions.Normal(m, s).log_prob(x).mean()),
        (check_kl, lambda p, q: torch.nn.functional.kl_div(q.log(), p, reduction="sum")),
        (check_kl, lambda p, q: kl(p, q).item()),
    ],
)
def test_another_way_to_the_answer_is_correct(check, solution):
    assert check(solution).status == "correct"


def test_the_check_of_draws_gives_the_random_state_back():
    before = torch.get_rng_state()
    check_sampler(draw)
    assert torch.equal(before, torch.get_rng_state())


def test_a_check_leaves_room_for_code_that_changes_its_arguments():
    def in_place(p, q):
        seen = p > 0
        p[~seen], q[~seen] = 1.0, 1.0
        return (p * p.div(q).log()).sum()

    assert check_kl(in_place).status == "correct"
