"""Radiographs with boxes on them (Figure 3).

Serves the pages that show images: `prepare`, `data`, `train`, `gradcam` and `predict`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook.style import BLIND, CAM, PREDICTED, TRUE
from clnlib.metrics.localisation import box_iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAM_BOX = ["cx1", "cy1", "cx2", "cy2"]  # columns of a box made from a heat map
COLOURS = {TRUE: TRUE_BOX, PREDICTED: PREDICTED_BOX, CAM: CAM_BOX}
COLUMNS = 4  # pictures side by side


def boxes_on_image(grey: ArrayLike, boxes: Sequence[tuple[ArrayLike, str]], axes: "Axes") -> "Axes":
    """A radiograph with boxes on it.

    Parameters
    ----------
    grey
        (H, W) uint8.
    boxes
        Relative `xyxy` and colour; empty boxes are not drawn.
    axes
        Where to draw.
    """
    from matplotlib.patches import Rectangle

    pixels = np.asarray(grey)
    height, width = pixels.shape
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    for box, colour in boxes:
        x1, y1, x2, y2 = np.clip(np.asarray(box, dtype=float), 0, 1) * ([width, height] * 2)
        if x2 > x1 and y2 > y1:
            patch = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=colour, lw=1.6)
            axes.add_patch(patch)
    axes.set_axis_off()
    return axes


def panels(rows: pd.DataFrame, pixels: NDArray[np.uint8]) -> "tuple[Figure, list[Axes]]":
    """A picture per row under the name of its finding, with its true box and those it has besides.

    Parameters
    ----------
    rows
        Box frame with true boxes, with or without predicted ones (`px1` to `py2`) and those made
        from a heat map (`cx1` to `cy2`).
    pixels
        (len(rows), S, S) uint8, row by row.
    """
    import matplotlib.pyplot as plt

    lines = -(-len(rows) // COLUMNS)
    size = (2.2 * COLUMNS, 2.45 * lines)
    figure, grid = plt.subplots(lines, COLUMNS, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    used = list(grid.flat[: len(rows)])
    for k, axes in enumerate(used):
        row = rows.iloc[k]
        boxes = [(row[names], colour) for colour, names in COLOURS.items() if names[0] in rows]
        boxes_on_image(pixels[k], boxes, axes)
        axes.set_title(str(row["finding"]), fontsize=8)
    return figure, used


def gallery(rows: pd.DataFrame, pixels: NDArray[np.uint8]) -> "Figure":
    """Images with their true (green) and, where there are any, predicted (orange) boxes (Figure 3).

    Parameters are those of `panels`.
    """
    figure, each = panels(rows, pixels)
    if PREDICTED_BOX[0] in rows:
        for axes, overlap in zip(each, box_iou(rows), strict=True):
            axes.set_title(f"{axes.get_title()}  IoU {overlap:.2f}", fontsize=8)
        figure.suptitle("green: true box, orange: predicted", fontsize=8)
    return figure


def prediction(grey: ArrayLike, row: pd.Series) -> "Figure":
    """One file's radiograph with its predicted box, and its probabilities as bars.

    Parameters
    ----------
    grey
        (H, W) uint8, the file's pixels.
    row
        A row of `clnlib.model.predict.predict`.
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.5, 3.6), layout="constrained", width_ratios=(1, 0.8)
    )
    height, width = np.asarray(grey).shape
    box = row[TRUE_BOX].to_numpy(dtype=float) / ([width, height] * 2)
    boxes_on_image(grey, [(box, PREDICTED)], left)
    left.set_title(row["image"] + ("" if np.isfinite(box).all() else " (no box)"), fontsize=9)
    shares = row[[name for name in row.index if name.startswith(PROBABILITY)]].astype(float)
    shares = shares.sort_values().rename(lambda name: name.removeprefix(PROBABILITY))
    colours = [BLIND] * (len(shares) - 1) + [PREDICTED]  # the likeliest, on top
    right.barh(list(shares.index), shares.to_numpy(), color=colours)
    right.set(xlim=(0, 1), xlabel="probability")
    figure.suptitle("research software, not for clinical use", fontsize=7, color=BLIND)
    return figure
