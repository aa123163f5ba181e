"""Plots assert the range they are given and return the axes they drew on."""

import itertools
import os
import subprocess
import sys

import matplotlib
import pytest
import torch
from small_notebooks import ROOT

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402

from course_utils.plotting import (  # noqa: E402
    COLORS,
    plot_bars,
    plot_classes,
    plot_curves,
    plot_density,
    plot_histogram,
    plot_history,
    plot_matrix,
    show_images,
    show_rows,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_images_outside_the_range_are_refused_with_the_cure():
    for images in (
        torch.full((2, 1, 4, 4), 1.1),
        torch.full((2, 1, 4, 4), -0.1),
        torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
    ):
        with pytest.raises(ValueError, match="to_unit_range"):
            show_images(images)


def test_the_grid_shows_every_image_in_reading_order():
    images = torch.linspace(0, 1, 6)[:, None, None, None].expand(6, 1, 4, 4)
    shown = show_images(images, columns=3).images[0].get_array()
    centers = [shown[4 + 6 * row, 4 + 6 * column, 0] for row in range(2) for column in range(3)]
    torch.testing.assert_close(torch.tensor(centers), torch.linspace(0, 1, 6))


def test_rows_carry_their_names():
    ax = show_rows({"noisy": torch.zeros(3, 1, 4, 4), "restored": torch.ones(3, 1, 4, 4)})
    assert [text.get_text() for text in ax.texts] == ["noisy", "restored"]


def test_history_has_one_curve_a_name_and_a_unit():
    ax = plot_history({"train": [3.0, 2.0], "validation": [3.5, 2.5]}, "nats per image")
    assert ax.get_ylabel() == "nats per image"
    assert ax.lines[0].get_color() == COLORS["train"]
    assert list(ax.lines[1].get_xdata()) == [1, 2]


def test_classes_are_named_as_text_not_by_color_alone():
    points = torch.randn(50, 2)
    ax = plot_classes(points, torch.arange(50) % 5)
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "3", "4"]


def test_figures_have_an_opaque_white_face():
    figure = show_images(torch.zeros(1, 1, 4, 4)).figure
    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_a_function_draws_on_the_axes_it_is_given():
    _, axes = plt.subplots(1, 2)
    assert plot_history({"train": [1.0]}, "nats", ax=axes[1]) is axes[1]
    assert plt.get_fignums() == [1]


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    channels = torch.tensor([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = torch.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return (linear @ torch.tensor([0.2126, 0.7152, 0.0722])).item()


def seen_by_a_deuteranope(color):
    """Linear RGB under deuteranopia (Machado et al. 2009, severity 1)."""
    matrix = torch.tensor([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    return matrix @ torch.tensor([(int(color[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)])


def test_colors_of_two_roles_stay_apart_for_color_blind_readers():
    for one, other in itertools.combinations(COLORS.values(), 2):
        distance = (seen_by_a_deuteranope(one) - seen_by_a_deuteranope(other)).norm()
        assert distance > 0.08, (one, other)


def test_every_color_can_be_seen_on_white():
    for name, color in COLORS.items():
        assert 1.05 / (luminance(color) + 0.05) > 2, name


def test_a_curve_has_its_role_color_and_a_gap_where_it_is_infinite():
    curves = {"train": torch.tensor([1.0, 2.0]), "model A": torch.tensor([3.0, torch.inf])}
    train, other = plot_curves(torch.tensor([0.0, 1.0]), curves, "x (pixels)", "nats").get_lines()
    assert train.get_color() == COLORS["train"] != other.get_color()
    assert other.get_ydata()[0] == 3.0 and other.get_ydata()[1] != other.get_ydata()[1]  # nan
    assert train.get_linestyle() != other.get_linestyle()


def test_a_histogram_draws_the_densities_it_is_given_between_its_edges():
    density, edges = torch.tensor([0.5, 0.25]), torch.tensor([0.0, 1.0, 3.0])
    values, drawn_edges, _ = plot_histogram(density, edges, "x").patches[0].get_data()
    assert (values.tolist(), drawn_edges.tolist()) == ([0.5, 0.25], [0.0, 1.0, 3.0])


def test_contours_of_a_gaussian_lie_one_nat_apart_below_the_peak():
    grid = (torch.linspace(-4, 4, 161), torch.linspace(-4, 4, 161))
    x, y = torch.meshgrid(*grid, indexing="xy")
    ax = plot_density(7 - 0.5 * (x**2 + y**2), grid, ("x", "y"), {"real": torch.zeros(3, 2)})
    contours = next(c for c in ax.collections if hasattr(c, "levels"))
    paths = dict(zip(contours.levels.tolist(), contours.get_paths(), strict=True))
    for level in range(-5, 0):  # radius r at 0.5 r^2 nats below the peak
        radii = torch.tensor(paths[level].vertices).norm(dim=1)
        torch.testing.assert_close(
            radii, torch.full_like(radii, (-2 * level) ** 0.5), atol=0.01, rtol=0
        )


def test_bars_are_as_long_as_their_values_and_named_from_top_to_bottom():
    ax = plot_bars({"noisy": 6.0, "median": torch.tensor(14.1)}, "PSNR (dB)")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([6.0, 14.1])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["noisy", "median"]
    assert ax.yaxis_inverted() and ax.get_legend() is None


def test_bars_in_groups_stand_side_by_side_with_a_legend():
    scores = {"code": torch.tensor([0.7, 0.2]), "pixels": [0.5, 0.8]}
    ax = plot_bars(scores, "$R^2$", names=["slant", "shift"])
    code, pixels = ax.containers[:2]
    assert [bar.get_width() for bar in code] == pytest.approx([0.7, 0.2])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["code", "pixels"]
    for upper, lower in zip(code, pixels, strict=True):
        assert upper.get_y() + upper.get_height() <= lower.get_y() + 1e-9
        assert lower.get_y() - upper.get_y() < 0.5  # of one group


def test_a_matrix_writes_every_number_in_its_field_and_names_rows_and_columns():
    ax = plot_matrix(torch.tensor([[0.0, 0.25], [1.0, 0.5]]), ["a", "b"], ["c", "d"], "R2")
    texts = {text.get_position(): (text.get_text(), text.get_color()) for text in ax.texts}
    assert texts[(0, 1)] == ("1.00", "white") and texts[(1, 0)] == ("0.25", "black")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d"]


SHOW_TWICE = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
cell = "import torch; from course_utils import plotting as p; p.show_images(torch.ones(1, 1, 4, 4))"
import matplotlib
for _ in range(2):
    shell.run_cell(cell + ";").raise_error()
    assert matplotlib.is_interactive(), "later pictures of a notebook would not be shown"
"""


def test_the_first_picture_leaves_a_notebook_ready_to_show_the_next():
    settings = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    subprocess.run([sys.executable, "-c", SHOW_TWICE], cwd=ROOT, env=settings, check=True)
