"""Formulas for pages that need no script: LaTeX as MathML, which browsers draw themselves.

docutils does the work. What it does otherwise than LaTeX is mended here.
"""

import re
from xml.etree import ElementTree

FRACTION = re.compile(r"(\\[dt]?frac)\s*(\w)")  # a numerator without braces
UNKNOWN = {r"\dots": r"\ldots", r"\texttt": r"\mathtt"}  # and what stands for it
NAME = re.compile(r"<mi>([A-Za-z]{2,})</mi>")  # ln, KL, softmax


def mathml(tex: str, block: bool) -> str:
    """LaTeX -> MathML; a command that docutils does not know raises ValueError.

    `\\tfrac12` is a half (not 12 over what follows), the words of a brace stand below it (not
    beside it), names of functions have a space around them.
    """
    from docutils.utils.math import MathError
    from docutils.utils.math.latex2mathml import tex2mathml

    tex = FRACTION.sub(r"\1{\2}", tex).strip()
    for unknown, known in UNKNOWN.items():
        tex = re.sub(re.escape(unknown) + r"(?![a-zA-Z])", lambda _, known=known: known, tex)
    try:
        made = tex2mathml(tex, as_block=block).replace("&ApplyFunction;", "\u2061")
    except MathError as error:
        raise ValueError(f"the formula {tex!r} cannot be drawn: {error}") from None
    tree = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", made))
    for below in tree.iter("msub"):
        if below[0].tag == "munder":
            below.tag = "munder"
    text = ElementTree.tostring(tree, encoding="unicode")
    return NAME.sub(r'<mo lspace="0.17em" rspace="0.17em">\1</mo>', text)
