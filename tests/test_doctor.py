"""The doctor, on made-up machines: what each check says, and what it takes for a problem."""

import sys
from pathlib import Path

import pytest
from small_notebooks import course

from course_utils.commands import doctor


def test_a_python_beside_the_environment_of_the_project_is_a_warning(tmp_path):
    (tmp_path / ".venv").mkdir()
    assert doctor.interpreter(tmp_path / ".venv", tmp_path / ".venv").level == "ok"
    assert doctor.interpreter(tmp_path, tmp_path / ".venv").level == "warning"
    assert doctor.interpreter(tmp_path, tmp_path / "missing").level == "ok"


def test_a_kernel_that_starts_another_python_is_a_problem(tmp_path):
    here = Path(sys.executable)
    other = tmp_path / "python"
    other.touch()
    assert doctor.kernel([str(here), "-m", "ipykernel_launcher"], here).level == "ok"
    assert doctor.kernel(["python", "-m", "ipykernel_launcher"], here).level == "ok"
    finding = doctor.kernel([str(other)], here)
    assert finding.level == "problem" and str(here) in finding.cure
    assert doctor.kernel([str(tmp_path / "deleted" / "python")], here).level == "problem"
    assert doctor.kernel(None, here).level == "problem"


def test_missing_and_old_packages_are_problems():
    required = ["torch>=2.4", "NumPy>=1.26", "pooch", "colorama>=1; python_version < '3'"]
    installed = {"torch": "2.11.0+cpu", "numpy": "1.25.0"}
    good, numpy, pooch = doctor.packages(required, installed)
    assert (good.level, good.what) == ("ok", "installed: torch 2.11.0+cpu")
    assert numpy.level == "problem" and "1.25.0" in numpy.what and ">=1.26" in numpy.what
    assert pooch.level == "problem" and "pooch is not installed" in pooch.what


def test_a_wrong_course_data_is_a_problem(tmp_path):
    first, *_ = doctor.data(str(tmp_path / "missing"), False, {"mnist": [None]})
    assert first.level == "problem" and "not a folder" in first.what


@pytest.mark.parametrize(
    ("shared", "offline", "found", "level", "words"),
    [
        (True, False, True, "ok", "from COURSE_DATA"),
        (False, False, True, "ok", "from the cache"),
        (False, False, False, "warning", "will try to download"),
        (False, True, False, "warning", "stand-in"),
    ],
)
def test_each_data_set_names_the_step_that_answers(tmp_path, shared, offline, found, level, words):
    files = [tmp_path / "images" if found else None]
    (finding,) = doctor.data(str(tmp_path) if shared else None, offline, {"mnist": files})
    assert (finding.level, words in finding.what) == (level, True), finding


@pytest.mark.parametrize(("free", "level"), [(50, "ok"), (1, "warning"), (0.1, "problem")])
def test_a_full_disk_is_a_problem(tmp_path, free, level):
    assert doctor.disk(tmp_path, free).level == level


def test_more_threads_than_cores_are_a_warning():
    assert doctor.threads(2, {"OMP_NUM_THREADS": "2"}).level == "ok"
    assert doctor.threads(2, {"OMP_NUM_THREADS": "8"}).level == "warning"


def test_git_and_make_are_never_a_problem():
    levels = [f.level for f in doctor.tools({"git": "/usr/bin/git", "make": None})]
    assert levels == ["ok", "warning"]


def test_every_bad_finding_has_a_cure(tmp_path):
    findings = [
        doctor.kernel(None, tmp_path),
        *doctor.packages(["pooch"], {})[1:],
        *doctor.data("missing", False, {"mnist": [None]}),
        doctor.disk(tmp_path, 0),
        *doctor.tools({"git": None, "make": None}),
    ]
    assert all(finding.cure for finding in findings)


def test_the_command_ends_with_a_verdict_and_its_status(tmp_path):
    done = course("doctor", COURSE_DATA=str(tmp_path / "missing"))
    assert done.returncode == 1, done.stderr
    assert "problem  COURSE_DATA names" in done.stdout and "problem(s)." in done.stdout
