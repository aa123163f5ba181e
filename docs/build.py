"""Build the readable course as a static site: python docs/build.py [FOLDER]

Sphinx wants all its sources in one folder. So we first lay them out in `FOLDER-source`: the pages of
docs/ at the top, and the notebooks, figures and README as they lie in the repository. No notebook
is executed: the site shows the outputs that are committed. The layout of the sources is also what
the links are resolved against, see `site_links` in pages.py.
"""

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

DOCS = Path(__file__).parent.resolve()
ROOT = DOCS.parent
AS_THEY_LIE = ("notebooks", "figures", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
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
    package = ROOT / "course_utils"
    for path in package.rglob("*.py"):
        if not path.name.startswith("_"):
            title = ".".join(path.relative_to(package).with_suffix("").parts)
            page = source / "api" / f"{title}.md"
            page.write_text(API_PAGE.format(title=title), encoding="utf-8")


def build(site: Path) -> int:
    """Build the site; returns Sphinx's exit status. A warning makes it fail."""
    source = site.with_name(f"{site.name}-source")
    lay_out(source)
    quiet = ["-q", "-W", "--keep-going", "-d", str(site.with_name(f"{site.name}-cache"))]
    return sphinx(["-b", "html", *quiet, str(source), str(site)])


if __name__ == "__main__":
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    sys.path.insert(0, str(ROOT))  # the API pages describe this checkout
    status = build(site)
    if status == 0:
        print(f"The site is built. Open {site / 'index.html'}")
    sys.exit(status)
