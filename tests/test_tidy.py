"""The normal form of notebook files: what goes, what stays, and that nothing is lost on the way."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from small_notebooks import COURSE, course, make_notebook

from course_utils.commands import notebook
from course_utils.commands.tidy import is_tidy, tidy

WIDGET = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
    "text/plain": "IntSlider()",
}


@pytest.fixture
def untidy():
    """A notebook with everything that has to go, as Colab, tqdm and an editor leave it."""
    outputs = [
        new_output("stream", name="stdout", text="1/9\r2/9\r\x1b[32m9/9\x1b[0m  \ndone\n"),
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("display_data", data=WIDGET),
        new_output("execute_result", data={"text/plain": "7 "}, execution_count=31),
    ]
    metadata = {"tags": ["check"], "papermill": {"duration": 1}, "collapsed": True}
    made = new_notebook(
        cells=[
            new_markdown_cell("# Title\nbreak  \nhere\n\n", id="same"),
            new_code_cell("x = 7 \nx", id="second", execution_count=31, outputs=outputs),
            new_code_cell("y = 8", id="other", execution_count=30),
            new_code_cell("z = 9", id="never-ran"),
        ]
    )
    made.cells[1].id = "same"
    made.cells[1].metadata = nbformat.from_dict(metadata)
    made.metadata = nbformat.from_dict(
        {
            "course": COURSE,
            "kernelspec": {"name": "my-env", "display_name": "My env"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {}},
            "papermill": {},
            "colab": {"provenance": []},
            "language_info": {"name": "python", "version": "3.11.7"},
        }
    )
    return made


def test_notebook_metadata_is_kernel_language_and_course(untidy):
    metadata = tidy(untidy).metadata
    assert metadata == {
        "course": COURSE,
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }


def test_widgets_and_stderr_go_and_the_last_state_of_progress_stays(untidy):
    stream, result = tidy(untidy).cells[1].outputs
    assert stream.text == "9/9\ndone\n"
    assert result.data == {"text/plain": "7"}


def test_counts_run_from_1_in_order_for_cells_that_ran(untidy):
    cells = notebook.code_cells(tidy(untidy))
    assert [cell.execution_count for cell in cells] == [1, 2, None]
    assert cells[0].outputs[1].execution_count == 1


def test_good_ids_stay_and_a_second_one_is_mended_the_same_way_each_time(untidy):
    again = nbformat.from_dict(untidy)
    ids = [cell.id for cell in tidy(untidy).cells]
    assert (ids[0], ids[2:]) == ("same", ["other", "never-ran"])
    assert len(set(ids)) == 4
    assert [cell.id for cell in tidy(again).cells] == ids


def test_missing_ids_are_made(untidy):
    for cell in untidy.cells:
        del cell["id"]
    untidy.nbformat_minor = 4
    nbformat.validate(tidy(untidy))


def test_cell_metadata_is_tags_and_alt_texts_and_sources_lose_only_spaces_that_mean_nothing(untidy):
    untidy.cells[2].metadata = nbformat.from_dict({"alt": ["a line"], "scrolled": True})
    title, cell, other, _ = tidy(untidy).cells
    assert (cell.metadata, other.metadata) == ({"tags": ["check"]}, {"alt": ["a line"]})
    assert (title.source, cell.source) == ("# Title\nbreak  \nhere", "x = 7\nx")


def test_tidying_twice_is_tidying_once(untidy, tmp_path):
    once = nbformat.v4.writes(tidy(untidy))
    assert nbformat.v4.writes(tidy(untidy)) == once
    notebook.write(untidy, tmp_path / "a.ipynb")
    assert is_tidy(tmp_path / "a.ipynb")
    assert (tmp_path / "a.ipynb").read_bytes().endswith(b"}\n")


def test_results_and_pictures_survive():
    data = {"application/vnd.course.result+json": {"name": "a"}, "image/png": "iVBO\n"}
    made = new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", data=data)])])
    assert tidy(made).cells[0].outputs[0].data == data


def test_each_picture_gets_the_text_of_its_place_and_loses_an_old_one():
    data = [{"image/png": "iVBO\n"}, {"text/plain": "7"}, {"image/png": "iVBP\n"}]
    outputs = [new_output("display_data", data=x) for x in data]
    outputs[0].metadata = nbformat.from_dict({"image/png": {"alt": "old"}})
    cell = new_code_cell("draw()", outputs=outputs, metadata={"alt": ["a line", "a circle"]})
    made = new_notebook(cells=[cell])
    found = [output.metadata for output in tidy(made).cells[0].outputs]
    assert found == [{"image/png": {"alt": "a line"}}, {}, {"image/png": {"alt": "a circle"}}]
    cell.metadata["alt"] = ["a line"]  # fewer texts than pictures: a test of the lessons finds it
    found = [output.metadata for output in tidy(made).cells[0].outputs]
    assert found == [{"image/png": {"alt": "a line"}}, {}, {}]


def test_the_command_checks_without_changing_then_tidies(tmp_path):
    path = make_notebook(tmp_path / "a.ipynb", "1 ")
    before = path.read_bytes()
    checked = course("tidy", "--check", path)
    assert (checked.returncode, "would change: " in checked.stdout) == (1, True)
    assert path.read_bytes() == before
    assert course("tidy", path).returncode == 0
    assert course("tidy", "--check", path).returncode == 0
    assert notebook.read(path).cells[2].source == "1"


def test_a_progress_line_that_came_in_pieces_is_saved_as_its_last_state():
    pieces = ["start\n", "\rtraining: 0%", "\rtraining: 50%", "\rtraining: 100%", "\n"]
    streams = [nbformat.v4.new_output("stream", name="stdout", text=piece) for piece in pieces]
    cell = nbformat.v4.new_code_cell("train()", outputs=streams, execution_count=1)
    [output] = tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert output.text == "start\ntraining: 100%\n"
