"""Files made to do harm, or spoiled by a bad disk; and a machine with little memory."""

import hashlib
import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from torch import nn

from course_utils.commands.notebook import find, lessons, parameters, read
from course_utils.commands.student import hand_out
from course_utils.data.files import find_file
from course_utils.data.sources import RemoteFile
from course_utils.runtime import load_checkpoint, save_checkpoint
from tests import small_notebooks
from tests.hardship import Skipped

FUZZED = 2000
NAMES = ("..", "../x", "..\\x", "a/../../x.ipynb", "/etc/passwd", "~root", "%2e%2e/x", "x\0y", "-")


def spoiled(content: bytes, draw: random.Random) -> bytes:
    """The content with up to six of its bytes changed, lost or doubled, mostly near its start."""
    spoilt = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(min(len(spoilt), 400))
        spoilt[at : at + draw.randint(0, 9)] = draw.randbytes(draw.randint(0, 9))
    return bytes(spoilt)


def fuzzed(path: Path, use: Callable[[Path], object]) -> str:
    """Use spoiled versions of a file: each is good all the same, or ends in a ValueError."""
    content, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(FUZZED):
        path.write_bytes(spoiled(content, draw))
        try:
            use(path)
        except ValueError:
            refused += 1
    assert refused > FUZZED / 20, "hardly any was refused: this proves nothing"
    return f"{refused} refused in words, {FUZZED - refused} harmless"


def fuzzed_checkpoint(folder: Path) -> str:
    """A checkpoint with random bytes in it."""
    save_checkpoint(folder / "model", nn.Linear(3, 2), {"inputs": 3})
    return fuzzed(folder / "model", load_checkpoint)


def fuzzed_notebook(folder: Path) -> str:
    """A notebook with random bytes in it, read as `run` reads it."""
    path = small_notebooks.make_notebook(folder / "a.ipynb", "1 + 1")
    return fuzzed(path, lambda path: parameters(read(path)))


def names_that_lead_outside(folder: Path) -> str:
    """No notebook is found under such a name."""
    for name in NAMES:
        try:
            raise AssertionError(f"{name!r} is {find(name)}")
        except ValueError as error:
            assert "leads outside" in str(error) or "unknown notebook" in str(error), error
    return f"each of {len(NAMES)} is refused in words"


def links_out_of_the_data(folder: Path) -> str:
    """A link counts as what it leads to: the right file is used, nothing else is, none written."""
    outside, data = folder / "outside", folder / "data"
    outside.write_text("secret", encoding="utf-8")
    data.mkdir()
    good = b"good file"
    (folder / "good").write_bytes(good)
    file = RemoteFile("f", len(good), hashlib.sha256(good).hexdigest(), ())
    kept = {name: os.environ.get(name) for name in ("COURSE_DATA", "COURSE_CACHE")}
    os.environ |= {"COURSE_DATA": str(data), "COURSE_CACHE": str(folder / "none")}
    try:
        for target in (outside, data / "f", "/dev/zero", folder, folder / "good"):
            (data / "f").symlink_to(target)
            assert (find_file(file) is None) == (target != folder / "good"), target
            (data / "f").unlink()
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    assert outside.read_text(encoding="utf-8") == "secret" and not os.listdir(data)
    return "one line for each; what has another hash is never used"


def link_out_of_the_copies(folder: Path) -> str:
    """A working copy that is a link: `student` replaces the link, not the file it leads to."""
    lesson, copies = lessons()[0], folder / "copies"
    copies.mkdir()
    record: dict = {}
    hand_out(lesson, copies, record)
    outside = folder / "outside.ipynb"
    (copies / lesson.name).rename(outside)
    (copies / lesson.name).symlink_to(outside)
    before = outside.read_bytes()
    record[lesson.stem]["lesson"] = "an older one"
    hand_out(lesson, copies, record)
    (copies / lesson.name).unlink()
    (copies / lesson.name).symlink_to(folder / "not there")
    hand_out(lesson, copies, record)
    assert outside.read_bytes() == before and not (folder / "not there").exists()
    return "nothing outside the folder is written"


def little_memory(folder: Path) -> str:
    """A cell asks for 1 GB more than its process may have; another is killed by the system."""
    try:
        import resource  # noqa: F401
    except ImportError:
        raise Skipped("Windows has no limit on the memory of a process") from None
    greedy = "import os, resource, torch\n"
    greedy += "held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
    greedy += "resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, held + 2**30))\n"
    paths = [
        small_notebooks.make_notebook(folder / "torch.ipynb", greedy, "torch.ones(2**29)"),
        small_notebooks.make_notebook(folder / "list.ipynb", greedy, "bytearray(2**31)"),
        small_notebooks.make_notebook(
            folder / "killed.ipynb", f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})"
        ),
    ]
    done = small_notebooks.course("run", *paths, "--output", folder / "build")
    rows = json.loads((folder / "build/results.json").read_bytes())["notebooks"]
    problems = [row["problems"][0] for row in rows]
    assert len(problems) == 3 and "Traceback" not in done.stdout + done.stderr
    for problem in problems:
        assert "out of memory" in problem and "MB; close other programs" in problem, problem
    return "each row says: out of memory, how much it held, what to do"
