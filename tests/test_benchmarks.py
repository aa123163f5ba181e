"""What the benchmarks measure with, and the page that they write."""

import json

import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import _measure, growth, steps
from benchmarks.__main__ import FOLDER, forecast
from benchmarks._page import draw_summary, page, reached, spread
from course_utils.models.gan import Discriminator, GANConfig, slope_penalty
from course_utils.models.rnn import LSTMLanguageModel, RNNConfig
from course_utils.models.transformer import GPT, GPTConfig


def test_a_known_exponent_is_found_again():
    sizes = [64, 128, 256, 512]
    exponent, error = _measure.fit_exponent(sizes, [3e-5 * n**1.5 for n in sizes])
    assert exponent == pytest.approx(1.5)
    assert error == pytest.approx(0, abs=1e-6)


def test_the_standard_error_of_an_exponent_is_that_of_numpy():
    sizes, costs = [1, 2, 4, 8], [1.0, 2.2, 3.9, 8.5]
    line, covariance = np.polyfit(np.log(sizes), np.log(costs), 1, cov=True)
    assert _measure.fit_exponent(sizes, costs) == pytest.approx((line[0], covariance[0, 0] ** 0.5))


@pytest.mark.parametrize("costs", [[1.0, 2.0], [1.0, 0.0, 2.0]])
def test_costs_without_an_exponent_say_so(costs):
    with pytest.raises(ValueError, match="positive"):
        _measure.fit_exponent([1, 2, 4][: len(costs)], costs)


def test_a_linear_layer_costs_two_operations_a_weight_and_item():
    layer, x = nn.Linear(30, 20), torch.rand(7, 30, requires_grad=True)
    with _measure.FlopCount() as forward:
        out = layer(x).sum()
    with _measure.FlopCount() as backward:
        out.backward()
    assert forward.flops == 2 * 7 * 30 * 20
    assert backward.flops == 2 * forward.flops  # for the weights and for x


def test_operations_of_a_gpt_are_those_that_torch_counts():
    model, tokens = GPT(GPTConfig(11, context_size=8, layers=1, width=16)), torch.zeros(2, 8).long()
    with _measure.FlopCount() as ours:
        model(tokens).sum().backward()
    with FlopCounterMode(display=False) as theirs:
        model(tokens).sum().backward()
    assert ours.flops == theirs.get_total_flops() > 0


def test_the_products_of_an_lstm_are_counted_and_onednn_comes_back():
    model = LSTMLanguageModel(RNNConfig(11, width=12, embedding_size=6))
    with _measure.FlopCount() as count:
        model(torch.zeros(2, 5, dtype=torch.int64))
    per_token = 4 * 12 * (6 + 12) + 12 * 11  # gates, and logits
    assert count.flops == 2 * 2 * 5 * per_token
    assert torch.backends.mkldnn.enabled


def test_a_penalty_on_slopes_can_be_counted():
    judge = Discriminator(GANConfig((2,), judge_widths=(8,)))
    with _measure.FlopCount() as count:
        slope_penalty(judge, torch.rand(4, 2)).backward()
    assert count.flops > 3 * 2 * 4 * (2 * 8 + 8)  # more than a forward and a backward pass


def test_peak_memory_is_at_least_what_is_held_in_megabytes():
    held = psutil.Process().memory_info().rss / 1e6
    assert 0.95 * held <= _measure.peak_memory() <= 50 * held


def test_a_measurement_that_fails_shows_its_error():
    with pytest.raises(RuntimeError, match="no_such_benchmark"):
        _measure.fresh("no_such_benchmark")


def test_shares_add_up_and_the_dearest_operator_comes_first():
    a = torch.rand(1500, 1500)  # 7 Gflop: far dearer than to start an operator, or to profile it

    def products():
        while True:
            F.relu(a @ a)
            yield 1

    parts, dearest = steps.shares(products(), count=3)
    assert parts["products"] > 50
    assert dearest.startswith("mm ")
    assert parts["optimizer"] == 0
    assert 0 < parts["outside operators"] < 100 - parts["products"]


def test_every_usual_recipe_stands_beside_one_of_ours_and_every_growth_in_one_panel():
    assert steps.USUAL.keys() <= steps.OURS.keys()
    kinds = [kind for panel in growth.PANELS.values() for kind in panel]
    for name in growth.GROWTHS:
        assert sum(name.startswith(kind) for kind in kinds) == 1, name


@pytest.mark.parametrize(
    "what, runs, expected",
    [
        ("error (must be <= 0.5, aim 0.3)", [0.4, 0.5, 0.6], "2 of 3"),
        ("gain (must be >= 5)", [5, 4], "1 of 2"),
        ("time (must be <= 1/8)", [0.12, 0.13], "1 of 2"),
        ("modes (must be 8)", [8, 7, 9], "1 of 3"),
        ("import, s (at most 5)", [4, 6], "1 of 2"),
        ("distance (>= 1)", [1.1, 0.9], "1 of 2"),
        ("bits (343 without)", [160], None),
        ("test loss (aim 100)", [101], None),
        ("loss", [1], None),
    ],
)
def test_a_goal_is_read_from_the_name(what, runs, expected):
    assert reached(what, runs) == expected


def test_a_page_has_goals_first_and_a_row_with_columns_for_names_with_a_bar():
    values = {
        "loss (must be <= 2)": [1.0, 3.0],
        "net, 1 thread | CPU ms, x 2": [4.0],
        "net, 1 thread | dearest": ["mm 50"],
    }
    result = {"what": "A toy.", "seeds": 2, "minutes": 0.1, "machine": "a toy", "values": values}
    lines = page({"toy": result}).splitlines()
    goal = lines.index("| toy | loss (must be <= 2) | 2 (1 to 3) | 1 of 2 |")
    assert goal < lines.index("## toy")
    assert not any(line.startswith("| toy | net") for line in lines)  # a field is no ratio
    header = lines.index("| | CPU ms, x 2 | dearest |")
    assert lines[header + 2] == "| net, 1 thread | 4 | mm 50 |"


def test_one_run_or_a_text_has_no_spread():
    assert spread([1.5]) == "1.5"
    assert spread(["mm 50"]) == "mm 50"
    assert spread([1.0, 2.0]) == "1.5 (1 to 2)"


def test_the_forecast_names_the_minutes_of_last_time_and_their_sum():
    last = {"a": {"minutes": 1.5, "seeds": 1}, "b": {"minutes": 2.5, "seeds": 3}}
    text = forecast(last, ["a", "b", "c"], seeds=3)
    assert "a: 1.5 min with 1 seed\n" in text
    assert "c: not measured yet" in text
    assert text.endswith("together 4 min")


def test_the_pictures_find_their_numbers(tmp_path):
    results = json.loads((FOLDER / "RESULTS.json").read_text(encoding="utf-8"))
    draw_summary(results, tmp_path / "summary.svg")
    values = {
        f"{name}, 1 to 8 | CPU ms, x {factor}": [float(factor)]
        for name in growth.GROWTHS
        for factor in growth.FACTORS
    }
    growth.draw(values, tmp_path / "growth.svg")
    assert (tmp_path / "summary.svg").exists()
    assert (tmp_path / "growth.svg").exists()
