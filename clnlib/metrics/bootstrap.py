"""Intervals over patients: a patient's rows are drawn together or not at all.

A resample is a row of counts, how often each row of the data is drawn; every statistic is
computed for all resamples at once, and two runs on the same rows share their resamples. Entry 0
of every statistic is its value on the data themselves.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000

Counts = NDArray[np.float64]
"""(R, N): how often each of N rows is drawn in each of R resamples."""

_BLOCK = 2**17  # numbers of a block of resamples: its few arrays of 1 MB stay in a core's cache


def counts(patients: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Counts:
    """Resamples of whole patients, the first step to any interval or p-value.

    Parameters
    ----------
    patients
        (N,) patient of each row.
    resamples
        Number of resamples to draw.
    seed
        Of the random generator.

    Returns
    -------
    numpy.ndarray
        (R, N) float64, R = 1 + resamples: how often each row is drawn; the first resample is all
        ones, the data themselves. The same patients are drawn equally often whatever the order
        and number of their rows: two runs tested on them are paired.

    References
    ----------
    Field and Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B 69 (2007), 369-390.

    Examples
    --------
    >>> counts(["a", "a", "b", "c"], resamples=2)  # the second draws patient c three times
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [0., 0., 0., 3.]])
    """
    codes, patient = pd.factorize(np.asarray(patients), sort=True)
    number = len(patient)
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), resamples)
    made = np.ones((1 + resamples, len(codes)))
    for row, often in zip(made[1:], drawn, strict=True):  # all at once would be there twice
        row[:] = often[codes]
    return made


def group_means(values: ArrayLike, groups: ArrayLike, drawn: Counts) -> NDArray[np.float64]:
    """Means of values within groups, such as the accuracy of each finding, for every resample.

    Parameters
    ----------
    values
        (N, K): K values for each row.
    groups
        (N, F) 0/1: whether a row belongs to each of F groups.
    drawn
        (R, N) from `counts`.

    Returns
    -------
    numpy.ndarray
        (R, F, K) float64; NaN where a resample has no row of a group.
    """
    v, g = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=np.float64)
    members = (g[:, :, None] * v[:, None, :]).reshape(len(g), -1)
    sums = (drawn @ members).reshape(len(drawn), g.shape[1], v.shape[1])
    size = (drawn @ g)[:, :, None]
    return np.divide(sums, size, out=np.full_like(sums, np.nan), where=size > 0)


def auc(truth: ArrayLike, score: ArrayLike, drawn: Counts) -> NDArray[np.float64]:
    """Area under the ROC curve for every resample, ties counted half (Mann-Whitney).

    Parameters
    ----------
    truth
        (N,) 0/1.
    score
        (N,) in any unit, larger for more likely 1.
    drawn
        (R, N) from `counts`.

    Returns
    -------
    numpy.ndarray
        (R,) float64 in [0, 1]; NaN where a resample has no 1 or no 0, and everywhere if a score
        is NaN.

    See Also
    --------
    interval : An interval from these values.
    clnlib.metrics.classification.mean_auc : The mean over a run's findings.

    Examples
    --------
    >>> drawn = counts(["a", "b", "c", "d"], resamples=2000)
    >>> areas = auc([1, 0, 1, 0], [0.9, 0.4, 0.3, 0.2], drawn)
    >>> interval(areas)
    (0.75, 0.0, 1.0)
    """
    s, is_true = np.asarray(score, dtype=np.float64), np.asarray(truth, dtype=bool)
    if np.isnan(s).any():
        return np.full(len(drawn), np.nan)
    true, rest = np.flatnonzero(is_true), np.flatnonzero(~is_true)
    rest = rest[np.argsort(s[rest], kind="stable")]
    below, upto = (np.searchsorted(s[rest], s[true], side) for side in ("left", "right"))
    wins = np.empty(len(drawn))
    step = max(1, _BLOCK // max(1, len(s)))
    for start in range(0, len(drawn), step):
        block = drawn[start : start + step]
        beaten = np.zeros((len(block), len(rest) + 1))  # weight of the first k of the rest
        np.cumsum(block[:, rest], axis=1, out=beaten[:, 1:])
        won = beaten[:, below] + beaten[:, upto]
        wins[start : start + step] = np.einsum("rn,rn->r", block[:, true], won) / 2
    pairs = (drawn @ is_true) * (drawn @ ~is_true)
    return np.divide(wins, pairs, out=np.full_like(wins, np.nan), where=pairs > 0)


def mean_defined(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis without NaN; NaN where nothing else is.

    For means over findings: where a resample lacks a finding, the mean is over the others.
    """
    number = (~np.isnan(samples)).sum(axis=-1)
    sums = np.nansum(samples, axis=-1)
    return np.divide(sums, number, out=np.full_like(sums, np.nan), where=number > 0)


def undefined(samples: NDArray[np.float64]) -> int:
    """The number of resamples in which a statistic is NaN; entry 0, the data, does not count."""
    return int(np.isnan(samples[1:]).sum())


def interval(samples: NDArray[np.float64], level: float = 0.95) -> tuple[float, float, float]:
    """The value of a statistic and its percentile interval, to print beside one another.

    Parameters
    ----------
    samples
        (R,) the statistic over `counts`, its entry 0 on the data.
    level
        Of the interval, between 0 and 1.

    Returns
    -------
    tuple of float
        Value, low, high, in the statistic's unit. Resamples in which it is undefined (NaN) are
        left out; low and high are NaN where no resample is left.

    See Also
    --------
    counts : Makes the resamples.

    Examples
    --------
    >>> interval(np.array([50.0, *range(101)]), level=0.5)
    (50.0, 25.0, 75.0)
    """
    tail = (1 - level) / 2
    known = defined(samples[1:])
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return float(samples[0]), float(low), float(high)


def defined(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples that are not NaN."""
    return samples[~np.isnan(samples)]
