"""Checks of the exercises, one file a lesson; they may import models: the reference answer."""

import json
import pkgutil
from importlib import import_module


def progress() -> None:
    """Print a page: the exercises of each lesson, and which of them were correct on this machine.

    An exercise that was correct once stays correct.
    """
    kept, path = _kept()
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("lesson_"):
            continue
        module = import_module(f"{__name__}.{info.name}")
        checks = [f for f in vars(module).values() if getattr(f, "is_exercise", False)]
        states = [kept.get(f"{info.name}.{check.__name__}", "not started") for check in checks]
        print(f"Lesson {info.name[-2:]}: {states.count('correct')} of {len(states)} correct")
        if set(states) == {"not started"}:
            continue
        for check, state in zip(checks, states, strict=True):
            what = check.__doc__.partition("\n")[0].removeprefix("Exercise ").rstrip(".")
            print(f"    {state:13}{what}")
    print(f"Kept in {path}; delete the file to begin anew.")


def _kept() -> tuple[dict[str, str], object]:
    """{exercise: its best verdict}, and the file; lines that are no verdict are passed over."""
    checking = import_module(f"{__name__}.checking")
    path, kept = checking.progress_file(), {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        try:
            entry = json.loads(line)
            name, status = entry["exercise"], entry["status"]
        except (ValueError, TypeError, KeyError):
            continue
        if kept.get(name) != "correct":
            kept[name] = status
    return kept, path
