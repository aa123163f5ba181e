"""The machine under the models: seeds, device, number format, checkpoints.

The word "cuda" stands in this file alone. Nothing here is taught; it keeps the lessons short.
"""

import json
import os
import random
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's random numbers; the one place where global seeds are set.

    Equal seeds give equal numbers on one machine and one version, not across machines.
    """
    random.seed(seed)
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """The GPU if CUDA finds one, else the CPU; COURSE_DEVICE=mps (or cpu) chooses another."""
    chosen = os.environ.get("COURSE_DEVICE")
    if chosen:
        return torch.device(chosen)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """What a person calls the device: the GPU's name, or the device's type."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def pick_dtype(device: torch.device, size: int = 256, repeats: int = 3) -> torch.dtype:
    """bfloat16 where a timed matrix product shows that it is at least 1.3 x faster, else float32.

    `size`: side of the square matrices. The choice takes some 0.1 s; most laptops' processors have
    no matrix unit for bfloat16 and get float32.
    """
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(size, size, device=device, dtype=dtype)
        product = a @ a  # the first call sets the library up and is not timed
        runs = []
        for _ in range(repeats):
            start = time.perf_counter()
            product = a @ a
            product[0, 0].item()  # waits for a GPU
            runs.append(time.perf_counter() - start)
        seconds[dtype] = min(runs)
    faster = seconds[torch.float32] > 1.3 * seconds[torch.bfloat16]
    return torch.bfloat16 if faster else torch.float32


def count_parameters(model: nn.Module) -> int:
    """Number of trainable weights; a weight used in two places counts once."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def save_checkpoint(path: str | Path, model: nn.Module, config: dict) -> None:
    """Write config and weights as one safetensors file, whole or not at all.

    `config` holds what is needed to build the model again, as JSON values
    (`dataclasses.asdict(model.config)`). Written beside the target, then renamed over it. Where
    that fails, as on a full disk, OSError names the file, and what was there before stays.
    """
    path = Path(path)
    weights = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    content = save(weights, metadata={"config": json.dumps(config)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)
    except OSError as error:
        raise OSError(
            f"{path} cannot be saved: {error.strerror or error}; free some space, or save to "
            "another folder"
        ) from error


def _write_whole(path: Path, content: bytes) -> None:
    partial = NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".part", delete=False)
    try:
        with partial as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial.name, path)
    except BaseException:
        Path(partial.name).unlink(missing_ok=True)
        raise


def load_checkpoint(path: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """Read (config, weights) of a checkpoint; nothing in it is executed.

    Then `model = Model(Config(**config)); model.load_state_dict(weights)`. A file that is missing
    raises FileNotFoundError; one that is cut off, or no checkpoint, ValueError.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"{path} is not a file; give the path of a checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})["config"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not isinstance(config, dict):
            raise TypeError("its config has no names")
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no whole checkpoint of this course ({error}); delete it and train again"
        ) from error
    return config, weights
