"""What is drawn on axes, as numbers; shared by several test files."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

from clnbook.style import PALETTE


def rectangles(axes: Axes) -> list[tuple[list[float], str]]:
    """The (x1, y1, x2, y2) and colour of each rectangle, in pixels."""
    return [
        ([p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()], c)
        for p in axes.patches
        for c in [to_hex(p.get_edgecolor()).upper()]
    ]


def names_beside(axes: Axes) -> list[Text]:
    """The names written beside the axes."""
    return [text for text in axes.texts if text.get_text()]


def band_at(axes: Axes, number: int, t: float) -> tuple[float, float]:
    """The ends of a filled band at a place of the horizontal axis."""
    corners = axes.collections[number].get_paths()[0].vertices
    at_t = corners[np.isclose(corners[:, 0], t), 1]
    return at_t.min(), at_t.max()


def off_palette(axes: Axes) -> set[str]:
    """The colours of lines, words, frames and areas that were not chosen for the colour-blind."""
    lines = [line for line in axes.findobj(Line2D) if line.get_visible()]
    used = {to_hex(line.get_color()) for line in lines}
    used |= {to_hex(text.get_color()) for text in axes.findobj(Text) if text.get_text()}
    used |= {colour for _, colour in rectangles(axes)}
    used |= {to_hex(c) for band in axes.collections for c in band.get_facecolor()}
    return {colour.upper() for colour in used} - set(PALETTE)
