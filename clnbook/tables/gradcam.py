"""Section 3.4.3 and Figure 5: the box head beside boxes from its own network's heat maps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook.tables.style import Page, cell, cells, page
from clnlib.metrics import baselines, bootstrap
from clnlib.metrics.boxes import iou
from clnlib.metrics.heatmaps import METHODS
from clnlib.metrics.localisation import PAPER, THRESHOLDS, box_iou, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, TRUE_BOX, Run

PRINTED = {"CLN-CheXNet, paper": 0.855, "CAM 127, paper": 0.382, "CAM 180, paper": 0.302}
"""Mean IoU accuracy at T = 0.1, section 3.4.3; at other T Figure 5 is a drawing without numbers."""

HEAD, BLIND = "box head", "blind box"


def boxes_of(run: Run, frame: pd.DataFrame, method: str, target: str) -> pd.DataFrame:
    """The run's own test rows with the heat maps' boxes in place of the head's.

    Parameters
    ----------
    run
        A finished stage-2 run.
    frame
        From `clnlib.metrics.heatmaps.predictions`, attached to the run as "gradcam".
    method, target
        Which of its boxes.

    Returns
    -------
    DataFrame
        Rows of `run.predictions`; empty where the frame has no such boxes.
    """
    key = ["image", "finding"]
    which = (frame["method"] == method) & (frame["target"] == target) & (frame["part"] == "test")
    rows = run.part("test").drop(columns=PREDICTED_BOX)
    own = frame[which].groupby([*key, "x1", "y1"], sort=False)[PREDICTED_BOX].first(skipna=False)
    return rows.join(own, on=[*key, "x1", "y1"], how="inner")


def has_places(frame: pd.DataFrame) -> bool:
    """Whether the run's heat maps have more than one cell: one cell points nowhere."""
    return bool((frame["cells"] > 1).all())


def resolution(frames: Mapping[str, pd.DataFrame], sizes: Mapping[str, int]) -> Page:
    """Per run the cells of its heat maps, and what can be read from so many.

    Parameters
    ----------
    frames
        By the runs' names, from `clnlib.metrics.heatmaps.predictions`.
    sizes
        By the same names, pixels per side of the images.
    """
    lines = {}
    for name, frame in frames.items():
        side = round(float(frame["cells"].iloc[0]) ** 0.5)
        line = {"image": f"{sizes[name]} px", "heat map": f"{side} × {side}"}
        line["cell"] = f"{sizes[name] / side:.0f} px"
        line["boxes"] = "yes" if side > 1 else "none: one cell"
        lines[name] = line
    return page(pd.DataFrame.from_dict(lines, orient="index"), "How finely heat maps can point")


def curves(
    run: Run,
    frame: pd.DataFrame,
    convention: Conventions = PAPER,
    resamples: int = bootstrap.RESAMPLES,
    target: str = "true finding",
) -> pd.DataFrame:
    """Mean IoU accuracy on test against T (Figure 5): head, heat maps by every rule, blind box.

    Heat maps of the true finding and blind boxes are told the finding: they are never gated. Maps
    of one cell hold no place and have no series.

    Returns
    -------
    DataFrame
        `series`, `kind` ("ours" | "baseline" | "paper"), `T`, `value`, `low`, `high` (95 % over
        patients; NaN for the paper's).
    """
    test = run.part("test")
    how = given_finding(convention) if target == "true finding" else convention
    blind = baselines.blind(run.predictions).loc[test.index]
    series = [
        (HEAD, "ours", test, convention),
        (BLIND, "baseline", blind, given_finding(convention)),
    ]
    if has_places(frame):
        series += [(f"CAM {m}", "ours", boxes_of(run, frame, m, target), how) for m in METHODS]
    lines = []
    for name, kind, rows, convention_of in series:
        if rows.empty:
            continue
        drawn = bootstrap.counts(rows["patient"], resamples)
        means = samples(rows, run.findings, convention_of, drawn)[:, -1, : len(THRESHOLDS)]
        for t, values in zip(THRESHOLDS, means.T, strict=True):
            lines.append((name, kind, t, *bootstrap.interval(values)))
    lines += [(name, "paper", 0.1, v, np.nan, np.nan) for name, v in PRINTED.items()]
    return pd.DataFrame(lines, columns=["series", "kind", "T", "value", "low", "high"])


