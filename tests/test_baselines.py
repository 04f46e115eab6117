"""Image-blind boxes are what they are said to be, know nothing of the test, and are shown so."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from pictures import names_beside, off_palette, rectangles
from records import EVERY, run_of
from records import FINDINGS as THREE

from clnbook import baselines as page
from clnbook import blind_boxes, published
from clnbook.blind_boxes import AGNOSTIC, BASELINES, BEST, MEDIAN, MEDOID
from clnlib.errors import InputError
from clnlib.findings import BOXED
from clnlib.metrics import boxes
from clnlib.metrics import localisation as metrics
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

FINDINGS = ("crack", "dent", "scratch")


def rows(number: int = 60, seed: int = 0) -> pd.DataFrame:
    """A run's rows with any true boxes, a third of them for training."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 1, (number, 2, 2)), axis=1).reshape(number, 4)
    table = pd.DataFrame({"finding": rng.choice(FINDINGS, number), "image": np.arange(number)})
    table["part"] = np.resize(["train", "validation", "test"], number)
    table[TRUE_BOX], table[PREDICTED_BOX] = corners, 0.5
    return table


def strips(*ends: tuple[float, float]) -> pd.DataFrame:
    """Training boxes of one finding from strips [from, to] along x, all of height 1."""
    table = pd.DataFrame({"finding": ["dent"] * len(ends), "part": "train"})
    table[TRUE_BOX] = [(a, 0.0, b, 1.0) for a, b in ends]
    return table


def test_boxes_by_hand():
    """Strips [0, 4], [0, 5], [4, 10] and [4, 5].

    IoUs: 4/5, 0, 0 | 1/10, 1/5 | 1/6. With itself the sums are 1.8, 2.1, 1.27, 1.37: the second
    is the medoid. Medians: from 2, to 5. Above T = 0.15 the numbers of overlaps, with itself, are
    2, 3, 2, 3: the second is the first of the best; above 0.05 they are 2, 4, 3, 3.
    """
    table = strips((0, 4), (0, 5), (4, 10), (4, 5))
    expected = {MEDOID: [0, 0, 5, 1], MEDIAN: [2, 0, 5, 1], AGNOSTIC: [0, 0, 5, 1]}
    for name, box in expected.items():
        assert blind_boxes.fitted(name, table).loc["dent"].tolist() == box
    for threshold in (0.05, 0.15):
        assert blind_boxes.fitted(BEST, table, threshold).loc["dent"].tolist() == [0, 0, 5, 1]


def test_best_per_threshold_is_not_the_medoid():
    """Below a small T the box that touches all wins, above a large one that with a near twin."""
    table = strips((0, 10), (0, 2), (2, 4), (4, 6), (6, 8), (7, 10), (7, 10))
    assert blind_boxes.fitted(BEST, table, 0.1).loc["dent"].tolist() == [0, 0, 10, 1]
    assert blind_boxes.fitted(BEST, table, 0.7).loc["dent"].tolist() == [7, 0, 10, 1]


@given(st.integers(0, 10_000), st.sampled_from(metrics.THRESHOLDS))
@settings(max_examples=12)
def test_best_per_threshold_beats_every_training_box(seed, threshold):
    """On the training rows of its finding no training box has a higher IoU accuracy at T."""
    table = rows(45, seed)
    fitted = blind_boxes.fitted(BEST, table, threshold)
    for finding, own in table[table["part"] == "train"].groupby("finding"):
        true = own[TRUE_BOX].to_numpy()
        reached = (boxes.iou(true, fitted.loc[finding].to_numpy()) > threshold).mean()
        assert reached == max((boxes.iou(true, box) > threshold).mean() for box in true)


