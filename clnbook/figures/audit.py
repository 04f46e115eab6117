"""Pictures of the audit: verdicts, class sizes, blind boxes, intervals, leakage."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook.style import BLIND, OTHER, PREDICTED, SERIES, TINY, TRUE
from clnlib.metrics.localisation import MEAN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADES = (TRUE, PREDICTED, "#E69F00", BLIND)  # of the four verdicts, in the ledger's order


def verdicts(counts: pd.Series, axes: "Axes") -> "Axes":
    """Number of claims by verdict, as bars with their numbers.

    Parameters
    ----------
    counts
        Index the verdicts (from `clnbook.audit.audit.summary`).
    axes
        Where to draw.
    """
    bars = axes.barh(list(counts.index), counts.to_numpy(), color=SHADES[: len(counts)])
    axes.bar_label(bars, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("claims")
    return axes


def verdicts_by_section(claims: pd.DataFrame, order: list[str], axes: "Axes") -> "Axes":
    """Number of claims of each section, stacked by verdict.

    Parameters
    ----------
    claims
        The ledger: `section`, `verdict`.
    order
        The verdicts, in the order of stacking.
    axes
        Where to draw.
    """
    sections = list(dict.fromkeys(claims["section"]))
    table = pd.crosstab(claims["section"], claims["verdict"]).reindex(
        index=sections, columns=order, fill_value=0
    )
    left = np.zeros(len(table))
    for verdict, colour in zip(order, SHADES, strict=True):
        axes.barh(sections, table[verdict], left=left, color=colour, label=verdict)
        left += table[verdict].to_numpy()
    axes.invert_yaxis()
    axes.set(xlabel="claims", ylabel="section")
    axes.legend(fontsize=TINY)
    return axes


def admissible_sizes(sizes: dict[str, pd.DataFrame], fifth: pd.Series, grid: np.ndarray) -> None:
    """The class sizes that each variant admits, a panel per finding.

    A common test set would give a column of six points. Large points also fit the printed means.

    Parameters
    ----------
    sizes
        Variant to frame from `clnbook.audit.testsets.admissible`.
    fifth
        20 % of each finding's boxes, marked by a line.
    grid
        Axes, as many as findings.
    """
    names = list(sizes)
    for axes, finding in zip(grid.flat, fifth.index, strict=True):
        axes.axvline(fifth[finding], color=BLIND, lw=0.8, ls=":")
        for y, name in enumerate(names):
            row = sizes[name].loc[finding]
            axes.plot(row["sizes"], [y] * len(row["sizes"]), "o", color=OTHER, ms=2)
            kept = row["with_means"]
            axes.plot(kept, [y] * len(kept), "o", color=PREDICTED, ms=4)
        axes.set_yticks(range(len(names)), [name.removeprefix("CLN-") for name in names])
        axes.tick_params(axis="y", labelsize=TINY)
        axes.set_title(finding)
        axes.set(xlim=(4, 61), ylim=(len(names) - 0.5, -0.5))
        axes.label_outer()
    for axes in np.atleast_2d(grid)[-1]:
        axes.set_xlabel("test boxes")


def class_sizes(sizes: pd.DataFrame, fifth: pd.Series, axes: "Axes") -> "Axes":
    """The class sizes that fit each variant, coloured by their distance from 20 %.

    Parameters
    ----------
    sizes
        Index the variants, columns the findings.
    fifth
        20 % of each finding's boxes.
    axes
        Where to draw.
    """
    apart = (sizes - fifth[sizes.columns]).to_numpy()
    largest = np.abs(apart).max()
    axes.imshow(apart, cmap="PuOr", vmin=-2 * largest, vmax=2 * largest, aspect="auto")
    for (y, x), n in np.ndenumerate(sizes.to_numpy()):
        axes.text(x, y, str(n), ha="center", va="center", color="black")
    for y, total in enumerate(sizes.sum(axis=1)):
        axes.text(sizes.shape[1] - 0.3, y, f"Σ {total}", va="center")
    axes.set_xticks(range(sizes.shape[1]), list(sizes.columns), rotation=40, ha="right")
    axes.set_yticks(range(len(sizes)), [name.removeprefix("CLN-") for name in sizes.index])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("test boxes; orange: fewer than 20 %, purple: more")
    return axes


def printed_beside_blind(cells: pd.DataFrame, axes: "Axes") -> "Axes":
    """Printed mean accuracies against T beside the blind box's.

    Parameters
    ----------
    cells
        From `clnbook.audit.blind.against`.
    axes
        Where to draw.
    """
    means = cells[cells["finding"] == MEAN].sort_values("T")
    for family, colour, label in (("cln", PREDICTED, "CLN variants"), ("sota", OTHER, "published")):
        for number, (_, rows) in enumerate(means[means["family"] == family].groupby("method")):
            name = label if number == 0 else f"_{label}"
            axes.plot("T", "value", "o-", data=rows, color=colour, lw=0.9, ms=2, label=name)
    blind = means.drop_duplicates("T")
    axes.plot("T", "blind", "s--", data=blind, color=BLIND, lw=2, ms=4, label="blind box")
    axes.set(xlabel="T(IoU)", ylabel="mean IoU accuracy", ylim=(0, 1))
    axes.legend()
    return axes


def beaten(shares: pd.DataFrame, axes: "Axes") -> "Axes":
    """Share of each method's legible cells that a blind box beats.

    Parameters
    ----------
    shares
        From `clnbook.audit.blind.share_beaten`.
    axes
        Where to draw.
    """
    colours = [PREDICTED if family == "cln" else OTHER for family in shares["family"]]
    bars = axes.barh(list(shares.index), shares["share"], color=colours)
    labels = [f"{b} of {n}" for b, n in zip(shares["beaten"], shares["cells"], strict=True)]
    axes.bar_label(bars, labels, padding=2)
    axes.invert_yaxis()
    axes.set(xlabel="share of legible cells below the blind box", xlim=(0, 1))
    return axes


def intervals(cells: pd.DataFrame, axes: "Axes") -> "Axes":
    """Accuracies of the variants at one T with their Wilson intervals, side by side per finding.

    Parameters
    ----------
    cells
        Rows of `clnbook.audit.uncertainty.wilson` at one T.
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


