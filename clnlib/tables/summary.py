"""Tables for pages: a run's numbers beside the image-blind box, with intervals over patients."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.evaluation import baselines, bootstrap, metrics
from clnlib.runs import LABEL, PROBABILITY, Run


def summary(run: Run, part: str = "test", resamples: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """Mean AUC, mean IoU and IoU accuracy of a part, beside the blind box.

    All are means over findings, with 95 % percentile intervals over patients; findings without
    a box in the part are left out.

    Parameters
    ----------
    run
        A finished stage-2 run.
    part
        "train", "validation" or "test".
    resamples
        Of the patients.

    Returns
    -------
    DataFrame
        Rows "mean AUC", "mean IoU", "IoU accuracy, T = 0.1" to 0.7; columns `network`, `low`,
        `high`, `blind box`, `blind low`, `blind high` (NaN for AUC: a blind box has none).
    """
    rows = run.predictions[run.predictions["part"] == part]
    findings = [f for f in run.findings if (rows["finding"] == f).any()]
    drawn = bootstrap.counts(rows["patient"], resamples)
    truth = np.stack([rows["finding"] == f for f in findings], axis=1)
    areas = [
        bootstrap.auc(truth[:, k], rows[PROBABILITY + f], drawn) for k, f in enumerate(findings)
    ]
    table = {"mean AUC": [*_interval(np.stack(areas, axis=1)), np.nan, np.nan, np.nan]}
    values = []
    for predictions in (rows, baselines.blind(run.predictions).loc[rows.index]):
        overlap = metrics.box_iou(predictions).to_numpy()
        above = [overlap > t for t in metrics.THRESHOLDS]
        values.append(bootstrap.group_means(np.stack([overlap, *above], axis=1), truth, drawn))
    names = ["mean IoU", *(f"IoU accuracy, T = {t}" for t in metrics.THRESHOLDS)]
    for k, name in enumerate(names):
        table[name] = [n for means in values for n in _interval(means[:, :, k])]
    columns = ["network", "low", "high", "blind box", "blind low", "blind high"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)


def label_auc(run: Run, resamples: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """AUC of each label of a stage-1 run, and their mean, on validation and test.

    Returns
    -------
    DataFrame
        Rows the findings and "Mean"; columns `<part>`, `<part> low`, `<part> high` with 95 %
        percentile intervals over patients; NaN where a part lacks images with or without the
        finding (the mean leaves those out).
    """
    parts = {}
    for part in ("validation", "test"):
        rows = run.predictions[run.predictions["part"] == part]
        drawn = bootstrap.counts(rows["patient"], resamples)
        areas = [bootstrap.auc(rows[LABEL + f], rows[PROBABILITY + f], drawn) for f in run.findings]
        defined = [a for a in areas if not np.isnan(a[0])]
        numbers = [bootstrap.interval(a) if not np.isnan(a[0]) else (np.nan,) * 3 for a in areas]
        numbers.append(_interval(np.stack(defined, axis=1)) if defined else (np.nan,) * 3)
        for name, values in zip(("", " low", " high"), zip(*numbers, strict=True), strict=True):
            parts[part + name] = values
    return pd.DataFrame(parts, index=[*run.findings, metrics.MEAN])


def _interval(per_finding: NDArray[np.float64]) -> tuple[float, float, float]:
    """Value and interval of the mean over findings; a resample may lack a finding."""
    number = (~np.isnan(per_finding)).sum(axis=1)
    sums = np.nansum(per_finding, axis=1)
    means = np.divide(sums, number, out=np.full_like(sums, np.nan), where=number > 0)
    return bootstrap.interval(means)
