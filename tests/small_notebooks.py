"""Tiny notebooks for the tests of the commands, and the command line as a learner calls it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
KNOBS = 'profile = "lesson"  # "quick" makes a smoke run\nepochs = 3'
RECORD = """from IPython.display import display
result = {"name": "error", "value": 1.5 * epochs, "unit": "nats", "profile": profile}
result |= {"source": "none", "low": None, "high": None, "ok": None}
display({"application/vnd.course.result+json": result, "text/plain": "error"}, raw=True)"""
COURSE = {
    "minutes": 0.1,
    "quick": {"profile": "quick", "epochs": 1},
    "promises": {"lesson": {"none": {"error": [4, 5]}}, "quick": {"none": {"error": [1, 2]}}},
}


def make_notebook(path: Path, *sources: str, course: dict | None = None) -> Path:
    """A notebook with a title, the parameters cell above, and one code cell per source."""
    knobs = new_code_cell(KNOBS, metadata={"tags": ["parameters"]}, id="knobs")
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    notebook = new_notebook(cells=[new_markdown_cell("# Title", id="title"), knobs, *cells])
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "any"}, "course": course or COURSE}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def course(*words: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """`python -m course_utils words`, finished."""
    return subprocess.run(
        [sys.executable, "-m", "course_utils", *map(str, words)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
