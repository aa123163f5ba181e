"""One notebook being executed, seen from the caller: its process, its events, its row."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_utils.commands.notebook import RESULT, ROOT, course, outputs, parameters, read

STOP_SECONDS = 15  # for a stopped worker to save what there is


@dataclass
class Row:
    """What the table, results.json and the report say about one notebook."""

    name: str
    status: str  # passed | failed | stopped
    minutes: float
    memory_mb: float
    results: list[dict[str, Any]] = field(default_factory=list)  # as recorded, with low, high, ok
    problems: list[str] = field(default_factory=list)  # in words, the first failing cell first
    parameters: dict[str, Any] = field(default_factory=dict)


class Job:
    """Executes one notebook into `build`; cells see an empty working directory."""

    def __init__(self, notebook: Path, build: Path, changed: dict[str, Any], quick: bool) -> None:
        content = read(notebook)
        knobs = course(content).get("quick", {}) if quick else {}
        self.notebook, self.name = notebook, notebook.stem
        self.copy = build / notebook.name
        self.parameters = knobs | changed
        self.promised = course(content).get("promises", {}) if not changed else {}
        self.profile = self.parameters.get("profile", parameters(content).get("profile", "lesson"))
        expected = course(content).get("minutes", 1)
        self.expected = 60.0 * (min(expected, 0.5) if quick else expected)  # seconds
        self.cell, self.line, self.peak = 0, "", 0.0
        self.error: str | None = None

    def start(self, timeout: float, threads: int | None) -> None:
        """Start the worker process, out of reach of this terminal's Ctrl-C."""
        self.began = time.monotonic()
        self.copy.unlink(missing_ok=True)
        self.scratch = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
        scratch = Path(self.scratch.name)
        (scratch / "empty").mkdir()
        self.events, self.log = scratch / "events", scratch / "log"
        paths = {"notebook": self.notebook, "copy": self.copy, "cwd": scratch / "empty"}
        request = {key: str(path) for key, path in (paths | {"events": self.events}).items()}
        request |= {"parameters": self.parameters, "timeout": timeout}
        apart = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "course_utils.commands.worker"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment(threads), **apart,
            )  # fmt: skip
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def poll(self) -> bool:
        """Read the events so far; True once the worker has ended."""
        ended = self.process.poll() is not None  # asked first, so that no event is missed
        finished = False
        lines = self.events.read_text(encoding="utf-8") if self.events.exists() else ""
        for event in map(json.loads, lines[: lines.rfind("\n") + 1].splitlines()):
            self.peak, self.error = event["peak"], event.get("error")
            self.cell, self.line = event.get("cell", self.cell), event.get("line", self.line)
            finished = "end" in event
        if ended and not finished:
            self.error = "the process that runs the notebook died; was there enough memory?"
        return ended

    def stop(self) -> None:
        """Close the worker's input, so that it kills the kernel, saves and ends."""
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def row(self, stopped: bool = False) -> Row:
        """The row of a notebook that has ended."""
        minutes = (time.monotonic() - self.began) / 60
        row = Row(self.name, "passed", minutes, self.peak, parameters=self.parameters)
        executed = self.executed()
        recorded = outputs(executed, RESULT) if executed else []
        row.results, problems = hold(recorded, self.promised.get(self.profile, {}))
        if self.error and not stopped:
            where = f"cell [{self.cell}] {self.line!r}" if self.cell else "before the first cell"
            row.problems = [f"{where}: {self.error}", *self.last_words()]
        elif not stopped:
            row.problems = problems
        row.status = "stopped" if stopped else "failed" if row.problems else "passed"
        self.scratch.cleanup()
        return row

    def executed(self) -> NotebookNode | None:
        """The executed copy; None where there is none, and a copy that was cut off goes."""
        try:
            return read(self.copy) if self.copy.exists() else None
        except ValueError:  # a full disk
            self.copy.unlink()
            self.error = self.error or "its executed copy was cut off: is the disk full?"
            return None

    def last_words(self) -> list[str]:
        """What the worker itself complained of, if it ended before the first cell."""
        if self.cell:
            return []
        return self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]


def hold(recorded: list[dict], promises: dict[str, dict]) -> tuple[list[dict], list[str]]:
    """Recorded results with their bands, and what is outside or missing, in words."""
    latest = {result["name"]: dict(result) for result in recorded}
    sources = {result["source"] for result in recorded} or set(promises)
    bands = {name: band for source in sources for name, band in promises.get(source, {}).items()}
    missing = [name for name in bands if name not in latest]
    problems = [f"promised result {name!r} was not recorded" for name in missing]
    for name, result in latest.items():
        low, high = result["low"], result["high"] = bands.get(name, (None, None))
        result["ok"] = None if low is None else low <= result["value"] <= high
        if result["ok"] is False:
            problems.append(f"{name} = {result['value']:.4g} is outside [{low:g}, {high:g}]")
    return list(latest.values()), problems


def environment(threads: int | None = None) -> dict[str, str]:
    """The environment of a kernel: this very package, absolute data folder, pictures inline."""
    env = dict(os.environ)
    env.pop("MPLBACKEND", None)
    env["COURSE_PROGRESS"] = os.devnull  # what a test run answers is not the learner's progress
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    for name in ("COURSE_DATA", "COURSE_CACHE"):
        if env.get(name):
            env[name] = str(Path(env[name]).expanduser().resolve())
    if threads:
        env.setdefault("OMP_NUM_THREADS", str(threads))
    return env
