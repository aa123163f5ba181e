"""Glyphs: digits drawn as pen strokes, with the true factors of every image; no network, no data file.

A digit is a short list of control points (`PEN`), trembled, joined by a Catmull-Rom spline (Catmull and Rom 1974),
brought into shape by the factors, and inked: the soft distance of every pixel to the pen's path, anti-aliased.
Like MNIST (LeCun et al. 1998) the digits are about 20 pixels high in a 28 x 28 frame, centred by their centre of mass.
The idea of a data set with known factors is that of dSprites (Matthey et al. 2017).

| factor       | range      | unit and meaning                                                         |
|--------------|------------|--------------------------------------------------------------------------|
| slant        | -15 ... 35 | degrees from upright, positive leans to the right (a shear)              |
| rotation     | -12 ... 12 | degrees, positive turns counter-clockwise                                |
| height       | 15 ... 19  | pixels from the top to the bottom of the pen's path, before it turns     |
| aspect       | 0.7 ... 1.2| width over height, 1 = as the skeleton is drawn                          |
| stroke_width | 1.5 ... 4  | pixels                                                                   |
| shift_x      | -1 ... 1   | pixels of the centre of mass to the right of the frame's centre          |
| shift_y      | -1 ... 1   | pixels of the centre of mass below the frame's centre                    |

All factors are uniform, and independent of the label and of each other.
"""

import math

import torch
from torch import Tensor

FACTOR_RANGES: dict[str, tuple[float, float]] = {
    "slant": (-15.0, 35.0),
    "rotation": (-12.0, 12.0),
    "height": (15.0, 19.0),
    "aspect": (0.7, 1.3),
    "stroke_width": (1.5, 4.0),
    "shift_x": (-1.0, 1.0),
    "shift_y": (-1.0, 1.0),
}
FACTORS: tuple[str, ...] = tuple(FACTOR_RANGES)

# Ways to write each digit. "x,y" in percent of the height, y down; "!" a corner, "|" lifts the pen.
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
SEGMENTS = 56  # short straight pieces a glyph: under a pixel each
BEND = 0.05  # heights: how far smooth bends of the whole digit move its points
TREMBLE = 0.05  # standard deviation of a control point, in heights
BRUSH = 0.7  # pixels: how far the soft distance blends neighbouring pieces of the path
EDGE = 1.5  # pixels from full ink to none; MNIST's pixels are half grey, too


def _spline(points: int, corners: list[bool], t: Tensor) -> Tensor:
    """Weights (T, K) that turn K control points into the T points of a Catmull-Rom spline at t in [0, K - 1]."""
    eye = torch.eye(points)
    padded = torch.cat([2 * eye[:1] - eye[1:2], eye, 2 * eye[-1:] - eye[-2:-1]])
    tangent = (padded[2:] - padded[:-2]) / 2 * ~torch.tensor(corners)[:, None]
    left = t.long().clamp(max=points - 2)
    u = (t - left)[:, None]
    return (
        (1 + 2 * u) * (1 - u) ** 2 * eye[left]
        + u * (1 - u) ** 2 * tangent[left]
        + u**2 * (3 - 2 * u) * eye[left + 1]
        + u**2 * (u - 1) * tangent[left + 1]
    )


