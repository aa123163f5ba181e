"""Notebooks 04 and 05 in numbers: modes of the ring, and how near generated digits come to real.

Fréchet distances are on the features of the kept judge (course_utils/judge.py), between 10,000
generated digits and the 10,000 test images of MNIST; the floor is the distance of 10,000 training
images, chosen at random, to the same test images. The plain recipe is the one of many tutorials:
WGAN-GP, generator 100-128-256-512-1024-784 with batch normalization, critic 784-512-256-1, Adam
2e-4 with beta1 = 0.5, batches of 64 from a DataLoader, five critic steps for one of the generator,
three epochs. Ours gets as much CPU time: epochs are counted out so that it ends below the plain
recipe's time. Ours is the network of notebook 05, which is told the labels; the same without labels
(one class for all) stands beside it, and so does truncated noise (at 1.5, as in the notebook).

The ring: eight modes, on five seeds, with the recipe of notebook 04: the plain game, the game with
the slope penalty, and the points that the discriminator, trained on alone, keeps (rejection
sampling: Azadi et al. 2019, arXiv 1810.06758). A share is that of 10,000 points (all of them, or
those kept) within three standard deviations of a centre.

About 6 CPU minutes a seed, and 6 more once.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.autoencoder import tutorial_loader
from course_utils.data.batches import Batches, to_unit_range
from course_utils.data.images import load_images
from course_utils.data.ring import count_modes, draw_ring
from course_utils.judge import features_of, load_judge, read_digits
from course_utils.metrics import nearest_neighbours
from course_utils.models.better_gans import (
    LabelCritic,
    LabelGANConfig,
    LabelGenerator,
    relativistic_generator_loss,
    relativistic_loss,
    sample,
)
from course_utils.models.gan import (
    Discriminator,
    GANConfig,
    Generator,
    discriminator_loss,
    generator_loss,
    penalized_discriminator_loss,
)
from course_utils.models.gan import sample as sample_points
from course_utils.sample_quality import frechet_distance, kernel_distance, precision_recall
from course_utils.training import MovingAverage, update, warmup_then_decay


def plain_generator() -> nn.Sequential:
    parts, size = [], 100
    for width in (128, 256, 512, 1024):
        parts += [nn.Linear(size, width)]
        parts += [nn.BatchNorm1d(width)] if width > 128 else []
        parts += [nn.LeakyReLU(0.2)]
        size = width
    return nn.Sequential(*parts, nn.Linear(size, 784), nn.Tanh())


def plain_critic() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(784, 512), nn.LeakyReLU(0.2)),
        *(nn.Linear(512, 256), nn.LeakyReLU(0.2)),
        nn.Linear(256, 1),
    )


def plain_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(len(real), 1)
    x = (share * real + (1 - share) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.norm(2, dim=1) - 1).square().mean()


def plain(seed: int, epochs: int = 3) -> tuple[Tensor, float]:
    """The tutorials' recipe: 10,000 images (n, 1, 28, 28) in [0, 1], and its CPU seconds."""
    torch.manual_seed(seed)
    generator, critic = plain_generator(), plain_critic()
    options = {"lr": 2e-4, "betas": (0.5, 0.999)}
    of_generator = torch.optim.Adam(generator.parameters(), **options)
    of_critic = torch.optim.Adam(critic.parameters(), **options)
    with tempfile.TemporaryDirectory() as folder:
        data = tutorial_loader(folder, seed).dataset
        loader = DataLoader(data, batch_size=64, shuffle=True)
        start, step = time.process_time(), 0
        for _ in range(epochs):
            for x, _ in loader:
                real = (2 * x - 1).flatten(1)
                of_critic.zero_grad()
                fake = generator(torch.randn(len(real), 100)).detach()
                penalty = plain_penalty(critic, real, fake)
                loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
                loss.backward()
                of_critic.step()
                if step % 5 == 0:
                    of_generator.zero_grad()
                    loss = -critic(generator(torch.randn(len(real), 100))).mean()
                    loss.backward()
                    of_generator.step()
                step += 1
        seconds = time.process_time() - start
    generator.eval()
    with torch.no_grad():
        images = (generator(torch.randn(10_000, 100)) + 1) / 2
    return images.unflatten(1, (1, 28, 28)), seconds


