"""Signed-rank tests, Holm, the paper's statements, nested thresholds and runs in pairs."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clnbook import nested, paired, pairs, significance, wilcoxon
from clnlib import runs
from clnlib.errors import InputError
from clnlib.metrics import localisation as metrics
from clnlib.runs import PREDICTED_BOX

RESULTS = Path(__file__).resolve().parents[1] / "results"
# Tenths, so that ties and zeros are common.
TENTHS = st.lists(st.integers(-4, 4), min_size=1, max_size=9).map(lambda k: np.array(k) / 10)
SIGNS = st.lists(st.sampled_from([-1, 1]), min_size=14, max_size=14)
UNTIED = st.tuples(st.integers(1, 14).flatmap(lambda n: st.permutations(range(1, n + 1))), SIGNS)


def test_ranks_with_zeros_and_ties_are_those_worked_by_hand():
    """Left out: ranks 1.5, 1.5, 3, 4; of 16 signs 5 give a rank sum of 3 or less."""
    found = wilcoxon.wilcoxon([0.1, 0.1, -0.2, 0.0, 0.3], np.zeros(5))
    assert found[:5] == (5, 1, 7, 3, 3)
    assert found.p_exact == pytest.approx(2 * 5 / 16)
    assert found.effect == pytest.approx((7 - 3) / 10)
    assert (found.smallest_p, found.median) == (2 / 16, 0.1)


def test_zeros_may_be_ranked_first():
    """Ranked: 1 for the zero, then 2.5, 2.5, 4, 5; of 16 signs 4 give a rank sum of 4 or less."""
    found = wilcoxon.wilcoxon([0.1, 0.1, -0.2, 0.0, 0.3], np.zeros(5), "pratt")
    assert (found.plus, found.minus, found.statistic) == (10, 4, 4)
    assert found.p_exact == pytest.approx(2 * 4 / 16)


def test_the_documented_example_of_r():
    """`?wilcox.test`, depression scale of Hollander and Wolfe: V = 40, one-sided p = 0.01953."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = wilcoxon.wilcoxon(before, after)
    assert found.plus == 40
    assert found.p_exact / 2 == pytest.approx(0.01953, abs=5e-6)


def test_printed_ties_are_ties():
    """0.3 - 0.2 and 0.2 - 0.1 are one rank, although floating point has them apart."""
    a, b = np.array([0.3, 0.2]), np.array([0.2, 0.1])
    assert len(set(a - b)) == 2
    assert len(set(wilcoxon.differences(a, b))) == 1


@given(TENTHS, st.sampled_from(["wilcox", "pratt"]))
def test_exact_p_is_that_of_all_signs(apart, zeros):
    """With ties and zeros the exact p is the share of all 2^n signs at least as far out."""
    found = wilcoxon.wilcoxon(apart, np.zeros(len(apart)), zeros)
    ranks = np.abs(wilcoxon.signed_ranks(apart, zeros))
    ranks = ranks[ranks > 0]
    sums = [abs(np.dot(signs, ranks)) for signs in itertools.product((1, -1), repeat=len(ranks))]
    observed = abs(found.plus - found.minus)
    assert found.p_exact == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))
    assert found.p_exact >= found.smallest_p * (1 - 1e-12)


@given(UNTIED)
def test_exact_p_is_scipys_where_nothing_is_tied(drawn):
    """Without ties and zeros statistic and exact p are SciPy's."""
    apart = np.array(drawn[0]) * drawn[1][: len(drawn[0])] / 100
    found = wilcoxon.wilcoxon(apart, np.zeros(len(apart)))
    theirs = stats.wilcoxon(apart, method="exact")
    assert found.statistic == theirs.statistic
    assert found.p_exact == pytest.approx(theirs.pvalue)


@given(TENTHS)
def test_swapping_the_methods_changes_the_sign_only(apart):
    """b against a: the same p, the opposite effect."""
    zero = np.zeros(len(apart))
    one, other = wilcoxon.wilcoxon(apart, zero), wilcoxon.wilcoxon(zero, apart)
    assert (one.plus, one.p_exact, one.effect) == (other.minus, other.p_exact, -other.effect)
    assert one.p_normal == pytest.approx(other.p_normal)


