"""What a training step costs in each lesson, and where the machine's rate is lost.

Each row is one fresh process: the lesson's network, loss, optimizer and batch, or the usual recipe
with its own batch and loader. An item is an image or a character. Times are medians of the steps,
the batch's loading included; peak MB is above the imports, with the data set in it. The machine's
rate is that of the product of two matrices of 2048 x 2048, in the same process, format and number
of threads; the share of it that a step reaches counts matrix products and convolutions alone (by
torch's formulas), as if all else took no time. With one thread it is taken from CPU time, which
other processes do not disturb; with two from wall time. Where time goes is from the fastest of 15
profiled steps; the optimizer's own products count there twice.

Why the share is low. It is the product of two columns: how much of the time the step multiplies
matrices, and at which rate it does. The first loses most: about half of a step in float32 is
elementwise work (activations, losses, Adam), which waits for memory, and the starting of some
hundred operators, which costs the same for a batch of 64 as for one of 256. The second is high for
the layers of 256 and more units, low for convolutions with few channels and for attention's small
products. The lower the share, the less there is to win by faster products, and the more by fewer
and larger operators. On one thread, in float32, it is 15 to 56 % here, where fast prototypes of
these lessons had reached 10 to 20 %; the linear network and those of convolutions stay below 25 %.

What raises it. Adam as one fused operator saves the deep autoencoder a sixth to a third of its
time, and is used there since this was measured (the row without it stands below); a VQ-VAE gains
nothing. Batches four times as large help the small networks (both GANs, the autoencoder, least the
GPT), but take fewer steps a pass, so that they learn less in it; for the LSTM, they share out Muon,
whose products do not depend on the batch.

bfloat16, where the processor has a unit for it, multiplies matrices several times as fast, and does
the rest of a step no faster, with conversions on top. Here the VAE, the GAN and the GPT gain a
fifth to two fifths of their time, the LSTM a sixth; the other networks gain or lose, by as much as
the speed of this machine changes from run to run. That is too little to let a class of students get
different numbers, so the lessons train in float32 everywhere: a laptop without such a unit misses
nothing.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from statistics import median

import psutil
import torch
from torch import Tensor, nn
from torch.profiler import profile, record_function

from benchmarks._measure import FlopCount, fresh, peak_memory
from benchmarks.autoencoder import tutorial_loader
from benchmarks.gan import plain_critic, plain_generator, plain_penalty
from benchmarks.text import PlainGPT, plain_step, shakespeare
from benchmarks.vae import PlainVAE, plain_loss
from course_utils.data.batches import Batches
from course_utils.data.images import load_images
from course_utils.data.windows import random_windows, streams
from course_utils.environment import usable_cores
from course_utils.models import better_gans, gan, rnn, transformer
from course_utils.models.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    ConvAutoencoder,
    ConvAutoencoderConfig,
    reconstruction_loss,
)
from course_utils.models.vae import VAE, VAEConfig, start_at_mean, vae_loss
from course_utils.models.vqvae import VQVAE, VQVAEConfig, vqvae_loss
from course_utils.muon import Muon
from course_utils.runtime import pick_device, pick_dtype
from course_utils.training import LossFn, MovingAverage, update

SECONDS = 1.0  # of each measurement, at least
LARGE = 2048  # side of the matrices whose product gives the machine's rate
PRODUCTS = re.compile(r"aten::\S*(mm|conv\S*|rnn_layer\S*|linear\S*)$")  # operators' names
Steps = Iterator[int]  # each `next` makes one training step and gives the items that it saw
Task = Callable[[torch.dtype], Steps]


def mnist(*names: str, size: int, device: torch.device) -> Batches:
    """Batches of the training images, or of images and labels, in a new order each pass."""
    train = load_images("mnist").train
    tensors = [getattr(train, name).to(device) for name in names]
    return Batches(*tensors, size=size, generator=torch.Generator().manual_seed(0))


def training(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
    loss_fn: LossFn,
    optimizer: torch.optim.Optimizer,
    dtype: torch.dtype,
    items: Callable[[Tensor], int] = len,
) -> Steps:
    """The loop of a notebook without its end."""
    for batch in chain.from_iterable(repeat(batches)):
        update(model, batch, loss_fn, optimizer, dtype)
        yield items(batch[0])


def autoencoder(
    dtype: torch.dtype,
    config: AutoencoderConfig | ConvAutoencoderConfig,
    size: int = 128,
    fused: bool | None = True,
) -> Steps:
    device = pick_device()
    kind = Autoencoder if isinstance(config, AutoencoderConfig) else ConvAutoencoder
    model = kind(config).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=4e-3, betas=(0.9, 0.99), fused=fused)
    batches = mnist("images", size=size, device=device)
    return training(model, batches, reconstruction_loss, adam, dtype)


def vae(dtype: torch.dtype, size: int = 256) -> Steps:
    device = pick_device()
    model, batches = (
        VAE(VAEConfig(latent_size=20)).to(device),
        mnist("images", size=size, device=device),
    )
    start_at_mean(model, next(iter(batches))[0])
    parts = ((model.encoder, 6e-3), (model.decoder, 30e-3))
    groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
    adam = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)
    return training(model, batches, vae_loss, adam, dtype)


def vqvae(dtype: torch.dtype, size: int = 64, fused: bool | None = None) -> Steps:
    device = pick_device()
    model = VQVAE(VQVAEConfig()).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=8e-3, betas=(0.9, 0.99), fused=fused)
    return training(model, mnist("images", size=size, device=device), vqvae_loss, adam, dtype)


def digits_gan(dtype: torch.dtype, size: int = 128) -> Steps:
    """Notebook 04 on images: a step of the discriminator with its slope penalty, one of G."""
    device = pick_device()
    config = gan.GANConfig((1, 28, 28))
    generator, judge = gan.Generator(config).to(device), gan.Discriminator(config).to(device)
    adams = [
        torch.optim.Adam(player.parameters(), 2e-3, (0.5, 0.99), fused=True)
        for player in (generator, judge)
    ]
    of_judge = partial(gan.penalized_discriminator_loss, weight=3.0, generator=generator)
    of_generator = partial(gan.generator_loss, discriminator=judge)
    for batch in chain.from_iterable(repeat(mnist("images", size=size, device=device))):
        update(judge, batch, of_judge, adams[1], dtype)
        update(generator, batch, of_generator, adams[0], dtype)
        yield len(batch[0])


def label_gan(dtype: torch.dtype, size: int = 64) -> Steps:
    """Notebook 05: a step of the critic, one of the generator, one of its average."""
    device = pick_device()
    config = better_gans.LabelGANConfig()
    players = better_gans.LabelGenerator(config), better_gans.LabelCritic(config)
    generator, critic = (player.to(device) for player in players)
    adams = [
        torch.optim.Adam(player.parameters(), 4e-3, (0.0, 0.99), fused=True)
        for player in (generator, critic)
    ]
    average = MovingAverage(generator, decay=0.995)
    of_critic = partial(better_gans.relativistic_loss, generator=generator)
    of_generator = partial(better_gans.relativistic_generator_loss, critic=critic)
    for batch in chain.from_iterable(repeat(mnist("images", "labels", size=size, device=device))):
        update(critic, batch, of_critic, adams[1], dtype)
        update(generator, batch, of_generator, adams[0], dtype)
        average.update(generator)
        yield len(batch[0])


def lstm(dtype: torch.dtype, size: int = 16) -> Steps:
    device = pick_device()
    text, _, V = shakespeare()
    model = rnn.LSTMLanguageModel(rnn.RNNConfig(V, width=256)).to(device)
    optimizer = Muon(*rnn.parameter_groups(model, 4e-3), rate=0.03)
    batches = list(streams(text.to(device), 64, size))
    return training(model, batches, rnn.CarriedLoss(), optimizer, dtype, torch.numel)


def gpt(dtype: torch.dtype, size: int = 16) -> Steps:
    device = pick_device()
    text, _, V = shakespeare()
    model = transformer.GPT(transformer.GPTConfig(V, context_size=128)).to(device)
    optimizer = Muon(*transformer.parameter_groups(model, 1e-2), rate=0.04)
    order = torch.Generator().manual_seed(0)
    batches = random_windows(text.to(device), 128, size, 10**9, order)
    return training(model, batches, rnn.next_token_loss, optimizer, dtype, torch.numel)


def usual_autoencoder(dtype: torch.dtype) -> Steps:
    """The same network through a DataLoader that turns image by image into a tensor."""
    model = Autoencoder(AutoencoderConfig(latent_size=32))
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    with tempfile.TemporaryDirectory() as folder:
        yield from training(model, tutorial_loader(folder, 0), reconstruction_loss, adam, dtype)


def usual_vae(dtype: torch.dtype) -> Steps:
    """PyTorch's example."""
    model = PlainVAE()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    with tempfile.TemporaryDirectory() as folder:
        yield from training(model, tutorial_loader(folder, 0), plain_loss, adam, dtype)


