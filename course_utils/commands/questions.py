r"""Write the question bank, with an explanation for every option, as a file that others import.

The questions lie in docs/questions/NN.json, ten a lesson, with four options of which one is right.
A name.xml is written as Moodle XML, a name.zip as an IMS QTI 2.1 package for other systems. Text
between dollars is LaTeX and becomes \( ... \) for Moodle, MathML in QTI; `code` and *stress*
become HTML.

examples:
  python -m course_utils questions bank.xml             all lessons, for Moodle
  python -m course_utils questions bank.zip 03 04       two of them, as QTI
"""

import argparse
import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.cli import UsageError, unknown
from course_utils.commands.notebook import ROOT, write_atomically

FOLDER = ROOT / "docs" / "questions"
MARKED = re.compile(r"(\$[^$]+\$|`[^`]+`|\*[^*]+\*)")  # the first mark of a stretch counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `questions`."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="name.xml (Moodle) or name.zip (QTI)"
    )
    parser.add_argument("lessons", metavar="LESSON", nargs="*", help="01, 02, ... (all lessons)")


def main(options: argparse.Namespace) -> int:
    """Write the file and say how many questions it holds."""
    if options.file.suffix not in FORMS:
        raise UsageError(
            f"the first word is the file to write, a name.xml or name.zip, not {options.file}"
        )
    if not options.file.parent.is_dir():
        raise UsageError(f"there is no folder {options.file.parent}; make it first")
    known = {path.stem: path for path in sorted(FOLDER.glob("*.json"))}
    wanted = [word.zfill(2) for word in options.lessons] or list(known)
    if bad := [lesson for lesson in wanted if lesson not in known]:
        raise UsageError(unknown("lesson", bad[0], known))
    banks = [json.loads(known[lesson].read_text(encoding="utf-8")) for lesson in wanted]
    form, write = FORMS[options.file.suffix]
    write_atomically(options.file, write(banks))
    count = sum(len(bank["questions"]) for bank in banks)
    print(f"{options.file}: {count} questions of {len(banks)} lessons, in {form}")
    return 0


def moodle_formula(tex: str) -> str:
    r"""LaTeX between \( and \), which Moodle's MathJax filter shows."""
    return rf"\({html.escape(tex, quote=False)}\)"


def moodle_xml(banks: list[dict[str, Any]]) -> bytes:
    """The lessons' questions as a Moodle XML file (docs.moodle.org, Moodle XML format), UTF-8."""
    quiz = ET.Element("quiz")
    for bank in banks:
        category = ET.SubElement(ET.SubElement(quiz, "question", type="category"), "category")
        path = f"$course$/top/Generative AI/Lesson {bank['lesson']}"
        ET.SubElement(category, "text").text = path
        for question in bank["questions"]:
            quiz.append(_multichoice(question, bank["lesson"]))
    ET.indent(quiz)
    return ET.tostring(quiz, encoding="utf-8", xml_declaration=True)


def _multichoice(question: dict[str, Any], lesson: str) -> ET.Element:
    """One question: a wrong option earns nothing, each option answers with its explanation."""
    node = ET.Element("question", type="multichoice")
    _text(node, "name", question["id"])
    _text(node, "questiontext", to_html(question["question"]), format="html")
    settings = {"defaultgrade": "1", "idnumber": question["id"], "single": "true"}
    settings |= {"shuffleanswers": "true", "answernumbering": "abc"}
    for name, value in settings.items():
        ET.SubElement(node, name).text = value
    for option in question["options"]:
        fraction = "100" if option["right"] else "0"
        answer = _text(node, "answer", to_html(option["text"]), fraction=fraction, format="html")
        _text(answer, "feedback", to_html(option["why"]), format="html")
    tags = ET.SubElement(node, "tags")
    for tag in (f"lesson {lesson}", question["kind"]):
        _text(tags, "tag", tag)
    return node


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> ET.Element:
    """A child that holds its words in an element `text`, as Moodle XML does."""
    child = ET.SubElement(parent, name, attributes)
    ET.SubElement(child, "text").text = text
    return child


def qti_package(banks: list[dict[str, Any]]) -> bytes:
    """The lessons' questions as a QTI 2.1 package; UsageError without docutils."""
    from course_utils.commands.qti import package  # which imports this file

    try:
        return package(banks)
    except ModuleNotFoundError:
        raise UsageError(
            "a name.zip needs docutils, which draws formulas: python -m pip install docutils"
        ) from None


FORMS = {".xml": ("Moodle XML", moodle_xml), ".zip": ("QTI 2.1", qti_package)}


def to_html(text: str, formula: Callable[[str], str] = moodle_formula) -> str:
    """$tex$ -> formula("tex"), `code` -> <code>, *word* -> <em>; all else is escaped as it is."""
    parts = []
    for part in MARKED.split(text):
        inner = html.escape(part[1:-1], quote=False)
        if not MARKED.fullmatch(part):
            parts.append(html.escape(part, quote=False))
        elif part[0] == "$":
            parts.append(formula(part[1:-1]))
        else:
            parts.append(f"<code>{inner}</code>" if part[0] == "`" else f"<em>{inner}</em>")
    return f"<p>{''.join(parts)}</p>"