def test_normal_approximations_are_those_worked_by_hand():
    """z = (W+ - W-) / sqrt(sum of squared ranks); the correction takes half a rank off."""
    found = wilcoxon.wilcoxon([0.1, 0.1, -0.2, 0.0, 0.3], np.zeros(5))
    spread = np.sqrt(1.5**2 + 1.5**2 + 3**2 + 4**2)
    assert found.p_normal == pytest.approx(2 * stats.norm.sf((7 - 3) / spread))
    assert found.p_normal_cc == pytest.approx(2 * stats.norm.sf((7 - 3 - 1) / spread))


def test_pairs_without_a_score_are_left_out_and_no_pair_is_no_test():
    """NaN is no pair; equal methods have p 1 and no effect; nothing to compare is NaN."""
    assert wilcoxon.wilcoxon([0.2, np.nan, 0.3], [0.1, 0.1, 0.4]).n == 2
    equal = wilcoxon.wilcoxon([0.5, 0.6], [0.5, 0.6])
    assert (equal.zeros, equal.p_exact, equal.p_normal, equal.p_normal_cc) == (2, 1, 1, 1)
    assert (equal.effect, equal.smallest_p) == (0, 1)
    nothing = wilcoxon.wilcoxon([np.nan], [0.1])
    assert nothing.n == 0 and np.isnan(nothing[2:]).all()


def test_bad_arguments_are_refused_in_one_line():
    """Unequal lengths, an unknown treatment of zeros, an unknown method."""
    with pytest.raises(InputError, match="3 and 2 values"):
        wilcoxon.wilcoxon([1, 2, 3], [1, 2])
    with pytest.raises(InputError, match="did you mean 'pratt'"):
        wilcoxon.wilcoxon([1], [2], "prat")
    with pytest.raises(InputError, match="did you mean 'CLN-CheXNet'"):
        wilcoxon.compare(significance.printed_auc(), "CLN-Chexnet")


def test_holm_worked_by_hand():
    """0.01 · 3, 0.03 · 2, then 0.04 · 1 raised to the one before; NaN is not in the family."""
    found = paired.holm([0.01, 0.04, np.nan, 0.03])
    assert found == pytest.approx([0.03, 0.06, np.nan, 0.06], nan_ok=True)
    assert np.isnan(paired.holm([np.nan])).all()


def test_compare_counts_the_pairs_both_methods_have():
    """A row of a table against the others: pairs, direction, the family of Holm."""
    table = pd.DataFrame(
        [[0.9, 0.8, 0.7, 0.6], [0.8, 0.7, 0.6, np.nan], [0.9, 0.9, 0.8, 0.7], [np.nan] * 4],
        index=["ours", "worse", "better", "illegible"],
    )
    found = wilcoxon.compare(table, "ours")
    assert list(found.index) == ["worse", "better", "illegible"]
    assert list(found["n"]) == [3, 4, 0] and list(found["zeros"]) == [0, 1, 0]
    assert list(found["effect"][:2]) == [1, -1]
    assert list(found["p_exact"]) == pytest.approx([0.25, 0.25, np.nan], nan_ok=True)
    assert list(found["p_holm"]) == pytest.approx([0.5, 0.5, np.nan], nan_ok=True)
    assert list(wilcoxon.compare(table.loc[["ours", "better"]], "ours")["p_holm"]) == [0.25]


# The paper's statements


def test_statements_are_about_every_row_of_their_table():
    """18 statements on Table 2 (9, 7 and 2 of a kind), 10 on Table 1."""
    said = pd.Series(significance.statements_classification())
    assert dict(said.value_counts()) == {"p < 0.01": 9, "p < 0.05": 7, "p > 0.05": 2}
    assert len(said) == len(significance.printed_auc()) - 1
    assert (
        len(significance.statements_localisation())
        == len(significance.printed_accuracy()) - 1
        == 10
    )


def test_all_statements_of_section_3_3_hold_exactly_and_none_of_difference_under_holm():
    """Exact: 16 of 16 and 2 of 2. Holm over 18: none of 16, and eight pairs could give none."""
    claims = significance.auc_claims()
    tally = significance.claims_tally(claims)
    assert list(tally.loc["exact"]) == [16, 16, 2, 2]
    assert list(tally.loc["Holm"]) == [0, 16, 2, 2]
    assert 2 / 2**8 * len(claims) > 0.05
    assert tally.loc["normal", "difference holds"] < 16


def test_section_3_2_holds_but_for_xception():
    """Pooled, all published methods differ; of the variants CLN-Xception does too, unlike said."""
    verdicts = significance.claim_verdicts(significance.accuracy_claims())
    assert list(verdicts.index[~verdicts["exact"].astype(bool)]) == ["CLN-Xception"]
    assert verdicts.drop("CLN-Xception").to_numpy().all()


