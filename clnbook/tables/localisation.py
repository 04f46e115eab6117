"""Table 1 and Figures 2 and 7: IoU accuracy of runs, of blind boxes and as the paper prints it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import published
from clnbook.tables.names import labels
from clnbook.tables.style import MISSING, Page, cell, cells, change, page
from clnbook.tables.summary import ACCURACY, MEAN_IOU, QUANTITIES, by_split, comparable
from clnlib.metrics import baselines, bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, PAPER, THRESHOLDS, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import Run

BLIND = "blind box"


def localisation(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Table 1 for one run: its test part beside the class-medoid box and the printed value.

    Parameters
    ----------
    run
        A finished stage-2 run.
    conventions
        How IoU accuracy counts. The blind box is told the true finding: it is never gated and
        always grouped by the true finding.
    resamples, seed
        Of the patients; one set of resamples serves the whole table.

    Returns
    -------
    DataFrame
        A row per quantity ("IoU accuracy", "mean IoU", "MaxBoxAcc"), T (NaN for the last two) and
        finding ("Mean" last): `value`, `low`, `high` and `blind`, `blind_low`, `blind_high` (95 %
        percentile intervals over patients; NaN for a finding without rows, of length 0 where
        every row hits or every row misses: resampling cannot vary them); `wilson_low`,
        `wilson_high` (Wilson's interval over boxes; single cells of IoU accuracy only); `paper`
        (Table 1, same backbone; a mean over other findings is none), `paper_status` (its
        transcription), `paper_inside` (whether it lies in [low, high]; missing unless the
        transcription is ok), `n_boxes` (rows that count), `n_images`, `n_patients`, `undefined`
        (resamples without a row of the finding).
    """
    rows = run.part("test")
    drawn = bootstrap.counts(rows["patient"], resamples, seed)
    blind = baselines.blind(run.predictions).loc[rows.index]
    ours = samples(rows, run.findings, conventions, drawn)
    theirs = samples(blind, run.findings, given_finding(conventions), drawn)
    sizes = _sizes(rows, run.findings, conventions)
    lines = []
    for k, (quantity, t) in enumerate(QUANTITIES):
        for f, finding in enumerate((*run.findings, MEAN)):
            value = _named(ours[:, f, k], ("value", "low", "high"))
            value |= _named(theirs[:, f, k], ("blind", "blind_low", "blind_high"))
            place = {"quantity": quantity, "T": t, "finding": finding}
            lost = {"undefined": bootstrap.undefined(ours[:, f, k])}
            lines.append(place | value | sizes[finding] | lost)
    table = _wilson(pd.DataFrame(lines))
    table = table.merge(_printed(run), how="left", on=["quantity", "T", "finding"])
    known = (table["paper_status"] == published.OK) & table["low"].notna()
    inside = table["paper"].between(table["low"], table["high"]).astype("boolean").where(known)
    table["paper_inside"] = inside
    columns = ["paper", "paper_status", "paper_inside"]
    counts = ["n_boxes", "n_images", "n_patients", "undefined"]
    return table[[c for c in table if c not in (*columns, *counts)] + columns + counts]


def _wilson(table: pd.DataFrame) -> pd.DataFrame:
    """Wilson's 95 % interval over boxes beside every single cell of IoU accuracy, else NaN."""
    from scipy.stats import binomtest

    single = (table["quantity"] == ACCURACY) & (table["finding"] != MEAN) & (table["n_boxes"] > 0)
    ends = pd.DataFrame(np.nan, table.index, ["wilson_low", "wilson_high"])
    for k in table.index[single]:
        value, n = table.loc[k, ["value", "n_boxes"]]
        ends.loc[k] = binomtest(round(value * n), int(n)).proportion_ci(method="wilson")
    return table.join(ends)


