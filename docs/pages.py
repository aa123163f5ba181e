"""What the site changes in the course's own files when it reads them; the files stay as they are.

Notebooks get local pictures, a folded setup cell and words for their figures; links that would
leave the site for a file of the repository become addresses; docstrings, which are plain text with
shapes such as (B, T) -> (B, V), become reStructuredText; formulas become MathML.
"""

import json
import posixpath
import re
from pathlib import Path

from docutils.utils.math.latex2mathml import tex2mathml

from course_utils.commands.notebook import RESULT, SETUP_LINE

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
PAGES = {"README.md": "index.md", "notebooks/solutions": "solutions.md"}
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s#]+)")  # relative addresses only
TEX = {r"\dots": r"\ldots", r"\texttt": r"\mathtt"}  # what docutils does not know
TOKEN = r"(?:\.\.\.|[A-Z][a-z]?'?|[a-z]|\d[\d,.]*|[\w-]+)(?:\s[-+*/]\s\w+)*"
TUPLE = rf"\({TOKEN},(?:\s{TOKEN},)*(?:\s{TOKEN})?\)|\(\)"
SHAPE = rf"(?:{TUPLE})(?:\s->\s(?:{TUPLE}))*"


def mathml(tex: str, block: bool) -> str:
    """LaTeX as MathML, which browsers draw without a script; MathError on an unknown command."""
    for unknown, known in TEX.items():
        tex = re.sub(re.escape(unknown) + r"(?![a-zA-Z])", lambda _, known=known: known, tex)
    return tex2mathml(tex, as_block=block)


def site_links(text: str, file: str, source: Path, repository: str) -> str:
    """Markdown whose links work on the site, given the file's place in the repository.

    What lies in `source` is linked there; any other file of the repository, at its address.
    """

    def target(match: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), match[2]))
        path = PAGES.get(path, path.removeprefix("docs/"))
        local = (source / path).is_file()
        return match[1] + (f"/{path}" if local else f"{repository}/{path}")

    return LINK.sub(target, text.replace(BADGE, "/_static/badge.svg"))


def readable_notebook(text: str, file: str) -> str:
    """A notebook file, prepared for reading: pictures inside, setup folded, figures with words."""
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
            cell["source"] = content
        else:
            words = f"Figure of “{heading}”; the text after it says what it shows"
            cell["metadata"]["mystnb"] = {"image": {"alt": words.replace("$", "")}}
            for output in cell["outputs"]:
                output.get("data", {}).pop(RESULT, None)  # for the runner, not for readers
            if content.startswith(SETUP_LINE):
                cell["metadata"]["tags"] = ["hide-input"]
    solutions = Path(file).stem + "_solutions.ipynb"
    if not file.endswith("_solutions.ipynb"):
        last = f"[Solutions of the exercises](solutions/{solutions})"
        last_cell = {"cell_type": "markdown", "id": "solutions", "metadata": {}, "source": last}
        notebook["cells"].append(last_cell)
    return json.dumps(notebook)


def restructured(lines: list[str]) -> list[str]:
    """A plain docstring as reStructuredText: indented lines as they stand, the rest as prose."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).rstrip()):
        for part in re.split(r"\n(?=  )(?!  +- )(?<!- )", block, maxsplit=1):
            verbatim = part.startswith("  ")
            out += ["::", "", *("  " + line for line in part.split("\n"))] if verbatim else []
            out += [] if verbatim else _prose(part).split("\n")
            out.append("")
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
