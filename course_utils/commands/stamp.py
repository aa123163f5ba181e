"""Write where the course lives into every badge and setup cell. One setting: [tool.course].

examples:
  python -m course_utils stamp                          after a change of pyproject.toml
  python -m course_utils stamp --tag v0.2.0             a new release
  python -m course_utils stamp --check                  status 1 if something disagrees
"""

import argparse
import re
import tomllib
from pathlib import Path

from course_utils.cli import UsageError
from course_utils.commands.notebook import (
    ROOT,
    is_setup,
    lessons,
    read,
    setup_cell,
    solutions,
    write,
    write_atomically,
)

COLAB = "https://colab.research.google.com"
LINK = re.compile(re.escape(COLAB) + r"/github/[^/\s]+/[^/\s]+/blob/[^/\s]+/")
KEYS = ("owner", "name", "tag")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `stamp`."""
    for key in KEYS:
        parser.add_argument(f"--{key}", help=f"change the {key} in pyproject.toml first")
    parser.add_argument("--check", action="store_true", help="change nothing; status 1 if needed")


def main(options: argparse.Namespace) -> int:
    """Stamp all files, or with --check say which ones disagree."""
    changes = {key: getattr(options, key) for key in KEYS if getattr(options, key)}
    if bad := [value for value in changes.values() if not re.fullmatch(r"[\w.-]+", value)]:
        raise UsageError(f"{bad[0]!r} is not a word of letters, digits, dots and dashes")
    if options.check and changes:
        raise UsageError("--check changes nothing: use it alone")
    try:
        stale = stamp(ROOT, changes, check=options.check)
    except ValueError as error:
        raise UsageError(error) from None
    for path in stale:
        print(f"{'disagrees' if options.check else 'stamped'}: {path.relative_to(ROOT)}")
    return int(options.check and bool(stale))


def setting(root: Path = ROOT) -> dict[str, str]:
    """Owner, name and tag of the repository, from pyproject.toml."""
    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found = tables.get("tool", {}).get("course", {})
    if missing := [key for key in KEYS if not found.get(key)]:
        raise ValueError(f"[tool.course] in pyproject.toml has no {' and no '.join(missing)}")
    return {key: found[key] for key in KEYS}


def badge(where: dict[str, str], path: str) -> str:
    """The markdown of the badge that opens the notebook at `path` on Colab."""
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({_link(where)}{path})"


def stamp(root: Path, changes: dict[str, str], check: bool = False) -> list[Path]:
    """Bring all files of a repository to one setting; returns those that did not have it."""
    stale = []
    if changes and _set(root / "pyproject.toml", changes):
        stale.append(root / "pyproject.toml")
    where = setting(root)
    for path in lessons(root / "notebooks") + solutions(root / "notebooks"):
        notebook = read(path)
        before = [cell.source for cell in notebook.cells]
        _stamp_notebook(notebook, where, path.relative_to(root).as_posix())
        if [cell.source for cell in notebook.cells] != before:
            stale.append(path)
            if not check:
                write(notebook, path)
    for path in sorted(root.glob("README*.md")):
        text = path.read_text(encoding="utf-8")
        if (stamped := LINK.sub(_link(where), text)) != text:
            stale.append(path)
            if not check:
                write_atomically(path, stamped)
    return stale


def _link(where: dict[str, str]) -> str:
    return f"{COLAB}/github/{where['owner']}/{where['name']}/blob/{where['tag']}/"


def _stamp_notebook(notebook, where: dict[str, str], path: str) -> None:
    """The badge in the first cell, under the title if there is none yet, and the setup cell."""
    first = notebook.cells[0]
    if COLAB not in first.source:
        title, _, rest = first.source.partition("\n")
        first.source = f"{title}\n\n{badge(where, path)}\n{rest}"
    first.source = re.sub(LINK.pattern + r"[^\s)]*", _link(where) + path, first.source)
    for cell in filter(is_setup, notebook.cells):
        cell.source = setup_cell(**where)


def _set(pyproject: Path, changes: dict[str, str]) -> bool:
    """Change keys of [tool.course], or add them and the table; the other text stays as it is."""
    text = before = pyproject.read_text(encoding="utf-8")
    if not re.search(r"^\[tool\.course\]\s*$", text, re.MULTILINE):
        text = f"{text.rstrip()}\n\n[tool.course]\n"
    head, table, rest = re.split(r"^(\[tool\.course\]\s*?\n)", text, maxsplit=1, flags=re.MULTILINE)
    inside, other = re.match(r"((?:(?!\[).*\n?)*)(.*)", rest, re.DOTALL).groups()
    for key, value in changes.items():
        line = f'{key} = "{value}"'
        inside, known = re.subn(rf"^{key}\s*=.*$", line, inside, flags=re.MULTILINE)
        inside = inside if known else f"{line}\n{inside}"
    text = head + table + inside + other
    if text != before:
        write_atomically(pyproject, text)
    return text != before
