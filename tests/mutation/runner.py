"""Run mutants: every one in a fork of a process that has torch and pytest in memory."""

import ast
import atexit
import contextlib
import gc
import importlib
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory

import coverage
import pytest

from tests.mutation import ROOT, Mutant

MEMORY = 16 * 2**30  # bytes of addresses that a mutant may take, torch's 5 included
SECONDS = 5  # of processor time, beside four times what the tests of a mutant take
OPTIONS = ["-q", "--tb=no", "-p", "no:cacheprovider", "-m", "not notebooks and not browser"]
SURVIVED, NOTICED, TIME_OUT = "survived", "noticed", "time-out"


class Runner:
    """Knows which tests run which lines of course_utils, and how long each of them takes."""

    def __init__(self, tests: list[str]):
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        quietly(lambda: pytest.main([*OPTIONS, "--collect-only", *tests]))  # imports torch, once
        for name in filter(ours, list(sys.modules)):
            del sys.modules[name]
        with TemporaryDirectory() as folder:
            path = Path(folder, "seen")
            in_a_fork(lambda: watch(tests, path))
            self.tests_of_line, self.seconds, failed, names = pickle.loads(path.read_bytes())
        for test in failed:
            print(f"left out, as it fails on the unchanged course: {test}")
            del self.seconds[test]
        for name in names:  # what tests import late would else be imported by every fork
            if not ours(name):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        gc.freeze()  # pytest collects garbage twice, which would look at all of torch each time
        atexit.register(gc.unfreeze)

    def tests(self, file: str, line: int) -> list[str]:
        """Tests that run the statement on this line, quickest first; for what runs at import, and
        for what a `def` says, those that run any line of the file or of the function."""
        source = (ROOT / "course_utils" / file).read_text(encoding="utf-8")
        lines = statement_lines(ast.parse(source), line)
        of_line = self.tests_of_line[file]
        found = set().union(*(of_line.get(number, ()) for number in lines))
        if "" in found:
            found = set().union(*of_line.values())
        return sorted(found & self.seconds.keys(), key=self.seconds.get)

    def verdict(self, mutant: Mutant) -> str:
        """Run the tests of this mutant up to the first that fails."""
        tests = self.tests(mutant.file, mutant.line)
        if not tests:
            return SURVIVED
        limit = SECONDS + 4 * sum(map(self.seconds.get, tests))
        status = in_a_fork(lambda: plant_and_test(mutant, tests), limit)
        if os.WIFSIGNALED(status):
            return TIME_OUT
        return SURVIVED if status == 0 else NOTICED


def ours(name: str) -> bool:
    """Is this module part of the course, so that a mutant may have changed what it holds?"""
    return name.partition(".")[0] == "course_utils" or name.startswith("test_")


def statement_lines(tree: ast.Module, line: int) -> range:
    """Lines of the innermost statement there: of a `def` all, of other blocks the head alone."""
    inside = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno
    ]
    node = max(inside, key=lambda node: node.lineno)
    if isinstance(node, ast.FunctionDef):
        return range(node.body[0].lineno, node.end_lineno + 1)
    body = getattr(node, "body", None)
    return range(node.lineno, body[0].lineno if body else node.end_lineno + 1)


def plant_and_test(mutant: Mutant, tests: list[str]) -> int:
    """The exit status of pytest where the import system finds the mutant in place of its file."""
    path = str(ROOT / "course_utils" / mutant.file)
    code_of = SourceFileLoader.get_code

    def get_code(self, name):
        if self.path == path:
            return compile(mutant.source, path, "exec")
        return code_of(self, name)

    SourceFileLoader.get_code = get_code
    return pytest.main([*OPTIONS, "-x", *tests])


class Watch:
    """A plugin of pytest: names the running test to coverage, and takes its processor time."""

    def __init__(self, measured: coverage.Coverage):
        self.measured = measured
        self.seconds = {}
        self.failed = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.measured.switch_context(item.nodeid)
        start = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - start
        return result

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)


def watch(tests: list[str], path: Path) -> int:
    """Run the tests on the unchanged course; write what they run, line by line, and their times."""
    package = ROOT / "course_utils"
    measured = coverage.Coverage(data_file=None, include=[f"{package}/*"], config_file=False)
    watch = Watch(measured)
    measured.start()
    pytest.main([*OPTIONS, *tests], plugins=[watch])
    measured.stop()
    data = measured.get_data()
    tests_of_line = {
        Path(name).relative_to(package).as_posix(): data.contexts_by_lineno(name)
        for name in data.measured_files()
    }
    path.write_bytes(pickle.dumps((tests_of_line, watch.seconds, watch.failed, list(sys.modules))))
    return 0


def in_a_fork(work: Callable[[], int], seconds: float = 3600) -> int:
    """What `os.waitpid` says of a child that does the work within so much processor time."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 10))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = 1
        try:
            status = quietly(work)
        finally:
            os._exit(int(status))
    return os.waitpid(child, 0)[1]


def quietly(work: Callable[[], int]) -> int:
    """Do the work with stdout and stderr thrown away."""
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        return work()
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
