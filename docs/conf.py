"""Settings of the site: Sphinx, myst-nb, sphinx-book-theme. Built by build.py.

Everything works without a network. Formulas are MathML, made by docutils at build time: every
current browser draws it, it needs no further package, no script and no web fonts, the pages stay
small, and a screen reader can read it. (MathJax would be 1 to 2 MB of script, from a network or
from a package that nobody has updated since 2023.)
"""

import sys
from functools import partial
from pathlib import Path

from docutils import nodes

SOURCE = Path(__file__).parent
sys.path.insert(0, str(SOURCE))

from pages import (  # noqa: E402
    AS_THEY_LIE,
    glossary_terms,
    lesson_links,
    readable_notebook,
    restructured,
    site_links,
)

from course_utils import __version__  # noqa: E402
from course_utils.commands.formulas import mathml  # noqa: E402
from course_utils.commands.stamp import setting  # noqa: E402

REPOSITORY = "https://github.com/{owner}/{name}".format(**setting())
FILES = f"{REPOSITORY}/blob/{setting()['tag']}"
TERMS = glossary_terms((SOURCE / "glossary.md").read_text(encoding="utf-8"))
LESSONS = [path.name for path in SOURCE.glob("notebooks/*.ipynb")]
PARTS = {"teaching.md": "\n```{toctree}\n:hidden:\n:glob:\n\nteaching/*\n```\n"}

project = "Hands-on generative AI"
author = "the authors of the course"
copyright = "the authors (text and figures CC BY 4.0, code MIT)"
release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["README.md"]
highlight_language = "text"

nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show this code"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # the default comes from a network
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system has it
html_theme_options = {
    "navbar_persistent": [],
    "repository_url": REPOSITORY,
    "use_repository_button": True,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}


def _read_source(app, name, content):
    """Sphinx has read a page: change what the site needs otherwise."""
    path = Path(app.env.doc2path(name))
    file = path.relative_to(SOURCE).as_posix()
    links = partial(site_links, file=_place(file), source=SOURCE, repository=FILES)
    if path.suffix == ".ipynb":
        content[0] = readable_notebook(content[0], file, TERMS, links)
    elif file == "glossary.md":
        content[0] = lesson_links(content[0], LESSONS)
    else:
        content[0] = links(content[0]) + PARTS.get(file, "")


def _read_include(app, path, name, content):
    content[0] = site_links(content[0], _place(Path(path).as_posix()), SOURCE, FILES)


def _place(file: str) -> str:
    """Where a file of the site's sources lies in the repository."""
    return file if file.split("/")[0] in AS_THEY_LIE else f"docs/{file}"


def _read_docstring(app, what, name, thing, options, lines):
    lines[:] = restructured(lines)


def _inline_math(self, node):
    self.body.append(f'<span class="formula">{mathml(node.astext(), block=False)}</span>')
    raise nodes.SkipNode


def _block_math(self, node):
    self.body.append(f'<div class="formula">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """What Sphinx calls first."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("source-read", _read_source)
    app.connect("include-read", _read_include)
    app.connect("autodoc-process-docstring", _read_docstring)
