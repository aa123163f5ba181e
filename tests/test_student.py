"""Working copies: an update brings what is new and never touches what a student has changed."""

import json
import os

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from small_notebooks import ROOT, course

from course_utils.commands import notebook, student
from course_utils.commands.stamp import badge
from course_utils.commands.student import RECORD, chosen_lessons, hand_out, read_record, usable

NAME = "01_one.ipynb"


@pytest.fixture
def lesson(tmp_path):
    """A lesson of two cells with an output; a call of `write_lesson` is an update of the course."""
    return write_lesson(tmp_path / "course" / NAME, "first text", tag="v0.1.0")


@pytest.fixture
def folder(tmp_path):
    return usable(tmp_path / "mine")


def write_lesson(path, text, tag):
    where = {"owner": "a", "name": "b", "tag": tag}
    output = new_output("stream", name="stdout", text="7\n")
    path.parent.mkdir(exist_ok=True)
    cells = [
        new_markdown_cell(f"# One\n\n{badge(where, 'notebooks/01_one.ipynb')}", id="title"),
        new_code_cell(notebook.setup_cell(**where), id="setup"),
        new_code_cell(f"print('{text}')", id="code", outputs=[output], execution_count=1),
    ]
    notebook.write(new_notebook(cells=cells, metadata={"course": {"code_hash": "0"}}), path)
    return path


def update(lesson, folder, version="0.1.0"):
    """What a call of the command does with one lesson, the record read anew."""
    return hand_out(lesson, folder, read_record(folder), version)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORD}


def change(path):
    """A student adds a cell and saves."""
    mine = notebook.read(path)
    mine.cells.append(new_code_cell("answer = 42", id="mine"))
    notebook.write(mine, path)
    return path.read_bytes()


def test_a_copy_has_the_lessons_cells_without_outputs(lesson, folder):
    assert "new" in update(lesson, folder)
    copy, original = notebook.read(folder / NAME), notebook.read(lesson)
    assert [cell.source for cell in copy.cells] == [cell.source for cell in original.cells]
    assert [cell.id for cell in copy.cells] == [cell.id for cell in original.cells]
    assert copy.metadata.kernelspec.name == "python3"
    assert not any(cell.outputs or cell.execution_count for cell in notebook.code_cells(copy))
    assert "code_hash" not in copy.metadata.course


def test_calling_twice_changes_nothing(lesson, folder):
    update(lesson, folder)
    before = files(folder)
    assert "as in the course" in update(lesson, folder)
    assert files(folder) == before


def test_an_update_renews_a_copy_that_nobody_changed(lesson, folder):
    update(lesson, folder)
    write_lesson(lesson, "second text", tag="v0.2.0")
    assert "renewed" in update(lesson, folder, "0.2.0")
    assert list(files(folder)) == [NAME]
    assert b"second text" in (folder / NAME).read_bytes()


def test_an_update_puts_the_new_lesson_beside_a_changed_copy(lesson, folder):
    update(lesson, folder)
    mine = change(folder / NAME)
    assert "yours" in update(lesson, folder)
    assert files(folder) == {NAME: mine}
    for text, version in (("second text", "0.2.0"), ("third text", "0.3.0")):
        write_lesson(lesson, text, tag=f"v{version}")
        for _ in range(2):  # the second call finds nothing new
            update(lesson, folder, version)
        assert text.encode() in (folder / f"01_one(v{version}).ipynb").read_bytes()
    assert (folder / NAME).read_bytes() == mine
    assert len(files(folder)) == 3


def test_two_changes_under_one_version_get_two_names_and_work_beside_is_kept(lesson, folder):
    update(lesson, folder)
    change(folder / NAME)
    write_lesson(lesson, "second text", tag="v0.1.0")
    update(lesson, folder)
    change(folder / "01_one(v0.1.0).ipynb")
    before = files(folder)
    write_lesson(lesson, "third text", tag="v0.1.0")
    assert "01_one(v0.1.0-2).ipynb" in update(lesson, folder)
    assert before.items() <= files(folder).items()
    assert len(files(folder)) == 3


def test_a_new_address_of_the_course_is_no_new_lesson(lesson, folder):
    update(lesson, folder)
    mine = change(folder / NAME)
    write_lesson(lesson, "first text", tag="v0.2.0")
    assert "left as it is" in update(lesson, folder, "0.2.0")
    assert files(folder) == {NAME: mine}


