"""Results of a notebook, held against the ranges that its text states.

The ranges, **promises**, stand in the notebook's own metadata, per profile and data source, and
come from several seeds. A result outside its range prints hints; it never stops the learner. The
runner (`python -m course_utils run`) reads the same results from the executed copy and decides.
"""

import json
from pathlib import Path

MIME_TYPE = "application/vnd.course.result+json"
HINTS = (
    "If you changed a parameter, that is why. If not: restart the kernel and run all cells in "
    "order; then compare versions with `python -m course_utils doctor`."
)


class Results:
    """Records the results of one run of a notebook.

    `notebook`: its name without ending; `profile`: "lesson" or "quick"; `source`: name of the data
    that were really loaded ("mnist", "glyphs", ...), "none" for a notebook without a data set.
    """

    def __init__(self, notebook: str, profile: str, source: str):
        self.profile = profile
        self.source = source
        self.ranges = read_promises(notebook).get(profile, {}).get(source, {})

    def record(self, name: str, value: float, unit: str) -> None:
        """Show `name`, its value and its unit beside the usual range; mark it for the runner."""
        from IPython.display import display

        value = float(value)
        low, high = self.ranges.get(name, (None, None))
        ok = None if low is None else low <= value <= high
        line = f"{name.replace('_', ' ')}: {value:.4g} {unit}"
        if ok is not None:
            line += f"   (usual range {low:g} to {high:g}: {'ok' if ok else 'OUTSIDE'})"
        if ok is False:
            line += "\n" + HINTS
        content = {"name": name, "value": value, "unit": unit, "low": low, "high": high, "ok": ok}
        content |= {"profile": self.profile, "source": self.source}
        display({"text/plain": line, MIME_TYPE: content}, raw=True)


def read_promises(notebook: str) -> dict:
    """Promises of a notebook of this course: profile -> source -> name -> [low, high].

    Empty where the notebooks do not lie beside the package.
    """
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    for path in (folder / f"{notebook}.ipynb", folder / "solutions" / f"{notebook}.ipynb"):
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            return content["metadata"].get("course", {}).get("promises", {})
    return {}
