"""Put notebook files into their normal form, so that they differ only where their content does.

Widget state, warnings on stderr, progress residue, colour codes, trailing spaces and foreign
metadata go; the kernel is python3; every cell has an id of its own; counts run 1..n. The texts in
a code cell's metadata `alt`, one a picture, go to its pictures, for readers who cannot see them.

examples:
  python -m course_utils tidy                      all notebooks of the course
  python -m course_utils tidy --check              only say which ones would change
"""

import argparse
import hashlib
import re
from pathlib import Path

import nbformat

from course_utils.cli import UsageError
from course_utils.commands.notebook import code_cells, find, lessons, read, solutions, write

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WIDGET = "application/vnd.jupyter.widget-view+json"
PNG = "image/png"
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tidy`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="number, name or path (all)")
    parser.add_argument("--check", action="store_true", help="change nothing; status 1 if needed")


def main(options: argparse.Namespace) -> int:
    """Tidy the files, or with --check say which ones need it."""
    try:
        paths = list(map(find, options.names)) or lessons() + solutions()
        untidy = [path for path in paths if not is_tidy(path)]
        for path in untidy:
            print(f"{'would change' if options.check else 'tidied'}: {path}")
            if not options.check:
                write(tidy(read(path)), path)
    except ValueError as error:
        raise UsageError(error) from None
    print(f"{len(paths) - len(untidy)} of {len(paths)} notebooks were tidy.")
    return int(options.check and bool(untidy))


def is_tidy(path: Path) -> bool:
    """True when tidying would not change a byte."""
    wanted = nbformat.v4.writes(tidy(read(path))) + "\n"
    return wanted.encode() == path.read_bytes()


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Bring a notebook into its normal form, in place; tidying twice is tidying once."""
    course = notebook.metadata.get("course")
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
        | ({"course": course} if course else {})
    )
    notebook.nbformat_minor = 5
    _mend_ids(notebook)
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("tags", "alt") if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        is_code = cell.cell_type == "code"  # in markdown, two spaces are a line break
        cell.source = _strip(cell.source) if is_code else cell.source.rstrip()
    count = 0
    for cell in code_cells(notebook):
        merged = _merge_streams(cell.outputs)
        cell.outputs = [_tidy_output(output) for output in merged if _belongs(output)]
        _describe(cell)
        ran = bool(cell.outputs) or cell.get("execution_count") is not None
        count += ran
        cell.execution_count = count if ran else None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def _mend_ids(notebook: nbformat.NotebookNode) -> None:
    """Keep every good id; a missing, bad or second one comes from the cell's place and source."""
    taken: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        if cell.get("id") in taken or not ID.fullmatch(cell.get("id") or ""):
            text = f"{place} {cell.source}"
            while (new := hashlib.sha256(text.encode()).hexdigest()[:8]) in taken:
                text += "+"
            cell.id = new
        taken.add(cell.id)


def _merge_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join neighbouring pieces of one stream: a progress line may arrive in many of them."""
    merged: list[nbformat.NotebookNode] = []
    for output in outputs:
        before = merged[-1] if merged else {}
        if output.output_type == "stream" and output.name == before.get("name"):
            before.text += output.text
        else:
            merged.append(output)
    return merged


def _belongs(output: nbformat.NotebookNode) -> bool:
    blank = output.output_type == "stream" and not output.text.strip()
    return not blank and output.get("name") != "stderr" and WIDGET not in output.get("data", {})


def _tidy_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    if output.output_type == "stream":
        output.text = _plain(output.text)
    elif output.output_type == "error":
        output.traceback = [_plain(line) for line in output.traceback]
    else:
        output.metadata = nbformat.from_dict({})
        output.pop("transient", None)
        if "text/plain" in output.data:
            output.data["text/plain"] = _plain(output.data["text/plain"])
    return output


def _describe(cell: nbformat.NotebookNode) -> None:
    """Give each picture of a cell its text, where IPython puts it and nbconvert looks for it."""
    pictures = [output for output in cell.outputs if PNG in output.get("data", {})]
    for picture, text in zip(pictures, cell.metadata.get("alt", []), strict=False):
        picture.metadata[PNG] = nbformat.from_dict({"alt": text})


def _plain(text: str) -> str:
    """What a terminal would still show: the last state of each line, without colours."""
    lines = ANSI.sub("", text).replace("\r\n", "\n").split("\n")
    return _strip("\n".join(_last_state(line) for line in lines))


def _last_state(line: str) -> str:
    """The last text between carriage returns that is not blank."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def _strip(text: str) -> str:
    """Without spaces at the ends of lines."""
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
