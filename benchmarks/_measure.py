"""What several benchmarks measure with: fresh processes, peak memory, exponents of growth."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

ROOT = Path(__file__).parent.parent


def fresh(module: str, *arguments: object, threads: int = 1) -> dict:
    """What `python -m benchmarks.MODULE ARGUMENTS` prints as its last line, in JSON.

    A process of its own has its own peak of memory, and reads the number of threads at its start.
    If it fails, RuntimeError holds the end of what it wrote.
    """
    run = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
    )
    if run.returncode != 0:
        raise RuntimeError(f"{module} {arguments} failed:\n{run.stderr[-2000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def peak_memory() -> float:
    """The most megabytes (10^6 bytes) that this process has held so far."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss: see getrusage(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def fit_exponent(sizes: list[float], costs: list[float]) -> tuple[float, float]:
    """Exponent p of cost = a size^p by least squares in log-log, and its standard error.

    Three points or more, all positive, else ValueError.
    """
    if len(sizes) != len(costs) or len(sizes) < 3 or min(*sizes, *costs) <= 0:
        raise ValueError(f"need 3 or more pairs of positive numbers, got {sizes} and {costs}")
    line, covariance = np.polyfit(np.log(sizes), np.log(costs), deg=1, cov=True)
    return float(line[0]), float(covariance[0, 0] ** 0.5)


class FlopCount(TorchDispatchMode):
    """Adds up the floating-point operations of the products and convolutions in its `with` block.

    With the formulas of torch's FlopCounterMode, which itself fails where a loss takes a gradient
    with respect to its input. oneDNN is switched off meanwhile: it makes an LSTM one operator,
    for which there is no formula.
    """

    flops = 0

    def __enter__(self) -> "FlopCount":
        self._onednn = torch.backends.mkldnn.flags(enabled=False)
        self._onednn.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self._onednn.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if formula := flop_registry.get(function._overloadpacket):
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out
