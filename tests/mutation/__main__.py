"""Change the package bit by bit, and see whether the tests notice.

Each change runs the tests that run the changed line, up to the first that fails. The score and the
survivors are kept in tests/mutation/RESULTS.md; a reason that somebody wrote there stays.

examples:
  python -m tests.mutation                              all files: an hour of one core
  python -m tests.mutation models/vae.py training.py    these files
  python -m tests.mutation muon.py --share 0.2          a fifth of the changes, drawn by chance
  python -m tests.mutation muon.py --survivors          those that survived the last time
"""

import argparse
import random
import sys

from tests.mutation import ROOT, mutants, report
from tests.mutation.runner import SURVIVED, TIME_OUT, Runner

MODELS = sorted(path.stem for path in (ROOT / "course_utils/models").glob("[!_]*.py"))
OTHERS = (
    *("training", "muon", "generation", "metrics"),
    *("sample_quality", "language_metrics", "text_quality"),
)
FILES = (*(f"models/{name}.py" for name in MODELS), *(f"{name}.py" for name in OTHERS))
TESTS = [f"{ROOT}/tests/test_{name}.py" for name in (*MODELS, *OTHERS, "gpt2")]
SEED = 0  # of the drawn changes


def main() -> int:
    """Try the changes and write RESULTS.md; 0 unless the tests fail without any change."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="in course_utils (all)")
    parser.add_argument("--share", type=float, default=1.0, help="of the changes of a file (1)")
    parser.add_argument("--survivors", action="store_true", help="only those in RESULTS.md")
    options = parser.parse_args()
    if unknown := set(options.files) - set(FILES):
        parser.error(f"no such file: {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    runner = Runner(TESTS)
    for file in options.files or FILES:
        known = report.read()  # anew, as another run may have written in the meantime
        found = try_file(runner, file, known.get(file), options.share, options.survivors)
        known = report.read() | {file: found}
        report.write({name: known[name] for name in FILES if name in known})
        print(found.row(file), flush=True)
    return 0


def try_file(
    runner: Runner, file: str, before: report.Found | None, share: float, survivors: bool
) -> report.Found:
    """Try a share of the changes of a file, or only those that survived before."""
    every = list(mutants(file))
    old = before.survivors if before else {}
    if survivors:
        chosen = [mutant for mutant in every if mutant.change in old]
        found = report.Found(
            len(every), before.tried if before else 0, before.by_time if before else 0
        )
    else:
        chosen = random.Random(SEED).sample(every, round(share * len(every)))
        found = report.Found(len(every), len(chosen), 0)
    for mutant in chosen:
        verdict = runner.verdict(mutant)
        found.by_time += verdict == TIME_OUT
        if verdict == SURVIVED:
            reason = old.get(mutant.change, (0, ""))[1]
            found.survivors[mutant.change] = (mutant.line, reason)
            print(f"{file}:{mutant.line} {mutant.change}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
