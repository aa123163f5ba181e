"""`python -m course_utils`: looks at the Python version first, then hands over to cli."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (old versions read this file too, and say so)
    found = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write(
        f"The course needs Python 3.11 or later, and this is Python {found} ({sys.executable}).\n"
        "Install a newer one from https://www.python.org/downloads and start again with it.\n"
    )
    sys.exit(2)

from course_utils.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
