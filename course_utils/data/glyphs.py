"""Glyphs: digits drawn as pen strokes, with the true factors of every image; no network, no file.

A digit is a few control points (`PEN`). A hand bends and trembles them, a Catmull-Rom spline
(Catmull & Rom 1974) joins them, the factors give the shape, and every pixel takes ink by its soft
distance to the pen's path. Like those of MNIST (LeCun et al. 1998) the digits are up to 20 pixels
high with their ink, in a frame of 28 x 28, centred by their centre of mass. A data set that knows
its factors: the idea of dSprites (Matthey et al. 2017).

| factor       | range       | unit and meaning                                                   |
|--------------|-------------|--------------------------------------------------------------------|
| slant        | -15 ... 30  | degrees from upright, positive leans to the right (a shear)        |
| rotation     | -12 ... 12  | degrees, positive turns counter-clockwise, after the slant         |
| height       | 14 ... 18   | pixels from top to bottom of the pen's path, before it turns       |
| aspect       | 0.7 ... 1.2 | width over height, 1 is the digit as it stands in `PEN`            |
| stroke_width | 1.5 ... 4   | pixels across the line                                             |
| shift_x      | -1 ... 1    | pixels of the path's centre of mass to the right of the middle     |
| shift_y      | -1 ... 1    | pixels of the path's centre of mass below the middle               |

Factors are uniform in their ranges, independent of the label and of each other. What they do not
hold is the handwriting: which way a digit is written, and how it bends and trembles.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FACTOR_RANGES: dict[str, tuple[float, float]] = {
    "slant": (-15.0, 30.0),
    "rotation": (-12.0, 12.0),
    "height": (14.0, 18.0),
    "aspect": (0.7, 1.2),
    "stroke_width": (1.5, 4.0),
    "shift_x": (-1.0, 1.0),
    "shift_y": (-1.0, 1.0),
}
FACTORS: tuple[str, ...] = tuple(FACTOR_RANGES)

SEGMENTS = 56  # short straight pieces of a glyph's path, each about a pixel long
BEND = 0.05  # heights: how far smooth bends move the rim of a digit (standard deviation)
TREMBLE = 0.05  # heights: how far each control point strays (standard deviation)
BRUSH = 0.7  # pixels: pieces of the path nearer to each other than this flow together
EDGE = 1.5  # pixels from full ink to none; half of MNIST's ink pixels are grey, too

# Ways to write each digit, 0 to 9: points "x,y" in percent of the height, x to the right, y down;
# "!" marks a corner, "|" lifts the pen.
PEN: tuple[tuple[str, ...], ...] = (
    (
        "42,0 14,16 3,55 18,92 44,98 66,70 62,24 34,1",
        "50,8 28,0 4,40 14,90 44,98 68,52 54,8 28,4",
        "20,6 2,44 14,92 46,96 68,52 52,4 24,2 8,14",
    ),
    (
        "0,0 0,50 0,100",
        "0,0 2,50 0,100",
        "0,0 -2,50 0,100",
        "-16,20 0,0! 0,50 0,100",
        "-20,16 0,0! 0,50 0,100 | -24,100 0,100 28,99",
    ),
    (
        "4,24 16,6 36,0 56,8 60,28 48,52 26,78 2,98! 34,97 68,98",
        "4,20 22,3 46,2 58,20 50,46 30,74 12,94 2,84 14,72 34,84 50,96 72,90",
        "6,8 34,2 56,8 58,30 40,62 6,96! 30,92 50,96 70,98",
        "8,16 26,0 50,6 54,30 42,62 20,94 2,92 4,70 24,64 46,78 74,94",
        "0,10 24,0 44,12 40,44 16,86 4,98 4,84 24,82 50,86 80,82",
    ),
    (
        "4,12 24,0 48,4 56,22 44,40 22,47! 48,52 63,72 52,92 28,100 2,90",
        "4,6 34,1 58,4! 42,24 26,42! 50,48 62,70 48,92 24,100 2,94",
        "6,10 30,0 54,10 52,32 36,46 52,54 62,72 50,94 26,100 4,92",
        "2,20 14,2 44,2 56,20 42,38 20,46 44,50 60,72 44,96 14,98 0,80",
    ),
    (
        "10,2 6,26 4,50! 30,52 66,46 | 58,2 52,40 46,100",
        "44,0! 24,32 2,62! 36,63 72,62 | 46,2 48,50 46,100",
        "8,4 4,34 14,52 36,50 56,38 | 60,0 56,40 52,100",
        "58,4 54,44! 26,54 6,46 10,20 18,2 | 58,0 54,50 50,100",
        "14,0 2,30 4,60! 34,62 74,56 | 50,20 46,60 42,100",
    ),
    (
        "14,2 10,22 8,42! 30,36 54,46 60,70 44,94 20,100 0,90 | 14,2 36,2 66,0",
        "64,0 40,2 16,4! 12,24 8,44! 32,38 56,50 58,76 38,98 2,94",
        "60,2 38,2 20,10 12,40 34,46 52,62 46,88 24,100 2,92",
        "24,6 20,24 18,44! 40,46 48,66 36,92 14,100 0,90 | 24,6 46,4 78,0",
    ),
    (
        "50,0 28,18 10,46 4,76 18,98 42,98 58,80 50,60 30,60 10,78",
        "36,0 16,26 4,60 8,90 30,100 54,90 56,68 38,58 16,66 8,84",
        "30,0 12,40 6,76 22,100 48,92 48,70 28,64 10,84",
        "24,0 6,34 4,74 24,100 52,94 62,70 46,52 22,60 10,82",
    ),
    (
        "2,4 30,3 60,2! 46,36 34,68 26,100",
        "0,10 28,4 56,2 54,24 38,60 26,100",
        "4,20 6,4! 34,4 62,3! 44,44 30,100",
        "2,4 30,3 60,2! 44,44 28,100 | 16,54 36,50 60,48",
        "2,30 10,8 28,12 44,10 58,2! 50,40 40,100",
        "2,34 8,10 32,2 58,8 56,30 42,64 34,100",
    ),
    (
        "56,14 38,0 14,8 12,28 34,46 56,66 54,90 30,100 8,90 8,70 32,48 52,30 56,12",
        "36,0 14,10 16,34 36,46 54,34 54,10 36,0 | 36,46 10,62 8,88 32,100 56,88 56,64 36,46",
        "58,6 36,0 14,14 22,36 44,56 52,82 34,100 12,88 20,64 44,40 60,10",
        "64,10 40,0 10,10 18,36 40,54 42,84 24,100 10,84 22,60 46,36 66,4",
        "48,4 30,6 26,24 40,40 60,64 52,92 24,98 6,80 22,54 46,34 60,8 44,2",
    ),
    (
        "56,18 40,2 16,8 4,28 16,46 38,42 56,18! 54,60 50,100",
        "54,10 28,0 6,20 14,44 40,42 56,16 58,50 46,86 22,100 4,92",
        "56,12 30,2 6,22 14,42 36,40 56,12 50,50 34,100",
        "50,4 22,4 4,26 18,46 44,38 54,6! 50,50 46,100",
        "50,10 24,0 2,30 12,58 40,50 56,10! 54,50 56,100",
        "44,4 20,2 6,18 16,36 40,30 52,6 46,50 30,100",
    ),
)


def write(labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Handwriting of the digits `labels` (n,): what the factors do not say.

    Returns the pen's path (n, SEGMENTS + 1, 2) in heights, and for each piece of it whether the pen
    is down, 1 or 0 (n, SEGMENTS).
    """
    if len(labels) and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(f"labels are digits 0 to 9, got {labels.min()} to {labels.max()}")
    points, weights, pen_down = _skeletons()
    ways = torch.tensor([len(texts) for texts in PEN])
    way = (torch.rand(len(labels), generator=generator) * ways[labels]).long()
    way = way + (ways.cumsum(0) - ways)[labels]  # (n,) rows of the tables
    x, y = points[way].mul(2).sub(torch.tensor([0.0, 1.0])).unbind(-1)  # each (n, K), in [-1, 1]
    modes = torch.stack([x * x, x * y, y * y], dim=-1)  # (n, K, 3): what is no factor
    bend = modes @ (BEND * torch.randn(len(labels), 3, 2, generator=generator))  # (n, K, 2)
    tremble = TREMBLE * torch.randn(bend.shape, generator=generator)
    return weights[way] @ (points[way] + bend + tremble), pen_down[way]


