"""Figures: data in, Axes out. Colours are Okabe and Ito's, safe for colour-blind readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnlib.evaluation.boxes import iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, PREDICTED, BLIND, OTHER = "#009E73", "#D55E00", "#666666", "#0072B2"


def learning_curves(history: pd.DataFrame, names: Sequence[str], best: int, axes: "Axes") -> "Axes":
    """Training (thin) and validation (thick) values of some columns over the epochs.

    Parameters
    ----------
    history
        One row per epoch, columns `epoch`, `<name>`, `val_<name>`.
    names
        Columns to draw; absent ones are left out.
    best
        The epoch whose weights were kept, marked.
    axes
        Where to draw.
    """
    for colour, name in zip((OTHER, PREDICTED, TRUE), names, strict=False):
        for column, width in ((name, 1), (f"val_{name}", 2.5)):
            if column in history:
                axes.plot("epoch", column, data=history, color=colour, lw=width, label=column)
    axes.axvline(best, color=BLIND, ls=":", lw=1)
    axes.annotate(
        " kept", (best, 1), xycoords=("data", "axes fraction"), va="top", color=BLIND, fontsize=8
    )
    axes.set_xlabel("epoch")
    axes.legend(frameon=False, fontsize=8)
    return axes


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
    import matplotlib.pyplot as plt

    lines = -(-len(rows) // columns)
    size = (2.2 * columns, 2.45 * lines)
    figure, grid = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    predicted = PREDICTED_BOX[0] in rows
    overlap = iou(rows[TRUE_BOX], rows[PREDICTED_BOX]) if predicted else None
    for k, axes in enumerate(grid.flat[: len(rows)]):
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


def accuracy_curves(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """IoU accuracy against T, the network and the image-blind box with their intervals (Figure 2).

    Parameters
    ----------
    table
        From `clnlib.tables.summary`.
    axes
        Where to draw.
    """
    rows = table[table.index.str.startswith("IoU accuracy")]
    t = [float(name.rsplit(" ", 1)[1]) for name in rows.index]
    for name, ends, colour in (
        ("network", ("low", "high"), PREDICTED),
        ("blind box", ("blind low", "blind high"), BLIND),
    ):
        axes.plot(t, rows[name], "o-", color=colour, label=name)
        axes.fill_between(t, rows[ends[0]], rows[ends[1]], color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="T(IoU)", ylabel="IoU accuracy", ylim=(0, 1))
    axes.legend(frameon=False)
    return axes


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


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, whole or not at all, and close it."""
    import matplotlib.pyplot as plt

    write_atomically(path, lambda p: figure.savefig(p, dpi=150))
    plt.close(figure)
