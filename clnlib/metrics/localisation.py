"""IoU accuracy, mean IoU and MaxBoxAcc of predictions, under named conventions (section 3.1).

As the paper words them, rows are boxes, grouped by true finding; "Mean" is the unweighted mean
over findings. `clnlib.parameters.Conventions` says what else IoU accuracy can mean. Every number
comes from `samples`: its first entry is the value of the data, the others are resamples.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.errors import InputError, shortened
from clnlib.metrics import bootstrap
from clnlib.metrics.boxes import iou
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # T(IoU), section 3.1
MEAN = "Mean"
BOX_ACC_THRESHOLDS = (0.3, 0.5, 0.7)  # of MaxBoxAccV2 (Choe et al., CVPR 2020)


PAPER = Conventions()


def box_iou(predictions: pd.DataFrame, clipped: bool = True) -> pd.Series:
    """The IoU of every row's true and predicted box; a missing box (NaN) counts as a miss, 0.

    What lies beyond the image's edge counts only if `clipped` is false.
    """
    boxes = predictions[PREDICTED_BOX]
    values = iou(predictions[TRUE_BOX], boxes.clip(0, 1) if clipped else boxes)
    return pd.Series(values, predictions.index, name="iou").fillna(0.0)


def rows(
    predictions: pd.DataFrame, findings: Sequence[str], convention: Conventions = PAPER
) -> pd.DataFrame:
    """The rows that count, with the finding they count for and their overlap.

    Parameters
    ----------
    predictions
        One row per box: `image`, `finding`, true and predicted box; `p_<finding>` where the
        convention needs the likeliest finding.
    findings
        The run's own, in the order of its outputs (the first wins where two are equally likely).
    convention
        How they count.

    Returns
    -------
    DataFrame
        Index a subset of `predictions`', in its order; columns `finding` and `iou`, [0, 1].

    Raises
    ------
    InputError
        The convention needs probabilities that `predictions` lacks.
    """
    overlap = box_iou(predictions, convention.clipped)
    table = pd.DataFrame({"finding": predictions["finding"], "iou": overlap})
    if convention.several == "best":
        place, table["iou"] = _best_boxes(predictions, convention.clipped)
        if convention.rows == "images":
            table["finding"] = predictions["finding"].to_numpy()[place]
    if convention.gated or convention.group == "predicted":
        likeliest = _likeliest(predictions, findings)
        if convention.gated:
            table["iou"] = table["iou"].where(likeliest == table["finding"], 0.0)
        if convention.group == "predicted":
            table["finding"] = likeliest
    if convention.rows == "images":
        table = table[~predictions["image"].duplicated().to_numpy()]
    return table


def _best_boxes(
    predictions: pd.DataFrame, clipped: bool
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Per row the place of its image's box that its predicted box overlaps most, and the IoU."""
    place = np.arange(len(predictions))
    images = pd.DataFrame({"image": predictions["image"].to_numpy(), "place": place})
    pairs = images.merge(images, on="image", suffixes=("", "_of_box"))
    true = predictions[TRUE_BOX].iloc[pairs["place_of_box"]].reset_index(drop=True)
    predicted = predictions[PREDICTED_BOX].iloc[pairs["place"]].reset_index(drop=True)
    pairs["iou"] = box_iou(true.join(predicted), clipped)
    order = ["place", "iou", "place_of_box"]
    best = pairs.sort_values(order, ascending=[True, False, True]).drop_duplicates("place")
    return best["place_of_box"].to_numpy(), best["iou"].to_numpy()


def _likeliest(predictions: pd.DataFrame, findings: Sequence[str]) -> NDArray[np.str_]:
    """The finding of the largest probability, row by row."""
    names = [PROBABILITY + finding for finding in findings]
    if absent := [name for name in names if name not in predictions]:
        raise InputError(
            f"conventions gated=True and group=predicted need each finding's probability, but the "
            f"predictions have no column {shortened(absent)}: use gated=False, group=true for them"
        )
    return np.asarray(findings)[predictions[names].to_numpy().argmax(axis=1)]


