"""ROC curves, reliability and confusion (section 3.3)."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook.figures.style import BLIND, INK, OTHER, PREDICTED, SERIES, TINY
from clnlib.metrics.localisation import MEAN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """ROC curves, the mean over findings thick and in its band; a finding alone has its own band.

    Parameters
    ----------
    frame
        Long: `finding` ("Mean" among them, if there is one), `fpr`, `tpr`, `low`, `high`.
    axes
        Where to draw.
    """
    axes.plot([0, 1], [0, 1], color=BLIND, lw=0.8, ls=":", label="_chance")
    groups = dict(list(frame.groupby("finding", sort=False)))
    ordinary = [name for name in groups if name != MEAN]
    for name, rows in groups.items():
        main = name == MEAN or len(groups) == 1
        number = 0 if main else ordinary.index(name) + 1
        # Six colours serve more findings: the second round is dashed.
        colour, ls = SERIES[number % len(SERIES)], "-" if number < len(SERIES) else "--"
        axes.plot("fpr", "tpr", data=rows, color=colour, ls=ls, lw=2 if main else 0.9, label=name,
                  zorder=3 if main else 2)  # fmt: skip
        if main:
            axes.fill_between(rows["fpr"], rows["low"], rows["high"], color=colour, alpha=0.2,
                              lw=0)  # fmt: skip
    axes.set(xlabel="false-positive rate", ylabel="true-positive rate", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    if groups:
        axes.legend(frameon=False, fontsize=TINY, loc="upper left", bbox_to_anchor=(1, 1))
    return axes


def reliability(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """Accuracy against confidence; a calibrated network's points lie on the diagonal.

    Parameters
    ----------
    frame
        One row per bin: `confidence` and `accuracy` (means, 0 to 1), `low`, `high` (of the
        accuracy), `n` (rows in the bin, the marker's area); `attrs["ece"]`, the expected
        calibration error, is told. From `clnlib.metrics.classification.reliability`.
    axes
        Where to draw.
    """
    axes.plot([0, 1], [0, 1], color=BLIND, lw=0.8, ls=":", label="_calibrated")
    ends = np.abs(frame[["low", "high"]].to_numpy() - frame[["accuracy"]].to_numpy()).T
    axes.errorbar(frame["confidence"], frame["accuracy"], ends, color=PREDICTED, lw=1,
                  elinewidth=0.8)  # fmt: skip
    area = 60 * frame["n"] / frame["n"].max()
    axes.scatter(frame["confidence"], frame["accuracy"], area, color=PREDICTED, zorder=3)
    axes.text(0.04, 0.96, f"expected calibration\nerror {frame.attrs['ece']:.3f}", va="top",
              transform=axes.transAxes)  # fmt: skip
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    return axes


def confusion(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Counts of true (rows) by predicted (columns) findings, coloured by their share of the row.

    Parameters
    ----------
    table
        Counts; a finding that no row has is left white.
    axes
        Where to draw.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = table.to_numpy(dtype=float)
    whole = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, whole, out=np.full_like(counts, np.nan), where=whole > 0)
    shades = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", OTHER])
    axes.imshow(share, cmap=shades.with_extremes(bad="#FFFFFF"), vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        colour = "#FFFFFF" if share[i, j] > 0.6 else "#000000" if count else INK
        axes.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=TINY, color=colour)
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=45, ha="right",
                    rotation_mode="anchor", fontsize=TINY)  # fmt: skip
    axes.set_yticks(range(table.shape[0]), table.index, fontsize=TINY)
    axes.set(xlabel="predicted", ylabel="true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes
