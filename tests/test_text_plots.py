"""Pictures of text: white space is visible, lines break where they should, values must fit."""

import matplotlib.pyplot as plt
import pytest
import torch

from course_utils.text_plots import plot_next_tokens, show_attention, show_text, visible


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_white_space_is_visible():
    assert visible(" a\n\tb") == "·a↵→b" and visible("") == "(nothing)"


def test_text_breaks_at_its_lines_ends_and_at_the_margin():
    ax = show_text(["ab", "cd", "\n", "e", "fgh"], torch.arange(5), "nats", columns=5)
    corners = [(patch.get_x(), patch.get_y()) for patch in ax.patches]
    assert corners == [(0, 0), (2, 0), (4, 0), (0, 1), (1, 1)]
    assert texts(ax) == list("abcd↵efgh")
    plt.close(ax.figure)


def test_a_larger_value_has_a_darker_field():
    ax = show_text(["a", "b"], torch.tensor([0.0, 2.0]), "nats")
    first, second = (sum(patch.get_facecolor()[:3]) for patch in ax.patches)
    assert second < first
    plt.close(ax.figure)


def test_without_a_label_there_is_no_scale_beside_the_text():
    for label, axes in (("nats", 2), ("", 1)):
        figure = show_text(["a"], torch.ones(1), label).figure
        assert len(figure.axes) == axes
        plt.close(figure)


def test_one_value_for_each_token():
    with pytest.raises(ValueError, match="2 tokens and 3 values"):
        show_text(["a", "b"], torch.zeros(3), "nats")


def test_bars_show_the_likeliest_tokens_in_order():
    ax = plot_next_tokens(torch.tensor([0.1, 0.6, 0.0, 0.3]), ["a", " ", "c", "\n"], top=3)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.6, 0.3, 0.1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["·", "↵", "a"]
    plt.close(ax.figure)


def test_attention_has_a_picture_for_each_head():
    axes = show_attention(torch.rand(5, 3, 3), "abc", [f"head {i}" for i in range(5)])
    assert [ax.get_title(loc="left") for ax in axes][:5] == [f"head {i}" for i in range(5)]
    assert len(axes) == 8 and not axes[5].axison
    plt.close(axes[0].figure)
