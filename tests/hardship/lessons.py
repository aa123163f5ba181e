"""A lesson as a restless reader runs it: no network, again, stopped, each cell twice, elsewhere.

`python -m tests.hardship.lessons 04` does that to a lesson in small and prints what happened.
"""

import os
import re
import sys
import time
from queue import Empty
from tempfile import TemporaryDirectory

from jupyter_client.manager import KernelManager

from course_utils.commands.job import environment, hold
from course_utils.commands.notebook import (
    NOTEBOOKS,
    RESULT,
    ROOT,
    code_cells,
    course,
    find,
    is_setup,
    read,
)

CELL_SECONDS = 300  # that a cell of a quick run may take on a busy machine
STOP_SECONDS = 0.3  # after the start of a cell
CLOCKED = re.compile(r"\btimes?\b")  # in the unit of results that no seed repeats
CUT_OFF = """import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
    raise RuntimeError("there is a network")
except OSError:
    pass"""


class Reader:
    """The cells of a lesson with its quick parameters, and a kernel to run them in."""

    def __init__(self, lesson: str, cwd: str) -> None:
        notebook = read(find(lesson))
        quick = course(notebook)["quick"]
        self.promises = course(notebook)["promises"][quick["profile"]]
        self.cells = [(cell.id, cell.source) for cell in code_cells(notebook)]
        places = [cell.id for cell in code_cells(notebook)]
        knobs = "\n".join(f"{name} = {value!r}" for name, value in quick.items())
        self.cells.insert(places.index("parameters") + 1, ("quick", knobs))
        self.early = {cell.id for cell in code_cells(notebook) if is_setup(cell)} | {"imports"}
        self.faults: list[str] = []
        self.stops = 0  # cells that were still running when they were stopped
        # files as sockets reach a kernel also where the network is cut off, loopback included
        self.sockets = TemporaryDirectory()
        self.kernel = KernelManager(transport="ipc", ip=f"{self.sockets.name}/kernel")
        self.kernel.start_kernel(cwd=cwd, env=environment())
        self.client = self.kernel.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=180)

    def run(self, code: str, stop_after: float | None = None) -> tuple[str | None, list[dict]]:
        """Execute code, stopped by hand after so many seconds: (error or None, its results)."""
        error, results, start = None, [], time.monotonic()
        number = self.client.execute(code)
        while True:
            waited = time.monotonic() - start
            if stop_after is not None and waited > stop_after:
                self.kernel.interrupt_kernel()
                stop_after = None
                self.stops += 1
            if waited > CELL_SECONDS or not self.kernel.is_alive():
                raise TimeoutError(f"the kernel is dead, or busy after {waited:.0f} s")
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != number:
                continue
            content = message["content"]
            if message["msg_type"] == "error":
                error = f"{content['ename']}: {content['evalue']}"
            if RESULT in content.get("data", {}):
                results.append(content["data"][RESULT])
            if content.get("execution_state") == "idle":
                return error, results

    def all_cells(self, stopped: bool = False, times: int = 1) -> list[dict]:
        """Every cell in order, first stopped if so wished, then run so many times: the results."""
        results = []
        for name, source in self.cells:
            if stopped and name not in self.early:
                error, _ = self.run(source, STOP_SECONDS)
                if error and not error.startswith("KeyboardInterrupt"):
                    self.faults.append(f"[{name}] stopped: {error}")
            for _ in range(times):
                error, found = self.run(source)
                results += found
                if error:
                    self.faults.append(f"[{name}] {error}")
        return results


def values(results: list[dict]) -> dict[str, float]:
    """Name -> value, without those that a clock gives: no seed repeats them."""
    return {x["name"]: x["value"] for x in results if not CLOCKED.search(x["unit"])}


def main(lesson: str) -> int:
    """Four times through the lesson; prints what went wrong, 1 if anything did."""
    with TemporaryDirectory() as empty:
        reader = Reader(lesson, empty)
        try:
            start = time.monotonic()
            if cut := reader.run(CUT_OFF)[0]:
                reader.faults.append(f"the network is not cut: {cut}")
            first = reader.all_cells()
            print(f"once: {time.monotonic() - start:.0f} s", flush=True)
            reader.run(f"import os; os.chdir({str(NOTEBOOKS)!r})")
            again = reader.all_cells()
            differ = {k: (v, values(again).get(k)) for k, v in values(first).items()}
            differ = {k: v for k, v in differ.items() if v[0] != v[1]}
            if differ:
                reader.faults.append(f"the second run differs: {differ}")
            print(f"again: {time.monotonic() - start:.0f} s", flush=True)
            reader.run(f"import os; os.chdir({str(ROOT)!r})")
            twice = reader.all_cells(stopped=True, times=2)
            for results in (first, again, twice):
                reader.faults += hold(results, reader.promises)[1]
            print(
                f"{reader.stops} of {len(reader.cells)} cells were stopped, then twice", flush=True
            )
            if left := os.listdir(empty):
                reader.faults.append(f"left behind: {left}")
        finally:
            reader.kernel.shutdown_kernel(now=True)
    print("\n".join(reader.faults) or "ok")
    return int(bool(reader.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
