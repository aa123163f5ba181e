"""What grading does first: it puts the cells of a submission back in order.

Students delete, copy and move cells. nbgrader alone stops grading the whole class at one copied
cell, and asks for a grade by hand where a graded cell is gone. `nbgrader_config.py`, as written by
`python -m course_utils assignment`, therefore lets `MendCells` read every submission first.
"""

from copy import deepcopy
from pathlib import Path

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from course_utils.commands.notebook import read


class MendCells(Preprocessor):
    """A step of `nbgrader autograde`, which works in the folder of its course."""

    enabled = True

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The submission with its graded cells once each, in the order of the source."""
        about = resources["nbgrader"]
        source = Path("source", about["assignment"], f"{about['notebook']}.ipynb")
        nb.cells = mended(nb.cells, read(source).cells)
        return nb, resources


def mended(submitted: list[NotebookNode], source: list[NotebookNode]) -> list[NotebookNode]:
    """The source's cells with the answers of a submission; its own cells stay where they were.

    Of several copies of an answer the last one counts. A deleted answer stays away, so that its
    graded cell fails; everything else that was deleted comes back.
    """
    known = {cell.metadata.nbgrader.grade_id for cell in source}
    last = {_id(cell): cell for cell in submitted if _id(cell) in known}
    own: dict[str, list[NotebookNode]] = {"": []}  # after which cell of the source they stand
    place = ""
    for cell in submitted:
        if last.get(_id(cell)) is cell:
            place = _id(cell)
        else:
            cell.metadata.pop("nbgrader", None)
            own.setdefault(place, []).append(cell)
    cells = own[""]
    for original in source:
        identity = original.metadata.nbgrader.grade_id
        cell = deepcopy(original)
        if original.metadata.nbgrader.solution:
            cell.source = last[identity].source if identity in last else ""
        cells += [cell, *own.get(identity, [])]
    return cells


def _id(cell: NotebookNode) -> str:
    """The name of a cell of the assignment; the cell's own where an editor lost the metadata."""
    return cell.metadata.get("nbgrader", {}).get("grade_id") or cell.get("id", "")
