"""Phantom radiographs: a frontal chest film drawn for any image name and its boxes.

With them the whole pipeline runs before a single real image is downloaded. They teach nothing
about chests: numbers measured on them say only that the machinery works.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from clnlib.data.phantom_findings import (
    HEART,
    LOOKS,
    Array,
    Box,
    Scene,
    fall,
    heart_shape,
    noise,
    patch_of,
    sample,
)
from clnlib.errors import InputError
from clnlib.findings import normalise

VERSION: int = 2
"""Raised whenever a drawn byte changes, so that stores built from older phantoms are rebuilt."""

_SIZES = (32, 2048)
_MAX_CONTRAST = 4.0

# Centre, width and height; the centre lies `off` the midline, to either side unless fixed.
_TYPICAL: dict[str, tuple[float, float, float, float]] = {
    "Atelectasis": (0.20, 0.57, 0.22, 0.13),
    "Cardiomegaly": (0.07, 0.57, 0.47, 0.37),
    "Effusion": (0.24, 0.58, 0.21, 0.30),
    "Infiltration": (0.19, 0.52, 0.26, 0.28),
    "Mass": (0.19, 0.45, 0.15, 0.17),
    "Nodule": (0.19, 0.48, 0.07, 0.07),
    "Pneumonia": (0.19, 0.55, 0.25, 0.29),
    "Pneumothorax": (0.23, 0.30, 0.19, 0.26),
    "Consolidation": (0.19, 0.58, 0.24, 0.24),
    "Edema": (0.0, 0.48, 0.60, 0.42),
    "Emphysema": (0.0, 0.42, 0.72, 0.62),
    "Fibrosis": (0.21, 0.58, 0.24, 0.26),
    "Pleural_Thickening": (0.33, 0.45, 0.07, 0.40),
    "Hernia": (0.03, 0.66, 0.20, 0.16),
}
_ONE_SIDED = ("Cardiomegaly", "Hernia")


def draw(
    image: str,
    boxes: Sequence[tuple[str, Box]],
    size: int = 96,
    contrast: float = 1.0,
) -> npt.NDArray[np.uint8]:
    """Draw the radiograph that belongs to an image name.

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
    numpy.ndarray
        uint8 (size, size); 0 is black, the air around the body.

    Raises
    ------
    InputError
        A finding without a look, a box that is not one, a size or contrast out of range.

    Examples
    --------
    >>> draw("00000001_000.png", [("Nodule", (0.2, 0.4, 0.28, 0.48))], size=64).shape
    (64, 64)
    """
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise InputError(f"phantom size: {size!r} is not in {_SIZES[0]} to {_SIZES[1]} pixels")
    if not 0.0 <= contrast <= _MAX_CONTRAST:
        raise InputError(f"phantom contrast: {contrast!r} is not in 0 to {_MAX_CONTRAST:g}")
    known = sorted((normalise(finding), _checked(image, box)) for finding, box in boxes)
    scene = _scene(image, size)
    thickness = scene.tissue
    if contrast > 0.0:
        thickness = thickness.copy()
        for finding, box in known:
            where, patch = patch_of(scene, box)
            added = LOOKS[finding](patch, _generator(image, finding))
            thickness[where] += np.float32(contrast) * added
    return _expose(thickness, image)


def place(finding: str, image: str) -> Box:
    """A plausible box for a label that comes without one.

    Parameters
    ----------
    finding
        One of the 14 findings.
    image
        The image's name; each (finding, image) has one box.

    Returns
    -------
    tuple of float
        `(x1, y1, x2, y2)` relative to the image, 0 <= x1 < x2 <= 1 and likewise y.
    """
    finding = normalise(finding)
    off, y, width, height = _TYPICAL[finding]
    rng = _generator(image, "place", finding)
    side = 1.0 if finding in _ONE_SIDED or rng.random() < 0.5 else -1.0
    width *= rng.uniform(0.75, 1.3)
    height *= rng.uniform(0.75, 1.3)
    wander = 0.25 if finding in _ONE_SIDED or off == 0.0 else 1.0
    x = 0.5 + side * off + wander * rng.uniform(-0.06, 0.06)
    y += wander * rng.uniform(-0.09, 0.09)
    return (
        max(x - width / 2, 0.0),
        max(y - height / 2, 0.0),
        min(x + width / 2, 1.0),
        min(y + height / 2, 1.0),
    )


def _generator(*key: str) -> np.random.Generator:
    """A random generator that follows from names alone."""
    digest = hashlib.sha256("\0".join(key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _checked(image: str, box: Box) -> Box:
    """The part of a box inside the frame, or one line on why it is no box."""
    x1, y1, x2, y2 = (float(value) for value in box)
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or x2 < x1 or y2 < y1:
        raise InputError(
            f"phantom {image}: box {tuple(box)} is not x1 <= x2, y1 <= y2, all finite and relative"
        )
    return (
        min(max(x1, 0.0), 1.0),
        min(max(y1, 0.0), 1.0),
        min(max(x2, 0.0), 1.0),
        min(max(y2, 0.0), 1.0),
    )


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Array, Array]:
    """Pixel centres relative to the image, (S, 1) down and (1, S) across."""
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    centres.flags.writeable = False
    return centres[:, None], centres[None, :]


def _scene(image: str, size: int) -> Scene:
    """One patient: habitus from the name, layers of thickness in the order of the anatomy."""
    rng = _generator(image, "patient")
    y, x = _grid(size)
    middle = rng.uniform(0.48, 0.52)
    tilt = rng.uniform(-0.03, 0.03)  # a turn of up to 1.7 degrees, as a shear
    dx = x - (middle + tilt * (y - 0.5))
    dy = y + tilt * (x - 0.5)
    chest = rng.uniform(0.35, 0.41)  # half width of the rib cage
    apex, base = rng.uniform(0.06, 0.12), rng.uniform(0.72, 0.8)
    across = np.abs(dx)

    body = _body(rng, y, across, chest)
    lung, belly = _lungs(rng, dx, dy, y, chest, apex, base)
    heart = heart_shape(*_heart_frame(rng, dx, y, base))
    marks = _vessels(rng, across, y, dx) * lung
    inside = rng.uniform(0.66, 0.74) * lung
    tissue = body * (1.0 - inside + 0.3 * belly) + marks
    tissue += HEART * heart * (1.0 - 0.9 * belly) * body
    tissue += _mediastinum(rng, dx, across, y) * body
    tissue += _bones(rng, across, dy, y, chest, apex) * body
    tissue += rng.uniform(0.0, 0.16) * _breasts(across, y, rng.uniform(0.16, 0.21)) * body
    tissue *= 0.9 + 0.2 * noise(rng, y, x, 0.2)
    return Scene(x, y, middle, lung, heart, belly, marks, tissue)


def _body(rng: np.random.Generator, y: Array, across: Array, chest: float) -> Array:
    """Soft tissue: neck, shoulders, trunk; a cylinder's thickness, nothing outside."""
    neck, rise = rng.uniform(0.12, 0.17), rng.uniform(-0.06, 0.02)
    trunk = chest + rng.uniform(0.05, 0.1)
    half = neck + (0.56 - neck) * fall((y - rise) / 0.17)
    half = half - (0.56 - trunk) * fall((y - 0.22) / 0.2)
    t = across / half
    return np.sqrt(np.maximum(1.0 - t * t, 0.0)) * rng.uniform(0.95, 1.1)


