"""The form of every notebook, read from its file: DESIGN 5 and 7, STYLE 6 and 27."""

import ast
import builtins
import re
import statistics
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils.commands import notebook
from course_utils.commands.code import PACKAGE, SHOWN, code_hash, definitions, shown_differences
from course_utils.commands.notebook import code_cells, course, is_setup
from course_utils.commands.stamp import badge, setting
from course_utils.commands.tidy import is_tidy

LESSONS, SOLUTIONS = notebook.lessons(), notebook.solutions()
LIBRARIES = {"torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "IPython"}
MEGABYTE = 1_000_000


def name_of(path: Path) -> str:
    return path.stem


every_notebook = pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=name_of)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=name_of)


def own_code(path: Path) -> list[str]:
    """The sources of the code cells but the setup cell."""
    return [cell.source for cell in code_cells(notebook.read(path)) if not is_setup(cell)]


def markdown(path: Path) -> list[str]:
    return [cell.source for cell in notebook.read(path).cells if cell.cell_type == "markdown"]


def outside_fences(text: str) -> str:
    """Markdown without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@every_notebook
def test_the_file_is_valid_tidy_and_small(path):
    nbformat.validate(notebook.read(path))
    assert is_tidy(path), "run `python -m course_utils tidy`"
    assert path.stat().st_size <= MEGABYTE


@every_notebook
def test_it_opens_with_title_badge_and_the_one_setup_cell(path):
    cells = notebook.read(path).cells
    where = setting()
    file = path.relative_to(notebook.ROOT).as_posix()
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    assert badge(where, file) in cells[0].source, "run `python -m course_utils stamp`"
    assert [is_setup(cell) for cell in code_cells(notebook.read(path))].index(True) == 0
    assert sum(map(is_setup, cells)) == 1
    assert code_cells(notebook.read(path))[0].source == notebook.setup_cell(**where)


@every_notebook
def test_no_committed_output_is_an_error(path):
    outputs = [output for cell in code_cells(notebook.read(path)) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]


@every_lesson
def test_outputs_are_committed_and_come_from_this_code(path):
    content = notebook.read(path)
    counts = [cell.execution_count for cell in code_cells(content)]
    again = f"run `python -m course_utils run {path.stem} --save`"
    assert counts == list(range(1, len(counts) + 1)), again
    assert course(content).get("code_hash") == code_hash(path), again


@every_lesson
def test_one_parameters_cell_holds_profile_and_all_knobs_of_quick(path):
    content = notebook.read(path)
    tagged = [cell for cell in code_cells(content) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    knobs = notebook.parameters(content)
    quick = course(content)["quick"]
    assert knobs["profile"] == "lesson" and quick["profile"] == "quick"
    assert quick.keys() <= knobs.keys()


@every_lesson
def test_promises_are_recorded_and_kept_by_the_committed_outputs(path):
    content = notebook.read(path)
    promises = course(content)["promises"]
    bands = [bands for profile in promises.values() for bands in profile.values()]
    recorded = set(re.findall(r"\.record\(\s*\"(\w+)\"", "\n".join(own_code(path))))
    recorded |= {result["name"] for result in notebook.outputs(content, notebook.RESULT)}
    assert {name for band in bands for name in band} <= recorded
    assert promises.keys() == {"lesson", "quick"} and course(content)["minutes"] > 0
    assert all(low < high for band in bands for low, high in band.values())
    for result in notebook.outputs(content, notebook.RESULT):
        band = promises["lesson"][result["source"]].get(result["name"])
        assert result["profile"] == "lesson"
        assert band is None or band[0] <= result["value"] <= band[1]
        assert [result["low"], result["high"]] == (band or [None, None])


def assigned_names(trees: list[ast.Module]) -> set[str]:
    """Names that notebook code binds outside functions and classes, other than by definition."""
    names = set()
    waiting: list[ast.AST] = list(trees)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return names


def free_names(function: ast.AST) -> set[str]:
    """Names that a function's body reads and does not bind itself."""
    body = function.body if isinstance(function.body, list) else [function.body]
    nodes = [node for part in body for node in ast.walk(part)]
    bound = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - bound - set(dir(builtins))


