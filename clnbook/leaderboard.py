"""Page `leaderboard`: every published run, printed method, blind box and ceiling in one table."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from clnbook import blind_boxes, changes, experts, published
from clnbook.published import LAMBDAS, VARIANTS
from clnbook.style import MISSING
from clnbook.summary import AUC, MEAN_IOU
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, THRESHOLDS, iou_accuracy, mean_iou
from clnlib.runs import Run

DRAWN, REAL, PRINT, BOUND = "drawn radiographs", "real radiographs", "in print", "floor or ceiling"
ACCURACIES = [f"T = {t:g}" for t in THRESHOLDS]
NUMBERS = [AUC, MEAN_IOU, *ACCURACIES]
SETTING = ["split", "unit", "box loss"]
TOLD = "a blind box per finding, told the true one"
Line = dict[str, Any]  # a row: column → text or number
# Studies whose runs have no page of localisation.
PLACES = {"box-unit": "losses.html", "nih880-study": "results/nih880-study/changes.html"}


def compute(studies: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """A row per run, printed method, blind box and ceiling.

    Parameters
    ----------
    studies
        By name, finished runs of stage 2 on the paper's findings; the first run split by patients
        gives the blind boxes and the task's ceiling.

    Returns
    -------
    DataFrame
        `group` (`DRAWN`, `REAL`, `PRINT`, `BOUND`), `name`, `study` ("" but for runs), `SETTING`
        (NaN but for runs), then `NUMBERS`: mean AUC, mean IoU, IoU accuracy at each T, means over
        findings; NaN where there is none. Kinds follow each other, each by mean IoU, then AUC.
    """
    runs = [(study, run) for study, each in studies.items() for run in each]
    labels = [label for each in studies.values() for label in changes.labels(each)]
    rows = [_run(label, study, run) for label, (study, run) in zip(labels, runs, strict=True)]
    first = next(run for _, run in runs if run.train.protocol == "patient")
    table = pd.DataFrame([*rows, *_bounds(first), *_printed()])
    kinds = [table[table["group"] == group] for group in (REAL, BOUND, PRINT, DRAWN)]
    best = [rows.sort_values([MEAN_IOU, AUC], ascending=False) for rows in kinds]
    return pd.concat(best, ignore_index=True)[["group", "name", "study", *SETTING, *NUMBERS]]


def _run(label: str, study: str, run: Run) -> Line:
    group = DRAWN if run.parameters.dataset == "phantom" else REAL
    test = run.part("test")
    place = {"name": label, "study": study, "split": run.train.protocol}
    place |= {"unit": run.train.box_unit, "box loss": run.train.loss}
    numbers = {AUC: mean_auc(test, run.findings)} | _of_boxes(test, run.findings)
    return {"group": group} | place | numbers


def _of_boxes(rows: pd.DataFrame, findings: Sequence[str]) -> Line:
    accuracy = iou_accuracy(rows, findings)[MEAN]
    overlap = {MEAN_IOU: float(mean_iou(rows, findings)[MEAN])}
    return overlap | dict(zip(ACCURACIES, accuracy.tolist(), strict=True))


def _bounds(run: Run) -> list[Line]:
    """Boxes that do not look at the image; radiologists among themselves; one answer an image."""
    test, findings = run.part("test"), run.findings
    words = {blind_boxes.AGNOSTIC: "one blind box for all images", blind_boxes.MEDOID: TOLD}
    rows: list[Line] = [
        {"name": text, "split": run.train.protocol}
        | _of_boxes(blind_boxes.predict(kind, run.predictions).loc[test.index], findings)
        for kind, text in words.items()
    ]
    ceilings = experts.bounds(test, findings).set_axis(NUMBERS, axis=1)
    rows += [{"name": name} | line for name, line in ceilings.to_dict("index").items()]
    return [{"group": BOUND, "study": ""} | row for row in rows]


def _printed() -> list[Line]:
    """Means of Tables 1 and 2, legible ones alone, a row per method."""
    named = {name: f"{name}, λ = {LAMBDAS[key]:g}" for key, name in VARIANTS.items()}
    means = published.legible().query("finding == @MEAN")
    boxes = means.pivot(columns="T", values="value", index="method")
    areas = published.table2().query("finding == @MEAN").set_index("method")["value"]
    wide = boxes.set_axis(ACCURACIES, axis=1).join(areas.rename(AUC), how="outer")
    return [
        {"group": PRINT, "name": named.get(method, method), "study": ""} | line
        for method, line in wide.to_dict("index").items()
    ]


def html(table: pd.DataFrame) -> str:
    """The frame of `compute` as a table whose script sorts, searches, and filters by group."""
    heads = ("run or method", *NUMBERS, "images or source", ", ".join(SETTING))
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(_row(line) for line in table.to_dict("records"))
    return (
        '<table class="leaderboard sortable dataframe">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(line: Line) -> str:
    name, study, group = (escape(str(line[key])) for key in ("name", "study", "group"))
    place = PLACES.get(study, f"results/{study}/localisation.html")
    source = f'<a href="{place}">{study}</a>, {group}' if study else group
    setting = ", ".join(str(line[key]) for key in SETTING if pd.notna(line[key]))
    numbers = (MISSING if pd.isna(line[key]) else f"{line[key]:.3f}" for key in NUMBERS)
    cells = "".join(f"<td>{text}</td>" for text in (*numbers, source, setting))
    return f'<tr data-group="{group}"><th scope="row">{name}</th>{cells}</tr>'
