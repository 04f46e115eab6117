"""Page `ablation`: mean AUC and IoU accuracy over λ (section 3.4.2, Figure 4)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import names, paired, published
from clnbook.style import (
    COLUMN,
    MISSING,
    NOTHING_ELSE,
    OTHER,
    PREDICTED,
    TRUE,
    Page,
    cells,
    change,
    page,
)
from clnbook.summary import ACCURACY, AUC, FEW, interval
from clnlib.findings import BOXED
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import mean_auc_samples
from clnlib.metrics.localisation import PAPER
from clnlib.metrics.localisation import samples as accuracies
from clnlib.parameters import Conventions
from clnlib.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (PREDICTED, "#E69F00", "#CC79A7", TRUE)  # of the accuracies at `FEW`
QUANTITIES = (AUC, *(f"{ACCURACY}, T = {t}" for t in FEW))


def table(
    runs: Sequence[Run], conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
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
    resamples
        Of the patients.

    Returns
    -------
    DataFrame
        One row per backbone, setting, λ and quantity, sorted by λ: `backbone`; `setting`, "1",
        "2" and so on where runs of a backbone differ in more than λ and seed, else ""; `differs`,
        in what, in words; `lam`; `quantity`, of `QUANTITIES`; `value`, `low`, `high`; `seeds`,
        the number of runs; `seed_sd`, their standard deviation (NaN for one); `difference`,
        `difference low`, `difference high`, the value less that of the paper's λ of the backbone
        (NaN where that was not run, and for itself).

    Raises
    ------
    InputError
        Runs of one setting have other test rows.
    """
    rows: list[dict[str, object]] = []
    for place, alike in _settings(runs):
        for run in alike[1:]:
            paired.paired_rows(alike[0], run)
        samples: dict[float, list[NDArray[np.float64]]] = {}
        for run in sorted(alike, key=lambda run: run.train.lam):
            samples.setdefault(run.train.lam, []).append(_samples(run, conventions, resamples))
        chosen = published.LAMBDAS.get(place["backbone"])
        for lam, each in samples.items():
            other = samples.get(chosen) if chosen is not None and chosen != lam else None
            rows += [{**place, "lam": lam, **row} for row in _quantities(each, other)]
    return pd.DataFrame(rows)


def _settings(runs: Sequence[Run]) -> Iterator[tuple[dict[str, str], list[Run]]]:
    """Runs that differ in λ and seed only, with the columns that name them."""
    for (backbone,), peers in names.grouped(runs, "backbone").items():
        settings: dict[str, list[Run]] = {}
        for name, run in zip(names.settings(peers), peers, strict=True):
            words = ", ".join(name.split(", ")[2:])  # after the variant and its λ
            settings.setdefault(words, []).append(run)
        for number, (words, alike) in enumerate(settings.items(), start=1):
            setting = str(number) if len(settings) > 1 else ""
            differs = (words or NOTHING_ELSE) if setting else ""
            yield {"backbone": backbone, "setting": setting, "differs": differs}, alike


def _samples(run: Run, conventions: Conventions, resamples: int) -> NDArray[np.float64]:
    """(1 + R, quantities) of the test part, means over findings."""
    test = run.part("test")
    drawn = bootstrap.counts(test["patient"], resamples)
    means = accuracies(test, run.findings, conventions, drawn, FEW)[:, -1]
    areas = mean_auc_samples(test, run.findings, conventions, drawn)
    return np.column_stack([areas, means[:, : len(FEW)]])


def _quantities(
    each: list[NDArray[np.float64]], chosen: list[NDArray[np.float64]] | None
) -> list[dict[str, object]]:
    """The quantities of a λ, from the samples of each of its runs and of those of the chosen λ."""
    mean = np.mean(each, axis=0)
    apart = mean - (np.nan if chosen is None else np.mean(chosen, axis=0))
    spread = pd.DataFrame([run[0] for run in each]).std()
    return [
        {"quantity": quantity, **interval(mean[:, k]), "seeds": len(each), "seed_sd": spread[k]}
        | interval(apart[:, k], "difference")
        for k, quantity in enumerate(QUANTITIES)
    ]


