"""Accuracy against the IoU threshold T and against λ (Figures 2, 4, 5 and 7)."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clnbook.figures.labels import Label, label_right
from clnbook.figures.style import BLIND, COLUMN, OTHER, PAPER, PREDICTED, SERIES, SMALL, TINY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("ours", "baseline", "paper")  # the order of importance
GRID = tuple(k / 10 for k in range(1, 10))  # the paper's λ, section 3.4.2


def accuracy_curves(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """IoU accuracy against T, the network and the image-blind box with their intervals (Figure 2).

    Parameters
    ----------
    table
        From `clnbook.tables.summary`.
    axes
        Where to draw.
    """
    rows = table[table.index.str.startswith("IoU accuracy")]
    t = [float(name.rsplit(" ", 1)[1]) for name in rows.index]
    for name, ends, colour in (
        ("network", ("low", "high"), PREDICTED),
        ("blind box", ("blind low", "blind high"), BLIND),
    ):
        axes.plot(t, rows[name], "o-", color=colour, label=name)
        axes.fill_between(t, rows[ends[0]], rows[ends[1]], color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="T(IoU)", ylabel="IoU accuracy", ylim=(0, 1))
    axes.legend(frameon=False)
    return axes


def accuracy_by_threshold(curves: pd.DataFrame, axes: "Axes") -> "Axes":
    """IoU accuracy against T: ours beside the printed series and the blind boxes (Figures 2, 5).

    Ours are thick, in colour, in the band of their interval; baselines are grey in a grey band;
    the paper's are thin and dashed. Every series is named at its right end, a single point beside
    it.

    Parameters
    ----------
    curves
        Long: `series`, `kind` ("ours" | "paper" | "baseline"), `T`, `value`, `low`, `high` (NaN
        where there is no interval).
    axes
        Where to draw.
    """
    axes.set(xlabel="T(IoU)", ylabel="IoU accuracy", ylim=(0, 1))
    return _series(curves, axes)


def decay(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """Decrease of the accuracy in per cent of that at the lowest T, against T (Figure 7).

    Parameters
    ----------
    frame
        As for `accuracy_by_threshold`, `value`, `low` and `high` in per cent.
    axes
        Where to draw.
    """
    first = frame["T"].min()
    axes.set(xlabel="T(IoU)", ylabel=f"decrease since T = {first:g} (%)", ylim=(0, 100))
    return _series(frame, axes)


def _series(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """One line per series of each kind, with band and name."""
    labels = []
    for kind in reversed(KINDS):  # the most important lie on top
        rows = frame[frame["kind"] == kind]
        for number, (name, line) in enumerate(rows.groupby("series", sort=False)):
            line = line.sort_values("T")
            colour = {"paper": PAPER, "baseline": BLIND}.get(kind, SERIES[number % len(SERIES)])
            _line(line, kind, str(name), colour, axes)
            known = line.dropna(subset="value")
            if len(known) > 1:
                end = known.iloc[-1]
                labels.append(Label(str(name), colour, end["T"], end["value"]))
            elif len(known):  # a line from a single point to the edge would read as a series
                axes.annotate(str(name), tuple(known[["T", "value"]].iloc[0]), (4, 0), va="center",
                              textcoords="offset points", color=colour, fontsize=TINY)  # fmt: skip
    axes.set_xticks(sorted(frame["T"].unique()))
    label_right(labels[::-1], axes)
    return axes


def _line(line: pd.DataFrame, kind: str, name: str, colour: str, axes: "Axes") -> None:
    looks: dict[str, Any] = {
        "ours": {"lw": 2.0, "ms": 4, "ls": "-"},
        "baseline": {"lw": 1.5, "ms": 3, "ls": "-."},
        "paper": {"lw": 0.8, "ms": 2.5, "ls": "--"},
    }[kind]
    axes.plot("T", "value", "o", data=line, color=colour, label=name, **looks)
    if line["low"].notna().any():
        axes.fill_between(line["T"], line["low"], line["high"], color=colour, alpha=0.2, lw=0)


def by_lambda(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """Mean AUC and IoU accuracy of one backbone against λ (a panel of Figure 4).

    Points of neighbouring λ (0.1 apart) are joined; a λ that was not run leaves a gap. Points of
    one λ stand a little apart, so that their intervals can be told.

    Parameters
    ----------
    frame
        Long: `backbone`, `lam`, `quantity`, `value`, `low`, `high`.
    axes
        Where to draw.
    """
    quantities = list(frame["quantity"].unique())
    colours = [PREDICTED, "#E69F00", "#CC79A7", "#009E73"]
    for number, quantity in enumerate(quantities):
        is_auc = "AUC" in quantity
        colour = OTHER if is_auc else colours[(number - 1) % len(colours)]
        rows = frame[frame["quantity"] == quantity].set_index("lam")
        x = rows.index.union(pd.Index(GRID).difference(rows.index.to_numpy().round(6)))
        rows = rows.reindex(x).sort_index()
        shift = 0.012 * (number - (len(quantities) - 1) / 2)
        ends = np.abs(rows[["low", "high"]].to_numpy() - rows[["value"]].to_numpy()).T
        axes.errorbar(rows.index + shift, rows["value"], ends, color=colour, label=quantity,
                      fmt="s-" if is_auc else "o-", ms=3, lw=1.2, elinewidth=0.8)  # fmt: skip
    axes.set(xlabel="λ", xlim=(0, 1), ylim=(0, 1), ylabel="mean over findings")
    axes.set_xticks(GRID[::2])
    axes.set_title(frame["backbone"].iloc[0], fontsize=SMALL)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, frameon=False)
    return axes


def lambda_panels(frame: pd.DataFrame) -> "Figure":
    """A panel of `by_lambda` per backbone, two side by side, one legend below (Figure 4).

    Parameters
    ----------
    frame
        From `clnbook.by_lambda.by_lambda`; every setting of a backbone has its panel.
    """
    import matplotlib.pyplot as plt

    groups = list(frame.groupby(["backbone", "setting"], sort=False))
    columns = min(len(groups), 2)
    lines = -(-len(groups) // columns)
    size = (COLUMN, 0.8 + (1.6 if columns > 1 else 2.0) * lines)
    figure, grid = plt.subplots(
        lines, columns, figsize=size, squeeze=False, sharex=True, sharey=True, layout="constrained"
    )
    for k, (axes, ((backbone, setting), rows)) in enumerate(zip(grid.flat, groups, strict=False)):
        by_lambda(rows, axes)
        if setting:
            axes.set_title(f"{backbone}, setting {setting}", fontsize=SMALL)
        axes.get_legend().remove()
        axes.label_outer()
        if k + columns >= len(groups):  # nothing stands below
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("λ")
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    handles, names = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure
