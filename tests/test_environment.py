"""Threads are settled before torch is imported; what the user has set stays."""

import io
import os
import subprocess
import sys
import time

from course_utils import environment
from course_utils.environment import (
    MOST_THREADS,
    data_source,
    thread_settings,
    usable_cores,
)


def run(code, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "GOMP"))}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_threads_are_at_most_the_cores_one_may_use():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert int(thread_settings()["OMP_NUM_THREADS"]) == min(MOST_THREADS, usable_cores())


def test_a_quota_of_one_and_a_half_cores_is_two(monkeypatch):
    quota = lambda *_, **__: io.StringIO("150000 100000")  # noqa: E731  microseconds
    monkeypatch.setattr(environment, "open", quota, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_cores() == 2


def test_torch_takes_the_threads_that_start_has_set():
    code = "from course_utils.environment import start; start(); import torch, os;"
    code += "print(torch.get_num_threads(), os.environ['GOMP_SPINCOUNT'])"
    threads, spin = run(code).splitlines()[-1].split()
    assert (threads, spin) == tuple(thread_settings().values())


def test_threads_that_the_user_has_set_stay():
    code = "from course_utils.environment import set_threads; set_threads(); import os;"
    code += "print(os.environ['OMP_NUM_THREADS'])"
    assert run(code, OMP_NUM_THREADS="7").strip() == "7"


def test_start_says_versions_device_threads_and_data_in_one_line():
    line = run("from course_utils.environment import start; start()", COURSE_DEVICE="cpu")
    assert line.count("\n") == 1
    for word in ("course", "Python", "torch", "device cpu", "threads", "data"):
        assert word in line


def test_a_data_folder_that_does_not_exist_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert data_source() == "from COURSE_DATA"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "none"))
    assert "does not exist" in data_source()
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert "built in" in data_source()


def test_importing_the_package_is_nearly_free_and_without_torch():
    code = """
import sys, time
start = time.perf_counter()
import course_utils
seconds = time.perf_counter() - start
import course_utils.environment, course_utils.promises
assert not {"torch", "numpy", "matplotlib"} & set(sys.modules)
print(seconds)
"""
    start = time.perf_counter()
    assert float(run(code)) < max(0.05, time.perf_counter() - start)  # printed by make bench
