"""Which test set? The class sizes that the printed accuracies of Table 1 admit.

An accuracy over n boxes is k / n; printed with two decimals it betrays n, as granularity betrays
a mean (Brown and Heathers, The GRIM test, Soc. Psychol. Personal. Sci. 8 (2017), 363-369). Only
rows with transcription "ok" are evidence.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import published
from clnbook.audit.rounding import (
    ANY,
    CONVENTIONS,
    SIZES,
    Flags,
    Hundredths,
    flagged,
    printed,
    prints,
)
from clnbook.style import BLIND, OTHER, PREDICTED, TINY
from clnlib.data import nih
from clnlib.errors import not_allowed
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES, BOXES = 176, 197  # 20 % of the 880 images, of the 984 boxes


class Series(NamedTuple):
    """The legible rows of one variant, T ascending, as exact integers."""

    cells: tuple[tuple[int, ...], ...]  # rows of 8 hundredths, findings in BOXED's order
    means: tuple[int, ...]  # thousandths

    def column(self, finding: int) -> Hundredths:
        """(rows,) hundredths of the finding with this number."""
        return np.array([row[finding] for row in self.cells], dtype=np.int64)


def variants() -> dict[str, Series]:
    """The legible rows of each CLN variant of Table 1, T ascending, findings in BOXED's order."""
    table = published.table1()
    rows = table[(table["family"] == published.CLN) & (table["transcription"] == published.OK)]
    wide = rows.pivot(index=["method", "T"], columns="finding", values="value").dropna()
    cells = (wide[list(BOXED)] * 100).round().astype("int64")
    means = (wide[MEAN] * 1000).round().astype("int64")
    return {
        str(name): Series(
            tuple(tuple(map(int, row)) for row in cells.loc[name].to_numpy()),
            tuple(map(int, means.loc[name])),
        )
        for name in dict.fromkeys(rows["method"])
    }


def column_flags(series: Series, convention: str) -> list[Flags]:
    """Per finding, which of `SIZES` print every cell of its column."""
    if convention == ANY:  # too many combinations to hold against the means
        raise not_allowed("convention", convention, CONVENTIONS)
    flags = prints(convention)
    return [np.all(flags[:, series.column(f)], axis=1) for f in range(len(BOXED))]


def admissible(variant: str, convention: str = "twice") -> pd.DataFrame:
    """Class sizes that can have printed a variant's legible accuracies.

    Parameters
    ----------
    variant
        A CLN variant's name as Table 1 has it.
    convention
        See `prints`; "twice" is the only one under which every column has a size.

    Returns
    -------
    DataFrame
        One row per finding: `printed` (the column, hundredths, T ascending), `sizes` (5 to 60),
        `with_means` (those that are left once every printed mean must be that of eight k / n).

    Raises
    ------
    InputError
        No such variant or convention.
    """
    every = variants()
    if variant not in every:
        raise not_allowed("variant", variant, every)
    series = every[variant]
    columns = column_flags(series, convention)
    kept = _combinations(series, convention)
    return pd.DataFrame(
        {
            "printed": [tuple(map(int, series.column(f))) for f in range(len(BOXED))],
            "sizes": [flagged(flags) for flags in columns],
            "with_means": [tuple(map(int, np.unique(kept[:, f]))) for f in range(len(BOXED))],
        },
        index=pd.Index(BOXED, name="finding"),
    )


@cache
def _combinations(series: Series, convention: str) -> NDArray[np.int64]:
    """(C, 8) sizes, one per finding, under which each printed mean is that of its eight k / n."""
    sizes = [SIZES[flags] for flags in column_flags(series, convention)]
    if not all(len(one) for one in sizes):
        return np.zeros((0, len(BOXED)), dtype=np.int64)
    fits = np.ones([len(one) for one in sizes], dtype=bool)
    for cells, mean in zip(series.cells, series.means, strict=True):
        total = np.zeros(())
        for f, n in enumerate(sizes):
            # Below 100 boxes one k at most prints as a given hundredth.
            ks = np.arange(SIZES[-1] + 1)
            k = (printed(ks, n[:, None], convention) == cells[f]).argmax(axis=1)
            exact = 1000 * k / n
            # Who rounds twice has three-decimal values to take the mean of.
            total = total[..., None] + (np.floor(exact + 0.5) if convention == "twice" else exact)
        # Half a thousandth of rounding, ties either way; the margin is for floating point alone.
        fits &= np.abs(total / len(BOXED) - mean) <= 0.5 + 1e-6
    chosen = np.argwhere(fits)
    return np.stack([one[chosen[:, f]] for f, one in enumerate(sizes)], axis=1)


