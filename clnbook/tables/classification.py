"""Table 2: one-vs-rest AUC of runs, with intervals over patients, beside the paper's 19 rows."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.tables.style import MISSING, Page, cell, cells, page
from clnbook.tables.summary import comparable
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import truth
from clnlib.metrics.localisation import MEAN, PAPER
from clnlib.parameters import Conventions
from clnlib.runs import PROBABILITY, Run


def classification(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Table 2 for one run: AUC on its test part beside the printed value.

    Parameters
    ----------
    run
        A finished stage-2 run.
    conventions
        Only `rows` matters to an AUC: a row per box, or per image with all its boxed findings.
    resamples, seed
        Of the patients; the same resamples as in `clnbook.tables.localisation`.

    Returns
    -------
    DataFrame
        A row per finding and "Mean" (over findings): `finding`, `value`, `low`, `high` (95 %
        percentile interval), `bca_low`, `bca_high` (bias-corrected, accelerated), `n_true` (rows
        of the finding; for the mean, of all), `paper` (Table 2, same backbone; a mean over other
        findings is none), `paper_inside` (whether it lies in [low, high]; missing without
        either), `undefined` (resamples in which every row or no row has the finding), `n_boxes`,
        `n_images`, `n_patients` (of the test part).
    """
    test = run.part("test")
    rows, is_true = truth(test, run.findings, conventions.rows)
    drawn = bootstrap.counts(rows["patient"], resamples, seed)
    every = np.concatenate([drawn, bootstrap.jackknife_counts(rows["patient"])])
    each = [
        bootstrap.auc(is_true[:, k], rows[PROBABILITY + f], every)
        for k, f in enumerate(run.findings)
    ]
    number = [*is_true.sum(axis=0), len(rows)]
    columns = [*each, bootstrap.mean_defined(np.stack(each, axis=1))]
    lines = []
    for finding, areas, true in zip((*run.findings, MEAN), columns, number, strict=True):
        samples, left = np.split(areas, [len(drawn)])
        value, low, high = bootstrap.interval(samples)
        _, bca_low, bca_high = bootstrap.bca(samples, left)
        lines.append(
            {
                "finding": finding,
                **{"value": value, "low": low, "high": high},
                **{"bca_low": bca_low, "bca_high": bca_high, "n_true": int(true)},
                "undefined": bootstrap.undefined(samples),
            }
        )
    return _beside(pd.DataFrame(lines), run, test)


def _beside(table: pd.DataFrame, run: Run, test: pd.DataFrame) -> pd.DataFrame:
    """The table with the paper's values and the size of the test part."""
    printed = comparable(published.table2(), run.findings)
    variant = published.VARIANTS.get(run.parameters.backbone)
    own = printed[printed["method"] == variant].set_index("finding")["value"]
    paper = table["finding"].map(own).astype(float)
    known = paper.notna() & table["low"].notna()
    inside = paper.between(table["low"], table["high"]).astype("boolean").where(known)
    table.insert(7, "paper", paper)
    table.insert(8, "paper_inside", inside)
    sizes = {"n_boxes": len(test)}
    sizes |= {f"n_{name}s": test[name].nunique() for name in ("image", "patient")}
    return table.assign(**sizes)


def styled_classification(frame: pd.DataFrame, title: str) -> Page:
    """`classification`'s frame as a page shows it: findings down, both intervals, the paper's.

    Parameters
    ----------
    frame
        From `classification`.
    title
        What was evaluated; first words of the caption.
    """
    inside = frame["paper_inside"].map({True: "inside", False: "outside"}).astype(object)
    table = pd.DataFrame(
        {
            "rows": frame["n_true"],
            "AUC (percentile)": cells(frame, "value", "low", "high"),
            "AUC (BCa)": cells(frame, "value", "bca_low", "bca_high"),
            "paper": [cell(value) for value in frame["paper"]],
            "paper and interval": inside.fillna(MISSING),
            "resamples without AUC": frame["undefined"],
        }
    ).set_axis(frame["finding"].to_list())
    total = frame.iloc[-1]
    return page(
        table,
        f"{title}: one-vs-rest AUC on {total['n_boxes']} boxes in "
        f"{total['n_images']} images of {total['n_patients']} patients, with 95 % intervals over "
        "patients, by percentiles and bias-corrected and accelerated (BCa).",
    )


def beside_table2(frames: Mapping[str, pd.DataFrame]) -> Page:
    """Table 2 with runs above the paper's rows: methods down, findings across.

    Parameters
    ----------
    frames
        From `classification`, by the run's name.
    """
    findings = [*dict.fromkeys(f for own in frames.values() for f in own["finding"][:-1]), MEAN]
    digits = [3 if finding == MEAN else 2 for finding in findings]  # as the paper prints them
    lines: dict[tuple[str, str], list[str]] = {}
    for name, frame in frames.items():
        own = frame.set_index("finding").reindex(findings)
        numbers = zip(own["value"], own["low"], own["high"], digits, strict=True)
        lines["this study", name] = [cell(*number) for number in numbers]
    printed = comparable(published.table2(), findings[:-1])
    if set(findings[:-1]) & set(printed["finding"]):
        for (method, reference), own in printed.groupby(["method", "reference"], sort=False):
            values = own.set_index("finding")["value"].reindex(findings)
            name = f"{method} ({reference})" if reference else method
            lines["paper", name] = [cell(v, digits=d) for v, d in zip(values, digits, strict=True)]
    return page(
        pd.DataFrame(lines, index=findings).T.rename_axis(["", "method"]),
        "One-vs-rest AUC: runs of this study on their test part, with 95 % percentile intervals "
        "over patients, and Table 2 of the paper as printed. The methods were not tested on the "
        "same images.",
    )
