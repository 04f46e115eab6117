"""Page `data`: what the boxed images are (section 2.1): views, ages, labels, findings, boxes."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clnbook.style import OTHER, TRUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def composition(boxes: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The boxed images beside all labelled ones.

    Parameters
    ----------
    boxes
        From `clnlib.data.nih.load_boxes`.
    labels
        From `clnlib.data.nih.load_labels`.

    Returns
    -------
    DataFrame
        Columns "all images" and "boxed images"; rows: images, patients, share of AP views, of
        women, of patients under 18, median age in years, share labelled without any finding.
    """
    parts = {"all images": labels, "boxed images": labels[labels["image"].isin(boxes["image"])]}
    return pd.DataFrame(
        {
            name: {
                "images": len(rows),
                "patients": rows["patient"].nunique(),
                "AP view (lying or sitting), share": (rows["view"] == "AP").mean(),
                "women, share": (rows["sex"] == "F").mean(),
                "under 18 years, share": (rows["age"] < 18).mean(),
                "age, median": rows["age"].median(),
                "no finding in the labels, share": (rows["findings"] == "").mean(),
            }
            for name, rows in parts.items()
        }
    )


def box_statistics(boxes: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Per finding what its boxes look like, and whether the image's labels agree.

    Returns
    -------
    DataFrame
        Rows the findings; columns `boxes`, `patients`, `area` (median share of the frame),
        `area 5 %`, `area 95 %`, `spread` (mean distance of the centres from their mean, shares
        of the frame), `labelled` (share of the boxes whose finding is among the image's labels),
        `with another box` (share of the boxes on images with several boxes).
    """
    area = (boxes["x2"] - boxes["x1"]) * (boxes["y2"] - boxes["y1"])
    x, y = (boxes["x1"] + boxes["x2"]) / 2, (boxes["y1"] + boxes["y2"]) / 2
    by = boxes["finding"]
    away = (x - x.groupby(by).transform("mean")) ** 2 + (y - y.groupby(by).transform("mean")) ** 2
    named = boxes["image"].map(labels.set_index("image")["findings"].str.split("|"))
    labelled = pd.Series(
        [finding in set(names) for finding, names in zip(by, named, strict=True)], boxes.index
    )
    several = boxes["image"].map(boxes["image"].value_counts()) > 1
    return pd.DataFrame(
        {
            "boxes": by.value_counts(sort=False),
            "patients": boxes.groupby("finding")["patient"].nunique(),
            "area": area.groupby(by).median(),
            "area 5 %": area.groupby(by).quantile(0.05),
            "area 95 %": area.groupby(by).quantile(0.95),
            "spread": (away**0.5).groupby(by).mean(),
            "labelled": labelled.groupby(by).mean(),
            "with another box": several.groupby(by).mean(),
        }
    ).rename_axis("finding")


def findings_per_image(boxes: pd.DataFrame) -> pd.Series:
    """How many images have one boxed finding, two, three, …"""
    return boxes["image"].value_counts().value_counts().sort_index().rename("images")


def draw_boxes(boxes: pd.DataFrame, axes: "Axes") -> "Axes":
    """Every box of a frame as a thin outline: where they lie, and how much they vary."""
    from matplotlib.collections import LineCollection

    corners = ["x1", "y1"], ["x2", "y1"], ["x2", "y2"], ["x1", "y2"], ["x1", "y1"]
    outlines = np.stack([boxes[corner].to_numpy(dtype=float) for corner in corners], axis=1)
    axes.add_collection(LineCollection(list(outlines), colors=TRUE, linewidths=0.6, alpha=0.35))
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xticks=[], yticks=[])
    return axes


def draw_ages(years: ArrayLike, axes: "Axes") -> "Axes":
    """A histogram of ages in years, five years a bar."""
    bins = list(range(0, 101, 5))
    axes.hist(np.asarray(years), bins=bins, color=OTHER, edgecolor="white", lw=0.5)
    axes.set(xlabel="age in years", ylabel="images")
    return axes