def samples(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    convention: Conventions,
    drawn: bootstrap.Counts,
    thresholds: Sequence[float] = THRESHOLDS,
) -> NDArray[np.float64]:
    """IoU accuracies, mean IoU and MaxBoxAcc of every finding and of their mean, per resample.

    Parameters
    ----------
    predictions
        (N,) rows of a part.
    findings
        F of them.
    convention
        How IoU accuracy counts.
    drawn
        (R, N) from `bootstrap.counts`, over the patients of the rows.
    thresholds
        T of the accuracies; an IoU counts where it is above T (strictly).

    Returns
    -------
    (R, F + 1, len(thresholds) + 2) float64: on the second axis the findings, then their mean; on
    the last the accuracies, then mean IoU and MaxBoxAcc (the accuracy averaged over T = 0.3, 0.5
    and 0.7; MaxBoxAccV2 also takes the best cut of a heat map, which a box head does not have).
    NaN where a resample has no row of a finding; the mean leaves such a finding out.
    """
    counted = rows(predictions.reset_index(drop=True), findings, convention)
    overlap = counted["iou"].to_numpy()
    hits = [overlap > t for t in thresholds]
    box_acc = np.mean([overlap > t for t in BOX_ACC_THRESHOLDS], axis=0)
    groups = np.stack([counted["finding"] == f for f in findings], axis=1)
    values = np.stack([*hits, overlap, box_acc], axis=1)
    each = bootstrap.group_means(values, groups, drawn[:, counted.index])
    mean = bootstrap.mean_defined(each.transpose(0, 2, 1))
    return np.concatenate([each, mean[:, None]], axis=1)


def given_finding(convention: Conventions) -> Conventions:
    """The same conventions for a box that is given the true finding, so never predicts another."""
    return convention.model_copy(update={"gated": False, "group": "true"})


def iou_accuracy(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    thresholds: Sequence[float] = THRESHOLDS,
    convention: Conventions = PAPER,
) -> pd.DataFrame:
    """The numbers of Table 1 for some predictions: how many boxes are found, by finding and T.

    Parameters
    ----------
    predictions
        One row per box: `image`, `finding`, the true box `x1, y1, x2, y2` and the predicted box
        `px1, py1, px2, py2`, relative `xyxy`; e.g. `run.part("test")`.
    findings
        The findings to report, in this order; e.g. `run.findings`.
    thresholds
        T: a box is found where its IoU is above T (strictly).
    convention
        How a row counts.

    Returns
    -------
    DataFrame
        One row per threshold; columns the findings and "Mean", their unweighted mean. Shares in
        [0, 1], NaN for a finding without rows.

    See Also
    --------
    mean_iou : The mean overlap instead of shares above thresholds.
    samples : The same numbers for resamples of the patients, for intervals.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"image": ["a", "b"], "finding": ["Mass", "Mass"]})
    >>> table[["x1", "y1", "x2", "y2"]] = [0.0, 0.0, 0.5, 0.5]
    >>> table[["px1", "py1", "px2", "py2"]] = [[0.0, 0.0, 0.5, 0.25], [0.5, 0.5, 1.0, 1.0]]
    >>> iou_accuracy(table, ["Mass"], [0.3, 0.5])["Mass"].to_dict()
    {0.3: 0.5, 0.5: 0.0}
    """
    once = np.ones((1, len(predictions)))
    values = samples(predictions, findings, convention, once, thresholds)[0, :, :-2]
    columns = pd.Index([*findings, MEAN], name="finding")
    return pd.DataFrame(values.T, pd.Index(thresholds, name="T"), columns)


def mean_iou(
    predictions: pd.DataFrame, findings: Sequence[str], convention: Conventions = PAPER
) -> pd.Series:
    """Mean IoU of each finding's rows, and "Mean" over findings; arguments as of `iou_accuracy`."""
    once = np.ones((1, len(predictions)))
    values = samples(predictions, findings, convention, once, ())[0, :, 0]
    return pd.Series(values, [*findings, MEAN], name="mean IoU")


def median_rows(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.DataFrame:
    """Each finding's median row by IoU: for pictures that are neither the best nor the worst."""
    ordered = predictions.assign(iou=box_iou(predictions)).sort_values("iou", kind="stable")
    groups = dict(list(ordered.groupby("finding")))
    rows = [groups[f].iloc[[len(groups[f]) // 2]] for f in findings if f in groups]
    return pd.concat(rows).drop(columns="iou")
