"""One change at a time: a recipe, and what every setting gives that differs from it in one thing.

Serves the page `changes` of studies that have such a recipe.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import names
from clnbook.paired import holm, shared, two_sided_p
from clnbook.published import RECIPE as IN_PRINT
from clnbook.style import COLUMN, MISSING, PREDICTED, Page, cell, cells, change, p_value, page
from clnbook.summary import AUC, MEAN_IOU, dead_coordinates
from clnlib.errors import InputError
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import mean_auc_samples
from clnlib.metrics.localisation import PAPER, THRESHOLDS, samples
from clnlib.parameters import Train
from clnlib.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECIPE = "the recipe"  # how the first setting is called
QUANTITIES = (AUC, MEAN_IOU)
ALPHA = 0.05
RESAMPLES = 2000  # so that a p can be small enough for Holm's adjustment over some forty changes


def recipe(trainings: Sequence[Train]) -> dict[str, Any] | None:
    """The parameters of the setting from which every other one differs in one, if there is one.

    Runs that differ in their seed alone are one setting. Where several would do there is none.
    """
    settings = {json.dumps(v, sort_keys=True): v for v in map(_values, trainings)}.values()
    found = [
        one
        for one in settings
        if all(other is one or len(_apart(one, other)) == 1 for other in settings)
    ]
    return found[0] if len(found) == 1 else None


def settings(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of a study's recipe, then of every change, named by it and in its order.

    Runs of one setting and seed that learnt from another stage 1 count as further seeds.

    Raises
    ------
    InputError
        The runs have no recipe.
    """
    first = recipe([run.train for run in runs])
    if first is None:
        raise InputError(
            f"{runs[0].folder.parent}: no setting here from which, and from no other, all others "
            "differ in one parameter"
        )
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        values = _values(run.train)
        apart = _apart(first, values)
        found.setdefault((*apart, *(values[name] for name in apart)), []).append(run)
    ordered = sorted(found.items(), key=lambda item: [(str(type(part)), part) for part in item[0]])
    return {
        names.valued(str(key[0]), group[0]) if key else RECIPE: sorted(
            group, key=lambda run: run.train.seed
        )
        for key, group in ordered
    }


def labels(runs: Sequence[Run]) -> list[str]:
    """Names of runs; where all differ in one thing from one recipe, by that thing."""
    if len(runs) < 2 or recipe([run.train for run in runs]) is None:
        return names.labels(runs)
    named = {}
    for setting, group in settings(runs).items():
        for run in group:
            (first,) = names.labels([run])  # the variant and its λ
            words = [] if setting in first else [setting.replace(RECIPE, "the study's recipe")]
            named[id(run)] = ", ".join([first, *words, f"seed {run.train.seed}"])
    return [named[id(run)] for run in runs]


def _values(p: Train) -> dict[str, Any]:
    """What makes a setting; a stage 1 made anew, or ImageNet's file elsewhere, is one start."""
    values = p.filled().model_dump(exclude={"study", "restart", "seed"})
    return values | {"weights": names.start(p.weights)}


def _apart(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name, value in one.items() if other[name] != value]


def described(run: Run) -> str:
    """A run's backbone, λ, size, split and start, and in what else it departs from the paper."""
    p = run.train.filled()
    (first,) = names.labels([run])
    apart = [name for name, value in IN_PRINT.items() if getattr(p, name) != value]
    words = [names.valued(name, run) for name in ("protocol", "weights", *apart)]
    return ", ".join([first, f"{p.size} pixels", *words])


def table(found: dict[str, list[Run]], resamples: int = RESAMPLES) -> pd.DataFrame:
    """What every change of the recipe does to mean AUC and mean IoU.

    Means over findings, then over seeds. Intervals are over patients and seeds: each resample
    draws the patients of the test part again, the same for all settings, and of each setting as
    many seeds as it has, with replacement.

    Parameters
    ----------
    found
        `settings`: the recipe's runs first.
    resamples
        Of the patients and the seeds.

    Returns
    -------
    DataFrame
        A row per setting and quantity: `setting`, `quantity`, `seeds`, `dead coordinates` (the
        most of any seed), `value`, `low`, `high`; and, where the setting has the recipe's test
        part, its `difference` from the recipe (this less that) with `difference low`,
        `difference high`, the two-sided bootstrap `p` and `p_holm` over the quantity's changes.
    """
    (_, first), *_ = found.items()
    base = _drawn(first, resamples, 0)
    lines = []
    for place, (name, runs) in enumerate(found.items()):
        own = _drawn(runs, resamples, place) if place else base
        dead = max(map(dead_coordinates, runs))
        for q, quantity in enumerate(QUANTITIES):
            numbers = [np.nan] * 4
            if place and shared(runs[0], first[0]):
                apart = own[:, q] - base[:, q]
                numbers = [*bootstrap.interval(apart), two_sided_p(apart)]
            value = bootstrap.interval(own[:, q])
            lines.append([name, quantity, len(runs), dead, *value, *numbers])
    columns = ["setting", "quantity", "seeds", "dead coordinates", "value", "low", "high"]
    columns += ["difference", "difference low", "difference high", "p"]
    frame = pd.DataFrame(lines, columns=columns)
    return frame.assign(p_holm=frame.groupby("quantity")["p"].transform(holm))


