"""Who hears the page, sees few colors or weak contrasts still gets what it says (WCAG 2.1, AA).

Notebooks: headings and alt text in test_notebook_form.py, demos in test_browser.py. The palette:
test_plotting.py.
"""

import re

import matplotlib
import pytest
import torch

from course_utils.commands import notebook

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402

from course_utils.plotting import plot_curves, plot_history, plot_matrix  # noqa: E402
from course_utils.text_plots import show_text  # noqa: E402

PAGES = sorted(notebook.ROOT.glob("*.md")) + sorted(notebook.ROOT.glob("docs/**/*.md"))
READABLE = 4.5  # contrast of a letter to its background


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts():
    """Every page and every markdown cell: (name, text without blocks of code)."""
    for path in PAGES:
        yield path.name, outside_fences(path.read_text(encoding="utf-8"))
    for path in notebook.lessons() + notebook.solutions():
        for cell in notebook.read(path).cells:
            if cell.cell_type == "markdown":
                yield f"{path.stem} {cell.id}", outside_fences(cell.source)


def outside_fences(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_headings_of_a_page_step_down_one_level_at_a_time(page):
    text = page.read_text(encoding="utf-8")
    opening = "# README\n" if text.startswith("```{include} README.md") else ""
    text = opening + outside_fences(text)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))


def test_every_picture_of_a_page_has_alt_text():
    for name, text in texts():
        assert not re.findall(r"!\[\s*\]", text), name
        for tag in re.findall(r"<img\b[^>]*>", text):
            assert re.search(r"alt=\"[^\"]+\"", tag), (name, tag)


def test_a_link_says_where_it_leads():
    for name, text in texts():
        for words in re.findall(r"(?<!!)\[([^\]\[]+)\]\(", text):
            assert words.strip("* `").lower() not in {"here", "this", "link", "click here"}, name


def test_curves_differ_by_their_kind_of_line_and_not_by_color_alone():
    x, y = torch.arange(3), torch.ones(3)
    four = plot_curves(x, dict.fromkeys(["train", "validation", "GRU", "LSTM"], y), "x", "y")
    three = plot_history(dict.fromkeys(["train", "validation", "by chance"], [1.0, 2.0]), "nats")
    for ax in (four, three):
        kinds = [line.get_linestyle() for line in ax.lines]
        assert len(set(kinds)) == len(kinds)


def contrast(one, other):
    """Of two RGB colors, from 1 to 21."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    channels = torch.tensor(color[:3], dtype=torch.float64)
    linear = torch.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return (linear @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)).item()


def on_white(color):
    red, green, blue, alpha = color
    return [alpha * channel + 1 - alpha for channel in (red, green, blue)]


def test_every_number_of_a_matrix_can_be_read_on_its_field():
    names = [str(column) for column in range(21)]
    ax = plot_matrix(torch.linspace(0, 1, 21)[None], ["row"], names, "shares")
    fields = ax.images[0].to_rgba(ax.images[0].get_array())[0]
    assert len(ax.texts) == len(fields)
    for text, field in zip(ax.texts, fields, strict=True):
        letter = matplotlib.colors.to_rgb(text.get_color())
        assert contrast(letter, field) >= READABLE, text.get_text()


@pytest.mark.parametrize("limits", [(0.0, 1.0), (-1.0, 1.0)])
def test_every_letter_can_be_read_on_its_field(limits):
    ax = show_text("a" * 21, torch.linspace(*limits, 21), "share", limits)
    for text, field in zip(ax.texts, ax.patches, strict=True):
        letter = matplotlib.colors.to_rgb(text.get_color())
        assert contrast(letter, on_white(field.get_facecolor())) >= READABLE
