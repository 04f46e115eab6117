"""Pictures of a training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from clnbook.figures.style import BLIND, OTHER, PREDICTED, TRUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_curves(history: pd.DataFrame, names: Sequence[str], best: int, axes: "Axes") -> "Axes":
    """Training (thin) and validation (thick) values of some columns over the epochs.

    Parameters
    ----------
    history
        One row per epoch, columns `epoch`, `<name>`, `val_<name>`.
    names
        Columns to draw; absent ones are left out.
    best
        The epoch whose weights were kept, marked.
    axes
        Where to draw.
    """
    for colour, name in zip((OTHER, PREDICTED, TRUE), names, strict=False):
        for column, width in ((name, 1), (f"val_{name}", 2.5)):
            if column in history:
                axes.plot("epoch", column, data=history, color=colour, lw=width, label=column)
    axes.axvline(best, color=BLIND, ls=":", lw=1)
    axes.annotate(" kept", (best, 1), xycoords=("data", "axes fraction"), va="top", color=BLIND)
    axes.set_xlabel("epoch")
    axes.label_outer()
    axes.legend(frameon=False, ncols=2)
    return axes
