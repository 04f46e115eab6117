"""What is said of KerasCV's losses is so, and ours do not do it."""

import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from records import run_of

from clnbook import losses as page
from clnlib.data import nih
from clnlib.metrics import boxes
from clnlib.model import losses
from clnlib.runs import TRUE_BOX

installed = pytest.mark.skipif(page.library() is None, reason="needs KerasCV")
OVERLAP = [  # squares of side 0.4, shifted by s: (0.4 − s)² / (0.32 − (0.4 − s)²)
    (0.4 - s) ** 2 / (0.32 - (0.4 - s) ** 2) for s in page.SHIFTS
]


@pytest.fixture
def without(monkeypatch):
    """As on a machine without KerasCV."""
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    assert page.library() is None


# ours, wherever


def test_a_step_is_the_gradient():
    """By hand: half of (x − t)² has the gradient x − t, shared by the batch and by weights."""

    def half_square(true, box):
        return ops.sum(ops.square(box - true), axis=-1) / 2

    true, box = np.zeros((2, 4)), np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    value, gradient = page.step(half_square, true, box)
    assert value == pytest.approx((15 + 87) / 2)
    np.testing.assert_allclose(gradient, box / 2, rtol=1e-6)
    _, gradient = page.step(half_square, true, box, weights=[1, 0])
    np.testing.assert_allclose(gradient[1], 0)
    assert gradient[0].all()


def test_without_keras_cv(without):
    """Every table still shows ours."""
    assert list(page.one_sample_learns()) == ["ours (B, 4)"]
    assert list(page.weights_mask()) == ["ours", "sample_weight"]
    assert list(page.default_modes().index) == ["ours"]
    assert list(page.shape_term().index) == ["core Keras", "ours", "by hand"]
    assert not any("KerasCV" in name for name in page.refusals().index)


def test_ours_is_per_sample():
    """Every sample has a gradient, one of weight 0 none, and disjoint boxes a finite loss."""
    assert (page.one_sample_learns()["ours (B, 4)"] > 0.1).all()
    masked = page.weights_mask()
    assert ((masked["ours"] > 0).astype(int) == masked["sample_weight"]).all()
    ours = page.default_modes().loc["ours"]
    assert ours["overlapping"] == pytest.approx(1 - np.mean(OVERLAP), abs=1e-6)
    assert ours["disjoint"] == 1 and ours["finite gradient when disjoint"]


def test_the_shape_term():
    """Ours and core Keras' are 4/π² (π/4 − atan 2)²; core Keras' refuses relative boxes."""
    table = page.shape_term()
    v = 4 / math.pi**2 * (math.pi / 4 - math.atan(2)) ** 2
    np.testing.assert_allclose(table.loc[["core Keras", "ours", "by hand"], "v"], v, rtol=1e-4)
    told = page.refusals()
    assert told.loc["reload our ciou_loss", "works"]
    assert told.loc["core Keras' compute_iou, relative boxes", "works"]
    refused = told.loc["core Keras' compute_ciou, relative boxes"]
    assert not refused["works"]
    # It asks for what it was given.
    assert "`image_shape` argument must be provided" in refused["message"]
    assert "(224, 224, 3)" in refused["message"]


def test_without_gradient():
    """At Keras' zeros nearly every real box is missed, at the mean box about half are."""
    real = nih.load_boxes()
    table = page.without_gradient(real)
    corners = real[TRUE_BOX].to_numpy()
    missed = (boxes.iou(corners, corners.mean(axis=0)) == 0).mean()
    assert 0.4 < missed < 0.5
    for unit in ("pixels", "relative"):
        each = table[[f"Keras' zeros, {unit}", f"mean box, {unit}"]]
        assert each.loc["the bias alone"].tolist() == [1.0, pytest.approx(missed, abs=1e-6)]
        for name in ("network, inference", "network, training"):
            zeros, mean = each.loc[name]
            assert zeros > 0.85 and 0.2 < mean < 0.85 and mean < zeros


# KerasCV's


@installed
def test_only_the_first_sample_learns():
    """(B, 1, 4): the first sample gets four times its gradient, the others none; (B, 4): ours."""
    table = page.one_sample_learns()
    nested = table["KerasCV (B, 1, 4)"]
    assert nested.iloc[0] > 0 and (nested.iloc[1:] == 0).all()
    np.testing.assert_allclose(nested.iloc[0], 4 * table["ours (B, 4)"].iloc[0], rtol=1e-4)
    np.testing.assert_allclose(table["KerasCV (B, 4)"], table["ours (B, 4)"], rtol=1e-4)


