"""What λ does: mean AUC and IoU accuracy of a study's runs over λ (section 3.4.2, Figure 4)."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.metrics import bootstrap, classification, localisation
from clnlib.parameters import Conventions, Train
from clnlib.runs import Run

THRESHOLDS = (0.1, 0.3, 0.5, 0.7)
AUC = "mean AUC"
QUANTITIES = (AUC, *(f"IoU accuracy, T = {t}" for t in THRESHOLDS))
VARIED = ("lam", "seed", "study", "stage", "restart")  # what runs of one setting may differ in


def by_lambda(
    runs: Sequence[Run],
    conventions: Conventions,
    chosen: Mapping[str, float],
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean AUC and IoU accuracy on the test part for every λ of every backbone.

    Runs of one backbone and λ that differ in nothing but the seed are averaged. Intervals are
    95 % percentile intervals over patients; all runs of a setting are compared on the same
    resamples, so differences are paired. Seeds are not resampled: their spread is `seed_sd`.

    Parameters
    ----------
    runs
        Finished stage-2 runs.
    conventions
        How IoU accuracy counts; its `rows` holds for the AUC too.
    chosen
        Backbone to the λ that its other λ are compared with, the paper's choice.
    resamples, seed
        Of the patients.

    Returns
    -------
    DataFrame
        One row per backbone, setting, λ and quantity, sorted by λ: `backbone`; `setting`, "1",
        "2" and so on where runs of a backbone differ in more than λ and seed, else ""; `differs`,
        in what, in words; `lam`; `quantity`, of `QUANTITIES`; `value`, `low`, `high`; `seeds`,
        the number of runs; `seed_sd`, their standard deviation (NaN for one); `difference`,
        `difference_low`, `difference_high`, the value less that of the chosen λ (NaN where that
        was not run, and for itself).

    Raises
    ------
    InputError
        Runs of one setting have other test rows.
    """
    rows: list[dict[str, object]] = []
    for told, own in _settings(runs):
        for run in own[1:]:
            bootstrap.paired_rows(own[0], run)
        samples: dict[float, list[NDArray[np.float64]]] = {}
        for run in sorted(own, key=_lam):
            samples.setdefault(_lam(run), []).append(_samples(run, conventions, resamples, seed))
        reference = chosen.get(told["backbone"])
        for lam, each in samples.items():
            other = samples.get(reference) if reference is not None and lam != reference else None
            rows += [{**told, "lam": lam, **row} for row in _rows(each, other)]
    return pd.DataFrame(rows)


def _rows(
    each: list[NDArray[np.float64]], reference: list[NDArray[np.float64]] | None
) -> list[dict[str, object]]:
    """The quantities of one λ from the samples (1 + R, quantities) of each of its runs."""
    mean = np.mean(each, axis=0)
    gap = np.full_like(mean, np.nan)
    if reference is not None:
        gap = bootstrap.difference(mean, np.mean(reference, axis=0))
    spread = np.std([run[0] for run in each], axis=0, ddof=1) if len(each) > 1 else gap[0] * np.nan
    rows: list[dict[str, object]] = []
    for k, quantity in enumerate(QUANTITIES):
        row: dict[str, object] = {"quantity": quantity}
        row |= dict(zip(("value", "low", "high"), bootstrap.interval(mean[:, k]), strict=True))
        row |= {"seeds": len(each), "seed_sd": float(spread[k])}
        names = ("difference", "difference_low", "difference_high")
        rows.append(row | dict(zip(names, bootstrap.interval(gap[:, k]), strict=True)))
    return rows


def _samples(run: Run, conventions: Conventions, resamples: int, seed: int) -> NDArray[np.float64]:
    """(1 + R, quantities) of the test part, means over findings."""
    test = run.part("test")
    drawn = bootstrap.counts(test["patient"], resamples, seed)
    means = localisation.samples(test, run.findings, conventions, drawn, THRESHOLDS)[:, -1]
    areas = classification.mean_auc_samples(test, run.findings, conventions, drawn)
    return np.column_stack([areas, means[:, : len(THRESHOLDS)]])


def ranges(frame: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """The range of every quantity over λ, and of the AUC beside the printed one.

    The λ of the highest value is told for information: it is a choice made on the test part.

    Parameters
    ----------
    frame
        From `by_lambda`.
    printed
        Index the backbones, columns `auc_low`, `auc_high`, `auc_sd`.

    Returns
    -------
    DataFrame
        Index `backbone`, `setting`, `quantity`; `number` of λ; `min`, `max`; `sd`, of the sample
        (NaN for one λ); `best`, the λ of the highest value (the lowest on ties, NaN where all are
        equal); `paper_min`, `paper_max`, `paper_sd`, NaN where nothing is printed.
    """
    keys = ["backbone", "setting", "quantity"]
    table = frame.groupby(keys, sort=False)["value"].agg(["count", "min", "max", "std"])
    table = table.rename(columns={"count": "number", "std": "sd"})
    ordered = frame.dropna(subset="value").sort_values(["value", "lam"], ascending=[False, True])
    best = ordered.groupby(keys)["lam"].first().reindex(table.index)
    table["best"] = best.where((table["number"] > 1) & (table["max"] > table["min"]))
    beside = printed.reindex(table.index.get_level_values("backbone")).set_axis(table.index)
    beside[table.index.get_level_values("quantity") != AUC] = np.nan
    names = {"auc_low": "paper_min", "auc_high": "paper_max", "auc_sd": "paper_sd"}
    return table.join(beside.rename(columns=names)[list(names.values())])


def _lam(run: Run) -> float:
    return float(run.train.lam)


def _settings(runs: Sequence[Run]) -> list[tuple[dict[str, str], list[Run]]]:
    """Runs that differ in λ and seed only, with the columns that name them."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        backbone: str = run.parameters.backbone
        peers = [r.parameters for r in runs if r.parameters.backbone == backbone]
        names = sorted({*Train.model_fields} - set(VARIED))
        differing = [n for n in names if len({str(getattr(p, n)) for p in peers}) > 1]
        # Of a weight file or a stage-1 run the name is enough, not its folder.
        words = [f"{n}={PurePath(str(getattr(run.parameters, n))).name}" for n in differing]
        groups.setdefault((backbone, ", ".join(words)), []).append(run)
    found = []
    for backbone, differs in groups:
        numbers = [d for b, d in groups if b == backbone]
        setting = str(numbers.index(differs) + 1) if differs else ""
        told = {"backbone": backbone, "setting": setting, "differs": differs}
        found.append((told, groups[backbone, differs]))
    return found
