"""Class sizes admitted by printed accuracies are those that arithmetic admits."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clnbook import published
from clnbook.audit import explanations, robustness, rounding, testsets
from clnlib.errors import InputError
from clnlib.findings import BOXED

MODES = {"half up": ROUND_HALF_UP, "half even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
HUNDREDTH, THOUSANDTH = Decimal("0.01"), Decimal("0.001")


def by_decimal(k: int, n: int, convention: str) -> int:
    """The hundredths that k / n prints as, by the decimal module."""
    with localcontext() as context:
        context.prec = 40
        share = Decimal(k) / Decimal(n)
        if convention == "twice":
            share = share.quantize(THOUSANDTH, ROUND_HALF_UP)
        return int(100 * share.quantize(HUNDREDTH, MODES.get(convention, ROUND_HALF_UP)))


@given(st.data(), st.integers(5, 60), st.sampled_from(rounding.CONVENTIONS))
def test_rounding_agrees_with_decimal(data, n, convention):
    """Integer rounding gives what exact decimals give, for every convention."""
    k = data.draw(st.integers(0, n))
    assert rounding.printed(np.array(k), n, convention) == by_decimal(k, n, convention)


@pytest.mark.parametrize(
    ("convention", "expected"), [("half up", 13), ("half even", 12), ("twice", 13), ("down", 12)]
)
def test_an_eighth(convention, expected):
    """1 / 8 = 0.125 tells half up from half even."""
    assert rounding.printed(np.array(1), 8, convention) == expected


def test_rounded_twice():
    """5 / 11 = 0.4545... is 0.45, but 0.46 by way of 0.455."""
    assert rounding.printed(np.array(5), 11, "half up") == 45
    assert rounding.printed(np.array(5), 11, "twice") == 46


def test_a_cell_without_evidence_is_printed_by_every_size():
    """The column that stands for no cell excludes nothing."""
    assert rounding.prints("down")[:, rounding.NO_CELL].all()


@given(st.sampled_from(rounding.CONVENTIONS), st.integers(5, 60), st.integers(0, 100))
def test_prints_is_membership(convention, n, hundredth):
    """A size prints a hundredth exactly if some k / n rounds to it."""
    some = hundredth in {by_decimal(k, n, convention) for k in range(n + 1)}
    assert rounding.prints(convention)[n - 5, hundredth] == some
    assert rounding.prints(rounding.ANY)[n - 5, hundredth] >= some


def test_wrong_names_are_refused():
    """An unknown variant or convention is one line that names the nearest."""
    with pytest.raises(InputError, match="did you mean 'twice'"):
        rounding.prints("twise")
    with pytest.raises(InputError, match="did you mean 'CLN-CheXNet'"):
        testsets.admissible("CLN-ChexNet")
    with pytest.raises(InputError, match="convention: 'any' is not one of"):
        testsets.totals("any")


def test_evidence_is_legible_rows_only():
    """31 legible rows of six variants; suspect rows are not evidence."""
    every = testsets.variants()
    assert {name: len(series.cells) for name, series in every.items()} == {
        "CLN-ResNet50V2": 5, "CLN-CheXNet": 6, "CLN-MobileNetV3Small": 5,
        "CLN-EfficientNetB4": 5, "CLN-InceptionV3": 5, "CLN-Xception": 5,
    }  # fmt: skip
    assert every["CLN-CheXNet"].means[0] == 855


def test_known_sizes():
    """By hand: Xception's atelectasis 0.83 0.74 0.71 0.43 0.11 are 29 26 25 15 4 of 35 alone."""
    assert testsets.admissible("CLN-Xception").loc["Atelectasis", "sizes"] == (35,)
    assert testsets.admissible("CLN-CheXNet").loc["Atelectasis", "sizes"] == (33,)


def test_admissible_sizes_are_drawn():
    """A panel per finding marks a fifth of its boxes and every size, those with the means large."""
    sizes = {name: testsets.admissible(name) for name in list(testsets.variants())[:2]}
    _, grid = plt.subplots(4, 2)
    testsets.draw_admissible(sizes, testsets.fifth(), grid)
    for axes, finding in zip(grid.flat, BOXED, strict=True):
        fifth, *points = axes.lines
        assert set(fifth.get_xdata()) == {testsets.fifth()[finding]}
        columns = [t.loc[finding, c] for t in sizes.values() for c in ("sizes", "with_means")]
        assert [tuple(line.get_xdata()) for line in points] == columns
    plt.close("all")


