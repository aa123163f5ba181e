"""Plant faults one by one in a copy of the course, and see which tests notice.

Each fault runs the test files that its entry names. A fault that makes the tests hang counts as
caught. In the end every test that caught a fault runs on the unbroken course, where it must pass.
What was found is kept in tests/faults/RESULTS.md; the exit status is 1 when a fault was missed.

examples:
  python -m tests.faults                    all faults, about 15 minutes of one core
  python -m tests.faults vae- last-target   those whose ids begin so
  python -m tests.faults vae-kl --all       the whole unit suite for these (RESULTS.md stays)
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import MISSED, RESULTS, ROOT, Fault, read_faults, read_results

COPIED = ("course_utils", "tests", "notebooks", "docs", "figures", "benchmarks")
SECONDS = 300  # that the tests of a fault may take; on a quiet machine they take 30
# These compare the package with the notebooks as text: they notice any change, right or wrong.
TEXT_ONLY = ("tests/test_faults.py", "tests/test_notebook_form.py")


def main() -> int:
    """Plant the faults; 0 all caught, 1 one missed or a test that fails without any fault."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="a fault, or how its id begins (all)")
    parser.add_argument("--all", action="store_true", help="run the whole unit suite each time")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="faults at a time (1)")
    options = parser.parse_args()
    faults = read_faults()
    for word in options.ids:
        if not any(fault.id.startswith(word) for fault in faults):
            parser.error(
                f"no fault begins with {word!r}; the ids stand in tests/faults/faults.toml"
            )
    chosen = [f for f in faults if not options.ids or f.id.startswith(tuple(options.ids))]

    def attempt(fault: Fault) -> str:
        verdict = try_fault(fault, options.all)
        print(f"{fault.id}: {verdict}", flush=True)
        return verdict

    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = dict(zip(chosen, pool.map(attempt, chosen), strict=True))
    if not options.all:
        RESULTS.write_text(page(faults, verdicts), encoding="utf-8")
    missed = [fault for fault, verdict in verdicts.items() if verdict == MISSED]
    print(f"\n{len(chosen) - len(missed)} of {len(chosen)} faults are caught.")
    for fault in missed:
        print(f"MISSED {fault.id} ({fault.path}): {fault.why}")
    witnesses = set()
    for fault, verdict in verdicts.items():
        if verdict != MISSED:
            witnesses |= {f"tests/{verdict}"} if "::" in verdict else set(fault.test_paths)
    if broken := failing_anyway(witnesses):
        print(f"Fails without any fault, so its verdicts mean nothing: {broken}")
    return int(bool(missed or broken))


def try_fault(fault: Fault, whole_suite: bool) -> str:
    """The test that notices the fault, or in words how it showed; MISSED where all tests pass."""
    tests = ["tests", *(f"--ignore={name}" for name in TEXT_ONLY)]
    with TemporaryDirectory() as folder:
        copy_course(Path(folder))
        target = Path(folder, fault.path)
        target.write_text(fault.plant(target.read_text(encoding="utf-8")), encoding="utf-8")
        try:
            done = run_tests(Path(folder), tests if whole_suite else fault.test_paths)
        except subprocess.TimeoutExpired:
            return f"the tests do not end within {SECONDS} s"
    if done.returncode == 0:
        return MISSED
    return first_failure(done.stdout) or f"pytest ends with status {done.returncode}"


def copy_course(folder: Path) -> None:
    """What tests read, without compiled files: those might hide the fault."""
    skip = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, folder)


def run_tests(folder: Path, tests: list[str]) -> subprocess.CompletedProcess:
    """pytest on the course in this folder, up to the first failure."""
    options = ["-x", "--tb=no", "-rfE", "-m", "not notebooks", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # unused here, and half of the time
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS * (10 if "tests" in tests else 1),
    )


def first_failure(output: str) -> str | None:
    """test_vae.py::test_name, from pytest's short summary; the parameters of a test left out."""
    for line in output.splitlines():
        kind, _, rest = line.partition(" tests/")
        if kind in ("FAILED", "ERROR"):
            return rest.partition(" - ")[0].partition("[")[0]
    return None


def failing_anyway(tests: set[str]) -> str | None:
    """The first of these tests that fails on the course as it is."""
    if not tests:
        return None
    with TemporaryDirectory() as folder:
        copy_course(Path(folder))
        try:
            done = run_tests(Path(folder), sorted(tests))
        except subprocess.TimeoutExpired:
            return f"one of {', '.join(sorted(tests))} does not end"
    return None if done.returncode == 0 else first_failure(done.stdout) or done.stdout[-500:]


def page(faults: list[Fault], verdicts: dict[Fault, str]) -> str:
    """RESULTS.md: all faults in the order of the list; those not run now as they stood there."""
    kept = read_results()
    found = {fault.id: verdicts.get(fault, kept.get(fault.id, "not run")) for fault in faults}
    missed = sum(verdict == MISSED for verdict in found.values())
    lines = [
        "# Planted faults: which test notices which mistake",
        "",
        f"{len(faults)} mistakes of one line, {missed} of them missed. Written by",
        "`python -m tests.faults`; the lines themselves stand in `faults.toml`.",
        "",
        "| fault | file | mistake | first test that fails |",
        "|---|---|---|---|",
    ]
    for fault in faults:
        why = fault.why.replace("|", "\\|")
        lines.append(f"| {fault.id} | {fault.file} | {why} | {found[fault.id]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
