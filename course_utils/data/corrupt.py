"""Ways to spoil an image, and the median filter: what one did against noise before networks.

Images are float32 (B, C, H, W) in [0, 1]; what goes in is never changed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def add_noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of this standard deviation (in units of the range [0, 1]), same shape.

    The result is **not** clipped to [0, 1]: so the mean squared error is deviation^2, and the PSNR
    -20 log10(deviation) dB (6.02 dB at 0.5). Clip it for showing only.
    """
    _check(images)
    if deviation < 0:
        raise ValueError(f"deviation={deviation}: a standard deviation is not negative")
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    return images + deviation * noise.to(images)


def erase_patches(images: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Set one square of `size` x `size` pixels to 0 in each image, all places equally likely.

    Returns the erased images (B, C, H, W) and the mask, bool (B, 1, H, W), True where erased.
    """
    _check(images)
    B, _, H, W = images.shape
    if not 1 <= size <= min(H, W):
        raise ValueError(f"size={size} does not fit {H} x {W} images")
    down = _stretch(B, H, size, generator).to(images.device)  # (B, H)
    across = _stretch(B, W, size, generator).to(images.device)  # (B, W)
    mask = (down.unsqueeze(2) & across.unsqueeze(1)).unsqueeze(1)  # (B, 1, H, W)
    return images.masked_fill(mask, 0.0), mask


def _stretch(B: int, length: int, size: int, generator: torch.Generator) -> Tensor:
    """(B, length), True on `size` neighbours that start at a random place."""
    options = {"generator": generator, "device": generator.device}
    first = torch.randint(length - size + 1, (B, 1), **options)
    place = torch.arange(length, device=generator.device)
    return (place >= first) & (place < first + size)


def median_filter(images: Tensor, size: int = 3) -> Tensor:
    """Each pixel becomes the median of the `size` x `size` pixels around it; same shape.

    Beyond the border the image is mirrored. `size` is odd.
    """
    _check(images)
    H, W = images.shape[-2:]
    if size < 1 or size % 2 == 0 or size // 2 >= min(H, W):
        raise ValueError(f"size={size}: choose an odd size that fits {H} x {W} images")
    parts = images.split(1024)  # the windows need size^2 times the memory of the images
    return torch.cat([_median_of_windows(part, size) for part in parts])


def _median_of_windows(images: Tensor, size: int) -> Tensor:
    padded = F.pad(images, (size // 2,) * 4, mode="reflect")
    windows = padded.unfold(2, size, 1).unfold(3, size, 1)  # (B, C, H, W, size, size)
    return windows.flatten(-2).median(dim=-1).values  # (B, C, H, W)


def _check(images: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(
            f"expected float images (B, C, H, W), got {images.dtype} {tuple(images.shape)}; "
            "to_unit_range turns uint8 into float"
        )