def test_sizes_reproduce_every_cell_and_mean():
    """Sizes that fit with 197 rows print all legible cells and means again."""
    every = testsets.variants()
    found = testsets.sizes_of_boxes()
    assert sorted(found["variant"]) == sorted(every)
    for _, row in found.iterrows():
        n = [int(size) for size in row[list(BOXED)]]
        assert sum(n) == 197
        for cells, mean in zip(*every[row["variant"]], strict=True):
            ks = [
                next(k for k in range(size + 1) if by_decimal(k, size, "twice") == cell)
                for cell, size in zip(cells, n, strict=True)
            ]
            kept = [(2000 * k + size) // (2 * size) for k, size in zip(ks, n, strict=True)]
            assert abs(sum(kept) - 8 * mean) <= 4


def test_totals_by_brute_force():
    """Totals by dynamic programming are the sums of all choices, for three small columns."""
    columns = [np.isin(testsets.SIZES, sizes) for sizes in ((5, 9), (7,), (6, 20, 21))]
    sums = {a + b + c for a in (5, 9) for b in (7,) for c in (6, 20, 21)}
    assert set(np.flatnonzero(testsets.possible_totals(columns))) == sums


def test_which_test_set():
    """No finding has a size common to all variants; all admit 197 rows, none 176."""
    total = testsets.totals()
    assert total["admits_197"].all()
    assert not total["admits_176"].any()
    assert (total["fits_with_197"] == 1).all()
    assert (testsets.common()["sizes"].map(len) == 0).all()
    assert robustness.sensitivity()["survives"].all()


def test_only_rounding_twice_explains_every_column():
    """Other conventions leave columns that no size can have printed."""
    table = robustness.conventions()
    assert table.loc["twice", "columns_without_size"] == 0
    assert (table.drop("twice")["columns_without_size"] > 0).all()
    assert (table["findings_in_common"] == 0).all()


def tampered(monkeypatch, change) -> None:
    table = published.table1()
    monkeypatch.setattr(published, "table1", lambda: change(table.copy()))


def one_test_set(table: pd.DataFrame) -> pd.DataFrame:
    """Table 1 as one test set of (33, 32, ...) boxes would print it."""
    sizes = dict(zip(BOXED, (33, 32, 30, 25, 17, 16, 24, 20), strict=True))
    rows = table["finding"].isin(sizes) & table["value"].notna()
    n = table.loc[rows, "finding"].map(sizes)
    k = (table.loc[rows, "value"] * n).round().astype(int)
    kept = [by_decimal(a, b, "twice") / 100 for a, b in zip(k, n, strict=True)]
    table.loc[rows, "value"] = kept
    return table


def test_one_test_set_is_recognised(monkeypatch):
    """A table printed from one test set has its size in common for every finding."""
    tampered(monkeypatch, one_test_set)
    found = testsets.common()
    for finding, n in zip(BOXED, (33, 32, 30, 25, 17, 16, 24, 20), strict=True):
        assert n in found.loc[finding, "sizes"]
    assert (found["misread"] == 0).all()


def test_one_misread_cell_is_found(monkeypatch):
    """One cell that no size fits is counted as one misread, and as decisive."""

    def misread(table):
        table = one_test_set(table)
        row = table.index[(table["method"] == "CLN-CheXNet") & (table["finding"] == "Nodule")][0]
        table.loc[row, "value"] = 0.99
        return table

    tampered(monkeypatch, misread)
    assert testsets.common().loc["Nodule", "misread"] == 1
    row = robustness.sensitivity().loc["Nodule"]
    assert row["decisive"] == 1 and 16 in row["sizes"] and not row["survives"]


def test_null_simulation():
    """One test set is never called incompatible, a test set each nearly always is."""
    table = robustness.null_simulation(draws=30)
    assert table.loc["one test set", ["none_fits", "any_none", "misread"]].tolist() == [0, 0, 0]
    assert table.loc["a test set each", "any_none"] > 0.9
    few = table.loc["one test set, 2% misread", "none_fits"]
    assert 0 < few < table.loc["sizes one apart", "none_fits"]
    assert table.loc["printed", "none_fits"] == 8


def test_explanations():
    """What arithmetic excludes is excluded; of what chance may do, the probable stays open."""
    table = explanations.explanations(draws=400)
    fits = table["fits"]
    assert fits["one row per image"] == "no"
    assert fits["one test set, rows grouped by true finding"] == "no"
    grouped = "one test set, rows grouped by predicted finding, {} % of them right"
    assert [fits[grouped.format(n)] for n in (70, 80, 95)] == ["no", "no", "open"]
    assert fits[grouped.format(70) + ", 80 % of boxes answered alike"] == "no"
    anew = "197 boxes drawn anew for each variant, "
    assert fits[anew + "stratified by the image's first label"] == "no"
    assert fits[anew + "stratified by the image's first boxed finding"] == "open"
    assert fits[anew + "not stratified"] == "no"
    assert table["probability"].dropna().between(0, 1, inclusive="neither").all()
    assert table.equals(explanations.explanations(draws=400))


def test_distance_by_hand():
    """A size one box more than 36.04 and one less add (0.96² + 1.04²) / 36.04 to the rest."""
    expected = testsets.boxes_per_finding() * 197 / 984
    near = np.stack([expected, expected])
    assert explanations.distance(near) == 0
    near[:, 0] = 37, 35
    by_hand = ((37 - expected[0]) ** 2 + (35 - expected[0]) ** 2) / expected[0]
    assert explanations.distance(near) == pytest.approx(by_hand)


def test_predicted_sizes():
    """All right gives the test set itself; errors in common leave variants alike; rows stay 197."""
    rng = np.random.default_rng(0)
    truth = explanations.allotted(testsets.boxes_per_finding(), 197)
    assert (explanations.predicted(rng, 3, 1.0, 0.0) == truth).all()
    alike = explanations.predicted(rng, 50, 0.7, 1.0)
    assert (alike == alike[:, :1]).all() and (alike.sum(axis=-1) == 197).all()
    apart = explanations.predicted(rng, 50, 0.7, 0.0)
    assert (apart != apart[:, :1]).any()
    # A wrong box goes to another finding in proportion to its boxes.
    boxes = testsets.boxes_per_finding()
    leaves = 0.3 * truth[:, None] * boxes / (boxes.sum() - boxes)[:, None]
    np.fill_diagonal(leaves, 0.7 * truth)
    many = explanations.predicted(rng, 500, 0.7, 0.0).mean(axis=(0, 1))
    assert many == pytest.approx(leaves.sum(axis=0), abs=0.5)


def test_errors_in_common_only_widen_the_distance():
    """Answers shared by the variants leave the mean distance from 20 % and let it vary more."""
    rng = np.random.default_rng(0)
    own, shared = (
        explanations.distance(explanations.predicted(rng, 2000, 0.7, alike)) for alike in (0, 0.8)
    )
    assert shared.mean() == pytest.approx(own.mean(), rel=0.05)
    assert shared.std() > 1.5 * own.std()


@pytest.mark.parametrize("strata", [[0, 0, 0, 0, 1, 1], [0, 1, 2, 0, 1, 2], [0] * 6])
def test_drawn_sizes_keep_their_strata(strata):
    """Half of each stratum is drawn, no unit twice, every unit at times."""
    units = explanations.Units(np.eye(6, dtype=np.int64), np.array(strata), 3)
    drawn = explanations.drawn_sizes(np.random.default_rng(0), units, (200, 2))
    assert drawn.shape == (200, 2, 6) and drawn.max() == 1 and drawn.any(axis=(0, 1)).all()
    for stratum in set(strata):
        own = np.array(strata) == stratum
        assert set(drawn[..., own].sum(axis=-1).flat) == {own.sum() // 2}


def test_allotted():
    """Largest remainders: 3.5, 1.75 and 1.75 of 7 are 3, 2 and 2, and nothing is lost."""
    assert explanations.allotted(np.array([4, 2, 2]), 7).tolist() == [3, 2, 2]
    assert explanations.allotted(testsets.boxes_per_finding(), 197).sum() == 197


def test_rows_left_out_although_they_fit():
    """Three rows fit their means and are no evidence; one would leave its variant no 197 boxes."""
    table = robustness.left_out()
    assert table.loc[("CLN-ResNet50V2", 0.3), ["why", "boxes_fit"]].tolist() == [
        "a cell rises with T", "no",
    ]  # fmt: skip
    others = table.drop(("CLN-ResNet50V2", 0.3))
    assert list(others.index) == [("RGT", 0.4), ("Ouyang et al.", 0.5)]
    assert (others["why"] == "its label is damaged").all()
