"""How each finding looks on a phantom radiograph: what it adds to the thickness inside its box.

Arrays see only additions, multiplications, divisions and square roots, which IEEE 754 rounds
alike everywhere: `exp` or `sin` would let the bytes depend on the processor.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
HEART = 0.62  # thickness of a heart in front of a lung; a lung alone is about 0.3


@dataclass(frozen=True)
class Patch:
    """The part of the scene under one box: h rows, w columns.

    `x` (1, w) and `y` (h, 1) are relative to the image; `u` and `v` run from -1 to 1 across the
    box. `lung` and `heart` are masks in [0, 1]; `marks` the thickness of vessels, `tissue` the
    thickness of everything; `side` is 1 right of the midline of the image, otherwise -1.
    """

    x: Array
    y: Array
    u: Array
    v: Array
    lung: Array
    heart: Array
    marks: Array
    tissue: Array
    side: float
    width: float
    height: float


def fall(t: Array) -> Array:
    """A smooth step: 0 below 0, 1 above 1."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def noise(
    rng: np.random.Generator, y: Array, x: Array, cell_y: float, cell_x: float | None = None
) -> Array:
    """Smooth noise in [0, 1] on the grid of `y` (h, 1) and `x` (1, w), one value a cell.

    Cells are fixed to the image, so every size of one image shows the same texture.
    """
    grid = rng.random(
        (int(1 / cell_y) + 3, int(1 / (cell_x or cell_y)) + 3), dtype=np.float32
    )  # one cell more than the image at either end
    i, fy = _cells(y[:, 0], cell_y)
    j, fx = _cells(x[0], cell_x or cell_y)
    rows = grid[i] + (grid[i + 1] - grid[i]) * fy[:, None]
    left = rows[:, j]
    return left + (rows[:, j + 1] - left) * fx


def _cells(t: Array, cell: float) -> tuple[npt.NDArray[np.intp], Array]:
    """Cell numbers of relative coordinates and the smoothed way through each cell."""
    t = t / cell
    whole = np.floor(t)
    return whole.astype(np.intp), fall(t - whole)


def ridges(field: Array, width: float) -> Array:
    """Thin lines where a noise field crosses its middle: a net."""
    return fall(1.0 - np.abs(field - 0.5) / width)


def heart_shape(u: Array, v: Array) -> Array:
    """A heart that fills the square [-1, 1]²: apex low on the right, base narrower."""
    right = _arc(v, 0.45)
    left = _arc(v, 0.2)
    return fall((right - u) / 0.16) * fall((left + u) / 0.16)


def _arc(v: Array, peak: float) -> Array:
    """Half width of a bulge: 0 at v = -1 and 1, 1 at the peak."""
    t = np.where(v < peak, (v - peak) / (1.0 + peak), (v - peak) / (1.0 - peak))
    return np.sqrt(np.maximum(1.0 - t * t, 0.0))


def _window(p: Patch, edge: float) -> Array:
    """A box with round corners that fades out over its outer `edge`."""
    u2, v2 = p.u * p.u, p.v * p.v
    return fall((1.0 - u2 * u2 - v2 * v2) / edge)


def _cell(p: Patch, share: float, low: float, high: float) -> float:
    """A texture's cell: a share of the smaller side, between two absolute bounds."""
    return min(max(share * min(p.width, p.height), low), high)


def _nodule(p: Patch, rng: np.random.Generator) -> Array:
    """A small ball: thickness of a sphere, a sharp rim."""
    ball = np.sqrt(np.maximum(1.0 - p.u * p.u - p.v * p.v, 0.0))
    return rng.uniform(0.5, 0.62) * ball


def _mass(p: Patch, rng: np.random.Generator) -> Array:
    """A large lump with a lobed outline."""
    lobes = noise(rng, 0.5 + 0.5 * p.v, 0.5 + 0.5 * p.u, 0.2)
    r2 = (p.u * p.u + p.v * p.v) * (0.72 + 0.55 * lobes)
    lump = fall((1.0 - r2) / 0.4) * (0.82 + 0.3 * lobes)
    return rng.uniform(0.5, 0.65) * lump * _window(p, 0.2)


def _pneumothorax(p: Patch, rng: np.random.Generator) -> Array:
    """Air without markings, and the fine edge of the lung that has fallen towards the hilum."""
    inward = -p.side * p.u
    bend = rng.uniform(0.25, 0.45)
    # The lung keeps the inner lower corner of the box; its edge is an arc around that corner.
    r2 = (1.15 - inward) * (1.15 - inward) + (1.25 - p.v) * (1.25 - p.v)
    gap = np.sqrt(r2) - (0.55 + bend)
    air = fall(0.5 + gap / 0.1) * _window(p, 0.25)
    rim = ridges(0.5 + gap, 0.09) * _window(p, 0.3)
    open_chest = 0.35 + 0.65 * p.lung
    return -air * open_chest * (p.marks + 0.52 * (p.tissue - p.marks)) + 0.16 * rim * p.lung


