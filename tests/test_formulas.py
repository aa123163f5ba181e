"""Formulas as MathML: what docutils draws otherwise than LaTeX is mended; errors have names."""

import re

import pytest

from course_utils.commands.formulas import mathml


@pytest.mark.parametrize("half", [r"\tfrac12 x", r"\frac1{2}x", r"\frac{1}2 x", r"\dfrac{1}{2}x"])
def test_a_half_is_a_half_with_and_without_braces(half):
    drawn = re.sub(r"\s+|<math[^>]*>", "", mathml(half, block=False))
    assert re.search(r"<mfrac[^>]*><mn>1</mn><mn>2</mn></mfrac><mi>x</mi>", drawn)


def test_the_name_of_a_function_is_an_operator_with_space_around_it():
    assert re.search(r"<mo [^>]*space[^>]*>ln</mo>", mathml(r"p \ln x", block=False))


def test_the_words_of_a_brace_stand_below_it():
    assert mathml(r"\underbrace{x}_{a}", block=True).count("<munder>") == 2


def test_dots_and_names_in_typewriter_are_known():
    assert "\u2026" in mathml(r"1, \dots, n", block=False)
    assert "\U0001d68a" in mathml(r"\texttt{a}", block=False)  # the letter in typewriter


def test_a_formula_that_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match=r"\\nosuchthing"):
        mathml(r"\nosuchthing{x}", block=False)
