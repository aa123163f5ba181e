"""Change the package bit by bit, and see whether the tests notice.

Each change runs the tests that run the changed line, up to the first that fails. Changes come in an
order drawn by chance, so that a run which is stopped (Ctrl-C) has tried a random sample of them.
The score and the survivors are kept in tests/mutation/RESULTS.md; reasons written there stay.

examples:
  python -m tests.mutation                              all files: an hour of one core
  python -m tests.mutation models/vae.py training.py    these files
  python -m tests.mutation --most 1000                  no more changes than that
  python -m tests.mutation --go-on                      what survived or was not tried the last time
"""

import argparse
import json
import random
import signal
import sys

from tests.mutation import ROOT, mutants, report
from tests.mutation.runner import SURVIVED, Runner

MODELS = sorted(path.stem for path in (ROOT / "course_utils/models").glob("[!_]*.py"))
OTHERS = ("training", "muon", "generation", "metrics")
OTHERS += ("sample_quality", "language_metrics", "text_quality")
FILES = (*(f"models/{name}.py" for name in MODELS), *(f"{name}.py" for name in OTHERS))
TESTS = [f"{ROOT}/tests/test_{name}.py" for name in (*MODELS, *OTHERS, "gpt2")]
VERDICTS = ROOT / "build" / "mutation.json"  # {file: {line and change: verdict}}
SEED = 0  # of the order


def main() -> int:
    """Try the changes and write RESULTS.md."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="in course_utils (all)")
    parser.add_argument("--most", type=int, metavar="N", help="changes that are tried (all)")
    parser.add_argument("--go-on", action="store_true", help="keep what was noticed before")
    options = parser.parse_args()
    if unknown := set(options.files) - set(FILES):
        parser.error(f"no such file: {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    every = {file: list(mutants(file)) for file in FILES}
    verdicts = json.loads(VERDICTS.read_text(encoding="utf-8")) if VERDICTS.exists() else {}
    for file in options.files or FILES:
        if not options.go_on:
            verdicts[file] = {}
        verdicts.setdefault(file, {})
    todo = [
        mutant
        for file in options.files or FILES
        for mutant in every[file]
        if verdicts[file].get(mutant.key, SURVIVED) == SURVIVED
    ]
    random.Random(SEED).shuffle(todo)
    todo.sort(key=lambda mutant: mutant.key not in verdicts[mutant.file])  # survivors first
    runner = Runner(TESTS)
    try:
        for i, mutant in enumerate(todo[: options.most]):
            verdicts[mutant.file][mutant.key] = verdict = runner.verdict(mutant)
            if verdict == SURVIVED:
                print(f"{i} {mutant.file}:{mutant.line} {mutant.change}", flush=True)
            if i % 50 == 49:
                keep(verdicts, every)
    except KeyboardInterrupt:
        print("Stopped by hand.")
    print(keep(verdicts, every))
    return 0


def keep(verdicts: dict[str, dict[str, str]], every: dict[str, list]) -> str:
    """Write the verdicts, and RESULTS.md of them; its last row."""
    VERDICTS.parent.mkdir(exist_ok=True)
    VERDICTS.write_text(json.dumps(verdicts, indent=0), encoding="utf-8")
    return report.write(every, verdicts)


if __name__ == "__main__":
    sys.exit(main())
