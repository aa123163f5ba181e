"""Executes one notebook in a process of its own; `job` starts it and reads the events it writes.

The request comes as one line on standard input, which then stays open. When it closes, because the
caller wants to stop or is dead, the kernel is killed; papermill then saves what there is and ends.
"""

import errno
import json
import re
import sys
import threading
import time
from pathlib import Path

import papermill
import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

START_SECONDS = 180  # for a kernel to answer
NO_MEMORY = re.compile("can't allocate memory|not enough memory|out of memory")  # in torch
QUIET_SECONDS = 120  # for a cell's last outputs to arrive


def kernels() -> list[psutil.Process]:
    """The processes below this one: the kernel and whatever it started."""
    return psutil.Process().children(recursive=True)


STOPPED = threading.Event()


def stop_when_input_closes() -> None:
    """Wait for the end of standard input, then kill the kernel, also one that starts only now."""
    sys.stdin.read()
    STOPPED.set()
    while True:
        for process in kernels():
            try:
                process.kill()
            except psutil.Error:
                pass
        time.sleep(0.2)


class Peak:
    """The most memory that the kernel's processes held together, in MB, seen every 0.2 s."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                held = sum(process.memory_info().rss for process in kernels())
                self.megabytes = max(self.megabytes, held / 1e6)
            except psutil.Error:
                pass  # a process ended while we looked
            time.sleep(0.2)


def one_line(error: Exception, megabytes: float) -> str:
    """An exception in one line of words; `megabytes`: the most memory that the kernel held."""
    cure = f"it held {megabytes:,.0f} MB; close other programs, or try --quick"
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, PapermillExecutionError):
        words = f"{error.ename}: {error.evalue}"
        if error.ename.endswith("MemoryError") or NO_MEMORY.search(error.evalue):
            words = f"out of memory: {cure} ({words})"
    elif isinstance(error, DeadKernelError):
        words = f"the kernel died: out of memory, or a crash below Python; {cure}"
    elif isinstance(error, CellTimeoutError):
        words = "the cell took longer than --timeout allows"
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        words = "the disk is full; free some space, or let --output name a folder on another"
    return " ".join(words.split())[:300]


def execute(request: dict, tell) -> None:
    """Execute request["notebook"] into request["copy"]; `tell` hears of every cell and the end."""
    number = 0
    peak = Peak()

    def on_cell_start(cell, cell_index) -> None:
        nonlocal number
        injected = "injected-parameters" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and cell.source.strip() and not injected:
            number += 1
            tell(cell=number, line=cell.source.strip().splitlines()[0], peak=peak.megabytes)

    def attempt() -> None:
        papermill.execute_notebook(
            escape(request["notebook"]),
            escape(request["copy"]),
            parameters=request["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=request["cwd"],
            start_timeout=START_SECONDS,
            execution_timeout=request["timeout"],
            iopub_timeout=QUIET_SECONDS,
            store_widget_state=False,
            on_cell_start=on_cell_start,
        )

    error = None
    try:
        try:
            attempt()
        except RuntimeError:  # on a busy machine a kernel may die at its start: try that once more
            if number or STOPPED.is_set():
                raise
            attempt()
    except Exception as problem:
        error = one_line(problem, peak.megabytes)
    tell(end=True, peak=peak.megabytes, error=error)


def escape(path: str) -> str:
    """papermill formats paths, so braces are doubled."""
    return path.replace("{", "{{").replace("}", "}}")


def main() -> None:
    """Read the request, execute it, write one JSON line per event."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=stop_when_input_closes, daemon=True).start()
    with Path(request["events"]).open("a", encoding="utf-8") as events:
        execute(request, lambda **event: print(json.dumps(event), file=events, flush=True))


if __name__ == "__main__":
    main()
