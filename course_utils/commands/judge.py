"""`python -m course_utils judge`: train the classifier that judges samples anew, and keep it.

Lessons compare their numbers only as long as all use one judge, so a new one makes the promises of
lessons 04 and 05 stale. It takes some three minutes on two cores and needs MNIST.
"""

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch

from course_utils import judge
from course_utils.data.batches import Batches
from course_utils.data.images import load_images
from course_utils.models.classifier import Classifier, ClassifierConfig, classifier_loss
from course_utils.runtime import save_checkpoint, seed_everything
from course_utils.training import evaluate, train_epoch, warmup_then_decay

RECIPE = {
    "data": "the 60,000 training images of MNIST and the 60,000 of glyphs",
    "seed": 0,
    "batch_size": 128,
    "epochs": 3,
    "optimizer": "AdamW, weight decay 0.01",
    "learning_rate": 4e-3,
    "schedule": "100 steps up in a line, then down along half a cosine",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--folder", type=Path, default=judge.FILE.parent, help="where to write")


def main(options: argparse.Namespace) -> int:
    """Train, measure on the test images, write weights and card; 1 where MNIST is missing."""
    sets = {name: load_images(name) for name in ("mnist", "glyphs")}
    if sets["mnist"].name != "mnist":
        print("The judge needs MNIST: set COURSE_DATA or run with a network.")
        return 1
    model = _train([data.train for data in sets.values()])
    accuracy = {}
    for name, data in sets.items():
        batches = Batches(data.test.images, data.test.labels, size=500)
        accuracy[name] = round(evaluate(model, batches, classifier_loss)["accuracy"], 4)
    path = options.folder / judge.FILE.name
    save_checkpoint(path, model, asdict(model.config))
    card = {
        "what": "a classifier of digits; its features measure samples in lessons 04 and 05",
        "recipe": RECIPE,
        "share of test images read right": accuracy,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, indent=1) + "\n"
    path.with_name(judge.CARD.name).write_text(text, encoding="utf-8")
    print(text)
    return 0


def _train(parts: list) -> Classifier:
    seed_everything(RECIPE["seed"])
    images = torch.cat([part.images for part in parts])
    labels = torch.cat([part.labels for part in parts])
    order = torch.Generator().manual_seed(RECIPE["seed"])
    batches = Batches(images, labels, size=RECIPE["batch_size"], generator=order)
    model = Classifier(ClassifierConfig())
    optimizer = torch.optim.AdamW(
        model.parameters(), RECIPE["learning_rate"], weight_decay=0.01, fused=True
    )
    schedule = warmup_then_decay(optimizer, 100, RECIPE["epochs"] * len(batches))
    for epoch in range(1, RECIPE["epochs"] + 1):
        losses = train_epoch(model, batches, classifier_loss, optimizer, schedule)
        print(f"epoch {epoch}: loss {losses['loss']:.4f} nats", flush=True)
    return model
