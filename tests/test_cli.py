"""The command line: what it understands, and what it answers when it does not."""

import ast
import errno
import os
import re
import subprocess
import sys

import pytest
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from small_notebooks import ROOT, course, make_notebook

from course_utils.commands import notebook, report
from course_utils.commands.job import Row, hold
from course_utils.commands.worker import one_line

NUMBER = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}'
NAKED = NUMBER.replace("7", '{"source": "1", "metadata": {}}')


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["rum"], "unknown command 'rum'; did you mean run?"),
        (["run", "godo"], "unknown notebook 'godo'"),
        (["run", "../good"], "leads outside"),
        (["run", "good.ipynb", "-p", "epoch=3"], "unknown parameter 'epoch'; did you mean epochs?"),
        (["run", "good.ipynb", "-p", "epochs=many"], "epochs is a number like 3, not 'many'"),
        (["run", "good.ipynb", "-p", "epochs"], "-p takes name=value"),
        (["run", "good.ipynb", "--save", "--quick"], "--save keeps the outputs of a full run"),
        (["run", "good.ipynb", "--save", "-p", "epochs=1"], "--save keeps"),
        (["run", "good.ipynb", "copy/good.ipynb"], "have the same name"),
        (["run", "text.ipynb"], "text.ipynb is not a notebook"),
        (["run", "deep.ipynb"], "deep.ipynb is not a notebook"),
        (["run", "number.ipynb"], "number.ipynb is not a notebook"),
        (["run", "naked.ipynb"], "naked.ipynb is not a notebook"),
        (["run", "knobs.ipynb"], "the parameters cell is no plain Python"),
    ],
)
def test_a_wrong_word_gets_a_clear_answer_and_status_2(tmp_path, words, answer):
    make_notebook(tmp_path / "good.ipynb", "1")
    make_notebook(tmp_path / "copy" / "good.ipynb", "1")
    for name, content in {
        "text": "hello",
        "deep": "[" * 100_000,
        "number": NUMBER,
        "naked": NAKED,
    }.items():
        (tmp_path / f"{name}.ipynb").write_text(content, encoding="utf-8")
    knobs = notebook.read(make_notebook(tmp_path / "knobs.ipynb", "1"))
    knobs.cells[1].source += "\n%load_ext autoreload"
    notebook.write(knobs, tmp_path / "knobs.ipynb")
    done = course(*words, cwd=tmp_path)
    assert (done.returncode, answer in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert not (tmp_path / "build").exists()


def test_a_notebook_is_found_by_number_name_or_path(tmp_path):
    path = make_notebook(tmp_path / "01_autoencoders.ipynb", "1")
    for name in ("1", "01", "01_autoencoders", "01_autoencoders.ipynb", str(path)):
        assert notebook.find(name, tmp_path) == path
    with pytest.raises(ValueError, match="did you mean 01_autoencoders?"):
        notebook.find("01_autoencoder", tmp_path)


def test_an_old_python_is_told_so_in_words():
    source = (ROOT / "course_utils" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    ast.parse((ROOT / "course_utils/__init__.py").read_text(encoding="utf-8"), "", "exec")
    pretend = "import sys, runpy; sys.version_info = (3, 8, 1); runpy.run_module('course_utils')"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs Python 3.11 or later, and this is Python 3.8" in done.stderr


def test_write_keeps_the_old_file_when_it_fails(tmp_path):
    path = make_notebook(tmp_path / "good.ipynb", "1")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        notebook.write_atomically(path, None)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["good.ipynb"]


def test_the_report_escapes_what_notebooks_say(tmp_path):
    row = Row("a", "failed", 1, 1, problems=["<script>"], parameters={"x": "<b>"})
    report.update(tmp_path, [row], tmp_path / "missing.ipynb")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "<b>" not in page


def test_a_promise_holds_for_its_own_source_only():
    promises = {"mnist": {"error": [1, 2]}, "glyphs": {"error": [5, 6]}}
    result = {"name": "error", "value": 5.5, "source": "glyphs"}
    assert hold([result], promises)[1] == []
    assert hold([result | {"source": "mnist"}], promises)[1]
    assert hold([result | {"value": float("nan")}], promises)[1]


def failed(name: str, words: str) -> PapermillExecutionError:
    """What papermill raises when a cell has raised the error of this name."""
    return PapermillExecutionError(0, 1, "source", name, words, [])


def test_an_output_folder_that_is_a_file_is_named_with_a_cure(tmp_path):
    make_notebook(tmp_path / "good.ipynb", "1")
    (tmp_path / "taken").write_text("", encoding="utf-8")
    done = course("run", "good.ipynb", "--output", "taken", cwd=tmp_path)
    assert done.returncode == 2 and "let --output name another folder" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DeadKernelError(), "the kernel died: out of memory.*it held 512 MB; close other"),
        (failed("MemoryError", ""), "out of memory: it held 512 MB"),
        (failed("RuntimeError", "DefaultCPUAllocator: can't allocate memory"), "out of memory: it"),
        (failed("ValueError", "the memory has 3 rows"), "ValueError: the memory has 3 rows"),
        (OSError(errno.ENOSPC, "No space"), "the disk is full; free some space"),
    ],
)
def test_what_ended_a_run_is_said_in_words(error, words):
    assert re.match(words, one_line(error, megabytes=512))
