"""Notebook files: find, read, write; parameters, course metadata, the one setup cell."""

import ast
import os
import secrets
from pathlib import Path
from typing import Any

import nbformat

from course_utils.cli import unknown

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
RESULT = "application/vnd.course.result+json"
NOT_PYTHON = (SyntaxError, TypeError, MemoryError, RecursionError)  # what `ast` says to that
SETUP_LINE = "# Setup, the same in every notebook."

SETUP = (
    SETUP_LINE
    + """ Where the course is installed, it changes nothing.
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if importlib.util.find_spec("course_utils") is None:
    clones = [folder for folder in Path.cwd().parents if (folder / "course_utils").is_dir()]
    other = os.environ.get("COURSE_REPO")  # an address or a folder instead of the official one
    cache = Path.home() / ".cache" / "@OWNER@-@NAME@"
    course = clones[0] if clones else cache / "@TAG@"
    if not clones and (other or not course.exists()):  # a notebook on its own, as on Colab
        cache.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=None if other else cache))
        official = "https://github.com/@OWNER@/@NAME@"
        source = [other] if other else ["--branch=@TAG@", official]
        command = ["git", "clone", "--quiet", "--depth=1", *source, str(copy)]
        no_questions = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120, env=no_questions)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(copy, ignore_errors=True)
            reason = getattr(error, "stderr", None) or str(error).encode()
            raise RuntimeError(
                f"The course could not be fetched from {source[-1]}: "
                f"{reason.decode(errors='replace').strip()}. "
                "Is git installed, and the internet switched on for this notebook? "
                "(On Kaggle: Settings, Turn on internet.)"
            ) from None
        course = copy if other or course.exists() else copy.rename(course)
    sys.path.insert(0, str(course))

from course_utils.environment import start

start()"""
)


def setup_cell(owner: str, name: str, tag: str) -> str:
    """The source of the setup cell for a course that lives at this address."""
    return SETUP.replace("@OWNER@", owner).replace("@NAME@", name).replace("@TAG@", tag)


def is_setup(cell) -> bool:
    """True for the setup cell, whatever address it holds."""
    return cell.cell_type == "code" and cell.source.startswith(SETUP_LINE)


def lessons(folder: Path = NOTEBOOKS) -> list[Path]:
    """The lesson notebooks in reading order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def solutions(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks with the solutions of the exercises, in the same order."""
    return sorted((folder / "solutions").glob("[0-9][0-9]_*_solutions.ipynb"))


def find(name: str, folder: Path = NOTEBOOKS) -> Path:
    """The notebook of this number, name or path; ValueError with the nearest names otherwise."""
    if ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads outside; give a number, a name, or a path without '..'")
    if name.endswith(".ipynb") and Path(name).is_file():
        return Path(name).resolve()
    known = {path.stem: path for path in lessons(folder) + solutions(folder)}
    stem = name.removesuffix(".ipynb")
    number = [path for path in lessons(folder) if path.stem.split("_")[0] == stem.zfill(2)]
    if stem not in known and not number:
        raise ValueError(unknown("notebook", name, known))
    return known.get(stem) or number[0]


def chosen_lessons(names: list[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """The lessons of these names, all if there are none; ValueError for anything else."""
    every = lessons(folder)
    paths = [find(name, folder) for name in names] or every
    if wrong := [path for path in paths if path not in every]:
        raise ValueError(f"{wrong[0].name} is not a lesson; give a number such as 06, or a name")
    return list(dict.fromkeys(paths))


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook file as it is, nothing mended; ValueError when it is not a notebook of today."""
    try:
        notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        if notebook.nbformat == 4:
            if all(map(_is_cell, notebook.cells)):
                return notebook
            raise ValueError("a cell lacks its type, its text, its metadata or its outputs")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} is not a notebook: {error}") from None
    raise ValueError(f"{path.name} has notebook format {notebook.nbformat}; open and save it anew")


def _is_cell(cell: nbformat.NotebookNode) -> bool:
    parts = {"cell_type": str, "source": str, "metadata": dict}
    if cell.get("cell_type") == "code":
        parts["outputs"] = list
    return all(isinstance(cell.get(name), kind) for name, kind in parts.items())


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook atomically, with a newline at its end."""
    write_atomically(path, nbformat.v4.writes(notebook) + "\n")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write under another name, then rename: a reader sees the old file or the new, never half."""
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def course(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The metadata of the course: minutes, quick, promises, code_hash."""
    return notebook.metadata.get("course", {})


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Name -> default of each knob in the cell tagged `parameters` (None: not a plain value).

    Raises ValueError when that cell is no plain Python.
    """
    tagged = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", [])]
    try:
        nodes = [node for cell in tagged for node in ast.parse(cell.source).body]
    except NOT_PYTHON as error:
        raise ValueError(f"the parameters cell is no plain Python: {error}") from None
    knobs: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                knobs[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, *NOT_PYTHON):
                knobs[node.targets[0].id] = None
    return knobs


def outputs(notebook: nbformat.NotebookNode, mime: str) -> list[Any]:
    """All outputs of one MIME type, in order."""
    every = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.data[mime] for output in every if mime in output.get("data", {})]
