"""Table 1 beside boxes that never see the image."""

from typing import TYPE_CHECKING

import pandas as pd

from clnbook import blind_boxes, published
from clnbook.audit import leakage
from clnbook.style import BLIND, OTHER, PREDICTED
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
        Of the splits; values are means over them.

    Returns
    -------
    DataFrame
        Index T, columns the findings and "Mean"; in [0, 1].
    """
    names = dict(zip(["x1", "y1", "x2", "y2"], TRUE_BOX, strict=True))
    tables = []
    for seed in seeds:
        rows = leakage.split(protocol, seed).rename(columns=names)
        guessed = blind_boxes.blind(rows.assign(**dict.fromkeys(PREDICTED_BOX, 0.0)))
        tables.append(metrics.iou_accuracy(guessed[guessed["part"] == "test"], BOXED))
    return pd.concat(tables).groupby(level="T").mean()


def against(protocol: str = "patient", seeds: tuple[int, ...] = leakage.SEEDS) -> pd.DataFrame:
    """Every legible cell of Table 1 beside the blind box.

    Returns
    -------
    DataFrame
        `T`, `method`, `family`, `finding` ("Mean" among them), `value`, `blind` and `beaten`
        (the blind box is above the printed value).
    """
    table = published.table1()
    keep = ["T", "method", "family", "finding", "value"]
    rows = table.loc[table["transcription"] == published.OK, keep]
    blind = accuracy(protocol, seeds).stack()
    rows = rows.assign(blind=blind.reindex(pd.MultiIndex.from_frame(rows[["T", "finding"]])).array)
    return rows.assign(beaten=rows["blind"] > rows["value"]).reset_index(drop=True)


def share_beaten(cells: pd.DataFrame) -> pd.DataFrame:
    """Share of the cells of `against`, means left out, that a blind box beats.

    Returns
    -------
    DataFrame
        One row per method: `family`, `cells`, `beaten` (their number), `share`.
    """
    each = cells[cells["finding"] != metrics.MEAN].groupby(["family", "method"])["beaten"]
    table = each.agg(cells="size", beaten="sum", share="mean").reset_index("family")
    return table.sort_values("share", ascending=False)


def draw_against(cells: pd.DataFrame, axes: "Axes") -> "Axes":
    """Printed mean accuracies against T beside the blind box's.

    Parameters
    ----------
    cells
        From `against`.
    axes
        Where to draw.
    """
    means = cells[cells["finding"] == metrics.MEAN].sort_values("T")
    families = {published.CLN: (PREDICTED, "CLN variants"), published.SOTA: (OTHER, "published")}
    for family, (colour, label) in families.items():
        for number, (_, rows) in enumerate(means[means["family"] == family].groupby("method")):
            name = label if number == 0 else f"_{label}"
            axes.plot("T", "value", "o-", data=rows, color=colour, lw=0.9, ms=2, label=name)
    blind = means.drop_duplicates("T")
    axes.plot("T", "blind", "s--", data=blind, color=BLIND, lw=2, ms=4, label="blind box")
    axes.set(xlabel="T(IoU)", ylabel="mean IoU accuracy", ylim=(0, 1))
    axes.legend()
    return axes


def draw_share_beaten(shares: pd.DataFrame, axes: "Axes") -> "Axes":
    """Share of each method's legible cells that a blind box beats.

    Parameters
    ----------
    shares
        From `share_beaten`.
    axes
        Where to draw.
    """
    colours = [PREDICTED if family == published.CLN else OTHER for family in shares["family"]]
    bars = axes.barh(list(shares.index), shares["share"], color=colours)
    labels = [f"{b} of {n}" for b, n in zip(shares["beaten"], shares["cells"], strict=True)]
    axes.bar_label(bars, labels, padding=2)
    axes.invert_yaxis()
    axes.set(xlabel="share of legible cells below the blind box", xlim=(0, 1))
    return axes
