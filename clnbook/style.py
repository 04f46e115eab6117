"""How every table and figure of the book looks; serves all pages.

Tables: cells with intervals, a caption, scopes of header cells. Figures: colours, sizes, names
beside lines, files. A figure made under `rc()` has no background, and its text is of a grey that
contrasts with white (4.5 : 1) and with a dark page (4 : 1), so that one file serves both.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.io.formats.style import Styler

from clnbook import fonts
from clnlib.errors import not_allowed
from clnlib.io import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "–"
RUN = "CLN-"  # how the name of a run begins, as the paper's variants do
NOTHING_ELSE = "nothing else"  # the name of a run that says only what all of them say

TRUE, PREDICTED, BLIND, OTHER = "#009E73", "#D55E00", "#666666", "#0072B2"
CAM = "#56B4E9"
PAPER = "#8C8C8C"
INK = "#767676"
SERIES = (PREDICTED, OTHER, TRUE, "#CC79A7", "#E69F00", CAM)
"""Okabe and Ito's colours without black and yellow, which a dark or a white page swallows."""
PALETTE = (*SERIES, BLIND, PAPER, INK)

COLUMN = 3.5  # inches, the width of a column and, nearly, of a phone (360 pixels)
SMALL, TINY = 7, 6  # points: text, and labels where many stand side by side
LONG = 30  # characters from which rows' heads get a wide column
LONGEST = 24  # characters of a name beside a line, about a third of a column's width


class Page(Styler):  # type: ignore[misc]
    """A Styler whose header cells say what they head (WCAG H63), and whose text is its content.

    An executed notebook keeps it as HTML, as text and as CSV.
    """

    def _repr_mimebundle_(self, **chosen: Any) -> dict[str, str]:
        """The table as Jupyter keeps it, by MIME type."""
        return {"text/html": self.to_html(), "text/plain": repr(self), "text/csv": self.to_csv()}

    def to_csv(self) -> str:
        """Caption, header and rows as shown; a header cell that spans several stands in each."""
        unit = "\x1f"  # ASCII's separator of cells, which no cell holds
        text = self.to_string(delimiter=unit, sparse_index=False, sparse_columns=False)
        plain = re.sub(r'<br><span class="aside">(.*?)</span>', r" \1", text)
        lines = io.StringIO()
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerows([[self.caption]] if self.caption else [])
        rows.writerows(line.split(unit) for line in plain.splitlines())
        return lines.getvalue()

    def to_html(self, *arguments: Any, **options: Any) -> Any:
        """The table as HTML."""
        text = super().to_html(*arguments, **options)
        if text is None:  # written into a file
            return None
        scoped = re.sub(r'<th (?=[^>]*class="row_heading)', '<th scope="row" ', text)
        return re.sub(r'<th (?=[^>]*class="(?:col_heading|index_name))', '<th scope="col" ', scoped)

    def __repr__(self) -> str:
        """Caption and cells: a Styler's own text is an address, another in every process."""
        return f"{self.caption}\n{self.data.to_string(na_rep=MISSING)}"


def page(frame: pd.DataFrame, caption: str) -> Page:
    """A frame of texts and numbers as a table with a caption; numbers get three decimals.

    Equal frames give equal HTML. Missing values are shown as a dash; what stands in parentheses
    at the end of a text, an interval mostly, goes on a line of its own. Columns of words stand
    left. What the names of all runs that head rows have in common is said once, after the caption.
    """
    frame, common = _said_once(frame)
    if common:
        before = f"{caption}." if caption and not caption.endswith(".") else caption
        caption = f"{before} All runs here: {common}.".lstrip()
    name = hashlib.sha256((caption + frame.to_csv()).encode()).hexdigest()[:10]
    props = {
        "caption": "caption-side: top; text-align: left; max-width: min(60em, calc(100vw - 3rem)); "
        "position: sticky; left: 0; overflow-wrap: anywhere",
        "td": "text-align: right; vertical-align: top; padding: 0.2em 0.4em",
        "th": "white-space: nowrap; vertical-align: top",
        ".aside": "white-space: nowrap; font-size: 85%",
    }
    wordy = [k for k in range(frame.shape[1]) if _are_words(frame.iloc[:, k])]
    left = "text-align: left; padding-left: 1em !important"
    props |= {f"td.col{k}, th.col{k}": left for k in wordy}
    styles = [{"selector": selector, "props": text} for selector, text in props.items()]
    styler = Page(frame, uuid=name, cell_ids=False, caption=caption)
    if max((len(str(head)) for head in frame.index.get_level_values(0)), default=0) > LONG:
        styler.set_table_attributes('class="long-heads"')
    shown = styler.format(_shown, na_rep=MISSING).set_table_styles(styles)
    return shown.format_index(lambda head: f"{head:g}" if isinstance(head, float) else str(head))


