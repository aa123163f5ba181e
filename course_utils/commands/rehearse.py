"""Rehearse Colab and Kaggle: run each notebook in small, alone, with the versions that Colab has.

The first call makes the environment of colab-constraints.txt in build/colab: Python 3.13, some
minutes and 6 GB. Then every notebook of the last commit runs in an empty folder of a home without
a past, and its setup cell clones that commit. Nothing may be installed on the way. Kaggle's image
is made from Colab's; its internet is off at first, so the setup cell also runs without one and has
to say so. The report goes to build/rehearsal. The exit status is 0 only if all is well.

examples:
  python -m course_utils rehearse                        all lessons
  python -m course_utils rehearse 01 --keep              one, and keep the folder it ran in
  python -m course_utils rehearse --python /opt/python3.13/bin/python3.13
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from course_utils.cli import UsageError
from course_utils.commands import run
from course_utils.commands.notebook import ROOT, find, lessons, setup_cell
from course_utils.commands.stamp import setting
from course_utils.data.files import cache_folder

CONSTRAINTS = ROOT / "colab-constraints.txt"
ENVIRONMENT = ROOT / "build" / "colab"
VERSION = "3.13"  # of Colab's Python
OFFLINE_WORDS = ("The course could not be fetched from", "the internet switched on")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `rehearse`."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="01 or 01_autoencoders (all lessons)")
    add("--python", metavar="PATH", help=f"the Python {VERSION} to make the environment from")
    add("--keep", action="store_true", help="keep the folder in which the notebooks ran")


def main(options: argparse.Namespace) -> int:
    """Rehearse; 0 all is well, 1 something is not, 130 stopped by Ctrl-C."""
    stage = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        return _rehearse(options, stage)
    finally:
        if options.keep:
            print(f"Kept: {stage}")
        else:
            shutil.rmtree(stage, ignore_errors=True)


def _rehearse(options: argparse.Namespace, stage: Path) -> int:
    """Run the notebooks, then look at what the table of `run` does not say."""
    course = clone(stage / "course")
    try:
        paths = [find(name, course / "notebooks") for name in options.names]
    except ValueError as error:
        raise UsageError(error) from None
    paths = paths or lessons(course / "notebooks")
    python = make_environment(ENVIRONMENT, options.python)
    before = freeze(python)
    set_stage(stage, python)
    os.environ["JUPYTER_PATH"] = str(stage / "jupyter")  # its kernel named python3 comes first
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    words = [*map(str, paths), "--quick", "--output", str(ROOT / "build" / "rehearsal")]
    if (status := run.main(parser.parse_args(words))) == 130:
        return status
    problems = [f"installed packages changed: {line}" for line in changes(before, freeze(python))]
    if problems:
        (ENVIRONMENT / ".ready").unlink()  # so that the next rehearsal makes it anew
    clones = len(list((stage / "tmp").glob("*/course_utils")))
    if clones < len(paths):
        problems.append(f"{len(paths)} setup cells made {clones} clones: was the course installed?")
    said = words_without_internet(python, stage)
    print(f"\nWithout internet, as on Kaggle at first, the setup cell says:\n    {said}")
    if any(part not in said for part in OFFLINE_WORDS):
        problems.append(f"the setup cell should say: {' ... '.join(OFFLINE_WORDS)}")
    print("\n".join(problems) or f"Installed packages, before and after: the same {len(before)}.")
    return int(bool(status or problems))


def find_python(given: str | None = None) -> str:
    """A Python of Colab's version: the one given, or one of the usual places; else UsageError."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{VERSION}.*/bin/python"))
    candidates = [given] if given else [sys.executable, f"python{VERSION}", *map(str, pyenv)]
    found = {candidate: version_of(candidate) for candidate in candidates}
    if good := [candidate for candidate in found if found[candidate] == VERSION]:
        return good[0]
    what = f"{given} is {found[given] or 'no Python'}" if given else "none was found"
    raise UsageError(
        f"the rehearsal needs Python {VERSION}, as Colab has it, and {what}; install it from "
        f"python.org, by `uv python install {VERSION}` or `pyenv install {VERSION}`, or name it "
        "with --python PATH"
    )