def styled_curves(table: pd.DataFrame, title: str) -> Page:
    """`curves` as a table: a row per series, a column per T."""
    shown = table.assign(cell=cells(table, "value", "low", "high"))
    wide = shown.pivot(index="series", columns="T", values="cell").loc[table["series"].unique()]
    caption = f"{title}: mean IoU accuracy on test, with 95 % intervals over patients"
    return page(wide.rename(columns="T = {:g}".format).rename_axis(None, axis=1), caption)


def beside_the_head(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """What each target's heat maps say on the test part, and how far the box head agrees.

    Returns
    -------
    DataFrame
        A row per target and rule: `target`, `method`, `no box` (share of maps that select
        nothing), `mean IoU` with the true box, `pointing` (share of maps whose maximum lies in
        the true box) and `agreement` (mean IoU with the head's box), each `(value, low, high)`
        over patients, a missing box counting as IoU 0; `by chance` (what pointing anywhere hits:
        the true boxes' mean share of the image).
    """
    test = run.part("test")
    lines = []
    for target in frame["target"].unique():
        for method in METHODS:
            rows = boxes_of(run, frame, method, target)
            if rows.empty:
                continue
            drawn = bootstrap.counts(rows["patient"])
            which = (frame["target"] == target) & (frame["method"] == method)
            hits = frame.loc[which & (frame["part"] == "test"), "pointing"].to_numpy(float)
            head = np.nan_to_num(iou(test.loc[rows.index, PREDICTED_BOX], rows[PREDICTED_BOX]))
            numbers = (box_iou(rows).to_numpy(), hits, head)
            line = {"target": target, "method": method}
            line |= {"no box": float(rows[PREDICTED_BOX[0]].isna().mean())}
            x1, y1, x2, y2 = rows[TRUE_BOX].to_numpy(np.float64).T
            line["by chance"] = float(((x2 - x1) * (y2 - y1)).mean())
            for name, values in zip(("mean IoU", "pointing", "agreement"), numbers, strict=True):
                line[name] = _mean(values, drawn)
            lines.append(line)
    columns = ["target", "method", "no box", "mean IoU", "pointing", "by chance", "agreement"]
    return pd.DataFrame(lines, columns=columns)


def _mean(values: NDArray[np.float64], drawn: bootstrap.Counts) -> tuple[float, float, float]:
    """Mean over rows, with its interval."""
    everything = np.ones((len(values), 1))
    return bootstrap.interval(bootstrap.group_means(values[:, None], everything, drawn)[:, 0, 0])


def styled_beside(table: pd.DataFrame, title: str) -> Page:
    """`beside_the_head` with intervals in its cells."""
    shown = table.assign(**{"no box": [f"{share:.0%}" for share in table["no box"]]})
    for name in ("mean IoU", "pointing", "agreement"):
        shown[name] = [cell(*values) for values in table[name]]
    caption = f"{title}: heat maps on test, means over boxes with 95 % intervals over patients"
    if len(table):
        caption += f"; a point anywhere would hit {table['by chance'].iloc[0]:.2f}"
    return page(shown.drop(columns="by chance").set_index(["target", "method"]), caption)


def styled_randomisation(frame: pd.DataFrame, title: str) -> Page:
    """Mean and spread of the correlation per stage of `clnlib.model.gradcam.randomisation`."""
    each = frame.groupby("stage", sort=False)["correlation"]
    table = each.agg(["mean", "std", "count"]).rename_axis("weights shuffled")
    table["undefined"] = each.size() - table["count"]
    table.columns = ["mean correlation", "standard deviation", "maps", "constant maps"]
    return page(table, f"{title}: Spearman's correlation with the trained network's maps")
