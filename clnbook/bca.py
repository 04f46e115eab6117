"""Bias-corrected, accelerated intervals, beside the percentile intervals of Table 2."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.metrics import bootstrap


def jackknife_counts(patients: ArrayLike) -> bootstrap.Counts:
    """Counts (P, N) for `bca`, 0 or 1: row i has all of P patients but the i-th to appear.

    Parameters
    ----------
    patients
        (N,) patient of each row.
    """
    codes, patient = pd.factorize(np.asarray(patients))
    return (np.arange(len(patient))[:, None] != codes).astype(np.float64)


def bca(
    samples: NDArray[np.float64], jackknife: NDArray[np.float64], level: float = 0.95
) -> tuple[float, float, float]:
    """As `interval`, but bias-corrected and accelerated: for statistics that are skewed.

    Parameters
    ----------
    samples
        (1 + R,) the statistic over `counts`.
    jackknife
        (P,) the same statistic over `jackknife_counts`.
    level
        Of the interval, between 0 and 1.

    Returns
    -------
    tuple of float
        Value, low, high. Undefined entries (NaN) of both arguments are left out. A jackknife
        without spread has no acceleration, so a statistic that never varies gets an interval of
        length 0. Low and high are NaN where the interval does not exist: no defined resample, or
        all of them on the same side of the value.

    References
    ----------
    Efron, Better bootstrap confidence intervals, JASA 82 (1987), 171-185; resamples equal to the
    value count half, as in SciPy.
    """
    from scipy.special import ndtr, ndtri

    value, defined = float(samples[0]), bootstrap.defined(samples[1:])
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
    defined = bootstrap.defined(jackknife)
    if not len(defined) or defined.min() == defined.max():
        return 0.0
    u = defined.mean() - defined
    return float((u**3).sum() / (6 * (u**2).sum() ** 1.5))