def test_legible_rows_only():
    """No number of a suspect row is among the evidence; eight pairs at a T or none."""
    table = significance.printed_accuracy()
    assert table.loc["CLN-CheXNet", 0.2].isna().all()
    assert set(table.notna().T.groupby(level="T").sum().to_numpy().ravel()) == {0, 8}
    by_threshold = significance.accuracy_by_threshold()
    assert by_threshold[0.2].isna().all() and by_threshold.loc["ViT-based", 0.1] == 2 / 2**8


def test_pages_mark_the_statements_that_fail():
    """A failing statement has a sign beside its p, a missing p a dash."""
    page = significance.styled_claims(significance.auc_claims(), "Table 2").to_html()
    assert page.count("✗") == 9 + 1 + 9 + 9 + 1 + 16  # the columns' failures, by hand
    assert "0.0078" in page and "<caption>Table 2</caption>" in page
    assert (
        "–" in significance.styled_by_threshold(significance.accuracy_by_threshold(), "").to_html()
    )


# Nested thresholds


def test_vectorised_tests_are_the_plain_ones():
    """Row by row the same p as `exact_p` and as SciPy's approximation, ties and zeros included."""
    apart = np.random.default_rng(0).integers(-3, 4, (30, 8)) / 10
    apart[0] = 0
    plain = [wilcoxon.exact_p(wilcoxon.signed_ranks(row)) for row in apart]
    assert nested.exact_p_values(apart) == pytest.approx(plain)
    normal = [wilcoxon.wilcoxon(row, np.zeros(8)).p_normal for row in apart]
    assert nested.normal_p_values(apart) == pytest.approx(normal)


def test_nested_thresholds_inflate_the_level_and_independent_ones_do_not():
    """Equal methods: one T and the mean over T keep 0.05, so do 56 independent pairs."""
    accuracy, sizes = np.linspace(0.85, 0.45, 7), [36, 31, 29, 25, 24, 20, 17, 16]
    found = nested.nested_level(accuracy, sizes, repetitions=2000)
    alone = found.drop(["pooled over T", "pooled, independent"])
    assert (alone["rate"] < 0.05 + 3 * alone["error"]).all() and set(alone["pairs"]) == {8}
    pooled, independent = found.loc["pooled over T"], found.loc["pooled, independent"]
    assert pooled["pairs"] == 56 and pooled["rate"] > 0.3
    assert abs(independent["rate"] - 0.05) < 3 * independent["error"]
    again = nested.nested_level(accuracy, sizes, repetitions=2000)
    pd.testing.assert_frame_equal(found, again)


def test_with_one_threshold_there_is_nothing_to_nest():
    """K = 1: pooled is the threshold itself, and boxes above it come at the asked rate."""
    drawn = nested._nested(np.random.default_rng(0), np.array([0.8, 0.3]), np.array([50]), 4000)
    assert (drawn[..., 0] >= drawn[..., 1]).all()
    assert drawn.mean(axis=(0, 1, 2)) == pytest.approx([40, 15], abs=0.3)
    found = nested.nested_level([0.5], [40] * 8, thresholds=[0.5], repetitions=500)
    assert found.loc["T = 0.5", "rate"] == found.loc["mean over T", "rate"]


# Runs in pairs


@pytest.fixture(scope="module")
def study():
    return runs.study(str(RESULTS / "nih880-trials"))[:2]


@pytest.mark.parametrize("words", ["paper", "rows=images", "rows=images, several=best"])
def test_runs_are_compared_by_the_numbers_of_the_other_pages(study, words):
    """`metrics`' means on the rows, in the record's order; the interval holds the difference."""
    shuffled = study[1].predictions.sample(frac=1, random_state=1)
    study = [study[0], replace(study[1], predictions=shuffled)]
    convention = oracle.conventions(words)
    found = paired.compare_runs(study, convention, resamples=200)
    assert list(found["quantity"]) == ["mean AUC", "mean IoU accuracy"]
    for side, run in zip("ab", study, strict=True):
        test = run.part("test")
        accuracy = metrics.iou_accuracy(test, run.findings, convention=convention)
        assert found.loc[1, f"value_{side}"] == pytest.approx(accuracy["Mean"].mean())
        if words == "paper":
            expected = oracle.auc(test, run.findings)["Mean"]
            assert found.loc[0, f"value_{side}"] == pytest.approx(expected)
    difference = found["value_a"] - found["value_b"]
    assert list(found["difference"]) == pytest.approx(list(difference))
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    assert set(found["boxes"]) == {len(test)}


