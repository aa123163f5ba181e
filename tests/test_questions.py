"""The question bank: its form, its numbers, and the file that other systems import."""

import html
import json
import math
import re
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter

import pytest
from small_notebooks import course

from course_utils.cli import UsageError
from course_utils.commands.questions import FOLDER, qti_package, to_html

BANKS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
QUESTIONS = [question for bank in BANKS for question in bank["questions"]]
KINDS = {"recall": 2, "understanding": 4, "number": 2, "diagnosis": 2}


def place(question) -> int:
    """Where the right option stands, 0 to 3."""
    return [option["right"] for option in question["options"]].index(True)


def test_ten_lessons_have_ten_questions_each_in_the_same_mixture():
    assert [bank["lesson"] for bank in BANKS] == [f"{n:02}" for n in range(10)]
    for bank in BANKS:
        ids = [question["id"] for question in bank["questions"]]
        assert ids == [f"{bank['lesson']}-{n:02}" for n in range(1, 11)]
        assert Counter(question["kind"] for question in bank["questions"]) == KINDS


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_a_question_has_four_different_options_one_right_and_all_explained(question):
    texts = [option["text"] for option in question["options"]]
    reasons = [option["why"] for option in question["options"]]
    assert len(texts) == len(set(texts)) == len(set(reasons)) == 4
    assert [option["right"] for option in question["options"]].count(True) == 1
    assert all(len(reason.split()) >= 4 for reason in reasons), reasons
    assert all(
        option["why"].startswith("Right: ") == option["right"] for option in question["options"]
    )
    for text in (question["question"], *texts, *reasons):
        assert text == text.strip() and text.count("$") % 2 == text.count("`") % 2 == 0, text


def test_no_question_is_asked_twice():
    words = [re.sub(r"\W+", " ", question["question"]).lower() for question in QUESTIONS]
    assert len(set(words)) == len(words)


def test_neither_place_nor_length_gives_the_right_option_away():
    for bank in BANKS:
        places = Counter(place(question) for question in bank["questions"])
        assert sorted(places.values()) == [2, 2, 3, 3], bank["lesson"]
    assert set(Counter(map(place, QUESTIONS)).values()) == {25}
    longest = [max(range(4), key=lambda i: len(q["options"][i]["text"])) for q in QUESTIONS]
    found = sum(i == place(q) for i, q in zip(longest, QUESTIONS, strict=True))
    assert found <= 35, "who always takes the longest option is right in that many of 100"


# The right answer of each question of kind "number", calculated anew.
NUMBERS = {
    "00-07": -100 * math.log(0.8),
    "00-08": 1.58 + math.log(2),
    "01-07": -10 * math.log10(0.004),
    "01-08": 784 * 16 + 16 + 16 * 784 + 784,
    "02-07": 0.5 * (1**2 + 4 - 1 - math.log(4)),
    "02-08": -100 + math.log((1 + math.exp(-2)) / 2),
    "03-07": 16 * math.log2(512),
    "03-08": math.exp(-0.5 * math.log(0.5) - 2 * 0.25 * math.log(0.25)),
    "04-07": 0.1 / (0.1 + 0.4),
    "04-08": 2 * math.log(2) - 2 * 0.3,
    "05-07": (0 - 4) ** 2 + (3 - 1) ** 2,
    "05-08": (max(0, 1 - 2) + max(0, 1 - 0.5)) / 2 + (max(0, 1 - 2) + max(0, 1 + 0)) / 2,
    "06-07": (3 + 2 * 0.1) / (6 + 2),
    "06-08": 1.54 / math.log(2),
    "07-07": 3.2 / math.log(2) / 2.5,
    "07-08": len("你好, ok".encode()),
    "08-07": (3 + 1 + 4 + 4) * 64**2,
    "08-08": math.exp(2) / (math.exp(2) + 2),
    "09-07": 0.15 / (0.5 + 0.25 + 0.15),
    "09-08": 0.9**0.5 / (0.9**0.5 + 0.1**0.5),
}


def test_the_numbers_are_right_and_the_others_are_not():
    assert list(NUMBERS) == [q["id"] for q in QUESTIONS if q["kind"] == "number"]
    for question in QUESTIONS:
        if question["kind"] == "number":
            for option in question["options"]:
                shown = re.search(r"-?[\d.,]*\d", option["text"])[0].replace(",", "")
                rounding = 0.501 * 10.0 ** -len(shown.partition(".")[2])
                close = abs(float(shown) - NUMBERS[question["id"]]) <= rounding
                assert close == option["right"], (question["id"], option["text"])


def test_the_file_holds_every_question_with_one_full_mark_and_all_explanations(tmp_path):
    done = course("questions", tmp_path / "bank.xml")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "100 questions of 10 lessons" in done.stdout
    nodes = list(ET.parse(tmp_path / "bank.xml").getroot())
    asked = [node for node in nodes if node.get("type") == "multichoice"]
    assert [node.findtext("idnumber") for node in asked] == [q["id"] for q in QUESTIONS]
    assert len(nodes) - len(asked) == 10 and nodes[0].get("type") == "category"
    for node, question in zip(asked, QUESTIONS, strict=True):
        assert node.findtext("questiontext/text") == to_html(question["question"])
        answers, options = node.findall("answer"), question["options"]
        marks = ["100" if option["right"] else "0" for option in options]
        assert [answer.get("fraction") for answer in answers] == marks
        assert [a.findtext("text") for a in answers] == [to_html(o["text"]) for o in options]
        assert [a.findtext("feedback/text") for a in answers] == [
            to_html(o["why"]) for o in options
        ]
        assert node.findtext("shuffleanswers") == node.findtext("single") == "true"
        assert question["kind"] in [tag.text for tag in node.findall("tags/tag/text")]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_what_is_shown_is_well_formed_and_has_no_mark_left_over(question):
    options = [text for option in question["options"] for text in (option["text"], option["why"])]
    for text in (question["question"], *options):
        root = ET.fromstring(to_html(text))
        outside = "".join([root.text or "", *(child.tail or "" for child in root)])
        outside = re.sub(r"\\\(.*?\\\)", "", outside)
        assert not re.search(r"[$`*\\]", outside), text


