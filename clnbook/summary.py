"""Means over findings beside the box that never sees the image: of a run, of runs, of settings.

Serves the pages `train` (one run), `localisation` (all runs, all settings) and `index`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import blind_boxes, names
from clnbook.style import Page, cells, page
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import mean_auc, mean_auc_samples
from clnlib.metrics.localisation import (
    MEAN,
    PAPER,
    THRESHOLDS,
    given_finding,
    mean_iou,
    samples,
)
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, Run, attached

NETWORK, BLIND_BOX = "network", "blind box"
AUC, ACCURACY, MEAN_IOU, BOX_ACC = "mean AUC", "IoU accuracy", "mean IoU", "MaxBoxAcc"
QUANTITIES: tuple[tuple[str, float], ...] = (
    *((ACCURACY, t) for t in THRESHOLDS),
    (MEAN_IOU, np.nan),
    (BOX_ACC, np.nan),
)
"""What Table 1 and its companions hold: quantity and T, as the last axis of `samples` has them."""
FEW = (0.1, 0.3, 0.5, 0.7)  # the T of tables without room for all seven


class Resampled(NamedTuple):
    """A test part under resamples of its patients.

    Attributes
    ----------
    rows
        (N,) the run's predictions.
    drawn
        (1 + R, N) how often each row is drawn.
    network, blind
        (1 + R, findings + 1, `QUANTITIES`): of the run, and of the class-medoid box, which knows
        the true finding, so is never gated and always grouped by it.
    """

    rows: pd.DataFrame
    drawn: bootstrap.Counts
    network: NDArray[np.float64]
    blind: NDArray[np.float64]


def resampled(run: Run, conventions: Conventions, resamples: int) -> Resampled:
    """The test part of a stage-2 run; runs on the same patients share their resamples."""
    rows = run.part("test")
    drawn = bootstrap.counts(rows["patient"], resamples)
    blind = blind_boxes.blind(run.predictions).loc[rows.index]
    ours = samples(rows, run.findings, conventions, drawn)
    return Resampled(
        rows, drawn, ours, samples(blind, run.findings, given_finding(conventions), drawn)
    )


def interval(drawn: NDArray[np.float64], name: str = "value") -> dict[str, float]:
    """A statistic's value and 95 % interval from its resamples, as columns for `style.cells`."""
    before = "" if name == "value" else f"{name} "
    columns = (name, f"{before}low", f"{before}high")
    return dict(zip(columns, bootstrap.interval(drawn), strict=True))


