"""Table 1 beside boxes that never see the image."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook import blind_boxes, published
from clnbook.audit import leakage, manysplits
from clnbook.style import BLIND, INK, OTHER, PREDICTED
from clnlib.data import nih
from clnlib.data.splits import PARTS
from clnlib.findings import BOXED
from clnlib.metrics import localisation as metrics
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def accuracy(protocol: str = "patient", seeds: tuple[int, ...] = leakage.SEEDS) -> pd.DataFrame:
    """IoU accuracy of the class-medoid box, fitted on training and tested on test boxes.

    Parameters
    ----------
    protocol
        Of `clnlib.data.splits.make_split`.
    seeds
        Of the splits.

    Returns
    -------
    DataFrame
        Index seed and T, columns the findings and "Mean"; in [0, 1].
    """
    names = dict(zip(["x1", "y1", "x2", "y2"], TRUE_BOX, strict=True))
    boxes = nih.load_boxes().rename(columns=names).assign(**dict.fromkeys(PREDICTED_BOX, 0.0))
    tables = {}
    for seed, part in zip(seeds, manysplits.parts(protocol, seeds), strict=True):
        guessed = blind_boxes.blind(boxes.assign(part=np.array(PARTS)[part]))
        tables[seed] = metrics.iou_accuracy(guessed[guessed["part"] == "test"], BOXED)
    return pd.concat(tables, names=["seed"])


def against(protocol: str = "patient", seeds: tuple[int, ...] = leakage.SEEDS) -> pd.DataFrame:
    """Every legible cell of Table 1 beside the blind box of every split.

    Returns
    -------
    DataFrame
        One row per cell and split: `seed`, `T`, `method`, `family`, `finding` ("Mean" among
        them), `value`, `blind` and `beaten` (the blind box is above the printed value).
    """
    keep = ["T", "method", "family", "finding", "value"]
    blind = accuracy(protocol, seeds).stack().rename("blind").reset_index()
    rows = published.legible()[keep].merge(blind, on=["T", "finding"], sort=False)
    return rows[["seed", *keep, "blind"]].assign(beaten=rows["blind"] > rows["value"])


def share_beaten(cells: pd.DataFrame) -> pd.DataFrame:
    """Share of the cells of `against`, means left out, that a blind box beats.

    Returns
    -------
    DataFrame
        One row per method: `family`, `cells`, `beaten` (how many lie below the mean over splits
        of the blind box's accuracy), `share` (`beaten` of `cells`), `low` and `high` (the fewest
        and the most that a single split beats). A split has few boxes of a finding, so that its
        accuracies come in steps; `beaten` may lie outside `low` to `high`.
    """
    method = ["family", "method"]
    rows = cells[cells["finding"] != metrics.MEAN]
    mean = rows.groupby([*method, "T", "finding"], as_index=False)[["value", "blind"]].mean()
    each = mean.assign(beaten=mean["blind"] > mean["value"]).groupby(method)["beaten"]
    table = each.agg(cells="size", beaten="sum", share="mean")
    by_split = rows.groupby([*method, "seed"])["beaten"].sum().groupby(method)
    table = table.join(by_split.agg(low="min", high="max")).reset_index("family")
    return table.sort_values("share", ascending=False)


def draw_against(cells: pd.DataFrame, axes: "Axes") -> "Axes":
    """Printed mean accuracies against T beside the blind box's, with its range over splits.

    Parameters
    ----------
    cells
        From `against`.
    axes
        Where to draw.
    """
    means = cells[cells["finding"] == metrics.MEAN].sort_values("T")
    families = {published.CLN: (PREDICTED, "CLN variants"), published.SOTA: (OTHER, "published")}
    printed = means.drop_duplicates(["method", "T"])
    for family, (colour, label) in families.items():
        for number, (_, rows) in enumerate(printed[printed["family"] == family].groupby("method")):
            name = label if number == 0 else f"_{label}"
            axes.plot("T", "value", "o-", data=rows, color=colour, lw=0.9, ms=2, label=name)
    blind = means.groupby("T")["blind"].agg(["min", "mean", "max"])
    axes.fill_between(blind.index, blind["min"], blind["max"], color=BLIND, alpha=0.3, lw=0)
    axes.plot(blind.index, blind["mean"], "s--", color=BLIND, lw=2, ms=4, label="blind box")
    axes.set(xlabel="T(IoU)", ylabel="mean IoU accuracy", ylim=(0, 1))
    axes.legend()
    return axes


def draw_share_beaten(shares: pd.DataFrame, axes: "Axes") -> "Axes":
    """Share of each method's legible cells that a blind box beats, with its range over splits.

    Parameters
    ----------
    shares
        From `share_beaten`.
    axes
        Where to draw.
    """
    colours = [PREDICTED if family == published.CLN else OTHER for family in shares["family"]]
    low, high = (shares[end] / shares["cells"] for end in ("low", "high"))
    # The mean over splits may beat more cells than any split: the line then has one end only.
    reach = ((shares["share"] - low).clip(lower=0), (high - shares["share"]).clip(lower=0))
    bars = axes.barh(list(shares.index), shares["share"], xerr=reach, color=colours, ecolor=INK)
    columns = (shares[c] for c in ("beaten", "low", "high", "cells"))
    labels = [f"{b} of {n} ({lo}–{hi})" for b, lo, hi, n in zip(*columns, strict=True)]
    axes.bar_label(bars, labels, padding=2)
    axes.invert_yaxis()
    axes.set(xlabel="share of legible cells below the blind box", xlim=(0, 1))
    return axes
