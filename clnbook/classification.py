"""Page `classification`: AUC of runs beside the paper's 19 rows (section 3.3, Table 2).

Figures: ROC curves, reliability and confusion.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook import bca, published
from clnbook.style import (
    BLIND,
    MISSING,
    PREDICTED,
    SERIES,
    TINY,
    Page,
    cell,
    cells,
    page,
)
from clnbook.summary import interval
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import truth
from clnlib.metrics.localisation import MEAN, PAPER
from clnlib.parameters import Conventions
from clnlib.runs import PROBABILITY, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> pd.DataFrame:
    """Table 2 for one run: AUC on its test part beside the printed value.

    Parameters
    ----------
    run
        A finished stage-2 run.
    conventions
        Only `rows` matters to an AUC: a row per box, or per image with all its boxed findings.
    resamples
        Of the patients; the same resamples as in `clnbook.localisation`.

    Returns
    -------
    DataFrame
        A row per finding and "Mean" (over findings): `finding`, `value`, `low`, `high` (95 %
        percentile interval), `bca low`, `bca high` (bias-corrected, accelerated), `n_true` (rows
        of the finding; for the mean, of all), `undefined` (resamples in which every row or no row
        has the finding), `paper` (Table 2, same backbone; a mean over other findings is none),
        `paper_inside` (whether it lies in [low, high]; missing without either), `n_boxes`,
        `n_images`, `n_patients` (of the test part).
    """
    test = run.part("test")
    rows, is_true = truth(test, run.findings, conventions.rows)
    drawn = bootstrap.counts(rows["patient"], resamples)
    every = np.concatenate([drawn, bca.jackknife_counts(rows["patient"])])
    each = [
        bootstrap.auc(is_true[:, k], rows[PROBABILITY + f], every)
        for k, f in enumerate(run.findings)
    ]
    number = [*is_true.sum(axis=0), len(rows)]
    columns = [*each, bootstrap.mean_defined(np.stack(each, axis=1))]
    lines = []
    for finding, areas, true in zip((*run.findings, MEAN), columns, number, strict=True):
        samples, left = np.split(areas, [len(drawn)])
        _, bca_low, bca_high = bca.bca(samples, left)
        line = {"finding": finding, **interval(samples), "bca low": bca_low, "bca high": bca_high}
        lines.append(line | {"n_true": int(true), "undefined": bootstrap.undefined(samples)})
    frame = pd.DataFrame(lines)
    printed = published.of_variant(published.table2(), run.parameters.backbone, run.findings)
    paper = frame["finding"].map(printed.set_index("finding")["value"]).astype(float)
    known = paper.notna() & frame["low"].notna()
    inside = paper.between(frame["low"], frame["high"]).astype("boolean").where(known)
    sizes = {f"n_{name}s": test[name].nunique() for name in ("image", "patient")}
    return frame.assign(paper=paper, paper_inside=inside, n_boxes=len(test), **sizes)


def styled(frame: pd.DataFrame, title: str) -> Page:
    """`table`'s frame as a page shows it: findings down, both intervals, the paper's.

    Parameters
    ----------
    frame
        From `table`.
    title
        What was evaluated; first words of the caption.
    """
    inside = frame["paper_inside"].map({True: "inside", False: "outside"}).astype(object)
    texts = pd.DataFrame(
        {
            "rows": frame["n_true"],
            "AUC (percentile)": cells(frame),
            "AUC (BCa)": cells(frame.assign(bca=frame["value"]), "bca"),
            "paper": [cell(value) for value in frame["paper"]],
            "paper and interval": inside.fillna(MISSING),
            "resamples without AUC": frame["undefined"],
        }
    ).set_axis(frame["finding"].to_list())
    total = frame.iloc[-1]
    return page(
        texts,
        f"{title}: one-vs-rest AUC on {total['n_boxes']} boxes in "
        f"{total['n_images']} images of {total['n_patients']} patients, with 95 % intervals over "
        "patients, by percentiles and bias-corrected and accelerated (BCa).",
    )


def beside_table2(frames: Mapping[str, pd.DataFrame]) -> Page:
    """Table 2 with runs above the paper's rows: methods down, findings across.

    Parameters
    ----------
    frames
        From `table`, by the run's name.
    """
    findings = [*dict.fromkeys(f for each in frames.values() for f in each["finding"][:-1]), MEAN]
    digits = [3 if finding == MEAN else 2 for finding in findings]  # as the paper prints them
    lines: dict[tuple[str, str], list[str]] = {}
    for name, frame in frames.items():
        rows = frame.set_index("finding").reindex(findings)
        numbers = zip(rows["value"], rows["low"], rows["high"], digits, strict=True)
        lines["this study", name] = [cell(*number) for number in numbers]
    printed = published.comparable(published.table2(), findings[:-1])
    if set(findings[:-1]) & set(printed["finding"]):
        for (method, reference), rows in printed.groupby(["method", "reference"], sort=False):
            values = rows.set_index("finding")["value"].reindex(findings)
            name = f"{method} ({reference})" if reference else method
            lines["paper", name] = [cell(v, digits=d) for v, d in zip(values, digits, strict=True)]
    return page(
        pd.DataFrame(lines, index=findings).T.rename_axis(["", "method"]),
        "One-vs-rest AUC: runs of this study on their test part, with 95 % percentile intervals "
        "over patients, and Table 2 of the paper as printed. The methods were not tested on the "
        "same images.",
    )


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
        calibration error, is written out. From `clnbook.rates.reliability`.
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
    import seaborn

    share = table.div(table.sum(axis=1), axis=0).fillna(0)
    looks = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar": False, "annot_kws": {"fontsize": TINY}}
    seaborn.heatmap(share, annot=table, fmt="d", square=True, ax=axes, **looks)
    axes.tick_params(length=0, labelsize=TINY)
    axes.set_xticklabels(axes.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    axes.set(xlabel="predicted", ylabel="true")
    return axes
