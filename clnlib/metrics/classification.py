"""One-vs-rest AUC of predictions, counted by boxes or by images (section 3.1).

The softmax names one finding per image, yet some boxed images show two to four. Counted by boxes,
as the paper does, such an image is a row per finding, with one and the same prediction: each row
calls one of its findings true and the others wrong, so that not even a perfect ranking reaches an
AUC of 1. Counted by images it is one row in which each of its boxed findings is true.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.metrics import bootstrap
from clnlib.metrics.localisation import PAPER
from clnlib.parameters import Conventions
from clnlib.runs import PROBABILITY

Rows = Literal["boxes", "images"]


def truth(
    predictions: pd.DataFrame, findings: Sequence[str], rows: Rows = "boxes"
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The rows that count, and which findings are true in each.

    Parameters
    ----------
    predictions
        One row per box.
    findings
        F, in the order of the columns wanted.
    rows
        "boxes": every box is a row with its own finding; "images": every image is one (its first
        box's) with all its boxed findings. `clnlib.metrics.Conventions.rows`.

    Returns
    -------
    DataFrame of N rows, and (N, F) bool.
    """
    own = predictions["finding"].to_numpy()[:, None] == np.asarray(findings, dtype=object)
    if rows == "boxes":
        return predictions, own
    codes, images = pd.factorize(predictions["image"])
    any_box = np.zeros((len(images), len(findings)), dtype=bool)
    np.logical_or.at(any_box, codes, own)
    return predictions[~predictions["image"].duplicated()], any_box


def mean_auc_samples(
    predictions: pd.DataFrame,
    findings: Sequence[str],
    convention: Conventions,
    drawn: bootstrap.Counts,
) -> NDArray[np.float64]:
    """One-vs-rest AUC, the mean over the findings that have one, per resample of the patients.

    Parameters
    ----------
    predictions
        (N,) rows of a part, with the findings' probabilities.
    findings
        F of them.
    convention
        Only `rows` matters here.
    drawn
        (R, N) from `bootstrap.counts`.

    Returns
    -------
    (R,) float64; NaN where every row or no row of a resample has the finding, for all findings.
    """
    used, true = truth(predictions.reset_index(drop=True), findings, convention.rows)
    some = drawn[:, used.index]
    areas = [bootstrap.auc(true[:, k], used[PROBABILITY + f], some) for k, f in enumerate(findings)]
    return bootstrap.mean_defined(np.stack(areas, axis=1))


def mean_auc(predictions: pd.DataFrame, findings: Sequence[str]) -> float:
    """The mean of Table 2 for some predictions: one-vs-rest AUC, averaged over the findings.

    Parameters
    ----------
    predictions
        One row per box: `finding` and the probabilities `p_<finding>`; e.g. `run.part("test")`.
    findings
        The findings to average over; one that every row or no row has is left out.

    Returns
    -------
    float
        In [0, 1], 0.5 by chance; NaN where no finding has an AUC.

    See Also
    --------
    mean_auc_samples : The same number for resamples of the patients, for intervals.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"finding": ["Mass", "Nodule", "Mass", "Nodule"]})
    >>> table["p_Mass"] = [0.9, 0.2, 0.4, 0.6]
    >>> table["p_Nodule"] = 1 - table["p_Mass"]
    >>> mean_auc(table, ["Mass", "Nodule"])
    0.75
    """
    once = np.ones((1, len(predictions)))
    return float(mean_auc_samples(predictions, findings, PAPER, once)[0])