def usual_gan(_: torch.dtype) -> Steps:
    """The tutorials' WGAN-GP: five steps of the critic and one of the generator count as one."""
    generator, critic = plain_generator(), plain_critic()
    adams = [torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in (generator, critic)]
    with tempfile.TemporaryDirectory() as folder:
        data = tutorial_loader(folder, 0).dataset
        loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)
        seen = 0
        for step, (x, _) in enumerate(chain.from_iterable(repeat(loader)), 1):
            real, fake = (2 * x - 1).flatten(1), generator(torch.randn(len(x), 100)).detach()
            adams[1].zero_grad()
            penalty = plain_penalty(critic, real, fake)
            (critic(fake).mean() - critic(real).mean() + 10 * penalty).backward()
            adams[1].step()
            seen += len(x)
            if step % 5 == 0:
                adams[0].zero_grad()
                (-critic(generator(torch.randn(len(x), 100))).mean()).backward()
                adams[0].step()
                yield seen
                seen = 0


def usual_gpt(_: torch.dtype) -> Steps:
    """nanoGPT's recipe for a CPU."""
    text, _, V = shakespeare()
    model = PlainGPT(V)
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    while True:
        yield plain_step(model, text, adam)


DEEP = AutoencoderConfig(latent_size=32)
OURS: dict[str, Task] = {
    "01 linear autoencoder": partial(
        autoencoder, config=AutoencoderConfig(32, ()), size=256, fused=None
    ),
    "01 deep autoencoder": partial(autoencoder, config=DEEP),
    "01 convolutional": partial(autoencoder, config=ConvAutoencoderConfig(latent_size=16)),
    "02 VAE": vae,
    "03 VQ-VAE": vqvae,
    "04 GAN": digits_gan,
    "05 better GAN": label_gan,
    "06 LSTM": lstm,
    "08 GPT": gpt,
}
USUAL: dict[str, Task] = {  # beside which of ours
    "01 deep autoencoder": usual_autoencoder,
    "02 VAE": usual_vae,
    "05 better GAN": usual_gan,
    "08 GPT": usual_gpt,
}
CHANGED: dict[str, Task] = {  # what would raise the share?
    "01 deep autoencoder, batch x 4": partial(autoencoder, config=DEEP, size=512),
    "01 deep autoencoder, Adam not fused": partial(autoencoder, config=DEEP, fused=None),
    "02 VAE, batch x 4": partial(vae, size=1024),
    "03 VQ-VAE, batch x 4": partial(vqvae, size=256),
    "03 VQ-VAE, fused Adam": partial(vqvae, fused=True),
    "04 GAN, batch x 4": partial(digits_gan, size=512),
    "05 better GAN, batch x 4": partial(label_gan, size=256),
    "06 LSTM, batch x 4": partial(lstm, size=64),
    "08 GPT, batch x 4": partial(gpt, size=64),
}
TASKS = OURS | {f"{name}, usual recipe": task for name, task in USUAL.items()} | CHANGED


