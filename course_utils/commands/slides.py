"""Turn lessons into slides: one HTML file each, which needs no network and no other file.

A section of the lesson becomes some slides: its text, its code, what the code showed, and the
sentence that reads the figure. Short results and that sentence appear at the next key, so that a
class can predict first. Setup, imports and cells to be filled in are left out. Keys: arrows, space
or a clicker; Home, End; f for the full screen. For a PDF, print the page.

examples:
  python -m course_utils slides                      all lessons, into build/slides
  python -m course_utils slides 04 08 --output talk  two of them
"""

import argparse
import ast
import html
import math
import re
from collections.abc import Iterator
from pathlib import Path

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_utils.cli import UsageError
from course_utils.commands.formulas import mathml
from course_utils.commands.notebook import ROOT, chosen_lessons, is_setup, read, write_atomically

PAGE = Path(__file__).with_suffix(".html")
LINES = 15.0  # of text that fill a slide
CODE_LINES = 22
LETTERS = 92  # in a line of text
FIGURE_LINES = 9.0
CAPTION_LINES = 5  # a longer text gets a slide of its own
FIGURE = 'class="figure"'
LATER = '<div class="later">'
BADGE = re.compile(r"^\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\n*", re.MULTILINE)
BAR = re.compile(r"\d%\|")  # a progress bar that has ended
CODE = HtmlFormatter(style="default", cssclass="code", nobackground=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `slides`."""
    parser.add_argument("names", nargs="*", metavar="LESSON", help="number or name (all)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "slides", metavar="DIR")


def main(options: argparse.Namespace) -> int:
    """Write a page of slides for each lesson."""
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for lesson in chosen_lessons(options.names):
            made = slides(read(lesson))
            path = options.output / f"{lesson.stem}.html"
            write_atomically(path, page(read(lesson).cells[0].source, made))
            print(f"{path}: {len(made)} slides")
    except ImportError as error:
        raise UsageError(f"{error}; python -m pip install -e '.[class]' brings it") from None
    except ValueError as error:
        raise UsageError(error) from None
    except OSError as error:
        raise UsageError(f"cannot write to {options.output}: {error.strerror or error}") from None
    return 0


def page(first_cell: str, made: list[tuple[str, str]]) -> str:
    """The whole HTML page of slides, each a heading and a body in HTML."""
    title = html.escape(first_cell.splitlines()[0].lstrip("# "))
    sections = [
        f"<section>{f'<header>{heading}</header>' if heading else ''}"
        f"<article{' class=shown' if FIGURE in body else ''}>{body}</article>"
        f"<footer><span>{title}</span><span>{number} / {len(made)}</span></footer></section>"
        for number, (heading, body) in enumerate(made, 1)
    ]
    text = PAGE.read_text(encoding="utf-8")
    parts = {"@TITLE@": title, "@STYLE@": CODE.get_style_defs(".code")}
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text.replace("@SLIDES@", "\n".join(sections))


def slides(lesson: NotebookNode) -> list[tuple[str, str]]:
    """(heading, body) of each slide, both in HTML; the title's slide has no heading."""
    made, heading = [], ""
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            pictures = cell.get("attachments", {})
            for part in _sections(BADGE.sub("", cell.source)):
                if match := re.match(r"## .*\n*", part):
                    heading, part = _heading(match[0]), part[match.end() :]
                blocks = [(_height(block), block) for block in _blocks(part)]
                result = made and (FIGURE in made[-1][1] or LATER in made[-1][1])
                if result and not match and blocks[0][0] < CAPTION_LINES:
                    made[-1] = (heading, made[-1][1] + _later(_markdown(blocks.pop(0)[1], {})))
                for text in _packed(blocks, LINES, "\n\n"):
                    made.append((heading, _markdown(text, pictures)))
        elif not _left_out(cell):
            if "parameters" in cell.metadata.get("tags", []):
                heading = "Parameters"
            made += [(heading, body) for body in _code_slides(cell)]
    return made


def _left_out(cell: NotebookNode) -> bool:
    """Setup, imports, and the cells of exercises, which are for the learner's own notebook."""
    if is_setup(cell) or cell.id.startswith("exercise-"):
        return True
    return all(isinstance(x, ast.Import | ast.ImportFrom) for x in ast.parse(cell.source).body)


def _code_slides(cell: NotebookNode) -> list[str]:
    """The code; what it showed, on the same slide (but later) if both are short, else after it."""
    blocks = _code_blocks(cell.source)
    parts = [
        highlight(code, PythonLexer(stripnl=False), CODE)
        for code in _packed(blocks, CODE_LINES, "\n\n")
    ]
    shown = list(_outputs(cell))
    lines = sum(height for height, _ in blocks + shown)
    fits = lines + CAPTION_LINES <= CODE_LINES  # a sentence may come below
    if len(parts) == len(shown) == 1 and fits and FIGURE not in shown[0][1]:
        return [parts[0] + _later(shown[0][1])]
    return parts + _packed(shown, LINES, "")


def _later(body: str) -> str:
    """What appears on a slide at the next key: a class predicts first."""
    return f"{LATER}{body}</div>"


def _code_blocks(source: str) -> list[tuple[float, str]]:
    """(lines, code) between blank lines, but never cut inside a text of several lines."""
    texts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    inside = {line for node in texts for line in range(node.lineno, node.end_lineno)}
    blocks: list[list[str]] = [[]]
    for number, line in enumerate(source.splitlines(), 1):
        if line or number in inside:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [(1.0 + len(block), "\n".join(block)) for block in blocks]


def _packed(blocks: list[tuple[float, str]], room: float, glue: str) -> list[str]:
    """Neighbouring blocks (height, text) joined: as few slides as fit, filled evenly."""
    slides = _greedy(blocks, room)
    while len(tighter := _greedy(blocks, room := room - 0.5)) == len(slides) and room > 0:
        slides = tighter
    return [glue.join(texts) for texts in slides]


def _greedy(blocks: list[tuple[float, str]], room: float) -> list[list[str]]:
    slides: list[list[str]] = []
    filled = math.inf
    for height, block in blocks:
        if filled + height > room:
            slides.append([])
            filled = 0.0
        slides[-1].append(block)
        filled += height
    return slides


def _sections(text: str) -> list[str]:
    """Markdown cut before each heading of level 2, empty parts left out."""
    return [
        part.strip() for part in re.split(r"^(?=## )", text, flags=re.MULTILINE) if part.strip()
    ]


def _blocks(text: str) -> list[str]:
    """Paragraphs, lists, tables, formulas; a formula stays with what announces it."""
    blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    joined: list[str] = []
    for block in blocks:
        if joined and (re.fullmatch("#.*", joined[-1]) or block.startswith("$$")):
            joined[-1] += "\n\n" + block
        else:
            joined.append(block)
    return joined


def _height(block: str) -> float:
    """About how many lines of a slide a block of markdown fills."""
    if block.lstrip().startswith("!["):
        return FIGURE_LINES
    plain = re.sub(r"\\[a-zA-Z]+", "x", re.sub(r"[{}$*`]", "", block))  # about what is drawn
    lines = sum(math.ceil(len(row) / LETTERS) for row in plain.splitlines())
    return lines + 0.5 + 1.5 * block.startswith("#") + 2 * block.count("\n$$")


def _outputs(cell: NotebookNode) -> Iterator[tuple[float, str]]:
    """What the cell showed: (height, HTML) of texts and figures, neighbouring texts as one."""
    text = ""
    for output in [*cell.outputs, None]:
        picture = output.get("data", {}).get("image/png") if output else None
        if output and not picture:
            added = output.get("text") or output.get("data", {}).get("text/plain", "")
            lines = [line for line in added.splitlines() if not BAR.search(line)]
            text += "".join(f"{line}\n" for line in lines)
            continue
        lines = text.rstrip("\n").split("\n")
        for at in range(0, len(lines) if text.strip() else 0, 20):
            some = html.escape("\n".join(lines[at : at + 20]))
            yield 0.8 * len(lines[at : at + 20]), f'<pre class="output">{some}</pre>'
        text = ""
        if picture:
            words = output.metadata.get("image/png", {}).get("alt", "")
            source = f"data:image/png;base64,{picture.strip()}"
            yield FIGURE_LINES, f'<img {FIGURE} alt="{html.escape(words)}" src="{source}">'


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which browsers draw without a script."""

    def block_math(self, body: str) -> str:
        return mathml(body, block=True)

    def inline_math(self, body: str) -> str:
        return mathml(body, block=False)


def _heading(text: str) -> str:
    """A heading of level 2 -> the HTML inside it."""
    return re.sub(r"</?h2[^>]*>", "", _markdown(text, {}))


def _markdown(text: str, pictures: dict) -> str:
    """Markdown -> HTML, its attached pictures inside."""
    renderer = _Renderer(escape=False, attachments=pictures, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(text).strip()
