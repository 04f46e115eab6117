"""What tables on a page share: cells with intervals, a caption, scopes of header cells."""

import csv
import hashlib
import io
import re
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

MISSING = "–"


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
    at the end of a text, an interval mostly, goes on a line of its own.
    """
    name = hashlib.sha256((caption + frame.to_csv()).encode()).hexdigest()[:10]
    props = {
        "caption": "caption-side: top; text-align: left; max-width: min(60em, calc(100vw - 3rem)); "
        "position: sticky; left: 0; overflow-wrap: anywhere",
        "td": "text-align: right; vertical-align: top; padding: 0.2em 0.4em",
        "th": "white-space: nowrap; vertical-align: top",
        ".aside": "white-space: nowrap; font-size: 85%",
    }
    styles = [{"selector": selector, "props": text} for selector, text in props.items()]
    styler = Page(frame, uuid=name, cell_ids=False, caption=caption)
    return styler.format(_shown, na_rep=MISSING).set_table_styles(styles)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return re.sub(r" (\([^()]*\d[^()]*\))$", r'<br><span class="aside">\1</span>', value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def cell(value: float, low: float = np.nan, high: float = np.nan, digits: int = 2) -> str:
    """`0.51 (0.42–0.60)`, `0.51` without an interval, a dash without a value."""
    if np.isnan(value):
        return MISSING
    ends = "" if np.isnan(low) else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{ends}"


def change(value: float, low: float, high: float) -> str:
    """`+0.04 (+0.01 to +0.08)`, with a minus sign and an unsigned zero; a dash without a value."""
    if np.isnan(value):
        return MISSING
    texts = [f"{number:+.2f}".replace("-", "−") for number in (value, low, high)]
    texts = ["0.00" if text[1:] == "0.00" else text for text in texts]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def cells(frame: pd.DataFrame, value: str, low: str, high: str, digits: int = 2) -> list[str]:
    """`cell` for every row of a frame, from three of its columns."""
    numbers = frame[[value, low, high]].to_numpy(dtype=float)
    return [cell(v, start, end, digits) for v, start, end in numbers]
