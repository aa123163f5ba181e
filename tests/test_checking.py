"""A check answers correct, not yet or not started, and never raises."""

from course_utils.exercises.checking import Verdict, exercise, given


@exercise
def check_double(double):
    if given(double(3)) == 9:
        return "that is the square"
    if double(3) != 6:
        return "for 3 we expect 6"


def test_the_right_answer_is_correct(capsys):
    assert check_double(lambda x: 2 * x) == Verdict("correct")
    assert capsys.readouterr().out == "correct\n"


def test_a_known_mistake_gets_its_hint(capsys):
    assert check_double(lambda x: x * x) == Verdict("not yet", "that is the square")
    assert capsys.readouterr().out == "not yet: that is the square\n"


def test_a_stub_is_not_started_whether_it_returns_none_or_dots_or_is_dots():
    for stub in (lambda x: None, lambda x: ..., ..., None):
        assert check_double(stub).status == "not started"


def test_an_error_in_the_learners_code_becomes_a_hint():
    verdict = check_double(lambda x: 1 / 0)
    assert verdict.status == "not yet"
    assert "ZeroDivisionError" in verdict.hint
