"""The runner: what passes, what fails and how it says so, what Ctrl-C keeps, what --save writes."""

import ast
import base64
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_notebooks import KNOBS, RECORD, ROOT, course, make_notebook

from course_utils.commands import notebook, report, stamp
from course_utils.commands.code import code_hash
from course_utils.commands.job import Row, hold

PICTURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """One run over good and bad notebooks: the finished process, rows by name, the output folder."""
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
    problem = 'cell [3] "raise OSError(\'no\\\\nluck\')": OSError: no luck'
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


def test_the_report_escapes_what_notebooks_say(tmp_path):
    row = Row("a", "failed", 1, 1, problems=["<script>"], parameters={"x": "<b>"})
    report.update(tmp_path, [row], tmp_path / "missing.ipynb")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "<b>" not in page


def test_a_promise_holds_for_its_own_source_only():
    promises = {"mnist": {"error": [1, 2]}, "glyphs": {"error": [5, 6]}}
    result = {"name": "error", "value": 5.5, "source": "glyphs"}
    assert hold([result], promises)[1] == []
    assert hold([result | {"source": "mnist"}], promises)[1]
    assert hold([result | {"value": float("nan")}], promises)[1]


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


def test_save_leaves_a_notebook_that_failed_as_it_was(tmp_path):
    path = make_notebook(tmp_path / "wrong.ipynb", "epochs = 30", RECORD)
    before = path.read_bytes()
    assert course("run", path, "--save", "--output", tmp_path / "build").returncode == 1
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot press Ctrl-C there")
def test_ctrl_c_stops_the_kernels_and_keeps_what_is_done(tmp_path):
    sleep = "print('begun')\nimport os, time\nopen(PLACE, 'w').write(str(os.getpid()))\ntime.sleep(99)"
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
    assert "'kept'" in notebook.outputs(notebook.read(tmp_path / "build/slow.ipynb"), "text/plain")
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


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["rum"], "unknown command 'rum'; did you mean run?"),
        (["run", "godo"], "unknown notebook 'godo'"),
        (["run", "../good"], "leads outside"),
        (["run", "good.ipynb", "-p", "epoch=3"], "unknown parameter 'epoch'; did you mean epochs?"),
        (["run", "good.ipynb", "-p", "epochs=many"], "epochs is a number like 3, not 'many'"),
        (["run", "good.ipynb", "-p", "epochs"], "-p takes name=value"),
        (["run", "good.ipynb", "--save", "--quick"], "--save keeps the outputs of a full run"),
        (["run", "good.ipynb", "--save", "-p", "epochs=1"], "--save keeps"),
        (["run", "good.ipynb", "copy/good.ipynb"], "have the same name"),
        (["run", "text.ipynb"], "text.ipynb is not a notebook"),
    ],
)
def test_a_wrong_word_gets_a_clear_answer_and_status_2(tmp_path, words, answer):
    make_notebook(tmp_path / "good.ipynb", "1")
    make_notebook(tmp_path / "copy" / "good.ipynb", "1")
    (tmp_path / "text.ipynb").write_text("hello", encoding="utf-8")
    done = course(*words, cwd=tmp_path)
    assert (done.returncode, answer in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert not (tmp_path / "build").exists()


def test_a_notebook_is_found_by_number_name_or_path(tmp_path):
    path = make_notebook(tmp_path / "01_autoencoders.ipynb", "1")
    for name in ("1", "01", "01_autoencoders", "01_autoencoders.ipynb", str(path)):
        assert notebook.find(name, tmp_path) == path
    with pytest.raises(ValueError, match="did you mean 01_autoencoders?"):
        notebook.find("01_autoencoder", tmp_path)


def test_an_old_python_is_told_so_in_words():
    source = (ROOT / "course_utils" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    ast.parse((ROOT / "course_utils/__init__.py").read_text(encoding="utf-8"), "", "exec")
    pretend = "import sys, runpy; sys.version_info = (3, 8, 1); runpy.run_module('course_utils')"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs Python 3.11 or later, and this is Python 3.8" in done.stderr


def test_write_keeps_the_old_file_when_it_fails(tmp_path):
    path = make_notebook(tmp_path / "good.ipynb", "1")
    before = path.read_bytes()
    broken = notebook.read(path)
    broken.cells[0].metadata = {"no": object()}
    with pytest.raises(TypeError):
        notebook.write(broken, path)
    with pytest.raises(AttributeError):
        notebook.write_atomically(path, None)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["good.ipynb"]


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ("from course_x import f  # a comment\nf( 1 )", True),
        ("from course_x import f\nf(2)", False),
    ],
)
def test_the_code_hash_sees_code_and_no_comments(tmp_path, other, equal):
    one = make_notebook(tmp_path / "one.ipynb", "from course_x import f\nf(1)")
    two = make_notebook(tmp_path / "two.ipynb", other)
    assert (code_hash(one) == code_hash(two)) is equal


def test_the_code_hash_follows_imports_of_the_package_also_inside_functions(tmp_path):
    package = tmp_path / "course_x"
    (package / "models").mkdir(parents=True)
    near, far, other = package / "near.py", package / "models" / "far.py", package / "other.py"
    near.write_text("def f():\n    from course_x.models import far\n", encoding="utf-8")
    path = make_notebook(tmp_path / "one.ipynb", "from course_x.near import f")
    hashes = []
    for text in ('"""Doc."""\nx = 1', '"""Other."""\nx = 1  # why', "x = 2"):
        far.write_text(text, encoding="utf-8")
        other.write_text(text, encoding="utf-8")
        hashes.append(code_hash(path, package))
    assert hashes[0] == hashes[1] != hashes[2]
    far.write_text("x = 1", encoding="utf-8")
    assert code_hash(path, package) == hashes[0]  # other.py is not imported


def test_the_setup_cell_does_not_count_in_the_code_hash(tmp_path):
    one = notebook.setup_cell("a", "b", "c")
    paths = [tmp_path / "one.ipynb", tmp_path / "two.ipynb"]
    make_notebook(paths[0], one)
    make_notebook(paths[1], one.replace("/a/b", "/x/y"))
    assert code_hash(paths[0]) == code_hash(paths[1])
    assert stamp.is_setup(notebook.code_cells(notebook.read(paths[0]))[1])


def test_row_of_the_report_is_json(tmp_path: Path):
    report.update(tmp_path, [Row("a", "passed", 0.1, 10.0)], tmp_path / "missing.ipynb")
    assert json.loads((tmp_path / "results.json").read_bytes())["notebooks"][0]["name"] == "a"
