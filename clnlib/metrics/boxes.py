"""Boxes in NumPy: `(x1, y1, x2, y2)`, relative, continuous (no +1 pixel)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def iou(true: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """How well predicted boxes fit the true boxes: intersection over union, pair by pair (Eq. 2).

    Parameters
    ----------
    true, predicted
        (..., 4) `xyxy` in any unit that both share; the leading axes are broadcast.

    Returns
    -------
    (...) float64 in [0, 1]. An empty box (x2 <= x1 or y2 <= y1) has area 0; an empty union gives
    0, NaN coordinates give NaN.

    See Also
    --------
    clnlib.model.losses.iou : The same for Keras' tensors, to train with.

    Examples
    --------
    >>> iou([0, 0, 1, 1], [[0, 0, 0.5, 1], [0.2, 0.2, 0.7, 0.7]])
    array([0.5 , 0.25])
    """
    a, b = (np.asarray(boxes, dtype=np.float64) for boxes in (true, predicted))
    corner1, corner2 = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    intersection = _area(corner1, corner2)
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union != 0)


def _area(corner1: NDArray[np.float64], corner2: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2) lower and upper corners → (...) areas."""
    sides: NDArray[np.float64] = np.clip(corner2 - corner1, 0, None)
    return sides[..., 0] * sides[..., 1]
