"""Page `losses`: the positive control, a few real images to be learnt by heart.

`benchmarks/overfit.py` makes the curves; no image lies in them.
"""

from typing import TYPE_CHECKING

import pandas as pd

from clnbook.style import PREDICTED, TRUE
from clnlib import paths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE = ["backbone", "images", "loss"]
LOSSES = {"iou": ("1 − IoU", PREDICTED), "giou": ("GIoU", TRUE)}
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
    last = last.rename(index={name: words for name, (words, _) in LOSSES.items()}, level="loss")
    return last[["step", "no overlap, first", "no overlap, last", "IoU", "accuracy"]]


def draw(every: pd.DataFrame, axes: "Axes") -> "Axes":
    """Mean IoU as evaluated against the step, the losses by colour, more images dashed."""
    fewest = every["images"].min()
    for (backbone, images, loss), rows in every.groupby(CURVE, sort=False):
        words, colour = LOSSES[loss]
        dash = "-" if images == fewest else "--"
        axes.plot(
            rows["step"], rows["IoU"], dash, color=colour, label=f"{words}, {images}, {backbone}"
        )
    axes.set(xlabel="step", ylabel="mean IoU", ylim=(0, 1))
    return axes
