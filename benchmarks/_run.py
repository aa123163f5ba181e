"""One benchmark in the process that it is run in; a new process finds `run` here by its name."""

import platform
import time
from importlib import import_module

from course_utils.environment import usable_cores


def run(name: str, seeds: int) -> dict:
    """Run one benchmark in this process: what RESULTS.json holds of it."""
    from benchmarks._measure import peak_memory

    start = time.perf_counter()
    module = import_module(f"benchmarks.{name}")
    values = module.main(tuple(range(seeds)))
    return {
        "what": module.__doc__.strip(),
        "seeds": seeds,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "peak MB": round(peak_memory()),
        "machine": _machine(),
        "values": {what: [_short(value) for value in runs] for what, runs in values.items()},
    }


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else float(f"{value:.4g}")


def _machine() -> str:
    import torch

    return (
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
