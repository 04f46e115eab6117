"""The printed tables are read as they stand in the paper's text."""

import re
from pathlib import Path

import pytest

from clnbook import published
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS
from clnlib.model.backbones import BACKBONES

PAPER = Path(__file__).with_name("data") / "paper.md"


@pytest.fixture(scope="module")
def lines():
    """The rows of the three tables in the paper's text, as lists of cells."""
    text = PAPER.read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line.count("\t") >= 3]


def test_table1_has_every_row():
    """Seven thresholds, eleven methods, nine columns; one printed row could not be assigned."""
    table = published.table1()
    assert tuple(sorted(table["T"].unique())) == THRESHOLDS
    assert (table.groupby(["T", "method"]).size() == len(BOXED) + 1).all()
    rows = table.drop_duplicates(["T", "method"])
    known = rows[~rows["method"].str.startswith("UNASSIGNED")]
    assert len(known) == 77 and known["method"].nunique() == 11
    counts = rows["transcription"].value_counts()
    assert counts[published.OK] == 59 and set(counts.index) <= {
        published.OK, published.SUSPECT, published.MISSING,
    }  # fmt: skip


def test_legible_rows_of_table1_stand_in_the_text(lines):
    """Every row called legible is found, cell by cell, in the paper's text."""
    table = published.table1()
    legible = table[table["transcription"] == published.OK]
    printed = [tuple(cells[2:]) for cells in lines]
    for (t, method), row in legible.groupby(["T", "method"]):
        cells = tuple(row.set_index("finding")["printed"][[*BOXED, MEAN]])
        assert cells in printed, f"T = {t}, {method}"


def test_values_of_legible_rows_are_their_text():
    """Numbers of legible rows are the printed text; missing rows have none."""
    table = published.table1()
    legible = table[table["transcription"] == published.OK]
    assert (legible["printed"].astype(float) == legible["value"]).all()
    assert table.loc[table["transcription"] == published.MISSING, "value"].isna().all()


def test_table2_is_the_text(lines):
    """Table 2's 19 rows are the text's, in its order, every citation split off."""
    table = published.table2()
    wide = table.groupby("method", sort=False)["value"].agg(list)
    found = [cells for cells in lines if len(cells) == 10 and cells[0] and cells[0][0].isupper()]
    rows = [cells for cells in found if cells[0] != "Method" and cells[1][:2] == "0."]
    assert len(rows) == len(wide) == 19
    for (method, values), cells in zip(wide.items(), rows, strict=True):
        assert cells[0].startswith(method) and [float(c) for c in cells[1:]] == values
    assert not table["method"].str.contains("(", regex=False).any()
    assert (table["family"] == "cln").sum() == 6 * 9


def test_table3_is_the_text(lines):
    """Table 3's numbers are the text's."""
    table = published.table3()
    text = {cells[0]: cells[1:] for cells in lines if len(cells) == 4}
    assert len(table) == 6
    for model, row in table.iterrows():
        total, trainable, flops = (re.sub("[^0-9.]", "", cell) for cell in text[model])
        assert (int(total), int(trainable)) == (row["total"], row["trainable"])
        assert float(flops) == row["gflops"]


def test_variants_are_named_after_their_backbones():
    """Table 3's name of every variant is that of the backbone it is told to have."""
    assert {
        name: f"CLN-{BACKBONES[name].title}" for name in published.LAMBDAS
    } == published.VARIANTS
