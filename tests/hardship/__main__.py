"""Try what goes wrong outside the course, case by case, and keep what happened in RESULTS.md.

The exit status is 1 when a case did not end as it must. Lessons take some 20 minutes of one core
and are tried only when they are named; the rows of cases not tried now stay as they were.

examples:
  python -m tests.hardship                  all but the lessons, some minutes
  python -m tests.hardship kill- lesson-04  those whose ids begin so
"""

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course_utils.commands.notebook import lessons
from tests.hardship import RESULTS, ROOT, Case, Skipped, disk, hostile, network, tested

FAILED = "**failed**"  # in RESULTS.md
HEAD = """# Hardships: what was tried, and what happened

Written by `python -m tests.hardship`: {good} of {n} cases ended as they must.
Lessons (`lesson-...`) run in small and without a network, in one kernel: in an empty folder; again,
in `notebooks/`; then, in the folder of the course, each cell stopped by hand after 0.3 s and run
twice.

| case | what was tried | times | what must happen | what happened | seconds |
|---|---|---:|---|---|---:|
"""


def lesson(number: str):
    """The case of a lesson: tests/hardship/lessons.py where nothing reaches a network."""

    def check(folder: Path) -> str:
        cut = ["unshare", "--net", "--map-root-user"]
        if not shutil.which("unshare") or subprocess.run([*cut, "true"]).returncode:
            raise Skipped("only Linux can take the network away from a process")
        command = [*cut, sys.executable, "-m", "tests.hardship.lessons", number]
        one = os.environ | {"OMP_NUM_THREADS": "1"}  # with two, sums may differ in the last digit
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=one)
        *timings, last = done.stdout.splitlines() or [done.stderr[-300:]]
        assert done.returncode == 0, "; ".join(done.stdout.splitlines()[3:]) or last
        return timings[-1].partition(",")[0] + ", equal results, promises kept"

    return check


LINE = "a line that names it; the next address is tried"
WHOLE = "one whole version is there"
WORDS = "ValueError in words, nothing executed"
RUNNER = "the row says so, the other notebooks run"
CASES = [
    Case("net-each-failure", f"addresses that fail: {', '.join(network.FAILURES)}",
         2 * len(network.FAILURES), LINE, network.each_failure),
    Case("net-load-text", "`load_text` from a list of all that end at once", 2,
         "the stand-in; or the text, where a good address comes last", network.whole_layer),
    Case("net-unit-tests", "two and more addresses, certificates, https only, slow hosts", 18, LINE,
         tested("tests/test_download.py")),
    Case("net-eight-processes", "eight processes, one cache, a server that drops every other one",
         160, "whole files only", network.eight_processes),
    Case("data-unit-tests", "bad copies, pipes, devices, read-only and full folders, offline", 17,
         "the next place is tried, data arrive", tested("tests/test_files.py")),
    Case("kill-checkpoint", "kill -9 while checkpoints are written", disk.KILLS, WHOLE,
         disk.killed_checkpoint),
    Case("kill-data", "kill -9 while data are kept", disk.KILLS, WHOLE, disk.killed_data),
    Case("kill-notebook", "kill -9 while notebooks and reports are written", disk.KILLS, WHOLE,
         disk.killed_notebook),
    Case("full-checkpoint", "a checkpoint on a disk of 500 KB", 1,
         "words with file and cure; the old one stays", disk.full_checkpoint),
    Case("full-cache", "a download into a cache of 100 KB", 1, "data arrive, one line says so",
         disk.full_cache),
    Case("full-report", "`run` into a folder of 64 KB", 1, "words with a cure, no traceback",
         disk.full_report),
    Case("little-memory", "1 GB less than a cell needs; a kernel killed by the system", 3,
         "`run` says: out of memory, and what to do", hostile.little_memory),
    Case("run-unit-tests", "a kernel that dies, a cell that never ends, Ctrl-C", 3, RUNNER,
         tested("tests/test_run.py", "-k", "dead_kernel or never_ends or ctrl_c")),
    Case("hostile-checkpoint", "a pickle, a cut file, a config without end, shapes of 2^63", 9,
         WORDS, tested("tests/test_runtime.py", "-k", "refused or folder or missing")),
    Case("hostile-checkpoint-bytes", "checkpoints with random bytes in them", hostile.FUZZED,
         "ValueError, or it loads", hostile.fuzzed_checkpoint),
    Case("hostile-notebook-bytes", "notebooks with random bytes in them", hostile.FUZZED,
         "ValueError, or it is read", hostile.fuzzed_notebook),
    Case("hostile-words", "notebooks nested without end, knobs that are no Python, wrong words", 14,
         "status 2 and words", tested("tests/test_cli.py", "-k", "wrong_word")),
    Case("hostile-names", "names of notebooks with `..`, NUL, `~`, absolute paths",
         len(hostile.NAMES), "refused in words", hostile.names_that_lead_outside),
    Case("hostile-text", "1 GB, NUL, UTF-16, mixed encodings, pipes, folders as a text", 8, WORDS,
         tested("tests/test_text.py", "-k", "named_with_a_cure or too_long or no_file")),
    Case("hostile-data-links", "links out of COURSE_DATA: a file, itself, a device, a folder", 5,
         "not used unless the hash is right; nothing written", hostile.links_out_of_the_data),
    Case("hostile-copy-links", "links out of the folder of working copies", 2,
         "nothing outside is written", hostile.link_out_of_the_copies),
    *(Case(f"lesson-{path.stem[:2]}", f"`{path.stem}`: no network, again, stopped, cells twice", 4,
           "results repeat, promises are kept, nothing is left behind", lesson(path.stem[:2]))
      for path in lessons()),
]  # fmt: skip


def main() -> int:
    """Try the cases; 0 all as they must, 1 one was not."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hardship",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="a case, or how its id begins")
    options = parser.parse_args()
    for word in options.ids:
        if not any(case.id.startswith(word) for case in CASES):
            parser.error(f"no case begins with {word!r}; there are {[case.id for case in CASES]}")
    failed = False
    for case in CASES:
        wanted = tuple(options.ids)
        if not case.id.startswith(wanted) if wanted else case.id.startswith("lesson-"):
            continue
        start = time.monotonic()
        happened = attempt(case)
        failed |= happened.startswith(FAILED)
        seconds = time.monotonic() - start
        print(f"{case.id}: {happened} ({seconds:.0f} s)", flush=True)
        rows = read_rows() | {case.id: [happened, f"{seconds:.0f}"]}
        RESULTS.write_text(page(rows), encoding="utf-8")
    return int(failed)


def attempt(case: Case) -> str:
    """What happened, in words."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            return case.check(Path(folder))
        except Skipped as reason:
            return f"not tried: {reason}"
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".replace("|", "/").split())
            return f"{FAILED}: {words[:400]}"


def read_rows() -> dict[str, list[str]]:
    """id -> what happened, seconds: RESULTS.md as it is."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[-2:] for row in rows}


def page(rows: dict[str, list[str]]) -> str:
    """RESULTS.md: all cases in their order."""
    lines, good = [], 0
    for case in CASES:
        happened, seconds = rows.get(case.id, ["not tried yet", "-"])
        good += not happened.startswith((FAILED, "not tried"))
        cells = [case.id, case.tried, f"{case.times:,}", case.must, happened, seconds]
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD.format(good=good, n=len(CASES)) + "".join(lines)


if __name__ == "__main__":
    os.environ["COURSE_PROGRESS"] = os.devnull  # no answer given here is a learner's
    sys.exit(main())
