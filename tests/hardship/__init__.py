"""Hardships: does the course survive what goes wrong outside it?

A bad network, a full disk, a process that is killed, a reader who stops cells, hostile files.
`python -m tests.hardship` tries all of it and writes what happened to RESULTS.md.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("RESULTS.md")


class Skipped(Exception):
    """This machine cannot try it; the message says what it lacks."""


@dataclass(frozen=True)
class Case:
    id: str
    tried: str
    times: int
    must: str  # what must happen
    check: Callable[[Path], str]  # in an empty folder -> what happened; raises where it must not


def tested(*words: str) -> Callable[[Path], str]:
    """A case that unit tests hold: `words` choose them, as after `pytest`."""

    def check(folder: Path) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-500:]
        return f"the tests pass ({words[0].removeprefix('tests/')})"

    return check


def python(code: str, *words: str, **environment: str) -> subprocess.Popen:
    """A Python process with the course on its path; its output is text in pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
