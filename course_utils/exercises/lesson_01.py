"""Checks of notebook 01: what an autoencoder computes, PCA by hand, and a denoiser's decibels."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.exercises.checking import exercise, given
from course_utils.metrics import psnr
from course_utils.models.autoencoder import pca, pca_reconstruct

CLOSE = 1e-3  # relative: an answer this near is right


def _images(n: int, seed: int) -> Tensor:
    """Random images (n, 1, 28, 28) whose pixels are correlated and whose mean is not 0."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.rand(30, 784, generator=generator)
    x = torch.rand(n, 30, generator=generator) @ patterns / 30
    return x.unflatten(1, (1, 28, 28))


def _near(answer: object, value: float | Tensor) -> bool:
    answer = torch.as_tensor(answer, dtype=torch.float64)
    value = torch.as_tensor(value, dtype=torch.float64)
    return answer.shape == value.shape and bool(torch.allclose(answer, value, rtol=CLOSE))


@exercise
def check_parameters(count: int) -> str | None:
    """Exercise 1: how many parameters?

    Weights and biases of a linear autoencoder with latent size 32.
    """
    if _near(count, 784 * 32 + 32 + 32 * 784 + 784):
        return None
    if _near(count, 2 * 784 * 32):
        return "these are the weights; each output of a linear layer has a bias, too"
    if _near(count, 784 * 32 + 32):
        return "this is the encoder alone; the decoder leads from 32 numbers back to 784"
    if _near(count, 2 * (784 * 32 + 32)):
        return "the two layers differ in their biases: 32 codes, but 784 pixels"
    return "a linear layer from a to b numbers has a x b weights and b biases; add both layers"


@exercise
def check_pca(build: Callable[[Tensor, Tensor], nn.Module]) -> str | None:
    """Exercise 2: PCA as an autoencoder.

    A linear autoencoder whose weights are set so that it is PCA.
    """
    images = _images(64, seed=1)
    mean, components = pca(images, 6)
    model = given(build(mean, components))
    codes = (images.flatten(1) - mean) @ components
    with torch.no_grad():
        encoded, reconstruction = model.encode(images), model(images)
    if encoded.shape != codes.shape:
        return f"codes have the shape {tuple(encoded.shape)}; we expect {tuple(codes.shape)}"
    if torch.allclose(encoded, codes + mean @ components, atol=1e-4):
        return "the codes are not centred: the encoder's bias must remove the mean's own code"
    if torch.allclose(encoded, codes + 2 * mean @ components, atol=1e-4):
        return "the sign of the encoder's bias: (x - mean) @ components = x @ components - ?"
    if not torch.allclose(encoded, codes, atol=1e-4):
        return "the codes are not (x - mean) @ components; a Linear computes x @ weight.T + bias"
    wanted = pca_reconstruct(images, mean, components)
    if torch.allclose(reconstruction + mean.unflatten(0, (1, 28, 28)), wanted, atol=1e-4):
        return "the codes are right, but the mean image is missing: it is the decoder's bias"
    if not torch.allclose(reconstruction, wanted, atol=1e-4):
        return "the codes are right; the decoder must compute mean + code @ components.T"
    return None


@exercise
def check_decibels(decibels: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 3: PSNR.

    PSNR of each image, peak 1.
    """
    x, y = _images(5, seed=2), _images(5, seed=3)
    right = psnr(x, y)
    answer = given(decibels(x, y))
    answer = torch.as_tensor(answer, dtype=torch.float32)
    if answer.shape == () and answer.isclose(_pooled(x, y), rtol=CLOSE):
        return "one number for the whole batch; we want one per image: average over pixels only"
    if answer.shape != right.shape:
        return f"the answer has the shape {tuple(answer.shape)}; we want one number per image, (B,)"
    error = (x - y).square().flatten(1)
    guesses = {
        "a minus is missing: a smaller error must give more decibels": -right,
        "10 log10 belongs to the mean squared error; of its root it is 20 log10": right / 2,
        "you summed over the pixels: PSNR takes the mean squared error": -10 * error.sum(1).log10(),
        "you used the natural logarithm; decibels are 10 log10": -10 * error.mean(1).log(),
        "you took absolute differences; square them": -10 * error.sqrt().mean(1).log10(),
    }
    for hint, wrong in guesses.items():
        if torch.allclose(answer, wrong, rtol=CLOSE):
            return hint
    if not torch.allclose(answer, right, rtol=CLOSE):
        return "compare with -10 log10 of the mean over the pixels of (x - y)^2"
    return None


def _pooled(x: Tensor, y: Tensor) -> Tensor:
    return -10 * (x - y).square().mean().log10()


@exercise
def check_masked_loss(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Exercise 4: the error inside a hole.

    Squared error inside the hole alone, summed over pixels, mean over the batch.
    """
    clean, output = _images(6, seed=4), _images(6, seed=5)
    mask = _images(6, seed=6) > 0.25
    inside = ((output - clean).square() * mask).flatten(1).sum(1)
    answer = given(loss(output, clean, mask))
    if _near(answer, inside):
        return "one number per image; the loss is their mean over the batch"
    guesses = {
        "you summed over the batch, too: take the mean over it": inside.sum(),
        "this is the error over all pixels; multiply it by the mask": _summed(output, clean),
        "this is the error outside the hole: the mask is True where pixels were erased": (
            _summed(output, clean) - inside.mean()
        ),
        "you averaged over the pixels of the hole: sum over them": (
            (output - clean).square()[mask].mean()
        ),
        "you averaged over all pixels: sum over them": inside.mean() / 784,
    }
    for hint, wrong in guesses.items():
        if _near(answer, wrong):
            return hint
    if not _near(answer, inside.mean()):
        return "expected the squared error where the mask is True: sum over pixels, mean over batch"
    return None


def _summed(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().flatten(1).sum(1).mean()
