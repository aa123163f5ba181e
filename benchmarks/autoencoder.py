"""Notebook 01 in numbers: compression against PCA, denoising, and the training loop's speed.

About 5 CPU minutes a seed. Errors are squared errors per test image, summed over the pixels. The
loop is compared with a DataLoader over torchvision's MNIST, which turns image by image into a
tensor, as tutorials write it; both train the same network from the same weights.
"""

import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from course_utils.data.batches import Batches, to_unit_range
from course_utils.data.corrupt import add_noise, median_filter
from course_utils.data.files import read_file
from course_utils.data.images import load_images
from course_utils.data.sources import FILES
from course_utils.metrics import psnr, squared_error
from course_utils.models.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    denoising_loss,
    pca,
    pca_reconstruct,
    reconstruction_loss,
)
from course_utils.training import LossFn, evaluate, train_epoch, warmup_then_decay

LATENT_SIZE = 32  # numbers in a code
EPOCHS = 7
NOISE = 0.5  # standard deviation, in units of the pixels' range [0, 1]


def train(
    model: nn.Module,
    images: Tensor,
    loss_fn: LossFn,
    epochs: int,
    seed: int,
    size: int = 128,
    learning_rate: float = 4e-3,
) -> float:
    """Train as notebook 01 does, in batches of `size`; return the CPU seconds it took."""
    batches = Batches(images, size=size, generator=torch.Generator().manual_seed(seed))
    betas = (0.9, 0.99)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=betas, fused=True)
    schedule = warmup_then_decay(optimizer, len(batches) // 4, epochs * len(batches))
    start = time.process_time()
    for _ in range(epochs):
        train_epoch(model, batches, loss_fn, optimizer, schedule)
    return time.process_time() - start


def compression(train_images: Tensor, test_images: Tensor, seed: int) -> dict[str, float]:
    """PCA and the deep autoencoder with codes of 32 numbers."""
    test = to_unit_range(test_images)
    mean, components = pca(to_unit_range(train_images), LATENT_SIZE)
    of_pca = squared_error(test, pca_reconstruct(test, mean, components)).mean().item()
    results = {"PCA, squared error": of_pca}
    for epochs in (2, 4, EPOCHS):  # each with its own decay: the curve of quality against time
        torch.manual_seed(seed)
        model = Autoencoder(AutoencoderConfig(LATENT_SIZE))
        seconds = train(model, train_images, reconstruction_loss, epochs, seed)
        error = evaluate(model, Batches(test_images, size=1000), reconstruction_loss)["loss"]
        results[f"deep, {epochs} epochs, squared error"] = error
        results[f"deep, {epochs} epochs, x PCA"] = error / of_pca
        results[f"deep, {epochs} epochs, CPU s"] = seconds
    results[f"deep, {EPOCHS} epochs, x PCA (must be <= 0.33, aim 0.25)"] = error / of_pca
    return results


def denoising(train_images: Tensor, test_images: Tensor, seed: int) -> dict[str, float]:
    """PSNR of all test pixels together, after Gaussian noise; the median filter gets its best."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = Autoencoder(AutoencoderConfig(latent_size=64))
    loss_fn = denoising_loss(lambda x: add_noise(x, NOISE, generator))
    train(model, train_images, loss_fn, 3, seed, size=256, learning_rate=6e-3)
    clean = to_unit_range(test_images)
    noisy = add_noise(clean, NOISE, generator)
    clipped = noisy.clamp(0, 1)
    with torch.no_grad():
        images = {"autoencoder": model(noisy), "noisy": noisy, "noisy, clipped": clipped}
    for size in (3, 5):
        images[f"median {size}"] = median_filter(noisy, size)
        images[f"median {size} of clipped"] = median_filter(clipped, size)
    decibels = {name: psnr(x[None], clean[None]).item() for name, x in images.items()}
    best = max(value for name, value in decibels.items() if name.startswith("median"))
    results = {f"{name}, dB": value for name, value in decibels.items()}
    gain = decibels["autoencoder"] - decibels["noisy"]
    results["gain over the noisy input, dB (must be >= 6)"] = gain
    results["gain over the best median filter, dB (must be >= 3)"] = decibels["autoencoder"] - best
    return results


def tutorial_loader(folder: str, seed: int) -> DataLoader:
    """MNIST as tutorials load it: each image is turned into a tensor when it is asked for."""
    raw = Path(folder, "MNIST", "raw")
    raw.mkdir(parents=True)
    for file in FILES["mnist"]:
        Path(raw, file.name).write_bytes(read_file(file))
    data = datasets.MNIST(folder, download=False, transform=transforms.ToTensor())
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(data, batch_size=128, shuffle=True, generator=generator)


def loop_speed(images: Tensor, seed: int, rounds: int = 2) -> dict[str, float]:
    """CPU seconds of an epoch through Batches and through a plain DataLoader, in turns."""
    generator = torch.Generator().manual_seed(seed)
    loaders = {"Batches": Batches(images, size=128, generator=generator)}
    results: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        loaders["DataLoader"] = tutorial_loader(folder, seed)
        for label, widths in {"linear network": (), "784-256-128-32 network": (256, 128)}.items():
            seconds, losses = {name: [] for name in loaders}, {}
            for _ in range(rounds):
                for name, batches in loaders.items():
                    torch.manual_seed(seed)  # the same weights at the start
                    model = Autoencoder(AutoencoderConfig(LATENT_SIZE, widths))
                    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
                    clock = time.process_time()
                    losses[name] = train_epoch(model, batches, reconstruction_loss, optimizer)
                    seconds[name].append(time.process_time() - clock)
            fastest = {name: min(runs) for name, runs in seconds.items()}
            for name, value in fastest.items():
                results[f"{label}, epoch through {name}, CPU s"] = value
            ratio = fastest["DataLoader"] / fastest["Batches"]
            results[f"{label}, DataLoader / Batches, x CPU time"] = ratio
            ratio = losses["DataLoader"]["loss"] / losses["Batches"]["loss"]
            results[f"{label}, loss through DataLoader / through Batches"] = ratio
    return results


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    data = load_images("mnist")
    if data.name != "mnist":
        raise SystemExit("this benchmark needs MNIST: set COURSE_DATA or run with a network")
    results: dict[str, list[float]] = {}
    for seed in seeds:
        measured = compression(data.train.images, data.test.images, seed)
        measured |= denoising(data.train.images, data.test.images, seed)
        measured |= loop_speed(data.train.images, seed)
        for what, value in measured.items():
            results.setdefault(what, []).append(value)
    return results
