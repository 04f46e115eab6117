"""Intervals over patients: a patient's rows are drawn together or not at all.

A resample is a row of counts, how often each row of the data is drawn; every statistic is
computed for all resamples at once.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000

Counts = NDArray[np.float64]


def counts(patients: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Counts:
    """How often each row is drawn, per resample of whole patients.

    Parameters
    ----------
    patients
        (N,) patient of each row.
    resamples
        R, number of resamples.
    seed
        Of the generator.

    Returns
    -------
    (1 + R, N) float64; row 0 is all ones, the data themselves.

    References
    ----------
    Field and Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B 69 (2007), 369-390.
    """
    codes, patient = pd.factorize(np.asarray(patients))
    number = len(patient)
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), resamples)
    return np.concatenate([np.ones((1, len(codes))), drawn[:, codes]])


def group_means(values: ArrayLike, groups: ArrayLike, drawn: Counts) -> NDArray[np.float64]:
    """Means of values within groups, for every resample.

    Parameters
    ----------
    values
        (N, K).
    groups
        (N, F) 0/1: which group each row belongs to.
    drawn
        (R, N) from `counts`.

    Returns
    -------
    (R, F, K); NaN where a resample has no row of a group.
    """
    v, g = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.float64)
    sums = np.stack([drawn @ (g * v[:, [k]]) for k in range(v.shape[1])], axis=2)
    size = (drawn @ g)[:, :, None]
    return np.divide(sums, size, out=np.full_like(sums, np.nan), where=size > 0)


def auc(truth: ArrayLike, score: ArrayLike, drawn: Counts) -> NDArray[np.float64]:
    """Area under the ROC curve for every resample, ties counted half (Mann-Whitney).

    Parameters
    ----------
    truth
        (N,) 0/1.
    score
        (N,) larger for more likely 1.
    drawn
        (R, N) from `counts`.

    Returns
    -------
    (R,); NaN where a resample has no 1 or no 0.
    """
    s = np.asarray(score, dtype=np.float64)
    order = np.argsort(s, kind="stable")
    first = np.flatnonzero(np.diff(s[order], prepend=-np.inf) > 0)
    weight, is_true = drawn[:, order], np.asarray(truth, dtype=np.float64)[order]
    positive = np.add.reduceat(weight * is_true, first, axis=1)
    negative = np.add.reduceat(weight * (1 - is_true), first, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    wins: Counts = (positive * below).sum(axis=1)
    return np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)


def interval(samples: NDArray[np.float64], level: float = 0.95) -> tuple[float, float, float]:
    """The value of the data (entry 0) and the percentile interval of the resamples.

    Resamples in which the statistic is undefined (NaN) are left out; an interval of none is NaN.
    """
    tail = (1 - level) / 2
    defined = samples[1:][~np.isnan(samples[1:])]
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return float(samples[0]), float(low), float(high)
