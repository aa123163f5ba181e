"""PixelCNN: no symbol sees itself or a later one, nats per image, sampling in the right order."""

import math

import pytest
import torch
from torch import nn

from course_utils.models.pixelcnn import (
    MaskedConv2d,
    PixelCNN,
    PixelCNNConfig,
    causal_mask,
    prior_loss,
    sample,
)
from course_utils.training import update

SMALL = PixelCNNConfig(vocab_size=12, classes=3, channels=8, blocks=2)
LABELS = torch.tensor([0, 2, 1, 1])


def small_model(seed=0):
    torch.manual_seed(seed)
    return PixelCNN(SMALL)


def codes(n=4, seed=0):
    return torch.randint(12, (n, 7, 7), generator=torch.Generator().manual_seed(seed))


def test_mask_a_hides_the_centre_and_mask_b_shows_it():
    assert causal_mask(3, see_centre=False).tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert causal_mask(3, see_centre=True).tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert causal_mask(5, see_centre=False).sum() == 12


def test_a_masked_convolution_is_a_convolution_with_masked_weights():
    x, layer = torch.randn(2, 3, 7, 7), MaskedConv2d(3, 4, size=3, see_centre=False)
    plain = nn.Conv2d(3, 4, kernel_size=3, padding=1)
    plain.weight.data = layer.weight.data * causal_mask(3, see_centre=False)
    plain.bias.data = layer.bias.data
    torch.testing.assert_close(layer(x), plain(x))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 6), (3, 2), (6, 5)])
def test_changing_a_code_changes_no_logits_at_its_place_or_before(row, column):
    model, before = small_model(), codes()
    after = before.clone()
    after[:, row, column] = (after[:, row, column] + 1) % 12
    differs = (model(before, LABELS) != model(after, LABELS)).any(dim=1).flatten(1)  # (4, 49)
    place = 7 * row + column
    assert not differs[:, : place + 1].any()
    assert differs[:, place + (7 if row < 6 else 1)].all()  # the one below sees it, or the next


def test_gradients_reach_earlier_places_alone():
    model = small_model()
    embedded = torch.randn(1, 4, 7, 7, requires_grad=True)
    logits = model.from_embedded(embedded, LABELS[:1])
    logits[0, :, 3, 2].sum().backward()
    reached = embedded.grad.abs().sum(dim=1).flatten() > 0  # (49,)
    assert not reached[7 * 3 + 2 :].any()
    assert reached[7 * 3 + 1] and reached[7 * 2 + 2] and reached.sum() > 10


def test_the_first_place_depends_on_the_label_alone_and_labels_matter_everywhere():
    model = small_model()
    one, other = model(codes(seed=1), LABELS), model(codes(seed=2), LABELS)
    torch.testing.assert_close(one[:, :, 0, 0], other[:, :, 0, 0])
    changed = model(codes(seed=1), (LABELS + 1) % 3)
    assert (changed != one).any(dim=1).all()


def test_a_model_that_knows_nothing_costs_49_ln_v_and_an_untrained_one_nearly_so():
    model = PixelCNN(PixelCNNConfig(vocab_size=128))
    batch = (torch.randint(128, (50, 7, 7)), torch.randint(10, (50,)))
    known = 49 * math.log(128)  # 237.7
    assert prior_loss(model, batch)["loss"].item() == pytest.approx(known, rel=0.05)
    for weight in model.to_logits.parameters():
        nn.init.zeros_(weight)
    assert prior_loss(model, batch)["loss"].item() == pytest.approx(known, rel=1e-5)


def test_the_loss_is_minus_the_log_of_the_product_and_not_of_the_batch_size():
    model, x = small_model(), codes(13)
    labels = torch.arange(13) % 3
    log_p = model(x, labels).log_softmax(dim=1).gather(1, x.unsqueeze(1))  # (13, 1, 7, 7)
    whole = prior_loss(model, (x, labels))["loss"]
    torch.testing.assert_close(whole, -log_p.flatten(1).sum(dim=1).mean())
    parts = [
        len(part) * prior_loss(model, (part, y))["loss"]
        for part, y in zip(x.split(5), labels.split(5), strict=True)
    ]
    torch.testing.assert_close(sum(parts) / 13, whole)


