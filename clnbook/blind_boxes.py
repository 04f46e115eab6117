"""Boxes that never see the image, which any localisation number must beat.

Each is chosen among, or computed from, the boxes of part "train", and is given the true finding
of a row, which the network is not; "class-agnostic" alone does without it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.errors import InputError, not_allowed
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

Boxes = NDArray[np.float64]

MEDOID, MEDIAN, AGNOSTIC = "class-medoid", "class-median", "class-agnostic"
BEST = "best-per-threshold"
BASELINES = (MEDOID, MEDIAN, AGNOSTIC, BEST)

_BLOCK = 512  # boxes whose IoU with all others is held at once: 4 MB for 1,000 boxes


def _representative(name: str, boxes: Boxes, threshold: float | None) -> Boxes:
    """A single box (4,) for training boxes (n, 4).

    The median of each coordinate; or the medoid, which has the largest mean IoU with all of them;
    or, with a threshold, the box that overlaps more of them by more than it than any other does.
    """
    if name == MEDIAN:
        return np.median(boxes, axis=0)
    scores = []
    for part in np.array_split(boxes, -(-len(boxes) // _BLOCK)):
        overlap = iou(part[:, None], boxes)
        scores.append((overlap if threshold is None else overlap > threshold).mean(axis=1))
    return boxes[np.concatenate(scores).argmax()]  # the first on ties


def fitted(name: str, predictions: pd.DataFrame, threshold: float | None = None) -> pd.DataFrame:
    """A baseline's box for each finding, chosen from the rows of part "train".

    Parameters
    ----------
    name
        A name of `BASELINES`.
    predictions
        Rows with `part`, `finding` and true box `x1`, `y1`, `x2`, `y2`.
    threshold
        T in [0, 1], for "best-per-threshold" alone: the box with the best IoU accuracy at T on
        the training rows.

    Returns
    -------
    DataFrame: index the findings of `predictions`, sorted; columns x1, y1, x2, y2. A finding
    without training box has the box of all training boxes together.

    Raises
    ------
    InputError
        Unknown name, no training row, or no threshold where the baseline needs it.
    """
    if name not in BASELINES:
        raise not_allowed("baseline", name, BASELINES)
    if name != BEST:
        threshold = None
    elif threshold is None:
        raise InputError(f"baseline {name!r}: a box for every T, so it needs a threshold")
    train = predictions[predictions["part"] == "train"]
    if train.empty:
        raise InputError(f"baseline {name!r}: no row of part 'train' to choose a box from")
    everything = _representative(name, train[TRUE_BOX].to_numpy(np.float64), threshold)
    boxes = dict.fromkeys(sorted(predictions["finding"].unique()), everything)
    if name != AGNOSTIC:
        for finding, rows in train.groupby("finding"):
            boxes[finding] = _representative(name, rows[TRUE_BOX].to_numpy(np.float64), threshold)
    return pd.DataFrame.from_dict(boxes, orient="index", columns=TRUE_BOX)


def predict(name: str, predictions: pd.DataFrame, threshold: float | None = None) -> pd.DataFrame:
    """A baseline's answer in place of a network's, to measure both alike.

    Parameters and errors are those of `fitted`.

    Returns
    -------
    The same rows; the predicted box `px1`, `py1`, `px2`, `py2` is the baseline's for the row's
    true finding.

    See Also
    --------
    blind : The baseline that stands beside every number of the book.
    clnlib.metrics.localisation.iou_accuracy : Measures the rows.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     [("train", 0.25, 0.5), ("train", 0.5, 0.75), ("test", 0.1, 0.9)],
    ...     columns=["part", "x1", "x2"],
    ... ).assign(finding="Mass", y1=0.25, y2=0.75)
    >>> predict("class-median", rows).loc[2, ["px1", "py1", "px2", "py2"]].tolist()
    [0.375, 0.25, 0.625, 0.75]
    """
    boxes = fitted(name, predictions, threshold).loc[predictions["finding"]].to_numpy()
    return predictions.assign(**dict(zip(PREDICTED_BOX, boxes.T, strict=True)))


def blind(predictions: pd.DataFrame) -> pd.DataFrame:
    """The prediction to beat: each row gets its finding's class medoid, a real training box.

    Parameters, result and errors are those of `predict`, which also has an example.
    """
    return predict(MEDOID, predictions)
