"""What boxes that never see the image reach, beside a run and beside the paper's Table 1."""

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.tables.style import MISSING, Page, cells, page
from clnlib.metrics import baselines, bootstrap
from clnlib.metrics.localisation import MEAN, PAPER, THRESHOLDS, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import Run

NETWORK = "network"


def blind_accuracy(
    run: Run, convention: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """IoU accuracy of every blind box, and of the run, on the run's test part.

    Parameters
    ----------
    run
        A finished stage-2 run; its training rows choose the boxes.
    convention
        How IoU accuracy counts; the boxes are told the true finding, so never gated.
    resamples, seed
        Of the patients; the same for all.

    Returns
    -------
    DataFrame
        A row per series (a name of `baselines.BASELINES`, or "network"), T and finding ("Mean"
        last): `series`, `T`, `finding`, `value`, `low`, `high` (95 % percentile interval; NaN for
        a finding without test rows).
    """
    test = run.predictions["part"] == "test"
    drawn = bootstrap.counts(run.predictions.loc[test, "patient"], resamples, seed)
    lines = []
    for name in (*baselines.BASELINES, NETWORK):
        # The best box per threshold is another box at every T.
        each = [(t,) for t in THRESHOLDS] if name == baselines.BEST else [THRESHOLDS]
        for thresholds in each:
            own = _samples(name, run, thresholds, convention, drawn)
            for k, t in enumerate(thresholds):
                for f, finding in enumerate((*run.findings, MEAN)):
                    ends = bootstrap.interval(own[:, f, k])
                    value = dict(zip(("value", "low", "high"), ends, strict=True))
                    lines.append({"series": name, "T": t, "finding": finding} | value)
    return pd.DataFrame(lines)


def _samples(
    name: str,
    run: Run,
    thresholds: tuple[float, ...],
    convention: Conventions,
    drawn: bootstrap.Counts,
) -> bootstrap.Counts:
    """`samples` of one baseline, or of the network itself."""
    threshold = thresholds[0] if name == baselines.BEST else None
    how = convention if name == NETWORK else given_finding(convention)
    table = run.predictions
    boxes = table if name == NETWORK else baselines.predict(name, table, threshold)
    return samples(boxes[table["part"] == "test"], run.findings, how, drawn, thresholds)


def styled_blind(frame: pd.DataFrame, title: str) -> Page:
    """`blind_accuracy`'s frame as a page shows it: findings across; T and series down."""
    findings = list(dict.fromkeys(frame["finding"]))
    texts = cells(frame, "value", "low", "high")
    lines = {
        (f"T = {t:g}", series): [texts[k] for k in frame.index.get_indexer(own.index)]
        for (t, series), own in frame.groupby(["T", "series"], sort=False)
    }
    return page(
        pd.DataFrame(lines, index=findings).T.sort_index(
            level=0, sort_remaining=False, kind="stable"
        ),
        f"{title}: IoU accuracy of boxes that never see the image, chosen on "
        "the training part, on the test part, with 95 % intervals over patients. All but "
        "“class-agnostic” are told the true finding; “best-per-threshold” is another box at "
        "every T. An interval of no width: resampling cannot vary the share; it is not certain.",
    )


def beaten(frame: pd.DataFrame) -> pd.DataFrame:
    """How many of the paper's legible cells of Table 1 a blind box exceeds.

    Parameters
    ----------
    frame
        From `blind_accuracy`.

    Returns
    -------
    DataFrame
        A row per baseline and T, and T = NaN for all: `series`, `T`; `cln_beaten`, `cln_cells`,
        `cln_share` for the CLN variants and the same with `published_` for the published
        methods. Cells of findings the run does not have are no cells; a share of none is NaN.
    """
    table = published.table1()
    known = table[(table["transcription"] == published.OK) & (table["finding"] != MEAN)]
    ours = frame[(frame["series"] != NETWORK) & frame["value"].notna()]
    pairs = ours.merge(known, on=["T", "finding"], suffixes=("", "_paper"))
    pairs["beaten"] = pairs["value"] > pairs["value_paper"]
    lines = []
    for series in dict.fromkeys(ours["series"]):
        for t in (*THRESHOLDS, np.nan):
            own = pairs[(pairs["series"] == series) & (np.isnan(t) | (pairs["T"] == t))]
            line: dict[str, object] = {"series": series, "T": t}
            for family, name in (("cln", "cln"), ("sota", "published")):
                won = own.loc[own["family"] == family, "beaten"]
                share = won.mean() if len(won) else np.nan
                line |= {f"{name}_beaten": int(won.sum()), f"{name}_cells": len(won)}
                line[f"{name}_share"] = share
            lines.append(line)
    return pd.DataFrame(lines)


def styled_beaten(frame: pd.DataFrame, title: str) -> Page:
    """`beaten`'s frame as a page shows it: baselines down, T across."""

    def text(line: pd.Series, name: str) -> str:
        won, number = line[f"{name}_beaten"], line[f"{name}_cells"]
        return f"{won} of {number} ({won / number:.0%})" if number else MISSING

    lines: dict[tuple[str, str], dict[str, str]] = {}
    for name, title in (("cln", "CLN variants"), ("published", "published methods")):
        for _, line in frame.iterrows():
            head = "all T" if np.isnan(line["T"]) else f"T = {line['T']:g}"
            lines.setdefault((title, line["series"]), {})[head] = text(line, name)
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        f"{title}: legible cells of the paper's Table 1 (finding and T) in which a box that never "
        "sees the image has the higher IoU accuracy; on this split's test part, which is not the "
        "paper's.",
    )


def blind_boxes(run: Run) -> dict[str, dict[str, list[float]]]:
    """Every baseline's box for each finding, for a picture; the best per threshold at T = 0.5."""
    boxes = {}
    for name in baselines.BASELINES:
        each = baselines.fitted(name, run.predictions, 0.5)
        title = f"{name}, T = 0.5" if name == baselines.BEST else name
        boxes[title] = {f: each.loc[f].tolist() for f in run.findings if f in each.index}
    return boxes
