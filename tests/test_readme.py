"""Both READMEs name every lesson, their links lead somewhere, their pictures are described."""

import re

import pytest
from small_notebooks import ROOT

from course_utils.commands.notebook import lessons

PAGES = ["README.md", "README.zh-CN.md"]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def links(page):
    """(is it a picture?, text, target) of each link in the page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(mark == "!", words, target) for mark, words, target in LINK.findall(text)]


@pytest.mark.parametrize("page", PAGES)
def test_a_readme_has_a_row_and_a_picture_for_each_lesson(page):
    targets = {target for _, _, target in links(page)}
    for path in lessons():
        assert f"notebooks/{path.name}" in targets
        assert any(target.startswith(f"figures/{path.name[:2]}_") for target in targets), path.name


@pytest.mark.parametrize("page", PAGES)
def test_links_into_the_repository_exist_and_pictures_have_a_text(page):
    for picture, words, target in links(page):
        if not target.startswith("https://"):
            assert (ROOT / target.partition("#")[0]).exists(), target
        if picture:
            assert len(words) >= 10, target


def test_both_readmes_show_the_same_pictures():
    english, chinese = (
        {target for picture, _, target in links(page) if picture and target.startswith("figures/")}
        for page in PAGES
    )
    assert english == chinese
