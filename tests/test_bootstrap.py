"""Intervals, p-values and pairings are the ones the references and plain loops give."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from clnbook import bca, paired
from clnlib.errors import InputError
from clnlib.metrics import bootstrap
from clnlib.parameters import Train
from clnlib.runs import TRUE_BOX, Run


def data(rows: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients with a few rows each or a single row, truth, and scores with ties."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows)
    score = (rng.uniform(0, 1, rows) + 0.3 * truth).round(2)
    return rng.integers(0, rows // 2, rows), truth, score


def run_of(name: str, rows: pd.DataFrame, dataset: str = "nih880") -> Run:
    return Run(Path(name), Train.model_construct(dataset=dataset), pd.DataFrame(), rows, {})


def box_rows(seed: int = 0) -> pd.DataFrame:
    """Twenty rows, half of them test, with boxes and predictions."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "image": [f"{k // 2}.png" for k in range(20)],
            "patient": [str(k // 4) for k in range(20)],
            "finding": ["Mass", "Nodule"] * 10,
            "part": np.repeat(["train", "test"], 10),
        }
    )
    table[TRUE_BOX] = rng.uniform(0, 1, (20, 4))
    return table.assign(p_Mass=np.random.default_rng(seed).uniform(0, 1, 20))


# resamples


def test_resamples_belong_to_patients():
    """Rows in another order, or more rows of a patient: each patient is drawn just as often."""
    patients = np.array(["b", "a", "b", "c"])
    drawn = bootstrap.counts(patients, 50)
    np.testing.assert_array_equal(bootstrap.counts(patients[::-1], 50), drawn[:, ::-1])
    np.testing.assert_array_equal(bootstrap.counts(["c", "a", "b"], 50), drawn[:, [3, 1, 2]])
    assert (drawn[:, 0] == drawn[:, 2]).all() and (drawn[1:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_jackknife_leaves_out_one_patient():
    """As many rows as patients, each without that patient's rows and with all others once."""
    patients = np.array(["b", "a", "b", "c"])
    expected = [[0, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0]]
    np.testing.assert_array_equal(bca.jackknife_counts(patients), expected)


def test_auc_is_that_of_repeated_rows():
    """Counts stand for rows drawn again: scikit-learn on the repeated rows agrees."""
    patients, truth, score = data()
    drawn = bootstrap.counts(patients, 50)
    again = [np.repeat(np.arange(len(truth)), row) for row in drawn.astype(int)]
    expected = [roc_auc_score(truth[rows], score[rows]) for rows in again]
    weighted = [roc_auc_score(truth, score, sample_weight=row) for row in drawn]
    got = bootstrap.auc(truth, score, drawn)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(got, weighted, atol=1e-12)


def test_auc_does_not_depend_on_blocks(monkeypatch):
    """Resamples are worked off in blocks; their size changes no bit of the answer."""
    patients, truth, score = data()
    drawn = bootstrap.counts(patients, 100)
    whole = bootstrap.auc(truth, score, drawn)
    monkeypatch.setattr(bootstrap, "_BLOCK", 7 * len(truth))
    np.testing.assert_array_equal(bootstrap.auc(truth, score, drawn), whole)


def test_auc_of_a_missing_score():
    """A run that diverged has no AUC: NaN scores do not rank as the highest."""
    drawn = np.ones((3, 4))
    assert np.isnan(bootstrap.auc([1, 0, 1, 0], [0.2, 0.1, np.nan, 0.3], drawn)).all()


@given(st.integers(0, 10**6))
@settings(max_examples=25)
def test_auc_turns_with_the_score(seed):
    """Negated scores and swapped truth each give 1 − AUC, resample by resample."""
    patients, truth, score = data(30, seed)
    drawn = bootstrap.counts(patients, 20)
    got = bootstrap.auc(truth, score, drawn)
    np.testing.assert_allclose(bootstrap.auc(truth, -score, drawn), 1 - got, atol=1e-12)
    np.testing.assert_allclose(bootstrap.auc(1 - truth, score, drawn), 1 - got, atol=1e-12)


def test_means_and_counts_of_what_is_defined():
    """A mean leaves out NaN; resamples of nothing else are counted, but not row 0."""
    samples = np.array([[np.nan, np.nan], [1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])
    means = bootstrap.mean_defined(samples)
    np.testing.assert_array_equal(means, [np.nan, 2, 5, np.nan])
    assert bootstrap.undefined(means) == 1
    assert bootstrap.undefined(samples[:, 0]) == 2


# BCa


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("statistic", ["mean", "auc"])
def test_bca_agrees_with_scipy(statistic, level):
    """With a row per patient and the same resamples: SciPy's interval to rounding errors."""
    _, truth, score = data(60, seed=4)
    patients = np.arange(60)
    drawn, left = bootstrap.counts(patients, 999), bca.jackknife_counts(patients)
    if statistic == "mean":
        values = np.exp(3 * score)  # skewed

        def ours(counts):
            return bootstrap.group_means(values[:, None], np.ones((60, 1)), counts)[:, 0, 0]

        def theirs(rows):
            return values[rows].mean()
    else:

        def ours(counts):
            return bootstrap.auc(truth, score, counts)

        def theirs(rows):
            return roc_auc_score(truth[rows], score[rows])

    samples = ours(drawn)
    reference = stats.bootstrap(
        (patients,),
        theirs,
        n_resamples=0,
        vectorized=False,
        method="BCa",
        confidence_level=level,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=samples[1:]),
    ).confidence_interval
    value, low, high = bca.bca(samples, ours(left), level)
    assert value == samples[0]
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert (low, high) != pytest.approx(bootstrap.interval(samples, level)[1:], abs=1e-4)


def test_acceleration_by_hand():
    """A sixth of sum(U³) / sum(U²)^1.5, U = mean − value: (0, 0, 3) has U = 1, 1, −2."""
    expected = (1 + 1 - 8) / (6 * 6**1.5)
    assert bca.acceleration(np.array([0.0, 0, 3])) == pytest.approx(expected)
    assert bca.acceleration(np.array([0.0, np.nan, 0, 3])) == pytest.approx(expected)
    assert bca.acceleration(np.array([1.0, 2, 3])) == pytest.approx(0)


def test_bca_without_bias_or_acceleration_is_the_percentile_interval():
    """Half the resamples on either side and an even jackknife leave nothing to correct."""
    samples = np.array([50.0, *np.arange(101)])
    even = np.array([1.0, 2, 3])
    assert bca.bca(samples, even) == pytest.approx(bootstrap.interval(samples))


def test_bca_moves_against_the_bias():
    """Where most resamples lie below the value, both ends move up; and down where above."""
    _, low, high = bootstrap.interval(np.array([60.0, *np.arange(101)]))
    above = bca.bca(np.array([60.0, *np.arange(101)]), np.zeros(3))
    below = bca.bca(np.array([40.0, *np.arange(101)]), np.zeros(3))
    assert above[1] > low and above[2] > high
    assert below[1] < low and below[2] < high


def test_bca_where_it_degenerates():
    """Never varying: no length. All on one side, or nothing defined: no interval, no warning."""
    assert bca.bca(np.ones(50), np.ones(5)) == (1, 1, 1)
    assert bca.bca(np.ones(50), np.full(5, np.nan)) == (1, 1, 1)
    one_side = np.array([2.0, *np.ones(49)])
    nothing = np.full(50, np.nan)
    for samples in (one_side, nothing, np.array([0.5]), np.array([0.5, np.nan])):
        value, low, high = bca.bca(samples, np.array([1.0, 2, 3]))
        np.testing.assert_equal(value, samples[0])
        assert np.isnan([low, high]).all()


def test_bca_leaves_out_undefined_resamples():
    """NaN among the resamples or the jackknife changes nothing."""
    rng = np.random.default_rng(2)
    samples, left = rng.gamma(2, size=500), rng.gamma(2, size=30)
    with_gaps = np.insert(samples, [3, 9, 400], np.nan)
    assert bca.bca(with_gaps, np.append(left, np.nan)) == bca.bca(samples, left)


# pairs


def test_paired_rows_come_in_one_order():
    """Shuffled records of two runs give the same boxes row by row, and only the part's."""
    a, b = box_rows(1), box_rows(2).sample(frac=1, random_state=0)
    left, right = paired.paired_rows(run_of("a", a), run_of("b", b))
    keys = ["image", "patient", "finding", "part", *TRUE_BOX]
    pd.testing.assert_frame_equal(left[keys], right[keys])
    assert set(left["part"]) == {"test"} and len(left) == 10
    assert (left["p_Mass"] != right["p_Mass"]).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(index=15), "of their 10 and 9 test rows they share 9"),
        (lambda t: t.assign(x1=t["x1"] + 0.01), "they share 0"),
        (lambda t: t.assign(finding="Mass"), "they share 5"),
    ],
)
def test_paired_rows_refuse_other_tests(change, says):
    """Runs that were not tested on the same boxes are refused; both are named, and the way out."""
    with pytest.raises(InputError, match=says) as caught:
        paired.paired_rows(run_of("one", box_rows()), run_of("two", change(box_rows())))
    assert "runs one and two" in str(caught.value) and "split_seed" in str(caught.value)


