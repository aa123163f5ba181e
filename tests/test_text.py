import os
import time
from pydoc_data.topics import topics

import pytest

from course_utils.data.text import Text, _split, load_text


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    return tmp_path


def test_the_split_keeps_every_character_once_nine_tenths_first():
    text = load_text("python-docs")
    whole = text.train + text.validation
    assert len(whole) > 300_000 and len(text.train) == int(0.9 * len(whole))
    assert "\r" not in whole and text.name == "python-docs"
    assert whole.startswith(topics[min(topics)].strip())  # by title, so equal in every process


def test_lines_end_alike_whatever_the_file_has():
    assert _split("a", "one\r\ntwo\rsix\n") == Text("a", "one\ntwo\nsi", "x\n")


def test_offline_one_line_says_what_is_used_why_and_the_cure(nothing_here, capsys):
    assert load_text("tinyshakespeare").name == "python-docs"
    (line,) = capsys.readouterr().out.splitlines()
    assert "python-docs" in line and "COURSE_OFFLINE" in line and "course_utils data" in line


def test_with_the_network_blocked_the_stand_in_comes_at_once(nothing_here, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens: no host is reached
    start = time.monotonic()
    assert load_text("tinyshakespeare").name == "python-docs"
    assert time.monotonic() - start < 20
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "raw.githubusercontent.com: " in lines[3]
    assert list(nothing_here.rglob("*")) == []


def test_an_unknown_text_gets_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'tinyshakespeare'"):
        load_text("tiny-shakespeare")


@pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="needs the real text")
def test_tiny_shakespeare_has_its_known_sizes():
    text = load_text("tinyshakespeare")
    assert text.name == "tinyshakespeare"
    assert (len(text.train), len(text.train + text.validation)) == (1_003_854, 1_115_394)
    assert len(set(text.train + text.validation)) == 65
    assert text.train.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")


def test_a_file_of_ones_own_is_read_and_split(tmp_path):
    path = tmp_path / "红楼梦.txt"
    path.write_bytes(b"\xef\xbb\xbf" + ("宝玉笑道\r\n" * 20).encode())  # as Windows saves it
    text = load_text(str(path))
    assert text.name == "红楼梦" and text.train + text.validation == "宝玉笑道\n" * 20
    assert len(text.train) == 90


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "0 characters"),
        ("für".encode("latin-1"), "no UTF-8"),
        ("für ".encode() + "für".encode("latin-1"), "no UTF-8"),  # two encodings in one file
        ("für".encode("utf-16"), "no UTF-8"),
        ("fur".encode("utf-16-le"), "NUL characters; save it again"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_a_cure(tmp_path, content, words):
    path = tmp_path / "book.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        load_text(str(path))


def test_a_text_too_long_for_the_memory_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "library.txt"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(ValueError, match="1,000 MB, more than the 50 MB.*cut a piece"):
        load_text(str(path))


def test_what_is_no_file_is_not_opened(tmp_path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe) if hasattr(os, "mkfifo") else pipe.mkdir()
    for name in (str(pipe), f"{tmp_path}/"):
        with pytest.raises(ValueError, match="is not a file"):
            load_text(name)
