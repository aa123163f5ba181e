"""The digit classifier: known values, modes, and what it learns from glyphs alone."""

import math
import os

import pytest
import torch
from torch.testing import assert_close

from course_utils.data.batches import Batches
from course_utils.data.glyphs import glyph_split
from course_utils.data.images import load_images
from course_utils.models.classifier import Classifier, ClassifierConfig, classifier_loss
from course_utils.training import evaluate, train_epoch, warmup_then_decay


def make_classifier(seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(ClassifierConfig())


def digits(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(n, 1, 28, 28, generator=generator), torch.arange(n) % 10


def test_logits_and_features_have_the_promised_shapes():
    model = make_classifier()
    x, _ = digits(3)
    assert model(x).shape == (3, 10)
    assert model.features(x).shape == (3, model.config.feature_size)
    assert (model.features(x) >= 0).all()


def test_logits_are_a_linear_map_of_the_features_in_eval_mode():
    model = make_classifier().eval()
    x, _ = digits(4)
    assert_close(model(x), model.to_logits(model.features(x)))


def test_an_untrained_classifier_costs_about_ln_10_nats():
    losses = classifier_loss(make_classifier(), digits(500))
    assert losses["loss"].item() == pytest.approx(math.log(10), rel=0.1)


def test_zero_logits_cost_exactly_ln_10_and_large_right_ones_nothing():
    model = make_classifier()
    torch.nn.init.zeros_(model.to_logits.weight)
    torch.nn.init.zeros_(model.to_logits.bias)
    x, labels = digits(20)
    losses = classifier_loss(model, (x, labels))
    assert_close(losses["loss"], torch.tensor(math.log(10)))
    with torch.no_grad():
        model.to_logits.bias[3] = 100.0
    sure = classifier_loss(model, (x, torch.full((20,), 3)))
    assert_close(sure["loss"], torch.tensor(0.0))
    assert sure["accuracy"] == 1
    assert_close(classifier_loss(model, (x, labels))["accuracy"], torch.tensor(0.1))


def test_an_image_alone_is_read_as_in_a_batch_in_eval_mode():
    model = make_classifier().eval()
    x, _ = digits(8)
    assert_close(model(x[2:3]), model(x)[2:3], atol=1e-5, rtol=1e-5)


def test_loss_and_gradient_stay_finite_for_huge_inputs():
    model = make_classifier()
    x, labels = digits(16)
    loss = classifier_loss(model, (1000 * x, labels))["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.fixture(scope="module")
def reader_of_glyphs() -> Classifier:
    """Trained on 6,000 glyphs and nothing else: some 5 CPU seconds."""
    images, labels, _ = glyph_split(6_000, seed=3)
    model = make_classifier()
    batches = Batches(images, labels, size=64, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = warmup_then_decay(optimizer, warmup_steps=20, total_steps=2 * len(batches))
    for _ in range(2):
        train_epoch(model, batches, classifier_loss, optimizer, schedule)
    return model


def test_a_classifier_trained_on_glyphs_reads_other_glyphs(reader_of_glyphs):
    images, labels, _ = glyph_split(2_000, seed=4)
    results = evaluate(reader_of_glyphs, Batches(images, labels, size=500), classifier_loss)
    assert results["accuracy"] > 0.95  # seen on three seeds: 0.984 to 0.987


@pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="needs MNIST: set COURSE_DATA")
def test_a_classifier_trained_on_glyphs_alone_reads_mnist(reader_of_glyphs):
    data = load_images("mnist")
    if data.name != "mnist":
        pytest.skip("COURSE_DATA is set, but holds no MNIST")
    batches = Batches(data.test.images, data.test.labels, size=500)
    results = evaluate(reader_of_glyphs, batches, classifier_loss)
    assert results["accuracy"] > 0.85  # seen on three seeds: 0.93 to 0.94


def test_each_block_halves_the_sides_normalizes_and_bends():
    for block in make_classifier().blocks:
        kinds = [type(layer).__name__ for layer in block]
        assert kinds == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU"]
        assert block[0].bias is None  # the normalization has one
