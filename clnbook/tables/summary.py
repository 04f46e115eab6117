"""Tables for pages: runs' numbers beside the image-blind box, with intervals over patients."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.tables.names import RECIPE, labels
from clnbook.tables.style import Page, cells, page
from clnlib.metrics import baselines, bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.classification import mean_auc_samples
from clnlib.metrics.localisation import PAPER, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import LABEL, PROBABILITY, Run

ACCURACY, MEAN_IOU, BOX_ACC = "IoU accuracy", "mean IoU", "MaxBoxAcc"
QUANTITIES: tuple[tuple[str, float], ...] = (
    *((ACCURACY, t) for t in metrics.THRESHOLDS),
    (MEAN_IOU, np.nan),
    (BOX_ACC, np.nan),
)
"""What Table 1 and its companions hold: quantity and T, as the last axis of `samples` has them."""

LABEL_RESAMPLES = 2000  # of stage 1's test part, twenty thousand images: 0.4 GB of counts


def comparable(printed: pd.DataFrame, findings: Iterable[str]) -> pd.DataFrame:
    """A printed table's rows; without its means where those are over other findings than these."""
    same = {*findings, metrics.MEAN} == {*printed["finding"]}
    return printed if same else printed[printed["finding"] != metrics.MEAN]


def summary(
    run: Run,
    part: str = "test",
    resamples: int = bootstrap.RESAMPLES,
    convention: Conventions = PAPER,
) -> pd.DataFrame:
    """Mean AUC, mean IoU and IoU accuracy of a part, beside the blind box.

    All are means over findings, with 95 % percentile intervals over patients; findings without
    a box in the part are left out.

    Parameters
    ----------
    run
        A finished stage-2 run.
    part
        "train", "validation" or "test".
    resamples
        Of the patients.
    convention
        How IoU accuracy counts; its `rows` holds for the AUC too.

    Returns
    -------
    DataFrame
        Rows "mean AUC", "mean IoU", "IoU accuracy, T = 0.1" to 0.7; columns `network`, `low`,
        `high`, `blind box`, `blind low`, `blind high` (NaN for AUC: a blind box has none).
    """
    rows = run.part(part)
    drawn = bootstrap.counts(rows["patient"], resamples)
    areas = mean_auc_samples(rows, run.findings, convention, drawn)
    table = {"mean AUC": [*bootstrap.interval(areas), np.nan, np.nan, np.nan]}
    blind = baselines.blind(run.predictions).loc[rows.index]
    both = (
        samples(rows, run.findings, convention, drawn),
        samples(blind, run.findings, given_finding(convention), drawn),
    )
    names = [f"{ACCURACY}, T = {t}" for t in metrics.THRESHOLDS]
    for k, name in [(len(names), MEAN_IOU), *enumerate(names)]:
        table[name] = [n for drawn_means in both for n in bootstrap.interval(drawn_means[:, -1, k])]
    columns = ["network", "low", "high", "blind box", "blind low", "blind high"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)


def styled_summary(table: pd.DataFrame) -> Page:
    """What `summary` gives as a table: the network and the blind box with their intervals."""
    shown = pd.DataFrame(index=table.index)
    shown["network"] = cells(table, "network", "low", "high", digits=3)
    shown["blind box"] = cells(table, "blind box", "blind low", "blind high", digits=3)
    return page(shown, "Means over findings with 95 % intervals over patients.")


def label_auc(run: Run, resamples: int = LABEL_RESAMPLES) -> pd.DataFrame:
    """AUC of each label of a stage-1 run, and their mean, on validation and test.

    Returns
    -------
    DataFrame
        Rows the findings and "Mean"; columns `<part>`, `<part> low`, `<part> high` with 95 %
        percentile intervals over patients; NaN where a part lacks images with or without the
        finding (the mean leaves those out).
    """
    parts = {}
    for part in ("validation", "test"):
        rows = run.part(part)
        drawn = bootstrap.counts(rows["patient"], resamples)
        areas = [bootstrap.auc(rows[LABEL + f], rows[PROBABILITY + f], drawn) for f in run.findings]
        areas.append(bootstrap.mean_defined(np.stack(areas, axis=1)))
        numbers = map(bootstrap.interval, areas)
        for name, values in zip(("", " low", " high"), zip(*numbers, strict=True), strict=True):
            parts[part + name] = values
    return pd.DataFrame(parts, index=[*run.findings, metrics.MEAN])


def styled_label_auc(table: pd.DataFrame) -> Page:
    """What `label_auc` gives as a table."""
    shown = {p: cells(table, p, f"{p} low", f"{p} high", digits=3) for p in ("validation", "test")}
    return page(pd.DataFrame(shown, table.index), "AUC with 95 % intervals over patients.")


def paper_runs(runs: Sequence[Run]) -> list[Run]:
    """Each backbone's run nearest the paper: its λ, patients apart, its recipe; else the first."""

    def rank(run: Run) -> tuple[bool, bool, int]:
        p = run.train
        kept = sum(getattr(p, name) == value for name, value in RECIPE.items())
        wanted = published.LAMBDAS.get(p.backbone)
        return p.lam == wanted, p.protocol == "patient", kept

    best: dict[str, Run] = {}
    for run in runs:
        held = best.setdefault(run.parameters.backbone, run)
        if rank(run) > rank(held):
            best[run.parameters.backbone] = run
    return list(best.values())


def by_split(runs: Sequence[Run]) -> dict[str, Run]:
    """The first run of every split, by the split's name; runs of one share their blind boxes."""
    first: dict[str, Run] = {}
    for run in runs:
        p = run.train
        first.setdefault(f"{p.dataset}, {p.protocol} split, seed {p.split_seed}", run)
    return first


def overview(
    runs: Sequence[Run], convention: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> Page:
    """A line per run: mean AUC, mean IoU, IoU accuracy at four T, each beside the blind box.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    convention
        How IoU accuracy counts; its `rows` holds for the AUC too.
    resamples
        Of the patients.
    """
    shown = ["mean AUC", MEAN_IOU, *(f"{ACCURACY}, T = {t}" for t in (0.1, 0.3, 0.5, 0.7))]
    lines = {}
    for name, run in zip(labels(runs), runs, strict=True):
        table = summary(run, resamples=resamples, convention=convention).loc[shown]
        lines[name, "network"] = cells(table, "network", "low", "high")
        lines[name, "blind box"] = cells(table, "blind box", "blind low", "blind high")
    heads = [name.replace(f"{ACCURACY}, ", "") for name in shown]
    return page(
        pd.DataFrame(lines, index=heads).T,
        "Test part, means over findings with 95 % intervals over patients; T: IoU accuracy at T. "
        "The blind box never sees the image but is told the true finding.",
    )
