"""What k / n prints as with two decimals, under several habits of rounding."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from clnlib.errors import not_allowed

SIZES = np.arange(5, 61)  # class sizes looked at; 20 % of a finding's boxes are 16 to 36
NO_CELL = 101  # column of `prints` for a cell that says nothing: every size prints it
CONVENTIONS = ("half up", "half even", "twice", "down")
ANY = "any"  # each cell by a convention of its own: more than any one table can do

Flags = NDArray[np.bool_]
Hundredths = NDArray[np.int64]


@cache
def prints(convention: str) -> Flags:
    """Which hundredths some k / n prints as.

    Parameters
    ----------
    convention
        "half up", "half even", "twice" (half up to three decimals, then half up to two, as a
        spreadsheet of three-decimal results gives), "down" (cut off) or "any" of these.

    Raises
    ------
    InputError
        No such convention.

    Returns
    -------
    (56, 102) bool: sizes `SIZES` by hundredths 0 to 100; the last column is all true.
    """
    if convention not in (*CONVENTIONS, ANY):
        raise not_allowed("convention", convention, (*CONVENTIONS, ANY))
    flags = np.zeros((len(SIZES), NO_CELL + 1), dtype=bool)
    flags[:, NO_CELL] = True
    for row, n in zip(flags, map(int, SIZES), strict=True):
        k = np.arange(n + 1)
        for name in CONVENTIONS if convention == ANY else (convention,):
            row[printed(k, n, name)] = True
    return flags


def flagged(flags: Flags) -> tuple[int, ...]:
    """The class sizes for which (56,) flags are true."""
    return tuple(map(int, SIZES[flags]))


def printed(k: Hundredths, n: Hundredths | int, convention: str) -> Hundredths:
    """The hundredths that k / n prints as, in exact integers (arguments are broadcast)."""
    whole, rest = np.divmod(100 * k, n)
    if convention == "half up":
        return whole + (2 * rest >= n)
    if convention == "half even":
        return whole + ((2 * rest > n) | ((2 * rest == n) & (whole % 2 == 1)))
    if convention == "twice":
        return ((2000 * k + n) // (2 * n) + 5) // 10
    return whole
