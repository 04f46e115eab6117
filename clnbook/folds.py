"""Cross-validation: every box predicted once, by a network that never saw its patient.

Serves the page `folds` of studies that train all five folds of a split.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import experts, names, yardsticks
from clnbook.style import Page, cell, change, page
from clnbook.summary import AUC, FEW, MEAN_IOU, NETWORK
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import mean_auc_samples
from clnlib.metrics.localisation import PAPER
from clnlib.runs import Run

FOLDS = 5
ALL_FOLDS = "Every box predicted once, by a network that did not see its patient"
ONE_PART = "The test part"


class OutOfFold(NamedTuple):
    """What five networks of one setting and seed predict for the boxes each did not see.

    Attributes
    ----------
    rows
        (N,) the test parts of the folds, in the order of images and boxes.
    scored
        (N, series, quantities) `yardsticks.scores` of these rows, each fold's blind boxes chosen
        by its own training rows.
    """

    rows: pd.DataFrame
    scored: NDArray[np.float64]


def complete(runs: Sequence[Run]) -> dict[str, list[list[Run]]]:
    """Settings trained on all folds: name → for each seed its five runs, in the order of folds.

    Runs of one setting agree in everything but seed and fold. A seed that lacks a fold is left
    out, and so is a setting without a whole seed.
    """
    told = {"study", "restart", "seed", "fold", "weights"}
    settings: dict[str, dict[int, list[Run]]] = {}
    for run in runs:
        first = (run.train.weights or "").rpartition("/")[2]  # whichever study it lies in
        key = run.train.model_dump_json(exclude=told) + first
        settings.setdefault(key, {}).setdefault(run.train.seed, []).append(run)
    found = []
    for seeds in settings.values():
        sets = [sorted(each, key=lambda r: r.train.fold) for _, each in sorted(seeds.items())]
        whole = [each for each in sets if [r.train.fold for r in each] == list(range(FOLDS))]
        if whole:
            found.append(whole)
    titles = names.settings([whole[0][0] for whole in found])
    return dict(zip(titles, found, strict=True))


def out_of_fold(runs: Sequence[Run], thresholds: Sequence[float] = ()) -> OutOfFold:
    """The test rows of five runs as one table, each box once."""
    parts = [run.part("test") for run in runs]
    rows = pd.concat(parts, ignore_index=True)
    scored = np.concatenate([yardsticks.scores(run, thresholds) for run in runs])
    order = rows.sort_values(["image", "finding", "x1", "y1", "x2", "y2"], kind="stable").index
    return OutOfFold(rows.loc[order].reset_index(drop=True), scored[order])


def table(
    seeds: Sequence[Sequence[Run]],
    thresholds: Sequence[float] = FEW,
    resamples: int = bootstrap.RESAMPLES,
) -> pd.DataFrame:
    """The numbers of a setting over all its boxes: means over seeds, beside four yardsticks.

    Intervals are over patients and seeds: each resample draws the patients again, and as many
    seeds as there are, with replacement.

    Parameters
    ----------
    seeds
        A setting of `complete`: for each seed its five runs.
    thresholds
        T of the IoU accuracies beside the mean IoU.
    resamples
        Of the patients and the seeds.

    Returns
    -------
    DataFrame
        As `yardsticks.table` returns it, with a first row of the network's "mean AUC", whose
        `low` and `high` are its own interval; the probabilities of five networks are compared
        with each other in it. Rows of the network have their interval there too.
    """
    each = [out_of_fold(runs, thresholds) for runs in seeds]
    rows, findings = each[0].rows, seeds[0][0].findings
    drawn = bootstrap.counts(rows["patient"], resamples)
    often = bootstrap.counts(np.arange(len(each)), resamples, seed=1) / len(each)  # (1 + R, S)
    stacked = [yardsticks.means(rows, findings, one.scored, drawn) for one in each]
    means = np.einsum("rs,srkq->rkq", often, np.stack(stacked))
    areas = [mean_auc_samples(one.rows, findings, PAPER, drawn) for one in each]
    lines = yardsticks.apart(means, thresholds)
    own = lines["series"] == NETWORK
    lines.loc[own, ["low", "high"]] = [bootstrap.interval(column)[1:] for column in means[:, 0].T]
    value, low, high = bootstrap.interval((often * np.stack(areas, axis=1)).sum(axis=1))
    first = pd.DataFrame([[NETWORK, AUC, value, np.nan, low, high]], columns=lines.columns)
    return pd.concat([first, lines], ignore_index=True)


def tables(
    settings: dict[str, list[list[Run]]],
    thresholds: Sequence[float] = FEW,
    resamples: int = bootstrap.RESAMPLES,
) -> dict[str, pd.DataFrame]:
    """The `table` of each setting."""
    return {name: table(seeds, thresholds, resamples) for name, seeds in settings.items()}


def told(settings: dict[str, list[list[Run]]], resamples: int = bootstrap.RESAMPLES) -> list[str]:
    """Each setting's mean AUC and mean IoU over all boxes, and what the latter is worth."""
    sentences = []
    for name, numbers in tables(settings, (), resamples).items():
        own = numbers["series"] == NETWORK
        values = [
            f"{quantity} {cell(value, low, high, digits=3)}"
            for _, quantity, value, _, low, high in numbers[own].itertuples(index=False)
        ]
        apart = [
            f"{yardsticks.YARDSTICKS[series]} {change(difference, low, high, 3)}"
            for series, _, _, difference, low, high in numbers[~own].itertuples(index=False)
        ]
        sentences.append(
            f"{name}: {', '.join(values)}; mean IoU minus that of {', of '.join(apart)}"
        )
    return sentences


