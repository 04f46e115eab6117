"""A run's accuracies and mean AUC for all resamples of its patients at once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.metrics import bootstrap, classification
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import Conventions
from clnlib.runs import PROBABILITY


def samples(
    rows: pd.DataFrame,
    findings: Sequence[str],
    convention: Conventions,
    drawn: bootstrap.Counts,
    thresholds: Sequence[float] = metrics.THRESHOLDS,
) -> NDArray[np.float64]:
    """IoU accuracies, mean IoU and MaxBoxAcc of every finding and of their mean.

    Parameters
    ----------
    rows
        (N,) predictions of a part.
    findings
        F of them.
    convention
        How IoU accuracy counts.
    drawn
        (R, N) from `bootstrap.counts`.
    thresholds
        Of the accuracies; the mean IoU and MaxBoxAcc follow them.

    Returns
    -------
    (R, F + 1, len(thresholds) + 2); last of the second axis the mean over findings, NaN where a
    resample has no row of a finding (the mean leaves that out).
    """
    counted = metrics.rows(rows.reset_index(drop=True), findings, convention)
    overlap = counted["iou"].to_numpy()
    hits = [overlap > t for t in thresholds]
    box_acc = np.mean([overlap > t for t in metrics.BOX_ACC_THRESHOLDS], axis=0)
    groups = np.stack([counted["finding"] == f for f in findings], axis=1)
    values = np.stack([*hits, overlap, box_acc], axis=1)
    each = bootstrap.group_means(values, groups, drawn[:, counted.index])
    mean = bootstrap.mean_defined(each.transpose(0, 2, 1))
    return np.concatenate([each, mean[:, None]], axis=1)


def told(convention: Conventions) -> Conventions:
    """The same conventions for a box that is told the true finding, so never predicts another."""
    return replace(convention, gated=False, group="true")


def mean_auc(
    rows: pd.DataFrame,
    findings: Sequence[str],
    convention: Conventions,
    drawn: bootstrap.Counts,
) -> NDArray[np.float64]:
    """One-vs-rest AUC, mean over the findings that have one, (R,); arguments as of `samples`.

    Of the convention only `rows` matters to it.
    """
    used, true = classification.truth(rows.reset_index(drop=True), findings, convention.rows)
    some = drawn[:, used.index]
    areas = [bootstrap.auc(true[:, k], used[PROBABILITY + f], some) for k, f in enumerate(findings)]
    return bootstrap.mean_defined(np.stack(areas, axis=1))
