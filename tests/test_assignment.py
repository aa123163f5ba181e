"""An assignment for nbgrader: what is handed out, what is hidden, and what a submission gets."""

import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from small_notebooks import ROOT, course

from course_utils.commands.assignment import assignment
from course_utils.commands.notebook import code_cells, lessons, read, write
from course_utils.commands.submission import mended
from course_utils.exercises import checking

LIGHT = "06_recurrent_networks"
WRONG = "def add_k(counts, k):\n    return counts / counts.sum(dim=1, keepdim=True)"


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


@pytest.mark.parametrize("lesson", lessons(), ids=lambda path: path.stem)
def test_every_lesson_makes_an_assignment_whose_solutions_are_correct(lesson, capsys, monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 600)  # s; the machine of the tests may be busy
    made = assignment(lesson)
    nbformat.validate(made)
    names: dict = {}
    for cell in code_cells(made):
        if cell.id != "setup":
            exec(cell.source, names)  # a hidden check that is not passed raises here
    said = capsys.readouterr().out
    exercises = [cell for cell in made.cells if cell.id.startswith("exercise-")]
    assert said.splitlines().count("correct") == 2 * len(exercises) > 0


@pytest.mark.parametrize("lesson", lessons(), ids=lambda path: path.stem)
def test_every_stub_of_the_lesson_is_handed_out(lesson):
    made, taught = by_id(assignment(lesson)), by_id(read(lesson))
    for name in [name for name in made if name.startswith("exercise-")]:
        before, rest = made[name].source.split("### BEGIN SOLUTION\n")
        assert (
            before.split() + rest.split("### END SOLUTION")[1].split()
            == taught[name].source.split()
        )
    assert made["questions"].source.startswith("## Exercises\n")


def test_marks_say_who_may_change_a_cell_and_what_it_gives():
    for name, cell in by_id(assignment(ROOT / f"notebooks/{LIGHT}.ipynb")).items():
        marks, kind = cell.metadata.nbgrader, name.split("-")[0]
        assert marks.grade_id == name
        assert marks.solution == (kind == "exercise")
        assert marks.locked == (kind != "exercise")
        assert marks.grade == (kind == "grade") and marks.get("points") == (
            1 if marks.grade else None
        )


def handed_out():
    """The cells of a small assignment as students get them, and its source."""
    source = assignment(ROOT / f"notebooks/{LIGHT}.ipynb").cells
    return deepcopy(source), source


def names(cells):
    return [cell.metadata.get("nbgrader", {}).get("grade_id", cell.id) for cell in cells]


def test_cells_of_an_untouched_submission_stay():
    cells, source = handed_out()
    assert mended(cells, source) == source


def test_deleted_and_moved_cells_come_back_in_order_but_a_deleted_answer_is_empty():
    cells, source = handed_out()
    answers = {cell.id: cell for cell in cells if cell.id.startswith("exercise-")}
    answers["exercise-1"].source = "perplexity_answer = 5"
    back = mended([answers["exercise-3"], answers["exercise-1"]], source)
    assert names(back) == names(source)
    sources = {cell.id: cell.source for cell in back}
    assert sources["exercise-1"] == "perplexity_answer = 5"
    assert sources["exercise-2"] == ""
    assert sources["grade-2"] == source[names(source).index("grade-2")].source


def test_of_two_copies_the_last_one_counts_and_the_other_is_a_cell_of_their_own():
    cells, source = handed_out()
    copy = deepcopy(cells[names(cells).index("exercise-1")])
    copy.source = "perplexity_answer = 5"
    back = mended([*cells, copy], source)
    marked = [cell for cell in back if cell.metadata.get("nbgrader")]
    assert names(marked) == names(source)
    assert marked[names(marked).index("exercise-1")].source == "perplexity_answer = 5"
    assert len(back) == len(source) + 1