def _skeleton(text: str, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Control points (size, 2), spline weights (SEGMENTS + 1, size), pen down (SEGMENTS,) of one way to write."""
    strokes = [stroke.split() for stroke in text.split("|")]
    curves, lengths = [], []
    for stroke in strokes:
        xy = torch.tensor([[float(v) / 100 for v in p.strip("!").split(",")] for p in stroke])
        corners = [p.endswith("!") for p in stroke]
        dense = torch.linspace(0, len(xy) - 1, 400)
        steps = (_spline(len(xy), corners, dense) @ xy).diff(dim=0).norm(dim=1)
        along = torch.cat([torch.zeros(1), steps.cumsum(0)])
        curves.append((xy, corners, dense, along))
        lengths.append(along[-1].item())
    pieces = [max(2, round((SEGMENTS - len(strokes) + 1) * n / sum(lengths))) for n in lengths]
    pieces[0] += SEGMENTS - len(strokes) + 1 - sum(pieces)
    weights = torch.zeros(SEGMENTS + 1, size)
    pen_down = torch.ones(SEGMENTS)
    row = column = 0
    for (xy, corners, dense, along), count in zip(curves, pieces, strict=True):
        where = torch.searchsorted(along, torch.linspace(0, along[-1].item(), count + 1))
        t = dense[where.clamp(max=399)]
        weights[row : row + count + 1, column : column + len(xy)] = _spline(len(xy), corners, t)
        row, column = row + count + 1, column + len(xy)
        pen_down[row - 1 : row] = 0
    points = torch.zeros(size, 2)
    points[:column] = torch.cat([xy for xy, *_ in curves])
    points[:column, 0] -= (points[:column, 0].max() + points[:column, 0].min()) / 2
    return points, weights, pen_down


def write(labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A hand writes the digits: the pen's path (n, SEGMENTS + 1, 2) in heights, and pen down (n, SEGMENTS) as 0 or 1."""
    size = max(len(text.replace("|", "").split()) for ways in PEN for text in ways)
    tables = [_skeleton(text, size) for ways in PEN for text in ways]
    points, weights, pen_down = (torch.stack(t) for t in zip(*tables, strict=True))
    ways = torch.tensor([len(w) for w in PEN])
    chosen = (torch.rand(len(labels), generator=generator) * ways[labels]).long()
    chosen = chosen + (ways.cumsum(0) - ways)[labels]
    points = points[chosen]
    x, y = 2 * points[..., 0], 2 * points[..., 1] - 1
    bend = torch.stack([x * x, x * y, y * y], dim=-1)  # (n, size, 3)
    bend = bend @ (BEND * torch.randn(len(labels), 3, 2, generator=generator))
    tremble = TREMBLE * torch.randn(len(labels), size, 2, generator=generator)
    return weights[chosen] @ (points + bend + tremble), pen_down[chosen]


def draw_factors(n: int, generator: torch.Generator) -> Tensor:
    """Independent uniform factors (n, F), columns as in `FACTORS`."""
    low, high = torch.tensor(list(FACTOR_RANGES.values())).T
    return low + (high - low) * torch.rand(n, len(FACTORS), generator=generator)


def render(path: Tensor, pen_down: Tensor, factors: Tensor) -> Tensor:
    """Ink paths from `write` under the given factors: uint8 (n, 1, 28, 28).

    The integral of exp(-d^2 / 2 BRUSH^2) along the path is a soft minimum of the distance d, and since the
    exponential splits into a factor of x and one of y, it is one matrix product for all pixels of a glyph.
    """
    slant, rotation, height, aspect, stroke_width, shift_x, shift_y = factors.T[:, :, None]
    x, y = path.unbind(-1)  # each (n, S + 1)
    x, y = x * height * aspect, y * height
    x = x - y * torch.tan(torch.deg2rad(slant))
    cos, sin = torch.cos(torch.deg2rad(rotation)), torch.sin(torch.deg2rad(rotation))
    x, y = x * cos + y * sin, y * cos - x * sin
    length = torch.hypot(x.diff(), y.diff()) * pen_down
    x, y = (x[:, 1:] + x[:, :-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2  # middles of the pieces, (n, S)
    total = length.sum(1, keepdim=True)
    x = x - (x * length).sum(1, keepdim=True) / total + 14 + shift_x
    y = y - (y * length).sum(1, keepdim=True) / total + 14 + shift_y
    pixel = torch.arange(28.0)[:, None] + 0.5
    near_x = torch.exp(-((pixel - x[:, None]) ** 2) / (2 * BRUSH**2))  # (n, 28, S)
    near_y = torch.exp(-((pixel - y[:, None]) ** 2) / (2 * BRUSH**2)) * length[:, None]
    touch = near_y @ near_x.transpose(1, 2) / (math.sqrt(2 * math.pi) * BRUSH)  # (n, 28, 28)
    distance = (-2 * BRUSH**2 * torch.log(touch + 1e-30)).clamp(min=0).sqrt()
    ink = ((stroke_width[:, None] / 2 - distance) / EDGE + 0.5).clamp(0, 1)
    return (ink * 255).round().to(torch.uint8)[:, None]


def draw_glyphs(
    labels: Tensor, generator: torch.Generator, factors: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Images uint8 (n, 1, 28, 28) of the digits `labels` (n,), and their factors (n, F).

    Factors are drawn unless given. Equal generator states give equal handwriting, whatever the factors.
    """
    drawn = draw_factors(len(labels), generator)
    path, pen_down = write(labels, generator)
    factors = drawn if factors is None else factors
    chunks = zip(path.split(500), pen_down.split(500), factors.split(500), strict=True)
    return torch.cat([render(*chunk) for chunk in chunks]), factors


def glyph_split(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """n glyphs of random digits: images uint8 (n, 1, 28, 28), labels int64 (n,), factors float32 (n, F)."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (n,), generator=generator)
    images, factors = draw_glyphs(labels, generator)
    return images, labels, factors