def _lungs(
    rng: np.random.Generator,
    dx: Array,
    dy: Array,
    y: Array,
    chest: float,
    apex: float,
    base: float,
) -> tuple[Array, Array]:
    """Masks of both lungs and of the belly below the domes of the diaphragm."""
    way = np.clip((y - apex) / (base - apex), 0.0, 1.0)
    bend = np.maximum(1.0 - way / 0.72, 0.0)
    outer = chest * np.sqrt(1.0 - bend * bend) * (1.0 - 0.03 * way)
    top = np.maximum(1.0 - way / 0.25, 0.0)
    inner = 0.04 + 0.05 * top * top
    lift, right_higher = rng.uniform(0.07, 0.11), rng.uniform(0.0, 0.035)
    across = np.abs(dx)
    t = (across - 0.45 * chest) / (0.55 * chest)
    dome = (
        base - lift * (1.0 - t * t) - np.where(dx < 0.0, np.float32(right_higher), np.float32(0.0))
    )
    wall = fall((outer - across) / 0.03 + 0.5) * fall((across - inner) / 0.03 + 0.5)
    below = fall((dy - dome) / 0.025 + 0.5)
    return wall * (1.0 - below), below


def _heart_frame(rng: np.random.Generator, dx: Array, y: Array, base: float) -> tuple[Array, Array]:
    """Coordinates in which the usual heart fills [-1, 1]²: two thirds lie on the image's right."""
    width, height = rng.uniform(0.13, 0.175), rng.uniform(0.17, 0.2)
    return (dx - 0.32 * width) / width, (y - (base - height)) / height


