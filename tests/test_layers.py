"""The layer rule and the habits of the package, read from its source: STYLE 1, 5 and 16."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from small_notebooks import ROOT

from course_utils.commands.notebook import lessons

PACKAGE = ROOT / "course_utils"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
JOINING = ("commands", "exercises", "cli", "__main__")  # may import every part
MODELS = [name for name in FILES if name.startswith("models/") and "__init__" not in name]
ALLOWED_BETWEEN = {
    ("environment", "runtime"),  # inside start(), once torch may be imported
    ("judge", "models"),  # a model with its kept weights: a notebook needs one line for it
    ("judge", "runtime"),
    ("text_plots", "plotting"),  # one style and one set of colors
}


def imports(tree: ast.AST) -> set[str]:
    """Dotted names of all imported modules, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


def part(name: str) -> str:
    """`data` for data/images.py, `metrics` for metrics.py."""
    return Path(name).parts[0].removesuffix(".py")


def our_imports(name: str) -> set[str]:
    """The files of the package that a file imports."""
    dotted = {f"course_utils.{other[:-3].replace('/', '.')}": other for other in FILES}
    return {dotted[module] for module in imports(TREES[name]) if module in dotted}


@pytest.mark.parametrize("name", FILES)
def test_parts_never_import_each_other(name):
    here = part(name)
    if here in JOINING:
        return
    others = {other for other in our_imports(name) if part(other) != here}
    assert {part(o) for o in others} <= {b for a, b in ALLOWED_BETWEEN if a == here}, others


def first_lesson(name: str) -> int:
    """Place of the first notebook that mentions a model file; after all others where none does."""
    texts = [path.read_text(encoding="utf-8") for path in lessons()]
    words = (name, name[:-3].replace("/", "."))
    return next((i for i, text in enumerate(texts) if any(w in text for w in words)), len(texts))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_imports_only_those_of_earlier_lessons(name):
    for other in our_imports(name):
        assert first_lesson(other) < first_lesson(name), other


@pytest.mark.parametrize("name", FILES)
def test_network_and_plotting_libraries_stay_in_their_files(name):
    found = {module.split(".")[0] for module in imports(TREES[name])}
    if name != "data/download.py":
        assert not found & {"http", "requests", "pooch", "socket", "aiohttp", "httpx", "urllib3"}
        assert not any(module.startswith("urllib.request") for module in imports(TREES[name]))
    if name not in ("plotting.py", "text_plots.py", "widgets.py"):
        assert not found & {"matplotlib", "ipywidgets"}


@pytest.mark.parametrize("name", FILES)
def test_the_word_cuda_stands_in_runtime_alone(name):
    assert name == "runtime.py" or "cuda" not in FILES[name].read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("name", FILES)
def test_imports_are_explicit_and_inits_export_nothing(name):
    names = imports(TREES[name])
    assert not any(module.endswith(".*") for module in names)
    if name.endswith("__init__.py"):
        assert not any(module.startswith("course_utils") for module in names)


TEXT_CALLS = {"open", "read_text", "write_text", "NamedTemporaryFile", "TemporaryFile"}
SOURCES = [*FILES.values(), *sorted((ROOT / "tests").glob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_text_files_are_opened_with_an_encoding(path):
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        called = getattr(call.func, "attr", getattr(call.func, "id", ""))
        words = [a.value for a in call.args if isinstance(a, ast.Constant)]
        words += [k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)]
        modes = [word for word in words if isinstance(word, str)]
        binary = any("b" in mode and set(mode) <= set("rwxab+") for mode in modes)
        if called.endswith("TemporaryFile"):
            binary = "w" not in modes and "w+" not in modes and "r" not in modes
        if called in TEXT_CALLS and not binary and _opens_a_file(call):
            given = {keyword.arg for keyword in call.keywords}
            assert "encoding" in given, f"line {call.lineno}: {ast.unparse(call)}"


def _opens_a_file(call: ast.Call) -> bool:
    """Not opener.open(request) and the like."""
    return ast.unparse(call.func) not in ("opener.open", "webbrowser.open", "Image.open")


IMPORT_ALL = """
import contextlib, importlib, io, sys
import course_utils
assert "torch" not in sys.modules and "numpy" not in sys.modules, "heavy import"
for name in sys.argv[1:]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        importlib.import_module(name)
    assert not said.getvalue(), f"{name} prints {said.getvalue()!r}"
    assert name != "course_utils.environment" or "torch" not in sys.modules, "torch came too early"
"""


def test_importing_is_nearly_free_and_says_nothing():
    names = [f"course_utils.{name[:-3].replace('/', '.')}" for name in FILES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    first = sorted(names, key=lambda name: (name != "course_utils.environment", name))
    subprocess.run([sys.executable, "-c", IMPORT_ALL, *first], cwd=ROOT, check=True)
