"""Pages `finetune` and `train`: one run's learning curves and test (sections 2.2 and 2.3)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook.style import BLIND, OTHER, PREDICTED, TRUE, Page, cells, page
from clnbook.summary import ACCURACY, BLIND_BOX, NETWORK, interval
from clnlib.metrics import bootstrap
from clnlib.metrics.localisation import MEAN
from clnlib.runs import LABEL, PROBABILITY, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("validation", "test")  # of stage 1 that a page shows
RESAMPLES = 2000  # of stage 1's test part, twenty thousand images: 0.4 GB of counts


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
    axes.legend(ncols=2)
    return axes


def accuracy(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """IoU accuracy against T, the network and the image-blind box with their intervals (Figure 2).

    Parameters
    ----------
    table
        From `clnbook.summary.summary`.
    axes
        Where to draw.
    """
    rows = table[table.index.str.startswith(ACCURACY)]
    t = [float(name.rsplit(" ", 1)[1]) for name in rows.index]
    for name, colour in ((NETWORK, PREDICTED), (BLIND_BOX, BLIND)):
        axes.plot(t, rows[name], "o-", color=colour, label=name)
        ends = rows[f"{name} low"], rows[f"{name} high"]
        axes.fill_between(t, *ends, color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="T(IoU)", ylabel="IoU accuracy", ylim=(0, 1))
    axes.legend()
    return axes


def label_auc(run: Run, resamples: int = RESAMPLES) -> pd.DataFrame:
    """AUC of each label of a stage-1 run, and their mean, on validation and test.

    Returns
    -------
    DataFrame
        Rows the findings and "Mean"; columns `<part>`, `<part> low`, `<part> high` with 95 %
        percentile intervals over patients; NaN where a part lacks images with or without the
        finding (the mean leaves those out).
    """
    columns = {}
    for part in PARTS:
        rows = run.part(part)
        drawn = bootstrap.counts(rows["patient"], resamples)
        areas = [bootstrap.auc(rows[LABEL + f], rows[PROBABILITY + f], drawn) for f in run.findings]
        areas.append(bootstrap.mean_defined(np.stack(areas, axis=1)))
        columns[part] = pd.DataFrame([interval(each, part) for each in areas])
    return pd.concat(columns.values(), axis=1).set_axis([*run.findings, MEAN])


def styled_label_auc(table: pd.DataFrame) -> Page:
    """What `label_auc` gives as a table."""
    texts = pd.DataFrame({part: cells(table, part, digits=3) for part in PARTS}, table.index)
    return page(texts, "AUC with 95 % intervals over patients.")
