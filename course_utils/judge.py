"""The judge of samples: one small classifier, trained once, kept with the course.

It reads a digit, and its last hidden layer gives the features on which `sample_quality` compares
sets of images. All lessons use the same weights, so that their numbers can be compared.
`python -m course_utils judge` trains them anew; the recipe stands in commands/judge.py.
"""

import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor

from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.runtime import load_checkpoint

FILE = Path(__file__).with_name("judge.safetensors")
CARD = Path(__file__).with_name("judge.json")  # recipe, accuracy, SHA-256 of FILE


def load_judge() -> Classifier:
    """The classifier with its kept weights, in eval mode and without gradients.

    A file with another SHA-256 than the card says raises ValueError.
    """
    card = json.loads(CARD.read_text(encoding="utf-8"))
    if hashlib.sha256(FILE.read_bytes()).hexdigest() != card["sha256"]:
        raise ValueError(f"{FILE} is not the judge that its card describes; fetch the course again")
    config, weights = load_checkpoint(FILE)
    judge = Classifier(ClassifierConfig(**config))
    judge.load_state_dict(weights)
    return judge.requires_grad_(False).eval()


@torch.no_grad()
def features_of(judge: Classifier, images: Tensor, chunk: int = 500) -> Tensor:
    """Images (n, 1, 28, 28) in [0, 1] -> features (n, 64), `chunk` images at a time."""
    return torch.cat([judge.features(part) for part in images.split(chunk)])


def read_digits(judge: Classifier, images: Tensor) -> Tensor:
    """What the judge reads: images (n, 1, 28, 28) in [0, 1] -> labels (n,), 0 to 9."""
    return judge.to_logits(features_of(judge, images)).argmax(dim=1)
