"""Page `baselines`: what boxes that never see the image reach, beside a run and Table 1.

Section 3.2 compares networks with networks only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clnbook import published
from clnbook.blind_boxes import BASELINES, BEST, fitted, predict
from clnbook.style import MISSING, SERIES, Label, Page, cells, label_right, page
from clnbook.summary import NETWORK, interval
from clnlib.metrics import bootstrap
from clnlib.metrics.localisation import MEAN, PAPER, THRESHOLDS, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILIES = {"cln": "CLN variants", "sota": "published methods"}  # of Table 1's rows


def table(
    run: Run, conventions: Conventions = PAPER, resamples: int = bootstrap.RESAMPLES
) -> pd.DataFrame:
    """IoU accuracy of every blind box, and of the run, on the run's test part.

    Parameters
    ----------
    run
        A finished stage-2 run; its training rows choose the boxes.
    conventions
        How IoU accuracy counts; the boxes are told the true finding, so never gated.
    resamples
        Of the patients; the same for all.

    Returns
    -------
    DataFrame
        A row per series (a name of `BASELINES`, or "network"), T and finding ("Mean" last):
        `series`, `T`, `finding`, `value`, `low`, `high` (95 % percentile interval; NaN for a
        finding without test rows).
    """
    test = run.part("test")
    drawn = bootstrap.counts(test["patient"], resamples)
    lines = []
    for name in (*BASELINES, NETWORK):
        # The best box per threshold is another box at every T.
        for chosen in [(t,) for t in THRESHOLDS] if name == BEST else [THRESHOLDS]:
            boxes, how = test, conventions
            if name != NETWORK:
                boxes = predict(name, run.predictions, chosen[0]).loc[test.index]
                how = given_finding(conventions)
            accuracy = samples(boxes, run.findings, how, drawn, chosen)
            lines += [
                {"series": name, "T": t, "finding": finding} | interval(accuracy[:, f, k])
                for k, t in enumerate(chosen)
                for f, finding in enumerate((*run.findings, MEAN))
            ]
    return pd.DataFrame(lines)


def styled(frame: pd.DataFrame, title: str) -> Page:
    """`table`'s frame as a page shows it: findings across; T and series down."""
    texts = frame.assign(text=cells(frame), T=frame["T"].map("T = {:g}".format))
    wide = texts.pivot(index=["T", "series"], columns="finding", values="text")
    t, series, findings = (texts[name].unique() for name in ("T", "series", "finding"))
    return page(
        wide.reindex(pd.MultiIndex.from_product([t, series]))[findings].rename_axis(columns=None),
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
        From `table`.

    Returns
    -------
    DataFrame
        Index `family` ("CLN variants", "published methods"), `series` (the baselines) and `T`
        ("T = 0.1" to "T = 0.7", "all T"); columns `beaten` and `cells`, their numbers. Cells of
        findings the run does not have are no cells.
    """
    known = published.legible().query("finding != @MEAN")
    ours = frame[(frame["series"] != NETWORK) & frame["value"].notna()]
    pairs = ours.merge(known, on=["T", "finding"], suffixes=("", "_paper"))
    pairs["beaten"] = pairs["value"] > pairs["value_paper"]
    pairs["T"] = pairs["T"].map("T = {:g}".format)
    pairs["family"] = pairs["family"].map(FAMILIES)
    groups = pd.concat([pairs, pairs.assign(T="all T")]).groupby(["family", "series", "T"])
    heads = [*map("T = {:g}".format, THRESHOLDS), "all T"]
    every = pd.MultiIndex.from_product(
        [FAMILIES.values(), ours["series"].unique(), heads], names=["family", "series", "T"]
    )
    counts = groups["beaten"].agg(beaten="sum", cells="size")
    return counts.reindex(every, fill_value=0).astype(int)


def styled_beaten(counts: pd.DataFrame, title: str) -> Page:
    """`beaten`'s frame as a page shows it: families and baselines down, T across."""
    numbers = zip(counts["beaten"], counts["cells"], strict=True)
    texts = [f"{won} of {n} ({won / n:.0%})" if n else MISSING for won, n in numbers]
    wide = pd.Series(texts, counts.index).unstack(sort=False)
    return page(
        wide.rename_axis(index=[None, None], columns=None),
        f"{title}: legible cells of the paper's Table 1 (finding and T) in which a box that never "
        "sees the image has the higher IoU accuracy; on this split's test part, which is not the "
        "paper's.",
    )


def boxes(run: Run) -> dict[str, dict[str, list[float]]]:
    """Every baseline's box for each finding, for a picture; the best per threshold at T = 0.5."""
    chosen = {}
    for name in BASELINES:
        each = fitted(name, run.predictions, 0.5)
        title = f"{name}, T = 0.5" if name == BEST else name
        chosen[title] = {f: each.loc[f].tolist() for f in run.findings if f in each.index}
    return chosen


def draw(boxes: Mapping[str, ArrayLike], axes: "Axes") -> "Axes":
    """Boxes in the frame of a relative image, each finding named.

    Parameters
    ----------
    boxes
        Finding to box (relative `xyxy`). Empty boxes are not drawn.
    axes
        Where to draw.
    """
    from matplotlib.patches import Rectangle

    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), aspect="equal")
    axes.spines[:].set_visible(True)
    labels = []
    for number, (finding, box) in enumerate(boxes.items()):
        x1, y1, x2, y2 = np.asarray(box, dtype=float)
        if x2 > x1 and y2 > y1:
            # Six colours serve more findings: the second round is thicker.
            again, place = divmod(number, len(SERIES))
            colour, lw = SERIES[place], 1.2 * (1 + again)
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=colour, lw=lw))
            labels.append(Label(finding, colour, x2, (y1 + y2) / 2))
    label_right(labels, axes)
    return axes