def test_cells_of_their_own_stay_where_they_were():
    cells, source = handed_out()
    helper = new_code_cell("helper = 1", id="helper")
    place = names(cells).index("exercise-2")
    back = mended([helper, *cells[:place], helper, *cells[place:]], source)
    assert names(back) == ["helper", *names(source)[:place], "helper", *names(source)[place:]]


def test_answers_are_found_where_an_editor_lost_the_metadata():
    cells, source = handed_out()
    for cell in cells:
        cell.metadata = nbformat.from_dict({})
    assert mended(cells, source) == source


def test_tampering_with_locked_cells_is_undone():
    cells, source = handed_out()
    for cell in cells:
        if cell.metadata.nbgrader.locked:
            cell.source = "raise SystemExit"
    assert mended(cells, source) == source


def test_an_assignment_is_never_overwritten_and_settings_neither(tmp_path):
    assert course("assignment", LIGHT, tmp_path).returncode == 0
    config, source = tmp_path / "nbgrader_config.py", tmp_path / f"source/{LIGHT}/{LIGHT}.ipynb"
    config.write_text("# mine", encoding="utf-8")
    assert course("assignment", "06", tmp_path).returncode == 0
    assert config.read_text(encoding="utf-8") == "# mine"
    changed = source.read_text(encoding="utf-8").replace("Exercise 1", "Exercise one")
    source.write_text(changed, encoding="utf-8")
    answer = course("assignment", "06", tmp_path)
    assert answer.returncode == 2 and "differs" in answer.stderr
    assert source.read_text(encoding="utf-8") == changed


def nbgrader(folder: Path, *words: str) -> str:
    """`nbgrader words` in a folder, as a teacher with an active environment calls it."""
    scripts = str(Path(sys.executable).parent)
    path = {"PATH": os.pathsep.join([scripts, os.environ["PATH"]]), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=folder, env=os.environ | path, capture_output=True, encoding="utf-8", timeout=240,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stderr


@pytest.mark.notebooks
def test_nbgrader_gives_all_points_to_right_answers_and_fewer_to_wrong_ones(tmp_path):
    from nbgrader.api import Gradebook

    assert course("assignment", LIGHT, tmp_path).returncode == 0
    nbgrader(tmp_path, "generate_assignment", LIGHT)
    released = tmp_path / f"release/{LIGHT}/{LIGHT}.ipynb"
    text = released.read_text(encoding="utf-8")
    assert "SOLUTION" not in text and "HIDDEN" not in text and "verdict" not in text

    def submit(student: str) -> tuple[nbformat.NotebookNode, Path]:
        """The released notebook with the solutions in it, and where this student puts it."""
        notebook, solved = read(released), by_id(read(tmp_path / f"source/{LIGHT}/{LIGHT}.ipynb"))
        for cell in notebook.cells:
            if cell.id.startswith("exercise-"):
                cell.source = solved[cell.id].source
        path = tmp_path / f"submitted/{student}/{LIGHT}/{LIGHT}.ipynb"
        path.parent.mkdir(parents=True)
        return notebook, path

    write(*submit("right"))
    notebook, path = submit("wrong")
    by_id(notebook)["exercise-2"].source = WRONG
    write(notebook, path)
    notebook, path = submit("untidy")  # graded cells deleted, an answer copied, another deleted
    gone = ("grade-1", "grade-2", "exercise-4", "imports")
    notebook.cells = [cell for cell in notebook.cells if cell.id not in gone]
    copy = deepcopy(by_id(notebook)["exercise-3"])
    copy.id = "copy"
    notebook.cells.append(copy)
    write(notebook, path)

    nbgrader(tmp_path, "autograde", LIGHT)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        submissions = gradebook.assignment_submissions(LIGHT)
        scores = {submission.student_id: submission.score for submission in submissions}
        by_hand = [grade.name for s in submissions for n in s.notebooks for grade in n.grades
                   if grade.needs_manual_grade]  # fmt: skip
    assert scores == {"right": 4, "wrong": 3, "untidy": 3}
    assert not by_hand