def _drawn(runs: Sequence[Run], resamples: int, place: int) -> NDArray[np.float64]:
    """Mean AUC and mean IoU over the drawn seeds of a setting, (1 + R, 2)."""
    each = []
    for run in runs:
        test = run.part("test")
        drawn = bootstrap.counts(test["patient"], resamples)
        boxes = samples(test, run.findings, PAPER, drawn)[:, -1, len(THRESHOLDS)]
        each.append([mean_auc_samples(test, run.findings, PAPER, drawn), boxes])
    often = bootstrap.counts(np.arange(len(runs)), resamples, seed=1 + place) / len(runs)
    return np.einsum("rs,sqr->rq", often, np.asarray(each))


def styled(frame: pd.DataFrame) -> Page:
    """The `table` for a page: a line per setting."""
    columns: dict[str, Any] = {}
    for quantity, rows in frame.groupby("quantity", sort=False):
        rows = rows.set_index("setting")
        columns.setdefault("seeds", rows["seeds"])
        columns.setdefault("dead coordinates", rows["dead coordinates"])
        columns[str(quantity)] = pd.Series(cells(rows, digits=3), rows.index)
        apart = rows[["difference", "difference low", "difference high"]].itertuples(index=False)
        columns[f"{quantity} minus the recipe's"] = pd.Series(
            [change(value, low, high, 3) for value, low, high in apart], rows.index
        )
        columns[f"p (Holm), {quantity}"] = rows["p_holm"].map(p_value)
    return page(
        pd.DataFrame(columns).rename_axis(None),
        "The recipe, and settings that differ from it in what their line says: means over "
        "findings, then over seeds, on the test part, with 95 % intervals over patients and "
        "seeds; by how much each is above the recipe on the same patients, and the p of that "
        "after Holm's adjustment for all lines. Dead coordinates: the most of any seed. "
        f"{MISSING}: another test part, or nothing to compare.",
    )


def told(frame: pd.DataFrame) -> str:
    """Which changes of a `table` differ from the recipe, by interval and by Holm, as sentences."""
    sentences = []
    for quantity, rows in frame.groupby("quantity", sort=False):
        known = rows.dropna(subset="p").sort_values("difference")
        apart = (known["difference low"] > 0) | (known["difference high"] < 0)
        numbers = known[["setting", "difference", "difference low", "difference high", "p_holm"]]
        each = [
            # An end that would read as 0 gets another digit.
            f"{name} {change(value, low, high, 3 + (min(abs(low), abs(high)) < 0.0005))}"
            + " *" * (adjusted < ALPHA)
            for name, value, low, high, adjusted in numbers[apart].itertuples(index=False)
        ]
        others = len(rows) - 1 - len(known)
        left_out = f" ({others} more have other test boxes)" * bool(others)
        value, low, high = rows[["value", "low", "high"]].iloc[0]
        sentences.append(
            f"The recipe's {quantity} is {cell(value, low, high, digits=3)}; the difference "
            f"from it has an interval without 0 for {len(each)} of {len(known)} changes{left_out}"
            f"{': ' * bool(each)}{'; '.join(each)}."
        )
    sentences.append("*: also after Holm's adjustment. The others cannot be told apart from it.")
    return " ".join(sentences)


def draw(frame: pd.DataFrame) -> "Figure":
    """The differences from the recipe with their intervals: a panel for AUC, one for IoU.

    Raises
    ------
    InputError
        No setting has the recipe's test part.
    """
    import matplotlib.pyplot as plt

    shown = frame.dropna(subset="difference")
    if shown.empty:
        raise InputError("no setting has the recipe's test part: there is no difference to draw")
    settings = list(dict.fromkeys(shown["setting"]))
    figure, panels = plt.subplots(
        2, sharey=True, layout="constrained", figsize=(COLUMN, 0.8 + 0.44 * len(settings))
    )
    for axes, (quantity, rows) in zip(panels, shown.groupby("quantity", sort=False), strict=True):
        reach = np.abs(rows[["difference low", "difference high"]].T - rows["difference"])
        axes.errorbar(rows["difference"], rows["setting"].map(settings.index), xerr=reach,
                      fmt="o", ms=3, lw=1, color=PREDICTED)  # fmt: skip
        axes.axvline(0, color="0.5", lw=0.8)
        axes.set(xlabel=f"{quantity} minus the recipe's", yticks=range(len(settings)))
        axes.set_yticklabels(settings)
    panels[0].invert_yaxis()
    return figure