def draw_factors(n: int, generator: torch.Generator) -> Tensor:
    """Independent uniform factors (n, F), columns as in `FACTORS`."""
    low, high = torch.tensor(list(FACTOR_RANGES.values())).T
    return low + (high - low) * torch.rand(n, len(FACTORS), generator=generator)


def render(path: Tensor, pen_down: Tensor, factors: Tensor) -> Tensor:
    """Ink the paths of `write` under the factors (n, F): uint8 (n, 1, 28, 28).

    One handwriting, path (1, ...) and pen_down (1, ...), serves for all n factors.
    """
    slant, rotation, height, aspect, width, shift_x, shift_y = factors.T[:, :, None]  # each (n, 1)
    x, y = path[..., 0] * height * aspect, path[..., 1] * height  # each (n, S + 1), pixels, y down
    x = x - y * slant.deg2rad().tan()
    cos, sin = rotation.deg2rad().cos(), rotation.deg2rad().sin()
    x, y = x * cos + y * sin, y * cos - x * sin
    length = torch.hypot(x.diff(), y.diff()) * pen_down  # (n, S)
    x, y = (x[:, 1:] + x[:, :-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2  # middles of the pieces, (n, S)
    share = length / length.sum(dim=1, keepdim=True)
    x = x - (x * share).sum(dim=1, keepdim=True) + 14 + shift_x
    y = y - (y * share).sum(dim=1, keepdim=True) + 14 + shift_y
    distance = soft_distance(x, y, length)  # (n, 28, 28)
    ink = ((width[:, None] / 2 - distance) / EDGE + 0.5).clamp(0, 1)
    return (255 * ink).round().to(torch.uint8).unsqueeze(1)  # (n, 1, 28, 28)


def soft_distance(x: Tensor, y: Tensor, length: Tensor) -> Tensor:
    """Pixels from each pixel's centre to the path of pieces at x, y, each (n, S): (n, 28, 28).

    The integral of exp(-d^2 / 2 BRUSH^2) along a straight path is sqrt(2 pi) BRUSH times that of
    the nearest d: a soft minimum. The exponential is a product of one in x and one in y, so the
    sum over the pieces is one matrix product for all pixels of a glyph.
    """
    pixel = torch.arange(28.0)[:, None] + 0.5
    near_x = torch.exp(-((pixel - x[:, None]) ** 2) / (2 * BRUSH**2))  # (n, 28, S)
    near_y = torch.exp(-((pixel - y[:, None]) ** 2) / (2 * BRUSH**2))
    touch = (near_y * length[:, None]) @ near_x.transpose(1, 2)  # (n, 28, 28)
    touch = touch / (math.sqrt(2 * math.pi) * BRUSH) + 1e-30  # far from all ink: a finite logarithm
    return (-2 * BRUSH**2 * touch.log()).clamp(min=0).sqrt()


def draw_glyphs(
    labels: Tensor, generator: torch.Generator, factors: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Images uint8 (n, 1, 28, 28) of the digits `labels` (n,), and their factors float32 (n, F).

    Factors are drawn unless given; equal generator states give equal handwriting either way.
    """
    drawn = draw_factors(len(labels), generator)
    factors = drawn if factors is None else factors
    if factors.shape != drawn.shape:
        raise ValueError(f"factors of shape {tuple(factors.shape)}; need {tuple(drawn.shape)}")
    glyphs = (*write(labels, generator), factors)
    chunks = zip(*(tensor.split(500) for tensor in glyphs), strict=True)  # fits a processor's cache
    return torch.cat([render(*chunk) for chunk in chunks]), factors


def glyph_split(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random digits, the same for a seed: images (n, 1, 28, 28), labels (n,), factors (n, F)."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (n,), generator=generator)
    images, factors = draw_glyphs(labels, generator)
    return images, labels, factors


def _skeletons() -> tuple[Tensor, Tensor, Tensor]:
    """All ways W of `PEN`: points (W, K, 2) in heights, weights (W, S + 1, K), pen down (W, S)."""
    texts = [text for ways in PEN for text in ways]
    size = max(len(text.replace("|", "").split()) for text in texts)  # K
    points, weights, pen_down = zip(*(_skeleton(text) for text in texts), strict=True)
    points = [F.pad(p, (0, 0, 0, size - len(p))) for p in points]
    weights = [F.pad(w, (0, size - w.shape[1])) for w in weights]
    return torch.stack(points), torch.stack(weights), torch.stack(pen_down)


def _skeleton(text: str) -> tuple[Tensor, Tensor, Tensor]:
    """One way to write: points (k, 2), weights (SEGMENTS + 1, k), pen down (SEGMENTS,)."""
    strokes = [stroke.split() for stroke in text.split("|")]
    points = [
        torch.tensor([[float(v) / 100 for v in point.strip("!").split(",")] for point in stroke])
        for stroke in strokes
    ]
    smooth = [torch.tensor([[float(not point.endswith("!"))] for point in s]) for s in strokes]
    lengths = torch.stack([p.diff(dim=0).norm(dim=1).sum() for p in points])
    lifts = len(strokes) - 1  # a lift is a piece with the pen up
    ends = (lengths.cumsum(0) / lengths.sum() * (SEGMENTS - lifts)).round().long()
    pieces = ends.diff(prepend=torch.zeros(1, dtype=torch.long)).tolist()
    weights = torch.block_diag(*map(_spline, points, smooth, pieces))
    pen_down = torch.ones(SEGMENTS)
    pen_down[ends[:-1] + torch.arange(lifts)] = 0
    points = torch.cat(points)
    middle = (points.amax(dim=0) + points.amin(dim=0)) / 2
    return points - middle * torch.tensor([1.0, 0.0]), weights, pen_down


def _spline(points: Tensor, smooth: Tensor, pieces: int) -> Tensor:
    """Weights (pieces + 1, k) that turn k control points into points along a Catmull-Rom spline.

    The curve stops at a corner, where `smooth` (k, 1) is 0: there its tangent is zero.
    """
    chords = points.diff(dim=0).norm(dim=1)
    knots = F.pad(chords.cumsum(0), (1, 0))
    where = torch.linspace(0, knots[-1].item(), pieces + 1)
    left = (torch.searchsorted(knots, where, right=True) - 1).clamp(0, len(chords) - 1)
    u = ((where - knots[left]) / chords[left])[:, None]  # from 0 at `left` to 1 at the next knot
    eye = torch.eye(len(points))
    beyond = torch.cat([2 * eye[:1] - eye[1:2], eye, 2 * eye[-1:] - eye[-2:-1]])
    tangent = smooth * (beyond[2:] - beyond[:-2]) / 2  # (k, k)
    return (
        (1 + 2 * u) * (1 - u) ** 2 * eye[left]  # the four cubics of Hermite
        + u * (1 - u) ** 2 * tangent[left]
        + u**2 * (3 - 2 * u) * eye[left + 1]
        + u**2 * (u - 1) * tangent[left + 1]
    )
