"""What a run's boxes are worth beside boxes that see less; differences on the same patients.

Serves the pages `localisation` and `train` and the tables of `benchmarks/`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import blind_boxes
from clnbook.blind_boxes import AGNOSTIC, MEDOID
from clnbook.style import Page, change, page
from clnbook.summary import MEAN_IOU, NETWORK
from clnlib.metrics import bootstrap
from clnlib.metrics.boxes import iou
from clnlib.metrics.localisation import box_iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, Run

PREDICTED, SHUFFLED = "medoid of the predicted finding", "own boxes shuffled"
YARDSTICKS = {
    AGNOSTIC: "a box for all images",
    MEDOID: "a box per finding, told the true one",
    PREDICTED: "the same boxes, by the finding the network predicts",
    SHUFFLED: "the network's own boxes, each on every test image",
}
"""Each yardstick, and what it is in words; none looks at the image to place its box."""


def table(
    run: Run, thresholds: Sequence[float] = (), resamples: int = bootstrap.RESAMPLES
) -> pd.DataFrame:
    """The network and its yardsticks on the test part, and by how much the network is better.

    Means over findings; a row is a box and is grouped by its true finding. The shuffled boxes are
    no draw: each row takes the mean over the boxes of all test rows.

    Parameters
    ----------
    run
        A finished stage-2 run; its training rows choose the blind boxes.
    thresholds
        T of the IoU accuracies to add to the mean IoU.
    resamples
        Of the patients; a resample is the same for the network and every yardstick.

    Returns
    -------
    DataFrame
        A row per series ("network", then `YARDSTICKS`) and quantity ("mean IoU", then
        "T = 0.1" …): `series`, `quantity`, `value`, and the network's `difference` from it with
        its 95 % percentile interval, `low` and `high` (NaN in the network's rows).
    """
    rows = run.part("test")
    drawn = bootstrap.counts(rows["patient"], resamples)
    return apart(means(rows, run.findings, scores(run, thresholds), drawn), thresholds)


def means(
    rows: pd.DataFrame,
    findings: Sequence[str],
    scored: NDArray[np.float64],
    drawn: bootstrap.Counts,
) -> NDArray[np.float64]:
    """Means over findings of the `scores` of some rows, (1 + R, series, quantities)."""
    groups = np.stack([rows["finding"] == f for f in findings], axis=1)
    each = bootstrap.group_means(scored.reshape(len(rows), -1), groups, drawn)
    return bootstrap.mean_defined(each.transpose(0, 2, 1)).reshape(len(drawn), *scored.shape[1:])


def apart(means: NDArray[np.float64], thresholds: Sequence[float] = ()) -> pd.DataFrame:
    """Each series of `means`, and by how much the network is better: what `table` returns."""
    lines = []
    for s, series in enumerate((NETWORK, *YARDSTICKS)):
        for q, quantity in enumerate((MEAN_IOU, *(f"T = {t:g}" for t in thresholds))):
            less = bootstrap.interval(means[:, 0, q] - means[:, s, q]) if s else [np.nan] * 3
            lines.append([series, quantity, means[0, s, q], *less])
    return pd.DataFrame(lines, columns=["series", "quantity", "value", "difference", "low", "high"])


def styled(runs: Mapping[str, Run]) -> Page:
    """The mean IoU of named runs and what it is worth: the paired difference to each yardstick."""
    lines = {}
    for name, run in runs.items():
        numbers = table(run).set_index("series")
        apart = numbers.drop(index=NETWORK)[["difference", "low", "high"]]
        texts = {s: change(d, low, high, digits=3) for s, d, low, high in apart.itertuples()}
        lines[name] = {MEAN_IOU: f"{numbers.loc[NETWORK, 'value']:.3f}"} | texts
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        "Test part: mean IoU over findings, and by how much it is above four boxes that see less, "
        "on the same patients, with 95 % intervals. "
        + "; ".join(f"{name}: {words}" for name, words in YARDSTICKS.items())
        + ". A network no better than its own boxes shuffled shows no use of the image.",
    )


def scores(run: Run, thresholds: Sequence[float] = ()) -> NDArray[np.float64]:
    """The IoU of every test row and whether it is above each T: (N, series, quantities).

    The series are the network and its yardsticks, which the run's training rows choose.
    """
    rows = run.part("test")
    true, own = (rows[names].to_numpy(np.float64) for names in (TRUE_BOX, PREDICTED_BOX))
    own = own.clip(0, 1)  # as `box_iou` has it
    probabilities = rows[[PROBABILITY + f for f in run.findings]].to_numpy()
    likeliest = np.asarray(run.findings)[probabilities.argmax(axis=1)]
    told = blind_boxes.fitted(MEDOID, run.predictions)
    told = told.reindex(told.index.union(run.findings))
    agnostic = blind_boxes.fitted(AGNOSTIC, run.predictions).iloc[[0]].to_numpy()
    # A finding without any row has no box: the one of all training boxes stands in.
    told = told.where(told.notna(), pd.Series(agnostic[0], told.columns), axis=1)
    overlaps = [
        box_iou(rows).to_numpy()[:, None],
        iou(true, agnostic)[:, None],
        iou(true, told.loc[rows["finding"]].to_numpy())[:, None],
        iou(true, told.loc[likeliest].to_numpy())[:, None],
        iou(true[:, None], own[None]),  # (N, N)
    ]
    return np.stack(
        [
            np.stack([o.mean(axis=1), *((o > t).mean(axis=1) for t in thresholds)], axis=1)
            for o in map(np.nan_to_num, overlaps)
        ],
        axis=1,
    )
