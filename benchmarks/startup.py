"""How soon things happen: importing the package, and the first training output after it."""

import subprocess
import sys

IMPORT = """
import time; start = time.perf_counter()
import course_utils
print(time.perf_counter() - start)
"""
FIRST_OUTPUT = """
import time; start = time.perf_counter()
from course_utils.environment import set_threads
set_threads()
import torch
from course_utils.data.batches import Batches
from course_utils.data.images import load_images
from course_utils.models.autoencoder import Autoencoder, AutoencoderConfig, reconstruction_loss
from course_utils.training import update
images = load_images("mnist").train.images
model = Autoencoder(AutoencoderConfig(latent_size=32))
optimizer = torch.optim.Adam(model.parameters())
batch = next(iter(Batches(images, size=256)))
print(update(model, batch, reconstruction_loss, optimizer)["loss"].item())
print(time.perf_counter() - start)
"""


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """Seconds of wall time in fresh processes, one for each seed."""
    return {
        "import course_utils, s (at most 0.05)": [_seconds(IMPORT) for _ in seeds],
        "first training output after the first import, s (at most 5)": [
            _seconds(FIRST_OUTPUT) for _ in seeds
        ],
    }


def _seconds(code: str) -> float:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(run.stdout.split()[-1])
