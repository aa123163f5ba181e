"""The question bank as an IMS QTI 2.1 content package: a manifest and one file per question.

Source: IMS Question and Test Interoperability 2.1, final release of 31 August 2012: Assessment
Test, Section and Item Information Model, Implementation Guide, Meta-data and Packaging
(imsglobal.org/question). The score follows the template match_correct, and its rules stand in the
item too, since rules are preferred to a template. Each option adds its own name to FEEDBACK, which
shows its explanation; Canvas's importer finds explanations in this form alone.
"""

import zipfile
from io import BytesIO
from typing import Any

from course_utils.commands.formulas import mathml
from course_utils.commands.questions import to_html

MATHML = "http://www.w3.org/1998/Math/MathML"
OLDEST = (1980, 1, 1, 0, 0, 0)  # for a ZIP file; the same bank gives the same bytes

MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="generative-ai" xmlns="http://www.imsglobal.org/xsd/imscp_v1p1">
  <metadata>
    <schema>QTIv2.1 Package</schema>
    <schemaversion>1.0.0</schemaversion>
  </metadata>
  <organizations/>
  <resources>
{resources}
  </resources>
</manifest>
"""

RESOURCE = """    <resource identifier="{name}" type="imsqti_item_xmlv2p1" href="{file}">
      <file href="{file}"/>
    </resource>"""

ITEM = """<?xml version="1.0" encoding="UTF-8"?>
<assessmentItem identifier="{name}" title="{title}" xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1"
  adaptive="false" timeDependent="false" xml:lang="en">
  <responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier">
    <correctResponse><value>{right}</value></correctResponse>
  </responseDeclaration>
  <outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float" normalMaximum="1">
    <defaultValue><value>0</value></defaultValue>
  </outcomeDeclaration>
  <outcomeDeclaration identifier="FEEDBACK" cardinality="multiple" baseType="identifier"/>
  <itemBody>
    {question}
    <choiceInteraction responseIdentifier="RESPONSE" shuffle="true" maxChoices="1">
{choices}
    </choiceInteraction>
  </itemBody>
  <responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct">
    <responseCondition>
      <responseIf>
        <match><variable identifier="RESPONSE"/><correct identifier="RESPONSE"/></match>
        <setOutcomeValue identifier="SCORE">
          <baseValue baseType="float">1</baseValue>
        </setOutcomeValue>
      </responseIf>
    </responseCondition>
{rules}
  </responseProcessing>
{feedback}
</assessmentItem>
"""

CHOICE = '      <simpleChoice identifier="{letter}">{text}</simpleChoice>'

RULE = """    <responseCondition>
      <responseIf>
        <match>
          <variable identifier="RESPONSE"/>
          <baseValue baseType="identifier">{letter}</baseValue>
        </match>
        <setOutcomeValue identifier="FEEDBACK">
          <multiple>
            <variable identifier="FEEDBACK"/>
            <baseValue baseType="identifier">{letter}</baseValue>
          </multiple>
        </setOutcomeValue>
      </responseIf>
    </responseCondition>"""

FEEDBACK = """  <modalFeedback outcomeIdentifier="FEEDBACK" identifier="{letter}" showHide="show">
    {why}
  </modalFeedback>"""
PARTS = {"choices": CHOICE, "rules": RULE, "feedback": FEEDBACK}  # once for every option


def package(banks: list[dict[str, Any]]) -> bytes:
    """The lessons' questions as the bytes of a ZIP file; imports docutils, which draws formulas."""
    questions = [question for bank in banks for question in bank["questions"]]
    files = {f"items/{question['id']}.xml": item(question) for question in questions}
    resources = [
        RESOURCE.format(name=_name(question), file=file)
        for file, question in zip(files, questions, strict=True)
    ]
    manifest = {"imsmanifest.xml": MANIFEST.format(resources="\n".join(resources))}
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in (manifest | files).items():
            entry = zipfile.ZipInfo(file, OLDEST)
            archive.writestr(entry, text.encode(), compress_type=zipfile.ZIP_DEFLATED)
    return content.getvalue()


def item(question: dict[str, Any]) -> str:
    """One question as an assessmentItem: options A to D, one point for the right one."""
    options = dict(zip("ABCD", question["options"], strict=True))
    lesson, number = question["id"].split("-")
    return ITEM.format(
        name=_name(question),
        title=f"Lesson {lesson}, question {number} ({question['kind']})",
        right=next(letter for letter, option in options.items() if option["right"]),
        question=_html(question["question"]),
        **{name: _each(form, options) for name, form in PARTS.items()},
    )


def _each(form: str, options: dict[str, dict[str, Any]]) -> str:
    """A form filled in for every option."""
    filled = [
        form.format(letter=letter, text=_html(option["text"]), why=_html(option["why"]))
        for letter, option in options.items()
    ]
    return "\n".join(filled)


def _name(question: dict[str, Any]) -> str:
    """An identifier, which may not begin with a digit."""
    return f"question-{question['id']}"


def _html(text: str) -> str:
    """Text of the bank as HTML whose formulas are MathML."""
    return to_html(text, _formula)


def _formula(tex: str) -> str:
    return mathml(tex, block=False).replace("<math", f'<math xmlns="{MATHML}"', 1)
