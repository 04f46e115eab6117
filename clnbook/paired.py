"""Is one run better than another? Both are read on the same resampled patients."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.errors import InputError
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.classification import mean_auc_samples
from clnlib.metrics.localisation import PAPER, samples
from clnlib.parameters import Conventions
from clnlib.runs import Run


def compare_runs(
    runs: Sequence[Run],
    convention: Conventions = PAPER,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Every two runs of a study on the same test rows, by resampling patients in pairs.

    Each resample gives both runs the same patients. Accuracies at nested thresholds are averaged
    into one number per resample, so that they are not counted as seven witnesses.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    convention
        How rows count; its `rows` holds for the AUC too.
    resamples
        Of the test patients.
    seed
        Of the resamples.

    Returns
    -------
    DataFrame
        One row per quantity ("mean AUC", "mean IoU accuracy" over findings and the seven
        thresholds) and pair of runs: `quantity`, `a`, `b` (names of runs), `value_a`, `value_b`,
        `difference` (a less b) with its 95 % percentile interval `low`, `high`, `p` (two-sided),
        `p_holm` (Holm over the quantity's pairs) and `boxes`, the shared test rows. Pairs whose
        test rows differ have NaN and 0 boxes; fewer than two runs give no rows.
    """
    names = ("mean AUC", "mean IoU accuracy")
    samples = {run.folder: _samples(run, convention, resamples, seed) for run in runs}
    rows = []
    for a, b in itertools.combinations(runs, 2):
        try:
            boxes = len(bootstrap.paired_rows(a, b)[0])
        except InputError:
            boxes = 0
        for name, one, other in zip(names, samples[a.folder], samples[b.folder], strict=True):
            numbers = [np.nan] * 6
            if boxes:
                apart = bootstrap.difference(one, other)
                numbers = [one[0], other[0], *bootstrap.interval(apart)]
                numbers.append(bootstrap.two_sided_p(apart))
            rows.append([name, a.folder.name, b.folder.name, *numbers, boxes])
    columns = ["quantity", "a", "b", "value_a", "value_b", "difference", "low", "high", "p"]
    frame = pd.DataFrame(rows, columns=[*columns, "boxes"])
    adjusted = frame.groupby("quantity", sort=False)["p"].transform(holm)
    frame.insert(len(columns), "p_holm", adjusted.astype(np.float64))
    return frame.sort_values("quantity", kind="stable", ignore_index=True)


def _samples(
    run: Run, convention: Conventions, resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean AUC and mean IoU accuracy of a run's test rows for every resample, (1 + R,) each."""
    test = run.part("test")
    drawn = bootstrap.counts(test["patient"], resamples, seed)
    accuracy = samples(test, run.findings, convention, drawn)
    over_thresholds = accuracy[:, -1, : len(metrics.THRESHOLDS)].mean(axis=1)
    return mean_auc_samples(test, run.findings, convention, drawn), over_thresholds


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p-values of one family; NaN is no member of it and stays NaN.

    References
    ----------
    Holm, Scand. J. Statist. 6 (1979), 65-70.
    """
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p, dtype=np.float64)
    adjusted, known = np.full_like(values, np.nan), ~np.isnan(values)
    if known.any():
        adjusted[known] = multipletests(values[known], method="holm")[1]
    return adjusted
