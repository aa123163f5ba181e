"""How a check of an exercise answers: *correct*, *not yet* with a hint, or *not started*.

A check is a plain function that takes what the learner made and returns a hint, or None when it is
right. `@exercise` turns it into one that prints the answer and never raises:

    @exercise
    def check_double(double):
        if given(double(3)) != 6:
            return "for 3 we expect 6; did you square instead?"
"""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple


class Verdict(NamedTuple):
    """`status`: "correct", "not yet" or "not started"; `hint`: the likely mistake, or ""."""

    status: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.hint}" if self.hint else self.status


class NotStarted(Exception):
    """The learner's stub still returns nothing."""


def given(answer: object) -> object:
    """The answer itself, if there is one: a stub that returns None or `...` is *not started*."""
    if answer is None or answer is ...:
        raise NotStarted
    return answer


def exercise(check: Callable[..., str | None]) -> Callable[..., Verdict]:
    """Make a check print its verdict and return it; errors in the learner's code become hints."""

    @wraps(check)
    def run(*answers: object) -> Verdict:
        try:
            hint = check(*[given(answer) for answer in answers])
            verdict = Verdict("not yet", hint) if hint else Verdict("correct")
        except NotStarted:
            verdict = Verdict("not started")
        except Exception as error:  # whatever the learner's code raises is the learner's to read
            verdict = Verdict("not yet", f"your code raised {type(error).__name__}: {error}")
        print(verdict)
        return verdict

    return run
