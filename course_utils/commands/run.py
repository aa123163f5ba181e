"""Execute notebooks from top to bottom, compare their results with what they promise, report.

Each notebook runs in a process of its own, in an empty folder. Executed copies, results.json and
index.html go to the output folder as soon as a notebook is done; the notebooks themselves are only
changed by --save. Ctrl-C keeps what is done. The exit status is 0 only if all is well.

examples:
  python -m course_utils run                          all lessons, in full
  python -m course_utils run --quick                  all lessons, in small
  python -m course_utils run 01 -p latent_size=8      one lesson, one knob turned
  python -m course_utils run 01 --save                and keep its outputs in notebooks/
"""

import argparse
import ast
import time
from pathlib import Path
from typing import Any

from course_utils.cli import UsageError, unknown
from course_utils.commands import report
from course_utils.commands.code import code_hash
from course_utils.commands.job import Job, Row
from course_utils.commands.notebook import (
    NOT_PYTHON,
    code_cells,
    find,
    lessons,
    parameters,
    read,
    write,
)
from course_utils.commands.progress import Progress, duration, table
from course_utils.commands.tidy import tidy
from course_utils.environment import usable_cores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="01, 01_autoencoders or a path (all lessons)")
    add("--quick", action="store_true", help="a smoke run of seconds, with each `quick` setting")
    add("-p", action="append", default=[], metavar="name=value", dest="changes",
        help="turn a knob of the parameters cell; promises are then not held")  # fmt: skip
    add("--save", action="store_true", help="write the outputs back into the notebooks that pass")
    add("--jobs", type=int, default=1, metavar="N", help="notebooks at the same time (1)")
    add("--output", type=Path, default=Path("build"), help="folder of copies and report (build)")
    add("--timeout", type=float, default=1200, help="seconds that a cell may take (1200)")


def main(options: argparse.Namespace) -> int:
    """Run the notebooks; 0 all passed, 1 one failed, 130 stopped by Ctrl-C."""
    if options.save and (options.quick or options.changes):
        raise UsageError("--save keeps the outputs of a full run: use it without --quick and -p")
    if options.jobs < 1 or options.timeout <= 0:
        raise UsageError("--jobs and --timeout take positive numbers")
    try:
        paths = list(dict.fromkeys(map(find, options.names))) or lessons()
        jobs = [_job(path, options) for path in paths]
    except ValueError as error:
        raise UsageError(error) from None
    if not jobs:
        raise UsageError("there are no notebooks beside this package; run from a clone")
    if len({job.name for job in jobs}) < len(jobs):
        raise UsageError("two of these notebooks have the same name; run them one after the other")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        rows, stopped = _execute(jobs, options)
    except OSError as error:
        raise UsageError(
            f"{error.filename or options.output} cannot be written to: {error.strerror or error}; "
            "let --output name another folder"
        ) from None
    print("\n" + table(rows))
    print(f"\nReport: {(options.output / 'index.html').resolve()}")
    if stopped:
        print("Stopped by Ctrl-C. What was done is kept.")
        return 130
    return int(any(row.status != "passed" for row in rows))


def _job(path: Path, options: argparse.Namespace) -> Job:
    knobs = parameters(read(path))
    changes = dict(_change(text, knobs, path.stem) for text in options.changes)
    return Job(path, options.output.resolve(), changes, options.quick)


def _change(text: str, knobs: dict[str, Any], notebook: str) -> tuple[str, Any]:
    """The name and value in "name=value"; ValueError when no such knob takes such a value."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"-p takes name=value, not {text!r}")
    if name not in knobs:
        raise ValueError(f"{notebook}: {unknown('parameter', name, knobs)}")
    try:
        value = ast.literal_eval(value)
    except (ValueError, *NOT_PYTHON):
        pass  # a word, as in -p profile=quick
    default = knobs[name]
    is_number = isinstance(value, int | float)
    if isinstance(default, int | float) and not is_number:
        raise ValueError(f"{notebook}: {name} is a number like {default}, not {value!r}")
    if isinstance(default, str):
        value = str(value)
    return name, value


def _execute(jobs: list[Job], options: argparse.Namespace) -> tuple[list[Row], bool]:
    """Run all jobs, so many at a time; the rows by name, and if Ctrl-C ended it."""
    waiting, running, rows = list(jobs), [], []
    hashes: dict[str, str] = {}  # of the code that the outputs come from
    threads = max(1, usable_cores() // options.jobs) if options.jobs > 1 else None
    progress = Progress(len(jobs), options.jobs)
    seconds = sum(job.expected for job in jobs) / min(options.jobs, len(jobs))
    print(f"{len(jobs)} notebook(s), about {duration(seconds)} on two cores.", flush=True)

    def finish(job: Job, stopped: bool = False) -> None:
        running.remove(job)
        row = job.row(stopped)
        if options.save and row.status == "passed":
            row.problems += _save(job, hashes[job.name])
            row.status = "failed" if row.problems else "passed"
        rows.append(row)
        rows.sort(key=lambda row: row.name)
        progress.say(f"{row.name}: {'; '.join([row.status, *row.problems])}")
        report.update(options.output, rows, job.copy)

    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                running.append(waiting.pop(0))
                if options.save:
                    hashes[running[-1].name] = code_hash(running[-1].notebook)
                running[-1].start(options.timeout, threads)
            for job in [job for job in running if job.poll()]:
                finish(job)
            progress.show(running, waiting)
            time.sleep(0.2)
    except KeyboardInterrupt:
        progress.say("Stopping the kernels ...")
        for job in list(running):
            job.stop()
            finish(job, stopped=True)
        return rows, True
    return rows, False


def _save(job: Job, started_with: str) -> list[str]:
    """Write the outputs of a run back into its notebook; what prevents that, in words."""
    executed, notebook = read(job.copy), read(job.notebook)
    if code_hash(job.notebook) != started_with:
        return ["not saved: the code was changed while it ran; run it again"]
    for cell, done in zip(code_cells(notebook), code_cells(executed), strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    notebook.metadata.setdefault("course", {})["code_hash"] = started_with
    write(tidy(notebook), job.notebook)
    return []
