"""Turn the exercises of a lesson into an assignment for nbgrader.

It writes DIR/source/LESSON/LESSON.ipynb and, if there is none yet, DIR/nbgrader_config.py. The
notebook holds the setup cell, the imports of the solutions, the questions and the exercises, but
not the lesson: the checks bring their own data, so nothing has to be trained, and grading takes
seconds. Every exercise gives a point. What to type next: docs/classroom.md.

examples:
  python -m course_utils assignment 06 ../grading          exercises of lesson 06
"""

import argparse
import ast
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.cli import UsageError
from course_utils.commands.notebook import (
    NOTEBOOKS,
    chosen_lessons,
    code_cells,
    is_setup,
    read,
    write_atomically,
)
from course_utils.commands.student import usable
from course_utils.commands.tidy import KERNEL

CONFIG = """# Settings of nbgrader for this folder; written once, yours to change.
import os

from nbgrader import preprocessors

from course_utils.commands.submission import MendCells

os.environ["COURSE_PROGRESS"] = os.devnull  # answers of students are not the teacher's progress
c = get_config()  # noqa: F821

c.Autograde.sanitize_preprocessors = [
    preprocessors.ClearOutput,
    MendCells,  # deleted, copied and moved cells
    preprocessors.OverwriteKernelspec,
    preprocessors.OverwriteCells,
    preprocessors.CheckCellMetadata,
]
c.ClearSolutions.code_stub = {"python": ""}  # the exercises bring stubs of their own
c.Execute.timeout = 60  # seconds a cell; then it is stopped and the next one runs
c.Execute.startup_timeout = 180  # seconds for the kernel to start on a busy machine
c.Execute.iopub_timeout = 30
c.Execute.error_on_timeout = {
    "ename": "CellTimeoutError",
    "evalue": "stopped after 60 seconds",
    "traceback": ["stopped after 60 seconds: is there a loop without an end?"],
}
"""
RULES = """Write your answers in place of `...`, run the cells, and save. The check below each
answer says *correct*, *not yet* with a hint, or *not started*.

You may add cells of your own. If you copy the cell of an exercise, the last copy counts."""
SOLUTION = "{stub}\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION\n\n{check};"
GRADE = """# This cell is graded: here the check is called again, by the teacher.
### BEGIN HIDDEN TESTS
import contextlib
import io

from {module} import {check} as hidden_check

with contextlib.redirect_stderr(io.StringIO()):  # a warning is no mistake
    verdict = hidden_check({answers})
assert verdict.status == "correct", str(verdict)
### END HIDDEN TESTS"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `assignment`."""
    parser.add_argument("lesson", metavar="LESSON", help="number or name")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="the folder of the nbgrader course"
    )