def ranges(frame: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """The range of every quantity over λ, and of the AUC beside the printed one.

    The λ of the highest value is given for information: it is a choice made on the test part.

    Parameters
    ----------
    frame
        From `table`.
    runs
        Those it is made of; beside runs with other findings than the paper's nothing is printed.

    Returns
    -------
    DataFrame
        Index `backbone`, `setting`, `quantity`; `number` of λ; `min`, `max`; `sd`, of the sample
        (NaN for one λ); `best`, the λ of the highest value (the lowest on ties, NaN where all are
        equal); `paper_min`, `paper_max`, `paper_sd`, NaN where nothing is printed.
    """
    keys = ["backbone", "setting", "quantity"]
    spans = frame.groupby(keys, sort=False)["value"].agg(["count", "min", "max", "std"])
    spans = spans.rename(columns={"count": "number", "std": "sd"})
    ordered = frame.dropna(subset="value").sort_values(["value", "lam"], ascending=[False, True])
    best = ordered.groupby(keys)["lam"].first().reindex(spans.index)
    spans["best"] = best.where((spans["number"] > 1) & (spans["max"] > spans["min"]))
    printed = published.lambda_ranges()
    if any({*run.findings} != {*BOXED} for run in runs):
        printed = printed[:0]
    beside = printed.reindex(spans.index.get_level_values("backbone")).set_axis(spans.index)
    beside[spans.index.get_level_values("quantity") != AUC] = np.nan
    heads = {"auc_low": "paper_min", "auc_high": "paper_max", "auc_sd": "paper_sd"}
    return spans.join(beside.rename(columns=heads)[list(heads.values())])


def styled(frame: pd.DataFrame) -> Page:
    """`table`'s values and intervals for a page, one row per backbone, setting and λ."""
    caption = (
        "Test part, means over findings, 95 % intervals over patients; seeds are averaged. T: IoU "
        "accuracy at T."
    )
    words = (frame["setting"] + ": " + frame["differs"]).where(frame["setting"] != "", "")
    return page(_wide(frame.assign(setting=words), cells(frame)), caption)


def styled_differences(frame: pd.DataFrame) -> Page:
    """Every other λ less the paper's λ of its backbone; no row where that was not run."""
    numbers = frame[["difference", "difference low", "difference high"]].to_numpy(dtype=float)
    compared = frame.groupby(["backbone", "setting", "lam"])["difference"].transform("count") > 0
    caption = (
        "Difference from the paper's λ of the backbone, on the same resamples of patients, with "
        "95 % intervals. Seeds are not resampled. T: IoU accuracy at T."
    )
    texts = _wide(frame, [change(*row) for row in numbers])
    return page(texts[_wide(frame, compared).any(axis=1)], caption)


def styled_ranges(ranges: pd.DataFrame) -> Page:
    """Range, standard deviation and best λ of every quantity, beside what the paper prints."""
    caption = (
        "Over the λ that were run. The best λ is told for information: it is picked on the test "
        "part; a dash where only one was run or all are equal. The paper prints ranges of the mean "
        "AUC only."
    )
    texts = ranges.assign(best=[MISSING if np.isnan(b) else f"{b:g}" for b in ranges["best"]])
    heads = {"number": "number of λ", "best": "best λ"}
    return page(_named(texts.rename(columns=lambda c: heads.get(c, c.replace("_", " ")))), caption)


def _wide(frame: pd.DataFrame, values: object) -> pd.DataFrame:
    """One row per λ in the frame's order, one column per quantity."""
    keys = ["backbone", "setting", "lam", "seeds"]
    long = frame.assign(shown=values)
    wide = long.pivot(index=keys, columns="quantity", values="shown")[list(QUANTITIES)]
    wide = wide.loc[pd.MultiIndex.from_frame(frame[keys].drop_duplicates())]
    wide = wide.rename(columns=lambda c: c.replace(f"{ACCURACY}, ", ""))
    return _named(wide.rename(index="{:g}".format, level="lam").rename_axis(columns=None))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Without the level `setting` where no backbone has more than one."""
    several = any(table.index.get_level_values("setting"))
    return (table if several else table.droplevel("setting")).rename_axis(index={"lam": "λ"})


def with_curve(frame: pd.DataFrame, least: int = 3) -> pd.DataFrame:
    """The rows of `table` whose setting was run at `least` λ or more: fewer make no curve."""
    number = frame.groupby(["backbone", "setting"])["lam"].transform("nunique")
    return frame[number >= least]


def panel(frame: pd.DataFrame, axes: "Axes") -> "Axes":
    """Mean AUC and IoU accuracy of one backbone against λ (a panel of Figure 4).

    Points of neighbouring λ (0.1 apart) are joined; a λ that was not run leaves a gap. Points of
    one λ stand a little apart, so that their intervals can be read.

    Parameters
    ----------
    frame
        Rows of `table`, of one backbone and setting.
    axes
        Where to draw.
    """
    for number, (quantity, rows) in enumerate(frame.groupby("quantity", sort=False)):
        rows = rows.set_index("lam")
        unseen = pd.Index(published.LAMBDA_GRID).difference(rows.index.to_numpy().round(6))
        rows = rows.reindex(rows.index.union(unseen)).sort_index()
        shift = 0.012 * (number - (frame["quantity"].nunique() - 1) / 2)
        ends = np.abs(rows[["low", "high"]].to_numpy() - rows[["value"]].to_numpy()).T
        marker, colour = ("s", OTHER) if quantity == AUC else ("o", COLOURS[number - 1])
        axes.errorbar(rows.index + shift, rows["value"], ends, color=colour, label=quantity,
                      fmt=f"{marker}-", ms=3, lw=1.2, elinewidth=0.8)  # fmt: skip
    axes.set(xlabel="λ", xlim=(0, 1), ylim=(0, 1), ylabel="mean over findings")
    axes.set_xticks(published.LAMBDA_GRID[::2])
    return axes


def panels(frame: pd.DataFrame) -> "Figure":
    """A `panel` per backbone and setting, two side by side, one legend below (Figure 4).

    Parameters
    ----------
    frame
        From `table`.
    """
    import seaborn

    setting = frame["setting"].map(lambda name: name and f", setting {name}")
    frame = frame.assign(title=frame["backbone"] + setting)
    number = frame["title"].nunique()
    columns, height = (2, 1.6) if number > 1 else (1, 2.0)
    grid = seaborn.FacetGrid(frame, col="title", col_wrap=columns)
    for title, axes in grid.axes_dict.items():
        panel(frame[frame["title"] == title], axes)
    grid.set_titles("{col_name}").set_axis_labels("λ", "mean over findings")
    grid.figure.set_layout_engine("constrained")
    grid.figure.set_size_inches(COLUMN, 0.8 + height * -(-number // columns))
    handles, labels = axes.get_legend_handles_labels()
    grid.figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return grid.figure
