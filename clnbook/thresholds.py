"""Mean IoU accuracy against the threshold T, and its decrease (Figures 2, 5 and 7).

Serves the pages `localisation` (Figures 2 and 7), `gradcam` (Figure 5) and `index`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import experts, names, published
from clnbook.style import BLIND, PAPER, SERIES, TINY, Label, label_right
from clnbook.summary import BLIND_BOX, interval, resampled
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, THRESHOLDS
from clnlib.parameters import Conventions
from clnlib.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ["series", "kind", "T", "value", "low", "high"]
KINDS = ("ours", "baseline", "experts", "paper")  # the order of importance
EXPERTS = "radiologists"


def curves(
    runs: Sequence[Run],
    conventions: Conventions = metrics.PAPER,
    resamples: int = bootstrap.RESAMPLES,
    relative: bool = False,
) -> pd.DataFrame:
    """Mean IoU accuracy against T (Figure 2): runs, floor, ceiling, and the paper's eleven series.

    The floor is the blind box, the ceiling the agreement of radiologists (`clnbook.experts`). The
    ceiling and the paper's series are left out where the runs have other findings than its eight.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    conventions
        How IoU accuracy counts.
    resamples
        Of the patients.
    relative
        The decrease in % of the value at T = 0.1 instead (Figure 7), its interval that of the
        decrease within each resample; a series without a value above 0 there is left out.

    Returns
    -------
    DataFrame
        `series`, `kind` ("ours" | "baseline" | "experts" | "paper"), `T`, `value`, `low`, `high`
        (over patients; for the experts over images; NaN for the paper, of which only legible
        means are there).
    """
    tables = []
    splits = {run.folder: title for title, run in names.by_split(runs).items()}
    for name, run in zip(names.labels(runs), runs, strict=True):
        each = resampled(run, conventions, resamples)
        # Short, and distinct from the printed series of the same variant.
        short = name.removeprefix("CLN-").replace("λ = ", "λ ")
        tables.append(curve(short, "ours", each.network[:, -1], relative))
        if run.folder in splits:
            which = f", {splits[run.folder]}" if len(splits) > 1 else ""
            tables.append(curve(f"{BLIND_BOX}{which}", "baseline", each.blind[:, -1], relative))
    if {f for run in runs for f in run.findings} == {*experts.CEILING}:
        tables.append(curve(EXPERTS, "experts", experts.ceiling_samples(), relative))
    for name, means in _printed_means(runs).iterrows():
        tables.append(curve(str(name), "paper", means.to_numpy()[None], relative))
    return pd.concat(tables).dropna(subset="value", ignore_index=True)


def curve(
    series: str, kind: str, means: NDArray[np.float64], relative: bool = False
) -> pd.DataFrame:
    """The rows of one series.

    Parameters
    ----------
    series, kind
        As in `curves`.
    means
        (1 + R, 7 or more) accuracies at every T, and of every resample where there are any.
    relative
        As in `curves`.
    """
    values = means[:, : len(THRESHOLDS)]
    if relative:
        first = np.where(values[:, :1] > 0, values[:, :1], np.nan)
        values = 100 * (first - values) / first
    table = pd.DataFrame([interval(column) for column in values.T])
    return table.assign(series=series, kind=kind, T=THRESHOLDS)[COLUMNS]


def _printed_means(runs: Sequence[Run]) -> pd.DataFrame:
    """Methods by T, NaN where not legible; no method beside runs that have other findings."""
    table = published.comparable(published.legible(), {f for run in runs for f in run.findings})
    known = table[table["finding"] == MEAN]
    wide = known.pivot(index="method", columns="T", values="value").reindex(columns=THRESHOLDS)
    return wide.loc[known["method"].unique()]


def draw(frame: pd.DataFrame, axes: "Axes", relative: bool = False) -> "Axes":
    """Ours between floor and ceiling, beside the printed series, against T.

    Ours are thick, in colour, in the band of their interval; baselines and, dotted, the experts are
    grey in a grey band; the paper's are thin and dashed. Every series is named at its right end, a
    single point left of it, where no curve runs.

    Parameters
    ----------
    frame
        From `curves`; NaN where a value is unknown or has no interval.
    axes
        Where to draw.
    relative
        Whether the values are decreases in per cent.
    """
    if relative:
        label, top = f"decrease since T = {frame['T'].min():g} (%)", 100
    else:
        label, top = "IoU accuracy", 1
    axes.set(xlabel="T(IoU)", ylabel=label, ylim=(0, top), xticks=sorted(frame["T"].unique()))
    labels = []
    for kind in reversed(KINDS):  # the most important lie on top
        rows = frame[frame["kind"] == kind]
        for number, (name, line) in enumerate(rows.groupby("series", sort=False)):
            ours = SERIES[number % len(SERIES)]
            colour = {"ours": ours, "paper": PAPER}.get(kind, BLIND)
            line = line.sort_values("T")
            _line(line, kind, colour, axes)
            known = line.dropna(subset="value")
            if len(known) > 1:
                end = known.iloc[-1]
                labels.append(Label(str(name), colour, end["T"], end["value"]))
            elif len(known):  # a line from a single point to the edge would read as a series
                axes.annotate(str(name), tuple(known[["T", "value"]].iloc[0]), (-4, 0), ha="right",
                              va="center", textcoords="offset points", color=colour,
                              fontsize=TINY)  # fmt: skip
    if axes.texts:  # of single points
        first, *_, last = axes.get_xticks()
        axes.set_xlim(left=first - 0.4 * (last - first))
    label_right(labels[::-1], axes)
    return axes


def _line(line: pd.DataFrame, kind: str, colour: str, axes: "Axes") -> None:
    looks: dict[str, Any] = {
        "ours": {"lw": 2.0, "ms": 4, "ls": "-"},
        "baseline": {"lw": 1.5, "ms": 3, "ls": "-."},
        "experts": {"lw": 1.5, "ms": 3, "ls": ":"},
        "paper": {"lw": 0.8, "ms": 2.5, "ls": "--"},
    }[kind]
    name = line["series"].iloc[0]
    axes.plot("T", "value", "o", data=line, color=colour, label=name, **looks)
    if line["low"].notna().any():
        axes.fill_between(line["T"], line["low"], line["high"], color=colour, alpha=0.2, lw=0)