def worded(frame: pd.DataFrame, caption: str = "") -> Page:
    """A `page` of a frame whose columns have Python names: their heads are words."""
    return page(frame.rename(columns=lambda name: name.replace("_", " ")), caption)


def _said_once(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A frame whose rows' names of runs lack what all of them say, and that."""
    heads = frame.index.get_level_values(0)
    runs = {name: name.split(", ") for name in map(str, heads) if name.startswith(RUN)}
    parts = list(runs.values())
    common = [p for p in parts[0] if all(p in other for other in parts)] if len(runs) > 1 else []
    if not common:
        return frame, ""
    rest = {name: ", ".join(p for p in each if p not in common) for name, each in runs.items()}
    short = [rest.get(str(name), name) or NOTHING_ELSE for name in heads]
    if isinstance(frame.index, pd.MultiIndex):
        others = [frame.index.get_level_values(k) for k in range(1, frame.index.nlevels)]
        index = pd.MultiIndex.from_arrays([short, *others], names=frame.index.names)
    else:
        index = pd.Index(short, name=frame.index.name)
    return frame.set_axis(index), ", ".join(common)


def _are_words(column: pd.Series) -> bool:
    """Whether a column's cells are lists or texts that begin with a letter; dashes aside."""
    given = [value for value in column.dropna() if value not in ("", MISSING)]
    return bool(given) and all(
        isinstance(value, tuple) or (isinstance(value, str) and value[0].isalpha())
        for value in given
    )


def _shown(value: object) -> str:
    if isinstance(value, str):
        return re.sub(r" (\([^()]*\d[^()]*\))$", r'<br><span class="aside">\1</span>', value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def cell(value: float, low: float = np.nan, high: float = np.nan, digits: int = 2) -> str:
    """`0.51 (0.42–0.60)`, `0.51` without an interval, a dash without a value."""
    if np.isnan(value):
        return MISSING
    ends = "" if np.isnan(low) else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{ends}"


def change(value: float, low: float, high: float, digits: int = 2) -> str:
    """`+0.04 (+0.01 to +0.08)`, with a minus sign and an unsigned zero; a dash without a value."""
    if np.isnan(value):
        return MISSING
    texts = [f"{number:+.{digits}f}".replace("-", "−") for number in (value, low, high)]
    texts = [text[1:] if not float(text[1:]) else text for text in texts]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def p_value(p: float) -> str:
    """A p-value as text: four decimals, or its power of ten where those are none."""
    if np.isnan(p):
        return MISSING
    return f"{p:.4f}" if p >= 0.0001 else f"{p:.0e}"


def cells(frame: pd.DataFrame, name: str = "value", digits: int = 2) -> list[str]:
    """`cell` for every row, from a column and its interval, `<name> low` and `<name> high`.

    The interval of the column `value` is `low` and `high`.
    """
    before = "" if name == "value" else f"{name} "
    numbers = frame[[name, f"{before}low", f"{before}high"]].to_numpy(dtype=float)
    return [cell(value, low, high, digits) for value, low, high in numbers]


def rc(texts: Iterable[str] = ()) -> dict[str, Any]:
    """Settings for `matplotlib.rcParams.update` or `matplotlib.rc_context`.

    The fonts have the glyphs of `texts`, for example a reader's names of findings.

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
        "font.family": fonts.families(texts),
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
    names = ("Software",) if path.suffix == ".png" else ("Date", "Creator", "Format", "Type")
    empty = dict.fromkeys(names)
    with plt.rc_context({name: value for name, value in rc().items() if name.startswith("svg.")}):
        write_atomically(path, lambda p: figure.savefig(p, dpi=150, metadata=empty))
    plt.close(figure)


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
    if not labels:
        return
    inches = axes.get_window_extent().height / axes.figure.dpi
    step = 1.15 * TINY / 72 / inches  # of the axes' height
    fitting = labels[: max(int(1.1 / step), 1)]
    bottom, top = axes.get_ylim()
    wanted = np.clip([(label.y - bottom) / (top - bottom) for label in fitting], 0, 1)
    for label, place in zip(fitting, spread(wanted, step, -0.05, 1.05), strict=True):
        axes.annotate(
            _short(label.text), (label.x, label.y), (1.04, place), textcoords="axes fraction",
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
