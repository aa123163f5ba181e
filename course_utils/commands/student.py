"""Make working copies of the lessons that no later update of the course overwrites.

The copies have no outputs, so that you predict before you see. Call it again after an update: new
lessons are added, copies that nobody touched are renewed, and beside a copy that was changed the
new lesson gets a name of its own. A changed file is never written to. A copy that was deleted or
renamed comes back fresh under its old name.

examples:
  python -m course_utils student ../my-course            all lessons
  python -m course_utils student ../my-course 06 08      two of them
"""

import argparse
import hashlib
import itertools
import json
from pathlib import Path

import nbformat

from course_utils import __version__
from course_utils.cli import UsageError
from course_utils.commands.notebook import (
    NOTEBOOKS,
    ROOT,
    chosen_lessons,
    code_cells,
    is_setup,
    read,
    write_atomically,
)
from course_utils.commands.stamp import LINK
from course_utils.commands.tidy import tidy

RECORD = ".course-copies.json"  # in DIR: lesson -> what was handed out last
KEYS = ("file", "lesson")  # SHA-256 of the copy, and of what the lesson says


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `student`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the copies go")
    parser.add_argument("names", nargs="*", metavar="LESSON", help="number or name (all)")


def main(options: argparse.Namespace) -> int:
    """Hand out the lessons, one line each on what was done."""
    try:
        paths = chosen_lessons(options.names)
        folder = usable(options.folder)
        record = read_record(folder)
        for path in paths:
            print(hand_out(path, folder, record))
    except ValueError as error:
        raise UsageError(error) from None
    except OSError as error:
        raise UsageError(f"cannot write to {options.folder}: {error.strerror or error}") from None
    print(f"The copies are in {folder}; open them there, and call this again after an update.")
    return 0


def usable(folder: Path) -> Path:
    """The folder, made if it is missing; ValueError where an update of the course would meet it."""
    folder = folder.expanduser().resolve()
    if folder == ROOT or any(
        folder.is_relative_to(ours) for ours in (NOTEBOOKS, ROOT / "course_utils")
    ):
        raise ValueError(
            f"{folder} belongs to the course, and an update would change it; "
            f"choose a folder beside it, such as {ROOT.parent / 'my-course'}"
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_record(folder: Path) -> dict[str, dict[str, str]]:
    """What was handed out; empty, with a line that says so, when the record cannot be read."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_bytes())
        return {name: {key: entry[key] for key in KEYS} for name, entry in record.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        print(f"{RECORD} cannot be read: every file here counts as yours, none is changed")
        return {}


def hand_out(lesson: Path, folder: Path, record: dict[str, dict], version=__version__) -> str:
    """Bring one lesson into the folder and the record; returns the line that says what was done.

    The record is written after the copy: whatever is interrupted between the two, a file whose
    content is not the recorded one counts as changed, and stays.
    """
    fresh = handout(lesson)
    new = {"file": digest(fresh), "lesson": digest(taught(lesson))}
    old = record.get(lesson.stem, dict.fromkeys(KEYS))
    copy = folder / lesson.name
    there = digest(copy.read_bytes()) if copy.exists() else None
    if there is None:
        write_atomically(copy, fresh)
        done = "new" if old["file"] is None else "a fresh copy, the old one was gone"
    elif there == new["file"]:
        done = "as in the course"
    elif there == old["file"]:
        write_atomically(copy, fresh)
        done = "renewed (you had not changed it)"
    elif new["lesson"] == old["lesson"]:
        done = "yours, left as it is"
    else:
        beside = free_name(copy, version, fresh)
        write_atomically(beside, fresh)
        done = f"yours, left as it is; the new lesson is in {beside.name}"
    if old != new:
        record[lesson.stem] = new
        write_atomically(folder / RECORD, json.dumps(record, indent=1) + "\n")
    return f"{copy.name}: {done}"


def free_name(copy: Path, version: str, content: bytes) -> Path:
    """`03_name(v0.2.0).ipynb` beside the copy, or the first such name that is not in use."""
    for place in itertools.count(1):
        again = f"-{place}" if place > 1 else ""
        beside = copy.with_name(f"{copy.stem}(v{version}{again}).ipynb")
        if not beside.exists() or beside.read_bytes() == content:
            return beside


def handout(lesson: Path) -> bytes:
    """A lesson as students get it: without outputs, in normal form."""
    notebook = read(lesson)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    notebook = tidy(notebook)
    notebook.metadata.get("course", {}).pop("code_hash", None)  # it belongs to the outputs
    return (nbformat.v4.writes(notebook) + "\n").encode()


def taught(lesson: Path) -> bytes:
    """What a lesson says, without the address of the course: a new tag alone is no new lesson."""
    cells = [cell for cell in read(lesson).cells if not is_setup(cell)]
    return json.dumps([LINK.sub("", cell.source) for cell in cells]).encode()


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