def dumbbells(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Printed beside recomputed values, a line between them.

    Parameters
    ----------
    table
        Index the labels; the first column is drawn hollow, every other one filled; columns name
        the legend.
    axes
        Where to draw.
    """
    places = np.arange(len(table))
    axes.hlines(places, table.min(axis=1), table.max(axis=1), color=BLIND, lw=0.8)
    for number, column in enumerate(table):
        colour = (OTHER, PREDICTED, TRUE)[number % 3]
        axes.plot(table[column], places, "os^"[number % 3], color=colour, ms=7 - 2 * number,
                  fillstyle="none" if number == 0 else "full", ls="", label=column)  # fmt: skip
    axes.set_yticks(places, list(table.index))
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.figure.legend(loc="outside lower center", ncols=3)
    return axes


def leakage_bars(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Shares of test boxes whose image, and whose patient, the network was trained on.

    Parameters
    ----------
    table
        From `clnbook.audit.leakage.protocols`.
    axes
        Where to draw.
    """
    places = np.arange(len(table))
    for shift, column, colour in ((-0.2, "image_seen", OTHER), (0.2, "patient_seen", PREDICTED)):
        label = column.replace("_", " ") + " in training"
        bars = axes.barh(places + shift, table[column], height=0.35, color=colour, label=label)
        axes.bar_label(bars, [f"{share:.0%}" for share in table[column]], padding=2)
    axes.set_yticks(places, [f"split by {name}" for name in table.index])
    axes.invert_yaxis()
    axes.set(xlabel="share of test boxes", xlim=(0, max(0.1, 1.25 * table["patient_seen"].max())))
    axes.figure.legend(loc="outside lower center", ncols=2)
    return axes
