"""Phantom radiographs: a frontal chest film drawn for any image name and its boxes.

With them the whole pipeline runs before a single real image is downloaded. They teach nothing
about chests: numbers measured on them say only that the machinery works.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clnlib.data.phantom_findings import (
    HEART,
    LOOKS,
    TYPICAL,
    Array,
    Box,
    Chest,
    bulge,
    fall,
    heart_shape,
    noise,
    ridges,
    sample,
    under,
)
from clnlib.errors import InputError
from clnlib.findings import normalise

VERSION: int = 2
"""Raised whenever a drawn byte changes, so that stores built from older phantoms are rebuilt."""

SIZES = (32, 2048)  # pixels per side: a nodule still has two, and no detector has more
MAX_CONTRAST = 4.0  # a stronger finding would be black or white throughout

_ONE_SIDED = ("Cardiomegaly", "Hernia")  # always on the image's right, the patient's left


def draw(
    image: str, boxes: Sequence[tuple[str, Box]], size: int = 96, contrast: float = 1.0
) -> npt.NDArray[np.uint8]:
    """Draw a radiograph to try the pipeline on, when no real image may be used.

    Parameters
    ----------
    image
        The image's name; patient, film and textures follow from it alone, so equal
        arguments give equal bytes in every process and thread.
    boxes
        `(finding, (x1, y1, x2, y2))` for each finding to draw, relative to the image; parts
        beyond the frame are left out. Any order gives the same film.
    size
        Height and width in pixels, 32 to 2048. All sizes show the same patient.
    contrast
        How strongly the findings show, 0 (not at all) to 4; 1 is made to be learnable.

    Returns
    -------
    uint8 (size, size); 0 is black, the air around the body.

    Raises
    ------
    InputError
        A name that is no finding, a box that is not `x1 <= x2, y1 <= y2` and finite, a size or
        contrast out of range.

    Examples
    --------
    >>> film = draw("00000001_000.png", [("Nodule", (0.2, 0.4, 0.28, 0.48))], size=64)
    >>> film.shape, film.dtype
    ((64, 64), dtype('uint8'))
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"phantom size: {size!r} is not in {SIZES[0]} to {SIZES[1]} pixels")
    if not 0.0 <= contrast <= MAX_CONTRAST:
        raise InputError(f"phantom contrast: {contrast!r} is not in 0 to {MAX_CONTRAST:g}")
    wanted = sorted((normalise(finding), _inside(image, box)) for finding, box in boxes)
    chest, spine = _chest(image, size)
    thickness = chest.tissue.copy()
    for finding, box in wanted:
        where, part, frame = under(box, chest, spine)
        added = LOOKS[finding](part, frame, _generator(image, finding))
        thickness[where] += np.float32(contrast) * added
    return _expose(thickness, image)


def place(finding: str, image: str) -> Box:
    """A plausible box `(x1, y1, x2, y2)`, relative to the image, for a label that comes without.

    Each pair of finding and image has a single box, which lies inside the frame.
    """
    finding = normalise(finding)
    off, y, width, height = TYPICAL[finding]
    rng = _generator(image, "place", finding)
    side = 1.0 if finding in _ONE_SIDED or rng.random() < 0.5 else -1.0
    width, height = width * rng.uniform(0.75, 1.3), height * rng.uniform(0.75, 1.3)
    wander = 0.25 if finding in _ONE_SIDED or off == 0.0 else 1.0
    x = 0.5 + side * off + wander * rng.uniform(-0.06, 0.06)
    y += wander * rng.uniform(-0.09, 0.09)
    return _inside(image, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))


