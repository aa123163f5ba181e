"""Fetch all data ahead of a class, and say what is where.

examples:
  python -m course_utils data                 fetch what is missing
  python -m course_utils data --probe         does every address still serve the right file?
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from course_utils.data.download import fetch
from course_utils.data.files import cache_folder, find_file, offline
from course_utils.data.sources import FILES, DataMissing, RemoteFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `data`."""
    parser.add_argument(
        "--probe", action="store_true", help="try every address of every file, and keep nothing"
    )


def main(options: argparse.Namespace) -> int:
    """Fetch what is missing and print a table; 1 if a file is still missing, else 0.

    A file in the table has been read whole: its size and its SHA-256 are right.
    """
    if options.probe:
        return probe(FILES)
    rows, missing = [], 0
    for name, files in FILES.items():
        for file in files:
            path = find_file(file) or _fetch(file)
            missing += path is None
            state = ("yes", str(path)) if path else ("MISSING", f"expected as {file.path}")
            rows.append((name, file.name, f"{file.size / 1e6:.2f} MB", *state))
    _print_table([("data set", "file", "size", "SHA-256 right", "where"), *rows])
    print("Built in, nothing to fetch: glyphs, python-docs.")
    if missing:
        print(
            f"{missing} of {len(rows)} files are missing: the lessons use glyphs and python-docs "
            f"instead. Try again with a network, or copy the files to {cache_folder()}."
        )
    return 1 if missing else 0


def probe(known: dict[str, tuple[RemoteFile, ...]]) -> int:
    """Fetch every file from each of its addresses alone; 1 if one does not serve it, else 0."""
    dead = []
    with tempfile.TemporaryDirectory() as folder:
        for file in (file for files in known.values() for file in files):
            for address in file.sources:
                try:
                    fetch(replace(file, sources=(address,)), Path(folder))
                except DataMissing as reason:
                    dead.append(f"{address}: {reason}")
    count = sum(len(file.sources) for files in known.values() for file in files)
    print(f"{count - len(dead)} of {count} addresses serve the right file.", *dead, sep="\n")
    return 1 if dead else 0


def _fetch(file: RemoteFile) -> Path | None:
    """Where the file lies after a download; None when that failed or could not be saved."""
    if offline():
        return None
    try:
        fetch(file, cache_folder())
    except DataMissing as reason:
        print(f"{file.name}: {reason}")
        return None
    return find_file(file)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
