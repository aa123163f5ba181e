"""The rehearsal of Colab, as far as it needs no environment of 6 GB; `make rehearse` does all."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from packaging.requirements import Requirement
from small_notebooks import ROOT, course

from course_utils.cli import UsageError
from course_utils.commands import notebook, rehearse

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_package_that_came_went_or_moved_is_seen():
    before = ["IPython==7.34.0", "numpy==2.1.3", "torch==2.11.0"]
    assert rehearse.changes(before, before) == []
    after = ["aim==1", "IPython==7.34.0", "numpy==2.4.6"]
    expected = ["+aim==1", "-numpy==2.1.3", "+numpy==2.4.6", "-torch==2.11.0"]
    assert rehearse.changes(before, after) == expected


def test_this_python_is_taken_where_it_has_the_right_version(monkeypatch):
    monkeypatch.setattr(rehearse, "VERSION", OWN)
    assert rehearse.find_python() == rehearse.find_python(sys.executable) == sys.executable


def test_without_the_right_python_the_answer_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(rehearse, "VERSION", "3.99")
    cure = "install it from python.org, by `uv python install 3.99`"
    for given, found in (
        (None, "none was found"),
        (sys.executable, f"is {OWN}"),
        ("no", "no is no"),
    ):
        with pytest.raises(UsageError, match=f"needs Python 3.99.*{found}.*{cure}"):
            rehearse.make_environment(tmp_path / "colab", given)
    assert os.listdir(tmp_path) == []


def test_the_kernel_of_the_stage_is_the_one_that_notebooks_get(monkeypatch, tmp_path):
    rehearse.set_stage(tmp_path, tmp_path / "colab" / "python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.argv[0] == str(tmp_path / "colab" / "python")
    assert spec.env["COURSE_REPO"] == str(tmp_path / "course")


def test_the_kernel_sees_google_colab_and_not_the_course(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    rehearse.set_stage(tmp_path, sys.executable)
    spec = json.loads((tmp_path / "jupyter/kernels/python3/kernel.json").read_bytes())
    ask = "import google.colab, importlib.util as u; google.colab.__file__.title()\n"
    ask += "print(u.find_spec('course_utils'))"
    command = [sys.executable, "-S", "-c", ask]  # -S: where the course is installed, not even that
    env = os.environ | spec["env"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "None", done.stderr


def test_colab_has_what_the_course_needs():
    """Exact versions, one a line, and each within the bounds of pyproject.toml."""
    lines = rehearse.CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    versions = dict(line.split("==") for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for needed in map(Requirement, project["dependencies"]):
        if needed.name not in ("jupyterlab", "papermill") and not needed.marker:
            assert needed.specifier.contains(versions[needed.name]), needed


def test_a_folder_that_is_no_clone_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(rehearse, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="the rehearsal needs git and a clone"):
        rehearse.clone(tmp_path / "copy")


def test_a_wrong_name_is_answered_first_and_leaves_nothing_behind(tmp_path):
    done = course("rehearse", "godo", TMPDIR=str(tmp_path), TEMP=str(tmp_path), TMP=str(tmp_path))
    assert (done.returncode, "unknown notebook 'godo'" in done.stderr) == (2, True), done.stderr
    assert os.listdir(tmp_path) == []


def test_the_setup_cell_says_what_the_rehearsal_expects_without_internet():
    assert all(words in notebook.SETUP for words in rehearse.OFFLINE_WORDS)
