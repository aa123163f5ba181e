"""Every test: verdicts of exercises go to a file of this run, and Ctrl-C reaches Python's code.

A shell starts what runs in its background with Ctrl-C ignored; time limits of exercises need it.
"""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_progress_file(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "verdicts"))
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
