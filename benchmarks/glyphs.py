"""Do glyphs stand in for MNIST? Train a classifier on one of them, read the test digits of both.

About 2 CPU minutes a seed. Accuracies are shares of the 10,000 test images.
"""

import time

import torch

from course_utils.data.batches import Batches
from course_utils.data.glyphs import glyph_split
from course_utils.data.images import ImageSplit, load_images
from course_utils.models.classifier import Classifier, ClassifierConfig, classifier_loss
from course_utils.training import evaluate, train_epoch, warmup_then_decay


def train_reader(train: ImageSplit, seed: int, epochs: int = 3) -> Classifier:
    """A classifier trained on all images of a split."""
    torch.manual_seed(seed)
    model = Classifier(ClassifierConfig())
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(train.images, train.labels, size=128, generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = warmup_then_decay(optimizer, warmup_steps=100, total_steps=epochs * len(batches))
    for _ in range(epochs):
        train_epoch(model, batches, classifier_loss, optimizer, schedule)
    return model


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """Test accuracies by "trained on -> read", one for each seed, and CPU seconds."""
    start = time.process_time()
    glyph_split(70_000, seed=0)
    results = {"drawing 70,000 glyphs, CPU s": [time.process_time() - start]}
    data = [load_images("mnist"), load_images("glyphs")]
    if data[0].name != "mnist":
        raise SystemExit("this comparison needs MNIST: set COURSE_DATA or run with a network")
    for seed in seeds:
        for source in data:
            start = time.process_time()
            model = train_reader(source.train, seed)
            seconds = time.process_time() - start
            results.setdefault(f"training on {source.name}, CPU s", []).append(seconds)
            for target in data:
                batches = Batches(target.test.images, target.test.labels, size=1000)
                accuracy = evaluate(model, batches, classifier_loss)["accuracy"]
                results.setdefault(
                    f"trained on {source.name}, reads {target.name}, share right", []
                ).append(accuracy)
    return results
