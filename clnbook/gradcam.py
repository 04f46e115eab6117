"""Page `gradcam`: the box head beside boxes from its network's heat maps (section 3.4.3).

Figures 5 and 6.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook import published, thresholds
from clnbook.heatmaps import METHODS
from clnbook.images import CAM_BOX, panels
from clnbook.style import Page, cells, page
from clnbook.summary import BLIND_BOX, interval, resampled
from clnlib.metrics import bootstrap
from clnlib.metrics.boxes import iou
from clnlib.metrics.localisation import PAPER, THRESHOLDS, box_iou, given_finding, samples
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, TRUE_BOX, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD = "box head"


def boxes_of(run: Run, frame: pd.DataFrame, method: str, target: str) -> pd.DataFrame:
    """The run's own test rows with the heat maps' boxes in place of the head's.

    Parameters
    ----------
    run
        A finished stage-2 run.
    frame
        From `clnbook.heatmaps.predictions`, attached to the run as "gradcam".
    method, target
        Which of its boxes.

    Returns
    -------
    DataFrame
        Rows of `run.predictions` with `pointing` (whether the map's maximum lies in the true
        box); empty where the frame has no such boxes.
    """
    key = ["image", "finding", "x1", "y1"]
    which = (frame["method"] == method) & (frame["target"] == target) & (frame["part"] == "test")
    made = frame[which].groupby(key, sort=False)[[*PREDICTED_BOX, "pointing"]].first(skipna=False)
    return run.part("test").drop(columns=PREDICTED_BOX).join(made, on=key, how="inner")


def has_places(frame: pd.DataFrame) -> bool:
    """Whether the run's heat maps have more than one cell: one cell points nowhere."""
    return bool((frame["cells"] > 1).all())


