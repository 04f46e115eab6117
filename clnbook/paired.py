"""Is one run better than another? Both are read on the same resampled patients."""

import itertools
import math
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
from clnlib.runs import TRUE_BOX, Run


def paired_rows(a: Run, b: Run, part: str = "test") -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a part of two runs in the same order: row k of both is the same box.

    So the same matrix of `counts` serves both runs, which makes a comparison paired.

    Raises
    ------
    InputError
        The runs differ in the part's rows (image, patient, finding, box), or phantoms, which bear
        the names and boxes of the radiographs, would be compared with these.
    """
    names = f"runs {a.folder.name} and {b.folder.name}"
    if len({run.parameters.dataset == "phantom" for run in (a, b)}) > 1:
        raise InputError(f"{names}: not comparable, one has seen phantoms, the other radiographs")
    keys = ["image", "patient", "finding", *TRUE_BOX]
    left, right = (run.part(part).sort_values(keys, ignore_index=True) for run in (a, b))
    if not left[keys].equals(right[keys]):
        shared = len(left[keys].merge(right[keys], on=keys))
        raise InputError(
            f"{names}: not comparable, of their {len(left)} and {len(right)} {part} rows "
            f"they share {shared}; compare runs of one data set, protocol, split_seed and fold"
        )
    return left, right


def shared(a: Run, b: Run) -> int:
    """How many test rows two runs share as `paired_rows` pairs them; 0 where it refuses them."""
    try:
        return len(paired_rows(a, b)[0])
    except InputError:
        return 0


def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistic of run `a` less that of run `b`, resample by resample.

    Both are (1 + R, ...) over the same `counts` of `paired_rows`, and so is the difference; NaN
    where either is undefined. Other shapes, from other resamples, raise a `ValueError`.
    """
    if a.shape != b.shape:
        raise ValueError(f"samples of shapes {a.shape} and {b.shape} are not paired")
    return a - b


def two_sided_p(samples: NDArray[np.float64]) -> float:
    """Whether two runs differ: the bootstrap p-value of their difference being zero.

    Parameters
    ----------
    samples
        (1 + R,) from `difference`; entry 0, the data, and NaN are left out.

    Returns
    -------
    float
        Twice the smaller share of resamples at or beyond zero on either side, at most 1; 1 is
        added to both counts, so that p is never below 2 / (R + 1). NaN without a defined resample.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 4.2 and 5.4.

    Examples
    --------
    >>> two_sided_p(np.array([5.0, *range(1, 40)]))  # none of 39 at or below 0: 2 (1 + 0) / 40
    0.05
    """
    defined = bootstrap.defined(samples[1:])
    if not len(defined):
        return np.nan
    beyond = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (1 + beyond) / (1 + len(defined))))


def compare_runs(
    runs: Sequence[Run],
    convention: Conventions = PAPER,
    resamples: int | None = None,
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
        Of the test patients; None: 50 for every pair, and 10,000 or more. The least possible p is
        2 / (resamples + 1), so with fewer no pair of many could pass Holm's adjustment.
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
    if resamples is None:
        resamples = max(bootstrap.RESAMPLES, 50 * math.comb(len(runs), 2))
    drawn: dict[tuple[str, ...], bootstrap.Counts] = {}
    samples = {}
    for run in runs:
        patients = tuple(run.part("test")["patient"])
        if patients not in drawn:
            drawn[patients] = bootstrap.counts(patients, resamples, seed)
        samples[run.folder] = _samples(run, convention, drawn[patients])
    rows = []
    for a, b in itertools.combinations(runs, 2):
        boxes = shared(a, b)
        for name, one, other in zip(names, samples[a.folder], samples[b.folder], strict=True):
            numbers = [np.nan] * 6
            if boxes:
                apart = difference(one, other)
                numbers = [one[0], other[0], *bootstrap.interval(apart)]
                numbers.append(two_sided_p(apart))
            rows.append([name, a.folder.name, b.folder.name, *numbers, boxes])
    columns = ["quantity", "a", "b", "value_a", "value_b", "difference", "low", "high", "p"]
    frame = pd.DataFrame(rows, columns=[*columns, "boxes"])
    adjusted = frame.groupby("quantity", sort=False)["p"].transform(holm)
    frame.insert(len(columns), "p_holm", adjusted.astype(np.float64))
    return frame.sort_values("quantity", kind="stable", ignore_index=True)


def _samples(
    run: Run, convention: Conventions, drawn: bootstrap.Counts
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean AUC and mean IoU accuracy of a run's test rows for every resample, (1 + R,) each."""
    test = run.part("test")
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