@given(st.integers(0, 10_000))
@settings(max_examples=12)
def test_medoid_and_median_by_definition(seed):
    """The medoid is a training box of the largest mean IoU; the median is NumPy's, never empty."""
    table = rows(45, seed)
    medoids, medians = (blind_boxes.fitted(name, table) for name in (MEDOID, MEDIAN))
    for finding, own in table[table["part"] == "train"].groupby("finding"):
        true = own[TRUE_BOX].to_numpy()
        mean = [boxes.iou(true, box).mean() for box in true]
        assert medoids.loc[finding].tolist() == true[int(np.argmax(mean))].tolist()
        assert medians.loc[finding].tolist() == np.median(true, axis=0).tolist()
        x1, y1, x2, y2 = medians.loc[finding]
        assert x1 < x2 and y1 < y2


def test_many_boxes_in_blocks(monkeypatch):
    """The block size, which bounds memory, changes no box."""
    table = rows(300)
    whole = {name: blind_boxes.fitted(name, table, 0.3) for name in BASELINES}
    monkeypatch.setattr(blind_boxes, "_BLOCK", 7)
    for name, expected in whole.items():
        pd.testing.assert_frame_equal(blind_boxes.fitted(name, table, 0.3), expected)


@pytest.mark.parametrize("name", BASELINES)
def test_only_training_rows_matter(name):
    """Other validation and test boxes give the same baseline; other training boxes do not."""
    table = rows()
    expected = blind_boxes.fitted(name, table, 0.1)
    other = table.copy()
    other.loc[other["part"] != "train", TRUE_BOX] = [0.0, 0.0, 0.01, 0.01]
    pd.testing.assert_frame_equal(blind_boxes.fitted(name, other, 0.1), expected)
    predicted = blind_boxes.predict(name, other, 0.1)[PREDICTED_BOX]
    pd.testing.assert_frame_equal(predicted, blind_boxes.predict(name, table, 0.1)[PREDICTED_BOX])
    other = table.copy()
    other.loc[other["part"] == "train", TRUE_BOX] = [0.0, 0.0, 0.01, 0.01]
    assert (blind_boxes.fitted(name, other, 0.1) == 0.01).any().any()
    assert not (expected == 0.01).any().any()


@pytest.mark.parametrize("name", BASELINES)
def test_predict_gives_each_row_its_findings_box(name):
    """The box of the true finding, all other columns untouched, whatever the index."""
    table = rows().set_index(pd.Index(range(100, 160)))
    got = blind_boxes.predict(name, table, 0.2)
    fitted = blind_boxes.fitted(name, table, 0.2)
    np.testing.assert_array_equal(got[PREDICTED_BOX], fitted.loc[table["finding"]])
    rest = [c for c in table if c not in PREDICTED_BOX]
    pd.testing.assert_frame_equal(got[rest], table[rest])
    assert (fitted.nunique() == 1).all() == (name == AGNOSTIC)


@pytest.mark.parametrize("name", BASELINES)
def test_finding_without_training_box(name):
    """It gets the box of all training boxes."""
    table = rows()
    table.loc[(table["part"] == "train") & (table["finding"] == "dent"), "part"] = "test"
    train = table[table["part"] == "train"]
    everything = blind_boxes.fitted(name, train.assign(finding="any"), 0.2).loc["any"]
    assert blind_boxes.fitted(name, table, 0.2).loc["dent"].tolist() == everything.tolist()


def test_refusals():
    """An unknown name, a missing T and a record without training rows are one clear line each."""
    table = rows()
    with pytest.raises(InputError, match="did you mean 'class-medoid'"):
        blind_boxes.fitted("class-mediod", table)
    with pytest.raises(InputError, match="needs a threshold"):
        blind_boxes.predict(BEST, table)
    with pytest.raises(InputError, match="no row of part 'train'"):
        blind_boxes.fitted(MEDOID, table[table["part"] == "test"])


def test_blind_is_the_class_medoid():
    """The box beside every number of a page is the class medoid's."""
    table = rows()
    pd.testing.assert_frame_equal(blind_boxes.blind(table), blind_boxes.predict(MEDOID, table))


