"""Runs made on this machine beside the committed records of the same names."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clnlib import paths, runs
from clnlib.errors import InputError
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.runs import LABEL, PREDICTED_BOX, PROBABILITY, Run

MEANS = ("mean AUC", "mean IoU")
NONE = "–"


def beside(fresh: Sequence[Run]) -> list[str]:
    """How far this machine's numbers lie from the committed ones, for the page that shows them.

    Parameters
    ----------
    fresh
        Records of either stage, each in a folder of its study; the committed one is
        `results/<study>/<run>` in the checkout.

    Returns
    -------
    Lines of Markdown: a paragraph, then a table with a row per run. Means are over findings on the
    test part. Differences are the largest absolute ones over the rows of all parts; box coordinates
    are relative to the image.
    """
    pairs = [(run, committed(run)) for run in fresh]
    devices = {run.provenance["device"]: None for run, _ in pairs}
    others = {older.provenance["device"]: None for _, older in pairs if older}
    return [
        "This page was made on this machine, and its numbers may differ from the committed ones: "
        "another processor rounds differently, and training enlarges the difference. "
        f"This machine: {', '.join(devices)}; the committed records: {', '.join(others) or NONE}. "
        "Means are over findings on the test part; box coordinates are relative to the image.",
        "",
        "| run | mean AUC | committed | mean IoU | committed | probabilities differ by at most "
        "| box coordinates differ by at most |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_cells(run, older))} |" for run, older in pairs),
    ]


def committed(run: Run) -> Run | None:
    """The committed record of a run's study and name; None where there is none that is whole."""
    try:
        return runs.read(paths.results() / run.folder.parent.name / run.folder.name)
    except InputError:
        return None


def _cells(run: Run, older: Run | None) -> list[str]:
    here, there = _test_means(run), _test_means(older) if older else {}
    means = [_number(values.get(name)) for name in MEANS for values in (here, there)]
    return [f"`{run.folder.name}`", *means, *_differences(run, older)]


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _differences(run: Run, older: Run | None) -> list[str]:
    """The largest difference of a probability and of a box coordinate, or why there is none."""
    if older is None:
        return ["no committed record", NONE]
    new, old = run.predictions, older.predictions
    keys = [name for name in ("image", "finding", "part") if name in new]
    if list(new.columns) != list(old.columns) or not new[keys].equals(old[keys]):
        return [f"other rows: {len(new)}, committed {len(old)}", NONE]
    columns = [PROBABILITY + finding for finding in run.findings]
    boxes = _largest(new, old, PREDICTED_BOX) if PREDICTED_BOX[0] in new else NONE
    return [_largest(new, old, columns), boxes]


def _largest(new: pd.DataFrame, old: pd.DataFrame, columns: Sequence[str]) -> str:
    names = list(columns)
    return f"{np.abs(new[names].to_numpy(float) - old[names].to_numpy(float)).max():.3g}"


def _test_means(run: Run) -> dict[str, float]:
    """Means over findings on the test part; a finding that every row or no row has is left out."""
    test = run.part("test")
    once = np.ones((1, len(test)), dtype=np.float64)
    stage1 = run.stage == "finetune"
    truths = {f: test[LABEL + f] if stage1 else test["finding"] == f for f in run.findings}
    areas = [bootstrap.auc(truths[f], test[PROBABILITY + f], once) for f in run.findings]
    means = {"mean AUC": float(bootstrap.mean_defined(np.concatenate(areas)))}
    if not stage1:
        means["mean IoU"] = float(metrics.mean_iou(test, run.findings)[metrics.MEAN])
    return means
