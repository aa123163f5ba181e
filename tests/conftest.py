"""Every test: verdicts of exercises go to a file of this run."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_progress_file(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "verdicts"))
        yield
