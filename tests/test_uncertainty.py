"""Intervals and chance gains are those of the binomial distribution."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import binomtest

from clnbook.audit import testsets, uncertainty
from clnbook.figures import audit as figures


def test_wilson_agrees_with_scipy():
    """Every interval is SciPy's for the same counts, and holds the printed value."""
    table = uncertainty.wilson()
    assert len(table) == 8 * 31
    for row in table.iloc[::9].itertuples():
        exact = binomtest(row.right, row.boxes).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((exact.low, exact.high))
    inside = (table["low"] <= table["value"] + 1e-9) & (table["value"] <= table["high"] + 1e-9)
    assert inside.all()


def test_counts_give_the_printed_value():
    """The number of boxes localised, over the class size, prints as the cell reads."""
    table = uncertainty.wilson()
    assert np.abs(table["right"] / table["boxes"] - table["value"]).max() <= 0.0056


def test_told_apart():
    """Nodule, 79 boxes: 1.96 √(2 · 0.75 · 0.25 / 15.8) = 0.302; none at accuracy 1."""
    table = uncertainty.told_apart(0.75)
    assert table["Nodule"] == pytest.approx(0.302, abs=5e-4)
    assert table["Mean"] < table.drop("Mean").min()
    assert (uncertainty.told_apart(1.0) == 0).all()


def test_expected_gain_is_that_of_normal_order_statistics():
    """Six equals gain 1.267 standard errors of the mean on average (Harter 1961)."""
    row = uncertainty.best_of_equals().loc[0.7]
    table = uncertainty.wilson()
    at = table[table["T"] == 0.7]
    truth = at.groupby("finding")["value"].mean().reindex(at["finding"]).to_numpy()
    variance = (truth * (1 - truth) / at["boxes"]).sum() / 6 / 64
    assert row["variants"] == 6
    assert row["expected_gain"] == pytest.approx(1.267 * variance**0.5, rel=0.05)


def test_sizes_are_those_that_fit():
    """The class sizes of the intervals add up to 197 for every variant."""
    table = uncertainty.wilson().drop_duplicates(["method", "finding"])
    assert (table.groupby("method")["boxes"].sum() == testsets.BOXES).all()


def test_intervals_are_drawn_where_they_are():
    """The picture has one series per variant, its points at the printed values."""
    table = uncertainty.wilson()
    rows = table[table["T"] == 0.7]
    _, axes = plt.subplots()
    figures.intervals(rows, axes)
    drawn = {bars.get_label(): bars.lines[0].get_xdata() for bars in axes.containers}
    plt.close("all")
    assert sorted(drawn) == sorted(rows["method"].unique())
    for name, values in drawn.items():
        assert list(values) == rows.loc[rows["method"] == name, "value"].tolist()


def test_class_sizes_are_written_out():
    """The picture of class sizes shows every number and the total of each variant."""
    sizes = testsets.sizes_of_boxes().set_index("variant")
    _, axes = plt.subplots()
    figures.class_sizes(sizes, sizes.mean(), axes)
    texts = [text.get_text() for text in axes.texts]
    plt.close("all")
    assert texts == [str(n) for n in sizes.to_numpy().flat] + ["Σ 197"] * 6