def product_rate(
    dtype: torch.dtype, device: torch.device, clock: Callable[[], float], side: int = LARGE
) -> float:
    """Operations per second of the best of five products of square matrices."""
    a, runs = torch.rand(side, side, device=device).to(dtype), []
    for _ in range(6):
        start = clock()
        (a @ a)[0, 0].item()  # waits for a GPU
        runs.append(clock() - start)
    return 2 * side**3 / min(runs[1:])


def shares(steps: Steps, count: int = 15) -> tuple[dict[str, float], str]:
    """Where the time of the fastest of `count` steps goes, in % of it; its five dearest operators.

    Products: self time of the operators that multiply matrices. Outside operators: Python, autograd
    and the profiler. An optimizer's own products count twice, as products and as optimizer.
    """
    fastest, total = [], float("inf")
    for _ in range(count):
        with profile() as recorded, record_function("one step"):
            next(steps)
        events = recorded.key_averages()
        (whole,) = [event.cpu_time_total for event in events if event.key == "one step"]
        if whole < total:
            fastest, total = events, whole
    own = {event.key: 100 * event.self_cpu_time_total / total for event in fastest}
    operators = {name: share for name, share in own.items() if name.startswith("aten::")}
    of_optimizer = [e.cpu_time_total for e in fastest if e.key.startswith("Optimizer.step")]
    parts = {
        "products": sum(share for name, share in own.items() if PRODUCTS.match(name)),
        "optimizer": 100 * max(of_optimizer, default=0) / total,
        "outside operators": 100 - sum(operators.values()),
    }
    dearest = sorted(operators.items(), key=lambda pair: -pair[1])[:5]
    return parts, ", ".join(f"{name.removeprefix('aten::')} {share:.0f}" for name, share in dearest)