def totals(convention: str = "twice") -> pd.DataFrame:
    """How many rows each variant's test set can have had.

    Returns
    -------
    DataFrame
        One row per variant: `smallest`, `largest` total of admissible sizes (0 where a column
        has none), `admits_176` and `admits_197` (whether 176 and 197 are admitted), `fits` (the
        combinations that also reproduce the printed means), `fits_with_197` (those of 197),
        `near_fifth` (fits with 10 to 30 % of every finding's boxes) and `near_totals` (theirs).
    """
    boxes = boxes_per_finding()
    rows = {}
    for name, series in variants().items():
        columns = column_flags(series, convention)
        sums = possible_totals(columns)
        kept = _combinations(series, convention)
        near = kept[((kept >= 0.1 * boxes) & (kept <= 0.3 * boxes)).all(axis=1)]
        rows[name] = {
            "smallest": int(sums.argmax()),
            "largest": int(len(sums) - 1 - sums[::-1].argmax()) if sums.any() else 0,
            "admits_176": bool(sums[IMAGES]),
            "admits_197": bool(sums[BOXES]),
            "fits": len(kept),
            "fits_with_197": int((kept.sum(axis=1) == BOXES).sum()),
            "near_fifth": len(near),
            "near_totals": tuple(map(int, np.unique(near.sum(axis=1)))),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")


@cache
def boxes_per_finding() -> NDArray[np.int64]:
    """(8,) NIH's boxes of each finding, in BOXED's order."""
    numbers = nih.load_boxes()["finding"].value_counts()
    return numbers.reindex(list(BOXED)).to_numpy(np.int64)


def fifth() -> pd.Series:
    """20 % of NIH's boxes of each finding."""
    return pd.Series(boxes_per_finding() / 5, list(BOXED), name="20 %")


def possible_totals(columns: list[Flags]) -> Flags:
    """Which totals 0, 1, 2, ... one admissible size per finding can add up to."""
    sums = np.zeros(len(columns) * SIZES[-1] + 1, dtype=bool)
    sums[0] = True
    for flags in columns:
        sums = np.any([np.roll(sums, n) for n in SIZES[flags]] or [np.zeros_like(sums)], axis=0)
    return sums


def sizes_of_boxes(convention: str = "twice") -> pd.DataFrame:
    """The class sizes with 197 rows in all that fit a variant's cells and means.

    Returns
    -------
    DataFrame
        One row per variant and fit: `variant`, then a column per finding.
    """
    every = []
    for name, series in variants().items():
        kept = _combinations(series, convention)
        fits = pd.DataFrame(kept[kept.sum(axis=1) == BOXES], columns=list(BOXED))
        every.append(fits.assign(variant=name))
    return pd.concat(every, ignore_index=True)[["variant", *BOXED]]


def common(convention: str = "twice") -> pd.DataFrame:
    """Whether one test set, grouped by true finding, can lie under all six variants.

    Returns
    -------
    DataFrame
        One row per finding: `cells` (legible ones of all variants), `sizes` (admitted by all),
        `misread` (how many cells at least would have to be other than they read for one size to
        fit all) and `nearest` (the sizes with so few).
    """
    every = list(variants().values())
    rows = {}
    for f, finding in enumerate(BOXED):
        cells = np.concatenate([series.column(f) for series in every])
        wrong = (~prints(convention)[:, cells]).sum(axis=1)
        rows[finding] = {
            "cells": len(cells),
            "sizes": flagged(wrong == 0),
            "misread": int(wrong.min()),
            "nearest": flagged(wrong == wrong.min()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("finding")


def draw_admissible(sizes: dict[str, pd.DataFrame], fifth: pd.Series, grid: np.ndarray) -> None:
    """The class sizes that each variant admits, a panel per finding.

    A common test set would give a column of six points. Large points also fit the printed means.

    Parameters
    ----------
    sizes
        Variant to the frame of `admissible`.
    fifth
        From `fifth`, marked by a line.
    grid
        Axes, as many as findings.
    """
    names = list(sizes)
    for axes, finding in zip(grid.flat, fifth.index, strict=True):
        axes.axvline(fifth[finding], color=BLIND, lw=0.8, ls=":")
        for y, name in enumerate(names):
            row = sizes[name].loc[finding]
            axes.plot(row["sizes"], [y] * len(row["sizes"]), "o", color=OTHER, ms=2)
            kept = row["with_means"]
            axes.plot(kept, [y] * len(kept), "o", color=PREDICTED, ms=4)
        axes.set_yticks(range(len(names)), [name.removeprefix("CLN-") for name in names])
        axes.tick_params(axis="y", labelsize=TINY)
        axes.set_title(finding)
        axes.set(xlim=(4, 61), ylim=(len(names) - 0.5, -0.5))
        axes.label_outer()
    for axes in np.atleast_2d(grid)[-1]:
        axes.set_xlabel("test boxes")


def draw_sizes_of_boxes(sizes: pd.DataFrame, fifth: pd.Series, axes: "Axes") -> "Axes":
    """The class sizes that fit each variant, coloured by their distance from 20 %.

    Parameters
    ----------
    sizes
        From `sizes_of_boxes`.
    fifth
        From `fifth`.
    axes
        Where to draw.
    """
    sizes = sizes.set_index("variant")
    apart = (sizes - fifth[sizes.columns]).to_numpy()
    largest = np.abs(apart).max()
    axes.imshow(apart, cmap="PuOr", vmin=-2 * largest, vmax=2 * largest, aspect="auto")
    for (y, x), n in np.ndenumerate(sizes.to_numpy()):
        axes.text(x, y, str(n), ha="center", va="center", color="black")
    for y, total in enumerate(sizes.sum(axis=1)):
        axes.text(sizes.shape[1] - 0.3, y, f"Σ {total}", va="center")
    axes.set_xticks(range(sizes.shape[1]), list(sizes.columns), rotation=40, ha="right")
    axes.set_yticks(range(len(sizes)), [name.removeprefix("CLN-") for name in sizes.index])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("test boxes; orange: fewer than 20 %, purple: more")
    return axes