def test_marks_become_html_and_all_else_is_escaped():
    known = r"<p>\(a &lt; b\) &amp; <em>not</em> <code>x * y &lt; 1</code></p>"
    assert to_html("$a < b$ & *not* `x * y < 1`") == known
    assert html.unescape(to_html("5 > 4")) == "<p>5 > 4</p>"


CP = "{http://www.imsglobal.org/xsd/imscp_v1p1}"
QTI = "{http://www.imsglobal.org/xsd/imsqti_v2p1}"
MATH = "{http://www.w3.org/1998/Math/MathML}"
PARTS = ["responseDeclaration", "outcomeDeclaration", "outcomeDeclaration"]  # in the schema's order
PARTS += ["itemBody", "responseProcessing", *["modalFeedback"] * 4]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("qti") / "bank.zip"
    done = course("questions", path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "100 questions of 10 lessons, in QTI 2.1" in done.stdout
    with zipfile.ZipFile(path) as archive:
        yield archive


def words(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_the_manifest_lists_every_file_of_the_package_once(archive):
    manifest = ET.fromstring(archive.read("imsmanifest.xml"))
    assert manifest.findtext(f"{CP}metadata/{CP}schema") == "QTIv2.1 Package"
    resources = manifest.findall(f"{CP}resources/{CP}resource")
    hrefs = [resource.get("href") for resource in resources]
    assert ["imsmanifest.xml", *hrefs] == archive.namelist()
    assert [resource.find(f"{CP}file").get("href") for resource in resources] == hrefs
    assert {resource.get("type") for resource in resources} == {"imsqti_item_xmlv2p1"}
    names = [node.get("identifier") for node in (manifest, *resources)]
    assert len(set(names)) == 101 and all(re.fullmatch(r"[A-Za-z_][\w.-]*", n) for n in names)
    items = [ET.fromstring(archive.read(href)) for href in hrefs]
    assert [item.get("identifier") for item in items] == names[1:]


def answer(item: ET.Element, choice: str) -> tuple[float, set[str]]:
    """Score and feedback after a choice, by the rules of the item as QTI says they are read."""
    score, feedback = 0.0, set()
    right = item.findtext(f"{QTI}responseDeclaration/{QTI}correctResponse/{QTI}value")
    rules = item.findall(f"{QTI}responseProcessing/{QTI}responseCondition/{QTI}responseIf")
    for match, effect in rules:
        assert match[0].attrib == {"identifier": "RESPONSE"}
        wanted = right if match[1].tag == f"{QTI}correct" else match[1].text
        if choice == wanted and effect.get("identifier") == "SCORE":
            score = float(effect[0].text)
        elif choice == wanted and effect.get("identifier") == "FEEDBACK":
            assert effect[0][0].attrib == {"identifier": "FEEDBACK"}
            feedback.add(effect[0][1].text)
    return score, feedback


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_an_item_of_qti_scores_and_explains_every_option(question, archive):
    """Order of parts and what is required: imsqti_v2p1.xsd and the information model, section 3."""
    item = ET.fromstring(archive.read(f"items/{question['id']}.xml"))
    assert [part.tag for part in item] == [QTI + name for name in PARTS]
    assert (item.get("adaptive"), item.get("timeDependent")) == ("false", "false")
    paragraph, interaction = item.find(f"{QTI}itemBody")
    asked = {"responseIdentifier": "RESPONSE", "shuffle": "true", "maxChoices": "1"}
    assert interaction.attrib == asked
    explained = {
        node.get("identifier"): node[0]
        for node in item.findall(f"{QTI}modalFeedback")
        if (node.get("outcomeIdentifier"), node.get("showHide")) == ("FEEDBACK", "show")
    }
    shown = [(paragraph, question["question"])]
    for choice, option in zip(interaction, question["options"], strict=True):
        letter = choice.get("identifier")
        assert answer(item, letter) == (float(option["right"]), {letter})
        shown += [(choice[0], option["text"]), (explained[letter], option["why"])]
    for element, text in shown:
        assert element.tag == f"{QTI}p" and "$" not in words(element)
        assert len(element.findall(f"{MATH}math")) == len(re.findall(r"\$[^$]+\$", text))
        for formula in element.findall(f"{MATH}math"):
            assert words(formula)
            for sign in list(formula):
                formula.remove(sign)
            formula.text = "formula"
        assert words(element) == words(ET.fromstring(to_html(text, lambda tex: "formula")))


def test_no_time_of_day_is_in_the_package_so_the_same_bank_makes_the_same_file(archive):
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_without_docutils_the_answer_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "docutils.utils.math", None)
    with pytest.raises(UsageError, match="pip install docutils"):
        qti_package(BANKS)


def test_some_lessons_only_and_wrong_words(tmp_path):
    done = course("questions", tmp_path / "two.xml", "3", "07")
    assert "20 questions of 2 lessons" in done.stdout
    for said, cure in (
        (["03"], "the first word is the file to write, a name.xml or name.zip"),
        ([tmp_path / "a.xml", "33"], "unknown lesson '33'"),
        ([tmp_path / "no" / "a.xml"], "there is no folder"),
    ):
        done = course("questions", *said)
        assert (done.returncode, cure in " ".join(done.stderr.split())) == (2, True), done.stderr
