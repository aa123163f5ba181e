"""Code as syntax trees: the hash that outputs carry, and shown cells against the package."""

import pytest
from small_notebooks import make_notebook

from course_utils.commands import notebook
from course_utils.commands.code import code_hash, shown_differences


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ("from course_x import f  # a comment\nf( 1 )", True),
        ("from course_x import f\nf(2)", False),
    ],
)
def test_the_code_hash_sees_code_and_no_comments(tmp_path, other, equal):
    one = make_notebook(tmp_path / "one.ipynb", "from course_x import f\nf(1)")
    two = make_notebook(tmp_path / "two.ipynb", other)
    assert (code_hash(one) == code_hash(two)) is equal


def test_the_code_hash_follows_imports_of_the_package_also_inside_functions(tmp_path):
    package = tmp_path / "course_x"
    (package / "models").mkdir(parents=True)
    near, far, other = package / "near.py", package / "models" / "far.py", package / "other.py"
    near.write_text("def f():\n    from course_x.models import far\n", encoding="utf-8")
    path = make_notebook(tmp_path / "one.ipynb", "from course_x.near import f")
    hashes = []
    for text in ('"""Doc."""\nx = 1', '"""Other."""\nx = 1  # why', "x = 2"):
        far.write_text(text, encoding="utf-8")
        other.write_text(text, encoding="utf-8")
        hashes.append(code_hash(path, package))
    assert hashes[0] == hashes[1] != hashes[2]
    far.write_text("x = 1", encoding="utf-8")
    assert code_hash(path, package) == hashes[0]  # other.py is not imported


def test_the_setup_cell_does_not_count_in_the_code_hash(tmp_path):
    one = notebook.setup_cell("a", "b", "c")
    paths = [tmp_path / "one.ipynb", tmp_path / "two.ipynb"]
    make_notebook(paths[0], one)
    make_notebook(paths[1], one.replace("/a/b", "/x/y"))
    assert code_hash(paths[0]) == code_hash(paths[1])


SHOWN = "# shown from course_utils/models/vae.py"
FILE = '''"""Auto-encoding variational Bayes."""
import torch

SIZE = 32  # units

def loss(x):
    """In nats."""
    return x + SIZE
'''


@pytest.mark.parametrize(
    ("cell", "differences"),
    [
        ("import other\n\nSIZE = 32\n\ndef loss(x):\n    return x + SIZE  # eq. 7", []),
        ("def loss(x):\n    return x - SIZE", ["loss differs from"]),
        ("def loss(x, y=1):\n    return x + SIZE", ["loss differs from"]),
        ("SIZE = 64", ["SIZE differs from"]),
        ("class VAE:\n    pass", ["VAE is not in"]),
        ("loss(3)", []),
    ],
)
def test_a_shown_cell_equals_the_package_but_for_comments(tmp_path, cell, differences):
    (tmp_path / "course_utils" / "models").mkdir(parents=True)
    (tmp_path / "course_utils" / "models" / "vae.py").write_text(FILE, encoding="utf-8")
    found = shown_differences(f"{SHOWN}\n{cell}", tmp_path)
    assert found == [f"{words} course_utils/models/vae.py" for words in differences]


def test_a_shown_cell_names_a_file_of_the_package(tmp_path):
    assert shown_differences(SHOWN, tmp_path) == ["course_utils/models/vae.py does not exist"]
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "outside.py").touch()
    outside = "# shown from course_utils/../outside.py"
    assert shown_differences(outside, tmp_path) == ["course_utils/../outside.py does not exist"]
