"""Boxes on an empty frame."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from clnlib.figures.labels import Label, label_right
from clnlib.figures.style import INK, SERIES, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.")


def blind_boxes(boxes: Mapping[str, Any], axes: "Axes") -> "Axes":
    """Boxes that never see the image, in the frame of a relative image, each finding named.

    Parameters
    ----------
    boxes
        Finding to box (relative `xyxy`), or name of a baseline to such a mapping; baselines
        differ by the stroke, findings by the colour. Empty boxes are not drawn.
    axes
        Where to draw.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    nested: Mapping[str, Mapping[str, ArrayLike]]
    nested = boxes if all(isinstance(b, Mapping) for b in boxes.values()) else {"": boxes}
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), aspect="equal")
    axes.spines[:].set_visible(True)
    findings = list(dict.fromkeys(name for each in nested.values() for name in each))
    labels: dict[str, Label] = {}
    for number, each in enumerate(nested.values()):
        for finding, box in each.items():
            x1, y1, x2, y2 = np.asarray(box, dtype=float)
            if not (x2 > x1 and y2 > y1):
                continue
            # Six colours serve more findings: the second round is thicker.
            again, place = divmod(findings.index(finding), len(SERIES))
            colour, lw = SERIES[place], 1.2 * (1 + again)
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=colour, lw=lw,
                                     ls=STYLES[number % len(STYLES)]))  # fmt: skip
            labels.setdefault(finding, Label(finding, colour, x2, (y1 + y2) / 2))
    label_right(list(labels.values()), axes)
    if len(nested) > 1:
        strokes = [Line2D([], [], color=INK, lw=1.2, ls=STYLES[k % len(STYLES)])
                   for k in range(len(nested))]  # fmt: skip
        axes.legend(strokes, list(nested), loc="upper center", bbox_to_anchor=(0.5, -0.1),
                    ncols=2, frameon=False, fontsize=SMALL)  # fmt: skip
    return axes
