"""Models of default size: their number of weights, counted by hand from the sizes."""

import pytest

from course_utils.models.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    ConvAutoencoder,
    ConvAutoencoderConfig,
)
from course_utils.models.better_gans import (
    ConvCritic,
    ConvGenerator,
    LabelCritic,
    LabelGANConfig,
    LabelGenerator,
)
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.models.cvae import ConditionalVAE, ConditionalVAEConfig
from course_utils.models.gan import Discriminator, GANConfig, Generator
from course_utils.models.pixelcnn import PixelCNN, PixelCNNConfig
from course_utils.models.rnn import LSTMLanguageModel, RNNConfig
from course_utils.models.transformer import GPT, GPTConfig
from course_utils.models.vae import VAE, VAEConfig
from course_utils.models.vqvae import VQVAE, VQVAEConfig


def linear(*sizes: int) -> int:
    """Weights and biases of linear maps from size to size."""
    return sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))


def norm(*sizes: int) -> int:
    return 2 * sum(sizes)


LSTM = 4 * 384 * (64 + 384 + 2) + 65 * 64 + linear(384, 65)
BLOCK = norm(128, 128) + linear(128, 3 * 128) + linear(128, 128) + linear(128, 512, 128) + 4 * 64
RESIDUAL = linear(9 * 32, 32) + linear(32, 32)
CAUSAL = linear(9 * 48, 24) + linear(24, 48)
IMAGE = (1, 28, 28)


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (
            lambda: Autoencoder(AutoencoderConfig(8)),
            linear(784, 512, 256, 8) + linear(784, 8) + linear(8, 256, 512, 784) + linear(8, 784),
        ),
        (
            lambda: ConvAutoencoder(ConvAutoencoderConfig(8)),
            linear(16, 16)
            + 2 * linear(9 * 16, 16)
            + (16 * 16 + 1)  # the four convolutions
            + linear(784, 128, 8)
            + linear(8, 128, 784)
            + 2 * (linear(784, 8) + linear(8, 784)),
        ),
        (lambda: VAE(VAEConfig(8)), linear(784, 400, 16) + linear(8, 400, 784)),
        (
            lambda: ConditionalVAE(ConditionalVAEConfig(8)),
            linear(794, 512, 256, 16) + linear(18, 256, 512, 784),
        ),
        (
            lambda: VQVAE(VQVAEConfig()),
            128 * 16
            + linear(16, 32)
            + linear(32, 16)
            + linear(16, 32)
            + linear(32, 16)
            + 4 * RESIDUAL,
        ),
        (
            lambda: PixelCNN(PixelCNNConfig(128)),
            128 * 24 + 10 * 48 * 49 + linear(25 * 24, 48) + 4 * CAUSAL + linear(48, 128),
        ),
        (lambda: Generator(GANConfig(IMAGE)), linear(100, 256, 512, 784)),
        (lambda: Discriminator(GANConfig(IMAGE)), linear(784, 512, 256, 1)),
        (lambda: LabelGenerator(LabelGANConfig()), linear(30, 128, 256, 784) + norm(128, 256)),
        (lambda: LabelCritic(LabelGANConfig()), linear(784, 256, 256, 10)),
        (
            lambda: ConvGenerator(LabelGANConfig()),
            linear(30, 32 * 49) + norm(32, 16) + (16 * 32 * 16 + 16) + (16 * 16 + 1),
        ),
        (
            lambda: ConvCritic(LabelGANConfig()),
            linear(16, 16) + linear(16 * 16, 32) + linear(32 * 49, 10),
        ),
        (
            lambda: Classifier(ClassifierConfig()),
            9 * 16 + 9 * 16 * 32 + norm(16, 32) + linear(32 * 49, 64, 10),
        ),
        (lambda: LSTMLanguageModel(RNNConfig(65)), LSTM),
        (lambda: GPT(GPTConfig(65)), 2 * 65 * 128 + 64 * 128 + 4 * BLOCK + norm(128)),
    ],
)
def test_a_model_of_default_size_has_the_weights_that_its_sizes_say(model, weights):
    assert sum(weight.numel() for weight in model().parameters()) == weights


def test_defaults_that_make_no_weight():
    assert VQVAEConfig().commitment == 0.25 and ClassifierConfig().dropout == 0.2
    assert GPTConfig(65).heads == 4 and LabelGANConfig().noise_size == 20