def _generator(*key: str) -> np.random.Generator:
    """A random generator that follows from names alone."""
    digest = hashlib.sha256("\0".join(key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _inside(image: str, box: Box) -> Box:
    """The part of a box inside the frame; something that is no box is refused."""
    x1, y1, x2, y2 = box
    if not np.isfinite(box).all() or x2 < x1 or y2 < y1:
        raise InputError(
            f"phantom {image}: box {tuple(box)} is not x1 <= x2, y1 <= y2, all finite and relative"
        )
    x1, y1, x2, y2 = np.clip(box, 0.0, 1.0).tolist()
    return x1, y1, x2, y2


class _Patient(NamedTuple):
    """Where a patient stands, and measures of the chest, relative to the image's side."""

    y: Array  # (S, 1) down the image
    dx: Array  # (S, S) across the patient, from the spine
    dy: Array  # (S, S) down the patient, who stands a little askew
    across: Array  # (S, S) |dx|
    half: float  # half width of the rib cage
    apex: float  # y of the lungs' tips
    base: float  # y of the diaphragm


def _chest(image: str, size: int) -> tuple[Chest, float]:
    """A patient whose habitus follows from the name, and the spine's x, relative to the image."""
    rng = _generator(image, "patient")
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    x, y = centres[None, :], centres[:, None]
    spine = rng.uniform(0.48, 0.52)
    tilt = rng.uniform(-0.03, 0.03)  # a turn of up to 1.7 degrees, as a shear
    dx = x - (spine + tilt * (y - 0.5))
    dy = y + tilt * (x - 0.5)
    half = rng.uniform(0.35, 0.41)
    apex, base = rng.uniform(0.06, 0.12), rng.uniform(0.72, 0.8)
    p = _Patient(y, dx, dy, np.abs(dx), half, apex, base)

    body = _body(rng, p)
    lung, belly = _lungs(rng, p)
    # Two thirds of the heart lie on the image's right.
    wide, high = rng.uniform(0.13, 0.175), rng.uniform(0.17, 0.2)
    heart = heart_shape((dx - 0.32 * wide) / wide, (y - (base - high)) / high)
    marks = _vessels(rng, p) * lung
    inside = rng.uniform(0.66, 0.74) * lung
    tissue = body * (1.0 - inside + 0.3 * belly) + marks
    tissue += HEART * heart * (1.0 - 0.9 * belly) * body
    tissue += _mediastinum(rng, p) * body
    tissue += _bones(rng, p) * body
    # Breasts, two soft round shadows.
    dense, u, v = rng.uniform(0.0, 0.16), p.across - rng.uniform(0.16, 0.21), (y - 0.62) / 0.17
    u = u / 0.17
    tissue += dense * fall((1.0 - u * u - v * v) / 0.45) * body
    tissue *= 0.9 + 0.2 * noise(rng, y, x, 0.2)
    x, y = np.broadcast_arrays(x, y)
    return Chest(x, y, lung, heart, belly, marks, tissue), spine


def _body(rng: np.random.Generator, p: _Patient) -> Array:
    """Soft tissue: neck, shoulders, trunk; a cylinder's thickness, nothing outside."""
    neck, rise = rng.uniform(0.12, 0.17), rng.uniform(-0.06, 0.02)
    trunk = p.half + rng.uniform(0.05, 0.1)
    width = neck + (0.56 - neck) * fall((p.y - rise) / 0.17)
    width = width - (0.56 - trunk) * fall((p.y - 0.22) / 0.2)
    return bulge(p.across / width) * rng.uniform(0.95, 1.1)


def _lungs(rng: np.random.Generator, p: _Patient) -> tuple[Array, Array]:
    """Masks of both lungs and of the belly below the domes of the diaphragm."""
    way = np.clip((p.y - p.apex) / (p.base - p.apex), 0.0, 1.0)
    outer = p.half * bulge(np.maximum(1.0 - way / 0.72, 0.0)) * (1.0 - 0.03 * way)
    top = np.maximum(1.0 - way / 0.25, 0.0)
    inner = 0.04 + 0.05 * top * top
    lift, right_higher = rng.uniform(0.07, 0.11), rng.uniform(0.0, 0.035)
    t = (p.across - 0.45 * p.half) / (0.55 * p.half)
    dome = p.base - lift * (1.0 - t * t)
    dome = dome - np.where(p.dx < 0.0, np.float32(right_higher), np.float32(0.0))
    wall = fall((outer - p.across) / 0.03 + 0.5) * fall((p.across - inner) / 0.03 + 0.5)
    belly = fall((p.dy - dome) / 0.025 + 0.5)
    return wall * (1.0 - belly), belly


def _vessels(rng: np.random.Generator, p: _Patient) -> Array:
    """Branches that leave each hilum and thin out: noise stretched along the radius."""
    px, py = p.across - 0.06, p.y - rng.uniform(0.44, 0.48)
    reach = np.abs(px) + np.abs(py) + 0.02
    # A diamond's angle (no arctan), moved apart for the two lungs so that they differ.
    angle = (py / reach + 1.0) * 9.0 + np.where(p.dx > 0.0, np.float32(24), np.float32(0))
    lines = ridges(sample(rng, angle + 3.0 * reach, reach * 11.0), 0.16)
    return lines * (0.028 / (reach + 0.09)) + 0.16 * fall((0.1 - reach) / 0.1)


def _mediastinum(rng: np.random.Generator, p: _Patient) -> Array:
    """Great vessels, aortic knob and spine, with the dark windpipe between."""
    column = rng.uniform(0.038, 0.046)
    discs = p.y * rng.uniform(19.0, 22.0)
    ripple = np.abs(discs - np.floor(discs) - 0.5)
    spine = fall((column - p.across) / 0.02 + 0.5) * (0.32 + 0.22 * ripple)
    vessels = 0.3 * fall((0.07 - p.across) / 0.035 + 0.5) * fall((0.52 - p.y) / 0.3)
    kx, ky = p.dx - 0.055, p.y - rng.uniform(0.3, 0.34)
    knob = 0.3 * fall((0.0022 - kx * kx - ky * ky) / 0.0012)
    pipe = 0.22 * fall((0.02 - np.abs(p.dx + 0.005)) / 0.014 + 0.5) * fall((0.36 - p.y) / 0.05)
    return spine + vessels + knob - pipe


def _bones(rng: np.random.Generator, p: _Patient) -> Array:
    """Ribs, back and front, and the clavicles."""
    u, across = p.across / p.half, p.across
    cage = fall((1.04 - u) / 0.05) * fall((u - 0.1) / 0.1) * fall((p.y - p.apex + 0.03) / 0.05)
    cage *= fall((0.92 - p.y) / 0.1)
    back = _rib((p.dy - 0.16 * u * u + 0.05 * u) / rng.uniform(0.066, 0.076) + rng.random())
    front = _rib((p.dy + 0.24 * u - 0.06 * u * u) / rng.uniform(0.085, 0.1) + rng.random())
    ribs = (0.11 * back + 0.07 * front * fall((u - 0.35) / 0.25)) * cage
    slope, low = rng.uniform(0.2, 0.34), rng.uniform(0.15, 0.19)
    off = p.dy - low + slope * across - 0.55 * (across - 0.14) * (across - 0.14)
    shaft = fall(1.0 - np.abs(off) / 0.022) * fall((across - 0.03) / 0.02)
    return ribs + 0.3 * shaft * fall((0.4 - across) / 0.06)


def _rib(phase: Array) -> Array:
    """A rib a period: a plate with denser edges."""
    off = np.abs(phase - np.floor(phase) - 0.5)
    return fall((0.24 - off) / 0.07) * (0.7 + 2.0 * off)


def _expose(thickness: Array, image: str) -> npt.NDArray[np.uint8]:
    """The film: density saturates with thickness; exposure and grain belong to the image."""
    rng = _generator(image, "film")
    half = rng.uniform(0.5, 0.72)  # the thickness that gives half the density
    dark, gain = rng.uniform(0.02, 0.14), rng.uniform(1.22, 1.36)
    grain = rng.random(thickness.shape, dtype=np.float32)
    grain += rng.random(thickness.shape, dtype=np.float32)
    thickness = np.maximum(thickness, 0.0)
    film = (thickness / (thickness + half) - dark) * (255.0 * gain)
    film += (grain - 1.0) * rng.uniform(4.0, 8.0)
    return np.clip(film + 0.5, 0.0, 255.0).astype(np.uint8)
