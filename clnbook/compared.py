"""Two records of one run: how far the numbers of a new one lie from those of an older one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.runs import LABEL, PREDICTED_BOX, PROBABILITY, Run


def sentence(fresh: Run, older: Run) -> str:
    """One line for a person: the largest differences of predictions, and the test's means.

    Parameters
    ----------
    fresh, older
        Records of the same parameters, of either stage.

    Returns
    -------
    The run's name, then the largest absolute difference of a probability and of a box coordinate
    (relative to the image) over all parts, where both records have the same rows; then mean AUC
    and, of stage 2, mean IoU on the test, before and now.
    """
    new, old = fresh.predictions, older.predictions
    keys = [name for name in ("image", "finding", "part") if name in new]
    columns = [PROBABILITY + finding for finding in fresh.findings]
    if list(new.columns) != list(old.columns) or not new[keys].equals(old[keys]):
        told = [f"other rows or columns than before ({len(old)} rows, now {len(new)})"]
    else:
        told = [f"probabilities differ by at most {_largest(new, old, columns):.2g}"]
        if PREDICTED_BOX[0] in new:
            told.append(f"box coordinates by at most {_largest(new, old, PREDICTED_BOX):.2g}")
    before = _test_means(older)
    for name, value in _test_means(fresh).items():
        told.append(f"test {name} {value:.4f} (before {before[name]:.4f})")
    return f"{fresh.folder.name}: " + ", ".join(told)


def _largest(new: pd.DataFrame, old: pd.DataFrame, columns: Sequence[str]) -> float:
    names = list(columns)
    return float(np.abs(new[names].to_numpy(float) - old[names].to_numpy(float)).max())


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
