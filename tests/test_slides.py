"""Slides: nothing of a lesson is lost or cut, nothing is fetched, formulas are drawn."""

import html
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from small_notebooks import course

from course_utils.commands.notebook import lessons, read, setup_cell
from course_utils.commands.slides import page, slides

PIXEL = "iVBORw0KGgo="  # never decoded here
FIGURE = new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure>"})
TEXT = "\n\n".join(f"    Line {i}." for i in range(13))
METHODS = "\n\n".join(f"    def method_{i}(self):\n        return {i}" for i in range(12))
CLASS = f'class Long:\n    """Text of 26 lines.\n\n{TEXT}\n    """\n\n{METHODS}'


def text_of(body):
    return re.sub(r"<[^>]*>", "", body)


@pytest.fixture
def lesson():
    cells = [
        new_markdown_cell("# 01 · One\n\n[![Open in Colab](badge.svg)](colab)\n\nA promise."),
        new_code_cell(setup_cell("a", "b", "c")),
        new_code_cell("import math\nfrom pathlib import Path"),
        new_markdown_cell(
            "## 1. Idea of $x^2$\n\nShort.\n\n$$ \\frac{1}{2} $$\n\n## 2. More\n\nText."
        ),
        new_code_cell("print(7)", outputs=[new_output("stream", name="stdout", text="<7>\n")]),
        new_code_cell("draw()", outputs=[FIGURE]),
        new_markdown_cell("The curve falls."),
        new_code_cell("answer = ...", id="exercise-1"),
        new_code_cell(CLASS),
    ]
    return new_notebook(cells=cells)


def test_sections_become_slides_without_setup_imports_badge_and_stubs(lesson):
    made = slides(lesson)
    headings = [text_of(heading) for heading, _ in made]
    assert headings[0] == "" and headings[1].startswith("1. Idea of")
    assert made[1][0].count("<math") == 1
    assert headings[-1] == "2. More"
    assert text_of(made[0][1]).split() == "01 · One A promise.".split()
    everything = "".join(body for _, body in made)
    assert not any(word in everything for word in ("Setup", "pathlib", "Colab", "answer"))


def test_a_short_result_and_the_sentence_of_a_figure_come_later(lesson):
    bodies = [body for _, body in slides(lesson)]
    shown, later = next(body for body in bodies if "print" in body).split('<div class="later">')
    assert "&lt;7&gt;" in later and "7&gt;" not in shown
    shown, later = next(body for body in bodies if PIXEL in body).split('<div class="later">')
    assert "The curve falls." in later


def test_long_code_is_cut_between_definitions_never_in_a_text_and_complete(lesson):
    parts = [text_of(body) for _, body in slides(lesson) if "Line" in body or "method_" in body]
    assert len(parts) == 3
    assert "Line 0." in parts[0] and "Line 12." in parts[0]
    assert all(part.strip("\n").startswith(("class", "    def")) for part in parts)
    assert all(f"return {i}" in "".join(parts) for i in range(12))


def test_progress_bars_are_left_out(lesson):
    bar = new_output("stream", name="stdout", text="train: 100%|====| 5/5\nloss 3\n")
    lesson.cells = [new_markdown_cell("# T"), new_code_cell("train()", outputs=[bar])]
    assert "loss 3" in slides(lesson)[1][1] and "100%" not in slides(lesson)[1][1]


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_every_lesson_keeps_its_figures_and_formulas_and_fetches_nothing(path):
    lesson = read(path)
    made = slides(lesson)
    text = page(lesson.cells[0].source, made)
    shown = [output for cell in lesson.cells for output in cell.get("outputs", [])]
    figures = [output for output in shown if "image/png" in output.get("data", {})]
    words = [output.metadata["image/png"]["alt"] for output in figures]
    made_words = re.findall(r'class="figure" alt="([^"]*)"', text)
    assert [html.unescape(alt) for alt in made_words] == words
    prose = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    formulas = re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", prose, re.DOTALL)
    assert text.count("<math") == len(formulas)
    assert "$" not in re.sub(r"<pre.*?</pre>|<style>.*?</style>|<script>.*", "", text, flags=re.S)
    assert not re.search(r'<(?:script|link|img)[^>]*(?:src|href)="(?!data:)', text)


def test_the_command_writes_one_page_a_lesson(tmp_path):
    answer = course("slides", "06", "--output", tmp_path / "talk")
    assert answer.returncode == 0, answer.stderr
    [made] = (tmp_path / "talk").iterdir()
    assert made.name == "06_recurrent_networks.html"
    assert course("slides", "77", "--output", tmp_path).returncode == 2
