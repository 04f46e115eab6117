"""Boxes from heat maps, as the paper takes them from Grad-CAM (section 3.4.3), and rival rules."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.evaluation.boxes import iou
from clnlib.evaluation.metrics import THRESHOLDS
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

PAPER_THRESHOLDS = (127, 180)  # grey values from which a pixel is selected, section 3.4.3
METHODS = (*map(str, PAPER_THRESHOLDS), "Otsu", "tuned", "upper bound")


def to_grey(maps: ArrayLike, size: int) -> NDArray[np.uint8]:
    """Heat maps enlarged to an image's size and normalised each to 0 to 255.

    Parameters
    ----------
    maps
        (N, h, w), ≥ 0.
    size
        Pixels per side, S.

    Returns
    -------
    (N, S, S) uint8; bilinear between the centres of the map's cells, constant beyond the
    outermost; smallest value 0, largest 255; a constant map, which points nowhere, is all 0.
    """
    values = np.asarray(maps, dtype=np.float64)
    down, across = (_bilinear(length, size) for length in values.shape[1:])
    large = down @ values @ across.T
    large -= large.min(axis=(1, 2), keepdims=True)
    span = large.max(axis=(1, 2), keepdims=True)
    span[(np.ptp(values, axis=(1, 2)) == 0) | (span[:, 0, 0] == 0)] = np.inf
    return np.rint(255 * large / span).astype(np.uint8)


def _bilinear(length: int, size: int) -> NDArray[np.float64]:
    """(size, length): the weights of the cells in every pixel, along one axis."""
    centres = (np.arange(size) + 0.5) * length / size - 0.5
    distance = np.abs(np.clip(centres, 0, length - 1)[:, None] - np.arange(length))
    return np.clip(1 - distance, 0, None)


def box(grey: ArrayLike, threshold: int) -> NDArray[np.float64]:
    """The bounding box of the largest group of pixels at or above a threshold (section 3.4.3).

    Parameters
    ----------
    grey
        (H, W), 0 to 255.
    threshold
        The smallest grey value selected.

    Returns
    -------
    (4,) relative `xyxy`, whole pixels; NaN where no pixel is selected. Pixels that touch at a
    corner belong together; of groups of one size the uppermost (then the leftmost) is taken.
    """
    from scipy.ndimage import find_objects, label

    selected = np.asarray(grey) >= threshold
    rows, columns = (np.flatnonzero(selected.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.full(4, np.nan)
    top, left = rows[0], columns[0]
    bottom, right = rows[-1] + 1, columns[-1] + 1
    groups, number = label(selected[top:bottom, left:right], np.ones((3, 3)))
    if number > 1:
        down, across = find_objects(groups)[np.bincount(groups.ravel())[1:].argmax()]
        top, bottom = top + down.start, top + down.stop
        left, right = left + across.start, left + across.stop
    height, width = selected.shape
    return np.array([left / width, top / height, right / width, bottom / height])


def all_boxes(grey: ArrayLike) -> NDArray[np.float64]:
    """The box at every threshold.

    Parameters
    ----------
    grey
        (N, H, W) uint8.

    Returns
    -------
    (256, N, 4), entry t for threshold t; entry 0 is NaN, because it would select everything.
    """
    maps = np.asarray(grey)
    boxes = np.full((256, len(maps), 4), np.nan)
    for k, one in enumerate(maps):
        for threshold in range(1, int(one.max()) + 1):
            boxes[threshold, k] = box(one, threshold)
    return boxes


def otsu(grey: ArrayLike) -> int:
    """Otsu's threshold: the split of the grey values with the largest variance between classes.

    Parameters
    ----------
    grey
        (H, W) uint8.

    Returns
    -------
    The smallest grey value of the upper class, 1 to 255; the middle of the best splits where
    empty grey values between the classes leave several; 255 for a constant map.

    References
    ----------
    Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979), 62-66, Eq. 18.
    """
    share = np.bincount(np.asarray(grey, dtype=np.uint8).ravel(), minlength=256) / np.size(grey)
    below = np.cumsum(share)[:-1]
    mean_below = np.cumsum(share * np.arange(256))[:-1]
    mean = share @ np.arange(256)
    size = below * (1 - below)
    between = np.divide((mean * below - mean_below) ** 2, size, out=np.zeros(255), where=size > 0)
    if not between.max() > 0:
        return 255
    best = np.flatnonzero(np.isclose(between, between.max(), rtol=1e-9, atol=0))
    return int(best[len(best) // 2]) + 1


def tuned(boxes: ArrayLike, true: ArrayLike, T: float | Sequence[float] = THRESHOLDS) -> int:
    """The one threshold on heat maps with the best IoU accuracy, for validation rows.

    Parameters
    ----------
    boxes
        (256, N, 4) from `all_boxes`.
    true
        (N, 4) true boxes.
    T
        One IoU threshold, or several whose accuracies are averaged.

    Returns
    -------
    The grey value; the smallest of equally good ones.

    References
    ----------
    Choe et al., Evaluating weakly supervised object localization methods right, CVPR 2020
    (MaxBoxAcc; there the threshold is tuned for each T by itself, and for the largest group).
    """
    overlap = np.nan_to_num(iou(true, boxes))
    accuracy = np.mean([(overlap > t).mean(axis=1) for t in np.atleast_1d(T)], axis=0)
    return int(accuracy.argmax())


def upper_bound(boxes: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """The box of each map's best threshold, chosen with its true box in hand: no rule does better.

    Parameters
    ----------
    boxes
        (256, N, 4) from `all_boxes`.
    true
        (N, 4) true boxes.

    Returns
    -------
    (N, 4) relative `xyxy`.
    """
    choices = np.asarray(boxes)
    best = np.nan_to_num(iou(true, choices), nan=-1).argmax(axis=0)
    return choices[best, np.arange(choices.shape[1])]


def pointing_game(grey: ArrayLike, true: ArrayLike) -> NDArray[np.bool_]:
    """Whether a map's maximum lies inside the true box, without tolerance.

    Parameters
    ----------
    grey
        (N, H, W) uint8; of several brightest pixels (an enlarged map is flat beyond its outermost
        cells' centres) one inside is enough.
    true
        (N, 4) true boxes.

    Returns
    -------
    (N,); an all-black map misses.

    References
    ----------
    Zhang et al., Top-down neural attention by excitation backprop, ECCV 2016.
    """
    maps, boxes = np.asarray(grey), np.asarray(true, dtype=np.float64)[:, :, None]
    peak = maps.max(axis=(1, 2), keepdims=True)
    y, x = ((np.arange(length) + 0.5) / length for length in maps.shape[1:])
    across = (boxes[:, 0] <= x) & (x <= boxes[:, 2])
    down = (boxes[:, 1] <= y) & (y <= boxes[:, 3])
    hits = (maps == peak) & (peak > 0) & down[:, :, None] & across[:, None, :]
    return hits.any(axis=(1, 2))


def predictions(rows: pd.DataFrame, grey: ArrayLike, target: str) -> pd.DataFrame:
    """Boxes from heat maps by every rule, as predictions that the metrics read like any other.

    Kept with a record as `clnlib.runs.attach(run, "gradcam", frame)`.

    Parameters
    ----------
    rows
        Box frame with `part`; the threshold is tuned on its rows of part "validation", without
        which "tuned" is left out.
    grey
        (len(rows), S, S) uint8 from `to_grey`.
    target
        What the maps are of; kept as a column.

    Returns
    -------
    DataFrame
        One row per row and rule: `image`, `patient`, `finding`, `part`, `x1` to `y2`, `method`
        (of `METHODS`), `target`, `threshold` (grey value; NaN for the upper bound), `px1` to
        `py2` (relative, NaN for a map that selects nothing), `pointing` (bool, the same for all
        rules).
    """
    maps, true = np.asarray(grey), rows[TRUE_BOX].to_numpy(np.float64)
    every, each = all_boxes(maps), np.arange(len(rows))
    chosen = {str(t): np.full(len(rows), t) for t in PAPER_THRESHOLDS}
    chosen["Otsu"] = np.array([otsu(one) for one in maps], dtype=int)
    validation = (rows["part"] == "validation").to_numpy()
    if validation.any():
        best = tuned(every[:, validation], true[validation])
        chosen["tuned"] = np.full(len(rows), best)
    found = {method: (t.astype(float), every[t, each]) for method, t in chosen.items()}
    found["upper bound"] = (np.full(len(rows), np.nan), upper_bound(every, true))
    kept = rows[["image", "patient", "finding", "part", *TRUE_BOX]].reset_index(drop=True)
    kept = kept.assign(target=target, pointing=pointing_game(maps, true))
    tables = [
        kept.assign(method=method, threshold=threshold).join(
            pd.DataFrame(boxes.astype(np.float32), columns=PREDICTED_BOX)
        )
        for method, (threshold, boxes) in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def all_predictions(rows: pd.DataFrame, grey: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """`predictions` of the same rows for several targets, by their names, in one frame."""
    return pd.concat([predictions(rows, maps, t) for t, maps in grey.items()], ignore_index=True)