def resolution(frames: Mapping[str, pd.DataFrame], sizes: Mapping[str, int]) -> Page:
    """Per run the cells of its heat maps, and what can be read from so many.

    Parameters
    ----------
    frames
        By the runs' names, from `clnbook.heatmaps.predictions`.
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
    conventions: Conventions = PAPER,
    resamples: int = bootstrap.RESAMPLES,
) -> pd.DataFrame:
    """Mean IoU accuracy on test against T (Figure 5): head, heat maps by every rule, blind box.

    Heat maps of the true finding and blind boxes are told the finding: they are never gated. Maps
    of one cell hold no place and have no series.

    Parameters
    ----------
    run
        A finished stage-2 run.
    frame
        From `clnbook.heatmaps.predictions`, attached to the run as "gradcam".
    conventions
        How IoU accuracy counts.
    resamples
        Of the patients.

    Returns
    -------
    DataFrame
        For `thresholds.draw`; the paper's three numbers at T = 0.1, where alone it prints any.
    """
    each = resampled(run, conventions, resamples)
    tables = [
        thresholds.curve(HEAD, "ours", each.network[:, -1]),
        thresholds.curve(BLIND_BOX, "baseline", each.blind[:, -1]),
    ]
    for method in METHODS if has_places(frame) else ():
        rows = boxes_of(run, frame, method, "true finding")
        if len(rows):
            drawn = bootstrap.counts(rows["patient"], resamples)
            means = samples(rows, run.findings, given_finding(conventions), drawn)[:, -1]
            tables.append(thresholds.curve(f"CAM {method}", "ours", means))
    paper = [(f"{name}, paper", "paper", 0.1, v) for name, v in published.GRADCAM.items()]
    printed = pd.DataFrame(paper, columns=thresholds.COLUMNS[:4]).assign(low=np.nan, high=np.nan)
    return pd.concat([*tables, printed], ignore_index=True)


def styled_curves(table: pd.DataFrame, title: str) -> Page:
    """`curves` as a table: a row per series, a column per T."""
    texts = table.assign(cell=cells(table))
    wide = texts.pivot(index="series", columns="T", values="cell").loc[table["series"].unique()]
    caption = (
        f"{title}: mean IoU accuracy on test, with 95 % intervals over patients; the paper's are "
        "of its own real radiographs"
    )
    return page(wide.rename(columns="T = {:g}".format).rename_axis(None, axis=1), caption)


def told(table: pd.DataFrame) -> str:
    """What `curves` say at T = 0.1, where the paper prints numbers, as sentences."""
    at = table[table["T"] == THRESHOLDS[0]].set_index("series")
    texts = pd.Series(cells(at), at.index)
    said = [f"the box head finds {texts[HEAD]} of the boxes"]
    maps = at.loc[at.index.isin([f"CAM {method}" for method in METHODS[:-1]]), "value"]
    if len(maps):  # the last rule, left out, knows the true box
        said.append(
            f"the best rule that does not know the true box ({maps.idxmax()}) "
            f"{texts[maps.idxmax()]}"
        )
    said.append(f"a box that is told the finding and never sees the image {texts[BLIND_BOX]}")
    head, *printed = published.GRADCAM.values()
    return (
        f"At T = {THRESHOLDS[0]} {', '.join(said)}. The paper, of real radiographs: {head} by the "
        f"head, {max(printed)} by heat maps."
    )


def beside_the_head(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """What each target's heat maps say on the test part, and how far the box head agrees.

    Returns
    -------
    DataFrame
        A row per target and rule: `target`, `method`; `no box` (share of maps that select
        nothing); `by chance` (what pointing anywhere hits: the true boxes' mean share of the
        image); `mean IoU` with the true box, `pointing` (share of maps whose maximum lies in the
        true box) and `agreement` (mean IoU with the head's box), each followed by its interval
        over patients, a missing box counting as IoU 0.
    """
    head = run.predictions[PREDICTED_BOX]
    lines = []
    for target, method in frame[["target", "method"]].drop_duplicates().itertuples(index=False):
        rows = boxes_of(run, frame, method, target)
        x1, y1, x2, y2 = rows[TRUE_BOX].to_numpy(np.float64).T
        line = {
            "target": target,
            "method": method,
            "no box": float(rows[PREDICTED_BOX[0]].isna().mean()),
            "by chance": float(((x2 - x1) * (y2 - y1)).mean()),
        }
        means = {
            "mean IoU": box_iou(rows),
            "pointing": rows["pointing"],
            "agreement": np.nan_to_num(iou(head.loc[rows.index], rows[PREDICTED_BOX])),
        }
        drawn = bootstrap.counts(rows["patient"])
        for name, values in means.items():
            line |= interval(_mean(values, drawn), name)
        lines.append(line)
    return pd.DataFrame(lines)


def _mean(values: ArrayLike, drawn: bootstrap.Counts) -> NDArray[np.float64]:
    """The mean over rows for every resample."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    return bootstrap.group_means(column, np.ones_like(column), drawn)[:, 0, 0]


def styled_beside(table: pd.DataFrame, title: str) -> Page:
    """`beside_the_head` with intervals in its cells."""
    texts = table[["target", "method"]].assign(**{"no box": table["no box"].map("{:.0%}".format)})
    for name in ("mean IoU", "pointing", "agreement"):
        texts[name] = cells(table, name)
    return page(
        texts.set_index(["target", "method"]),
        f"{title}: heat maps on test, means over boxes with 95 % intervals over patients; a point "
        f"anywhere would hit {table['by chance'].iloc[0]:.2f}",
    )


def styled_randomisation(frame: pd.DataFrame, title: str) -> Page:
    """Mean and spread of the correlation per stage of `clnbook.cams.randomisation`."""
    each = frame.groupby("stage", sort=False)["correlation"]
    table = each.agg(["mean", "std", "count"]).rename_axis("weights shuffled")
    table["undefined"] = each.size() - table["count"]
    table.columns = ["mean correlation", "standard deviation", "maps", "constant maps"]
    return page(table, f"{title}: Spearman's correlation with the trained network's maps")


def gallery(rows: pd.DataFrame, pixels: NDArray[np.uint8], heat: NDArray[np.uint8]) -> "Figure":
    """Images under their heat map, with the true, the head's and the heat map's box (Figure 6).

    Parameters
    ----------
    rows, pixels
        As in `clnbook.images.panels`.
    heat
        (len(rows), h, w) uint8, stretched over the image: the larger, the less of the image shows
        through.
    """
    figure, each = panels(rows, pixels)
    for axes, grey in zip(each, heat, strict=True):
        axes.imshow(grey, cmap="cividis", vmin=0, vmax=255, alpha=grey / 255 * 0.6,
                    extent=axes.images[0].get_extent(), interpolation="bilinear")  # fmt: skip
    words = {TRUE_BOX[0]: "green: true box", PREDICTED_BOX[0]: "orange: box head"}
    words |= {CAM_BOX[0]: "blue: heat map's box"}
    figure.suptitle(", ".join(text for name, text in words.items() if name in rows), fontsize=8)
    return figure
