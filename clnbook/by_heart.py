"""Page `losses`: the positive control, a few real images to be learnt by heart.

`benchmarks/overfit.py` makes the curves; no image lies in them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from clnbook.published import VARIANTS
from clnbook.style import SERIES
from clnlib import paths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE = ["backbone", "images", "loss"]
LOSSES = {"iou": "1 − IoU", "giou": "GIoU"}
TABLE = paths.CHECKOUT / "benchmarks" / "overfit.csv"


def curves() -> pd.DataFrame:
    """The committed curves: a row per curve of `CURVE` and twentieth step.

    Returns
    -------
    DataFrame
        `CURVE`; `step`; `training IoU`, the mean a step sees; `IoU`, the mean as evaluated; `no
        overlap`, the share of boxes that the predicted one does not touch; `accuracy` of the
        finding; `dead coordinates`.
    """
    return pd.read_csv(TABLE)


def table(every: pd.DataFrame) -> pd.DataFrame:
    """How each curve ends, and what share of boxes had no overlap after its first and last row."""
    groups = every.groupby(CURVE, sort=False)
    last = groups.last().rename(columns={"no overlap": "no overlap, last"})
    last.insert(0, "no overlap, first", groups["no overlap"].first())
    last = last.rename(index=LOSSES, level="loss").rename(index=VARIANTS, level="backbone")
    return last[["step", "no overlap, first", "no overlap, last", "IoU", "accuracy"]]


def draw(every: pd.DataFrame, panels: "Sequence[Axes]") -> None:
    """Mean IoU as evaluated against the step: a panel per loss, a colour per backbone.

    More images than the fewest are dashed.
    """
    fewest = every["images"].min()
    colours = dict(zip(every["backbone"].unique(), SERIES, strict=False))
    for axes, (loss, words) in zip(panels, LOSSES.items(), strict=True):
        rows_of_loss = every[every["loss"] == loss]
        for (backbone, images), rows in rows_of_loss.groupby(["backbone", "images"], sort=False):
            dash, label = ("-", VARIANTS[backbone]) if images == fewest else ("--", None)
            axes.plot(rows["step"], rows["IoU"], dash, color=colours[backbone], label=label)
        axes.set(title=words, ylabel="mean IoU", ylim=(0, 1))
    panels[-1].set_xlabel("step")