def styled(
    settings: dict[str, list[list[Run]]],
    numbers: dict[str, pd.DataFrame],
    boxes: str = ALL_FOLDS,
) -> Page:
    """Settings, a row each: boxes, seeds and numbers; below them what the boxes themselves allow.

    Parameters
    ----------
    settings
        Name → for each seed its runs, as `complete` gives them, or one run.
    numbers
        Their `tables`.
    boxes
        Which boxes the runs predict, for the title.
    """
    lines = {}
    for name, seeds in settings.items():
        own = numbers[name]["series"] == NETWORK
        lines[name] = {
            "boxes": str(sum(len(run.part("test")) for run in seeds[0])),
            "seeds": str(len(seeds)),
            **{
                str(q): cell(v, low, high, digits=3)
                for _, q, v, _, low, high in numbers[name][own].to_numpy()
            },
        }
    if settings:
        first = next(iter(settings.values()))[0]
        rows = pd.concat([run.part("test") for run in first], ignore_index=True)
        ceilings = experts.bounds(rows, first[0].findings)[[AUC, MEAN_IOU, *FEW]]
        ceilings.columns = pd.Index([AUC, MEAN_IOU, *(f"T = {t:g}" for t in FEW)])
        for name, line in ceilings.iterrows():
            lines[str(name)] = {q: cell(value, digits=3) for q, value in line.items()}
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        f"{boxes}: means over findings, then over seeds, with 95 % intervals over patients and "
        "seeds; T: IoU accuracy at T. Last, two ceilings: how well radiologists' boxes agree, and "
        "what these boxes allow where an image has several findings.",
    )


def styled_worth(numbers: dict[str, pd.DataFrame]) -> Page:
    """Settings, a row each: by how much the mean IoU is above boxes that see less (`tables`)."""
    lines = {}
    for name, table in numbers.items():
        beside = table[(table["series"] != NETWORK) & (table["quantity"] == MEAN_IOU)]
        apart = beside[["series", "difference", "low", "high"]].to_numpy()
        lines[name] = {f"less {s}": change(d, low, high, digits=3) for s, d, low, high in apart}
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        "Mean IoU minus that of boxes that see less, on the same patients, with 95 % intervals "
        "over patients and seeds. "
        + "; ".join(f"{name}: {words}" for name, words in yardsticks.YARDSTICKS.items())
        + ".",
    )
