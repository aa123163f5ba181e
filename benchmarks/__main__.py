"""Run benchmarks and keep what they measured in benchmarks/RESULTS.md, RESULTS.json and pictures.

A benchmark is a module of this folder with `main(seeds) -> dict`: what was measured, with its unit
(and what it must reach), -> one number for each seed, or a single one, or a text. Each runs in a
process of its own. Names given on the command line run those alone; the others' results stay as
they were.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks._page import draw_summary, page, spread
from benchmarks._run import run
from course_utils.environment import set_threads

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
    names = options.names or NAMES
    print(forecast(results, names, options.seeds), flush=True)
    for name in names:
        print(f"{name} ...", flush=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            results[name] = fresh.submit(run, name, options.seeds).result()
        for what, runs in results[name]["values"].items():
            print(f"  {what}: {spread(runs)}", flush=True)
        results = dict(sorted(results.items()))
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        write_page(results)


def forecast(results: dict, names: list[str], seeds: int) -> str:
    """How long each benchmark took last time, and all together."""
    lines, total = [], 0.0
    for name in names:
        if name in results:
            minutes, then = results[name]["minutes"], results[name]["seeds"]
            total += minutes
            lines.append(f"  {name}: {minutes} min with {then} seed{'s' * (then != 1)}")
        else:
            lines.append(f"  {name}: not measured yet")
    head = f"Last time; now with {seeds} seed{'s' * (seeds != 1)}:"
    return "\n".join([head, *lines, f"  together {total:.0f} min"])


def write_page(results: dict) -> None:
    """RESULTS.md and the pictures in it, as far as their benchmarks have run."""
    (FOLDER / "RESULTS.md").write_text(page(results), encoding="utf-8")
    if {"vae", "gan", "text"} <= results.keys():
        draw_summary(results, FOLDER / "summary.svg")
    if "growth" in results:
        from benchmarks.growth import draw

        draw(results["growth"]["values"], FOLDER / "growth.svg")


if __name__ == "__main__":
    main()
