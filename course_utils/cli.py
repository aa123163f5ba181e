"""The command line: finds the command, reads its options, calls it.

A command is a module with `main(options) -> status` and, if it has any, `add_arguments(parser)`;
its docstring is its help. It is imported only when it is called, so `--help` answers at once.
"""

import argparse
import sys
from difflib import get_close_matches
from importlib import import_module

from course_utils import __version__

COMMANDS = {
    "run": "execute notebooks, check their results, write a report",
    "doctor": "say in words what is wrong with this machine",
    "data": "fetch all data ahead of a class",
    "tidy": "put notebook files into their normal form, or check that they are",
    "judge": "train the classifier that judges samples anew",
    "student": "make working copies that an update never overwrites",
    "assignment": "turn the exercises of a lesson into an assignment for nbgrader",
    "slides": "turn lessons into slides, one file each, for a projector without network",
    "stamp": "write the address of the course into badges and setup cells",
    "questions": "write the question bank for Moodle, or as QTI for other systems",
    "rehearse": "run each notebook alone, with the versions that Colab has",
}
EXAMPLES = """examples:
  python -m course_utils run --quick       every notebook in a few minutes
  python -m course_utils run 01            one notebook, in full
  python -m course_utils run --help        what a command can do
"""


class UsageError(Exception):
    """What was asked cannot be done as asked; the message says why and what would do."""


def main(arguments: list[str]) -> int:
    """Run one command and return the exit status: 0 well, 1 something failed, 2 not understood."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may not know every letter
        stream.reconfigure(errors="replace")
    lines = [f"  {name:11}{does}" for name, does in COMMANDS.items()]
    parser = _parser("", "\n".join(["The commands of the course:", *lines]), EXAMPLES)
    parser.add_argument("command", help="one of the commands above")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="what the command takes")
    parser.add_argument("--version", action="version", version=f"course_utils {__version__}")
    chosen = parser.parse_args(arguments)
    if chosen.command not in COMMANDS:
        parser.error(unknown("command", chosen.command, COMMANDS))
    command = import_module(f"course_utils.commands.{chosen.command}")
    parser = _parser(chosen.command, command.__doc__)
    if hasattr(command, "add_arguments"):
        command.add_arguments(parser)
    options = parser.parse_args(chosen.words)
    try:
        return command.main(options)
    except UsageError as error:
        parser.error(str(error))


def _parser(command: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m course_utils {command}".rstrip(),
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def unknown(kind: str, name: str, known) -> str:
    """The words for a name that does not exist, with the nearest ones that do."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"unknown {kind} {name!r}; {hint if known else 'there is none here'}"