@installed
def test_weights_do_not_mask():
    """Under weights 1, 1, 0, 0 each sample keeps half of its gradient: the batch's mean weight."""
    every, masked = page.one_sample_learns(), page.weights_mask()
    np.testing.assert_allclose(masked["KerasCV"], every["KerasCV (B, 4)"] / 2, rtol=1e-4)


@installed
def test_the_default_is_a_logarithm():
    """−log of the mean IoU; infinite, and without a finite gradient, for disjoint boxes."""
    table = page.default_modes()
    default = table.loc["KerasCV, default"]
    assert default["overlapping"] == pytest.approx(-math.log(np.mean(OVERLAP)), abs=1e-5)
    assert default["disjoint"] == math.inf and not default["finite gradient when disjoint"]
    linear, ours = table.loc['KerasCV, mode="linear"'], table.loc["ours"]
    assert linear["overlapping"] == pytest.approx(ours["overlapping"], abs=1e-5)
    assert linear["disjoint"] == 1


@installed
def test_complete_iou_squares_its_factor():
    """KerasCV's v is 4/π² of the published one, and its loss cannot be reloaded."""
    v = page.shape_term()["v"]
    assert v["KerasCV"] / v["by hand"] == pytest.approx(4 / math.pi**2, rel=1e-3)
    told = page.refusals()
    assert told.loc["reload KerasCV's IoULoss", "works"]
    assert not told.loc["reload KerasCV's CIoULoss", "works"]
    assert "bounding_box_format" in told.loc["reload KerasCV's CIoULoss", "message"]


@installed
def test_importing_is_silent():
    """The package's own talk at its import stays out of a page."""
    code = (
        "import keras; print('before', flush=True)\n"
        "from clnbook import losses; assert losses.library()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "before\n"
    assert "keras_cv" not in done.stderr and "Warning" not in done.stderr


# one IoU everywhere


def pairs(number: int = 60) -> np.ndarray:
    """Two lists of non-empty boxes, (2, number, 4) float32."""
    corners = np.random.default_rng(3).uniform(0, 1, (2, number, 2, 2))
    low, high = corners.min(axis=2), corners.max(axis=2)
    return np.concatenate([low, np.maximum(high, low + 0.01)], axis=2).astype(np.float32)


def plain(a, b):
    """Eq. 2 of one pair, as it is written."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_the_evaluation_s_iou_is_a_plain_loop_s():
    """Every pair of two lists, by broadcasting and by a loop of one."""
    a, b = pairs().astype(float)
    expected = [[plain(x, y) for y in b] for x in a]
    np.testing.assert_allclose(boxes.iou(a[:, None], b), expected, atol=1e-12)
    assert 0.2 < np.mean(np.array(expected) > 0) < 0.9


def test_the_evaluation_s_iou_is_keras_own():
    """The whole table of pairs agrees with core Keras'."""
    a, b = pairs()
    table = keras.utils.bounding_boxes.compute_iou(a, b, bounding_box_format="xyxy")
    np.testing.assert_allclose(boxes.iou(a[:, None], b), ops.convert_to_numpy(table), atol=1e-5)


@installed
def test_the_evaluation_s_iou_is_keras_cv_s():
    """And with KerasCV's."""
    a, b = pairs()
    table = page.library().bounding_box.compute_iou(a, b, bounding_box_format="xyxy")
    np.testing.assert_allclose(boxes.iou(a[:, None], b), ops.convert_to_numpy(table), atol=1e-5)


def test_the_trained_loss_is_the_measured_one():
    """1 − the mean of the evaluation's IoU is the batch's loss."""
    true, box = pairs()
    value, _ = page.step(losses.iou_loss, true, box)
    assert value == pytest.approx(1 - boxes.iou(true, box).mean(), abs=1e-5)


def test_deaths_are_counted_by_unit():
    """A coordinate that is 0 on every test image is dead; an empty box has no width or height."""
    alive, flat, gone = (run_of(box_unit=unit) for unit in ("pixels", "relative", "relative"))
    flat.predictions["px1"] = 0.0
    gone.predictions["px2"] = 0.0
    counts = page.deaths([alive, flat, gone])
    assert counts.loc["pixels"].tolist() == [1, 0, 0]
    assert counts.loc["relative"].tolist() == [2, 2, 1]