def version_of(python: str) -> str | None:
    """What a Python says of itself, as 3.13; None if it does not start."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def make_environment(folder: Path, given: str | None = None) -> Path:
    """The Python of the environment in `folder`, made anew if the constraints have changed.

    UsageError when there is no Python to make it from, or pip cannot install what is asked.
    """
    ready, wanted = folder / ".ready", CONSTRAINTS.read_text(encoding="utf-8")
    base = {"base": str(folder), "platbase": str(folder)}
    scripts = Path(sysconfig.get_path("scripts", scheme="venv", vars=base))
    python = scripts / ("python.exe" if sys.platform == "win32" else "python")
    if ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        if version_of(str(python)) == VERSION:  # it may have been made from a Python that is gone
            return python
    source = find_python(given)
    print(f"Setting up {folder} with {source}: some minutes and 6 GB.", flush=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([source, "-m", "venv", "--clear", folder], [*install, "-r", CONSTRAINTS]):
        if subprocess.run(list(map(str, command))).returncode:
            raise UsageError(f"this failed: {' '.join(map(str, command))}")
    ready.write_text(wanted, encoding="utf-8")
    return python


def clone(folder: Path) -> Path:
    """A clone of the last commit, with a word on what is not committed; UsageError without git."""
    try:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        status = ["git", "status", "--porcelain"]
        changed = subprocess.check_output(status, cwd=ROOT, encoding="utf-8").rstrip()
    except (OSError, subprocess.CalledProcessError):
        raise UsageError(f"git cannot clone {ROOT}; the rehearsal needs git and a clone") from None
    if changed:
        print(f"The last commit is rehearsed, without these changes:\n{changed}")
    return folder


def set_stage(stage: Path, python: Path) -> None:
    """Add to the clone an empty home, a `google.colab`, and the kernel that sees these alone."""
    kernel = stage / "jupyter" / "kernels" / "python3"
    package = stage / "packages" / "google" / "colab"
    for folder in (stage / "home", stage / "tmp", kernel, package):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    (kernel / "kernel.json").write_text(json.dumps(kernel_spec(stage, python)), encoding="utf-8")


def kernel_spec(stage: Path, python: Path) -> dict:
    """A kernel that is Colab's Python, for which the course is a repository and nothing more."""
    return {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Colab",
        "language": "python",
        "env": colab(stage) | {"COURSE_REPO": str(stage / "course")},
    }


def colab(stage: Path) -> dict[str, str]:
    """Environment variables of a notebook on Colab; downloaded data stay in the caller's cache."""
    home = dict.fromkeys(("HOME", "USERPROFILE"), str(stage / "home"))
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(stage / "tmp"))
    off = dict.fromkeys(("CI", "COURSE_STATIC", "COURSE_REPO"), "")
    course = {"PYTHONPATH": str(stage / "packages"), "COURSE_CACHE": str(cache_folder())}
    return home | temporary | off | course | {"COLAB_RELEASE_TAG": "rehearsal"}


def freeze(python: Path) -> list[str]:
    """What is installed beside this Python, as `name==version`."""
    command = [str(python), "-m", "pip", "freeze", "--all", "--disable-pip-version-check"]
    return subprocess.check_output(command, encoding="utf-8").splitlines()


def changes(before: list[str], after: list[str]) -> list[str]:
    """The lines that came (+) and went (-), in order of name; none if nothing was touched."""
    lines = [f"-{line}" for line in before if line not in after]
    lines += [f"+{line}" for line in after if line not in before]
    return sorted(lines, key=lambda line: (line[1:].lower(), line))


def words_without_internet(python: Path, stage: Path) -> str:
    """The last line that the setup cell writes on Kaggle when github.com cannot be reached."""
    nowhere = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": "https://github.com/"}
    nowhere["GIT_CONFIG_KEY_0"] = "url.https://github.invalid/.insteadOf"
    env = os.environ | colab(stage) | nowhere | {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}
    command, cwd = [str(python), "-c", setup_cell(**setting())], stage / "home"
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, encoding="utf-8")
    return (done.stderr or done.stdout).strip().splitlines()[-1]
