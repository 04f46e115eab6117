"""The metrics a second time, row by row with pandas and scikit-learn: what ours must agree with."""

import numpy as np
import pandas as pd

from clnlib.metrics import localisation
from clnlib.metrics.localisation import BOX_ACC_THRESHOLDS, MEAN, PAPER, THRESHOLDS
from clnlib.parameters import Conventions
from clnlib.runs import PROBABILITY


def conventions(words: str) -> Conventions:
    """`rows=images, gated=yes` as conventions; "paper" is none of them changed."""
    pairs = [word.split("=") for word in words.replace(" ", "").split(",") if "=" in word]
    flags = {"yes": True, "no": False}
    return Conventions.check({name: flags.get(value, value) for name, value in pairs})


def iou_accuracy(predictions, findings, thresholds=THRESHOLDS, convention=PAPER) -> pd.DataFrame:
    counted = localisation.rows(predictions, findings, convention)
    groups = counted["finding"]
    table = pd.DataFrame(
        {t: (counted["iou"] > t).groupby(groups).mean().reindex(list(findings)) for t in thresholds}
    ).T.rename_axis("T")
    return table.assign(**{MEAN: table.mean(axis=1)})


def mean_iou(predictions, findings, convention=PAPER) -> pd.Series:
    counted = localisation.rows(predictions, findings, convention)
    return _with_mean(counted.groupby("finding")["iou"].mean().reindex(list(findings)))


def max_box_acc(predictions, findings, convention=PAPER) -> pd.Series:
    return iou_accuracy(predictions, findings, BOX_ACC_THRESHOLDS, convention).mean()


def auc(predictions, findings) -> pd.Series:
    from sklearn.metrics import roc_auc_score

    values = {}
    for finding in findings:
        true = predictions["finding"] == finding
        score = predictions[PROBABILITY + finding]
        values[finding] = float(roc_auc_score(true, score)) if 0 < true.mean() < 1 else np.nan
    return _with_mean(pd.Series(values))


def _with_mean(each: pd.Series) -> pd.Series:
    return pd.concat([each, pd.Series({MEAN: each.mean()})])
