"""Pages `wilcoxon` and `audit`: Wilcoxon's test as the paper uses it (sections 3.2 and 3.3).

The test pairs two methods by finding, so that eight numbers must carry it;
`clnbook.paired` asks the same of two runs by resampling their patients.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook.paired import holm
from clnlib.errors import InputError, not_allowed

Zeros = Literal["wilcox", "pratt"]
DECIMALS = 10  # far below a printed digit, far above floating-point noise


class Wilcoxon(NamedTuple):
    """A signed-rank test of paired scores.

    Attributes
    ----------
    n
        Pairs with both scores.
    zeros
        Pairs of equal scores.
    plus, minus, statistic
        Sums of the ranks of positive and negative differences, and the smaller of the two.
    p_exact
        Two-sided, over all 2^(n - zeros) signs of the ranks at hand, ties included.
    p_normal, p_normal_cc
        Two-sided, normal approximation with tie correction, without and with continuity
        correction.
    effect
        Matched-pairs rank-biserial correlation, (plus - minus) / (plus + minus), in [-1, 1].
    smallest_p
        The least two-sided p that this many non-zero pairs can give, 2 / 2^(n - zeros).
    median
        Of the differences.
    """

    n: int
    zeros: int
    plus: float
    minus: float
    statistic: float
    p_exact: float
    p_normal: float
    p_normal_cc: float
    effect: float
    smallest_p: float
    median: float


def differences(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """`a - b` of the pairs that have both, rounded so that printed ties are ties.

    In floating point 0.3 - 0.2 and 0.2 - 0.1 differ; rounded to 10 decimals they do not. The
    scores are shares, of order 1.

    Raises
    ------
    InputError
        The two do not have the same length.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.shape != y.shape:
        raise InputError(f"paired scores: {x.size} and {y.size} values; pairs need as many of each")
    apart = np.round(x - y, DECIMALS)
    return apart[~np.isnan(apart)]


def signed_ranks(apart: NDArray[np.float64], zeros: Zeros = "wilcox") -> NDArray[np.float64]:
    """Signed mid-ranks of differences along the last axis; a zero difference has rank 0.

    Parameters
    ----------
    apart
        (..., n) without NaN.
    zeros
        "wilcox": zeros are left out before ranking; "pratt": after it.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(apart), axis=-1)
    if zeros == "wilcox":
        ranks = ranks - (apart == 0).sum(axis=-1, keepdims=True)
    return np.sign(apart) * ranks


def exact_p(signed: ArrayLike) -> float:
    """Two-sided p over all signs of given ranks, equally likely under the null hypothesis.

    The distribution of twice the positive rank sum, an integer under ties too, is built rank by
    rank, in time of order n³: the 56 pairs of Table 1 take a millisecond.

    Parameters
    ----------
    signed
        (n,) from `signed_ranks`; zeros do not count.

    References
    ----------
    Hollander, Wolfe, Chicken, Nonparametric Statistical Methods (2014), section 3.1, comment 8.
    """
    doubled = np.rint(2 * np.asarray(signed, dtype=np.float64)).astype(np.int64)
    share = np.ones(1)
    for rank in np.abs(doubled[doubled != 0]):
        gap = np.zeros(rank)
        share = (np.concatenate([share, gap]) + np.concatenate([gap, share])) / 2
    smaller = min(doubled[doubled > 0].sum(), -doubled[doubled < 0].sum())
    return float(min(1.0, 2 * share[: smaller + 1].sum()))


def wilcoxon(a: ArrayLike, b: ArrayLike, zeros: Zeros = "wilcox") -> Wilcoxon:
    """Wilcoxon's signed-rank test of paired scores (sections 3.2 and 3.3).

    Parameters
    ----------
    a, b
        (n,) scores; a pair with a NaN is left out.
    zeros
        Equal pairs: "wilcox" leaves them out, "pratt" ranks them first and then leaves them out.

    Returns
    -------
    Wilcoxon
        Without a pair every number but `n` and `zeros` is NaN; where all pairs are equal p is 1
        and the effect 0.

    Raises
    ------
    InputError
        The scores are not as many, or `zeros` is unknown.

    References
    ----------
    Wilcoxon, Biometrics Bulletin 1 (1945), 80-83; Pratt, JASA 54 (1959), 655-667; the effect:
    Kerby, Comprehensive Psychology 3 (2014).
    """
    if zeros not in get_args(Zeros):
        raise not_allowed("zeros", zeros, get_args(Zeros))
    apart = differences(a, b)
    n, equal = len(apart), int((apart == 0).sum())
    if not n:
        return Wilcoxon(0, 0, *[np.nan] * 9)
    signed = signed_ranks(apart, zeros)
    plus, minus = float(signed[signed > 0].sum()), float(-signed[signed < 0].sum())
    effect = (plus - minus) / (plus + minus) if plus + minus else 0.0
    return Wilcoxon(
        n=n,
        zeros=equal,
        plus=plus,
        minus=minus,
        statistic=min(plus, minus),
        p_exact=exact_p(signed),
        p_normal=_normal_p(apart, zeros, corrected=False),
        p_normal_cc=_normal_p(apart, zeros, corrected=True),
        effect=effect,
        smallest_p=min(1.0, 2 / 2.0 ** (n - equal)),
        median=float(np.median(apart)),
    )


def _normal_p(apart: NDArray[np.float64], zeros: Zeros, corrected: bool) -> float:
    """SciPy's normal approximation; 1 where there is nothing to rank."""
    from scipy import stats

    if not apart.any():
        return 1.0
    test = stats.wilcoxon(apart, zero_method=zeros, correction=corrected, method="asymptotic")
    return float(test.pvalue)


def compare(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """A method of a table against each of the others, a family for Holm.

    Parameters
    ----------
    table
        Scores, one row per method; the columns are the pairs (findings, or T and finding). NaN
        where a score is unknown.
    reference
        The row to compare with the others; differences are reference less method.

    Returns
    -------
    DataFrame
        Index `method`; the columns of `Wilcoxon` with zeros left out, then `p_pratt` and
        `p_pratt_normal` with zeros ranked, and `p_holm`, Holm's adjustment of `p_exact`.

    Raises
    ------
    InputError
        The reference is not in the table; the nearest is named.
    """
    if reference not in table.index:
        raise not_allowed("method", reference, table.index)
    rows = {}
    for name, scores in table.drop(reference).iterrows():
        pratt = wilcoxon(table.loc[reference], scores, "pratt")
        extra = {"p_pratt": pratt.p_exact, "p_pratt_normal": pratt.p_normal}
        rows[name] = wilcoxon(table.loc[reference], scores)._asdict() | extra
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    return frame.assign(p_holm=holm(frame["p_exact"]))
