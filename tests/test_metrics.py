"""IoU accuracy counts by each convention what that convention says."""

import numpy as np
import oracle
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clnlib.errors import InputError
from clnlib.metrics import boxes
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, PAPER
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

ALL = "rows=images, group=predicted, gated=yes, several=best"
OWN = ("crack", "dent")  # a reader's categories, none of the paper's


def drawn(rows: list[tuple]) -> pd.DataFrame:
    """Rows of image, true finding, likeliest finding, true and predicted [from, to], in tenths."""
    table = pd.DataFrame([r[:3] for r in rows], columns=["image", "finding", "likeliest"])
    for names, k in ((TRUE_BOX, 3), (PREDICTED_BOX, 4)):
        table[names] = [(r[k][0] / 10, 0, r[k][1] / 10, 1) for r in rows]
    for name in OWN:
        table[PROBABILITY + name] = np.where(table["likeliest"] == name, 0.75, 0.25)
    return table.set_index(pd.Index([f"row{k}" for k in range(len(rows))]))


# Image a has two boxes; the network looks at the second. IoUs with the own box: 0, 4/5, 1/2, 1.
FOUR = drawn(
    [
        ("a", "crack", "dent", (0, 4), (5, 10)),
        ("a", "dent", "dent", (6, 10), (5, 10)),
        ("b", "crack", "crack", (0, 2), (0, 1)),
        ("c", "dent", "crack", (0, 1), (0, 1)),
    ]
)


@pytest.mark.parametrize(
    ("text", "finding", "iou", "index"),
    [
        ("paper", ["crack", "dent", "crack", "dent"], [0, 0.8, 0.5, 1], [0, 1, 2, 3]),
        ("rows=images", ["crack", "crack", "dent"], [0, 0.5, 1], [0, 2, 3]),
        ("several=best", ["crack", "dent", "crack", "dent"], [0.8, 0.8, 0.5, 1], [0, 1, 2, 3]),
        ("rows=images, several=best", ["dent", "crack", "dent"], [0.8, 0.5, 1], [0, 2, 3]),
        ("group=predicted", ["dent", "dent", "crack", "crack"], [0, 0.8, 0.5, 1], [0, 1, 2, 3]),
        ("gated=yes", ["crack", "dent", "crack", "dent"], [0, 0.8, 0.5, 0], [0, 1, 2, 3]),
        ("gated=yes, several=best", ["crack", "dent"] * 2, [0, 0.8, 0.5, 0], [0, 1, 2, 3]),
        (
            "rows=images, several=best, gated=yes, group=predicted",
            ["dent", "crack", "crack"],
            [0.8, 0.5, 0],
            [0, 2, 3],
        ),
    ],
)
def test_rows_by_hand(text, finding, iou, index):
    """Each switch alone, and together, on four rows whose overlaps can be told by looking."""
    got = metrics.rows(FOUR, OWN, oracle.conventions(text))
    assert got["finding"].tolist() == finding
    assert got["iou"].tolist() == pytest.approx(iou)
    assert got.index.tolist() == [f"row{k}" for k in index]


def test_what_lies_beyond_the_edge_counts_only_as_is():
    """A box from 0.5 to 1.5 over one from 0.5 to 1: equal where it is cut, else half of it."""
    table = drawn(
        [("a", "crack", "crack", (5, 10), (5, 15)), ("a", "dent", "dent", (0, 1), (-2, 1))]
    )
    assert metrics.rows(table, OWN)["iou"].tolist() == pytest.approx([1, 1])
    for words in ("clipped=no", "clipped=no, several=best"):
        whole = metrics.rows(table, OWN, oracle.conventions(words))["iou"]
        assert whole.tolist() == pytest.approx([1 / 2, 1 / 3])


def test_one_prediction_per_image():
    """A blind box, told each row's finding, has one guess per image: its first row's."""
    table = drawn([("a", "crack", "crack", (0, 2), (0, 1)), ("a", "dent", "dent", (5, 6), (5, 6))])
    got = metrics.rows(table, OWN, oracle.conventions("rows=images, several=best"))
    assert (got["finding"].tolist(), got["iou"].tolist()) == (["crack"], [pytest.approx(0.5)])


def test_best_box_without_overlap_and_without_prediction():
    """On ties the first box gives the finding; a missing box (NaN) is a miss, not an error."""
    table = drawn([("a", "crack", "crack", (0, 1), (8, 9)), ("a", "dent", "crack", (1, 2), (8, 9))])
    table.loc["row0", PREDICTED_BOX] = np.nan
    got = metrics.rows(table, OWN, oracle.conventions("rows=images, several=best"))
    assert (got["finding"].tolist(), got["iou"].tolist()) == (["crack"], [0])


def test_equally_likely_findings():
    """The first of the run's findings wins, whatever its place in the alphabet."""
    table = FOUR.assign(**{PROBABILITY + name: 0.5 for name in OWN})
    for findings in (OWN, OWN[::-1]):
        got = metrics.rows(table, findings, Conventions(group="predicted"))
        assert (got["finding"] == findings[0]).all()


@pytest.mark.parametrize("text", ["gated=yes", "group=predicted"])
def test_probabilities_missing(text):
    """Boxes without probabilities (Grad-CAM's) are refused in one line that names the way out."""
    table = FOUR.drop(columns=PROBABILITY + "dent")
    with pytest.raises(
        InputError, match=r"no column p_dent: use gated=False, group=true"
    ) as caught:
        metrics.iou_accuracy(table, OWN, convention=oracle.conventions(text))
    assert "\n" not in str(caught.value)
    assert metrics.iou_accuracy(table, OWN).loc[0.1, MEAN] == 0.75


