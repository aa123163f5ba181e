"""The search for a file and its saving: shared folder, cache, offline, full disk, processes."""

import hashlib
import os
import subprocess
import sys
import threading
from argparse import Namespace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from course_utils.commands import data as data_command
from course_utils.data.files import check_name, find_file, offline, read_file
from course_utils.data.sources import DataMissing, RemoteFile

CONTENT = b"all the world's a stage\n" * 5000  # 120,000 bytes
FETCH = "from course_utils.data.download import fetch; from pathlib import Path; "
FETCH += "from course_utils.data.sources import RemoteFile; import sys; "
FETCH += "file = RemoteFile('file', 120_000, sys.argv[1], (sys.argv[2],)); "


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file on a server on this machine, with COURSE_DATA and the cache in empty folders."""
    for name in ("served", "shared", "cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "served/file").write_bytes(CONTENT)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "shared"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(QuietHandler, directory=tmp_path / "served")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/file"
    yield RemoteFile("file", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), (address,))
    server.shutdown()
    server.server_close()


def in_another_process(file, code):
    command = [sys.executable, "-c", FETCH + code, file.sha256, *file.sources]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=Path(__file__).parent.parent, **pipes)


def test_the_shared_folder_comes_first_then_the_cache_then_the_network(file, tmp_path, capsys):
    assert find_file(file) is None
    assert read_file(file) == CONTENT
    assert find_file(file) == tmp_path / "cache/file"
    assert "Downloading" in capsys.readouterr().out
    (tmp_path / "served/file").unlink()
    assert read_file(file) == CONTENT
    (tmp_path / "shared/file").write_bytes(CONTENT)
    assert find_file(file) == tmp_path / "shared/file"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("bad", [CONTENT[:-1], CONTENT[::-1], b"", b"<html>"])
def test_a_bad_copy_is_named_and_the_next_place_is_tried(file, tmp_path, capsys, bad):
    (tmp_path / "shared/file").write_bytes(bad)
    (tmp_path / "cache/file").write_bytes(bad)
    assert read_file(file) == CONTENT
    assert capsys.readouterr().out.count("is not used: ") == 2
    assert (tmp_path / "shared/file").read_bytes() == bad  # COURSE_DATA is never written to
    assert (tmp_path / "cache/file").read_bytes() == CONTENT
    assert os.listdir(tmp_path / "shared") == os.listdir(tmp_path / "cache") == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among its files")
def test_a_pipe_a_device_and_a_giant_are_named_and_not_read(file, tmp_path, capsys):
    place = tmp_path / "shared/file"
    os.mkfifo(place)  # reading it would wait for ever
    assert read_file(file) == CONTENT
    place.unlink()
    place.symlink_to("/dev/zero")  # this would fill the memory
    assert find_file(file) == tmp_path / "cache/file"
    place.unlink()
    with place.open("wb") as giant:
        giant.truncate(10**12)
    assert find_file(file) == tmp_path / "cache/file"
    out = capsys.readouterr().out
    assert out.count(f"{place} is not used: ") == 3
    assert "1,000,000,000,000 bytes instead of 120,000" in out


def test_offline_says_where_it_looked_and_asks_no_server(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(DataMissing, match="COURSE_OFFLINE") as caught:
        read_file(file)
    assert str(tmp_path / "shared") in str(caught.value)
    assert "Downloading" not in capsys.readouterr().out


@pytest.mark.parametrize(("value", "expected"), [("", False), ("0", False), ("1", True)])
def test_offline_is_any_value_but_empty_and_zero(monkeypatch, value, expected):
    monkeypatch.setenv("COURSE_OFFLINE", value)
    assert offline() is expected


def test_a_cache_that_cannot_be_made_costs_one_line_and_the_data_arrive(
    file, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "served/file"))  # a file, not a folder
    assert read_file(file) == CONTENT
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "cannot be saved" in lines[1] and "COURSE_CACHE" in lines[1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_read_only_cache_costs_one_line_and_the_data_arrive(file, tmp_path, capsys):
    (tmp_path / "cache").chmod(0o500)
    assert read_file(file) == CONTENT
    assert "cannot be saved" in capsys.readouterr().out


def test_a_full_disk_leaves_no_part_of_a_file_and_the_data_arrive(file, tmp_path):
    pytest.importorskip("resource", reason="Windows has no limit on the size of a file")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
    worker = in_another_process(file, limit + f"print(len(fetch(file, Path({str(tmp_path)!r}))))")
    out, err = worker.communicate(timeout=30)
    assert "cannot be saved (File too large)" in out and out.endswith("120000\n") and err == ""
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_four_processes_at_once_never_see_half_a_file(file, tmp_path):
    rounds = (
        30 if os.name == "posix" else 1
    )  # Windows may refuse to open a file while it is renamed
    code = f"folder = Path({str(tmp_path / 'cache')!r})\nfor _ in range({rounds}):\n"
    code += "    assert len(fetch(file, folder)) == file.size\n"
    code += "    assert not file.problem_with((folder / 'file').read_bytes())"
    workers = [in_another_process(file, code) for _ in range(4)]
    outputs = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, outputs
    assert not any("cannot be saved" in out for out, _ in outputs)
    assert os.listdir(tmp_path / "cache") == ["file"] and find_file(file) is not None


def test_an_unknown_name_gets_the_nearest_ones():
    check_name("data set", "mnist", ("mnist", "glyphs"))
    with pytest.raises(ValueError, match="Did you mean 'glyphs'.*There are: mnist, glyphs"):
        check_name("data set", "Glyph", ("mnist", "glyphs"))


def test_the_data_command_says_what_is_missing_and_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    assert data_command.main(Namespace(probe=False)) == 1
    out = capsys.readouterr().out
    assert out.count("MISSING") == 5 and "5 of 5 files are missing" in out and str(tmp_path) in out


@pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="needs the real files")
def test_the_data_command_is_content_with_the_real_files(capsys):
    assert data_command.main(Namespace(probe=False)) == 0
    assert capsys.readouterr().out.count(" yes ") == 5
