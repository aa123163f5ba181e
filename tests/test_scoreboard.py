"""The scoreboard: its tables agree with what was measured, and its sentences with its tables."""

import json

import pytest
import torch
from small_notebooks import ROOT

from benchmarks import scoreboard as measured
from course_utils.data.glyphs import glyph_split
from course_utils.data.images import ImageSplit
from docs.scoreboard import (
    BEST,
    CHINESE,
    DIGITS,
    FLOOR,
    PAGES,
    RESULTS,
    TABLES,
    read_rows,
    stamped,
    table,
    winner,
)


@pytest.fixture(scope="module")
def rows():
    return read_rows(json.loads(RESULTS.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_pages_show_what_was_measured_last(page, rows):
    text = (ROOT / page).read_text(encoding="utf-8")
    again = "python docs/scoreboard.py writes the tables anew"
    assert text == stamped(text, rows, PAGES[page]), again


def test_every_column_was_measured_and_every_name_has_a_chinese_one(rows):
    columns = {column for some in TABLES.values() for column in some}
    assert columns | set(DIGITS) | set(BEST) <= {c for row in rows.values() for c in row}
    short = {*TABLES["images"], *TABLES["text"]}
    assert set(CHINESE) == {*rows, *short, "model (lesson)"}


def test_no_model_beats_the_floor(rows):
    distances = {n: r["Fréchet distance"] for n, r in rows.items() if "Fréchet distance" in r}
    assert min(distances, key=distances.get) == FLOOR


def test_the_sentences_below_the_table_are_true(rows):
    assert "VAE" in winner(rows, "nats per image")
    assert "GAN" in winner(rows, "Fréchet distance")
    assert all("nats per image" not in row for name, row in rows.items() if "GAN" in name)
    noise, told = rows["independent pixels (00)"], rows["conditional VAE (03)"]
    assert noise["precision"] > 0.5 and noise["recall"] < 0.05
    assert told["precision"] > rows[FLOOR]["precision"] and told["recall"] < 0.1
    assert told["nats per image"] > rows["VAE (02)"]["nats per image"]
    times = {n: rows[n]["CPU min"] for n in ("LSTM (06)", "LSTM of 2,048 tokens (07)", "GPT (08)")}
    assert min(times, key=times.get) == "LSTM of 2,048 tokens (07)"


def test_a_table_marks_the_best_model_and_dashes_what_is_missing():
    some = {
        FLOOR: {"Fréchet distance": 1.0},
        "a": {"Fréchet distance": 30.0, "nats per image": 90.0, "CPU min": 1.0},
        "b": {"Fréchet distance": 20.0, "CPU min": 2.0},
        "text": {"bits per character": 2.0, "CPU min": 3.0},
    }
    lines = table(some, ("nats per image", "Fréchet distance", "CPU min"), {"a": "甲"}).splitlines()
    assert lines[2:] == [
        f"| {FLOOR} | – | 1.0 | – |",
        "| 甲 | **90.0** | 30.0 | 1.0 |",
        "| b | – | **20.0** | 2.0 |",
    ]


def test_a_page_without_a_marked_place_is_refused(rows):
    with pytest.raises(ValueError, match="scoreboard: NAME"):
        stamped("no table here", rows, {})


def test_independent_pixels_cost_the_cross_entropy_of_their_ink():
    images, labels, _ = glyph_split(200, seed=0)
    (painter,) = measured.coins(ImageSplit(images, labels), seed=0)
    share = (images.double() / 255).mean(dim=0)
    coin = (200 * share + 1) / 202  # one white and one black image more: no coin is sure
    nats = -(share * coin.log() + (1 - share) * (1 - coin).log()).sum().item()
    assert measured.bound(painter, images, labels) == pytest.approx(nats, rel=1e-4)


def test_drawing_in_batches_gives_an_image_for_each_label_and_all_threads_back():
    threads = torch.get_num_threads()
    labels = torch.arange(250) % 10
    drawn, speed = measured.draw_all(
        lambda y, noise: y.float().view(-1, 1, 1, 1).expand(-1, 1, 28, 28), labels, seed=0
    )
    assert torch.equal(drawn[:, 0, 0, 0].long(), labels) and speed > 0
    assert torch.get_num_threads() == threads
