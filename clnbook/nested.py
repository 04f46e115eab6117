"""Page `wilcoxon`: what pooling nested IoU thresholds does to a test's level (section 3.2).

A box that counts at T = 0.7 counts at all lower thresholds too: seven accuracies of a finding
are one sample of boxes read seven times, not seven samples.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook.wilcoxon import DECIMALS, signed_ranks
from clnlib.metrics.localisation import THRESHOLDS

LEVEL = 0.05  # below which p counts as a rejection


def nested_level(
    accuracy: ArrayLike,
    sizes: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    repetitions: int = 10_000,
) -> pd.DataFrame:
    """How often Wilcoxon's test calls two equally good methods different.

    Both methods' IoUs come from one distribution, so every rejection is false.

    Parameters
    ----------
    accuracy
        (K,) the chance of an IoU above each threshold, not increasing, the same for every finding.
    sizes
        (F,) boxes of each finding in the test set; F up to about 12 (2^F signs are enumerated).
    thresholds
        (K,) increasing.
    repetitions
        Simulated pairs of methods.

    Returns
    -------
    DataFrame
        Rows "T = ..." (F pairs, exact test), "mean over T" (F pairs, exact test), "pooled over T"
        (F · K pairs, normal approximation) and "pooled, independent": F · K pairs of which every
        one is drawn anew, a control that has the number of pairs but not the nesting. Columns
        `pairs`, `rate` of rejections, `error` (its Monte-Carlo standard error), `times` the level.
    """
    p, n = np.asarray(accuracy, dtype=np.float64), np.asarray(sizes, dtype=np.int64)
    rng = np.random.default_rng(0)
    nested = _differences(_nested(rng, p, n, repetitions), n)
    independent = _differences(rng.binomial(n[:, None], p, (2, repetitions, len(n), len(p))), n)
    tests = {f"T = {t:g}": nested[:, :, k] for k, t in enumerate(thresholds)}
    tests["mean over T"] = np.round(nested.mean(axis=2), DECIMALS)
    p_values = {name: exact_p_values(apart) for name, apart in tests.items()}
    for name, apart in (("pooled over T", nested), ("pooled, independent", independent)):
        tests[name] = apart.reshape(repetitions, -1)
        p_values[name] = normal_p_values(tests[name])
    rate = pd.Series({name: (values < LEVEL).mean() for name, values in p_values.items()})
    return pd.DataFrame(
        {
            "pairs": {name: apart.shape[1] for name, apart in tests.items()},
            "rate": rate,
            "error": np.sqrt(rate * (1 - rate) / repetitions),
            "times": rate / LEVEL,
        }
    )


def exact_p_values(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided exact p of every row of (R, n) differences, by enumeration of the 2^n signs."""
    signed = signed_ranks(apart)
    n = apart.shape[1]
    signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    sums = np.abs(np.abs(signed) @ signs.T)
    return (sums >= np.abs(signed.sum(axis=1, keepdims=True)) - 0.25).mean(axis=1)


def normal_p_values(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p of every row of (R, n) differences, normal approximation with tie correction.

    SciPy's numbers; 1 for a row of zeros, where SciPy has none.
    """
    from scipy.special import ndtr

    signed = signed_ranks(apart)
    spread = np.sqrt((signed**2).sum(axis=1))
    z = np.divide(signed.sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
    return np.minimum(1.0, 2 * ndtr(-np.abs(z)))


def _nested(
    rng: np.random.Generator, p: NDArray[np.float64], sizes: NDArray[np.int64], repetitions: int
) -> NDArray[np.int64]:
    """Boxes above each threshold, (2, R, F, K): drawn per interval between thresholds, summed."""
    between = -np.diff(p, prepend=1.0, append=0.0)
    drawn = [rng.multinomial(size, between, (2, repetitions)) for size in sizes]
    above: NDArray[np.int64] = np.stack(drawn, axis=2)[..., :0:-1].cumsum(axis=-1)[..., ::-1]
    return above


def _differences(above: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Differences of the two methods' accuracies, (R, F, K), rounded so that ties are ties."""
    accuracy = above / sizes[:, None]
    return np.round(accuracy[0] - accuracy[1], DECIMALS)
