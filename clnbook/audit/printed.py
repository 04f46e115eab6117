"""The legible numbers of Tables 1 to 3, ready for arithmetic."""

from math import isnan
from typing import NamedTuple

import pandas as pd

from clnbook import published
from clnlib.metrics.localisation import MEAN, THRESHOLDS

RESNET, MOBILENET = published.VARIANTS["resnet50v2"], published.VARIANTS["mobilenetv3small"]
EFFICIENTNET, INCEPTION = published.VARIANTS["efficientnetb4"], published.VARIANTS["inceptionv3"]
XCEPTION, CHEXNET = published.VARIANTS["xception"], published.VARIANTS["chexnet"]
# Published methods that section 1 names, as Tables 1 and 2 have them.
OUYANG, RAJPURKAR, VIT = "Ouyang et al.", "Rajpurkar et al.", "ViT-based"
WANG = "Wang et al."


class Printed(NamedTuple):
    """The legible cells of Tables 1 to 3: what the function of a claim computes from.

    Attributes
    ----------
    iou
        Table 1 by (T, method, finding or "Mean"); rows with transcription "ok" only.
    auc
        Table 2 by (method, finding or "Mean").
    size
        Table 3 by model: total and trainable parameters, GFLOPS.
    doubtful
        The other rows of Table 1, corrected where a correction is near-certain: never evidence,
        quoted in notes alone.
    left_out
        The same rows as they stand, NaN where a cell is illegible; rows that are not printed
        are in neither.
    family
        `published.CLN` or `published.SOTA` by method, of the legible rows of Table 1 and of
        Table 2.
    """

    iou: dict[tuple[float, str, str], float]
    auc: dict[tuple[str, str], float]
    size: dict[str, tuple[int, int, float]]
    doubtful: dict[tuple[float, str, str], float]
    left_out: dict[tuple[float, str, str], float]
    family: dict[str, str]

    def methods(self, family: str, table: int) -> list[str]:
        """The methods of a family that have a (legible) mean in Table 1 or 2."""
        names = [name for name, of in self.family.items() if of == family]
        if table == 2:
            return [name for name in names if (name, MEAN) in self.auc]
        return [n for n in names if any((t, n, MEAN) in self.iou for t in THRESHOLDS)]

    def mean_iou(self, t: float, family: str) -> dict[str, float]:
        """Mean IoU accuracy at a threshold by method, where legible."""
        means = {m: self.iou.get((t, m, MEAN)) for m in self.methods(family, 1)}
        return {m: value for m, value in means.items() if value is not None}

    def mean_auc(self, family: str) -> dict[str, float]:
        """Mean AUC by method."""
        return {m: self.auc[m, MEAN] for m in self.methods(family, 2)}

    def at_least(self, t: float, method: str, finding: str) -> float:
        """The least value that a cell can have: accuracy cannot fall as T falls."""
        higher = (self.iou.get((u, method, finding)) for u in THRESHOLDS if u >= t)
        return max((value for value in higher if value is not None), default=0.0)

    def at_most(self, t: float, method: str, finding: str) -> float:
        """The largest value that a cell can have: accuracy cannot rise with T."""
        lower = (self.iou.get((u, method, finding)) for u in THRESHOLDS if u <= t)
        return min((value for value in lower if value is not None), default=1.0)


def read() -> Printed:
    """Read the published tables."""
    table1, auc = published.table1(), published.table2()
    legible = table1["transcription"] == published.OK
    iou, other = table1[legible], table1[~legible]
    there = other[other["transcription"] != published.MISSING]
    doubtful = dict(zip(_keys(other), other["corrected"].fillna(other["value"]), strict=True))
    family = dict(zip(iou["method"], iou["family"], strict=True))
    return Printed(
        iou=dict(zip(_keys(iou), iou["value"].astype(float), strict=True)),
        auc=dict(zip(zip(auc["method"], auc["finding"], strict=True), auc["value"], strict=True)),
        size={
            str(model): (int(row["total"]), int(row["trainable"]), float(row["gflops"]))
            for model, row in published.table3().iterrows()
        },
        doubtful={key: value for key, value in doubtful.items() if not isnan(value)},
        left_out=dict(zip(_keys(there), there["value"].astype(float), strict=True)),
        family=family | dict(zip(auc["method"], auc["family"], strict=True)),
    )


def best(values: dict[str, float]) -> tuple[str, float]:
    """The name and value of the largest."""
    name = max(values, key=lambda key: values[key])
    return name, values[name]


def _keys(rows: pd.DataFrame) -> list[tuple[float, str, str]]:
    return list(zip(*(rows[c].tolist() for c in ("T", "method", "finding")), strict=True))
