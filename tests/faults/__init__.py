"""Planted faults: would our tests notice the mistakes that readers and authors really make?

`faults.toml` lists them, each one line of the package with what somebody might write instead.
`python -m tests.faults` plants one after the other in a copy and runs the tests that should notice.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("faults.toml")
RESULTS = Path(__file__).with_name("RESULTS.md")
MISSED = "**missed**"  # in RESULTS.md


@dataclass(frozen=True)
class Fault:
    id: str
    file: str  # in course_utils
    line: str  # as it is, without its indentation; it occurs once in the file
    broken: str  # what stands there instead
    why: str  # the mistake, in a phrase
    tests: tuple[str, ...] = ()  # files that should notice; left out: the file's own, test_NAME.py

    @property
    def path(self) -> str:
        """Place of the file in the repository."""
        return f"course_utils/{self.file}"

    @property
    def test_paths(self) -> list[str]:
        """Places of the test files in the repository."""
        return [f"tests/{name}" for name in self.tests or (f"test_{Path(self.file).stem}.py",)]

    def plant(self, source: str) -> str:
        """The source with the broken line; ValueError unless the line stands there exactly once."""
        lines = source.split("\n")
        places = [i for i, line in enumerate(lines) if line.strip() == self.line]
        if len(places) != 1:
            raise ValueError(
                f"fault {self.id}: {self.path} has this line {len(places)} times, not once: "
                f"{self.line!r}; bring {LIST.name} up to date"
            )
        (place,) = places
        indentation = lines[place].removesuffix(self.line)
        return "\n".join([*lines[:place], indentation + self.broken, *lines[place + 1 :]])


def read_faults() -> list[Fault]:
    """All planted faults, in the order of the list."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["fault"]
    return [Fault(**entry | {"tests": tuple(entry.get("tests", ()))}) for entry in entries]


def read_results() -> dict[str, str]:
    """{id: verdict} of RESULTS.md as it is."""
    if not RESULTS.exists():
        return {}
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: row[-1] for row in rows}
