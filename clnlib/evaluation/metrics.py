"""IoU accuracy and one-vs-rest AUC from a run's predictions, as the paper words them.

Rows are boxes, grouped by true finding; "Mean" is the unweighted mean over findings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from clnlib.errors import not_allowed
from clnlib.evaluation.boxes import iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # T(IoU), section 3.1
MEAN = "Mean"


def box_iou(predictions: pd.DataFrame) -> pd.Series:
    """The IoU of every row's true and predicted box; a missing box (NaN) counts as a miss, 0."""
    values = iou(predictions[TRUE_BOX], predictions[PREDICTED_BOX])
    return pd.Series(values, predictions.index, name="iou").fillna(0.0)


def iou_accuracy(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    thresholds: Sequence[float] = THRESHOLDS,
) -> pd.DataFrame:
    """Share of boxes whose IoU is above each threshold (strictly), per finding and mean.

    Returns
    -------
    DataFrame
        One row per threshold; columns the findings and "Mean"; NaN for a finding without boxes,
        which the mean leaves out.
    """
    overlap, finding = box_iou(predictions), predictions["finding"]
    table = pd.DataFrame(
        {t: (overlap > t).groupby(finding).mean().reindex(list(findings)) for t in thresholds}
    ).T.rename_axis("T")
    return table.assign(**{MEAN: table.mean(axis=1)})


def mean_iou(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.Series:
    """Mean IoU per finding and the mean over findings."""
    each = box_iou(predictions).groupby(predictions["finding"]).mean().reindex(list(findings))
    return pd.concat([each, pd.Series({MEAN: each.mean()})]).rename("mean IoU")


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
    each = pd.Series(values)
    return pd.concat([each, pd.Series({MEAN: each.mean()})]).rename("AUC")


def median_rows(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.DataFrame:
    """Each finding's median row by IoU: for pictures that are neither the best nor the worst."""
    ordered = predictions.assign(iou=box_iou(predictions)).sort_values("iou", kind="stable")
    groups = dict(list(ordered.groupby("finding")))
    rows = [groups[f].iloc[[len(groups[f]) // 2]] for f in findings if f in groups]
    return pd.concat(rows).drop(columns="iou")


@dataclass(frozen=True)
class Conventions:
    """How IoU accuracy counts; the defaults are the paper's wording (section 3.1).

    Attributes
    ----------
    rows
        "boxes": every annotated box is a row; "images": every image is one.
    group
        Rows are grouped by their "true" or by the "predicted" finding.
    gated
        Whether a row of which the finding is predicted wrongly counts as a miss.
    several
        With several boxes in an image a row's overlap is that with its "own" box, or with the
        "best" of the image's boxes.
    """

    rows: Literal["boxes", "images"] = "boxes"
    group: Literal["true", "predicted"] = "true"
    gated: bool = False
    several: Literal["own", "best"] = "own"


PAPER = Conventions()


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
