"""Boxes on an empty frame."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from clnbook.figures.labels import Label, label_right
from clnbook.figures.style import SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def blind_boxes(boxes: Mapping[str, ArrayLike], axes: "Axes") -> "Axes":
    """Boxes that never see the image, in the frame of a relative image, each finding named.

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