def _vessels(rng: np.random.Generator, across: Array, y: Array, dx: Array) -> Array:
    """Branches that leave each hilum and thin out: noise stretched along the radius."""
    px, py = across - 0.06, y - rng.uniform(0.44, 0.48)
    reach = np.abs(px) + np.abs(py) + 0.02
    # A diamond's angle (no arctan), moved apart for the two lungs so that they differ.
    angle = (py / reach + 1.0) * 9.0 + np.where(dx > 0.0, np.float32(24), np.float32(0))
    field = sample(rng, angle + 3.0 * reach, reach * 11.0)
    lines = fall(1.0 - np.abs(field - 0.5) / 0.16)
    return lines * (0.028 / (reach + 0.09)) + 0.16 * fall((0.1 - reach) / 0.1)


def _mediastinum(rng: np.random.Generator, dx: Array, across: Array, y: Array) -> Array:
    """Great vessels, aortic knob and spine, with the dark windpipe between."""
    column = rng.uniform(0.038, 0.046)
    discs = y * rng.uniform(19.0, 22.0)
    ripple = np.abs(discs - np.floor(discs) - 0.5)
    spine = fall((column - across) / 0.02 + 0.5) * (0.32 + 0.22 * ripple)
    vessels = 0.3 * fall((0.07 - across) / 0.035 + 0.5) * fall((0.52 - y) / 0.3)
    kx, ky = dx - 0.055, y - rng.uniform(0.3, 0.34)
    knob = 0.3 * fall((0.0022 - kx * kx - ky * ky) / 0.0012)
    pipe = 0.22 * fall((0.02 - np.abs(dx + 0.005)) / 0.014 + 0.5) * fall((0.36 - y) / 0.05)
    return spine + vessels + knob - pipe


def _bones(
    rng: np.random.Generator, across: Array, dy: Array, y: Array, chest: float, apex: float
) -> Array:
    """Ribs, back and front, and the clavicles."""
    u = across / chest
    cage = fall((1.04 - u) / 0.05) * fall((u - 0.1) / 0.1) * fall((y - apex + 0.03) / 0.05)
    cage *= fall((0.92 - y) / 0.1)
    back = _rib((dy - 0.16 * u * u + 0.05 * u) / rng.uniform(0.066, 0.076) + rng.random())
    front = _rib((dy + 0.24 * u - 0.06 * u * u) / rng.uniform(0.085, 0.1) + rng.random())
    ribs = (0.11 * back + 0.07 * front * fall((u - 0.35) / 0.25)) * cage
    slope, low = rng.uniform(0.2, 0.34), rng.uniform(0.15, 0.19)
    off = dy - low + slope * across - 0.55 * (across - 0.14) * (across - 0.14)
    shaft = fall(1.0 - np.abs(off) / 0.022) * fall((across - 0.03) / 0.02)
    return ribs + 0.3 * shaft * fall((0.4 - across) / 0.06)


def _rib(phase: Array) -> Array:
    """One rib a period: a plate with denser edges."""
    off = np.abs(phase - np.floor(phase) - 0.5)
    return fall((0.24 - off) / 0.07) * (0.7 + 2.0 * off)


def _breasts(across: Array, y: Array, off: float) -> Array:
    """Two soft shadows over the lower chest."""
    px, py = (across - off) / 0.17, (y - 0.62) / 0.17
    return fall((1.0 - px * px - py * py) / 0.45)


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
