"""How firm the answers of `testsets` are: other roundings, misread cells, simulated tables.

`clnbook.audit.explanations` tests the explanations that they leave.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook.audit import printed as printed_tables
from clnbook.audit import table1, testsets
from clnbook.audit.rounding import CONVENTIONS, NO_CELL, flagged, printed, prints
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN

Sizes = NDArray[np.int64]


def conventions() -> pd.DataFrame:
    """The answers under every rounding convention.

    Returns
    -------
    DataFrame
        One row per convention: `columns_without_size` (of 48), `findings_in_common` (of 8, with
        a size that all variants admit), `admits_176`, `admits_197` (variants, of 6, that admit 176
        and 197 rows) and `fits_with_197` (variants that do so with their printed means).
    """
    every = testsets.variants().values()
    rows = {}
    for name in CONVENTIONS:
        columns = [flags for series in every for flags in testsets.column_flags(series, name)]
        total = testsets.totals(name)
        rows[name] = {
            "columns_without_size": sum(not flags.any() for flags in columns),
            "findings_in_common": int((testsets.common(name)["sizes"].map(len) > 0).sum()),
            "admits_176": int(total["admits_176"].sum()),
            "admits_197": int(total["admits_197"].sum()),
            "fits_with_197": int((total["fits_with_197"] > 0).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("convention")


def sensitivity(convention: str = "twice") -> pd.DataFrame:
    """What is left of `testsets.common` when one legible cell of a finding's column is dropped.

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
        cells = np.concatenate([series.column(f) for series in testsets.variants().values()])
        wrong = ~flags[:, cells]
        left = wrong.sum(axis=1)[:, None] - wrong == 0  # (sizes, dropped cell)
        rows[finding] = {
            "cells": len(cells),
            "decisive": int(left.any(axis=0).sum()),
            "sizes": flagged(left.any(axis=1)),
            "survives": not left.any(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("finding")


def left_out() -> pd.DataFrame:
    """Rows of Table 1 that are no evidence although their printed mean fits their cells.

    Returns
    -------
    DataFrame
        Index method and T; `mean` (as printed), `why` ("a cell rises with T" | "its label is
        damaged") and `boxes_fit`: for a variant, whether some class sizes of 197 boxes in all
        print its legible rows and this one ("yes" | "no"); else empty.
    """
    tables = printed_tables.read()
    every = tables.iou | tables.left_out
    kept = table1.fitting(every)
    rows = {}
    for t, method in kept:
        if (t, method, MEAN) in tables.iou:
            continue
        cells = [every[t, method, finding] for finding in BOXED]
        later = [u for u, name in kept if name == method and u > t]
        rises = any(
            every[u, method, f] > a for u in later for f, a in zip(BOXED, cells, strict=True)
        )
        rows[method, t] = {
            "mean": every[t, method, MEAN],
            "why": "a cell rises with T" if rises else "its label is damaged",
            "boxes_fit": _boxes_fit(method, cells),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["method", "T"])


def _boxes_fit(method: str, cells: list[float]) -> str:
    """Whether 197 boxes can print a variant's legible rows and these cells; empty for others."""
    series = testsets.variants().get(method)
    if series is None:
        return ""
    more = tuple(round(100 * value) for value in cells)
    columns = testsets.column_flags(series._replace(cells=(*series.cells, more)), "twice")
    return "yes" if testsets.possible_totals(columns)[testsets.BOXES] else "no"


def null_simulation(
    draws: int = 200, seed: int = 0, convention: str = "twice", misread: float = 0.02
) -> pd.DataFrame:
    """How often `testsets.common` calls a table incompatible with one test set.

    Simulated tables have as many legible cells per variant as the printed one, of random
    accuracies k / n that fall with T.

    Parameters
    ----------
    draws
        Tables per scenario.
    seed
        Of the generator.
    convention
        See `rounding.prints`.
    misread
        Share of cells that read anything at all, in the second scenario.

    Returns
    -------
    DataFrame
        Rows "one test set" (197 boxes at random), "one test set, 2% misread", "sizes one
        apart" (each variant's sizes are those, one more or one less) and "a test set each";
        `none_fits` (mean number of the 8 findings without a common size), `any_none`, `all_none`
        (shares of tables in which one, and all eight, have none), `misread` (mean, over findings,
        of the cells that would have to be other than they read; the printed table's in the last
        row, "printed").
    """
    rng = np.random.default_rng(seed)
    legible = [len(series.cells) for series in testsets.variants().values()]
    one = np.broadcast_to(_drawn(rng, (draws, 1)), (draws, len(legible), len(BOXED)))
    apart = one + rng.integers(-1, 2, one.shape)
    scenarios = {
        "one test set": (one, 0.0),
        f"one test set, {misread:.0%} misread": (one, misread),
        "sizes one apart": (apart, 0.0),
        "a test set each": (_drawn(rng, (draws, len(legible))), 0.0),
    }
    rows = {}
    for name, (sizes, wrong) in scenarios.items():
        cells = _table(rng, sizes, legible, convention, wrong)
        rows[name] = _incompatible(cells, convention)
    rows["printed"] = _printed(convention)
    return pd.DataFrame.from_dict(rows, orient="index").astype("float64")


def _printed(convention: str) -> dict[str, float]:
    shared = testsets.common(convention)
    none = shared["sizes"].map(len) == 0
    return {
        "none_fits": none.sum(),
        "any_none": none.any(),
        "all_none": none.all(),
        "misread": shared["misread"].mean(),
    }


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Sizes:
    """(*shape, 8) class sizes of 197 boxes drawn at random, at least 5 each."""
    boxes = testsets.boxes_per_finding()
    return np.maximum(rng.multivariate_hypergeometric(boxes, testsets.BOXES, shape), 5)


def _table(
    rng: np.random.Generator, sizes: Sizes, legible: list[int], convention: str, misread: float
) -> Sizes:
    """(draws, variants, 8, rows) hundredths of random accuracies that fall with T."""
    shares = -np.sort(-rng.random((*sizes.shape, max(legible))), axis=-1)
    n = sizes[..., None]
    cells = printed(np.floor(shares * (n + 1)).astype(np.int64), n, convention)
    cells = np.where(rng.random(cells.shape) < misread, rng.integers(0, 101, cells.shape), cells)
    for variant, rows in enumerate(legible):
        cells[:, variant, :, rows:] = NO_CELL
    return cells


def _incompatible(cells: Sizes, convention: str) -> dict[str, float]:
    flags = ~prints(convention)
    wrong = np.stack([row[cells].sum(axis=(1, 3)) for row in flags])  # (sizes, draws, 8)
    least = wrong.min(axis=0)
    none = least > 0
    return {
        "none_fits": none.sum(axis=1).mean(),
        "any_none": none.any(axis=1).mean(),
        "all_none": none.all(axis=1).mean(),
        "misread": least.mean(),
    }
