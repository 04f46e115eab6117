"""Which test set? The class sizes that the printed accuracies of Table 1 admit.

An accuracy over n boxes is k / n; printed with two decimals it betrays n, as granularity betrays
a mean (Brown and Heathers, The GRIM test, Soc. Psychol. Personal. Sci. 8 (2017), 363-369). Only
rows with transcription "ok" are evidence.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import published
from clnbook.audit.rounding import ANY, CONVENTIONS, SIZES, Flags, Hundredths, printed, prints
from clnlib.data import nih
from clnlib.errors import not_allowed
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN

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
    rows = table[(table["family"] == "cln") & (table["transcription"] == published.OK)]
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


def _columns(series: Series, convention: str) -> list[Flags]:
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
    columns = _columns(series, convention)
    kept = _combinations(series, convention)
    return pd.DataFrame(
        {
            "printed": [tuple(map(int, series.column(f))) for f in range(len(BOXED))],
            "sizes": [_sizes(flags) for flags in columns],
            "with_means": [tuple(map(int, np.unique(kept[:, f]))) for f in range(len(BOXED))],
        },
        index=pd.Index(BOXED, name="finding"),
    )


def _sizes(flags: Flags) -> tuple[int, ...]:
    return tuple(map(int, SIZES[flags]))


@cache
def _combinations(series: Series, convention: str) -> NDArray[np.int64]:
    """(C, 8) sizes, one per finding, under which each printed mean is that of its eight k / n."""
    sizes = [SIZES[flags] for flags in _columns(series, convention)]
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
        has none), `of_images` and `of_boxes` (whether 176 and 197 are admitted), `fits` (the
        combinations that also reproduce the printed means), `fits_of_boxes` (those of 197),
        `near_fifth` (fits with 10 to 30 % of every finding's boxes) and `near_totals` (theirs).
    """
    boxes = boxes_per_finding()
    rows = {}
    for name, series in variants().items():
        columns = _columns(series, convention)
        sums = _sums(columns)
        kept = _combinations(series, convention)
        near = kept[((kept >= 0.1 * boxes) & (kept <= 0.3 * boxes)).all(axis=1)]
        rows[name] = {
            "smallest": int(sums.argmax()),
            "largest": int(len(sums) - 1 - sums[::-1].argmax()) if sums.any() else 0,
            "of_images": bool(sums[IMAGES]),
            "of_boxes": bool(sums[BOXES]),
            "fits": len(kept),
            "fits_of_boxes": int((kept.sum(axis=1) == BOXES).sum()),
            "near_fifth": len(near),
            "near_totals": tuple(map(int, np.unique(near.sum(axis=1)))),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")


@cache
def boxes_per_finding() -> NDArray[np.int64]:
    """(8,) NIH's boxes of each finding, in BOXED's order."""
    numbers = nih.load_boxes()["finding"].value_counts()
    return numbers.reindex(list(BOXED)).to_numpy(np.int64)


def _sums(columns: list[Flags]) -> Flags:
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
    found = []
    for name, series in variants().items():
        kept = _combinations(series, convention)
        fits = pd.DataFrame(kept[kept.sum(axis=1) == BOXES], columns=list(BOXED))
        found.append(fits.assign(variant=name))
    return pd.concat(found, ignore_index=True)[["variant", *BOXED]]


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
            "sizes": _sizes(wrong == 0),
            "misread": int(wrong.min()),
            "nearest": _sizes(wrong == wrong.min()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("finding")


def conventions() -> pd.DataFrame:
    """The answers under every rounding convention.

    Returns
    -------
    DataFrame
        One row per convention: `columns_without_size` (of 48), `findings_in_common` (of 8, with
        a size that all variants admit), `of_images`, `of_boxes` (variants, of 6, that admit 176
        and 197 rows) and `fits_of_boxes` (variants that do so with their printed means).
    """
    rows = {}
    for name in CONVENTIONS:
        columns = [flags for series in variants().values() for flags in _columns(series, name)]
        total = totals(name)
        rows[name] = {
            "columns_without_size": sum(not flags.any() for flags in columns),
            "findings_in_common": int((common(name)["sizes"].map(len) > 0).sum()),
            "of_images": int(total["of_images"].sum()),
            "of_boxes": int(total["of_boxes"].sum()),
            "fits_of_boxes": int((total["fits_of_boxes"] > 0).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("convention")


def sensitivity(convention: str = "twice") -> pd.DataFrame:
    """What is left of `common` when one legible cell of a finding's column is dropped.

    Dropping a cell is the same as letting it read anything.

    Returns
    -------
    DataFrame
        One row per finding: `cells`, `decisive` (cells, any one of which dropped leaves a size
        that all variants admit), `sizes` (those sizes), `survives` (no such cell).
    """
    flags = prints(convention)
    rows = {}
    for f, finding in enumerate(BOXED):
        cells = np.concatenate([series.column(f) for series in variants().values()])
        wrong = ~flags[:, cells]
        left = wrong.sum(axis=1)[:, None] - wrong == 0  # (sizes, dropped cell)
        rows[finding] = {
            "cells": len(cells),
            "decisive": int(left.any(axis=0).sum()),
            "sizes": _sizes(left.any(axis=1)),
            "survives": not left.any(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("finding")


def rising() -> pd.DataFrame:
    """Legible accuracies above those of a smaller T of the same method: impossible if T nests.

    Returns
    -------
    DataFrame
        `method`, `family`, `finding`, `T_low`, `low`, `T_high`, `high`; one row per rise between
        neighbouring legible rows, empty where there is none.
    """
    table = published.table1()
    rows = table[table["transcription"] == published.OK].sort_values("T", kind="stable")
    before = rows.groupby(["method", "finding"], sort=False)[["T", "value"]].shift()
    rows = rows.rename(columns={"T": "T_high", "value": "high"})
    rows = rows.assign(T_low=before["T"], low=before["value"])
    columns = ["method", "family", "finding", "T_low", "low", "T_high", "high"]
    return rows.loc[rows["high"] > rows["low"], columns].reset_index(drop=True)
