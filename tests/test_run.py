"""The runner: what passes, what fails and how it says so, what Ctrl-C keeps, what --save writes."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest
from small_notebooks import KNOBS, RECORD, ROOT, course, make_notebook

from course_utils.commands import notebook
from course_utils.commands.code import code_hash

pytestmark = pytest.mark.notebooks
PICTURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """One run over good and bad notebooks: the process, rows by name, the output folder."""
    folder = tmp_path_factory.mktemp("many")
    paths = [
        make_notebook(folder / "good.ipynb", PICTURE, RECORD),
        make_notebook(folder / "broken.ipynb", "1 + 1", "\nraise OSError('no\\nluck')", "2 + 2"),
        make_notebook(folder / "dead.ipynb", "import os", "os._exit(1)"),
        make_notebook(folder / "silent.ipynb", "open('made.txt', 'w').close()"),
        make_notebook(folder / "wrong.ipynb", "epochs = 30", RECORD),
        make_notebook(folder / "endless.ipynb", "import time", "time.sleep(60)"),
    ]
    done = course("run", *paths, "--jobs", "2", "--output", folder / "{build}", "--timeout", "10")
    rows = json.loads((folder / "{build}" / "results.json").read_text(encoding="utf-8"))
    return done, {row["name"]: row for row in rows["notebooks"]}, folder / "{build}"


def test_one_bad_notebook_gives_status_1_and_the_others_run(many):
    done, rows, _ = many
    assert done.returncode == 1, done.stderr
    passed = {name for name, row in rows.items() if row["status"] == "passed"}
    assert (len(rows), passed) == (6, {"good"})


def test_the_table_has_a_line_for_every_notebook(many):
    table = many[0].stdout.partition("outcome")[2]
    for name, row in many[1].items():
        assert any(line.startswith(name) and row["status"] in line for line in table.splitlines())


def test_the_expected_minutes_are_said_first(many):
    assert many[0].stdout.splitlines()[0] == "6 notebook(s), about 18 s on two cores."


def test_a_failing_cell_is_named_by_number_line_and_error(many):
    problem = "cell [3] \"raise OSError('no\\\\nluck')\": OSError: no luck"
    assert many[1]["broken"]["problems"] == [problem]
    assert problem in many[0].stdout


def test_a_dead_kernel_fails_its_notebook(many):
    (problem,) = many[1]["dead"]["problems"]
    assert problem.startswith("cell [3] 'os._exit(1)': the kernel died")


def test_a_cell_that_never_ends_fails_its_notebook(many):
    (problem,) = many[1]["endless"]["problems"]
    assert "[3] 'time.sleep(60)': the cell took longer" in problem


def test_a_promised_result_that_is_not_recorded_fails_the_notebook(many):
    assert many[1]["silent"]["problems"] == ["promised result 'error' was not recorded"]


def test_a_result_outside_its_band_fails_the_notebook(many):
    assert many[1]["wrong"]["problems"] == ["error = 45 is outside [4, 5]"]


def test_cells_run_in_an_empty_folder_and_leave_nothing_behind(many):
    assert not list(many[2].parent.glob("**/made.txt")) and not (ROOT / "made.txt").exists()


def test_the_memory_of_the_kernel_is_measured(many):
    assert 20 < many[1]["good"]["memory_mb"] < 2000


def test_the_executed_copy_of_a_broken_notebook_holds_what_ran(many):
    copy = notebook.read(many[2] / "broken.ipynb")
    assert notebook.outputs(copy, "text/plain") == ["2"]


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found, self.alts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.found += [attrs[key] for key in ("href", "src") if attrs.get(key)]
        self.alts += [attrs.get("alt")] if tag == "img" else []


def test_the_report_links_pages_and_pictures_that_exist(many):
    index = Links((many[2] / "index.html").read_text(encoding="utf-8"))
    assert {f"{name}.html" for name in many[1]} | {"good.png"} == set(index.found)
    assert all((many[2] / link).is_file() for link in index.found)
    assert index.alts and all(index.alts)
    assert base64.b64encode((many[2] / "good.png").read_bytes()).startswith(b"iVBOR")


def test_the_pages_load_nothing_but_formulas_from_the_network(many):
    page = Links((many[2] / "good.html").read_text(encoding="utf-8"))
    assert all("mathjax" in link.lower() for link in page.found if link.startswith("http"))


def test_quick_and_p_set_parameters_and_p_suspends_the_promises(tmp_path):
    path = make_notebook(tmp_path / "good.ipynb", RECORD)
    before = path.read_bytes()
    done = course("run", path, "--quick", "-p", "epochs=7", "--output", tmp_path / "build")
    (row,) = json.loads((tmp_path / "build" / "results.json").read_bytes())["notebooks"]
    assert done.returncode == 0, done.stdout
    assert row["parameters"] == {"profile": "quick", "epochs": 7}
    assert [(x["value"], x["ok"]) for x in row["results"]] == [(10.5, None)]
    assert path.read_bytes() == before


def test_save_writes_outputs_and_the_hash_of_their_code(tmp_path):
    path = make_notebook(tmp_path / "good.ipynb", "import sys\nprint(1, file=sys.stderr)", RECORD)
    done = course("run", path, "--save", "--output", tmp_path / "build")
    assert done.returncode == 0, done.stdout
    saved = notebook.read(path)
    assert notebook.course(saved)["code_hash"] == code_hash(path)
    assert [cell.execution_count for cell in notebook.code_cells(saved)] == [1, 2, 3]
    assert [len(cell.outputs) for cell in notebook.code_cells(saved)] == [0, 0, 1]
    assert notebook.read(path).cells[1].source == KNOBS


def test_a_picture_has_its_text_in_the_saved_notebook_and_on_the_page(tmp_path):
    path = make_notebook(tmp_path / "good.ipynb", PICTURE, RECORD)
    content, text = notebook.read(path), 'A line from 1 to 2, "y < 3"'
    content.cells[2].metadata["alt"] = [text]
    notebook.write(content, path)
    done = course("run", path, "--save", "--output", tmp_path / "build")
    assert done.returncode == 0, done.stdout
    [picture] = notebook.read(path).cells[2].outputs
    assert picture.metadata == {"image/png": {"alt": text}}
    page = Links((tmp_path / "build" / "good.html").read_text(encoding="utf-8"))
    assert page.alts == [text]


def test_save_leaves_a_notebook_that_failed_as_it_was(tmp_path):
    path = make_notebook(tmp_path / "wrong.ipynb", "epochs = 30", RECORD)
    before = path.read_bytes()
    assert course("run", path, "--save", "--output", tmp_path / "build").returncode == 1
    assert path.read_bytes() == before


def test_save_refuses_outputs_of_code_that_was_changed_meanwhile(tmp_path):
    path = tmp_path / "good.ipynb"
    change = f"import pathlib\nfile = pathlib.Path({str(path)!r})\nold = file.read_bytes()\n"
    make_notebook(
        path, f"{change}file.write_bytes(old.replace(b'2 + 2', b'2 + 3'))", "2 + 2", RECORD
    )
    done = course("run", path, "--save", "--output", tmp_path / "build")
    assert (done.returncode, "not saved: the code was changed" in done.stdout) == (1, True)
    assert notebook.outputs(notebook.read(path), "text/plain") == []


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot press Ctrl-C there")
def test_ctrl_c_stops_the_kernels_and_keeps_what_is_done(tmp_path):
    sleep = "import os, time\nprint('begun', flush=True)\ntime.sleep(1)\n"
    sleep += "open(PLACE, 'w').write(str(os.getpid()))\ntime.sleep(99)"
    kernel = tmp_path / "kernel"
    make_notebook(tmp_path / "slow.ipynb", "'kept'", sleep.replace("PLACE", repr(str(kernel))))
    run = subprocess.Popen(
        [sys.executable, "-c", "import signal, sys; from course_utils.cli import main; "
         "signal.signal(signal.SIGINT, signal.default_int_handler); "
         "sys.exit(main(['run', 'slow.ipynb']))"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: kernel.exists() and kernel.read_text(encoding="utf-8"))
    run.send_signal(signal.SIGINT)
    text = run.communicate(timeout=60)[0].decode()
    assert run.returncode == 130
    assert "slow" in text and "stopped" in text and "What was done is kept" in text
    executed = notebook.code_cells(notebook.read(tmp_path / "build/slow.ipynb"))
    assert executed[1].outputs[0].data["text/plain"] == "'kept'"
    assert executed[2].outputs[0].text == "begun\n"  # what the stopped cell had printed
    assert (tmp_path / "build" / "index.html").exists()
    wait_until(lambda: not alive(int(kernel.read_text(encoding="utf-8"))))


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
