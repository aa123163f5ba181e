"""Run benchmarks and keep what they measured in benchmarks/RESULTS.md and RESULTS.json.

A benchmark is a module of this folder with `main(seeds) -> dict`: what was measured, with its unit
(and what it must reach), -> one number for each seed, or a single one. Names given on the command
line run those alone; the others' results stay as they were.
"""

import argparse
import json
import platform
import time
from importlib import import_module
from pathlib import Path
from statistics import fmean

from course_utils.environment import set_threads, usable_cores

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (all)")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds (3)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"unknown benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    set_threads()
    path = FOLDER / "RESULTS.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.names or NAMES:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        module = import_module(f"benchmarks.{name}")
        values = module.main(tuple(range(options.seeds)))
        results[name] = {
            "what": module.__doc__.strip(),
            "seeds": options.seeds,
            "minutes": round((time.perf_counter() - start) / 60, 1),
            "machine": _machine(),
            "values": {what: [float(f"{x:.4g}") for x in runs] for what, runs in values.items()},
        }
        for what, runs in results[name]["values"].items():
            print(f"  {what}: {_spread(runs)}", flush=True)
        results = dict(sorted(results.items()))
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (FOLDER / "RESULTS.md").write_text(_page(results), encoding="utf-8")


def _spread(runs: list[float]) -> str:
    text = f"{fmean(runs):.4g}"
    return text if len(runs) == 1 else f"{text} ({min(runs):.4g} to {max(runs):.4g})"


def _machine() -> str:
    import torch

    return (
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _page(results: dict) -> str:
    lines = ["# Measured", "", "Written by `make bench`; absolute times depend on the machine.", ""]
    for name, result in results.items():
        lines += [f"## {name}", "", result["what"], ""]
        lines += [f"*{result['machine']}; {result['seeds']} seeds; {result['minutes']} min*", ""]
        lines += ["| what | mean (smallest to largest) |", "|---|---:|"]
        lines += [f"| {what} | {_spread(runs)} |" for what, runs in result["values"].items()]
        lines += [""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
