"""IoU accuracy and one-vs-rest AUC from a run's predictions, under named conventions.

As the paper words them, rows are boxes, grouped by true finding; "Mean" is the unweighted mean
over findings. `Conventions` says what else IoU accuracy can mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.errors import InputError, not_allowed, shortened
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # T(IoU), section 3.1
MEAN = "Mean"
BOX_ACC_THRESHOLDS = (0.3, 0.5, 0.7)  # of MaxBoxAccV2


@dataclass(frozen=True)
class Conventions:
    """How IoU accuracy counts; the defaults are the paper's wording (section 3.1).

    Attributes
    ----------
    rows
        "boxes": every annotated box is a row; "images": every image is one, with one predicted
        box and one finding, those of its first listed row.
    group
        Rows are grouped by their "true" or by the "predicted" (likeliest) finding.
    gated
        Whether a row of which the likeliest finding is not the true one counts as a miss, IoU 0.
    several
        With several boxes in an image a row's overlap is that with its "own" box, or with the
        "best" of the image's boxes among the rows given. If rows are images, the box that
        overlaps best (the first on ties) also gives the image its true finding.
    """

    rows: Literal["boxes", "images"] = "boxes"
    group: Literal["true", "predicted"] = "true"
    gated: bool = False
    several: Literal["own", "best"] = "own"


PAPER = Conventions()


def box_iou(predictions: pd.DataFrame) -> pd.Series:
    """The IoU of every row's true and predicted box; a missing box (NaN) counts as a miss, 0."""
    values = iou(predictions[TRUE_BOX], predictions[PREDICTED_BOX])
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
    table = pd.DataFrame({"finding": predictions["finding"], "iou": box_iou(predictions)})
    if convention.several == "best":
        place, overlap = _best_boxes(predictions)
        table["iou"] = overlap
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


def _best_boxes(predictions: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Per row the place of its image's box that its predicted box overlaps most, and the IoU."""
    place = np.arange(len(predictions))
    images = pd.DataFrame({"image": predictions["image"].to_numpy(), "place": place})
    pairs = images.merge(images, on="image", suffixes=("", "_of_box"))
    true = predictions[TRUE_BOX].to_numpy()[pairs["place_of_box"]]
    predicted = predictions[PREDICTED_BOX].to_numpy()[pairs["place"]]
    pairs["iou"] = np.nan_to_num(iou(true, predicted))
    order = ["place", "iou", "place_of_box"]
    best = pairs.sort_values(order, ascending=[True, False, True]).drop_duplicates("place")
    return best["place_of_box"].to_numpy(), best["iou"].to_numpy()


def _likeliest(predictions: pd.DataFrame, findings: Sequence[str]) -> NDArray[np.str_]:
    """The finding of the largest probability, row by row."""
    names = [PROBABILITY + finding for finding in findings]
    if absent := [name for name in names if name not in predictions]:
        raise InputError(
            f"conventions gated=yes and group=predicted need each finding's probability, but the "
            f"predictions have no column {shortened(absent)}: use gated=no, group=true for them"
        )
    return np.asarray(findings)[predictions[names].to_numpy().argmax(axis=1)]


def iou_accuracy(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    thresholds: Sequence[float] = THRESHOLDS,
    convention: Conventions = PAPER,
) -> pd.DataFrame:
    """Share of rows whose IoU is above each threshold (strictly), per finding and mean.

    Returns
    -------
    DataFrame
        One row per threshold; columns the findings and "Mean"; NaN for a finding without rows,
        which the mean leaves out.
    """
    counted = rows(predictions, findings, convention)
    groups = counted["finding"]
    table = pd.DataFrame(
        {t: (counted["iou"] > t).groupby(groups).mean().reindex(list(findings)) for t in thresholds}
    ).T.rename_axis("T")
    return table.assign(**{MEAN: table.mean(axis=1)})


def mean_iou(
    predictions: pd.DataFrame, findings: Sequence[str], convention: Conventions = PAPER
) -> pd.Series:
    """Mean IoU per finding and the mean over findings."""
    counted = rows(predictions, findings, convention)
    return _with_mean(counted.groupby("finding")["iou"].mean().reindex(list(findings)), "mean IoU")


def max_box_acc(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    thresholds: Sequence[float] = BOX_ACC_THRESHOLDS,
    convention: Conventions = PAPER,
) -> pd.Series:
    """IoU accuracy averaged over thresholds, per finding and mean.

    MaxBoxAccV2 also takes the best over the cuts of a heat map, which a box head does not have,
    and counts an IoU of exactly T; here it does not, as everywhere.

    References
    ----------
    Choe et al., Evaluating weakly supervised object localization methods right, CVPR 2020.
    """
    accuracy = iou_accuracy(predictions, findings, thresholds, convention)
    return accuracy.mean().rename("MaxBoxAcc")


def _with_mean(each: pd.Series, name: str) -> pd.Series:
    return pd.concat([each, pd.Series({MEAN: each.mean()})]).rename(name)


def auc(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.Series:
    """One-vs-rest AUC per finding and the mean over findings.

    NaN for a finding that every row or no row has; the mean leaves it out.
    """
    from sklearn.metrics import roc_auc_score

    values = {}
    for finding in findings:
        true = predictions["finding"] == finding
        score = predictions[PROBABILITY + finding]
        values[finding] = float(roc_auc_score(true, score)) if 0 < true.mean() < 1 else np.nan
    return _with_mean(pd.Series(values), "AUC")


def median_rows(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.DataFrame:
    """Each finding's median row by IoU: for pictures that are neither the best nor the worst."""
    ordered = predictions.assign(iou=box_iou(predictions)).sort_values("iou", kind="stable")
    groups = dict(list(ordered.groupby("finding")))
    rows = [groups[f].iloc[[len(groups[f]) // 2]] for f in findings if f in groups]
    return pd.concat(rows).drop(columns="iou")


def conventions(text: str) -> Conventions:
    """Conventions from words: "paper", or "rows=images, gated=yes" for changes of the paper's.

    Raises
    ------
    InputError
        An unknown name or value; the allowed ones are named.
    """
    allowed = {
        "rows": ("boxes", "images"),
        "group": ("true", "predicted"),
        "gated": ("yes", "no"),
        "several": ("own", "best"),
    }
    chosen: dict[str, Any] = {}
    for part in [] if text.strip() == "paper" else text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in allowed:
            raise not_allowed("conventions", part.strip(), ("paper", *allowed))
        if value not in allowed[name]:
            raise not_allowed(f"conventions {name}", value, allowed[name])
        chosen[name] = value == "yes" if name == "gated" else value
    return Conventions(**chosen)
