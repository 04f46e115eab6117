"""Overlap, accuracy, AUC, image-blind boxes and intervals are the numbers they are said to be."""

from pathlib import Path

import numpy as np
import oracle
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from clnbook import blind_boxes
from clnlib.metrics import bootstrap, boxes
from clnlib.metrics import localisation as metrics
from clnlib.parameters import Conventions, Train
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, Run

UNIT = (0.0, 0.0, 1.0, 1.0)
FINDINGS = ("Effusion", "Mass", "Nodule")

# Multiples of 1/64, so that shifts and flips are exact and equal boxes are common.
GRID = st.integers(-16, 80).map(lambda k: k / 64)
ANY_BOX = st.tuples(GRID, GRID, GRID, GRID)


@st.composite
def full_boxes(draw) -> tuple[float, float, float, float]:
    """Boxes that are not empty."""
    x1, x2, y1, y2 = (draw(GRID) for _ in range(4))
    assume(x1 != x2 and y1 != y2)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def predictions(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """A run's rows: patients with several boxes, probabilities with ties, boxes of any overlap."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 1, (rows, 2, 2)), axis=1).reshape(rows, 4)
    jitter = (corners + rng.normal(0, 0.1, (rows, 4))).clip(0, 1)
    finding = np.resize(FINDINGS, rows)
    table = pd.DataFrame(
        {
            "image": [f"{k}.png" for k in range(rows)],
            "patient": rng.integers(0, rows // 2, rows).astype(str),
            "finding": finding,
            "part": np.repeat(["train", "validation", "test"], rows // 3),
        }
    )
    table[TRUE_BOX], table[PREDICTED_BOX] = corners, jitter
    for name in FINDINGS:
        table[PROBABILITY + name] = (rng.uniform(0, 1, rows) + 0.3 * (finding == name)).round(1)
    return table


def run_of(table: pd.DataFrame, findings: tuple[str, ...] = FINDINGS) -> Run:
    return Run(Path(), Train(), pd.DataFrame(), table, {"findings": list(findings)})


# boxes


@given(ANY_BOX, ANY_BOX)
def test_iou_is_symmetric_and_a_share(a, b):
    """IoU(a, b) = IoU(b, a), between 0 and 1, for any boxes at all."""
    value = boxes.iou(a, b)
    assert value == boxes.iou(b, a)
    assert 0 <= value <= 1


@given(full_boxes(), full_boxes())
def test_iou_is_one_for_equal_boxes_only(a, b):
    """1 says that the boxes are the same."""
    assert boxes.iou(a, a) == 1
    assert (boxes.iou(a, b) == 1) == (a == b)


@given(ANY_BOX, full_boxes())
def test_iou_of_an_empty_box(a, b):
    """A box without width or height overlaps nothing, not even itself."""
    assume(a[2] <= a[0] or a[3] <= a[1])
    assert boxes.iou(a, b) == boxes.iou(a, a) == 0


@given(full_boxes(), full_boxes(), GRID, GRID, st.sampled_from([0.25, 2.0, 1024.0]))
def test_iou_is_invariant(a, b, dx, dy, scale):
    """Moved, scaled and mirrored together, two boxes keep their IoU."""
    value = boxes.iou(a, b)
    for change in (
        lambda box: np.add(box, [dx, dy, dx, dy]),
        lambda box: np.array(box) * scale,
        lambda box: np.array([1 - box[2], box[1], 1 - box[0], box[3]]),
        lambda box: np.array([box[1], box[0], box[3], box[2]]),
    ):
        assert boxes.iou(change(a), change(b)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),  # 1 / (4 + 4 − 1): no pixel is added to a side
        ((0, 0, 4, 2), (0, 0, 2, 4), 4 / 12),
        (UNIT, (0, 0, 0.5, 1), 0.5),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),
        ((3, 3, 1, 1), (1, 1, 3, 3), 0),  # inverted
    ],
)
def test_iou_by_hand(a, b, expected):
    """Eq. 2 on boxes whose areas can be told by looking."""
    assert boxes.iou(a, b) == pytest.approx(expected, abs=1e-15)


def test_iou_broadcasts():
    """Leading axes follow NumPy's rules: pairs, one against many, all against all."""
    some = np.array([UNIT, (0, 0, 0.5, 1), (0.5, 0, 1, 1)])
    assert boxes.iou(some, some).tolist() == [1, 1, 1]
    assert boxes.iou(UNIT, some).tolist() == [1, 0.5, 0.5]
    table = boxes.iou(some[:, None], some[None])
    np.testing.assert_array_equal(table, [[1, 0.5, 0.5], [0.5, 1, 0], [0.5, 0, 1]])


def test_iou_of_a_missing_box():
    """NaN coordinates give NaN: a missing prediction does not look like a bad one."""
    assert np.isnan(boxes.iou(UNIT, [np.nan] * 4))


# metrics


@pytest.mark.parametrize("tenths", range(1, 8))
def test_thresholds_are_strict(tenths):
    """An IoU of exactly T is not above T, for every T of section 3.1; a little more is."""
    table = pd.DataFrame({"finding": ["Mass", "Mass"]})
    table[TRUE_BOX] = (0, 0, 10, 10)
    table[PREDICTED_BOX] = [(0, 0, tenths, 10), (0, 0, tenths + 0.01, 10)]
    t = metrics.THRESHOLDS[tenths - 1]
    assert metrics.box_iou(table, clipped=False).iloc[0] == t
    as_is = Conventions(clipped=False)
    assert metrics.iou_accuracy(table, ["Mass"], [t], as_is).loc[t, "Mass"] == 0.5


def test_iou_accuracy_by_hand():
    """Shares per finding, the mean over findings, and NaN for a finding without boxes.

    Mass has IoUs 1/2 and 1/4, Nodule 1: above 0.3 are 1 of 2 and 1 of 1, so the mean is 0.75.
    """
    table = pd.DataFrame({"finding": ["Mass", "Nodule", "Mass"]})
    table[TRUE_BOX] = UNIT
    table[PREDICTED_BOX] = [(0, 0, 0.5, 1), UNIT, (0, 0, 0.5, 0.5)]
    got = metrics.iou_accuracy(table, FINDINGS, thresholds=[0.2, 0.3])
    expected = pd.DataFrame(
        {"Effusion": np.nan, "Mass": [1, 0.5], "Nodule": 1.0, "Mean": [1, 0.75]},
        index=pd.Index([0.2, 0.3], name="T"),
    ).rename_axis(columns="finding")
    pd.testing.assert_frame_equal(got, expected)
    means = metrics.mean_iou(table, FINDINGS)
    assert means[["Mass", "Nodule", "Mean"]].tolist() == [0.375, 1, 0.6875]
    assert np.isnan(means["Effusion"])


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_accuracy_falls_with_the_threshold(seed):
    """A larger T can only lose boxes."""
    table = metrics.iou_accuracy(predictions(30, seed), FINDINGS)
    assert list(table.index) == list(metrics.THRESHOLDS)
    assert (table.diff().iloc[1:] <= 0).all().all()


def test_auc_agrees_with_scikit_learn():
    """One against the rest, finding by finding, and their unweighted mean."""
    table = predictions()
    got = oracle.auc(table, FINDINGS)
    each = [roc_auc_score(table["finding"] == f, table[PROBABILITY + f]) for f in FINDINGS]
    assert got[list(FINDINGS)].tolist() == pytest.approx(each)
    assert got[metrics.MEAN] == pytest.approx(np.mean(each))


def test_auc_where_it_is_undefined():
    """A finding that no row or every row has is NaN, and the mean leaves it out."""
    table = predictions()
    some = table[table["finding"] != "Mass"]
    got = oracle.auc(some, FINDINGS)
    assert np.isnan(got["Mass"])
    assert got[metrics.MEAN] == pytest.approx(got[["Effusion", "Nodule"]].mean())
    assert oracle.auc(table[table["finding"] == "Mass"], FINDINGS).isna().all()


def test_median_rows():
    """Of three boxes the one with the middle IoU, one row per finding that is there."""
    table = pd.DataFrame({"finding": ["Mass"] * 3 + ["Effusion"]})
    table[TRUE_BOX] = UNIT
    table[PREDICTED_BOX] = [UNIT, (0, 0, 0.2, 1), (0, 0, 0.5, 1), (0, 0, 0.1, 1)]
    got = metrics.median_rows(table, FINDINGS)
    assert got.index.tolist() == [3, 2]
    assert list(got.columns) == list(table.columns)


# image-blind boxes


def test_class_medoids_by_hand():
    """The training box that overlaps the others most, which need not be their mean.

    Of [0, 4], [0, 5] and [4, 10] along x (all of height 1) the IoUs are 4/5, 0 and 1/10: the sums
    with itself are 1.8, 1.9 and 1.1, so the second wins. On ties the first box.
    """
    table = pd.DataFrame({"finding": ["Mass"] * 3 + ["Nodule"] * 2})
    table[TRUE_BOX] = [(0, 0, 4, 1), (0, 0, 5, 1), (4, 0, 10, 1), (0, 0, 2, 2), (1, 1, 3, 3)]
    got = blind_boxes.fitted("class-medoid", table.assign(part="train"))
    assert got.index.tolist() == ["Mass", "Nodule"]
    assert got.to_numpy().tolist() == [[0, 0, 5, 1], [0, 0, 2, 2]]


def test_blind_uses_training_rows_only():
    """What lies in validation and test changes no medoid."""
    table = predictions()
    blind = blind_boxes.blind(table)
    medoids = blind_boxes.fitted("class-medoid", table)
    np.testing.assert_array_equal(blind[PREDICTED_BOX], medoids.loc[table["finding"]])
    pd.testing.assert_frame_equal(
        blind.drop(columns=PREDICTED_BOX), table.drop(columns=PREDICTED_BOX)
    )
    other = table.copy()
    other.loc[other["part"] != "train", TRUE_BOX] = [0.0, 0.0, 0.1, 0.1]
    pd.testing.assert_frame_equal(blind_boxes.blind(other)[PREDICTED_BOX], blind[PREDICTED_BOX])


def test_blind_without_a_training_box():
    """A finding that training lacks gets the medoid of all training boxes."""
    table = predictions()
    train = table["part"] == "train"
    some = table[~(train & (table["finding"] == "Mass"))]
    alike = some.assign(finding="any")
    everything = blind_boxes.fitted("class-medoid", alike)
    got = blind_boxes.blind(some).query("finding == 'Mass'")[PREDICTED_BOX]
    np.testing.assert_array_equal(got, np.tile(everything.loc["any"], (len(got), 1)))


# resamples


def test_counts_draw_patients():
    """Row 0 is the data; a patient's rows go together; as many patients are drawn as there are."""
    patients = np.array(["b", "a", "b", "c", "a", "b", "d"])
    drawn = bootstrap.counts(patients, resamples=500, seed=3)
    assert drawn.shape == (501, 7)
    assert (drawn[0] == 1).all()
    for name in "abcd":
        of_patient = drawn[:, patients == name]
        assert (of_patient == of_patient[:, :1]).all()
    once = drawn[:, [0, 1, 3, 6]]  # one row of each patient
    assert (once.sum(axis=1) == 4).all()
    assert (once == once.round()).all() and once.min() == 0
    # Each patient is drawn once on average; the standard error of 500 draws is about 0.04.
    np.testing.assert_allclose(once[1:].mean(axis=0), 1, atol=0.16)


def test_counts_are_repeatable():
    """Equal seeds draw equal resamples, so that two runs are compared on the same patients."""
    patients = predictions()["patient"]
    np.testing.assert_array_equal(bootstrap.counts(patients, 9), bootstrap.counts(patients, 9))
    assert (bootstrap.counts(patients, 9, seed=1) != bootstrap.counts(patients, 9)).any()
    assert bootstrap.counts(patients).shape == (1 + bootstrap.RESAMPLES, 60)


def test_group_means_agree_with_a_loop():
    """For every resample the mean of the rows as often as they are drawn; NaN for no row."""
    table = predictions(18)
    drawn = bootstrap.counts(table["patient"], 40)
    values = table[["x1", "y2"]].to_numpy()
    groups = np.stack([table["finding"] == f for f in (*FINDINGS, "Hernia")], axis=1)
    got = bootstrap.group_means(values, groups, drawn)
    assert got.shape == (41, 4, 2)
    assert np.isnan(got[:, 3]).all()
    empty = 0
    for r, counts in enumerate(drawn.astype(int)):
        for f in range(3):
            rows = np.repeat(values[groups[:, f]], counts[groups[:, f]], axis=0)
            empty += len(rows) == 0
            expected = rows.mean(axis=0) if len(rows) else [np.nan, np.nan]
            np.testing.assert_allclose(got[r, f], expected)


@pytest.mark.parametrize("digits", [1, 0, 8])
def test_auc_agrees_with_a_loop(digits):
    """For every resample scikit-learn's weighted AUC, with many, only and without tied scores."""
    rng = np.random.default_rng(digits)
    truth = rng.integers(0, 2, 40)
    score = (rng.uniform(0, 1, 40) + 0.2 * truth).round(digits)
    drawn = bootstrap.counts(rng.integers(0, 20, 40), 60)
    got = bootstrap.auc(truth, score, drawn)
    expected = [roc_auc_score(truth, score, sample_weight=w) for w in drawn]
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_auc_by_hand():
    """Pairs won, ties half: of 2 × 2 pairs one is lost, one tied, two won: 2.5 / 4."""
    ones = np.ones((1, 4))
    assert bootstrap.auc([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.5], ones).tolist() == [0.625]
    assert bootstrap.auc([1, 0, 0], [0.5, 0.5, 0.5], np.ones((1, 3))).tolist() == [0.5]


def test_auc_of_one_kind_only():
    """A resample without a 1 or without a 0 has no AUC."""
    drawn = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [2, 1, 0]], float)
    got = bootstrap.auc([1, 0, 0], [0.2, 0.1, 0.3], drawn)
    np.testing.assert_array_equal(got, [0.5, np.nan, np.nan, 1])


def test_interval():
    """Entry 0 is the value; the ends are quantiles of the rest; NaN is left out."""
    samples = np.array([0.25, *np.arange(101), np.nan])
    assert bootstrap.interval(samples) == (0.25, pytest.approx(2.5), pytest.approx(97.5))
    assert bootstrap.interval(samples, level=0.5) == (0.25, 25, 75)


def test_interval_without_a_value():
    """A statistic that no resample defines has no interval, and that is no warning."""
    assert np.isnan(bootstrap.interval(np.full(5, np.nan))).all()
