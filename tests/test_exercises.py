"""Every exercise: the solution passes, stubs are not started, likely mistakes get their hint.

A lesson's file has EXERCISES: check -> (solution, [(wrong answer, words of its hint), ...]). The
first exercise of a lesson takes a number, the others functions.
"""

import time

import pytest
import test_exercises_00
import test_exercises_01
import test_exercises_02
import test_exercises_03
import test_exercises_04
import test_exercises_05
import test_exercises_06
import test_exercises_07
import test_exercises_08
import test_exercises_09

MODULES = (
    test_exercises_00,
    test_exercises_01,
    test_exercises_02,
    test_exercises_03,
    test_exercises_04,
    test_exercises_05,
    test_exercises_06,
    test_exercises_07,
    test_exercises_08,
    test_exercises_09,
)
LESSONS = [module.EXERCISES for module in MODULES]
SOLUTIONS = [(check, solution) for lesson in LESSONS for check, (solution, _) in lesson.items()]
CHECKS = [check for check, _ in SOLUTIONS]
OF_FUNCTIONS = [check for lesson in LESSONS for check in list(lesson)[1:]]
MISTAKES = [
    (check, wrong, hint)
    for lesson in LESSONS
    for check, (_, cases) in lesson.items()
    for wrong, hint in cases
]


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_the_solution_is_correct(check, solution):
    assert check(solution).status == "correct"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_stub_is_not_started(check):
    assert check(None).status == "not started"
    assert check(...).status == "not started"


@pytest.mark.parametrize("check", OF_FUNCTIONS, ids=lambda check: check.__name__)
def test_a_function_that_returns_nothing_is_not_started(check):
    assert check(lambda *_: None).status == "not started"


@pytest.mark.parametrize(("check", "wrong", "hint"), MISTAKES)
def test_a_likely_mistake_gets_its_hint(check, wrong, hint):
    verdict = check(wrong)
    assert verdict.status == "not yet"
    assert hint in verdict.hint


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: next(iter(lesson)).__module__[-2:])
def test_a_lesson_has_three_exercises_and_three_known_mistakes_for_each(lesson):
    assert len(lesson) >= 3
    assert all(len(cases) >= 3 for _, cases in lesson.values())


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_a_check_takes_less_than_five_seconds(check, solution):
    start = time.process_time()
    check(solution)
    assert time.process_time() - start < 5