def measure(name: str, dtype: torch.dtype) -> dict:
    """One task in this process, which has just started: what `main` tells of it."""
    before = psutil.Process().memory_info().rss / 1e6
    device, steps = pick_device(), TASKS[name](dtype)
    wait = torch.get_device_module(device).synchronize
    for _ in range(3):
        next(steps)  # warm
    wall, cpu, start = [], [], time.perf_counter()
    while time.perf_counter() - start < SECONDS or len(wall) < 5:
        clocks = time.perf_counter(), time.process_time()
        items = next(steps)
        wait()
        wall.append((time.perf_counter() - clocks[0]) / items)
        cpu.append((time.process_time() - clocks[1]) / items)
    memory = peak_memory() - before
    with FlopCount() as count:
        items = next(steps)
    flops = count.flops / items
    alone = device.type == "cpu" and torch.get_num_threads() == 1  # CPU time is not disturbed
    clock, seconds = (time.process_time, cpu) if alone else (time.perf_counter, wall)
    rate = product_rate(dtype, device, clock)
    reached = flops / median(seconds) / rate
    parts, dearest = shares(steps)
    return {
        "rate": rate / 1e9,
        "dearest": dearest,
        "columns": {
            "CPU µs an item": 1e6 * median(cpu),
            "wall µs an item": 1e6 * median(wall),
            "peak MB": memory,
            "Mflop an item": flops / 1e6,
            "% of the machine's rate": 100 * reached,
            "% of time in products": parts["products"],
            "their own % of the rate": 100 * reached / (parts["products"] / 100),
            "% in the optimizer": parts["optimizer"],
            "% outside operators": parts["outside operators"],
        },
    }


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float | str]]:
    """What was measured -> one number for each repetition; a name "row | column" is a field."""
    chosen = str(pick_dtype(pick_device())).removeprefix("torch.")
    formats = ["float32"] + [chosen] * (chosen != "float32")
    settings = [(threads, kind) for threads in (1, 2)[: usable_cores()] for kind in formats]
    results: dict[str, list[float | str]] = {"format that pick_dtype chooses": [chosen]}
    for _ in seeds:
        cpu = {}
        for name in TASKS:
            for threads, kind in settings:
                if kind != "float32" and name not in OURS or threads > 1 and name in CHANGED:
                    continue
                measured = fresh("steps", name, kind, threads=threads)
                setting = f"{threads} thread{'s' * (threads > 1)}, {kind}"
                cpu[name, setting] = measured["columns"]["CPU µs an item"]
                key = f"products of {LARGE:,} squared, {setting}, Gflop/s"
                results.setdefault(key, []).append(measured["rate"])
                for column, value in measured["columns"].items():
                    results.setdefault(f"{name}, {setting} | {column}", []).append(value)
                if threads == 1:
                    key = f"{name}, {setting} | dearest operators, % of the time"
                    results[key] = [measured["dearest"]]
        for name in USUAL:
            for _, setting in [pair for pair in cpu if pair[0] == f"{name}, usual recipe"]:
                ratio = cpu[f"{name}, usual recipe", setting] / cpu[name, setting]
                key = f"{name}, {setting}, CPU time an item of the usual recipe, x ours"
                results.setdefault(key, []).append(ratio)
    return results


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], getattr(torch, sys.argv[2]))))
