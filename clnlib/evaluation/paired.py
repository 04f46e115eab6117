"""Is one run better than another? Both are read on the same resampled patients."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.errors import InputError
from clnlib.evaluation import bootstrap, classification, metrics
from clnlib.evaluation.metrics import PAPER, Conventions
from clnlib.evaluation.significance import holm
from clnlib.runs import PROBABILITY, Run


def compare_runs(
    runs: Sequence[Run],
    convention: Conventions = PAPER,
    resamples: int = 10_000,
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
    """Mean AUC and mean IoU accuracy of a run's test rows for every resample, (1 + R,) each.

    Resamples of one seed are the same for all runs with the same rows, which `paired_rows` puts
    into one order.
    """
    test, _ = bootstrap.paired_rows(run, run)
    drawn = bootstrap.counts(test["patient"], resamples, seed)
    counted, true = classification.truth(test, run.findings, convention.rows)
    scores = counted[[PROBABILITY + f for f in run.findings]].to_numpy()
    some = drawn[:, counted.index]
    areas = [bootstrap.auc(true[:, k], scores[:, k], some) for k in range(len(run.findings))]
    boxes = metrics.rows(test, run.findings, convention)
    above = np.mean([boxes["iou"] > t for t in metrics.THRESHOLDS], axis=0)[:, None]
    groups = boxes["finding"].to_numpy()[:, None] == np.asarray(run.findings, dtype=object)
    accuracy = bootstrap.group_means(above, groups, drawn[:, boxes.index])[:, :, 0]
    return bootstrap.mean_defined(np.stack(areas, axis=1)), bootstrap.mean_defined(accuracy)
