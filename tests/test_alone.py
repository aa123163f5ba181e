"""A notebook alone, as on Colab: the setup cell finds the course where it is not installed."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest
from small_notebooks import ROOT

from course_utils.commands import notebook
from course_utils.commands.job import environment

LESSONS = notebook.lessons()
SETUP = notebook.setup_cell(owner="nobody", name="nowhere", tag="v0")
ASK = "\nimport course_utils\nprint(course_utils.__file__)"


class Stranger:
    """A Python that has all libraries but not the course, and a clone of the course for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        venv.create(folder / "venv", symlinks=sys.platform != "win32")
        base = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        site = Path(sysconfig.get_path("purelib", scheme="venv", vars=base))
        scripts = Path(sysconfig.get_path("scripts", scheme="venv", vars=base))
        self.python = scripts / ("python.exe" if sys.platform == "win32" else "python")
        # A folder named in a .pth file goes on the path, but the .pth files inside it are not
        # read: an editable installation of the course stays unknown.
        libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
        self.clone = folder / "clone"
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "course_utils", self.clone / "course_utils", ignore=ignore)
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "."], ["tag", "v0"]):
            subprocess.run(["git", *words], cwd=self.clone, check=True)

    def run(self, *words: str | Path, cwd: Path, **extra: str) -> subprocess.CompletedProcess:
        """Run that Python with these words; `extra` are environment variables."""
        env = environment()
        del env["PYTHONPATH"]
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder))
        env |= temporary | {"JUPYTER_DATA_DIR": str(self.folder / "jupyter")} | extra
        command = [str(word) for word in (self.python, *words)]
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, encoding="utf-8")

    def set_up(self, cwd: Path, **extra: str) -> subprocess.CompletedProcess:
        """Run the setup cell in `cwd`; the last line printed is where the course came from."""
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home), "PYTHONUTF8": "1"}
        return self.run("-c", SETUP + ASK, cwd=cwd, **home, **extra)

    def official(self, source: Path) -> dict[str, str]:
        """git variables that send the official address to a folder."""
        key = f"url.{source.as_uri()}.insteadOf"
        value = "https://github.com/nobody/nowhere"
        return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": value}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    made = Stranger(tmp_path_factory.mktemp("stranger"))
    found = made.run("-c", "import torch, course_utils", cwd=made.folder)
    assert "No module named 'course_utils'" in found.stderr, "the rehearsal would prove nothing"
    return made


def place(done: subprocess.CompletedProcess) -> Path:
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def test_the_setup_cell_clones_from_course_repo(stranger, tmp_path):
    start = time.monotonic()
    found = place(stranger.set_up(tmp_path, COURSE_REPO=str(stranger.clone)))
    assert time.monotonic() - start < 20
    assert found.is_relative_to(stranger.folder) and not found.is_relative_to(stranger.clone)
    assert os.listdir(tmp_path) == []


def test_the_official_tag_is_cloned_once_and_then_found_without_a_network(stranger, tmp_path):
    cache = stranger.home / ".cache" / "nobody-nowhere"
    first = place(stranger.set_up(tmp_path, **stranger.official(stranger.clone)))
    again = place(stranger.set_up(tmp_path, **stranger.official(tmp_path / "gone")))
    assert first == again == cache / "v0" / "course_utils" / "__init__.py"
    assert os.listdir(cache) == ["v0"]


def test_inside_a_clone_the_clone_itself_is_used(stranger):
    deep = stranger.clone / "notebooks" / "solutions"
    deep.mkdir(parents=True)
    for cwd in (stranger.clone, deep.parent, deep):
        assert place(stranger.set_up(cwd, COURSE_REPO="nowhere")).is_relative_to(stranger.clone)


def test_a_repository_that_is_not_there_gets_a_clear_answer(stranger, tmp_path):
    done = stranger.set_up(tmp_path, COURSE_REPO=str(tmp_path / "missing"))
    assert done.returncode == 1
    assert "The course could not be fetched from" in done.stderr.splitlines()[-1]
    without_git = stranger.set_up(tmp_path, COURSE_REPO=str(stranger.clone), PATH=str(tmp_path))
    assert "Is git installed" in without_git.stderr.splitlines()[-1]


def test_a_failed_clone_leaves_no_folder_behind(stranger, tmp_path):
    cache = stranger.home / ".cache" / "nobody-nowhere"
    shutil.rmtree(cache, ignore_errors=True)
    done = stranger.set_up(tmp_path, **stranger.official(tmp_path / "gone"))
    assert "Turn on internet" in done.stderr and os.listdir(cache) == []


def test_where_the_course_is_installed_the_setup_cell_fetches_nothing(stranger, tmp_path):
    installed = {"PYTHONPATH": str(ROOT), "COURSE_REPO": str(tmp_path / "missing")}
    assert place(stranger.set_up(tmp_path, **installed)).is_relative_to(ROOT)


@pytest.mark.notebooks
@pytest.mark.parametrize("number", range(len(LESSONS)), ids=[path.stem for path in LESSONS])
def test_each_lesson_runs_alone_in_an_empty_folder(stranger, tmp_path, number):
    """In small, and from one of three working directories: its own, another, one deep below."""
    path = LESSONS[number]
    alone = tmp_path / "alone" / path.name
    cwd = (alone.parent, tmp_path / "other", alone.parent / "a" / "b")[number % 3]
    alone.parent.mkdir()
    cwd.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, alone)
    knobs = ["-y", json.dumps(notebook.course(notebook.read(path))["quick"])]  # JSON is YAML
    words = ["papermill", "--kernel", "python3", "--no-progress-bar", "--cwd", cwd, *knobs]
    copy = tmp_path / "executed.ipynb"
    done = stranger.run("-m", *words, alone, copy, cwd=cwd, COURSE_REPO=str(stranger.clone))
    assert done.returncode == 0, done.stderr[-3000:]
    assert [file.name for file in alone.parent.rglob("*") if file.is_file()] == [path.name]
