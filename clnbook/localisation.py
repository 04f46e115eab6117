"""Page `localisation`: IoU accuracy beside the blind box and the paper's (section 3.2, Table 1).

Figures 2 and 7 are in `thresholds`, all runs and settings of a study in `summary`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.style import Page, cell, cells, change, page
from clnbook.summary import (
    ACCURACY,
    BLIND_BOX,
    BOX_ACC,
    FEW,
    MEAN_IOU,
    NETWORK,
    QUANTITIES,
    interval,
    resampled,
)
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, PAPER, samples
from clnlib.parameters import Conventions
from clnlib.runs import Run


def table(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> pd.DataFrame:
    """Table 1 for one run: its test part beside the class-medoid box and the printed value.

    Parameters
    ----------
    run
        A finished stage-2 run.
    conventions
        How IoU accuracy counts. The blind box is told the true finding: it is never gated and
        always grouped by the true finding.
    resamples
        Of the patients; one set of resamples serves the whole table.

    Returns
    -------
    DataFrame
        A row per quantity ("IoU accuracy", "mean IoU", "MaxBoxAcc"), T (NaN for the last two) and
        finding ("Mean" last): `value`, `low`, `high` and `blind box`, `blind box low`, `blind box
        high` (95 % percentile intervals over patients; NaN for a finding without rows, of length 0
        where every row hits or every row misses: resampling cannot vary them); `wilson low`,
        `wilson high` (Wilson's interval over boxes; single cells of IoU accuracy only); `paper`
        (Table 1, same backbone; a mean over other findings is none), `paper_status` (its
        transcription), `paper_inside` (whether it lies in [low, high]; missing unless the
        transcription is ok), `n_boxes` (rows that count), `n_images`, `n_patients`, `undefined`
        (resamples without a row of the finding).
    """
    each = resampled(run, conventions, resamples)
    sizes = _sizes(each.rows, run.findings, conventions)
    lines = []
    for k, (quantity, t) in enumerate(QUANTITIES):
        for f, finding in enumerate((*run.findings, MEAN)):
            place = {"quantity": quantity, "T": t, "finding": finding}
            both = interval(each.network[:, f, k]) | interval(each.blind[:, f, k], BLIND_BOX)
            lost = {"undefined": bootstrap.undefined(each.network[:, f, k])}
            lines.append(place | both | sizes[finding] | lost)
    frame = _with_wilson(pd.DataFrame(lines))
    printed = published.of_variant(published.table1(), run.parameters.backbone, run.findings)
    printed = printed.rename(columns={"value": "paper", "transcription": "paper_status"})
    printed = printed.assign(quantity=ACCURACY)
    keys = ["quantity", "T", "finding"]
    frame = frame.merge(printed[[*keys, "paper", "paper_status"]], how="left", on=keys)
    known = (frame["paper_status"] == published.OK) & frame["low"].notna()
    inside = frame["paper"].between(frame["low"], frame["high"])
    return frame.assign(paper_inside=inside.astype("boolean").where(known))


def _with_wilson(frame: pd.DataFrame) -> pd.DataFrame:
    """Wilson's 95 % interval over boxes beside every single cell of IoU accuracy, else NaN."""
    from scipy.stats import binomtest

    single = (frame["quantity"] == ACCURACY) & (frame["finding"] != MEAN) & (frame["n_boxes"] > 0)
    ends = pd.DataFrame(np.nan, frame.index, ["wilson low", "wilson high"])
    for k in frame.index[single]:
        value, n = frame.loc[k, ["value", "n_boxes"]]
        ends.loc[k] = binomtest(round(value * n), int(n)).proportion_ci(method="wilson")
    return frame.join(ends)


def _sizes(
    rows: pd.DataFrame, findings: Sequence[str], conventions: Conventions
) -> dict[str, dict[str, int]]:
    """Rows that count, their images and patients, per finding and together."""
    counted = metrics.rows(rows.reset_index(drop=True), findings, conventions)
    who = rows.iloc[counted.index]
    groups = {f: who[(counted["finding"] == f).to_numpy()] for f in findings} | {MEAN: who}
    return {
        name: {
            "n_boxes": len(group),
            "n_images": group["image"].nunique(),
            "n_patients": group["patient"].nunique(),
        }
        for name, group in groups.items()
    }


def styled(frame: pd.DataFrame, title: str) -> Page:
    """`table`'s frame as a page shows it: findings across; network, blind box, paper down.

    Parameters
    ----------
    frame
        From `table`.
    title
        What was evaluated; first words of the caption.
    """
    # Where every box hits or every box misses, resampling says nothing.
    same = frame["low"] == frame["high"]
    ends = {end: frame[end].mask(same, frame[f"wilson {end}"]) for end in ("low", "high")}
    certain = frame["paper"].isna() | frame["paper_status"].isin([published.OK, published.MISSING])
    marks = certain.map({True: "", False: "?"})
    printed = [cell(value) + mark for value, mark in zip(frame["paper"], marks, strict=True)]
    series = {NETWORK: cells(frame.assign(**ends)), BLIND_BOX: cells(frame, BLIND_BOX)}
    texts = pd.DataFrame({**series, "paper": printed}, frame.index)
    lines = {
        _head(*place): texts.loc[rows.index].set_axis(rows["finding"]).T
        for place, rows in frame.groupby(["quantity", "T"], sort=False, dropna=False)
    }
    total = frame[frame["finding"] == MEAN].iloc[0]
    caption = (
        f"{title}: IoU accuracy at T and its companions on {total['n_boxes']} "
        f"boxes in {total['n_images']} images of {total['n_patients']} patients, with 95 % "
        "intervals over patients (in the network's rows Wilson's over boxes where all hit or all "
        "miss; elsewhere an interval of no width says that resampling cannot vary the share, not "
        "that it is certain). The blind box is the class medoid of the training boxes, told the "
        "true finding. “?”: a printed value of doubtful transcription."
    )
    wide = pd.concat(lines).drop([(MEAN_IOU, "paper"), (BOX_ACC, "paper")])
    first = [MEAN, *(finding for finding in wide if finding != MEAN)]
    return page(wide[first].rename_axis(columns=None), caption)


def _head(quantity: str, t: float) -> str:
    return quantity if np.isnan(t) else f"T = {t:g}"


EFFECTS: dict[str, Conventions] = {
    "as the paper words it": PAPER,
    "rows=images": Conventions(rows="images"),
    "several=best": Conventions(several="best"),
    "group=predicted": Conventions(group="predicted"),
    "gated=yes": Conventions(gated=True),
    "clipped=no": Conventions(clipped=False),
    "all together": Conventions(rows="images", group="predicted", gated=True, several="best"),
}
"""Every switch alone, and all."""


def effects(run: Run, resamples: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """What each convention makes of the same test predictions, means over findings.

    Returns
    -------
    DataFrame
        A row per convention and quantity (IoU accuracy at T = 0.1, 0.3, 0.5, 0.7; mean IoU):
        `convention`, `quantity`, `T`, `value`, `low`, `high`, `change` from the paper's wording
        with `change low`, `change high` (the same resamples on both sides), `n_rows`.
    """
    rows = run.part("test")
    drawn = bootstrap.counts(rows["patient"], resamples)
    means = {name: samples(rows, run.findings, how, drawn)[:, -1] for name, how in EFFECTS.items()}
    first = next(iter(means.values()))
    lines = []
    for name, how in EFFECTS.items():
        number = len(metrics.rows(rows, run.findings, how))
        for k, (quantity, t) in enumerate(QUANTITIES):
            if t in FEW or quantity == MEAN_IOU:
                line = {"convention": name, "quantity": quantity, "T": t, "n_rows": number}
                line |= interval(means[name][:, k])
                lines.append(line | interval(means[name][:, k] - first[:, k], "change"))
    return pd.DataFrame(lines)


def styled_effects(frame: pd.DataFrame, title: str) -> Page:
    """`effects`' frame as a page shows it: conventions down, quantities across."""
    numbers = frame[["change", "change low", "change high"]].to_numpy(dtype=float)
    texts = frame.assign(value=cells(frame), change=[change(*line) for line in numbers])
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for line in texts.to_dict("records"):
        place = f"{line['convention']} ({line['n_rows']} rows)"
        is_paper = line["convention"] == next(iter(EFFECTS))  # from which the changes count
        for kind in ("value",) if is_paper else ("value", "change"):
            lines.setdefault((place, kind), {})[_head(line["quantity"], line["T"])] = line[kind]
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        f"{title}: the same predictions of the test part under other "
        "conventions, means over findings, with 95 % intervals over patients; those of the change "
        "draw the same patients on both sides.",
    )
