"""Colours, sizes and files of every figure.

A figure made under `style()` has no background and text in a grey that is told apart from white
(4.5 : 1) and from a dark page (4 : 1), so one file serves both.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clnlib.errors import not_allowed
from clnlib.io import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUE, PREDICTED, BLIND, OTHER = "#009E73", "#D55E00", "#666666", "#0072B2"
CAM = "#56B4E9"
PAPER = "#8C8C8C"
INK = "#767676"
SERIES = (PREDICTED, OTHER, TRUE, "#CC79A7", "#E69F00", CAM)
"""Okabe and Ito's colours without black and yellow, which a dark or a white page swallows."""
PALETTE = (*SERIES, BLIND, PAPER, INK)

COLUMN = 3.5  # inches, the width of a column and, nearly, of a phone (360 pixels)
SMALL, TINY = 7, 6  # points: text, and labels where many stand side by side


def style() -> dict[str, Any]:
    """Settings for `matplotlib.rcParams.update` or `matplotlib.rc_context`.

    Text in an SVG is drawn as outlines: it looks the same without the fonts, and the words are
    the page's business (the alternative text).
    """
    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    clear = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    sizes = ("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize",
             "ytick.labelsize", "legend.fontsize", "figure.titlesize")  # fmt: skip
    return {
        **dict.fromkeys(ink, INK),
        **dict.fromkeys(clear, "none"),
        **dict.fromkeys(sizes, SMALL),
        "figure.dpi": 144,  # notebooks show pictures at this
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "clnlib",
    }


def save(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all, and close it; equal figures give equal bytes.

    Parameters
    ----------
    figure
        Of matplotlib.
    path
        Ends in .png (150 dots per inch) or .svg.

    Raises
    ------
    InputError
        Another ending.
    """
    import matplotlib.pyplot as plt

    if path.suffix not in (".png", ".svg"):
        raise not_allowed(f"figure {path}: ending", path.suffix, (".png", ".svg"))
    # Without the date and the writer's version, which would change the bytes by themselves.
    told = ("Software",) if path.suffix == ".png" else ("Date", "Creator", "Format", "Type")
    salt = {name: value for name, value in style().items() if name.startswith("svg.")}
    with plt.rc_context(salt):
        write_atomically(path, lambda p: figure.savefig(p, dpi=150, metadata=dict.fromkeys(told)))
    plt.close(figure)
