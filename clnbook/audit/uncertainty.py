"""What class sizes of 14 to 38 test boxes mean for the accuracies of Table 1."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.audit import testsets
from clnbook.style import SERIES, TINY
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL = 0.95


def _sizes() -> pd.DataFrame:
    """Variants by findings: the sizes with 197 rows that fit, 20 % of the boxes elsewhere."""
    fits = testsets.sizes_of_boxes().drop_duplicates("variant").set_index("variant")
    every = fits.reindex(list(testsets.variants()))
    return every.fillna(testsets.fifth().round()).astype("int64")


def wilson() -> pd.DataFrame:
    """Wilson intervals of the legible accuracies of the CLN variants.

    Returns
    -------
    DataFrame
        `T`, `method`, `finding`, `value` (as printed), `boxes` (the class size that fits, see
        `testsets.sizes_of_boxes`), `right` (boxes localised), `low`, `high` (95 %).

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.
    """
    from statsmodels.stats.proportion import proportion_confint

    table = published.table1()
    table = table[table["family"].eq(published.CLN) & table["transcription"].eq(published.OK)]
    rows = table.loc[table["finding"] != MEAN, ["T", "method", "finding", "value"]]
    boxes = _sizes().stack().reindex(pd.MultiIndex.from_frame(rows[["method", "finding"]]))
    rows = rows.assign(boxes=boxes.to_numpy())
    rows["right"] = (rows["value"] * rows["boxes"]).round().astype("int64")
    low, high = proportion_confint(rows["right"], rows["boxes"], 1 - LEVEL, method="wilson")
    return rows.assign(low=low, high=high).reset_index(drop=True)


def detectable_difference(accuracy: float = 0.75) -> pd.Series:
    """The least difference of two variants' accuracies that chance does not explain.

    The half width of the 95 % interval of a difference of two independent accuracies (normal
    approximation), on test sets of 20 % of the boxes. Two variants tested on the same boxes may
    differ by a little less.

    Parameters
    ----------
    accuracy
        The accuracy around which they lie, 0 to 1.

    Returns
    -------
    Series
        Per finding, and "Mean" for the unweighted mean of the eight.
    """
    from scipy.stats import norm

    variance = 2 * accuracy * (1 - accuracy) / testsets.fifth()
    z = norm.ppf((1 + LEVEL) / 2)
    each = z * np.sqrt(variance)
    each[MEAN] = z * np.sqrt(variance.sum()) / len(BOXED)
    return each.rename("difference")


def best_of_equals(draws: int = 4000, seed: int = 0) -> pd.DataFrame:
    """What the best of equally good variants gains by chance.

    At each T every variant is given the same accuracy per finding, the mean of the legible ones,
    on a test set of its own; all differences are then chance.

    Parameters
    ----------
    draws
        Simulated tables.
    seed
        Of the generator.

    Returns
    -------
    DataFrame
        Index T: `variants` (legible ones), `best` and `spread` (the largest printed mean; the
        largest less the smallest), `expected_gain` (of the best of equals over their true mean),
        `expected_spread`, `p_spread` (share of simulated tables that spread as far).
    """
    rng = np.random.default_rng(seed)
    table = wilson()
    rows = {}
    for t, legible in table.groupby("T"):
        boxes = legible.pivot(index="method", columns="finding", values="boxes").to_numpy()
        values = legible.pivot(index="method", columns="finding", values="value")
        means = values.mean(axis=1)
        truth = values.mean().to_numpy()
        drawn = (rng.binomial(boxes, truth, (draws, *boxes.shape)) / boxes).mean(axis=2)
        spread = np.ptp(means)
        rows[t] = {
            "variants": len(means),
            "best": means.max(),
            "spread": spread,
            "expected_gain": drawn.max(axis=1).mean() - truth.mean(),
            "expected_spread": np.ptp(drawn, axis=1).mean(),
            "p_spread": (np.ptp(drawn, axis=1) >= spread).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("T")


def draw_wilson(cells: pd.DataFrame, axes: "Axes") -> "Axes":
    """Accuracies of the variants at one T with their Wilson intervals, side by side per finding.

    Parameters
    ----------
    cells
        Rows of `wilson` at one T.
    axes
        Where to draw.
    """
    findings = list(dict.fromkeys(cells["finding"]))
    groups = list(cells.groupby("method", sort=False))
    for number, (name, rows) in enumerate(groups):
        y = rows["finding"].map(findings.index) + (number - (len(groups) - 1) / 2) * 0.12
        reach = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
        axes.errorbar(rows["value"], y, xerr=reach, fmt="o", ms=2.5, lw=1,
                      color=SERIES[number % len(SERIES)], label=name)  # fmt: skip
    axes.set_yticks(range(len(findings)), findings)
    axes.invert_yaxis()
    axes.set(xlabel="IoU accuracy, 95 % interval", xlim=(0, 1))
    axes.figure.legend(loc="outside lower center", ncols=2, fontsize=TINY)
    return axes