def test_blind_accuracy():
    """Every baseline's accuracy is the metric's; best-per-threshold has another box at every T."""
    run = run_of()
    got = page.table(run, resamples=20)
    got = got.set_index(["series", "T", "finding"])["value"].sort_index()
    for name in blind_boxes.BASELINES:
        for t in (0.1, 0.5):
            rows = blind_boxes.predict(name, run.predictions, t).loc[run.part("test").index]
            expected = metrics.iou_accuracy(rows, THREE, (t,)).loc[t, EVERY]
            assert got[name, t][EVERY].tolist() == pytest.approx(expected.tolist())
    network = metrics.iou_accuracy(run.part("test"), THREE).loc[0.3, EVERY]
    assert got["network", 0.3][EVERY].tolist() == pytest.approx(network.tolist())
    html = page.styled(page.table(run, resamples=5), "run").to_html()
    assert "best-per-threshold" in html and "nan" not in html


def test_beaten_by_hand():
    """Legible cells that a box exceeds: a box with 0.8 everywhere beats the cells below 0.8."""
    lines = [
        ("always", t, f, 0.8) for t in metrics.THRESHOLDS for f in ("Cardiomegaly", "Mass", "crack")
    ]
    frame = pd.DataFrame(lines, columns=["series", "T", "finding", "value"])
    got = page.beaten(frame)
    cln, published_methods = (got.loc[name, "always"] for name in page.FAMILIES.values())
    printed = published.table1().query("finding in ['Cardiomegaly', 'Mass']")
    printed = printed[printed["transcription"] == "ok"]
    assert cln.loc["T = 0.7", "cells"] == 12  # six variants, two findings
    # Of Table 1's rows at T = 0.7: 0.74, 0.77 of Cardiomegaly, and all six of Mass.
    assert cln.loc["T = 0.7", "beaten"] == 8
    values = printed.loc[printed["family"] == "cln", "value"]
    assert cln.loc["all T"].tolist() == [(values < 0.8).sum(), len(values)]
    assert published_methods.loc["all T", "cells"] == (printed["family"] == "sota").sum()
    styled = page.styled_beaten(got, "a split")
    assert "all T" in styled.to_html() and styled.caption.startswith("a split: legible cells")


def test_beaten_without_the_papers_findings():
    """A reader's own findings have no printed cell: none of none, shown as a dash."""
    frame = pd.DataFrame({"series": "always", "T": 0.1, "finding": ["crack"], "value": 1.0})
    got = page.beaten(frame)
    assert (got["cells"] == 0).all()
    assert (page.styled_beaten(got, "a").data == "–").all().all()


def test_blind_boxes():
    """The picture's boxes are the fitted ones, by baseline and finding."""
    run = run_of()
    got = page.boxes(run)
    assert list(got) == ["class-medoid", "class-median", "class-agnostic",
                         "best-per-threshold, T = 0.5"]  # fmt: skip
    medoids = blind_boxes.fitted("class-medoid", run.predictions)
    assert got["class-medoid"] == {f: medoids.loc[f].tolist() for f in THREE}


def eight_boxes(shift: float = 0) -> dict[str, tuple[float, ...]]:
    return {f: (0.05 * k, 0.4 + shift, 0.3 + 0.05 * k, 0.6) for k, f in enumerate(BOXED)}


def test_blind_boxes_are_drawn(axes):
    """Each box at its place in a frame whose y grows downwards; looks tell findings apart."""
    page.draw(eight_boxes(), axes)
    np.testing.assert_allclose([b for b, _ in rectangles(axes)], list(eight_boxes().values()))
    looks = {
        (colour, p.get_lw()) for (_, colour), p in zip(rectangles(axes), axes.patches, strict=True)
    }
    assert len(looks) == 8
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (1, 0))
    assert {text.get_text(): text.xy for text in names_beside(axes)} == {
        f: pytest.approx((box[2], 0.5)) for f, box in eight_boxes().items()
    }
    assert not off_palette(axes)
    axes.figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in names_beside(axes)]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_blind_boxes_leave_out_empty_ones(axes):
    """A box without area or without coordinates is neither drawn nor named."""
    empty = {"Mass": (np.nan,) * 4, "Nodule": (0.5, 0.5, 0.5, 0.7)}
    page.draw(eight_boxes() | empty, axes)
    assert len(axes.patches) == len(names_beside(axes)) == 6
