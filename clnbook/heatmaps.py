"""Boxes from heat maps, as the paper takes them from Grad-CAM (section 3.4.3), and rival rules."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.metrics.boxes import iou
from clnlib.metrics.localisation import THRESHOLDS
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

PAPER_THRESHOLDS = (127, 180)  # grey values from which a pixel is selected, section 3.4.3
GRID = tuple(sorted({*range(8, 256, 8), *PAPER_THRESHOLDS}))
"""Thresholds among which "tuned" and "upper bound" choose: every eighth, and the paper's.

All 255 would lift the upper bound's mean IoU by about 0.01 on random maps of 7 × 7 cells.
"""
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


def boxes(grey: ArrayLike, thresholds: ArrayLike) -> NDArray[np.float64]:
    """The bounding box of the largest group of pixels at or above each threshold (section 3.4.3).

    Parameters
    ----------
    grey
        (H, W), 0 to 255.
    thresholds
        (K,) smallest grey values selected.

    Returns
    -------
    (K, 4) relative `xyxy`, whole pixels; NaN where no pixel is selected. Pixels that touch at a
    corner belong together; of groups of one size the uppermost (then the leftmost) is taken.
    """
    from scipy.ndimage import find_objects, label

    selected = np.asarray(grey) >= np.asarray(thresholds)[:, None, None]
    within = np.zeros((3, 3, 3))
    within[1] = 1  # groups of different thresholds do not touch
    groups, number = label(selected, within)
    found = np.full((len(selected), 4), np.nan)
    largest = np.zeros(len(selected), dtype=int)
    sizes = np.bincount(groups.ravel(), minlength=number + 1)[1:]
    for size, (at, down, across) in zip(sizes, find_objects(groups), strict=True):
        if size > largest[at.start]:
            largest[at.start] = size
            found[at.start] = across.start, down.start, across.stop, down.stop
    height, width = selected.shape[1:]
    return found / [width, height, width, height]


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


def tuned(found: ArrayLike, true: ArrayLike, T: float | Sequence[float] = THRESHOLDS) -> int:
    """The one threshold on heat maps with the best IoU accuracy, for validation rows.

    Parameters
    ----------
    found
        (len(GRID), N, 4) boxes at every threshold of `GRID`.
    true
        (N, 4) true boxes.
    T
        One IoU threshold, or several whose accuracies are averaged.

    Returns
    -------
    The grey value, of `GRID`; the smallest of equally good ones.

    References
    ----------
    Choe et al., Evaluating weakly supervised object localization methods right, CVPR 2020
    (MaxBoxAcc; there the threshold is tuned for each T by itself, and for the largest group).
    """
    overlap = np.nan_to_num(iou(true, found))
    accuracy = np.mean([(overlap > t).mean(axis=1) for t in np.atleast_1d(T)], axis=0)
    return GRID[int(accuracy.argmax())]


def upper_bound(found: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Of each map's boxes the best, chosen with the true box in hand.

    Parameters
    ----------
    found
        (K, N, 4) boxes at K thresholds.
    true
        (N, 4) true boxes.

    Returns
    -------
    (N, 4) relative `xyxy`.
    """
    choices = np.asarray(found)
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


def predictions(rows: pd.DataFrame, maps: Mapping[str, ArrayLike], size: int) -> pd.DataFrame:
    """Boxes from heat maps by every rule, as predictions that the metrics read like any other.

    Kept with a record as `clnlib.runs.attach(run, "gradcam", frame)`.

    Parameters
    ----------
    rows
        Box frame with `part`; the threshold is tuned on its rows of part "validation", without
        which "tuned" is left out.
    maps
        Per target its (len(rows), h, w) heat maps, ≥ 0.
    size
        Pixels per side of the images, S; boxes have the precision of a pixel.

    Returns
    -------
    DataFrame
        One row per target, rule and row: `image`, `patient`, `finding`, `part`, `x1` to `y2`,
        `target`, `cells` (h · w of the map), `pointing` (bool, the same for all rules), `method`
        (of `METHODS`), `threshold` (grey value; NaN for the upper bound), `px1` to `py2`
        (relative, NaN for a map that selects nothing).
    """
    kept = rows[["image", "patient", "finding", "part", *TRUE_BOX]].reset_index(drop=True)
    tables = []
    for target, values in maps.items():
        grey = to_grey(values, size)
        own = kept.assign(target=target, cells=int(np.prod(np.shape(values)[1:])))
        own["pointing"] = pointing_game(grey, kept[TRUE_BOX])
        for method, (threshold, found) in _by_rule(own, grey).items():
            shown = pd.DataFrame(found.astype(np.float32), columns=PREDICTED_BOX)
            tables.append(own.assign(method=method, threshold=threshold).join(shown))
    return pd.concat(tables, ignore_index=True)


def _by_rule(
    rows: pd.DataFrame, grey: NDArray[np.uint8]
) -> dict[str, tuple[float | NDArray[np.float64], NDArray[np.float64]]]:
    """Per rule its threshold, one or (N,), and its (N, 4) boxes; Otsu's is each map's own."""
    true = rows[TRUE_BOX].to_numpy(np.float64)
    own = np.array([otsu(one) for one in grey], dtype=np.float64)
    every = np.stack([boxes(one, [*GRID, t]) for one, t in zip(grey, own, strict=True)], axis=1)
    found: dict[str, tuple[float | NDArray[np.float64], NDArray[np.float64]]] = {
        str(t): (float(t), every[GRID.index(t)]) for t in PAPER_THRESHOLDS
    }
    found["Otsu"] = own, every[-1]
    validation = (rows["part"] == "validation").to_numpy()
    if validation.any():
        best = tuned(every[:-1, validation], true[validation])
        found["tuned"] = float(best), every[GRID.index(best)]
    return found | {"upper bound": (np.nan, upper_bound(every, true))}
