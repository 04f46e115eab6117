"""How each finding looks on a phantom radiograph: the thickness it adds inside its box.

Arrays see only additions, multiplications, divisions and square roots, which IEEE 754 rounds
alike everywhere: `exp` or `sin` would let the bytes depend on the processor.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clnlib.findings import normalise

Box = tuple[float, float, float, float]
Array = npt.NDArray[Any]
"""float32 throughout; the stubs of NumPy would widen float32 * float to float64."""

HEART = 0.62  # thickness of a heart in front of a lung; a lung alone is about 0.3


class Chest(NamedTuple):
    """A chest without findings, or the part of it under a box; every array is (h, w)."""

    x: Array  # centres of the pixels, relative to the image
    y: Array
    lung: Array  # masks in [0, 1]
    heart: Array
    belly: Array
    marks: Array  # thickness of the vessels
    tissue: Array  # thickness of everything


class Frame(NamedTuple):
    """Coordinates of a box: `u` and `v` (h, w) go from -1 to 1 across and down it."""

    u: Array
    v: Array
    side: float  # 1.0 where the box lies right of the spine in the image, otherwise -1.0
    width: float  # of the box, relative to the image, at least a pixel
    height: float


Look = Callable[[Chest, Frame, np.random.Generator], Array]
"""The chest under a box, the box, and a generator → the thickness (h, w) that is added."""

LOOKS: dict[str, Look] = {}
TYPICAL: dict[str, Box] = {}
"""Distance of the centre from the midline, y of the centre, width, height; of the image's side."""


def _usually(off: float, y: float, width: float, height: float) -> Callable[[Look], Look]:
    """Enter the decorated look, and its finding's typical box, under the finding's name."""

    def enter(look: Look) -> Look:
        finding = normalise(look.__name__)
        LOOKS[finding], TYPICAL[finding] = look, (off, y, width, height)
        return look

    return enter


def under(box: Box, chest: Chest, spine: float) -> tuple[tuple[slice, slice], Chest, Frame]:
    """The rows and columns that a box covers, at least a pixel, and the chest that lies there."""
    size = len(chest.tissue)
    x1, y1, x2, y2 = box
    left, top = (min(int(value * size), size - 1) for value in (x1, y1))
    right, bottom = max(math.ceil(x2 * size), left + 1), max(math.ceil(y2 * size), top + 1)
    where = (slice(top, bottom), slice(left, right))
    part = Chest(*(layer[where] for layer in chest))
    width, height = max(x2 - x1, 1.0 / size), max(y2 - y1, 1.0 / size)
    u = np.clip((part.x - (x1 + x2) / 2) * (2.0 / width), -1.0, 1.0)
    v = np.clip((part.y - (y1 + y2) / 2) * (2.0 / height), -1.0, 1.0)
    return where, part, Frame(u, v, 1.0 if (x1 + x2) / 2 > spine else -1.0, width, height)


def fall(t: Array) -> Array:
    """A smooth step: 0 below 0, 1 above 1."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bulge(t: Array) -> Array:
    """Height of a half circle over its diameter: 1 at t = 0, 0 at and beyond t = -1 and 1."""
    return np.sqrt(np.maximum(1.0 - t * t, 0.0))


def noise(rng: np.random.Generator, y: Array, x: Array, cell: float) -> Array:
    """Smooth noise in [0, 1] on the grid of pixels at `y` and `x` (h, w), a random value a cell.

    Cells are fixed to the image, so every size of one image shows the same texture.
    """
    cells = int(1 / cell) + 3  # the last two reach beyond the image
    values = rng.random((cells, cells), dtype=np.float32)
    down, across = y[:, 0] / cell, x[0] / cell
    i, j = down.astype(np.intp), across.astype(np.intp)
    rows = values[i] + (values[i + 1] - values[i]) * fall(down - np.floor(down))[:, None]
    left = rows[:, j]
    return left + (rows[:, j + 1] - left) * fall(across - np.floor(across))


def sample(rng: np.random.Generator, a: Array, b: Array) -> Array:
    """Smooth noise in [0, 1] at any coordinates (h, w) >= 0, a random value a unit, period 64."""
    table = rng.random((64, 64), dtype=np.float32)
    i, j = a.astype(np.int32), b.astype(np.int32)
    along, across = a - i.astype(np.float32), fall(b - j.astype(np.float32))
    i, below, j, right = i & 63, (i + 1) & 63, j & 63, (j + 1) & 63
    near, far = table[i, j], table[below, j]
    near = near + (table[i, right] - near) * across
    far = far + (table[below, right] - far) * across
    return near + (far - near) * along


def ridges(field: Array, width: float) -> Array:
    """Thin lines where a noise field crosses its middle: a net."""
    return fall(1.0 - np.abs(field - 0.5) / width)


def heart_shape(u: Array, v: Array) -> Array:
    """A heart that fills the square [-1, 1]²: apex low on the right, base narrower."""
    right, left = (  # half widths: 1 at the peak, 0 at v = -1 and 1
        bulge(np.where(v < peak, (v - peak) / (1.0 + peak), (v - peak) / (1.0 - peak)))
        for peak in (0.45, 0.2)
    )
    return fall((right - u) / 0.16) * fall((left + u) / 0.16)


def _window(b: Frame, edge: float) -> Array:
    """A box with round corners that fades out over its outer `edge`."""
    u2, v2 = b.u * b.u, b.v * b.v
    return fall((1.0 - u2 * u2 - v2 * v2) / edge)


def _lobes(b: Frame, rng: np.random.Generator, cell: float) -> Array:
    """Noise that is fixed to the box, for outlines."""
    return noise(rng, 0.5 + 0.5 * b.v, 0.5 + 0.5 * b.u, cell)


def _cloud(b: Frame, rng: np.random.Generator, edge: float) -> Array:
    """A ragged opacity that reaches the sides of the box here and there."""
    u2, v2 = b.u * b.u, b.v * b.v
    r2 = u2 + v2 - 0.45 * u2 * v2
    return fall((1.0 - r2 * (0.65 + 0.75 * _lobes(b, rng, 0.16))) / edge) * _window(b, 0.35)


def _cell(b: Frame, share: float, low: float, high: float) -> float:
    """A texture's cell: a share of the smaller side, between two absolute bounds."""
    return min(max(share * min(b.width, b.height), low), high)