def test_a_run_against_itself_is_no_different(study):
    """Paired resamples of equal runs: difference 0, interval of length 0, p 1."""
    found = paired.compare_runs([study[0], study[0]], resamples=50)
    assert (found[["difference", "low", "high"]] == 0).all(axis=None)
    assert (found["p"] == 1).all() and (found["p_holm"] == 1).all()


def test_a_clearly_better_run_is_told_and_rows_may_lie_in_any_order(study):
    """True boxes against none: accuracy 1 against 0 at the least possible p, Holm over 3 pairs."""
    run = study[0]
    true = run.predictions.assign(**{p: run.predictions[p[1:]] for p in PREDICTED_BOX})
    none = run.predictions.assign(**dict.fromkeys(PREDICTED_BOX, 0.0)).sample(
        frac=1, random_state=0
    )
    trio = [
        replace(run, folder=Path(name), predictions=rows)
        for name, rows in (("true", true), ("none", none), ("net", run.predictions))
    ]
    found = paired.compare_runs(trio, resamples=99).set_index("quantity")
    row = found.loc["mean IoU accuracy"].iloc[0]
    assert (row["a"], row["b"]) == ("true", "none")
    assert (row["value_a"], row["value_b"], row["low"]) == (1, 0, 1)
    assert row["p"] == pytest.approx(2 / 100) and row["p_holm"] == pytest.approx(6 / 100)
    assert (found.loc["mean AUC", "difference"] == 0).all()
    told = pairs.in_words(found.reset_index()).splitlines()
    assert told[0] == "mean AUC: 0 of 3 pairs of runs differ at p < 0.05, 0 under Holm"
    assert told[1].startswith("mean IoU accuracy: 3 of 3 pairs of runs differ at p < 0.05, ")


def test_runs_that_cannot_be_paired_are_shown_as_missing(study):
    """Other test rows: NaN and no boxes; one run: no rows; the page leaves both out."""
    rows = study[1].predictions
    other = replace(study[1], predictions=rows.drop(rows.index[rows["part"] == "test"][0]))
    found = paired.compare_runs([study[0], other], resamples=20)
    assert found[["difference", "p", "p_holm"]].isna().all(axis=None)
    assert (found["boxes"] == 0).all()
    assert pairs.styled(found, [study[0], other], "").data.empty
    assert "1 pair left out" in pairs.in_words(found)
    alone = paired.compare_runs(study[:1], resamples=20)
    assert pairs.in_words(alone) == "one run: nothing to compare"
    assert pairs.styled(alone, study[:1], "").to_html()


def test_the_matrix_has_every_pair_once(study):
    """Row less column: AUC above, IoU accuracy below the diagonal; a star where Holm leaves it."""
    names = ("a", "b", "c")
    trio = [replace(study[0], folder=Path(name)) for name in names]
    lines = [
        ("mean AUC", "a", "b", 0.124, 0.01),
        ("mean AUC", "b", "c", -0.016, 0.2),
        ("mean AUC", "a", "c", np.nan, np.nan),
        ("mean IoU accuracy", "a", "b", 0.05, 0.04),
        ("mean IoU accuracy", "b", "c", -0.3, 0.3),
        ("mean IoU accuracy", "a", "c", np.nan, np.nan),
    ]
    compared = pd.DataFrame(lines, columns=["quantity", "a", "b", "difference", "p_holm"])
    table = pairs.matrix(compared, trio).data
    assert table.to_numpy().tolist() == [["", "+12*", "–"], ["−5*", "", "−2"], ["–", "+30", ""]]
    assert list(table.index.get_level_values(1)) == list(table.columns) == [1, 2, 3]
    assert pairs.matrix(compared.iloc[:0], trio[:1]).to_html()


def test_a_pair_of_many_can_pass_holm(study, monkeypatch):
    """With many runs the resamples grow, so that the least p times all pairs is below 0.05."""
    asked = []

    def samples(run, convention, drawn):
        asked.append(len(drawn) - 1)
        return np.ones(len(drawn)), np.ones(len(drawn))

    monkeypatch.setattr(paired, "_samples", samples)
    many = [replace(study[0], folder=Path(str(k))) for k in range(18)]
    pairs_of_each = len(paired.compare_runs(many)) / 2
    assert pairs_of_each * 2 / (asked[0] + 1) < 0.05
    paired.compare_runs(many[:2])
    assert asked[-1] == 10_000