def test_paired_rows_refuse_phantoms_beside_radiographs():
    """The phantoms have the radiographs' names and boxes; a comparison would mean nothing."""
    a, b = run_of("a", box_rows()), run_of("b", box_rows(), dataset="phantom")
    with pytest.raises(InputError, match="phantoms"):
        paired.paired_rows(a, b)


def test_difference_is_paired():
    """Scores that are better by a constant differ by it in every resample: no spread is left."""
    patients, truth, score = data()
    drawn = bootstrap.counts(patients, 200)
    a = bootstrap.group_means(score[:, None] + 0.25, np.ones((120, 1)), drawn)[:, 0, 0]
    b = bootstrap.group_means(score[:, None], np.ones((120, 1)), drawn)[:, 0, 0]
    assert bootstrap.interval(paired.difference(a, b)) == pytest.approx((0.25,) * 3)
    assert bootstrap.interval(a)[2] - bootstrap.interval(a)[1] > 0.02
    with pytest.raises(ValueError, match="not paired"):
        paired.difference(a, b[:-1])
    assert truth.any()


def test_two_sided_p_by_hand():
    """Of nine resamples one is at or below zero: 2 × (1 + 1) / (1 + 9); the point is not one."""
    assert paired.two_sided_p(np.array([-9.0, -1, *range(1, 9)])) == pytest.approx(0.4)
    assert paired.two_sided_p(np.array([5.0, *np.ones(99)])) == pytest.approx(0.02)
    assert paired.two_sided_p(np.array([5.0, *np.ones(99), np.nan])) == pytest.approx(0.02)
    assert paired.two_sided_p(np.zeros(10)) == 1
    assert np.isnan(paired.two_sided_p(np.array([1.0, np.nan])))


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=40))
def test_two_sided_p_is_symmetric(values):
    """Swapping the two runs changes no p, which lies in (0, 1]."""
    samples = np.array(values, dtype=float)
    p = paired.two_sided_p(samples)
    assert p == paired.two_sided_p(-samples)
    assert 2 / len(samples) <= p <= 1 or p == 1
