"""Demos: the picture follows the sliders, errors are seen, and nothing piles up."""

import base64
import os
import re
import subprocess
import sys
from functools import partial

import matplotlib.pyplot as plt
import psutil
import pytest
import torch
from small_notebooks import ROOT

from course_utils import widgets
from course_utils.widgets import explore, slider_box

MOVES = 50


def draw_gradient(ax, x, y):
    ax.imshow(torch.linspace(x, y, 784).reshape(28, 28), vmin=-3, vmax=3)


@pytest.fixture
def box():
    return slider_box(draw_gradient, (3.0, 3.0), {"x": (-3.0, 3.0, 0.0), "y": (-3.0, 3.0, 1.0)})


def test_the_first_picture_is_there_before_any_slider_is_moved(box):
    source = re.search(r'src="data:image/png;base64,([^"]+)"', box.children[2].value)[1]
    assert base64.b64decode(source).startswith(b"\x89PNG")


def test_moving_a_slider_changes_the_picture_and_moving_back_restores_it(box):
    slider, _, picture, _ = box.children
    first = picture.value
    slider.value = 2.4
    assert picture.value != first
    slider.value = 0.0
    assert picture.value == first


def test_the_text_of_the_picture_is_what_draw_says_of_itself_and_the_values():
    def draw(ax, x, y):
        """Draw "x" & y.

        More about it.
        """

    slider, picture, _ = slider_box(partial(draw, y=1), (1.0, 1.0), {"x": (0, 9, 3)}).children
    assert 'alt="Draw &quot;x&quot; &amp; y: x = 3"' in picture.value
    slider.value = 4
    assert 'alt="Draw &quot;x&quot; &amp; y: x = 4"' in picture.value


def test_sliders_wait_until_they_are_let_go_and_the_height_is_fixed(box):
    assert not any(slider.continuous_update for slider in box.children[:2])
    assert box.children[2].layout.height == "288px"


def test_whole_numbers_make_a_slider_of_whole_numbers():
    seen = []
    box = slider_box(lambda ax, k: seen.append(k), (1.0, 1.0), {"k": (0, 9, 3)})
    box.children[0].value = 4
    assert seen == [3, 4] and all(type(k) is int for k in seen)


def test_fifty_moves_open_no_figure_keep_one_axes_and_leave_the_memory_flat(box):
    slider = box.children[0]
    for move in range(MOVES):  # caches of fonts and of the renderer fill here
        slider.value = -3 + 6 * (move + 1) / MOVES
    figures, memory = plt.get_fignums(), psutil.Process().memory_info().rss
    for move in range(MOVES):
        slider.value = 3 - 6 * (move + 1) / MOVES
    assert plt.get_fignums() == figures
    assert (
        psutil.Process().memory_info().rss - memory < 8e6
    )  # bytes; one leaked figure takes 0.3 MB


def test_a_demo_registers_no_figure_that_somebody_would_have_to_close():
    before = plt.get_fignums()
    slider_box(draw_gradient, (1.0, 1.0), {"x": (0.0, 1.0, 0.5), "y": (0.0, 1.0, 0.5)})
    assert plt.get_fignums() == before


def test_an_error_in_draw_is_written_on_the_page_and_the_next_move_works():
    def draw(ax, x):
        if x < 0:
            raise ValueError("x <is> negative")

    box = slider_box(draw, (1.0, 1.0), {"x": (-1.0, 1.0, 0.5)})
    slider, _, message = box.children
    slider.value = -0.5
    assert "ValueError: x &lt;is&gt; negative" in message.value
    slider.value = 0.5
    assert "ValueError" not in message.value


@pytest.mark.parametrize("name", ["COURSE_STATIC", "CI"])
def test_where_nobody_moves_sliders_one_line_is_printed_and_nothing_drawn(
    name, monkeypatch, capsys
):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(name, "1")
    drawn = []
    explore(lambda ax, x: drawn.append(x), x=(0.0, 1.0, 0.5))
    assert capsys.readouterr().out.count("\n") == 1
    assert drawn == []


def test_without_ipywidgets_one_line_says_so(monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    monkeypatch.setattr(widgets, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # an import would now fail
    explore(draw_gradient, x=(0.0, 1.0, 0.5), y=(0.0, 1.0, 0.5))
    assert "need ipywidgets" in capsys.readouterr().out


def test_where_somebody_can_move_them_the_box_is_displayed(monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COURSE_STATIC", raising=False)
    explore(draw_gradient, x=(0.0, 1.0, 0.5), y=(0.0, 1.0, 0.5))
    assert "VBox" in capsys.readouterr().out  # what display shows outside a notebook


SHOW_FIRST = """
from IPython.core.interactiveshell import InteractiveShell
cell = "import matplotlib.pyplot as plt; from course_utils.widgets import explore; "
cell += "plt.figure(); explore(lambda ax, x: None, x=(0.0, 1.0, 0.5))"
InteractiveShell.instance().run_cell(cell).raise_error()
"""


def test_what_the_cell_drew_before_is_shown_above_the_sliders():
    settings = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    settings |= {"COURSE_STATIC": "1"}
    words = subprocess.run(
        [sys.executable, "-c", SHOW_FIRST], cwd=ROOT, env=settings, capture_output=True, text=True
    ).stdout
    assert 0 <= words.index("<Figure") < words.index("Sliders")


def test_axes_that_draw_adds_do_not_pile_up():
    seen = []

    def draw(ax, x):
        ax.figure.colorbar(ax.imshow(torch.full((2, 2), x)), ax=ax)
        seen.append(len(ax.figure.axes))

    box = slider_box(draw, (2.0, 2.0), {"x": (0.0, 1.0, 0.5)})
    box.children[0].value = 1.0
    assert seen == [2, 2]