def ours(images: Tensor, labels: Tensor, epochs: int, seed: int, classes: int = 10):
    """The recipe of notebook 05: the average of the generator's weights, and its CPU seconds."""
    torch.manual_seed(seed)
    config = LabelGANConfig(classes=classes)
    generator, critic = LabelGenerator(config), LabelCritic(config)
    start = time.process_time()
    batches = Batches(images, labels, size=64, generator=torch.Generator().manual_seed(seed))
    optimizers = [
        torch.optim.Adam(model.parameters(), lr=4e-3, betas=(0.0, 0.99), fused=True)
        for model in (critic, generator)
    ]
    schedules = [warmup_then_decay(o, 100, epochs * len(batches)) for o in optimizers]
    average = MovingAverage(generator, decay=0.995)
    critic_loss = partial(relativistic_loss, generator=generator)
    generator_loss = partial(relativistic_generator_loss, critic=critic)
    for _ in range(epochs):
        for batch in batches:
            update(critic, batch, critic_loss, optimizers[0])
            update(generator, batch, generator_loss, optimizers[1])
            average.update(generator)
            for schedule in schedules:
                schedule.step()
    return average.model, time.process_time() - start


class Ruler:
    """The real images' features, computed once, and what is measured against them."""

    def __init__(self, data):
        self.judge = load_judge()
        self.images = to_unit_range(data.test.images)
        self.labels = data.test.labels
        self.real = features_of(self.judge, self.images)
        chosen = torch.randperm(60_000, generator=torch.Generator().manual_seed(1))[:10_000]
        self.train = to_unit_range(data.train.images[chosen])
        self.floor = self.measure(self.train)

    def measure(self, images: Tensor) -> dict[str, float]:
        features = features_of(self.judge, images)
        kernel, error = kernel_distance(self.real, features)
        precision, recall = precision_recall(self.real, features)
        return {
            "Fréchet distance": frechet_distance(self.real, features),
            "kernel distance": kernel,
            "kernel distance, standard error": error,
            "precision": precision,
            "recall": recall,
        }