def test_a_deleted_or_renamed_copy_comes_back_fresh(lesson, folder):
    update(lesson, folder)
    mine = change(folder / NAME)
    (folder / NAME).rename(folder / "my_best_one.ipynb")
    assert "fresh copy" in update(lesson, folder)
    assert files(folder)["my_best_one.ipynb"] == mine
    assert b"first text" in files(folder)[NAME]


@pytest.mark.parametrize("record", [None, "", "[]", "{", '{"01_one": 3}', '{"01_one": {"a": 1}}'])
def test_without_a_good_record_every_file_counts_as_changed(lesson, folder, record, capsys):
    update(lesson, folder)
    mine = change(folder / NAME)
    if record is None:
        (folder / RECORD).unlink()
    else:
        (folder / RECORD).write_text(record, encoding="utf-8")
    assert "left as it is; the new lesson is in" in update(lesson, folder)
    assert files(folder)[NAME] == mine
    assert ("cannot be read" in capsys.readouterr().out) == (record is not None)
    assert json.loads((folder / RECORD).read_bytes()).keys() == {"01_one"}


@pytest.mark.parametrize("stops_at", [1, 2])
def test_an_interrupted_call_loses_nothing_and_the_next_one_ends_it(
    lesson, folder, monkeypatch, stops_at
):
    """Stopped in the middle of the copy (1) or of the record (2) of an update."""
    update(lesson, folder)
    write_lesson(lesson, "second text", tag="v0.2.0")
    before, calls, rename = files(folder), [], os.replace

    def stop(*paths):
        calls.append(paths)
        if len(calls) == stops_at:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        update(lesson, folder, "0.2.0")
    monkeypatch.undo()
    assert list(files(folder)) == [NAME]  # no half file lies about
    if stops_at == 1:
        assert files(folder) == before
    update(lesson, folder, "0.2.0")
    assert list(files(folder)) == [NAME]
    assert b"second text" in files(folder)[NAME]
    write_lesson(lesson, "third text", tag="v0.3.0")
    assert "renewed" in update(lesson, folder, "0.3.0")


def test_work_saved_after_an_interruption_is_kept(lesson, folder, monkeypatch):
    update(lesson, folder)
    before = (folder / RECORD).read_bytes()
    write_lesson(lesson, "second text", tag="v0.2.0")
    update(lesson, folder, "0.2.0")
    (folder / RECORD).write_bytes(before)  # as if the record had not been written
    mine = change(folder / NAME)
    write_lesson(lesson, "third text", tag="v0.3.0")
    update(lesson, folder, "0.3.0")
    assert files(folder)[NAME] == mine


@pytest.mark.parametrize("inside", ["", "notebooks", "notebooks/mine", "course_utils/x"])
def test_a_folder_of_the_course_is_refused(inside):
    with pytest.raises(ValueError, match="belongs to the course"):
        usable(ROOT / inside)
    assert not (ROOT / "notebooks/mine").exists()


@pytest.mark.parametrize("name", ["../01_one", "06_recurrent_networks_solutions", "nothing"])
def test_only_lessons_are_handed_out(name):
    with pytest.raises(ValueError, match=r"without '..'|not a lesson|unknown notebook"):
        chosen_lessons([name])


def test_the_command_hands_out_lessons_and_says_so(tmp_path):
    first = course("student", tmp_path / "mine", "00", "06", "0")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[:2] == [
        "00_start_here.ipynb: new",
        "06_recurrent_networks.ipynb: new",
    ]
    assert set(files(tmp_path / "mine")) == {"00_start_here.ipynb", "06_recurrent_networks.ipynb"}
    second = course("student", tmp_path / "mine")
    assert second.stdout.count(": new") == len(notebook.lessons()) - 2
    assert second.stdout.count("as in the course") == 2


def test_a_folder_that_cannot_be_written_ends_in_words(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "in"):
        answer = course("student", folder, "00")
        assert answer.returncode == 2
        assert "Traceback" not in answer.stderr and str(folder) in answer.stderr


def test_the_record_is_hidden():
    assert student.RECORD.startswith(".")
