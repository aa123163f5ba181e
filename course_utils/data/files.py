"""The search for a data file. In this order:

1. the folder named by `COURSE_DATA`: used in place, never written to;
2. the cache of this user, or the folder named by `COURSE_CACHE`;
3. a download into that cache, unless `COURSE_OFFLINE=1`;
4. the stand-in of the caller, which needs no file: step 3 has raised `DataMissing`.

Layout of both folders: `MNIST/raw/train-images-idx3-ubyte` and the three others, which torchvision
reads as they are, and `tinyshakespeare.txt`. Every copy must have the right size and SHA-256.
"""

import difflib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import platformdirs

from course_utils.data.download import fetch
from course_utils.data.sources import DataMissing, RemoteFile


def cache_folder() -> Path:
    """The folder that downloads go to: `COURSE_CACHE`, or the cache of this user."""
    chosen = os.environ.get("COURSE_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("course_utils", appauthor=False))


def data_folders() -> list[Path]:
    """The folders we search, in order: `COURSE_DATA` where it is set, then the cache."""
    shared = os.environ.get("COURSE_DATA")
    return ([Path(shared)] if shared else []) + [cache_folder()]


def offline() -> bool:
    """True when `COURSE_OFFLINE` forbids the network (any value but empty and 0)."""
    return os.environ.get("COURSE_OFFLINE", "0") not in ("", "0")


def _good_copies(file: RemoteFile) -> Iterator[tuple[Path, bytes]]:
    """Good copies on this machine; prints a line for each that is wrong or cannot be read."""
    for folder in data_folders():
        path = folder / file.path
        try:
            content, problem = _read(path, file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            problem = error.strerror or str(error)
        if problem is None:
            yield path, content
        else:
            print(f"{path} is not used: {problem}.", flush=True)


def _read(path: Path, file: RemoteFile) -> tuple[bytes, str | None]:
    """The content and what is wrong with it, in words, or None.

    A file of another size is not read, nor a pipe or a device, which may never end.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        return b"", "it is not a file"
    if about.st_size != file.size:
        return b"", f"{about.st_size:,} bytes instead of {file.size:,}"
    content = path.read_bytes()
    return content, file.problem_with(content)


def find_file(file: RemoteFile) -> Path | None:
    """Where the first good copy lies on this machine; the network is not touched."""
    return next((path for path, _ in _good_copies(file)), None)


def read_file(file: RemoteFile) -> bytes:
    """The content of a file, from this machine or from the network; raises DataMissing.

    The content and not a path, so that data arrive even where nothing can be saved.
    """
    for _, content in _good_copies(file):
        return content
    looked = " or ".join(str(folder) for folder in data_folders())
    missing = f"no good copy of {file.name} in {looked}"
    if offline():
        raise DataMissing(f"{missing}, and COURSE_OFFLINE forbids a download")
    try:
        return fetch(file, cache_folder())
    except DataMissing as error:
        raise DataMissing(f"{missing}, and {error}") from None


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ValueError for a name that is not known, with the nearest ones."""
    known = list(known)
    if name in known:
        return
    near = difflib.get_close_matches(str(name).lower(), known, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise ValueError(f"no {kind} is called {name!r}. {hint}There are: {', '.join(known)}")


def say_stand_in(wanted: str, used: str, reason: DataMissing) -> None:
    """The one line that says what is used instead, why, and how to get the real thing."""
    print(
        f"Using {used} instead of {wanted}: {reason}. To get {wanted}, run `python -m course_utils "
        "data` where there is a network, or let COURSE_DATA name a folder that holds it.",
        flush=True,
    )
