"""A check answers correct, not yet or not started; it never raises and never hangs."""

import signal
import threading
import time

import pytest
import torch

from course_utils import exercises
from course_utils.exercises import checking, lesson_01, lesson_02
from course_utils.exercises.checking import Verdict, compare, exercise, given


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


@exercise
def check_forever(answer):
    """Exercise 9: an answer that ends."""
    given(answer())


def never_ends():
    while True:
        pass


def swallows_errors_for_ever():
    while True:
        try:
            raise ValueError
        except Exception:
            pass


@pytest.mark.parametrize("loop", [never_ends, swallows_errors_for_ever])
def test_an_endless_loop_is_stopped_and_told(loop, monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 0.2)
    start = time.perf_counter()
    verdict = check_forever(loop)
    assert verdict.status == "not yet" and "0.2 s" in verdict.hint and "loop" in verdict.hint
    assert time.perf_counter() - start < 5


def test_the_limit_holds_where_a_stop_by_hand_is_ignored_as_in_the_background(monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 0.2)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert "0.2 s" in check_forever(never_ends).hint
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_limit_leaves_no_alarm_behind(monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT", 0.1)
    assert check_double(lambda x: 2 * x).status == "correct"
    time.sleep(0.3)  # an alarm left behind would stop the test here


def test_a_stop_by_hand_goes_through():
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_forever(stopped)


def test_a_check_works_in_another_thread():
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(check_double(lambda x: 2 * x)))
    thread.start()
    thread.join()
    assert verdicts == [Verdict("correct")]


def test_compare_takes_numbers_and_tensors_and_names_the_mistake():
    mistakes = {"doubled": 2.0, "negative": -1.0}
    assert compare(1.0, 1.0, mistakes, "other") is None
    assert compare(torch.tensor(1), 1.0, mistakes, "other") is None
    assert compare(-1.0, 1.0, mistakes, "other") == "negative"
    assert compare(5.0, 1.0, mistakes, "other") == "other"
    ones = torch.ones(2)
    assert compare(2 * ones, ones, {"doubled": 2 * ones}, "other") == "doubled"
    for wrong in (torch.ones(3), torch.ones(2, 1)):
        with pytest.raises(ValueError, match="shape"):
            compare(wrong, ones, {}, "other")


def test_progress_shows_the_best_verdict_of_each_exercise(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "new" / "verdicts"))
    lesson_01.check_parameters(2)  # not yet
    lesson_01.check_parameters(50_992)  # correct
    lesson_01.check_parameters(1)  # stays correct
    lesson_01.check_pca(lambda mean, components: None)  # not started: not kept
    lesson_02.check_kl(0.0)  # not yet
    capsys.readouterr()
    exercises.progress()
    lines = capsys.readouterr().out.splitlines()
    assert "Lesson 00: 0 of 4 correct" in lines and "Lesson 01: 1 of 4 correct" in lines
    assert any(line.startswith("    correct      1: how many") for line in lines)
    assert any(line.startswith("    not started  2: ") for line in lines)
    assert any(line.startswith("    not yet      1: a KL") for line in lines)
    assert sum(line.startswith("Lesson") for line in lines) == 10


def test_progress_survives_a_file_of_rubbish_and_none_at_all(monkeypatch, tmp_path, capsys):
    path = tmp_path / "verdicts"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    exercises.progress()
    path.write_bytes(b'\xff\xfe\n[1]\n{"exercise": "x"}\n3\nnot json\n')
    exercises.progress()
    assert "Lesson 00: 0 of 4 correct" in capsys.readouterr().out


def test_a_check_works_where_nothing_can_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "verdicts"))
    assert check_double(lambda x: 2 * x).status == "correct"
