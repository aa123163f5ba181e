"""Writers that are killed, and disks that are full. POSIX only; small disks need root on Linux."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import torch
from torch import nn

from course_utils.commands.notebook import write_atomically
from course_utils.data.download import _save
from course_utils.runtime import load_checkpoint, save_checkpoint
from tests import small_notebooks
from tests.hardship import Skipped

KILLS = 200
SIDE = 300  # of a square matrix: 360 KB


def killed(write: Callable[[int], None], check: Callable[[], None], folder: Path) -> str:
    """A process writes version after version until it is killed; `check` looks after each kill."""
    if not hasattr(os, "fork"):
        raise Skipped("Windows has no fork")
    write(0)
    draw = random.Random(0)
    for turn in range(1, KILLS + 1):
        child = os.fork()
        if child == 0:
            for version in count(1000 * turn):
                write(version)
        time.sleep(draw.uniform(0.001, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        check()
    drafts = len(os.listdir(folder)) - 1
    assert drafts, "no write was ever interrupted: this proves nothing"
    return f"always one whole version; {drafts} kills came in the middle of a write (a draft stays)"


def killed_checkpoint(folder: Path) -> str:
    """Weights and config of one version, or of another, never of two."""
    path, model = folder / "model.safetensors", nn.Linear(SIDE, SIDE)

    def write(version: int) -> None:
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(version)
        save_checkpoint(path, model, {"version": version})

    def check() -> None:
        config, weights = load_checkpoint(path)
        assert all((weight == config["version"]).all() for weight in weights.values())

    return killed(write, check, folder)


def killed_file(save: Callable[[Path, bytes], None]) -> Callable[[Path], str]:
    """The same for a writer of bytes: each version is one number, again and again."""

    def case(folder: Path) -> str:
        path = folder / "file"

        def check() -> None:
            content = path.read_bytes()
            assert len(content) == 800_000 and len(set(content.split())) == 1

        return killed(lambda version: save(path, b"%7d " % version * 100_000), check, folder)

    return case


killed_data = killed_file(lambda path, content: _save(content, path))
killed_notebook = killed_file(write_atomically)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size, in memory."""
    disk = folder / "disk"
    disk.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    ).returncode:  # fmt: skip
        raise Skipped("only root on Linux may mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def full_checkpoint(folder: Path) -> str:
    """The second checkpoint does not fit: the first one stays, the words name file and cure."""
    with small_disk(folder, "500k") as disk:
        path, model = disk / "model.safetensors", nn.Linear(SIDE, SIDE)
        save_checkpoint(path, model, {"version": 1})
        try:
            save_checkpoint(path, model, {"version": 2})
            raise AssertionError("it fitted: this proves nothing")
        except OSError as error:
            assert str(path) in str(error) and "free some space" in str(error), error
        assert load_checkpoint(path)[0] == {"version": 1}
        assert os.listdir(disk) == [path.name]
    return "OSError with file and cure; the old checkpoint is whole, no draft"


def full_cache(folder: Path) -> str:
    """Data arrive although they cannot be kept."""
    from tests.hardship.network import CONTENT, fetch, remote, server

    with small_disk(folder, "100k") as disk, server() as address:
        assert fetch(remote(f"{address}/good"), disk) == CONTENT
        assert not os.listdir(disk)
    return "the data are there, one line says that they are not kept"


def full_report(folder: Path) -> str:
    """The folder of copies and report fills up in the middle of a run."""
    path = small_notebooks.make_notebook(folder / "long.ipynb", "print('x' * 300_000)")
    with small_disk(folder, "64k") as disk:
        done = small_notebooks.course("run", path, "--output", disk)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "the disk is full; free some space" in done.stdout, done.stdout
    return "the row says: the disk is full, and what to do"