def play(
    items: Tensor,
    config: GANConfig,
    loss: Callable[..., dict[str, Tensor]],
    rate: float,
    epochs: int,
    seed: int,
    decay: bool = True,
) -> tuple[Generator, Discriminator]:
    """Notebook 04's game with batches of 128 items; `loss` is the discriminator's."""
    torch.manual_seed(seed)
    players = Generator(config), Discriminator(config)
    generator, discriminator = players
    adams = [torch.optim.Adam(p.parameters(), rate, (0.5, 0.99), fused=True) for p in players]
    batches = Batches(items, size=128, generator=torch.Generator().manual_seed(seed))
    steps = epochs * len(batches)
    schedules = [warmup_then_decay(adam, steps // 40, steps) for adam in adams if decay]
    for _ in range(epochs):
        for batch in batches:
            update(discriminator, batch, partial(loss, generator=generator), adams[1])
            update(generator, batch, partial(generator_loss, discriminator=discriminator), adams[0])
            for schedule in schedules:
                schedule.step()
    return players


def ring_game(seed: int, penalized: bool, steps: int = 4000) -> tuple[Generator, Discriminator]:
    """The game on the ring: plain at a constant rate, or penalized at a falling one."""
    points = draw_ring(16 * steps, torch.Generator().manual_seed(seed))  # an epoch: steps / 8
    widths = (128, 128, 128)
    config = GANConfig((2,), noise_size=2, widths=widths, judge_widths=widths)
    loss = partial(penalized_discriminator_loss, weight=0.1) if penalized else discriminator_loss
    return play(points, config, loss, rate=3e-3, epochs=8, seed=seed, decay=penalized)


def kept_points(generator: Generator, discriminator: Discriminator, seed: int) -> Tensor:
    """Train the discriminator on alone; keep a point with a probability that grows with D."""
    adam = torch.optim.Adam(discriminator.parameters(), 3e-3, fused=True)
    schedule = warmup_then_decay(adam, 50, 600)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(600):
        batch = (draw_ring(512, draws),)
        update(discriminator, batch, partial(discriminator_loss, generator=generator), adam)
        schedule.step()
    points = sample_points(generator, 10_000, draws)
    with torch.no_grad():
        logits = discriminator(points)
    chance = torch.exp(logits - logits.quantile(0.95))
    return points[torch.rand(len(points), generator=draws) < chance]


def ring(seed: int) -> dict[str, float]:
    """Modes and shares of the plain game, the penalized one, and the points that D keeps."""
    draws = torch.Generator().manual_seed(seed)
    plain_points = sample_points(ring_game(seed, penalized=False)[0], 10_000, draws)
    generator, discriminator = ring_game(seed, penalized=True)
    sets = {"plain": plain_points, "penalized": sample_points(generator, 10_000, draws)}
    sets["penalized and kept"] = kept_points(generator, discriminator, seed)
    results = {}
    for name, points in sets.items():
        modes, share = count_modes(points)
        goals = (" (must be 8)", " (must be >= 90)") if "kept" in name else ("", "")
        results[f"ring, {name}, modes{goals[0]}"] = modes
        results[f"ring, {name}, % within three deviations{goals[1]}"] = 100 * share
    return results | {"ring, % kept": len(points) / 100}


def copying(ruler: Ruler, train_images: Tensor, made: Tensor) -> float:
    """Median distance in pixels to the nearest training image, over that of test images."""
    known = to_unit_range(train_images)
    made, test = (nearest_neighbours(x[:1000], known)[0].median() for x in (made, ruler.images))
    return (made / test).item()


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """What was measured -> one number for each seed."""
    data = load_images("mnist")
    if data.name != "mnist":
        raise SystemExit("this benchmark needs MNIST: set COURSE_DATA or run with a network")
    images, labels = data.train.images, data.train.labels
    ruler = Ruler(data)
    results: dict[str, list[float]] = {}

    def note(prefix: str, measured: dict[str, float]) -> None:
        for what, value in measured.items():
            results.setdefault(f"{prefix}, {what}".removeprefix(", "), []).append(value)

    note("real training images (floor)", ruler.floor)
    for seed in seeds:
        made, seconds = plain(seed)
        reference = ruler.measure(made)
        note("plain WGAN-GP", reference | {"CPU s": seconds})
        _, one_epoch = ours(images[:20_000], labels[:20_000], 1, seed)  # a third of an epoch
        epochs = max(1, int(0.95 * seconds / (3 * one_epoch)))
        for name, classes in (("ours", 10), ("ours without labels", 1)):
            told = labels if classes == 10 else torch.zeros_like(labels)
            model, spent = ours(images, told, epochs, seed, classes)
            wanted = ruler.labels if classes == 10 else torch.zeros_like(ruler.labels)
            note(name, {"CPU s": spent, "epochs": epochs})
            for ending, truncation in (("", None), (", truncated at 1.5", 1.5)):
                noise = torch.Generator().manual_seed(seed)
                made = sample(model, wanted, noise, truncation)
                measured = ruler.measure(made)
                distance = measured["Fréchet distance"]
                times_plain = distance / reference["Fréchet distance"]
                times_floor = distance / ruler.floor["Fréchet distance"]
                note(name + ending, measured)
                note(name + ending, {"Fréchet / plain recipe's (must be <= 0.1)": times_plain})
                note(name + ending, {"Fréchet / floor (must be <= 3)": times_floor})
                if classes == 10:
                    right = (read_digits(ruler.judge, made) == wanted).float().mean().item()
                    note(name + ending, {"% read as ordered (must be >= 97)": 100 * right})
                    far = copying(ruler, images, made)
                    note(name + ending, {"nearest training image, x test images' (>= 1)": far})
    for seed in range(5):
        note("", ring(seed))
    return results
