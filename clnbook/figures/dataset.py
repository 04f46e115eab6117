"""Pictures of the data card: all boxes of a finding, ages."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clnbook.figures.style import OTHER, TRUE
from clnlib.runs import TRUE_BOX

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def all_boxes(boxes: pd.DataFrame, axes: "Axes") -> "Axes":
    """Every box of a frame as a thin outline: where they lie, and how much they vary."""
    from matplotlib.collections import LineCollection

    x1, y1, x2, y2 = boxes[TRUE_BOX].to_numpy(dtype=float).T
    outlines = np.stack(
        [
            np.stack(corners, axis=1)
            for corners in ((x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1))
        ],
        axis=1,
    )
    axes.add_collection(LineCollection(list(outlines), colors=TRUE, linewidths=0.6, alpha=0.35))
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xticks=[], yticks=[])
    return axes


def ages(years: ArrayLike, axes: "Axes") -> "Axes":
    """A histogram of ages in years, five years a bar."""
    axes.hist(
        np.asarray(years), bins=list(range(0, 101, 5)), color=OTHER, edgecolor="white", lw=0.5
    )
    axes.set(xlabel="age in years", ylabel="images")
    return axes