def test_a_map_alone_is_as_in_a_batch():
    model, x = small_model(), codes()
    assert model(x, LABELS).shape == (4, 12, 7, 7)
    torch.testing.assert_close(model(x[1:2], LABELS[1:2]), model(x, LABELS)[1:2])


def test_probabilities_of_all_maps_add_up_to_one():
    """Only a causal model has this: 3 ** 4 maps of 2 x 2."""
    torch.manual_seed(0)
    model = PixelCNN(PixelCNNConfig(vocab_size=3, size=(2, 2), channels=8))
    maps = torch.cartesian_prod(*[torch.arange(3)] * 4).unflatten(1, (2, 2))  # (81, 2, 2)
    log_p = model(maps, torch.zeros(81, dtype=torch.long)).log_softmax(dim=1)
    of_maps = log_p.gather(1, maps.unsqueeze(1)).flatten(1).sum(dim=1).exp()
    assert of_maps.sum().item() == pytest.approx(1, rel=1e-5)


def test_samples_follow_the_model():
    """Shares of 81 maps in 10,000 draws, 5 standard errors each: a false alarm in 20,000 runs."""
    torch.manual_seed(0)
    model = PixelCNN(PixelCNNConfig(vocab_size=3, size=(2, 2), channels=8))
    model.to_logits[-1].weight.data *= 20  # so that symbols depend strongly on those before
    maps = torch.cartesian_prod(*[torch.arange(3)] * 4).unflatten(1, (2, 2))
    log_p = model(maps, torch.zeros(81, dtype=torch.long)).log_softmax(dim=1)
    p = log_p.gather(1, maps.unsqueeze(1)).flatten(1).sum(dim=1).exp().detach()
    labels = torch.zeros(10_000, dtype=torch.long)
    drawn = sample(model, labels, torch.Generator().manual_seed(0))
    number = drawn.flatten(1) @ torch.tensor([27, 9, 3, 1])
    shares = torch.bincount(number, minlength=81) / 10_000
    assert ((shares - p).abs() < 5 * (p * (1 - p) / 10_000).sqrt()).all()


def test_sampling_repeats_with_its_generator_and_gives_the_mode_back():
    model = small_model()
    model.train()
    first = sample(model, LABELS, torch.Generator().manual_seed(7))
    again = sample(model, LABELS, torch.Generator().manual_seed(7))
    other = sample(model, LABELS, torch.Generator().manual_seed(8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (4, 7, 7) and first.dtype == torch.int64 and model.training
    assert 0 <= first.min() and first.max() < 12
    with pytest.raises(IndexError):
        sample(model, LABELS + 10, torch.Generator())  # no such labels
    assert model.training
    sample(model.eval(), LABELS, torch.Generator())
    assert not model.training


def test_a_fixed_batch_is_learned_in_seconds():
    model, batch = small_model(), (codes(), LABELS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        last = update(model, batch, prior_loss, optimizer)["loss"]
    assert last < 0.25 * 49 * math.log(12)


def test_a_block_bends_before_each_map_and_sees_the_features_of_its_own_place():
    block = small_model().blocks[0]
    kinds = [type(layer).__name__ for layer in block.change]
    assert kinds == ["SiLU", "MaskedConv2d", "SiLU", "Conv2d"]
    x = torch.randn(1, 8, 7, 7)
    other = x.clone()
    other[:, :, 3, 4] += 1
    moved = (block.change(x) != block.change(other)).any(dim=1)[0].nonzero().tolist()
    assert moved[0] == [3, 4]  # and then later places
    assert type(small_model().to_logits[0]).__name__ == "SiLU"
