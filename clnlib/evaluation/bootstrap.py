"""Intervals over patients: a patient's boxes are drawn together or not at all."""

from collections.abc import Callable

import numpy as np
import pandas as pd

RESAMPLES = 2000


def interval(
    predictions: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], float],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A statistic and its percentile interval under resampling of patients.

    Parameters
    ----------
    predictions
        Rows with a column `patient`.
    statistic
        Rows → one number; NaN where a resample leaves it undefined (those are left out).
    resamples, level, seed
        Number of resamples, coverage in (0, 1), seed of the generator.

    Returns
    -------
    value, low, high
        The statistic of the rows themselves, and the interval's ends.

    References
    ----------
    Field and Welsh, Bootstrapping clustered data, J. R. Statist. Soc. B 69 (2007), 369-390.
    """
    rng = np.random.default_rng(seed)
    members = list(predictions.groupby("patient").indices.values())
    values = []
    for _ in range(resamples):
        chosen = rng.integers(len(members), size=len(members))
        values.append(statistic(predictions.iloc[np.concatenate([members[k] for k in chosen])]))
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return statistic(predictions), float(low), float(high)
