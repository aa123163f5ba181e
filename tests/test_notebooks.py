"""The real notebooks, executed in small: through the runner and through nbval."""

import json
import subprocess
import sys

import pytest
from small_notebooks import course

from course_utils.commands import notebook
from course_utils.commands.job import environment

pytestmark = pytest.mark.notebooks
LESSONS, SOLUTIONS = notebook.lessons(), notebook.solutions()


@pytest.fixture(scope="module")
def quick_copies(tmp_path_factory):
    """A folder of the lessons with the `quick` parameters filled in."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    folder = tmp_path_factory.mktemp("quick")
    for path in LESSONS:
        quick = notebook.course(notebook.read(path))["quick"]
        content = load_notebook_node(str(path))
        copy = parameterize_notebook(content, quick, kernel_name="python3", language="python")
        notebook.write(copy, folder / path.name)
    return folder


@pytest.mark.parametrize("paths", [LESSONS, SOLUTIONS], ids=["lessons", "solutions"])
def test_every_notebook_passes_the_quick_run(tmp_path, paths):
    names = [path.stem for path in paths]
    done = course("run", "--quick", "--output", tmp_path, *names, **environment())
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "results.json").read_bytes())["notebooks"]
    assert {row["name"]: row["status"] for row in rows} == dict.fromkeys(names, "passed")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_quick_copy_passes_nbval_and_its_check_cells_say_what_is_committed(quick_copies, path):
    options = "--nbval-lax --nbval-current-env --nbval-cell-timeout=120 -p no:randomly -q"
    options += " --nbval-kernel-startup-timeout=180 -p no:cacheprovider"
    command = [sys.executable, "-m", "pytest", *options.split(), str(quick_copies / path.name)]
    done = subprocess.run(command, cwd=quick_copies, env=environment(), capture_output=True)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-5000:]
