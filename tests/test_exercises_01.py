"""Exercises of notebook 01: solution and likely mistakes of each; test_exercises.py tries them."""

import torch

from course_utils.exercises import lesson_01
from course_utils.models.autoencoder import Autoencoder, AutoencoderConfig


def build(mean, components, encoder_bias=-1.0, decoder_bias=1.0, transpose=True):
    """A solution of exercise 2; the options make it wrong."""
    model = Autoencoder(AutoencoderConfig(components.shape[1], widths=()))
    encoder, decoder = model.encoder.straight, model.decoder.straight
    with torch.no_grad():
        encoder.weight.copy_(components.T if transpose else components.flip(1).T)
        encoder.bias.copy_(encoder_bias * mean @ components)
        decoder.weight.copy_(components)
        decoder.bias.copy_(decoder_bias * mean)
    return model


def mean_square(x, y):
    return (x - y).square().flatten(1).mean(1)


def hole(output, clean, mask):
    return ((output - clean).square() * mask).flatten(1).sum(1)


EXERCISES = {
    lesson_01.check_parameters: (
        784 * 32 + 32 + 32 * 784 + 784,
        [(50_176, "bias"), (25_120, "decoder"), (50_240, "784 pixels"), (32, "a x b weights")],
    ),
    lesson_01.check_pca: (
        build,
        [
            (lambda m, c: build(m, c, encoder_bias=0.0), "not centred"),
            (lambda m, c: build(m, c, encoder_bias=1.0), "sign"),
            (lambda m, c: build(m, c, decoder_bias=0.0), "mean image is missing"),
            (lambda m, c: build(m, c, decoder_bias=-1.0), "the decoder must compute"),
            (lambda m, c: build(m, c, transpose=False), "x @ weight.T"),
            (lambda m, c: build(m, c[:, :3]), "shape"),
            (lambda m, c: m @ c.T, "raised RuntimeError"),
        ],
    ),
    lesson_01.check_decibels: (
        lambda x, y: -10 * mean_square(x, y).log10(),
        [
            (lambda x, y: 10 * mean_square(x, y).log10(), "minus"),
            (lambda x, y: -10 * mean_square(x, y).sqrt().log10(), "root"),
            (lambda x, y: -10 * (784 * mean_square(x, y)).log10(), "summed"),
            (lambda x, y: -10 * mean_square(x, y).log(), "natural"),
            (lambda x, y: -10 * (x - y).abs().flatten(1).mean(1).log10(), "absolute"),
            (lambda x, y: -10 * mean_square(x, y).mean().log10(), "one per image"),
            (lambda x, y: -10 * (x - y).square().log10(), "shape"),
        ],
    ),
    lesson_01.check_masked_loss: (
        lambda *a: hole(*a).mean(),
        [
            (lambda *a: hole(*a), "mean over the batch"),
            (lambda *a: hole(*a).sum(), "summed over the batch"),
            (lambda o, c, m: hole(o, c, torch.ones_like(m)).mean(), "over all pixels; multiply"),
            (lambda o, c, m: hole(o, c, ~m).mean(), "outside"),
            (lambda o, c, m: (o - c).square()[m].mean(), "pixels of the hole: sum"),
            (lambda *a: hole(*a).mean() / 784, "averaged over all pixels"),
            (lambda o, c, m: (o - c).abs().sum(), "expected the squared error"),
        ],
    ),
}


def test_rounding_does_not_make_a_right_answer_wrong():
    answer = lambda x, y: -20 * mean_square(x, y).double().sqrt().log10()  # noqa: E731
    assert lesson_01.check_decibels(answer).status == "correct"
