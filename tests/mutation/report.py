"""RESULTS.md: the score of each file, and its survivors with the reasons that people wrote."""

import math

from tests.mutation import RESULTS, Mutant
from tests.mutation.runner import SURVIVED, TIME_OUT

TOP = """# Mutation testing: which small changes of the code do the tests not notice?

Written by `python -m tests.mutation`; reasons are written here by hand, and stay. A change is
*noticed* when a test fails, the code does not load, or the tests take far more time than they need
(so many *by time*). *Equivalent*: no test can tell the change from the code. Score: noticed of
tried; corrected: the same without the equivalent ones. Where only a random sample was tried, the
95 % interval (Wilson) stands beside it. Not changed, as it is no behaviour: docstrings, type
annotations, `raise` statements with their messages, imports, decorators, arguments of `len` and
`isinstance`.

| file | changes | tried | noticed | by time | survived | equivalent | score | corrected |
|---|---|---|---|---|---|---|---|---|
"""


def write(every: dict[str, list[Mutant]], verdicts: dict[str, dict[str, str]]) -> str:
    """RESULTS.md with a row and the survivors of every file that was tried; its row of totals."""
    kept = reasons()
    rows, survivors, whole = [], [], [0] * 5
    for file, mutants in every.items():
        tried = [(mutant, verdicts.get(file, {}).get(mutant.key)) for mutant in mutants]
        left = [mutant for mutant, verdict in tried if verdict == SURVIVED]
        why = [kept.get((file, mutant.change), "") for mutant in left]
        counts = [
            len(mutants),
            sum(verdict is not None for _, verdict in tried),
            sum(verdict == TIME_OUT for _, verdict in tried),
            len(left),
            sum(reason.startswith("equivalent") for reason in why),
        ]
        whole = [a + b for a, b in zip(whole, counts, strict=True)]
        if counts[1]:
            rows.append(row(file, *counts))
        for mutant, reason in zip(left, why, strict=True):
            survivors.append(f"| {file} | {mutant.line} | {mutant.change} | {reason} |")
    rows.append(row("all", *whole))
    heading = ["", "## Survivors", "", "| file | line | change | reason |", "|---|---|---|---|"]
    RESULTS.write_text(TOP + "\n".join([*rows, *heading, *survivors]) + "\n", encoding="utf-8")
    return rows[-1]


def row(name: str, changes: int, tried: int, by_time: int, survived: int, equivalent: int) -> str:
    """One line of the table."""
    noticed, sample = tried - survived, tried < changes
    scores = share(noticed, tried, sample), share(noticed, tried - equivalent, sample)
    cells = (name, changes, tried, noticed, by_time, survived, equivalent, *scores)
    return f"| {' | '.join(map(str, cells))} |"


def share(part: int, whole: int, sample: bool, z: float = 1.96) -> str:
    """89.4 %, and of a sample the interval of Wilson 1927."""
    if not whole:
        return "-"
    text = f"{100 * part / whole:.1f} %"
    if not sample:
        return text
    p, w = part / whole, z**2 / whole
    width = z * math.sqrt((p * (1 - p) + w / 4) / whole)
    low, high = ((p + w / 2 + side * width) / (1 + w) for side in (-1, 1))
    return f"{text} ({100 * low:.0f}-{100 * high:.0f})"


def reasons() -> dict[tuple[str, str], str]:
    """{file and change: reason} of RESULTS.md as it is."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    rows = [line.removeprefix("| ").removesuffix("|").split(" | ") for line in lines]
    return {(r[0], " | ".join(r[2:-1])): r[-1].strip() for r in rows if "→" in "".join(r[2:-1])}
