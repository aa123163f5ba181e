"""The teaching guide: each lesson's page is complete, and what it cites exists in the notebook."""

import re

import pytest
from small_notebooks import ROOT

from course_utils.commands.notebook import course, lessons, read

GUIDE = ROOT / "docs" / "teaching.md"
PAGES = sorted((ROOT / "docs" / "teaching").glob("*.md"))
TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}
NOTEBOOKS = {path.name[:2]: path for path in lessons()}
HEADINGS = """Aim
Before class
Plan
Show live
Misconceptions
Questions
Exercises
Rubric""".split("\n")


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its two header lines."""
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_every_notebook_has_a_page_and_the_overview_links_it():
    assert set(NOTEBOOKS) <= set(TEXTS)
    text = GUIDE.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert [link for link in links if link.startswith("teaching/")] == [
        f"teaching/{lesson}.md" for lesson in TEXTS
    ]
    for link in links:
        assert (GUIDE.parent / link).exists(), link


@pytest.mark.parametrize("lesson", TEXTS)
def test_a_page_has_all_headings_and_links_that_lead_somewhere(lesson):
    assert re.findall(r"^## (.+)$", TEXTS[lesson], re.M) == HEADINGS
    for link in re.findall(r"\]\(([^)#]+)\)", TEXTS[lesson]):
        assert (ROOT / "docs" / "teaching" / link).exists(), link


@pytest.mark.parametrize("lesson", TEXTS)
def test_the_minutes_of_a_plan_follow_each_other_and_sum_to_90(lesson):
    plan = table(TEXTS[lesson], "Plan")
    at = 0
    for start, minutes, *_ in plan:
        assert int(start) == at, (start, at)
        at += int(minutes)
    assert at == 90


@pytest.mark.parametrize("lesson", TEXTS)
def test_a_page_has_enough_to_ask_and_to_mark(lesson):
    text = TEXTS[lesson]
    part = {name: text.partition(f"\n## {name}\n")[2].partition("\n## ")[0] for name in HEADINGS}
    assert 3 <= len(re.findall(r"^- \*\*", part["Misconceptions"], re.M)) <= 6
    assert 4 <= len(re.findall(r"^\d\. \*", part["Questions"], re.M)) <= 6
    assert len(table(text, "Exercises")) == 4
    assert {len(row) for row in table(text, "Rubric")} == {4}


@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_cells_sections_and_minutes_are_those_of_the_notebook(lesson):
    notebook, text = read(NOTEBOOKS[lesson]), TEXTS[lesson]
    ids = {cell.id for cell in notebook.cells}
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    cited = re.findall(r"`#([\w-]+)`", text)
    assert len(cited) >= 15
    assert not set(cited) - ids
    sections = set(re.findall(r"^## (\d+)", words, re.M))
    assert not set(re.findall(r"§ (\d+)", text)) - sections
    minutes = course(notebook)["minutes"]
    said = f"`{NOTEBOOKS[lesson].stem}` · runs in {minutes} minute{'s' * (minutes != 1)} on"
    assert said in text, said
    assert f"(teaching/{lesson}.md) | {minutes} min |" in GUIDE.read_text(encoding="utf-8")


RANGE = re.compile(r"(?<![\w.,#−-])(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?)(?![\w]|[.,]\d)")


def ranges(text: str) -> set[tuple[float, float]]:
    """All "1.2 to 3.4" of a text; not "sections 2 to 4" or lessons "00 to 02"."""
    found = RANGE.findall(re.sub(r"(§|[Ll]essons?|[Ee]xercises) \d+ to (§ )?\d+", "", text))
    return {(float(low), float(high)) for low, high in found}


@pytest.mark.parametrize("lesson", NOTEBOOKS)
def test_ranges_are_promised_or_said_by_the_notebook(lesson):
    notebook = read(NOTEBOOKS[lesson])
    known = ranges("\n".join(cell.source for cell in notebook.cells))
    for promised in course(notebook)["promises"]["lesson"].values():
        known |= {(float(low), float(high)) for low, high in promised.values()}
    bank = (ROOT / "docs" / "questions" / f"{lesson}.json").read_text(encoding="utf-8")
    assert not ranges(TEXTS[lesson] + bank) - known
