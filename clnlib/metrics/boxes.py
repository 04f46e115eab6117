"""Boxes in NumPy: `(x1, y1, x2, y2)`, relative, continuous (no +1 pixel)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def iou(true: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of boxes, pair by pair (Eq. 2).

    Parameters
    ----------
    true, predicted
        (..., 4) `xyxy`; the leading axes are broadcast.

    Returns
    -------
    (...) float64 in [0, 1]; an empty box (x2 <= x1 or y2 <= y1) has area 0, and 0 stands for
    an empty union, NaN coordinates stay NaN.
    """
    a, b = (np.asarray(boxes, dtype=np.float64) for boxes in (true, predicted))
    corner1, corner2 = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    intersection = _area(corner1, corner2)
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union != 0)


def _area(corner1: NDArray[np.float64], corner2: NDArray[np.float64]) -> NDArray[np.float64]:
    sides: NDArray[np.float64] = np.clip(corner2 - corner1, 0, None)
    return sides[..., 0] * sides[..., 1]
