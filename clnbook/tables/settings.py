"""A study by its settings: runs that differ in their seed alone as one line."""

from collections.abc import Sequence

import pandas as pd

from clnbook.tables.names import settings
from clnbook.tables.style import Page, cells, page
from clnbook.tables.summary import ACCURACY, MEAN_IOU, by_split, summary
from clnlib.metrics.localisation import PAPER, THRESHOLDS
from clnlib.parameters import Conventions
from clnlib.runs import Run

_HEADS = {f"{ACCURACY}, T = {t}": f"T = {t}" for t in THRESHOLDS}
_SPREAD = ("mean AUC", MEAN_IOU)


def by_setting(runs: Sequence[Run], convention: Conventions = PAPER) -> pd.DataFrame:
    """Means over seeds of every setting's test numbers, then the blind box of every split.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    convention
        How IoU accuracy counts; its `rows` holds for the AUC too.

    Returns
    -------
    DataFrame
        Indexed by setting (`names.settings`) and "blind box, <split>"; `seeds` and `best epoch`;
        `mean AUC`, `mean IoU`, `T = 0.1` to `T = 0.7` (IoU accuracy), means over findings, then
        over seeds; `empty`, the share of empty validation boxes at the epoch kept; `<mean> lowest`
        and `<mean> highest` of the seeds for the first two.
    """
    points = {id(run): summary(run, resamples=1, convention=convention) for run in runs}
    lines = [_line(run) | points[id(run)]["network"].to_dict() for run in runs]
    groups = pd.DataFrame(lines).groupby(settings(runs), sort=False)
    table = groups.mean()
    for name in _SPREAD:
        table[f"{name} lowest"], table[f"{name} highest"] = groups[name].min(), groups[name].max()
    table.insert(0, "seeds", groups.size())
    blind = {
        f"blind box, {split}": points[id(run)]["blind box"] for split, run in by_split(runs).items()
    }
    return pd.concat([table, pd.DataFrame(blind).T])[table.columns].rename(columns=_HEADS)


def _line(run: Run) -> dict[str, float]:
    best = run.provenance["best_epoch"]
    empty = run.history.set_index("epoch").loc[best, "val_box_empty"]
    return {"best epoch": best, "empty": float(empty)}


def styled_settings(table: pd.DataFrame) -> Page:
    """What `by_setting` gives as a table for a page."""
    shown = pd.DataFrame(index=table.index)
    for name in ("seeds", "best epoch"):
        shown[name] = table[name].map("{:.0f}".format, na_action="ignore")
    for name in _SPREAD:
        ends = (f"{name} lowest", f"{name} highest")
        several = table[[*ends]].where(table["seeds"] > 1)  # one seed has no spread
        shown[name] = cells(table.assign(**several), name, *ends)
    for t in (0.1, 0.3, 0.5, 0.7):
        shown[f"T = {t}"] = table[f"T = {t}"].map("{:.2f}".format)
    shown["empty"] = table["empty"].map("{:.0%}".format, na_action="ignore")
    return page(
        shown,
        "Test part, means over findings, then over seeds, with the lowest and the highest seed; "
        "T: IoU accuracy at T; empty: share of empty validation boxes at the epoch kept. The blind "
        "box never sees the image but is told the true finding.",
    )
