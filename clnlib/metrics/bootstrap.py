"""Intervals over patients: a patient's rows are drawn together or not at all.

A resample is a row of counts, how often each row of the data is drawn; every statistic is
computed for all resamples at once, and two runs on the same rows share their resamples. Entry 0
of every statistic is its value on the data themselves.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.errors import InputError
from clnlib.runs import TRUE_BOX, Run

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
    (R, N) float64, R = 1 + resamples: how often each row is drawn; the first resample is all ones,
    the data themselves. The same patients are drawn equally often whatever the order and number of
    their rows: two runs tested on them are paired.

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
    return np.concatenate([np.ones((1, len(codes))), drawn[:, codes]])


def jackknife_counts(patients: ArrayLike) -> Counts:
    """Counts (P, N) for `bca`, 0 or 1: row i has all of P patients but the i-th to appear."""
    codes, patient = pd.factorize(np.asarray(patients))
    return (np.arange(len(patient))[:, None] != codes).astype(np.float64)


def group_means(values: ArrayLike, groups: ArrayLike, drawn: Counts) -> NDArray[np.float64]:
    """Means of values within groups, such as the accuracy of each finding, for every resample.

    From values (N, K), 0/1 memberships of the rows in F groups (N, F) and `counts` (R, N) to
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
    (R,) float64 in [0, 1]; NaN where a resample has no 1 or no 0, and everywhere if a score is
    NaN.

    See Also
    --------
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
    Value, low, high, in the statistic's unit. Resamples in which it is undefined (NaN) are left
    out; low and high are NaN where no resample is left.

    See Also
    --------
    bca : For statistics that are skewed.

    Examples
    --------
    >>> interval(np.array([50.0, *range(101)]), level=0.5)
    (50.0, 25.0, 75.0)
    """
    tail = (1 - level) / 2
    defined = _defined(samples[1:])
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return float(samples[0]), float(low), float(high)


def bca(
    samples: NDArray[np.float64], jackknife: NDArray[np.float64], level: float = 0.95
) -> tuple[float, float, float]:
    """As `interval`, but bias-corrected and accelerated, for statistics that are skewed.

    Parameters
    ----------
    samples, level
        As in `interval`.
    jackknife
        (P,) the same statistic over `jackknife_counts`.

    Returns
    -------
    Value, low, high. Undefined entries (NaN) of both arguments are left out. A jackknife without
    spread has no acceleration, so a statistic that never varies gets an interval of length 0. Low
    and high are NaN where the interval does not exist: no defined resample, or all of them on the
    same side of the value.

    References
    ----------
    Efron, Better bootstrap confidence intervals, JASA 82 (1987), 171-185; resamples equal to the
    value count half, as in SciPy.
    """
    from scipy.special import ndtr, ndtri

    value, defined = float(samples[0]), _defined(samples[1:])
    share = ((defined < value).sum() + (defined <= value).sum()) / max(1, 2 * len(defined))
    if not 0 < share < 1:
        return value, np.nan, np.nan
    bias, a = ndtri(share), acceleration(jackknife)
    shifted = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(defined, ndtr(bias + shifted / (1 - a * shifted)))
    return value, float(low), float(high)


def acceleration(jackknife: NDArray[np.float64]) -> float:
    """A sixth of the skewness of leave-one-patient-out values, for `bca`; 0 without spread.

    With U the mean less each value it is sum(U³) / (6 sum(U²)^(3/2)).
    """
    defined = _defined(jackknife)
    if not len(defined) or defined.min() == defined.max():
        return 0.0
    u = defined.mean() - defined
    return float((u**3).sum() / (6 * (u**2).sum() ** 1.5))


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
        raise InputError(f"{names}: not comparable, phantoms against radiographs")
    keys = ["image", "patient", "finding", *TRUE_BOX]
    left, right = (run.part(part).sort_values(keys, ignore_index=True) for run in (a, b))
    if not left[keys].equals(right[keys]):
        shared = len(left[keys].merge(right[keys], on=keys))
        raise InputError(
            f"{names}: not comparable, of their {len(left)} and {len(right)} {part} rows "
            f"they share {shared}; compare runs of the same data set, protocol and split_seed"
        )
    return left, right


def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistic of run `a` less that of run `b`, resample by resample.

    Both are (R, ...) over the same `counts` of `paired_rows`, and so is the difference; NaN
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
        (R,) from `difference`; entry 0, the data, and NaN are left out.

    Returns
    -------
    Twice the smaller share of resamples at or beyond zero on either side, at most 1; 1 is added
    to both counts, so that p is never below 2 / R. NaN without a defined resample.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), sections 4.2 and 5.4.

    Examples
    --------
    >>> two_sided_p(np.array([5.0, *range(1, 40)]))  # none of 39 at or below 0: 2 (1 + 0) / 40
    0.05
    """
    defined = _defined(samples[1:])
    if not len(defined):
        return np.nan
    beyond = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (1 + beyond) / (1 + len(defined))))


def _defined(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples that are not NaN."""
    return samples[~np.isnan(samples)]
