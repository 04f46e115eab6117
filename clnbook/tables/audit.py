"""Tables of the audit's page: printed beside recomputed numbers, and the whole ledger."""

import re

import pandas as pd

from clnbook import published
from clnbook.audit import testsets
from clnbook.audit.claims import sizes
from clnlib.findings import BOXED

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def printed_and_recomputed(claims: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    """Claims with one number on either side, as numbers.

    Parameters
    ----------
    claims
        The ledger of `clnbook.audit.audit.claims`.
    ids
        Which of its rows.

    Returns
    -------
    DataFrame
        Index the ids; `printed`, `recomputed`: the first number of each text, NaN
        where there is none.
    """
    rows = claims.set_index("id").loc[ids]
    columns = {
        name: rows[name].str.replace(",", "").str.extract(f"({NUMBER.pattern})")[0].astype(float)
        for name in ("printed", "recomputed")
    }
    return pd.DataFrame(columns)


def totals() -> pd.DataFrame:
    """Table 3's totals beside those of a pooled and of a flattened network, in millions."""
    table = published.table3()
    return pd.DataFrame(
        {
            "printed": table["total"] / 1e6,
            "global average pooling": [sizes.total(model) / 1e6 for model in table.index],
            "flatten layer": [sizes.total(model, "flatten") / 1e6 for model in table.index],
        },
        index=table.index,
    )


def class_sizes() -> pd.DataFrame:
    """The class sizes with 197 rows that fit each variant's cells and means, by variant."""
    return testsets.sizes_of_boxes().set_index("variant")


def fifth() -> pd.Series:
    """20 % of NIH's boxes of each finding."""
    boxes = testsets.boxes_per_finding() / 5
    return pd.Series(boxes, list(BOXED), name="20 %")


def ledger(claims: pd.DataFrame) -> str:
    """The whole ledger as an HTML table of the classes "ledger" and "sortable"."""
    return claims.to_html(index=False, classes=["ledger", "sortable"], border=0, na_rep="")