def _named(drawn: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    return dict(zip(names, bootstrap.interval(drawn), strict=True))


def _sizes(
    rows: pd.DataFrame, findings: Sequence[str], convention: Conventions
) -> dict[str, dict[str, int]]:
    """Rows that count, their images and patients, per finding and together."""
    counted = metrics.rows(rows.reset_index(drop=True), findings, convention)
    who = rows.iloc[counted.index]
    groups = {f: who[(counted["finding"] == f).to_numpy()] for f in findings} | {MEAN: who}
    return {
        name: {
            "n_boxes": len(own),
            "n_images": own["image"].nunique(),
            "n_patients": own["patient"].nunique(),
        }
        for name, own in groups.items()
    }


def _printed(run: Run) -> pd.DataFrame:
    """The paper's Table 1 rows of the run's backbone."""
    table = comparable(published.table1(), run.findings)
    variant = published.VARIANTS.get(run.parameters.backbone)
    own = table[table["method"] == variant]
    own = own.rename(columns={"value": "paper", "transcription": "paper_status"})
    return own.assign(quantity=ACCURACY)[["quantity", "T", "finding", "paper", "paper_status"]]


def styled(frame: pd.DataFrame, title: str) -> Page:
    """`localisation`'s frame as a page shows it: findings across; network, blind box, paper down.

    Parameters
    ----------
    frame
        From `localisation`.
    title
        What was evaluated; first words of the caption.
    """
    findings = list(dict.fromkeys(frame["finding"]))
    # Where every box hits or every box misses, resampling says nothing.
    same = frame["low"] == frame["high"]
    ends = {end: frame[end].mask(same, frame[f"wilson_{end}"]) for end in ("low", "high")}
    texts = {
        "network": cells(frame.assign(**ends), "value", "low", "high"),
        BLIND: cells(frame, "blind", "blind_low", "blind_high"),
        "paper": [
            cell(value) + ("" if status in (published.OK, published.MISSING) else "?")
            if value == value
            else MISSING
            for value, status in zip(frame["paper"], frame["paper_status"], strict=True)
        ],
    }
    lines: dict[tuple[str, str], list[str]] = {}
    for (quantity, t), own in frame.groupby(["quantity", "T"], sort=False, dropna=False):
        name = quantity if np.isnan(t) else f"T = {t:g}"
        for series, column in texts.items():
            if series != "paper" or quantity == ACCURACY:
                lines[name, series] = [column[k] for k in own.index]
    total = frame[frame["finding"] == MEAN].iloc[0]
    caption = (
        f"{title}: IoU accuracy at T and its companions on {total['n_boxes']} "
        f"boxes in {total['n_images']} images of {total['n_patients']} patients, with 95 % "
        "intervals over patients (in the network's rows Wilson's over boxes where all hit or all "
        "miss; elsewhere an interval of no width says that resampling cannot vary the share, not "
        "that it is certain). The blind box is the class medoid of the training boxes, told the "
        "true finding. “?”: a printed value "
        "of doubtful transcription."
    )
    return page(pd.DataFrame(lines, index=findings).T, caption)


def curves(
    runs: Run | Sequence[Run],
    convention: Conventions = PAPER,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean IoU accuracy against T (Figure 2): runs, blind box, and the paper's eleven series.

    The paper's are left out where the runs have other findings than its eight.

    Returns
    -------
    DataFrame
        `series`, `kind` ("ours" | "baseline" | "paper"), `T`, `value`, `low`, `high` (NaN for the
        paper, of which only legible means are there).
    """
    return _series(runs, convention, resamples, seed, relative=False)


def decay(
    runs: Run | Sequence[Run],
    convention: Conventions = PAPER,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Decrease of mean IoU accuracy in % of its value at T = 0.1 (Figure 7); columns of `curves`.

    The interval is that of the decrease within each resample. A series is left out where nothing
    is known or nothing lies above T = 0.1.
    """
    return _series(runs, convention, resamples, seed, relative=True)


def _series(
    runs: Run | Sequence[Run], convention: Conventions, resamples: int, seed: int, relative: bool
) -> pd.DataFrame:
    runs = [runs] if isinstance(runs, Run) else list(runs)
    lines: list[dict[str, Any]] = []
    splits = {run.folder: title for title, run in by_split(runs).items()}
    for name, run in zip(labels(runs), runs, strict=True):
        rows = run.part("test")
        drawn = bootstrap.counts(rows["patient"], resamples, seed)
        # Short, and told from the printed series of the same variant.
        own = [("ours", name.removeprefix("CLN-").replace("λ = ", "λ "), rows, convention)]
        if run.folder in splits:
            blind = baselines.blind(run.predictions).loc[rows.index]
            title = BLIND if len(splits) == 1 else f"{BLIND}, {splits[run.folder]}"
            own.append(("baseline", title, blind, given_finding(convention)))
        for kind, series, predictions, how in own:
            means = samples(predictions, run.findings, how, drawn)[:, -1, : len(THRESHOLDS)]
            for t, values in zip(THRESHOLDS, _decrease(means, relative).T, strict=True):
                place = {"series": series, "kind": kind, "T": t}
                lines.append(place | _named(values, ("value", "low", "high")))
    columns = ["series", "kind", "T", "value", "low", "high"]
    table = pd.concat([pd.DataFrame(lines), _printed_series(runs, relative)], ignore_index=True)
    return table.dropna(subset="value")[columns].reset_index(drop=True)


def _decrease(means: NDArray[np.float64], relative: bool) -> NDArray[np.float64]:
    """(R, T) means as they are, or their decrease in % of the first."""
    first = np.where(means[:, :1] > 0, means[:, :1], np.nan)
    return 100 * (first - means) / first if relative else means


def _printed_series(runs: Sequence[Run], relative: bool) -> pd.DataFrame:
    """The printed means whose transcription is ok; none beside runs that have other findings."""
    table = comparable(published.table1(), {f for run in runs for f in run.findings})
    known = table[(table["finding"] == MEAN) & (table["transcription"] == published.OK)]
    wide = known.pivot(index="method", columns="T", values="value").reindex(columns=THRESHOLDS)
    wide = wide.loc[known["method"].unique()]
    values = pd.DataFrame(_decrease(wide.to_numpy(), relative), wide.index, wide.columns)
    # stack keeps T a number; a melt beside the names would make it an object.
    long = values.rename_axis("series").stack().rename("value").reset_index()
    return long.assign(kind="paper", low=np.nan, high=np.nan)


EFFECTS: dict[str, Conventions] = {
    "as the paper words it": PAPER,
    "rows=images": Conventions(rows="images"),
    "several=best": Conventions(several="best"),
    "group=predicted": Conventions(group="predicted"),
    "gated=yes": Conventions(gated=True),
    "all together": Conventions(rows="images", group="predicted", gated=True, several="best"),
}
"""Every switch alone, and all."""


def convention_effects(
    run: Run, resamples: int = bootstrap.RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """What each convention makes of the same test predictions, means over findings.

    Returns
    -------
    DataFrame
        A row per convention and quantity (IoU accuracy at T = 0.1, 0.3, 0.5, 0.7; mean IoU):
        `convention`, `quantity`, `T`, `value`, `low`, `high`, `change` from the paper's wording
        with `change_low`, `change_high` (the same resamples on both sides), `n_rows`.
    """
    rows = run.part("test")
    drawn = bootstrap.counts(rows["patient"], resamples, seed)
    means = {name: samples(rows, run.findings, how, drawn)[:, -1] for name, how in EFFECTS.items()}
    lines = []
    for name, how in EFFECTS.items():
        number = len(metrics.rows(rows, run.findings, how))
        change = means[name] - means[next(iter(EFFECTS))]
        for k, (quantity, t) in enumerate(QUANTITIES):
            if t in (0.1, 0.3, 0.5, 0.7) or quantity == MEAN_IOU:
                value = _named(means[name][:, k], ("value", "low", "high"))
                value |= _named(change[:, k], ("change", "change_low", "change_high"))
                place = {"convention": name, "quantity": quantity, "T": t}
                lines.append(place | value | {"n_rows": number})
    return pd.DataFrame(lines)


def styled_effects(frame: pd.DataFrame, title: str) -> Page:
    """`convention_effects`' frame as a page shows it: conventions down, quantities across."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for line in frame.to_dict("records"):
        head = MEAN_IOU if np.isnan(line["T"]) else f"T = {line['T']:g}"
        place = f"{line['convention']} ({line['n_rows']} rows)"
        text = cell(line["value"], line["low"], line["high"])
        lines.setdefault((place, "value"), {})[head] = text
        if line["convention"] != next(iter(EFFECTS)):
            text = change(line["change"], line["change_low"], line["change_high"])
            lines.setdefault((place, "change"), {})[head] = text
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        f"{title}: the same predictions of the test part under other "
        "conventions, means over findings, with 95 % intervals over patients; those of the change "
        "draw the same patients on both sides.",
    )
