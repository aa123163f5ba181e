"""One setting says where the course lives; badges and setup cells in all files agree with it."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from small_notebooks import ROOT, course

from course_utils.commands import notebook
from course_utils.commands.stamp import badge, setting, stamp

BEFORE = '[project]\nname = "x"  # kept\n\n[tool.course]\nowner = "a"\nname = "b"\ntag = "v1"\n'
AFTER = "\n[tool.ruff]\nline-length = 100\n"
HERE = {"owner": "a", "name": "b", "tag": "v1"}


@pytest.fixture
def repository(tmp_path):
    """A repository with one lesson, one solution and a README, all at a place of long ago."""
    (tmp_path / "pyproject.toml").write_text(BEFORE + AFTER, encoding="utf-8")
    old = {"owner": "old", "name": "older", "tag": "v0"}
    lesson, solution = "notebooks/01_one.ipynb", "notebooks/solutions/01_one_solutions.ipynb"
    for path, first in ((lesson, f"# One\n\n{badge(old, lesson)}\n\nText."), (solution, "# One")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        setup = new_code_cell(notebook.setup_cell(**old))
        made = new_notebook(cells=[new_markdown_cell(first), setup, new_code_cell("x = 1")])
        notebook.write(made, tmp_path / path)
    for name in ("README.md", "README.zh.md"):
        (tmp_path / name).write_text(f"| {badge(old, lesson)} | é |\n", encoding="utf-8")
    return tmp_path


def test_stamping_brings_every_file_to_the_setting(repository):
    assert len(stamp(repository, {})) == 4
    for path in ("notebooks/01_one.ipynb", "notebooks/solutions/01_one_solutions.ipynb"):
        first, setup, other = notebook.read(repository / path).cells
        assert badge(HERE, path) in first.source and first.source.startswith("# One\n")
        assert setup.source == notebook.setup_cell(**HERE)
        assert other.source == "x = 1"
    for name in ("README.md", "README.zh.md"):
        text = (repository / name).read_text(encoding="utf-8")
        assert text == f"| {badge(HERE, 'notebooks/01_one.ipynb')} | é |\n"
    assert stamp(repository, {}) == []


def test_checking_changes_nothing(repository):
    files = [path for path in repository.rglob("*") if path.is_file()]
    before = [path.read_bytes() for path in files]
    assert len(stamp(repository, {}, check=True)) == 4
    assert [path.read_bytes() for path in files] == before


def test_a_new_tag_changes_one_line_of_pyproject(repository):
    stamp(repository, {"tag": "v2"})
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    assert text == (BEFORE + AFTER).replace('"v1"', '"v2"')
    assert setting(repository) == HERE | {"tag": "v2"}


@pytest.mark.parametrize("after", [AFTER, ""])
def test_the_table_and_its_keys_are_made_where_they_are_missing(tmp_path, after):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n{after}', encoding="utf-8")
    with pytest.raises(ValueError, match="no owner and no name and no tag"):
        setting(tmp_path)
    stamp(tmp_path, HERE)
    assert setting(tmp_path) == HERE


def test_a_value_that_is_no_word_is_refused():
    done = course("stamp", "--owner", 'a"b')
    assert (done.returncode, "is not a word" in done.stderr) == (2, True)


def test_the_badge_opens_the_notebook_at_the_tag():
    link = "https://colab.research.google.com/github/a/b/blob/v1/notebooks/01_one.ipynb"
    assert badge(HERE, "notebooks/01_one.ipynb").endswith(f"]({link})")


def test_the_committed_files_agree_with_pyproject():
    assert stamp(ROOT, {}, check=True) == []
