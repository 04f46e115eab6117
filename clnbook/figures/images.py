"""Radiographs with boxes, heat maps and probabilities (Figures 3 and 6)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook.figures.style import BLIND, CAM, PREDICTED, TRUE
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAM_BOX = ["cx1", "cy1", "cx2", "cy2"]


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


def gallery(rows: pd.DataFrame, pixels: NDArray[np.uint8], columns: int = 4) -> "Figure":
    """Images with their true (green) and, where there are any, predicted (orange) boxes (Figure 3).

    Parameters
    ----------
    rows
        Box frame, with or without predicted boxes; one picture per row.
    pixels
        (len(rows), S, S) uint8, row by row.
    columns
        Pictures side by side.
    """
    figure, panels = _panels(len(rows), columns)
    predicted = PREDICTED_BOX[0] in rows
    overlap = iou(rows[TRUE_BOX], rows[PREDICTED_BOX]) if predicted else None
    for k, axes in enumerate(panels):
        boxes = [(rows[TRUE_BOX].iloc[k], TRUE)]
        title = str(rows["finding"].iloc[k])
        if overlap is not None:
            boxes.append((rows[PREDICTED_BOX].iloc[k], PREDICTED))
            title += f"  IoU {overlap[k]:.2f}"
        boxes_on_image(pixels[k], boxes, axes)
        axes.set_title(title, fontsize=8)
    if predicted:
        figure.suptitle("green: true box, orange: predicted", fontsize=8)
    return figure


def cam_gallery(
    rows: pd.DataFrame,
    pixels: NDArray[np.uint8],
    heat: NDArray[np.uint8] | None,
    columns: int = 4,
) -> "Figure":
    """Images under their heat map, with the true, the head's and the heat map's box (Figure 6).

    Parameters
    ----------
    rows
        Box frame with the head's boxes `px1` to `py2` and, where there are any, those made from
        the heat map, `cx1` to `cy2`; one picture per row.
    pixels
        (len(rows), S, S) uint8, row by row.
    heat
        (len(rows), h, w) uint8, stretched over the image: the larger, the less of the image shows
        through. None: images without one.
    columns
        Pictures side by side.
    """
    shown = [(TRUE_BOX, TRUE), (PREDICTED_BOX, PREDICTED), (CAM_BOX, CAM)]
    shown = [(names, colour) for names, colour in shown if names[0] in rows]
    figure, panels = _panels(len(rows), columns)
    for k, axes in enumerate(panels):
        boxes_on_image(pixels[k], [(rows[names].iloc[k], c) for names, c in shown], axes)
        if heat is not None:
            height, width = pixels[k].shape
            axes.imshow(heat[k], cmap="cividis", vmin=0, vmax=255, alpha=heat[k] / 255 * 0.6,
                        extent=(0, width, height, 0), interpolation="bilinear")  # fmt: skip
        axes.set_title(str(rows["finding"].iloc[k]), fontsize=8)
    words = {TRUE: "green: true box", PREDICTED: "orange: box head", CAM: "blue: heat map's box"}
    figure.suptitle(", ".join(words[colour] for _, colour in shown), fontsize=8)
    return figure


def _panels(number: int, columns: int) -> "tuple[Figure, list[Axes]]":
    """A figure of so many square pictures, and the places that are used."""
    import matplotlib.pyplot as plt

    lines = -(-number // columns)
    size = (2.2 * columns, 2.45 * lines)
    figure, grid = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    return figure, list(grid.flat[:number])


def probability_bars(probabilities: pd.Series, axes: "Axes") -> "Axes":
    """Probabilities of the findings as bars, the likeliest on top and in colour."""
    ordered = probabilities.sort_values()
    colours = [BLIND] * (len(ordered) - 1) + [PREDICTED]
    axes.barh(list(ordered.index), ordered.to_numpy(), color=colours)
    axes.set(xlim=(0, 1), xlabel="probability")
    return axes


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
    probability_bars(shares.rename(lambda name: name.removeprefix(PROBABILITY)), right)
    figure.suptitle("research software, not for clinical use", fontsize=7, color=BLIND)
    return figure
