"""RESULTS.md: read and written, with the reasons that people wrote beside the survivors."""

import math
from dataclasses import dataclass, field

from tests.mutation import RESULTS

TOP = """# Mutation testing: which small changes of the code do the tests not notice?

Written by `python -m tests.mutation`; reasons are written here by hand and stay. A change is
*noticed* when a test fails, the code does not load, or the tests take far more time than they need
(that many *by time*). *Equivalent*: no test can tell the change from the code. Score: noticed of
tried; corrected: of tried without the equivalent ones, with a 95 % interval (Wilson) where only a
sample was tried. Not changed, as it is no behaviour: docstrings, type annotations, `raise`
statements with their messages, imports, decorators, arguments of `len` and `isinstance`.

| file | changes | tried | noticed | by time | survived | equivalent | score | corrected |
|---|---|---|---|---|---|---|---|---|
"""


@dataclass
class Found:
    """What is known of a file: counts, and {change: (line, reason)} of what survived."""

    changes: int
    tried: int
    by_time: int
    survivors: dict[str, tuple[int, str]] = field(default_factory=dict)

    def row(self, name: str) -> str:
        """Its line of the table."""
        survived = len(self.survivors)
        equivalent = sum("equivalent" in reason for _, reason in self.survivors.values())
        noticed, matter = self.tried - survived, self.tried - equivalent
        corrected = percent(noticed, matter)
        if self.tried < self.changes:
            low, high = wilson(noticed, matter)
            corrected += f" ({100 * low:.0f}-{100 * high:.0f})"
        counts = (self.changes, self.tried, noticed, self.by_time, survived, equivalent)
        cells = (name, *map(str, counts), percent(noticed, self.tried), corrected)
        return f"| {' | '.join(cells)} |"


def percent(part: int, whole: int) -> str:
    """89.4 % for 0.894, and a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share; Wilson 1927."""
    if not whole:
        return 0.0, 1.0
    share, weight = part / whole, z**2 / whole
    middle, width = share + weight / 2, z * math.sqrt((share * (1 - share) + weight / 4) / whole)
    return (middle - width) / (1 + weight), (middle + width) / (1 + weight)


def total(found: dict[str, Found]) -> Found:
    """All files as one."""
    whole = Found(0, 0, 0)
    for name, one in found.items():
        whole.changes += one.changes
        whole.tried += one.tried
        whole.by_time += one.by_time
        whole.survivors |= {name + change: where for change, where in one.survivors.items()}
    return whole


def write(found: dict[str, Found]) -> None:
    """RESULTS.md with a row and the survivors of every file."""
    rows = [one.row(name) for name, one in found.items()]
    lines = [*rows, total(found).row("all"), "", "## Survivors", ""]
    lines += ["| file | line | change | reason |", "|---|---|---|---|"]
    for name, one in found.items():
        for change, (line, reason) in sorted(one.survivors.items(), key=lambda item: item[1][0]):
            lines.append(f"| {name} | {line} | {change} | {reason} |")
    RESULTS.write_text(TOP + "\n".join(lines) + "\n", encoding="utf-8")


def read() -> dict[str, Found]:
    """RESULTS.md as it is; nothing where there is none."""
    found: dict[str, Found] = {}
    if not RESULTS.exists():
        return found
    for text in RESULTS.read_text(encoding="utf-8").splitlines():
        cells = text.removeprefix("| ").removesuffix("|").removesuffix(" ").split(" | ")
        if len(cells) == 9 and cells[1].isdecimal() and cells[0] != "all":
            found[cells[0]] = Found(int(cells[1]), int(cells[2]), int(cells[4]))
        elif len(cells) >= 4 and cells[0] in found and cells[1].isdecimal():
            change, reason = " | ".join(cells[2:-1]), cells[-1].strip()
            found[cells[0]].survivors[change] = (int(cells[1]), reason)
    return found
