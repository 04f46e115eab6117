"""Names beside the ends of lines, in place of a legend."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clnbook.figures.style import TINY

if TYPE_CHECKING:
    from matplotlib.axes import Axes


LONGEST = 24  # characters, about a third of a column's width


class Label(NamedTuple):
    """A name, its colour, and the point of the axes (data coordinates) that it names."""

    text: str
    colour: str
    x: float
    y: float


def label_right(labels: Sequence[Label], axes: "Axes") -> None:
    """Write names right of the axes, each joined to its point by a hair line.

    Names keep their points' order and are moved apart as far as legibility needs; long ones are
    cut. Where the axes are too low for all of them, the last of the sequence go without.

    Parameters
    ----------
    labels
        The more important first.
    axes
        With their limits set, and as high as they will be.
    """
    from matplotlib.transforms import blended_transform_factory

    if not labels:
        return
    inches = axes.get_window_extent().height / axes.figure.dpi
    step = 1.15 * TINY / 72 / inches  # of the axes' height
    fitting = labels[: max(int(1.1 / step), 1)]
    bottom, top = axes.get_ylim()
    wanted = np.clip([(label.y - bottom) / (top - bottom) for label in fitting], 0, 1)
    beside = blended_transform_factory(axes.transAxes, axes.transAxes)
    for label, place in zip(fitting, spread(wanted, step, -0.05, 1.05), strict=True):
        axes.annotate(
            _short(label.text), (label.x, label.y), xytext=(1.04, place), textcoords=beside,
            va="center", fontsize=TINY, color=label.colour, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": label.colour,
                        "shrinkA": 0.5, "shrinkB": 1, "relpos": (0, 0.5)},
        )  # fmt: skip


def spread(
    wanted: NDArray[np.float64], step: float, low: float, high: float
) -> NDArray[np.float64]:
    """Places nearest the wanted ones (least squares), in their order, at least `step` apart.

    Parameters
    ----------
    wanted
        (N,) in any order, N at least 1; equal ones stay in theirs.
    step, low, high
        The least distance, and the ends; N steps fit between them.

    Returns
    -------
    (N,) in the order of `wanted`.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(wanted, kind="stable")
    steps = step * np.arange(len(order))
    # Less the steps, places at least a step apart are places that do not fall.
    free = np.clip(isotonic_regression(wanted[order] - steps).x, low, high - steps[-1])
    placed = np.empty_like(free)
    placed[order] = free + steps
    return placed


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