def _effusion(p: Patch, rng: np.random.Generator) -> Array:
    """Fluid: even, dense below, its upper border a meniscus that climbs the outer wall."""
    outward = 0.5 + 0.5 * p.side * p.u
    depth = rng.uniform(0.75, 1.1)
    surface = -0.92 + depth * (1.0 - outward) * (1.0 - outward)
    u2 = p.u * p.u
    sides = fall((1.0 - u2 * u2 * u2) / 0.35)
    fluid = fall((p.v - surface) / 0.22) * sides * fall((1.0 - p.v) / 0.12)
    return rng.uniform(0.6, 0.75) * fluid * (0.85 + 0.15 * p.v) * (0.45 + 0.55 * p.lung)


def _cardiomegaly(p: Patch, rng: np.random.Generator) -> Array:
    """A heart as large as the box in place of the usual one."""
    heart = heart_shape(p.u, p.v)
    return HEART * (np.maximum(heart, p.heart) - p.heart) + rng.uniform(0.1, 0.16) * heart


def _infiltration(p: Patch, rng: np.random.Generator) -> Array:
    """Streaks and a net, ill-defined."""
    cell = _cell(p, 0.13, 0.016, 0.032)
    net = ridges(noise(rng, p.y, p.x, cell), 0.2)
    streaks = ridges(noise(rng, p.y + 0.0 * p.x[:, :1], p.x, 1.8 * cell, 0.7 * cell), 0.2)
    veil = noise(rng, p.y, p.x, 0.09)
    haze = (0.14 + 0.16 * veil) + (0.42 * net + 0.3 * streaks) * (0.5 + 0.5 * veil)
    return rng.uniform(0.75, 1.0) * haze * _window(p, 0.55)


def _pneumonia(p: Patch, rng: np.random.Generator) -> Array:
    """Fluffy blotches that run together, with dark airways left in the densest."""
    blotch = noise(rng, p.y, p.x, _cell(p, 0.3, 0.04, 0.085))
    fluff = noise(rng, p.y, p.x, _cell(p, 0.15, 0.025, 0.045))
    cloud = fall((0.62 * blotch + 0.38 * fluff - 0.26) / 0.34)
    airways = ridges(noise(rng, p.y, p.x, 0.11), 0.045)
    dense = (0.2 + 0.55 * cloud) * (1.0 - 0.5 * airways * cloud)
    return rng.uniform(0.85, 1.1) * dense * _window(p, 0.4)


def _atelectasis(p: Patch, rng: np.random.Generator) -> Array:
    """Bands that widen towards the hilum; the collapsed lobe between them is denser."""
    outward = p.side * p.u
    tilt = rng.uniform(0.15, 0.35)
    sag = p.v - tilt * outward + 0.25 * (1.0 - outward * outward) - 0.1
    half = 0.3 - 0.14 * outward
    main = fall((half - np.abs(sag)) / 0.18 + 0.5)
    plates = sum(fall(1.0 - np.abs(sag - at) / 0.13) for at in (-0.78, 0.72))
    return rng.uniform(0.85, 1.05) * (0.13 + 0.5 * main + 0.34 * plates) * _window(p, 0.3)


def _consolidation(p: Patch, rng: np.random.Generator) -> Array:
    """An evenly dense lobe with dark airways."""
    airways = ridges(noise(rng, p.y, p.x, 0.08), 0.07)
    return 0.6 * (1.0 - 0.45 * airways) * _window(p, 0.35)


def _edema(p: Patch, rng: np.random.Generator) -> Array:
    """A haze around both hila, the wings of a bat."""
    inner = 1.0 - np.abs(p.u)
    haze = 0.25 + 0.4 * noise(rng, p.y, p.x, 0.05) * inner
    return haze * (0.2 + 0.8 * p.lung) * _window(p, 0.8)


def _emphysema(p: Patch, rng: np.random.Generator) -> Array:
    """Too much air: lungs darker, markings few, dark holes."""
    holes = fall((noise(rng, p.y, p.x, 0.06) - 0.55) / 0.2)
    return -p.lung * (0.3 + 0.25 * holes) * p.tissue * _window(p, 0.5)


def _fibrosis(p: Patch, rng: np.random.Generator) -> Array:
    """A coarse honeycomb."""
    net = ridges(noise(rng, p.y, p.x, 0.035), 0.13)
    return (0.06 + 0.5 * net) * _window(p, 0.5)


def _pleural_thickening(p: Patch, rng: np.random.Generator) -> Array:
    """A dense rind along the outer wall."""
    rind = noise(rng, p.y, p.x, 0.06)
    return 0.55 * fall((p.side * p.u + 0.7 - 0.6 * rind) / 0.4) * _window(p, 0.3)


def _hernia(p: Patch, rng: np.random.Generator) -> Array:
    """A round sac behind the heart with air above a fluid level."""
    sac = fall((1.0 - p.u * p.u - p.v * p.v) / 0.35)
    return sac * (0.4 - 0.75 * fall((rng.uniform(-0.2, 0.1) - p.v) / 0.12))


LOOKS: dict[str, Callable[[Patch, np.random.Generator], Array]] = {
    "Atelectasis": _atelectasis,
    "Cardiomegaly": _cardiomegaly,
    "Effusion": _effusion,
    "Infiltration": _infiltration,
    "Mass": _mass,
    "Nodule": _nodule,
    "Pneumonia": _pneumonia,
    "Pneumothorax": _pneumothorax,
    "Consolidation": _consolidation,
    "Edema": _edema,
    "Emphysema": _emphysema,
    "Fibrosis": _fibrosis,
    "Pleural_Thickening": _pleural_thickening,
    "Hernia": _hernia,
}
