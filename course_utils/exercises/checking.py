"""How a check of an exercise answers: *correct*, *not yet* with a hint, or *not started*.

A check is a plain function that takes what the learner made and returns a hint, or None when it is
right. `@exercise` turns it into one that prints the answer, never raises and never hangs:

    @exercise
    def check_double(double):
        '''Exercise 1: twice the number.'''
        if given(double(3)) != 6:
            return "for 3 we expect 6; did you square instead?"

Verdicts are kept on this machine for `exercises.progress()`, one line each, in the file named by
`COURSE_PROGRESS` or in this user's folder for data.
"""

import _thread
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import NamedTuple

import platformdirs
import torch
from torch import Tensor

TIME_LIMIT = 20.0  # seconds; a check takes one or two


class Verdict(NamedTuple):
    """`status`: "correct", "not yet" or "not started"; `hint`: the likely mistake, or ""."""

    status: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.hint}" if self.hint else self.status


class NotStarted(Exception):
    """The learner's stub still returns nothing."""


class Misshapen(ValueError):
    """An answer of the wrong form; its message is the hint."""


def given(answer: object) -> object:
    """The answer itself, if there is one: a stub that returns None or `...` is *not started*."""
    if answer is None or answer is ...:
        raise NotStarted
    return answer


def given_tensor(answer: object, shape: tuple[int, ...]) -> Tensor:
    """The answer as a float tensor of this shape; anything else raises, which becomes a hint."""
    answer = torch.as_tensor(given(answer)).float()
    if answer.shape != shape:
        raise Misshapen(f"expected the shape {tuple(shape)}, yours is {tuple(answer.shape)}")
    return answer


def given_number(answer: object) -> float:
    """A number or a tensor with one element; anything else raises, which becomes a hint."""
    answer = torch.as_tensor(given(answer)).float()
    if answer.numel() != 1:
        raise Misshapen(f"expected one number, yours has the shape {tuple(answer.shape)}")
    return answer.item()


def compare(
    answer: object,
    right: object,
    mistakes: Mapping[str, object],
    otherwise: str,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> str | None:
    """None if the answer is right, else the hint of the first mistake that gives this answer.

    Numbers or tensors; a number with another number of elements raises, which becomes a hint.
    """
    right = torch.as_tensor(right).detach().double()
    answer = given_tensor(answer, right.shape).detach().double()
    if torch.allclose(answer, right, rtol, atol):
        return None
    wrongs = ((hint, torch.as_tensor(x).detach().double()) for hint, x in mistakes.items())
    return next((hint for hint, x in wrongs if torch.allclose(answer, x, rtol, atol)), otherwise)


def exercise(check: Callable[..., str | None]) -> Callable[..., Verdict]:
    """Make a check print its verdict and return it; errors in the learner's code become hints."""

    @wraps(check)
    def run(*answers: object) -> Verdict:
        try:
            with time_limit(TIME_LIMIT):
                hint = check(*[given(answer) for answer in answers])
            verdict = Verdict("not yet", hint) if hint else Verdict("correct")
        except NotStarted:
            verdict = Verdict("not started")
        except Misshapen as error:
            verdict = Verdict("not yet", str(error))
        except Exception as error:  # whatever the learner's code raises is the learner's to read
            verdict = Verdict("not yet", f"your code raised {type(error).__name__}: {error}")
        print(verdict)
        _keep(f"{check.__module__.rpartition('.')[2]}.{check.__name__}", verdict)
        return verdict

    run.is_exercise = True
    return run


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the code inside when it takes longer, as an endless loop does.

    It works in the main thread, where notebooks run, and stops Python code, not one long call into
    a library. A stop by hand goes through, also in a program of the background, which ignores it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late = threading.Event()

    def stop() -> None:
        late.set()
        _thread.interrupt_main()  # the same on Windows, where there is no alarm signal

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not late.is_set():
            raise
        raise TimeoutError(f"still running after {seconds:g} s; does a loop never end?") from None
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


def progress_file() -> Path:
    """Where verdicts are kept: `COURSE_PROGRESS`, or a file in this user's folder for data."""
    chosen = os.environ.get("COURSE_PROGRESS")
    folder = platformdirs.user_data_dir("course_utils", appauthor=False)
    return Path(chosen or Path(folder, "progress.jsonl"))


def _keep(name: str, verdict: Verdict) -> None:
    """Add a line to the file; a machine where nothing can be written keeps nothing."""
    if verdict.status == "not started":
        return
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"exercise": name, "status": verdict.status}) + "\n")
    except OSError:
        pass