def summary(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> pd.DataFrame:
    """Mean AUC, mean IoU and IoU accuracy on the test part, beside the blind box.

    All are means over findings, with 95 % percentile intervals over patients; findings without
    a box in the part are left out.

    Parameters
    ----------
    run
        A finished stage-2 run.
    conventions
        How IoU accuracy counts; its `rows` holds for the AUC too.
    resamples
        Of the patients.

    Returns
    -------
    DataFrame
        Rows "mean AUC", "mean IoU", "IoU accuracy, T = 0.1" to 0.7; columns `network` and
        `blind box` (NaN for AUC: a blind box has none), each followed by its interval.
    """
    each = resampled(run, conventions, resamples)
    areas = mean_auc_samples(each.rows, run.findings, conventions, each.drawn)
    lines = {AUC: interval(areas, NETWORK) | interval(np.array([np.nan]), BLIND_BOX)}
    accuracies = [f"{ACCURACY}, T = {t}" for t in THRESHOLDS]
    for k, name in [(len(accuracies), MEAN_IOU), *enumerate(accuracies)]:
        both = (each.network, NETWORK), (each.blind, BLIND_BOX)
        network, blind = (interval(means[:, -1, k], series) for means, series in both)
        lines[name] = network | blind
    return pd.DataFrame(lines).T


def shown(table: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """The network and the blind box of a `summary`, each with its interval in its cells."""
    texts = {series: cells(table, series, digits) for series in (NETWORK, BLIND_BOX)}
    return pd.DataFrame(texts, table.index)


def styled(table: pd.DataFrame) -> Page:
    """A `summary` for a page."""
    return page(shown(table), "Means over findings with 95 % intervals over patients.")


def overview(
    runs: Sequence[Run], conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> Page:
    """A line per run: mean AUC, mean IoU, IoU accuracy at four T, each beside the blind box.

    Parameters are those of `summary`.
    """
    columns = [AUC, MEAN_IOU, *(f"{ACCURACY}, T = {t}" for t in FEW)]
    lines = {
        name: shown(summary(run, conventions, resamples).loc[columns], digits=2).T
        for name, run in zip(names.labels(runs), runs, strict=True)
    }
    return page(
        pd.concat(lines).rename(columns=lambda name: name.replace(f"{ACCURACY}, ", "")),
        "Test part, means over findings with 95 % intervals over patients; T: IoU accuracy at T. "
        "The blind box never sees the image but is told the true finding.",
    )


def by_setting(runs: Sequence[Run], conventions: Conventions = PAPER) -> pd.DataFrame:
    """Means over seeds of every setting's test numbers, then the blind box of every split.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    conventions
        How IoU accuracy counts; its `rows` holds for the AUC too.

    Returns
    -------
    DataFrame
        Indexed by setting (`names.settings`) and "blind box, <split>"; `seeds` and `best epoch`;
        `empty`, the share of empty validation boxes at the epoch kept; `mean AUC`, `mean IoU`,
        `T = 0.1` to `T = 0.7` (IoU accuracy), means over findings, then over seeds; the first two
        with the lowest and the highest seed, `<mean> low` and `<mean> high`.
    """
    points = {id(run): summary(run, conventions, resamples=1) for run in runs}
    lines = pd.DataFrame([_epoch_kept(run) | points[id(run)][NETWORK].to_dict() for run in runs])
    groups = lines.groupby(names.settings(runs), sort=False)
    table = groups.mean()
    for name in (AUC, MEAN_IOU):
        table[f"{name} low"], table[f"{name} high"] = groups[name].min(), groups[name].max()
    table.insert(0, "seeds", groups.size())
    splits = names.by_split(runs)
    blind = {f"{BLIND_BOX}, {split}": points[id(run)][BLIND_BOX] for split, run in splits.items()}
    table = pd.concat([table, pd.DataFrame(blind).T])[table.columns]
    return table.rename(columns=lambda name: name.replace(f"{ACCURACY}, ", ""))


def dead_coordinates(run: Run) -> int:
    """How many of the four box coordinates are 0 on every test image, so have no gradient."""
    return int((run.part("test")[PREDICTED_BOX] == 0).all().sum())


KEPT = {"best": "least total", "box": "least box loss", "last": "last"}
"""The epochs whose predictions a record holds, by the validation loss that names them."""


def by_kept_epoch(runs: Sequence[Run]) -> pd.DataFrame:
    """What the test part would give, had another epoch's weights been kept.

    Returns
    -------
    DataFrame
        A row per run whose record holds such predictions (no older one does) and of `KEPT`:
        `run`, `kept`, `epoch`, `mean AUC` and `mean IoU`.
    """
    lines = []
    for label, run in zip(names.labels(runs), runs, strict=True):
        rows = attached(run, "epochs")
        if rows is None:
            continue
        for kept, each in rows[rows["part"] == "test"].groupby("kept", sort=False):
            numbers = mean_auc(each, run.findings), mean_iou(each, run.findings)[MEAN]
            lines.append([label, KEPT[kept], run.provenance["kept_epochs"][kept], *numbers])
    return pd.DataFrame(lines, columns=["run", "kept", "epoch", AUC, MEAN_IOU])


def styled_kept(table: pd.DataFrame) -> Page:
    """What `by_kept_epoch` gives as a table for a page: a line per run."""
    texts = table.assign(**{name: table[name].map("{:.3f}".format) for name in (AUC, MEAN_IOU)})
    wide = texts.pivot(index="run", columns="kept")[["epoch", AUC, MEAN_IOU]]
    wide = wide.reindex(columns=list(KEPT.values()), level=1).loc[table["run"].unique()]
    wide.columns = [f"{name}, {kept}" for name, kept in wide.columns]
    return page(
        wide.rename_axis(None),
        "Test part, means over findings, by the epoch whose weights are kept: that of the least "
        "total validation loss (the runs' own), of the least box loss, or the last one.",
    )


def _epoch_kept(run: Run) -> dict[str, float]:
    best = run.provenance["best_epoch"]
    empty = run.history.set_index("epoch").loc[best, "val_box_empty"]
    return {"best epoch": best, "empty": float(empty)}


def styled_settings(table: pd.DataFrame) -> Page:
    """What `by_setting` gives as a table for a page."""
    texts = pd.DataFrame(index=table.index)
    for name in ("seeds", "best epoch"):
        texts[name] = table[name].map("{:.0f}".format, na_action="ignore")
    for name in (AUC, MEAN_IOU):
        ends = table[[f"{name} low", f"{name} high"]].where(table["seeds"] > 1)  # one has no spread
        texts[name] = cells(table.assign(**ends), name)
    for t in FEW:
        texts[f"T = {t}"] = table[f"T = {t}"].map("{:.2f}".format)
    texts["empty"] = table["empty"].map("{:.0%}".format, na_action="ignore")
    return page(
        texts,
        "Test part, means over findings, then over seeds, with the lowest and the highest seed; "
        "T: IoU accuracy at T; empty: share of empty validation boxes at the epoch kept. The blind "
        "box never sees the image but is told the true finding.",
    )