def functions(node: ast.AST) -> list[ast.AST]:
    """The outermost functions, methods and lambdas in a tree."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return [node]
    return [found for child in ast.iter_child_nodes(node) for found in functions(child)]


def notebook_variables_in_functions(sources: list[str]) -> list[str]:
    """Which function reads which notebook variable. What a shown cell assigns is no variable."""
    trees = [ast.parse(source) for source in sources]
    shown = [t for t, source in zip(trees, sources, strict=True) if source.startswith(SHOWN)]
    variables = assigned_names([tree for tree in trees if tree not in shown])
    return [
        f"line {function.lineno} of the cell: {name}"
        for tree in trees
        for function in functions(tree)
        for name in sorted(free_names(function) & variables)
    ]


@every_notebook
def test_no_function_reads_a_notebook_variable(path):
    assert notebook_variables_in_functions(own_code(path)) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1\ndef f():\n    return x", 1),
        ("for x in []: pass\nf = lambda: x", 1),
        ("x = 1\nclass A:\n    def f(self):\n        return x", 1),
        ("with open() as x: pass\ndef f():\n    def g():\n        return x", 1),
        ("x = 1\ndef f(x):\n    return x", 0),
        ("x = 1\ndef f():\n    x = 2\n    return [x for y in x]", 0),
        ("x = 1\ny = [x for _ in range(3)]", 0),
        ("x = 1\ndef f(y=x):\n    return y", 0),
        ("import x\ndef f():\n    return x.y", 0),
        ("# shown from course_utils/a.py\nX = 1\ndef f():\n    return X", 0),
    ],
)
def test_the_check_finds_notebook_variables(source, found):
    assert len(notebook_variables_in_functions([source])) == found


@every_notebook
def test_cells_are_plain_python_without_paths_or_a_device_name(path):
    for source in own_code(path):
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        called = {getattr(c.func, "id", getattr(c.func, "attr", "")) for c in calls}
        assert not called & {"open", "Path", "chdir", "system", "run_line_magic", "get_ipython"}
        assert "cuda" not in source
        strings = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]
        texts = [n.value for n in strings if isinstance(n.value, str)]
        assert not [text for text in texts if re.match(r"\.{0,2}/\w|[\w-]+/[\w/-]+\.\w+$", text)]


@every_notebook
def test_imports_are_declared_and_explicit(path):
    for node in (n for source in own_code(path) for n in ast.walk(ast.parse(source))):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
            assert node.level == 0 and node.names[0].name != "*"
        for module in modules:
            top = module.split(".")[0]
            assert top in LIBRARIES | sys.stdlib_module_names | {"course_utils"}, module
            if top == "course_utils":
                assert isinstance(node, ast.ImportFrom), "from course_utils.x import name"
                file = PACKAGE.joinpath(*module.split(".")[1:])
                assert file.with_suffix(".py").is_file(), f"{module} defines nothing itself"


@every_notebook
def test_shown_cells_equal_the_package_and_nothing_else_repeats_it(path):
    ours = [f for f in PACKAGE.rglob("*.py") if not {"commands", "exercises"} & set(f.parts)]
    texts = [file.read_text(encoding="utf-8") for file in ours]
    known = {name for text in texts for name in definitions(text) if name[0] != "_"}
    for source in own_code(path):
        if source.startswith(SHOWN):
            assert shown_differences(source) == []
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.name not in known, f"{node.name}: import it, or show it"


@every_notebook
def test_headings_step_down_one_level_at_a_time(path):
    text = "\n".join(outside_fences(source) for source in markdown(path))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))


@every_notebook
def test_every_picture_in_the_text_has_alt_text_and_an_absolute_address(path):
    for source in markdown(path):
        for alt, address in re.findall(r"!\[(.*?)\]\((\S+?)\)", source):
            assert alt.strip() and address.startswith(("https://", "data:", "attachment:"))
        for tag in re.findall(r"<img\b[^>]*>", source):
            assert re.search(r"alt=\"[^\"]+\"", tag)


@every_notebook
def test_every_picture_that_a_cell_draws_has_a_text_of_its_own(path):
    for cell in code_cells(notebook.read(path)):
        drawn = [x.metadata for x in cell.outputs if "image/png" in x.get("data", {})]
        texts = cell.metadata.get("alt", [])
        assert len(texts) == len(drawn), f"{cell.id}: metadata `alt` holds a text for each picture"
        assert drawn == [{"image/png": {"alt": text}} for text in texts], "run `... tidy`"
        for text in texts:
            assert 20 <= len(text) <= 300, f"{cell.id}: {text}"
            assert not re.match(r"(an? |the )?(picture|image|figure) (of|with|show)", text, re.I)


@every_lesson
def test_length_is_that_of_one_sitting(path):
    cells = notebook.read(path).cells
    words = sum(len(re.findall(r"\w+", outside_fences(source))) for source in markdown(path))
    lines = [len(source.splitlines()) for source in own_code(path)]
    first = path.stem.startswith("00")
    assert (20 if first else 25) <= len(cells) <= 45
    assert (800 if first else 1200) <= words <= 2500
    assert statistics.median(lines) <= 10


@every_lesson
def test_solutions_exist(path):
    assert path.parent.joinpath("solutions", f"{path.stem}_solutions.ipynb").is_file()
