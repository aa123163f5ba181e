"""Build the readable course as a static site: python docs/build.py [FOLDER]

Sphinx wants all its sources in one folder. So we first lay them out in `FOLDER-source`: the pages
of docs/ at the top, a page for every file of `course_utils`, and the notebooks, figures and README
as they lie in the repository. No notebook is executed: the site shows the committed outputs.
"""

import ast
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

DOCS = Path(__file__).parent.resolve()
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))  # the pages of the package describe this checkout

from pages import AS_THEY_LIE  # noqa: E402

PACKAGE = ROOT / "course_utils"
API = {  # heading of the list on the page of the package: the files below it
    "The training atom, numbers and pictures": "*.py",
    "Data": "data/*.py",
    "Models, one file a lesson": "models/*.py",
    "Checks of the exercises": "exercises/*.py",
    "The command line": "commands/*.py",
}
TOCTREE = ("", "```{toctree}", ":hidden:", "")
API_PAGE = """# {title}

```{{eval-rst}}
.. automodule:: course_utils.{title}
   :members:
   :member-order: bysource
```
"""


def lay_out(source: Path) -> None:
    """Fill `source` with everything that becomes a page or a picture, file times kept."""
    shutil.rmtree(source, ignore_errors=True)
    waste = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(DOCS, source, ignore=waste)
    for name in AS_THEY_LIE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=waste)
        else:
            shutil.copy2(ROOT / name, source / name)
    with (source / "api" / "index.md").open("a", encoding="utf-8") as index:
        for heading, pattern in API.items():
            paths = [p for p in sorted(PACKAGE.glob(pattern)) if not p.name.startswith("_")]
            titles = [".".join(p.relative_to(PACKAGE).with_suffix("").parts) for p in paths]
            for title in titles:
                page = source / "api" / f"{title}.md"
                page.write_text(API_PAGE.format(title=title), encoding="utf-8")
            lines = [
                f"- [`{title}`]({title}.md): {_first_line(path)}"
                for title, path in zip(titles, paths, strict=True)
            ]
            index.write("\n".join(["", f"## {heading}", "", *lines, *TOCTREE, *titles, "```", ""]))


def _first_line(path: Path) -> str:
    """What a file of the package says of itself."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


def build(site: Path) -> int:
    """Build the site; returns Sphinx's exit status. A warning makes it fail."""
    source = site.with_name(f"{site.name}-source")
    lay_out(source)
    quiet = ["-q", "-W", "--keep-going", "-d", str(site.with_name(f"{site.name}-cache"))]
    return sphinx(["-b", "html", *quiet, str(source), str(site)])


def list_addresses(site: Path) -> Path:
    """Write all addresses outside the site to a file beside it, one a line, and return the file."""
    pages = [page.read_text(encoding="utf-8") for page in site.rglob("*.html")]
    found = {a for page in pages for a in re.findall(r'href="(https?://[^"#]+)', page)}
    file = site.with_name(f"{site.name}-links.txt")
    file.write_text("\n".join([*sorted(found), ""]), encoding="utf-8")
    return file


if __name__ == "__main__":
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    status = build(site)
    if status == 0:
        print(f"Links to other sites are listed in {list_addresses(site)}")
        print(f"The site is built. Open {site / 'index.html'}")
    sys.exit(status)
