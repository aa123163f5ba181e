"""All families of the course in one table: the same data, the same split, the same judge.

Images: MNIST, 60,000 training images, 10,000 test images. Each model is trained with the recipe of
its lesson, as many passes as there, and then draws 10,000 images, with the labels of the test
images where it takes labels.

*Nats per image* are a bound on -log p(x) (the negative ELBO with one draw; exact for independent
pixels) of the black-and-white test images: each pixel drawn once, white with its grey value as
probability.
"Grey" is the same on the grey test images, which is a cross-entropy and no likelihood. A CVAE is
told the label: its numbers are of -log p(x|y). The autoencoder, the GANs and the VQ-VAE with
squared errors give images no probability. Distances, precision and recall are between 10,000 drawn
images and the test images, on the features of course_utils/judge.py. A VAE's images are the
probabilities of its pixels. The floor is 10,000 training images; independent pixels
are the other end.

Text: tiny Shakespeare, the last 10 % for validation, nats and bits per character of all of it: in
windows of 64 characters, and with all that a model can carry (benchmarks/language.py).

Weights are all that are trained, both players of a GAN; for n-grams, the counts kept. Speed is that
of one thread, 100 images or texts at a time, per second of CPU time; a text has 100 tokens.

About 13 CPU minutes a seed. `python docs/scoreboard.py` writes the tables into the pages.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import autoencoder, gan, language, text, vae, vqvae
from course_utils.data.batches import Batches, to_unit_range
from course_utils.data.images import ImageData, ImageSplit, load_images
from course_utils.data.text import Text, load_text
from course_utils.data.windows import random_windows, whole_text
from course_utils.generation import Extend, generate
from course_utils.language_metrics import nats_per_token, nats_per_token_carried
from course_utils.metrics import bits_per_dimension, nats_to_bits
from course_utils.models.autoencoder import Autoencoder, AutoencoderConfig, reconstruction_loss
from course_utils.models.autoencoder import sample as sample_autoencoder
from course_utils.models.better_gans import LabelCritic, LabelGANConfig
from course_utils.models.better_gans import sample as sample_label_gan
from course_utils.models.bpe import BPETokenizer, train_bpe
from course_utils.models.cvae import ConditionalVAE, ConditionalVAEConfig, cvae_loss
from course_utils.models.cvae import sample as sample_cvae
from course_utils.models.gan import GANConfig, penalized_discriminator_loss
from course_utils.models.gan import sample as sample_gan
from course_utils.models.ngram import NGram
from course_utils.models.pixelcnn import sample as sample_codes
from course_utils.models.rnn import LSTMLanguageModel, RNNConfig, next_token_loss, parameter_groups
from course_utils.models.tokenizer import CharTokenizer
from course_utils.models.transformer import GPTConfig
from course_utils.models.vae import (
    VAE,
    BentVAE,
    VAEConfig,
    bernoulli_nll,
    binarized,
    start_at_mean,
    vae_loss,
)
from course_utils.models.vae import sample as sample_vae
from course_utils.muon import Muon
from course_utils.training import LossFn, evaluate, update, warmup_then_decay

Draw = Callable[[Tensor, torch.Generator], Tensor]  # labels (n,) -> images (n, 1, 28, 28)
BATCH = 100  # images or texts at a time, where speed is measured
LENGTH = 100  # tokens of a text


@dataclass(frozen=True)
class Painter:
    """A trained model of images, as the table sees it."""

    name: str
    models: tuple[nn.Module, ...]  # whose weights were trained
    seconds: float  # of training, CPU
    draw: Draw
    loss_fn: LossFn | None = None  # of the first model: bound on -log p, in nats per image


class Coins(nn.Module):
    """One coin per pixel, all independent: its share of ink in the training images."""

    def __init__(self, images: Tensor):
        super().__init__()
        ink = (to_unit_range(images).sum(dim=0) + 1) / (len(images) + 2)  # (1, 28, 28)
        self.logits = nn.Parameter(ink.logit())

    def draw(self, labels: Tensor, noise: torch.Generator) -> Tensor:
        ink = self.logits.detach().sigmoid()
        return torch.bernoulli(ink.expand(len(labels), 1, -1, -1), generator=noise)


def coins_loss(model: Coins, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """-log p(x) of independent pixels, in nats per image."""
    x, *_ = batch
    return {"loss": bernoulli_nll(model.logits.expand_as(x), x).mean()}


def coins(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 00; nothing here is random."""
    start = time.process_time()
    model = Coins(train.images)
    seconds = time.process_time() - start
    yield Painter("independent pixels (00)", (model,), seconds, model.draw, coins_loss)


