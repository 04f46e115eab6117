"""Shuffled batches from a store, and augmentation that moves boxes with the pixels.

Everything random depends on (seed, epoch, example) alone, so an epoch can be repeated exactly.
"""

import math
import mmap
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from PIL import Image

from clnlib.backend import keras

SHIFT, SCALE, ROTATION = 0.05, 0.10, 5.0  # of the image's side; of its size; degrees
BRIGHTNESS, CONTRAST = 20.0, 0.2  # grey values; of the distance from mid-grey


class Examples(NamedTuple):
    """Images to learn from, each with its targets.

    Attributes
    ----------
    images
        (N, S, S) uint8, the memory map of a store or an array.
    rows
        (n,) int: for each example its row in `images`.
    targets
        Name → (n, …) array; `box` is relative `xyxy` and moves with the pixels.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int_]
    targets: Mapping[str, NDArray[Any]]

    def some(self, chosen: NDArray[np.int_]) -> "Examples":
        """The examples at these places, in this order."""
        targets = {name: values[chosen] for name, values in self.targets.items()}
        return Examples(self.images, self.rows[chosen], targets)


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch, for `fit`, `evaluate` and `predict` of a Keras model.

    A batch is a pair: images (B, S, S, 1) uint8, and name → (B, …) targets.

    Parameters
    ----------
    examples
        The images and targets that the batches are taken from.
    batch_size
        B, examples per batch; the last batch may be smaller.
    shuffle
        (seed, epoch) of the order; None keeps the order of the examples.
    augment, flip
        Distort the images of this epoch, ahead of the network and in a thread per core, eight at
        most; also mirror them at random.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        shuffle: tuple[int, int] | None = None,
        augment: bool = False,
        flip: bool = False,
    ) -> None:
        super().__init__(workers=min(cpu_count(), 8) if augment else 1)
        self.examples, self.batch_size = examples, batch_size
        self.shuffle, self.augment, self.flip = shuffle, augment, flip
        order = np.arange(len(examples.rows))
        self.order = np.random.default_rng(shuffle).permutation(order) if shuffle else order

    def __len__(self) -> int:
        """The number of batches."""
        return math.ceil(len(self.order) / self.batch_size)

    def __getitem__(self, batch: int) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
        """Batch number `batch`: images and targets."""
        chosen = self.order[batch * self.batch_size : (batch + 1) * self.batch_size]
        images, rows, targets = self.examples.some(chosen)
        pixels = images[rows]  # a copy, (B, S, S)
        if sys.platform != "win32" and isinstance(images.base, mmap.mmap):
            # Else a store's mapped pages add up to all of it in this process' memory.
            images.base.madvise(mmap.MADV_DONTNEED)
        if self.augment:
            assert self.shuffle is not None, "augmentation needs the seed and epoch of `shuffle`"
            for k, example in enumerate(chosen):
                rng = np.random.default_rng((*self.shuffle, 1 + int(example)))
                box = targets["box"][k] if "box" in targets else None
                pixels[k], moved = distort(pixels[k], box, rng, self.flip)
                if moved is not None:
                    targets["box"][k] = moved
        return pixels[..., None], dict(targets)


def distort(
    grey: NDArray[np.uint8],
    box: NDArray[np.float32] | None,
    rng: np.random.Generator,
    flip: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """Shift, scale, rotate a little, change brightness and contrast; the box goes along.

    Parameters
    ----------
    grey
        (S, S) uint8.
    box
        (4,) relative `xyxy`, or None.
    rng
        Draws the amounts: shift up to 0.05 of the side, scale 0.9 to 1.1, rotation up to 5
        degrees, brightness up to 20 grey values, contrast 0.8 to 1.2.
    flip
        Mirror left and right with probability 1/2.

    Returns
    -------
    The image (S, S) uint8 and the upright box (4,) float32 around the moved corners, clipped to
    the frame. A box that would lose more than half its area keeps the image where it is (only the
    grey values change), because a target outside the picture teaches nothing.
    """
    shift_x, shift_y = rng.uniform(-SHIFT, SHIFT, 2)
    zoom, angle = 1 + rng.uniform(-SCALE, SCALE), math.radians(rng.uniform(-ROTATION, ROTATION))
    mirror = -1.0 if flip and rng.random() < 0.5 else 1.0
    gain, lift = 1 + rng.uniform(-CONTRAST, CONTRAST), rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    # Output = turn @ (input - centre) + centre + shift, in relative coordinates.
    turn = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    move = np.array([0.5 + shift_x, 0.5 + shift_y]) - turn @ (0.5, 0.5)
    moved = None if box is None else _moved(box, turn, move)
    if box is not None and moved is not None and _area(moved) < 0.5 * _area(box):
        moved = box.copy()
    else:
        # Pillow maps output pixel centres back to input pixels: rows (a, b, c) and (d, e, f).
        back = np.linalg.inv(turn)
        affine = np.column_stack([back, -(back @ move) * grey.shape[0]]).ravel()
        picture = Image.fromarray(grey).transform(
            grey.shape, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
        )
        grey = np.asarray(picture)
    levels = (np.arange(256, dtype=np.float32) - 128) * gain + 128 + lift
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8).take(grey), moved


def _moved(
    box: NDArray[np.float32], turn: NDArray[np.float64], move: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The upright box around the four moved corners, clipped to the frame."""
    x1, y1, x2, y2 = box
    corners = np.array([(x1, y1), (x1, y2), (x2, y1), (x2, y2)]) @ turn.T + move
    upright = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return upright.clip(0, 1).astype(np.float32)


def _area(box: NDArray[np.float32]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