def test_metrics_by_hand():
    """Accuracy, mean IoU and MaxBoxAcc use the rows that count.

    Gated, cracks have IoUs 0 and 1/2, dents 4/5 and 0. At 0.3, 0.5, 0.7 (strictly above) cracks
    reach 1/2, 0, 0, dents 1/2 each.
    """
    gated = Conventions(gated=True)
    accuracy = metrics.iou_accuracy(FOUR, OWN, (0.3, 0.5, 0.7), gated)
    assert accuracy["crack"].tolist() == [0.5, 0, 0]
    assert accuracy["dent"].tolist() == [0.5, 0.5, 0.5]
    assert accuracy[MEAN].tolist() == [0.5, 0.25, 0.25]
    assert metrics.mean_iou(FOUR, OWN, gated).tolist() == pytest.approx([0.25, 0.4, 0.325])
    box_acc = metrics.samples(FOUR, OWN, gated, np.ones((1, 4)))[0, :, -1]
    assert box_acc.tolist() == pytest.approx([1 / 6, 1 / 2, 1 / 3])


@st.composite
def tables(draw) -> pd.DataFrame:
    """Images with one to three boxes, one predicted box and one likeliest finding per image."""
    ends = st.integers(0, 12).flatmap(lambda a: st.integers(a + 1, 14).map(lambda b: (a, b)))
    rows = []
    for image in range(draw(st.integers(1, 6))):
        predicted, likeliest = draw(ends), draw(st.sampled_from(OWN))
        for _ in range(draw(st.integers(1, 3))):
            rows.append((f"{image}", draw(st.sampled_from(OWN)), likeliest, draw(ends), predicted))
    order = draw(st.permutations(rows))
    return drawn(order)


CONVENTIONS = st.builds(
    Conventions,
    rows=st.sampled_from(["boxes", "images"]),
    group=st.sampled_from(["true", "predicted"]),
    gated=st.booleans(),
    several=st.sampled_from(["own", "best"]),
    clipped=st.booleans(),
)


@given(tables(), CONVENTIONS)
@settings(max_examples=15)
def test_rows_agree_with_a_loop(table, convention):
    """The vectorised rows are those of the definition, image by image and row by row."""
    expected = []
    for place, (name, row) in enumerate(table.iterrows()):
        if convention.rows == "images" and row["image"] in list(table["image"][:place]):
            continue
        candidates = table[table["image"] == row["image"]]
        shown = row[PREDICTED_BOX].astype(float)
        shown = shown.clip(0, 1) if convention.clipped else shown
        own = candidates.loc[name]
        overlaps = [boxes.iou(box, shown) for box in candidates[TRUE_BOX].to_numpy()]
        best = candidates.iloc[int(np.argmax(overlaps))]
        box = best if convention.several == "best" else own
        overlap = float(boxes.iou(box[TRUE_BOX].astype(float), shown))
        finding = box["finding"] if convention.rows == "images" else row["finding"]
        if convention.gated and row["likeliest"] != finding:
            overlap = 0.0
        grouped = row["likeliest"] if convention.group == "predicted" else finding
        expected.append((name, grouped, overlap))
    got = metrics.rows(table, OWN, convention)
    assert list(zip(got.index, got["finding"], got["iou"], strict=True)) == expected


@given(tables(), CONVENTIONS)
@settings(max_examples=15)
def test_gates_only_lose_and_choices_only_gain(table, convention):
    """Row by row a gate never raises an overlap; the best of several boxes never lowers it."""

    def overlap(**changes):
        return metrics.rows(table, OWN, convention.model_copy(update=changes))["iou"].to_numpy()

    assert (overlap(gated=True) <= overlap(gated=False)).all()
    assert (overlap(gated=False, several="best") >= overlap(gated=False, several="own")).all()


@given(tables())
@settings(max_examples=15)
def test_conventions_agree_where_they_cannot_differ(table):
    """One box per image and every finding named rightly: all conventions are the paper's."""
    single = table.drop_duplicates("image")
    for name in OWN:
        single = single.assign(**{PROBABILITY + name: (single["finding"] == name).astype(float)})
    paper = metrics.rows(single, OWN, PAPER)
    other = metrics.rows(
        single, OWN, oracle.conventions("rows=images, group=predicted, gated=yes, several=best")
    )
    pd.testing.assert_frame_equal(paper, other, check_dtype=False)


@given(tables(), CONVENTIONS)
@settings(max_examples=15)
def test_the_numbers_agree_with_a_second_implementation(table, convention):
    """Accuracies, mean IoU and MaxBoxAcc are those of the oracle, finding by finding."""
    accuracy = metrics.iou_accuracy(table, OWN, convention=convention)
    expected = oracle.iou_accuracy(table, OWN, convention=convention)
    pd.testing.assert_frame_equal(accuracy, expected)
    values = metrics.samples(table, OWN, convention, np.ones((1, len(table))))[0]
    for column, expected in ((-2, oracle.mean_iou), (-1, oracle.max_box_acc)):
        wanted = expected(table, OWN, convention).to_numpy(dtype=float)
        np.testing.assert_allclose(values[:, column], wanted)
    assert metrics.mean_iou(table, OWN, convention).tolist() == pytest.approx(
        values[:, -2].tolist(), nan_ok=True
    )