def gaussian_codes(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 01: a deep autoencoder, and a Gaussian fitted to its codes."""
    torch.manual_seed(seed)
    model = Autoencoder(AutoencoderConfig(autoencoder.LATENT_SIZE))
    epochs = autoencoder.EPOCHS
    seconds = autoencoder.train(model, train.images, reconstruction_loss, epochs, seed)
    with torch.no_grad():
        codes = model.encode(to_unit_range(train.images[:5000]))

    def draw(labels: Tensor, noise: torch.Generator) -> Tensor:
        with torch.no_grad():
            return sample_autoencoder(model, codes, len(labels), noise)

    yield Painter("autoencoder + Gaussian (01)", (model,), seconds, draw)


def vaes(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 02: trained on grey images, and on black-and-white ones."""
    recipes = (
        ("VAE (02)", VAE, VAEConfig(20), (8, vae_loss), vae.GREY_RATES),
        (
            "VAE on binarized images (02)",
            BentVAE,
            VAEConfig(40, (300, 300)),
            (24, binarized(vae_loss)),
            vae.BINARY_RATES,
        ),
    )
    for name, kind, config, phase, rates in recipes:
        torch.manual_seed(seed)
        model = kind(config)
        clock = vae.train(model, train.images, [phase], rates, seed)

        def draw(labels: Tensor, noise: torch.Generator, model: VAE = model) -> Tensor:
            with torch.no_grad():
                return sample_vae(model, len(labels), noise)

        yield Painter(name, (model,), clock.cpu, draw, vae_loss)


def conditional(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 03: told the label; in training the KL counts four times."""
    torch.manual_seed(seed)
    model = ConditionalVAE(ConditionalVAEConfig(latent_size=16))
    start_at_mean(model, to_unit_range(train.images[:5000]))
    order = torch.Generator().manual_seed(seed)
    batches = Batches(train.images, train.labels, size=128, generator=order)
    seconds = vqvae.train(model, batches, partial(cvae_loss, beta=4.0), 3, 4e-3)
    yield Painter("conditional VAE (03)", (model,), seconds, partial(sample_cvae, model), cvae_loss)


def discrete(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 03: a VQ-VAE, and a PixelCNN that writes its codes."""
    start = time.process_time()
    model = vqvae.train_vqvae(train.images, seed, steps=len(train.images) // 40)
    prior, _ = vqvae.train_prior(model, train, seed)
    seconds = time.process_time() - start

    def draw(labels: Tensor, noise: torch.Generator) -> Tensor:
        with torch.no_grad():
            return model.from_codes(sample_codes(prior, labels, noise))

    yield Painter("VQ-VAE + PixelCNN (03)", (model, prior), seconds, draw)


def game(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 04: a GAN with a slope penalty."""
    start = time.process_time()
    images = to_unit_range(train.images)
    penalized = partial(penalized_discriminator_loss, weight=3.0)
    players = gan.play(images, GANConfig((1, 28, 28)), penalized, rate=2e-3, epochs=4, seed=seed)
    seconds = time.process_time() - start

    def draw(labels: Tensor, noise: torch.Generator) -> Tensor:
        return sample_gan(players[0], len(labels), noise)

    yield Painter("GAN (04)", players, seconds, draw)


def better_game(train: ImageSplit, seed: int) -> Iterator[Painter]:
    """Lesson 05: told the label, a relativistic loss; all its noise, and only the near part."""
    model, seconds = gan.ours(train.images, train.labels, epochs=5, seed=seed)
    models = model, LabelCritic(LabelGANConfig())  # an untrained one: only its size counts
    for name, truncation in (
        ("relativistic GAN (05)", None),
        ("relativistic GAN, truncated (05)", 1.5),
    ):
        draw = partial(sample_label_gan, model, truncation=truncation)
        yield Painter(name, models, seconds, lambda y, noise, draw=draw: draw(y, generator=noise))


PAINTERS = (coins, gaussian_codes, vaes, conditional, discrete, game, better_game)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with a single thread inside the `with` block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def draw_all(draw: Draw, labels: Tensor, seed: int) -> tuple[Tensor, float]:
    """An image for each label (n,) -> (n, 1, 28, 28), and images per CPU second of one thread."""
    noise = torch.Generator().manual_seed(seed)
    with one_thread():
        draw(labels[:BATCH], noise)  # warm
        start = time.process_time()
        images = torch.cat([draw(part, noise) for part in labels.split(BATCH)])
        return images, len(labels) / (time.process_time() - start)


def bound(painter: Painter, images: Tensor, labels: Tensor) -> float:
    """Bound on -log p of the images, one draw each, in nats per image."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        batches = Batches(images, labels, size=500)
        return evaluate(painter.models[0], batches, painter.loss_fn)["loss"]


def measure_images(painter: Painter, ruler: gan.Ruler, seed: int) -> dict[str, float]:
    """All columns of one row."""
    row = {}
    if painter.loss_fn:
        pixels = torch.bernoulli(ruler.images, generator=torch.Generator().manual_seed(0))
        row["nats per image"] = bound(painter, pixels, ruler.labels)
        row["bits per pixel"] = bits_per_dimension(row["nats per image"], pixels[0].numel())
        row["nats per grey image"] = bound(painter, ruler.images, ruler.labels)
    images, speed = draw_all(painter.draw, ruler.labels, seed)
    return {
        **row,
        **distances(ruler.measure(images)),
        "weights": count_weights(painter.models),
        "CPU min": painter.seconds / 60,
        "images per second": speed,
    }


def distances(measured: dict[str, float]) -> dict[str, float]:
    """Columns without a comma, which parts row and column in the results."""
    return {name.replace(",", ""): value for name, value in measured.items()}


def count_weights(models: tuple[nn.Module, ...]) -> int:
    """Numbers that training moves; an average of weights counts like the weights."""
    return sum(weight.numel() for model in models for weight in model.parameters())


def rows_of_images(data: ImageData, seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """(name, columns) of each row: real images, then every model."""
    ruler = gan.Ruler(data)
    yield "real training images (floor)", distances(ruler.floor)
    for family in PAINTERS:
        for painter in family(data.train, seed):
            yield painter.name, measure_images(painter, ruler, seed)


@dataclass(frozen=True)
class Writer:
    """A trained model of text, as the table sees it. `per_token`: characters, on average."""

    name: str
    weights: int
    seconds: float  # of training, CPU
    logits_of: Callable[[Tensor], Tensor]  # tokens (B, T) -> (B, T, V)
    extend: Extend
    carried: float  # nats per token with all it can carry
    tokens: Tensor  # to validate
    per_token: float = 1.0


def counts(train: Tensor, validation: Tensor, vocab_size: int) -> Writer:
    """Lesson 06: n-grams of up to six characters."""
    start = time.process_time()
    model = NGram(train, vocab_size, 6)
    seconds = time.process_time() - start
    kept = sum(len(level.grams) for level in model.levels)
    carried = nats_per_token_carried(model.extend, validation)
    return Writer("6-grams (06)", kept, seconds, model.logits, model.extend, carried, validation)


def lstm(train: Tensor, validation: Tensor, vocab_size: int, seed: int) -> Writer:
    """Lesson 06: three passes in chunks of 64 characters."""
    start = time.process_time()
    steps = 3 * ((len(train) - 1) // (16 * 64))
    model = language.train_lstm(train, vocab_size, seed, steps, chunk=64)
    seconds = time.process_time() - start
    carried = nats_per_token_carried(model.extend, validation)
    weights = count_weights((model,))
    return Writer("LSTM (06)", weights, seconds, model, model.extend, carried, validation)


def lstm_of_tokens(source: Text, seed: int, size: int = 2048, steps: int = 200) -> Writer:
    """Lesson 07: byte-pair encoding, then a short training in windows of about 128 characters."""
    start = time.process_time()
    coder = BPETokenizer(train_bpe(source.train, size - 256))
    train, validation = coder.encode(source.train), coder.encode(source.validation)
    torch.manual_seed(seed)
    model = LSTMLanguageModel(RNNConfig(coder.vocab_size, width=256, embedding_size=256))
    optimizer = Muon(*parameter_groups(model, 4e-3), rate=0.03)
    schedule = warmup_then_decay(optimizer, steps // 20, steps)
    length = round(128 * len(train) / len(source.train))
    order = torch.Generator().manual_seed(seed)
    for batch in random_windows(train, length, 16, steps, order):
        update(model, batch, next_token_loss, optimizer)
        schedule.step()
    seconds = time.process_time() - start
    return Writer(
        f"LSTM of {size:,} tokens (07)",
        count_weights((model,)),
        seconds,
        model.eval(),
        model.extend,
        nats_per_token_carried(model.extend, validation),
        validation,
        len(source.validation) / len(validation),
    )


def gpt(train: Tensor, validation: Tensor, vocab_size: int, seed: int, steps: int = 1000) -> Writer:
    """Lesson 08: a thousand batches of 2,048 characters."""
    config = GPTConfig(vocab_size, context_size=128)
    model, seconds = text.ours(train, config, seed, steps)
    carried = language.overlapping(model, validation)
    weights = count_weights((model,))
    return Writer("GPT (08)", weights, seconds, model, model.extend, carried, validation)


def measure_text(writer: Writer, seed: int) -> dict[str, float]:
    """All columns of one row."""
    window = round(64 / writer.per_token)  # tokens
    nats = nats_per_token(writer.logits_of, whole_text(writer.tokens, window, 32))
    prompt = writer.tokens[:BATCH, None]  # a first token for each text
    with one_thread(), torch.no_grad():
        generate(writer.extend, prompt, 2, torch.Generator().manual_seed(seed))  # warm
        start = time.process_time()
        generate(writer.extend, prompt, LENGTH, torch.Generator().manual_seed(seed))
        seconds = time.process_time() - start
    carried = writer.carried / writer.per_token
    return {
        "nats per character in windows": nats / writer.per_token,
        "nats per character": carried,
        "bits per character": nats_to_bits(carried),
        "weights": writer.weights,
        "CPU min": writer.seconds / 60,
        "characters per second": BATCH * LENGTH * writer.per_token / seconds,
    }


def rows_of_text(source: Text, seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """(name, columns) of each row."""
    tokenizer = CharTokenizer(source.train + source.validation)
    parts = [tokenizer.encode(part) for part in (source.train, source.validation)]
    V = tokenizer.vocab_size
    for make in (
        lambda: counts(*parts, V),
        lambda: lstm(*parts, V, seed),
        lambda: lstm_of_tokens(source, seed),
        lambda: gpt(*parts, V, seed),
    ):
        writer = make()
        yield writer.name, measure_text(writer, seed)


def main(seeds: tuple[int, ...] = (0,)) -> dict[str, list[float]]:
    """ "row, column" -> one number for each seed; rows and columns in the order of the tables."""
    data, source = load_images("mnist"), load_text("tinyshakespeare")
    if data.name != "mnist" or source.name != "tinyshakespeare":
        raise SystemExit(
            "the scoreboard needs MNIST and tiny Shakespeare: set COURSE_DATA or run with a network"
        )
    results: dict[str, list[float]] = {}
    for seed in seeds:
        for rows in (rows_of_images(data, seed), rows_of_text(source, seed)):
            for name, row in rows:
                print(f"  {name}", flush=True)
                for column, value in row.items():
                    results.setdefault(f"{name}, {column}", []).append(value)
    return results