def main(options: argparse.Namespace) -> int:
    """Write the assignment; refuse to overwrite one that differs."""
    try:
        [lesson] = chosen_lessons([options.lesson])
        folder = usable(options.folder)
        made = nbformat.v4.writes(assignment(lesson)) + "\n"
        path = folder / "source" / lesson.stem / lesson.name
        if path.exists() and path.read_text(encoding="utf-8") != made:
            raise ValueError(f"{path} exists and differs; move it away, or give another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, made)
        if not (folder / "nbgrader_config.py").exists():
            write_atomically(folder / "nbgrader_config.py", CONFIG)
    except ValueError as error:
        raise UsageError(error) from None
    except OSError as error:
        raise UsageError(f"cannot write to {options.folder}: {error.strerror or error}") from None
    print(f"wrote {path}\nNext, in {folder}:  nbgrader generate_assignment {lesson.stem}")
    return 0


def assignment(lesson: Path, notebooks: Path = NOTEBOOKS) -> NotebookNode:
    """The source notebook of an assignment: exercises of the lesson, answers of its solutions.

    ValueError when the two do not belong together.
    """
    path = notebooks / "solutions" / f"{lesson.stem}_solutions.ipynb"
    if not path.is_file():
        raise ValueError(f"{lesson.stem} has no solutions in {path.parent}")
    taught, solved = read(lesson), read(path)
    stubs = _numbered(taught, "exercise")
    solutions = _numbered(solved, "solution")
    if not stubs or stubs.keys() != solutions.keys():
        raise ValueError(f"{lesson.name} and {path.name} do not have the same exercises")
    setup = next(cell for cell in solved.cells if is_setup(cell))
    imports = next(cell for cell in solved.cells if cell.id == "imports")
    modules = _imported(imports.source)
    title = taught.cells[0].source.splitlines()[0]
    cells = [
        _read_only(new_markdown_cell(f"{title}: exercises\n\n{RULES}", id="title")),
        _read_only(new_code_cell(setup.source, id="setup")),
        _read_only(new_code_cell(imports.source, id="imports")),
        _read_only(new_markdown_cell(_questions(taught), id="questions")),
    ]
    for number, stub in stubs.items():
        stub, check, answers = _split(stub)
        solution, _, solved_by = _split(solutions[number])
        names = [f"{a} = {b}" for a, b in zip(answers, solved_by, strict=True) if a != b]
        source = SOLUTION.format(
            stub=stub,
            solution="\n".join([solution, *names]),
            check=f"{check}({', '.join(answers)})",
        )
        cells.append(_nbgrader(new_code_cell(source, id=f"exercise-{number}"), solution=True))
        if check not in modules:
            raise ValueError(f"the imports of {path.name} lack {check}")
        graded = GRADE.format(module=modules[check], check=check, answers=", ".join(answers))
        cells.append(_nbgrader(new_code_cell(graded, id=f"grade-{number}"), grade=True, points=1))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


def _numbered(notebook: NotebookNode, kind: str) -> dict[str, str]:
    """Number -> source of the cells `exercise-1`, `exercise-2`, ... or `solution-1`, ..."""
    pattern = re.compile(rf"{kind}-(\d+)")
    matches = [(pattern.fullmatch(cell.id), cell) for cell in code_cells(notebook)]
    return {match[1]: cell.source for match, cell in matches if match}


def _questions(lesson: NotebookNode) -> str:
    """The text of the lesson from the heading of its exercises on."""
    place = [cell.id for cell in lesson.cells].index("exercise-1") - 1
    found = re.search(
        r"^## [^\n]*Exercises.*", lesson.cells[place].source, re.MULTILINE | re.DOTALL
    )
    if lesson.cells[place].cell_type != "markdown" or not found:
        raise ValueError("before exercise-1 we expect a cell with the heading '## ... Exercises'")
    return re.sub(r"^## .*", "## Exercises", found[0], count=1)


def _split(source: str) -> tuple[str, str, list[str]]:
    """An exercise's cell -> what stands before its check, the check's name, its arguments."""
    last = ast.parse(source).body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("check_"):
        raise ValueError(f"an exercise must end in its check, not in {ast.unparse(last)!r}")
    before = "\n".join(source.splitlines()[: last.lineno - 1]).rstrip()
    return before, ast.unparse(call.func), [ast.unparse(argument) for argument in call.args]


def _imported(imports: str) -> dict[str, str]:
    """Name -> module of everything that a cell imports by `from ... import ...`."""
    nodes = [node for node in ast.parse(imports).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in nodes for alias in node.names}


def _read_only(cell: NotebookNode) -> NotebookNode:
    """A cell that grading puts back as it was handed out."""
    return _nbgrader(cell, locked=True)


def _nbgrader(cell: NotebookNode, **marks: bool | int) -> NotebookNode:
    """The cell with the metadata that nbgrader reads; a graded cell is locked, too."""
    base = {"grade": False, "solution": False, "locked": bool(marks.get("grade")), "task": False}
    identity = {"schema_version": 3, "grade_id": cell.id, "cell_type": cell.cell_type}
    cell.metadata["nbgrader"] = nbformat.from_dict(base | identity | marks)
    return cell
