"""A result is shown beside its usual range; outside it, hints and no exception."""

import json

import pytest

from course_utils import promises
from course_utils.promises import MIME_TYPE, Results


@pytest.fixture
def shown(monkeypatch):
    """What the notebook would display, collected through IPython's own publisher."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def results(low=1.0, high=2.0):
    found = Results("no_such_notebook", "lesson", "mnist")
    found.ranges = {"error": [low, high]}
    return found


def test_a_result_inside_its_range_is_ok(shown):
    results().record("error", 1.5, "nats per image")
    text, content = shown[0]["data"]["text/plain"], shown[0]["data"][MIME_TYPE]
    assert "1.5 nats per image" in text and "1 to 2: ok" in text
    assert content["ok"] is True and content["source"] == "mnist" and content["profile"] == "lesson"


def test_a_result_outside_its_range_gives_hints_and_goes_on(shown):
    results().record("error", 2.5, "nats")
    assert "OUTSIDE" in shown[0]["data"]["text/plain"]
    assert "restart the kernel" in shown[0]["data"]["text/plain"]
    assert shown[0]["data"][MIME_TYPE]["ok"] is False


def test_not_a_number_is_outside_every_range(shown):
    results().record("error", float("nan"), "nats")
    assert shown[0]["data"][MIME_TYPE]["ok"] is False


def test_a_result_without_a_promise_is_shown_and_not_judged(shown):
    results().record("other", 3, "dB")
    assert shown[0]["data"]["text/plain"] == "other: 3 dB"
    assert shown[0]["data"][MIME_TYPE]["ok"] is None


def test_ranges_are_read_from_the_notebook_beside_the_package(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    course = {"promises": {"quick": {"mnist": {"error": [1, 2]}}}}
    content = {"cells": [], "metadata": {"course": course}}
    (folder / "77_new.ipynb").write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(promises, "__file__", str(tmp_path / "course_utils" / "promises.py"))
    assert Results("77_new", "quick", "mnist").ranges == {"error": [1, 2]}
    assert Results("77_new", "quick", "glyphs").ranges == {}
    assert Results("78_other", "quick", "mnist").ranges == {}
