"""ROC curves, calibration and confusion of a run's probabilities, with intervals over patients.

What the page `classification` draws (section 3.3).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.metrics import bootstrap
from clnlib.metrics.classification import Rows, truth
from clnlib.metrics.localisation import MEAN
from clnlib.runs import PROBABILITY

GRID = np.linspace(0, 1, 101)  # false-positive rates at which curves are compared


def roc_bands(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
    rows: Rows = "boxes",
) -> pd.DataFrame:
    """ROC curve per finding and their mean, with pointwise 95 % percentile bands over patients.

    Parameters
    ----------
    predictions
        One row per box, with the findings' probabilities.
    findings
        In the order of the frame; one that every row or no row has is left out, and one with a
        missing probability.
    resamples, seed
        Of the patients.
    rows
        As in `truth`.

    Returns
    -------
    DataFrame
        Columns `finding` (each and "Mean"), `fpr` (0 to 1 in steps of 0.01), `tpr`, `low`, `high`.
        Between the curve's points it is linear, where it is vertical the upper end counts. The
        mean is vertical: over the findings' true-positive rates at one false-positive rate.
    """
    used, is_true = truth(predictions, findings, rows)
    drawn = bootstrap.counts(used["patient"], resamples, seed)
    curves = {
        finding: _curves(is_true[:, k], used[PROBABILITY + finding], drawn)
        for k, finding in enumerate(findings)
        if 0 < is_true[:, k].mean() < 1 and used[PROBABILITY + finding].notna().all()
    }
    if curves:
        curves[MEAN] = bootstrap.mean_defined(np.stack(list(curves.values()), axis=-1))
    bands = [
        pd.DataFrame({"finding": finding, "fpr": GRID, "tpr": tpr[0], "low": low, "high": high})
        for finding, tpr in curves.items()
        for low, high in [np.nanquantile(tpr[1:], [0.025, 0.975], axis=0)]
    ]
    return pd.concat(bands, ignore_index=True) if bands else _NO_BANDS.copy()


_NO_BANDS = pd.DataFrame({"finding": pd.Series(dtype="str")}).reindex(
    columns=["finding", "fpr", "tpr", "low", "high"]
)


def _curves(
    is_true: NDArray[np.bool_], score: ArrayLike, drawn: bootstrap.Counts
) -> NDArray[np.float64]:
    """True-positive rate at `GRID` for every resample, (R, 101); NaN without a 1 or a 0."""
    s = -np.asarray(score, dtype=np.float64)
    order = np.argsort(s, kind="stable")
    last = np.flatnonzero(np.diff(s[order], append=np.inf) > 0)  # of each run of tied scores
    rates = []
    for mask in (~is_true, is_true):
        steps = np.zeros((len(drawn), len(last) + 1))
        steps[:, 1:] = np.cumsum((drawn * mask)[:, order], axis=1)[:, last]
        total = steps[:, -1:]
        rates.append(np.divide(steps, total, out=np.full_like(steps, np.nan), where=total > 0))
    return np.stack([np.interp(GRID, fpr, tpr) for fpr, tpr in zip(*rates, strict=True)])


def reliability(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    bins: int = 10,
    resamples: int = bootstrap.RESAMPLES,
    rows: Rows = "boxes",
) -> pd.DataFrame:
    """Confidence in the likeliest finding against how often it is true, in bins of equal size.

    Parameters
    ----------
    predictions
        One row per box, with the findings' probabilities.
    findings
        Those of the run.
    bins
        Bins between the quantiles of the confidence; fewer where rows are tied.
    resamples
        Of the patients; the bins stay those of the data.
    rows
        As in `truth`.

    Returns
    -------
    DataFrame
        Per bin `confidence` (mean), `accuracy` with 95 % percentile interval `low`, `high`, and
        `n` rows. `attrs` has "ece", the expected calibration error: the mean distance of
        accuracy and confidence over bins, weighted by n, and its interval, "ece_low" and
        "ece_high". Resamples add noise, which the distance only grows by: the interval leans
        upwards.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.
    """
    used, is_true = truth(predictions, findings, rows)
    shares = used[[PROBABILITY + f for f in findings]].to_numpy(np.float64)
    top = shares.argmax(axis=1)
    each = np.arange(len(used))
    confidence, right = shares[each, top], is_true[each, top]
    cuts = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)))[1:-1]
    codes, levels = pd.factorize(np.searchsorted(cuts, confidence, side="left"), sort=True)
    of_bin = np.eye(len(levels))[codes]
    drawn = bootstrap.counts(used["patient"], resamples)
    means = bootstrap.group_means(np.stack([confidence, right], axis=1), of_bin, drawn)
    weight = drawn @ of_bin / drawn.sum(axis=1, keepdims=True)
    error = np.nansum(weight * np.abs(means[:, :, 1] - means[:, :, 0]), axis=1)
    table = pd.DataFrame(
        [bootstrap.interval(means[:, b, 1]) for b in range(len(levels))],
        columns=["accuracy", "low", "high"],
    )
    table.insert(0, "confidence", means[0, :, 0])
    table["n"] = of_bin.sum(axis=0).astype(int)
    names = ("ece", "ece_low", "ece_high")
    table.attrs.update(zip(names, bootstrap.interval(error), strict=True))
    return table


def confusion(predictions: pd.DataFrame, findings: Sequence[str]) -> pd.DataFrame:
    """How often each true finding (rows) was called which (columns), counted in boxes.

    The called finding is the likeliest, the first on ties.

    Returns
    -------
    DataFrame
        F × F int; index "true", columns "predicted", both the findings in their order.
    """
    names = list(findings)
    shares = predictions[[PROBABILITY + f for f in names]].to_numpy(np.float64)
    called = pd.Series(shares.argmax(axis=1), predictions.index).map(dict(enumerate(names)))
    table = pd.crosstab(predictions["finding"], called).reindex(
        index=names, columns=names, fill_value=0
    )
    return table.rename_axis(index="true", columns="predicted")
