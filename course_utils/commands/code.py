"""The code of notebooks and of the package as syntax trees: what is equal, and what it depends on.

Comments, docstrings and layout do not count, so a better comment makes no output stale.
"""

import ast
import hashlib
from pathlib import Path

import course_utils
from course_utils.commands.notebook import code_cells, is_setup, read

PACKAGE = Path(course_utils.__file__).parent
SHOWN = "# shown from course_utils/"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def fingerprint(node: object) -> str:
    """A syntax tree as text, the same on every Python version (those differ in empty fields)."""
    if isinstance(node, list):
        return "[" + ",".join(map(fingerprint, node)) + "]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    parts = [f"{name}={fingerprint(x)}" for name, x in fields.items() if x not in (None, [])]
    return f"{type(node).__name__}({','.join(parts)})"


def definitions(source: str) -> dict[str, str]:
    """Name -> fingerprint of every function, class and assignment at the top level."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [x.id for t in targets for x in ast.walk(t) if isinstance(x, ast.Name)]
            found.update(dict.fromkeys(names, fingerprint(node)))
        elif isinstance(node, DOCUMENTED):
            found[node.name] = fingerprint(node)
    return found


def shown_differences(source: str, root: Path = PACKAGE.parent) -> list[str]:
    """What differs between a shown cell and the file that its first line names."""
    name = source.splitlines()[0].removeprefix("# shown from ").strip()
    file = root / name
    if ".." in name or not file.is_file():
        return [f"{name} does not exist"]
    cell, package = definitions(source), definitions(file.read_text(encoding="utf-8"))
    return [
        f"{key} {'differs from' if key in package else 'is not in'} {name}"
        for key in cell
        if cell[key] != package.get(key)
    ]


def imported_modules(tree: ast.AST, package: Path = PACKAGE) -> set[Path]:
    """The files of the package that some import in the tree names, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    ours = [name.split(".")[1:] for name in names if name.startswith(f"{package.name}.")]
    files = (package.joinpath(*parts[:-1], f"{parts[-1]}.py") for parts in ours)
    return {file for file in files if file.is_file()}


def code_hash(path: Path, package: Path = PACKAGE) -> str:
    """The hash of the code a notebook's outputs come from: its cells and all it imports of ours.

    The setup cell does not count: a new address of the course changes no output.
    """
    sources = [cell.source for cell in code_cells(read(path)) if not is_setup(cell)]
    trees = [ast.parse(source) for source in sources]
    waiting = set().union(*(imported_modules(tree, package) for tree in trees))
    modules: dict[Path, str] = {}
    while waiting:
        file = waiting.pop()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        modules[file] = f"{file.relative_to(package).as_posix()} {fingerprint(tree)}"
        waiting |= imported_modules(tree, package) - modules.keys()
    text = "\n".join([*map(fingerprint, trees), *sorted(modules.values())])
    return hashlib.sha256(text.encode()).hexdigest()
