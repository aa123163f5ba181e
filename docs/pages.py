"""What the site changes in the course's own files when it reads them; the files stay as they are.

Notebooks get local pictures, folded setup and imports, bold terms that lead to the glossary, and
words for their figures. Links to files of the repository that the site does not hold become
addresses. Docstrings, plain text with shapes such as (B, T) -> (B, V), become reStructuredText.
"""

import html
import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from course_utils.commands.notebook import RESULT, SETUP_LINE

AS_THEY_LIE = ("notebooks", "figures", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
PNG = "image/png"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
PAGES = {"README.md": "index.md", "notebooks/solutions": "solutions.md"}
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s#]+)")  # relative addresses only
TOKEN = r"(?:\.\.\.|[A-Z][a-z]?'?|[a-z]|\d[\d,.]*|[\w-]+)(?:\s[-+*/]\s\w+)*"
TUPLE = rf"\({TOKEN},(?:\s{TOKEN},)*(?:\s{TOKEN})?\)|\(\)"
SHAPE = rf"(?:{TUPLE})(?:\s->\s(?:{TUPLE}))*"


def site_links(text: str, file: str, source: Path, repository: str) -> str:
    """Markdown whose links work on the site, given the file's place in the repository.

    What lies in `source` is linked there; any other file of the repository, at its address.
    """

    def target(match: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), match[2]))
        page = PAGES.get(path, path.removeprefix("docs/"))
        return match[1] + (f"/{page}" if (source / page).is_file() else f"{repository}/{path}")

    return LINK.sub(target, text.replace(BADGE, "/_static/badge.svg"))


def lesson_links(text: str, notebooks: list[str]) -> str:
    """Markdown in which "lesson 02" leads to that lesson, where it exists."""
    place = {name[:2]: f"/notebooks/{name}" for name in notebooks}
    link = r"lesson (\d\d)\b"
    return re.sub(link, lambda m: f"[{m[0]}]({place[m[1]]})" if m[1] in place else m[0], text)


def glossary_terms(glossary: str) -> list[str]:
    """The terms that the glossary's page explains."""
    entries = glossary.partition("```{glossary}")[2]
    return re.findall(r"^(?![:`])(\S.*)$", entries, re.MULTILINE)


def _term_links(text: str, terms: list[str]) -> str:
    """Markdown in which a bold term leads to its entry; "vanishing" is a "vanishing gradient"."""

    def link(match: re.Match) -> str:
        words = match[1].lower().rstrip(".:")
        for term in terms:
            if term.lower() in (words, words.removesuffix("s")):
                return f"**{{term}}`{match[1]} <{term}>`**"
        near = [term for term in terms if term.startswith(f"{words} ")]
        return f"**{{term}}`{match[1]} <{near[0]}>`**" if near else match[0]

    return re.sub(r"\*\*([^*`$\[\]]+)\*\*", link, text)


def readable_notebook(text: str, file: str, terms: list[str], links: Callable) -> str:
    """A notebook file, prepared for reading; `links` repairs the links of a piece of Markdown.

    Pictures inside, bold terms linked to the glossary, setup folded, words for every figure.
    """
    notebook = json.loads(text)
    heading = ""
    for cell in notebook["cells"]:
        content = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for name, kinds in cell.pop("attachments", {}).items():
                kind, data = next(iter(kinds.items()))
                picture = f"data:{kind};base64,{''.join(data).strip()}"
                content = content.replace(f"attachment:{name}", picture)
            heading = (re.findall(r"^#+ (.+)$", content, re.MULTILINE) or [heading])[-1]
            cell["source"] = links(_term_links(content, terms))
        else:
            words = f"Figure of “{re.sub(r'[`*$]', '', heading)}”"
            for output in cell["outputs"]:
                output.get("data", {}).pop(RESULT, None)  # for the runner, not for readers
                if PNG in output.get("data", {}):
                    output["data"] = {"text/html": _picture(output, words)}
            if content.startswith((SETUP_LINE, "import ", "from ")):
                cell["metadata"]["tags"] = ["hide-input"]
    solutions = Path(file).stem + "_solutions.ipynb"
    if not file.endswith("_solutions.ipynb"):
        last = f"[Solutions of the exercises](solutions/{solutions})"
        last_cell = {"cell_type": "markdown", "id": "solutions", "metadata": {}, "source": last}
        notebook["cells"].append(last_cell)
    return json.dumps(notebook)


def _picture(output: dict, words: str) -> str:
    """A saved figure as HTML, with its alt text, which myst-nb would leave out."""
    alt = output["metadata"].get(PNG, {}).get("alt", words)
    data = "".join(output["data"][PNG]).strip()
    return f'<img alt="{html.escape(alt)}" src="data:{PNG};base64,{data}">'


def restructured(lines: list[str]) -> list[str]:
    """A plain docstring as reStructuredText: indented lines as they stand, the rest as prose."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).rstrip()):
        prose, below, indented = block.partition("\n  ")
        if block.startswith("  "):
            prose, indented = "", block
        elif below and not prose.startswith("- "):
            indented = f"  {indented}"
        else:
            prose, indented = block, ""
        out += [*_prose(prose).split("\n"), ""]
        if indented:
            out += [".. code-block:: text", "", *("  " + x for x in indented.split("\n")), ""]
    return out


def _prose(text: str) -> str:
    """Names in backticks and shapes as code; no character has a meaning of its own."""
    pieces = re.split(rf"(`[^`]+`|{SHAPE})", text)
    for i, piece in enumerate(pieces):
        if i % 2:
            code = " ".join(piece.strip("`").split())
            pieces[i] = f"\\ ``{code}``\\ "
        else:
            pieces[i] = re.sub(r"([\\*_|])", r"\\\1", piece)
    return "".join(pieces)
