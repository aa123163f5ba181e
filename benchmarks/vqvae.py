"""Notebook 03 in numbers: digits on demand, a codebook of 128 codes, and a prior over the codes.

About 4 CPU minutes a seed; trainings somewhat longer than in the notebook. All on the 10,000 test
images of MNIST. Errors are squared errors per pixel, divided by the variance of all test pixels
(0.0949). Digits that a model draws are read by a classifier that was trained on real images alone.
"""

import time
from functools import partial
from itertools import chain, islice, repeat

import torch
from torch import Tensor, nn

from benchmarks.glyphs import train_reader
from course_utils.data.batches import Batches, to_unit_range
from course_utils.data.images import ImageData, ImageSplit, load_images
from course_utils.metrics import nats_to_bits, perplexity
from course_utils.models.classifier import classifier_loss
from course_utils.models.cvae import ConditionalVAE, ConditionalVAEConfig, cvae_loss
from course_utils.models.cvae import sample as sample_cvae
from course_utils.models.pixelcnn import PixelCNN, PixelCNNConfig, prior_loss
from course_utils.models.pixelcnn import sample as sample_codes
from course_utils.models.vae import start_at_mean
from course_utils.models.vqvae import (
    VQVAE,
    VQVAEConfig,
    count_codes,
    revive_dead_codes,
    vqvae_loss,
)
from course_utils.training import LossFn, evaluate, train_epoch, update, warmup_then_decay

DIGITS = torch.arange(10).repeat(200)  # labels of the 2,000 digits that each model draws


def train(model: nn.Module, batches: Batches, loss_fn: LossFn, epochs: int, rate: float) -> float:
    """Train as notebook 03 does; return the CPU seconds it took."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99))
    schedule = warmup_then_decay(optimizer, len(batches) // 4, epochs * len(batches))
    start = time.process_time()
    for _ in range(epochs):
        train_epoch(model, batches, loss_fn, optimizer, schedule)
    return time.process_time() - start


def train_vqvae(images: Tensor, seed: int, steps: int = 1720, rate: float = 8e-3) -> VQVAE:
    """Two epochs of batches of 64; every 100 steps dead codes are moved."""
    torch.manual_seed(seed)
    model = VQVAE(VQVAEConfig())
    batches = Batches(images, size=64, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.99))
    schedule = warmup_then_decay(optimizer, steps // 8, steps)
    for step, batch in enumerate(islice(chain.from_iterable(repeat(batches)), steps)):
        if step % 100 == 0:
            some = images[torch.randint(len(images), (500,))]
            revive_dead_codes(model, to_unit_range(some))
        update(model, batch, vqvae_loss, optimizer)
        schedule.step()
    return model.eval()


def train_prior(model: VQVAE, data: ImageSplit, seed: int) -> tuple[PixelCNN, float]:
    """A prior over the codes of all images, one epoch; and the CPU seconds of its training."""
    with torch.no_grad():
        codes = torch.cat([model.to_codes(x) for (x,) in Batches(data.images, size=500)])
    torch.manual_seed(seed)
    prior = PixelCNN(PixelCNNConfig(vocab_size=model.config.codes))
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(codes, data.labels, size=64, generator=generator)
    return prior, train(prior, batches, prior_loss, 1, 8e-3)


def conditional(data: ImageData, judge: nn.Module, seed: int) -> dict[str, float]:
    """The conditional VAE with the plain bound, and with a KL that counts four times."""
    results = {}
    batches = Batches(data.train.images, data.train.labels, size=128)
    test = Batches(data.test.images, data.test.labels, size=1000)
    for beta in (1.0, 4.0):
        torch.manual_seed(seed)
        batches.generator = torch.Generator().manual_seed(seed)
        model = ConditionalVAE(ConditionalVAEConfig(latent_size=16))
        start_at_mean(model, to_unit_range(data.train.images[:5000]))
        seconds = train(model, batches, partial(cvae_loss, beta=beta), 4, 4e-3)
        drawn = sample_cvae(model, DIGITS, torch.Generator().manual_seed(seed))
        name = f"conditional VAE, beta {beta:g}"
        goal = " (must be >= 97)" if beta > 1 else ""
        results[f"{name}, digits read as ordered, %{goal}"] = share_read(judge, drawn, DIGITS)
        results[f"{name}, bound, nats per image"] = evaluate(model, test, cvae_loss)["loss"]
        results[f"{name}, CPU s"] = seconds
    return results


@torch.no_grad()
def share_read(judge: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Per cent of the images that the judge reads as their label."""
    read = torch.cat([judge(x).argmax(dim=1) for x in images.split(500)])
    return 100 * (read == labels).float().mean().item()


def discrete(data: ImageData, judge: nn.Module, seed: int) -> dict[str, float]:
    """The VQ-VAE, and the prior over its codes."""
    start = time.process_time()
    model = train_vqvae(data.train.images, seed)
    results = {"VQ-VAE, CPU s": time.process_time() - start}
    test = to_unit_range(data.test.images)
    error = evaluate(model, Batches(test, size=500), vqvae_loss)["reconstruction"]
    goal = "must be <= 0.037, aim 0.030"
    results[f"VQ-VAE, error / variance ({goal})"] = error / 784 / test.var().item()
    counts = sum(count_codes(model, x) for x in test.split(500))
    results["VQ-VAE, codes in use, of 128"] = (counts > 0).sum().item()
    results["VQ-VAE, perplexity of the codes"] = perplexity(counts)
    prior, results["prior, CPU s"] = train_prior(model, data.train, seed)
    with torch.no_grad():
        test_codes = torch.cat([model.to_codes(x) for x in test.split(500)])
    nats = evaluate(prior, Batches(test_codes, data.test.labels, size=500), prior_loss)["loss"]
    results["prior, bits per image (343 without)"] = nats_to_bits(nats)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        drawn = model.from_codes(sample_codes(prior, DIGITS, generator))
    results["prior, digits read as ordered, %"] = share_read(judge, drawn, DIGITS)
    return results


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    data = load_images("mnist")
    if data.name != "mnist":
        raise SystemExit("this benchmark needs MNIST: set COURSE_DATA or run with a network")
    judge = train_reader(data.train, seed=0).eval()
    test = Batches(data.test.images, data.test.labels, size=1000)
    accuracy = evaluate(judge, test, classifier_loss)["accuracy"]
    results: dict[str, list[float]] = {"judge, test images read correctly, %": [100 * accuracy]}
    for seed in seeds:
        measured = discrete(data, judge, seed) | conditional(data, judge, seed)
        for what, value in measured.items():
            results.setdefault(what, []).append(value)
    return results
