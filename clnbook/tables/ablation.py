"""Tables of the ablation over λ (section 3.4.2), from frames of `clnbook.by_lambda`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.by_lambda import QUANTITIES
from clnbook.tables.style import MISSING, Page, cells, change, page
from clnlib.findings import BOXED
from clnlib.runs import Run


def styled_values(frame: pd.DataFrame) -> Page:
    """Every λ with its values and intervals, one row per backbone, setting and λ.

    Parameters
    ----------
    frame
        From `clnbook.by_lambda.by_lambda`.
    """
    caption = (
        "Test part, means over findings, 95 % intervals over patients; seeds are averaged. T: IoU "
        "accuracy at T."
    )
    settings = frame[["backbone", "setting", "differs"]].drop_duplicates()
    for row in settings[settings["setting"] != ""].itertuples():
        caption += f" {row.backbone}, setting {row.setting}: {row.differs}."
    return page(_wide(frame, cells(frame, "value", "low", "high")), caption)


def styled_differences(frame: pd.DataFrame) -> Page:
    """Every other λ less the paper's λ of its backbone; no row where that was not run.

    Parameters
    ----------
    frame
        From `clnbook.by_lambda.by_lambda`.
    """
    numbers = frame[["difference", "difference_low", "difference_high"]].to_numpy(dtype=float)
    texts = [change(*row) for row in numbers]
    compared = frame.groupby(["backbone", "setting", "lam"])["difference"].transform("count") > 0
    caption = (
        "Difference from the paper's λ of the backbone, on the same resamples of patients, with "
        "95 % intervals. Seeds are not resampled. T: IoU accuracy at T."
    )
    return page(_wide(frame, texts)[_wide(frame, compared).any(axis=1)], caption)


def printed_ranges(runs: Sequence[Run]) -> pd.DataFrame:
    """The paper's ranges over λ (section 3.4.2); none beside runs with other findings."""
    same = all({*run.findings} == {*BOXED} for run in runs)
    return published.lambda_ranges() if same else published.lambda_ranges()[:0]


def styled_ranges(ranges: pd.DataFrame) -> Page:
    """Range, standard deviation and best λ of every quantity, beside what the paper prints.

    Parameters
    ----------
    ranges
        From `clnbook.by_lambda.ranges`.
    """
    caption = (
        "Over the λ that were run. The best λ is told for information: it is picked on the test "
        "part; a dash where only one was run or all are equal. The paper prints ranges of the mean "
        "AUC only."
    )
    table = ranges.assign(best=[MISSING if np.isnan(b) else f"{b:g}" for b in ranges["best"]])
    names = {"number": "number of λ", "best": "best λ"}
    return page(_named(table.rename(columns=lambda c: names.get(c, c.replace("_", " ")))), caption)


def _wide(frame: pd.DataFrame, values: object) -> pd.DataFrame:
    """One row per λ in the frame's order, one column per quantity."""
    keys = ["backbone", "setting", "lam", "seeds"]
    long = frame.assign(shown=values)
    wide = long.pivot(index=keys, columns="quantity", values="shown")[list(QUANTITIES)]
    wide = wide.loc[pd.MultiIndex.from_frame(frame[keys].drop_duplicates())]
    wide = wide.rename(columns=lambda c: c.replace("IoU accuracy, ", ""))
    return _named(wide.rename(index="{:g}".format, level="lam").rename_axis(columns=None))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Without the level `setting` where no backbone has more than one."""
    told = any(table.index.get_level_values("setting"))
    return (table if told else table.droplevel("setting")).rename_axis(index={"lam": "λ"})
