"""The static site, built once: everything is local, every link and anchor arrives, all is found."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from small_notebooks import ROOT

from course_utils.commands.notebook import lessons, read, solutions
from docs.pages import glossary_terms, restructured, site_links

DOCS = ROOT / "docs"
SECONDS = 100  # of processor time: 42 alone on a slow machine (must be 60), 65 beside other jobs
OUTSIDE = ("http:", "https:", "//")


class Page(HTMLParser):
    """What a test asks of a page: its anchors, links, pictures, and what it loads by itself."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.loads, self.words = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links += [found["href"]] if "href" in found else []
        else:
            self.loads += [found[key] for key in ("src", "href", "data") if found.get(key)]
        if tag == "img":
            self.words.append(found.get("alt") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of a fresh build; any warning of Sphinx makes it fail."""
    missing = [name for name in ("sphinx", "myst_nb", "sphinx_book_theme") if not find_spec(name)]
    assert not missing, f"no {missing[0]} here: python -m pip install -e '.[dev]' brings it"
    folder = tmp_path_factory.mktemp("built") / "site"
    before = os.times()
    build = [sys.executable, DOCS / "build.py", folder]
    done = subprocess.run(
        build, capture_output=True, text=True, encoding="utf-8", cwd=folder.parent
    )
    after = os.times()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr and str(folder / "index.html") in done.stdout
    used = after.children_user + after.children_system
    assert used - before.children_user - before.children_system <= SECONDS
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_contents_lead_to_every_lesson_solution_and_file_of_the_package(site, pages):
    contents = set(pages[site / "index.html"].links)
    assert {f"notebooks/{path.stem}.html" for path in lessons()} <= contents
    listed = set(pages[site / "solutions.html"].links)
    assert {f"notebooks/solutions/{path.stem}.html" for path in solutions()} <= listed
    package = ROOT / "course_utils"
    files = [path.relative_to(package) for path in package.rglob("*.py") if path.name[0] != "_"]
    listed = set(pages[site / "api" / "index.html"].links)
    assert {".".join(file.with_suffix("").parts) + ".html" for file in files} <= listed


def test_links_inside_the_site_and_their_anchors_arrive(site, pages):
    for path, page in pages.items():
        for link in page.links + page.loads:
            address = urlsplit(link)
            if address.scheme or link.startswith(OUTSIDE) or link == "#":
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            assert target.is_file() and target.is_relative_to(site), f"{path}: {link}"
            if address.fragment and target in pages:
                assert unquote(address.fragment) in pages[target].ids, f"{path}: {link}"


def test_nothing_is_loaded_from_a_network(site, pages):
    for path, page in pages.items():
        assert not [address for address in page.loads if address.startswith(OUTSIDE)], path
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", text), style


def test_every_picture_has_words_and_the_badge_is_local(site, pages):
    for path, page in pages.items():
        assert all(word and not re.search(r"\.(png|svg)$", word) for word in page.words), path
    for lesson in lessons():
        page = pages[site / "notebooks" / f"{lesson.stem}.html"]
        assert "Open in Colab" in page.words
        assert any("colab.research.google.com" in link for link in page.links)
        outputs = [output for cell in read(lesson).cells for output in cell.get("outputs", [])]
        texts = [output.get("metadata", {}).get("image/png", {}).get("alt") for output in outputs]
        assert set(filter(None, texts)) <= set(page.words)


def test_formulas_are_there_without_a_script(site):
    text = (site / "notebooks" / "02_variational_autoencoders.html").read_text(encoding="utf-8")
    assert text.count("<math") > 50 and "$$" not in text
    assert "MathJax" not in text and "require.js" not in text


def test_setup_and_imports_are_folded_and_the_idea_is_not(site):
    for lesson in lessons():
        text = (site / "notebooks" / f"{lesson.stem}.html").read_text(encoding="utf-8")
        before = text[: text.index("# Setup, the same in every notebook.")]
        assert before.count("<details") == before.count("</details>") + 1, lesson
        assert text.count("Show this code") == 2, lesson


def test_the_search_finds_the_words_of_every_lesson(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    places = {name: number for number, name in enumerate(found["docnames"])}
    for lesson in lessons():
        place = places[f"notebooks/{lesson.stem}"]
        lists = [where if isinstance(where, list) else [where] for where in found["terms"].values()]
        assert sum(place in where for where in lists) > 200, lesson
    assert places["notebooks/04_gans"] in found["terms"]["discrimin"]


def test_bold_terms_of_the_lessons_lead_to_the_glossary(site, pages):
    for lesson in lessons():
        links = pages[site / "notebooks" / f"{lesson.stem}.html"].links
        assert any(link.startswith("../glossary.html#term-") for link in links), lesson


def test_a_reader_can_choose_light_or_dark(site):
    for name in ("index.html", "glossary.html", "notebooks/00_start_here.html"):
        assert "theme-switch-button" in (site / name).read_text(encoding="utf-8")


def _plain(lesson: Path) -> str:
    """The text of a lesson in small letters, without its marks for bold."""
    return "\n".join(cell.source for cell in read(lesson).cells).lower().replace("**", "")


def test_the_lesson_that_the_glossary_names_uses_the_term():
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    entries = page.partition("```{glossary}")[2].split("\n\n")
    text = {p.name[:2]: _plain(p) for p in lessons()}
    assert len(glossary_terms(page)) >= 100
    for entry in entries[1:]:
        names = [line for line in entry.splitlines() if line[:1] not in ("", " ", "`")]
        lesson = re.search(r"lesson (\d\d)", entry)
        assert lesson, f"{names} names no lesson"
        if lesson[1] in text:
            assert any(name.lower() in text[lesson[1]] for name in names), names


def test_docstrings_keep_shapes_tables_and_signs():
    assert restructured(["(B, T) -> (B, V) of `x`, 2 * 3."])[0] == (
        "\\ ``(B, T) -> (B, V)``\\  of \\ ``x``\\ , 2 \\* 3."
    )
    verbatim = [".. code-block:: text", "", "      a   b", "      c   d", ""]
    assert restructured(["The map:", "", "    a   b", "    c   d"])[-5:] == verbatim
    assert restructured(["The map:", "    a   b", "    c   d"])[-5:] == verbatim
    assert restructured(["- a list", "  goes on"]) == ["- a list", "  goes on", ""]


def test_links_lead_to_the_site_or_to_the_repository(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").touch()
    text = "[a](../notebooks/a.ipynb) [b](../LICENSE) [c](https://x.org) [d](#e) [f](questions)"
    assert site_links(text, "docs/t.md", tmp_path, "https://r") == (
        "[a](/notebooks/a.ipynb) [b](https://r/LICENSE) [c](https://x.org) [d](#e) [f](https://r/docs/questions)"
    )
