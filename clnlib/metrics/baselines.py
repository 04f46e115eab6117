"""Boxes that never see the image: what a localisation number must beat.

All are chosen among, or from, the boxes of part "train" and are told the true finding of a row,
which the network is not; "class-agnostic" alone is not told it.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.errors import InputError, not_allowed
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

Boxes = NDArray[np.float64]

MEDOID, MEDIAN, AGNOSTIC = "class-medoid", "class-median", "class-agnostic"
BEST = "best-per-threshold"

_BLOCK = 512  # boxes whose IoU with all others is held at once


def _medoid(boxes: Boxes, _: float | None) -> Boxes:
    """The box with the largest mean IoU with all of them; the first on ties."""
    return boxes[_score(boxes, lambda overlap: overlap).argmax()]


def _median(boxes: Boxes, _: float | None) -> Boxes:
    """The median of each coordinate."""
    return np.median(boxes, axis=0)


def _best(boxes: Boxes, threshold: float | None) -> Boxes:
    """The box that overlaps more of them by more than the threshold than any other does."""
    if threshold is None:
        raise InputError(f"baseline {BEST!r}: a box for every T, so it needs a threshold")
    return boxes[_score(boxes, lambda overlap: overlap > threshold).argmax()]


def _score(boxes: Boxes, value: Callable[[Boxes], NDArray[np.generic]]) -> Boxes:
    """Per box the mean over all boxes of a value of their IoU."""
    parts = np.array_split(boxes, -(-len(boxes) // _BLOCK))
    return np.concatenate([value(iou(part[:, None], boxes)).mean(axis=1) for part in parts])


BASELINES: dict[str, Callable[[Boxes, float | None], Boxes]] = {
    MEDOID: _medoid,
    MEDIAN: _median,
    AGNOSTIC: _medoid,
    BEST: _best,
}
"""Name → one box from (n, 4) training boxes and the threshold T, which only the last uses."""


def fitted(name: str, predictions: pd.DataFrame, threshold: float | None = None) -> pd.DataFrame:
    """A baseline's box for each finding, chosen from the rows of part "train".

    Parameters
    ----------
    name
        One of `BASELINES`.
    predictions
        Rows with `part`, `finding` and true box.
    threshold
        T, for "best-per-threshold": the box with the best IoU accuracy at T on the training rows.

    Returns
    -------
    DataFrame
        Index the findings of `predictions`, sorted; columns x1, y1, x2, y2. A finding without
        training box has the box of all training boxes together.

    Raises
    ------
    InputError
        Unknown name, no training row, or no threshold where one is needed.
    """
    if name not in BASELINES:
        raise not_allowed("baseline", name, BASELINES)
    train = predictions[predictions["part"] == "train"]
    if train.empty:
        raise InputError(f"baseline {name!r}: no row of part 'train' to choose a box from")
    everything = BASELINES[name](train[TRUE_BOX].to_numpy(np.float64), threshold)
    boxes = dict.fromkeys(sorted(predictions["finding"].unique()), everything)
    if name != AGNOSTIC:
        for finding, rows in train.groupby("finding"):
            boxes[finding] = BASELINES[name](rows[TRUE_BOX].to_numpy(np.float64), threshold)
    return pd.DataFrame.from_dict(boxes, orient="index", columns=TRUE_BOX)


def predict(name: str, predictions: pd.DataFrame, threshold: float | None = None) -> pd.DataFrame:
    """The predictions of a run with each box replaced by the baseline's for its true finding.

    Parameters and errors are those of `fitted`.
    """
    boxes = fitted(name, predictions, threshold).loc[predictions["finding"]].to_numpy()
    return predictions.assign(**dict(zip(PREDICTED_BOX, boxes.T, strict=True)))


def blind(predictions: pd.DataFrame) -> pd.DataFrame:
    """The class medoid's predictions: the blind box that stands beside every number."""
    return predict(MEDOID, predictions)