def _tubes(c: Chest, b: Frame, rng: np.random.Generator, cell: float) -> Array:
    """Noise stretched outwards and down, the way the airways run."""
    outward = b.side * c.x + (0.0 if b.side > 0.0 else 1.0)
    return sample(rng, (c.y - 0.5 * outward + 0.5) / (0.6 * cell), (outward + c.y) / (1.8 * cell))


@_usually(off=0.20, y=0.57, width=0.22, height=0.13)
def atelectasis(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A collapsed lobe: a band, wider at the hilum, under lung that is overblown in its stead."""
    outward = b.side * b.u
    tilt = rng.uniform(0.1, 0.25)
    sag = b.v - tilt * outward + 0.2 * (1.0 - outward * outward) - 0.42
    half = 0.42 - 0.14 * outward
    band = fall((half - np.abs(sag)) / 0.24 + 0.5)
    over = fall((-0.05 - half - sag) / 0.25)
    return (rng.uniform(0.62, 0.78) * band - 0.4 * over * c.lung * c.tissue) * _window(b, 0.4)


@_usually(off=0.07, y=0.57, width=0.47, height=0.37)
def cardiomegaly(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A heart as large as the box in place of the usual one."""
    heart = heart_shape(b.u, b.v)
    wider = HEART * (np.maximum(heart, c.heart) - c.heart) + rng.uniform(0.08, 0.14) * heart
    return wider * (1.0 - 0.6 * c.belly)


@_usually(off=0.24, y=0.58, width=0.21, height=0.30)
def effusion(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """Fluid: even, dense below, its upper border a meniscus that climbs the outer wall."""
    outward = 0.5 + 0.5 * b.side * b.u
    surface = -1.0 + rng.uniform(0.8, 1.2) * (1.0 - outward) * (1.0 - outward)
    u2 = b.u * b.u
    sides = fall((1.0 - u2 * u2) / 0.55)
    fluid = fall((b.v - surface) / 0.42) * sides * fall((1.0 - b.v) / 0.22)
    return rng.uniform(0.72, 0.88) * fluid * (0.9 + 0.15 * b.v) * (0.35 + 0.65 * c.lung)


@_usually(off=0.19, y=0.52, width=0.26, height=0.28)
def infiltration(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """Streaks and a net, ill-defined."""
    cell = _cell(b, 0.13, 0.018, 0.03)
    veil = noise(rng, c.y, c.x, 0.09)
    # Turned and bent by the veil, so that the net does not show the lattice of the noise.
    down, across = 0.8 * c.y + 0.6 * c.x + 0.06 * veil, 0.8 * c.x - 0.6 * c.y + 0.6 - 0.06 * veil
    net = ridges(sample(rng, down / cell, across / cell), 0.22)
    streaks = ridges(sample(rng, down / (0.7 * cell), across / (2.2 * cell)), 0.22)
    haze = 0.05 + 0.12 * veil + (0.38 * net + 0.32 * streaks) * (0.5 + 0.5 * veil)
    return rng.uniform(0.9, 1.1) * haze * _window(b, 0.6)


@_usually(off=0.19, y=0.45, width=0.15, height=0.17)
def mass(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A large lump with a lobed outline."""
    lobes = _lobes(b, rng, 0.2)
    r2 = (b.u * b.u + b.v * b.v) * (0.68 + 0.6 * lobes)
    lump = fall((1.0 - r2) / 0.6) * (0.8 + 0.35 * lobes)
    return rng.uniform(0.6, 0.72) * lump * _window(b, 0.25)


@_usually(off=0.19, y=0.48, width=0.07, height=0.07)
def nodule(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A small ball: thickness of a sphere, a sharp rim."""
    return rng.uniform(0.62, 0.75) * np.sqrt(np.maximum(1.0 - b.u * b.u - b.v * b.v, 0.0))


@_usually(off=0.19, y=0.55, width=0.25, height=0.29)
def pneumonia(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """Fluffy blotches that run together, with dark airways left in the densest."""
    blotch = noise(rng, c.y, c.x, _cell(b, 0.3, 0.04, 0.085))
    fluff = noise(rng, c.y, c.x, _cell(b, 0.15, 0.025, 0.045))
    dense = fall((0.6 * blotch + 0.4 * fluff - 0.22) / 0.45)
    airways = ridges(_tubes(c, b, rng, 0.09), 0.06)
    cloud = (0.32 + 0.6 * dense) * (1.0 - 0.4 * airways * dense)
    return rng.uniform(0.85, 1.1) * cloud * _cloud(b, rng, 0.6)


@_usually(off=0.23, y=0.30, width=0.19, height=0.26)
def pneumothorax(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """Air without markings, and the fine edge of the lung that has fallen towards the hilum."""
    inward = -b.side * b.u
    # The lung keeps the inner lower corner of the box; its edge is an arc around that corner.
    r2 = (1.15 - inward) * (1.15 - inward) + (1.25 - b.v) * (1.25 - b.v)
    gap = np.sqrt(r2) - (0.55 + rng.uniform(0.25, 0.45))
    air = fall(0.5 + gap / 0.1) * _window(b, 0.35)
    rim = ridges(0.5 + gap, 0.09) * _window(b, 0.4)
    open_chest = 0.25 + 0.75 * c.lung
    return -air * open_chest * (c.marks + 0.54 * (c.tissue - c.marks)) + 0.16 * rim * c.lung


@_usually(off=0.19, y=0.58, width=0.24, height=0.24)
def consolidation(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """An evenly dense lobe with dark airways."""
    airways = ridges(_tubes(c, b, rng, 0.08), 0.1)
    return 0.6 * (1.0 - 0.35 * airways) * _cloud(b, rng, 0.5)


@_usually(off=0.0, y=0.48, width=0.60, height=0.42)
def edema(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A haze around both hila, the wings of a bat."""
    haze = 0.2 + 0.6 * noise(rng, c.y, c.x, 0.05) * (1.0 - np.abs(b.u))
    return haze * (0.2 + 0.8 * c.lung) * _window(b, 0.8)


@_usually(off=0.0, y=0.42, width=0.72, height=0.62)
def emphysema(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """Too much air: lungs darker, markings few, dark holes."""
    holes = fall((noise(rng, c.y, c.x, 0.06) - 0.5) / 0.4)
    return -c.lung * (0.25 + 0.25 * holes) * c.tissue * (1.0 - c.heart) * _window(b, 0.5)


@_usually(off=0.21, y=0.58, width=0.24, height=0.26)
def fibrosis(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A coarse honeycomb."""
    down, across = c.y + 0.5 * c.x, c.x - 0.5 * c.y + 0.5
    net = ridges(sample(rng, down / 0.03, across / 0.03), 0.16)
    return (0.08 + 0.34 * net) * _cloud(b, rng, 0.6)


@_usually(off=0.33, y=0.45, width=0.07, height=0.40)
def pleural_thickening(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A dense rind along the outer wall."""
    rind = noise(rng, c.y, c.x, 0.06)
    return 0.45 * fall((b.side * b.u + 0.8 - 0.9 * rind) / 0.7) * _window(b, 0.6)


@_usually(off=0.03, y=0.66, width=0.20, height=0.16)
def hernia(c: Chest, b: Frame, rng: np.random.Generator) -> Array:
    """A round sac behind the heart with air above a fluid level."""
    sac = fall((1.0 - b.u * b.u - b.v * b.v) / 0.35)
    return 0.8 * sac * (0.4 - 0.75 * fall((rng.uniform(-0.2, 0.1) - b.v) / 0.12))
