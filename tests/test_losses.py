"""The box losses are what their papers say, per sample, and finite everywhere."""

import math
import warnings
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from keras import ops

from clnlib.errors import InputError
from clnlib.metrics import boxes
from clnlib.model.losses import (
    BOX_LOSSES,
    ciou_loss,
    compile_cln,
    empty_box,
    giou_loss,
    iou,
    iou_loss,
    no_overlap,
)

EVERY = (iou, iou_loss, giou_loss, ciou_loss, no_overlap, empty_box)
UNIT = [0.0, 0.0, 1.0, 1.0]

# Coordinates from a small set as well, so that equal, touching and empty boxes are common.
COORDINATE = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.floats(-10, 10, width=32),
    st.floats(-(2**-20), 2**-20, width=32),
)
ANY_PAIRS = st_numpy.arrays(np.float32, (2, 8, 4), elements=COORDINATE)


def values(loss: Any, true: Any, box: Any) -> np.ndarray:
    """A loss of two lists of boxes, as NumPy."""
    true, box = (ops.convert_to_tensor(np.asarray(b, np.float32)) for b in (true, box))
    return ops.convert_to_numpy(loss(true, box))


def one(loss: Any, true: Any, box: Any) -> float:
    """A loss of a single pair."""
    return float(values(loss, [true], [box])[0])


def gradients(loss: Any, true: Any, box: Any) -> np.ndarray:
    """The gradient of the sum of a loss with respect to the predicted boxes."""
    true, box = np.asarray(true, np.float32), np.asarray(box, np.float32)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        variable = tf.Variable(box)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(loss(tf.constant(true), variable))
        return tape.gradient(total, variable).numpy()
    jax = pytest.importorskip("jax", reason="gradients are taken with TensorFlow or JAX")
    return np.asarray(jax.grad(lambda b: loss(true, b).sum())(box))


def real_pairs(number: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of non-empty boxes in the frame, with sides of 0.02 or more; half of them overlap."""
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 1, (2, 4 * number, 2, 2)), axis=2)
    wide = ((corners[:, :, 1] - corners[:, :, 0]) > 0.02).all(axis=(0, 2))
    true, box = corners[:, wide].reshape(2, -1, 4)[:, :number].astype(np.float32)
    return true, box


def plain_iou(a: Any, b: Any) -> float:
    """Eq. 2 for a single pair, in plain Python."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared)


def reference(true: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """GIoU and CIoU losses by their papers' formulas, for non-empty boxes, in float64."""
    a, b = np.float64(true).T, np.float64(box).T
    overlap = np.array([plain_iou(x, y) for x, y in zip(a.T, b.T, strict=True)])
    shared = overlap * 0
    for k, (x, y) in enumerate(zip(a.T, b.T, strict=True)):
        sides = np.minimum(x[2:], y[2:]) - np.maximum(x[:2], y[:2])
        shared[k] = sides.prod() if (sides > 0).all() else 0
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    width = np.maximum(a[2], b[2]) - np.minimum(a[0], b[0])
    height = np.maximum(a[3], b[3]) - np.minimum(a[1], b[1])
    hull = width * height
    distance = ((a[0] + a[2] - b[0] - b[2]) ** 2 + (a[1] + a[3] - b[1] - b[3]) ** 2) / 4
    angle = [np.arctan((c[2] - c[0]) / (c[3] - c[1])) for c in (a, b)]
    v = 4 / np.pi**2 * (angle[0] - angle[1]) ** 2
    alpha = v / np.maximum(1 - overlap + v, 1e-7)
    return {
        "iou": 1 - overlap,
        "giou": 1 - (overlap - (hull - union) / hull),
        "ciou": 1 - overlap + distance / (width**2 + height**2) + alpha * v,
    }


# values


@pytest.mark.parametrize(
    ("true", "box", "expected"),
    [
        (UNIT, UNIT, 1.0),
        ([0, 0, 0.2, 0.2], [0.1, 0.1, 0.3, 0.3], 1 / 7),  # 0.01 / (0.04 + 0.04 − 0.01)
        (UNIT, [0, 0, 0.5, 0.5], 0.25),  # the second inside the first
        (UNIT, [0, 0, 0.5, 1], 0.5),
        ([0, 0, 0.5, 1], [0.5, 0, 1, 1], 0.0),  # touching
        ([0, 0, 0.1, 0.1], [0.9, 0.9, 1, 1], 0.0),
        (UNIT, [0.5, 0.5, 0.5, 0.5], 0.0),  # empty
        (UNIT, [0.8, 0.8, 0.2, 0.2], 0.0),  # inverted in both sides is empty, not an area
        ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),  # equal, but empty
    ],
)
def test_iou_by_hand(true, box, expected):
    """Eq. 2 on pairs whose areas can be seen; 0 for empty boxes."""
    assert one(iou, true, box) == pytest.approx(expected, abs=1e-6)
    assert one(iou, box, true) == pytest.approx(expected, abs=1e-6)
    assert one(iou_loss, true, box) == pytest.approx(1 - expected, abs=1e-6)


@pytest.mark.parametrize(
    ("true", "box", "expected"),
    [
        (UNIT, UNIT, 0.0),
        ([0, 0, 0.2, 0.2], [0.1, 0.1, 0.3, 0.3], 1 - 1 / 7 + 2 / 9),
        ([0, 0, 0.1, 1], [0.9, 0, 1, 1], 1.8),
        (UNIT, [0, 0, 0.5, 0.5], 0.75),
        ([0.4, 0.4, 0.6, 0.6], [0, 0, 0, 0], 1 - 0 + (0.36 - 0.04) / 0.36),
    ],
)
def test_giou_by_hand(true, box, expected):
    """1 − (IoU − (hull − union) / hull).

    Second pair: hull 0.3² = 0.09, union 0.07, so (0.09 − 0.07) / 0.09 = 2/9. Third: no overlap,
    hull 1, union 0.2: 1 − (0 − 0.8). Fourth: the hull is the union: 1 − 0.25. Fifth: an empty box
    at the origin has a hull of 0.6² = 0.36 with a true box of 0.04.
    """
    assert one(giou_loss, true, box) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("true", "box", "expected"),
    [
        (UNIT, UNIT, 0.0),
        ([0, 0, 0.2, 0.2], [0.1, 0.1, 0.3, 0.3], 1 - 1 / 7 + 1 / 9),
        ([0, 0, 0.1, 0.1], [0.9, 0, 1, 0.1], 1 + 0.81 / 1.01),
        (
            [0, 0, 1, 1],
            [0, 0.25, 1, 0.75],
            0.5 + 0.0 + (v := 4 / math.pi**2 * (math.pi / 4 - math.atan(2)) ** 2) ** 2 / (0.5 + v),
        ),
    ],
)
def test_ciou_by_hand(true, box, expected):
    """1 − IoU + (distance of centres / diagonal of the hull)² + α v.

    Second pair: centres (0.1, 0.1) and (0.2, 0.2), squared distance 0.02; hull's squared diagonal
    0.09 + 0.09 = 0.18; same shape: 1 − 1/7 + 1/9. Third: 0.9² over 1² + 0.1². Fourth: same centre,
    IoU 0.5, v = 4/π² (atan 1 − atan 2)², α = v / (1 − 0.5 + v).
    """
    assert one(ciou_loss, true, box) == pytest.approx(expected, abs=1e-6)


def test_agreement_with_plain_loops():
    """The three losses agree with their formulas written out box by box."""
    true, box = real_pairs()
    assert 0.3 < np.mean(values(no_overlap, true, box)) < 0.8
    for name, expected in reference(true, box).items():
        np.testing.assert_allclose(values(BOX_LOSSES[name], true, box), expected, atol=3e-6)


@settings(max_examples=50)
@given(ANY_PAIRS)
def test_agreement_with_the_evaluation(pairs):
    """Training and evaluation have the same IoU, for any boxes larger than a speck.

    Below an area of 1e-7 (a square of 0.3 pixels in an image of 1024²) the loss divides by 1e-7.
    """
    true, box = pairs
    sides = np.clip(pairs[..., 2:] - pairs[..., :2], 0, None)
    large = (sides.prod(axis=-1) > 1e-4).any(axis=0) | (sides.prod(axis=-1) == 0).all(axis=0)
    got, expected = values(iou, true, box), boxes.iou(true, box)
    np.testing.assert_allclose(got[large], expected[large], atol=1e-5)


def test_agreement_with_keras():
    """Keras' table of pairs has our IoU on its diagonal."""
    true, box = real_pairs(50)
    table = keras.utils.bounding_boxes.compute_iou(true, box, bounding_box_format="xyxy")
    np.testing.assert_allclose(
        values(iou, true, box), np.diag(ops.convert_to_numpy(table)), atol=1e-6
    )


def test_agreement_with_keras_cv():
    """So has KerasCV's, whose losses are not used (`docs/decisions.md`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras_cv = pytest.importorskip("keras_cv")
        true, box = real_pairs(50)
        table = keras_cv.bounding_box.compute_iou(true, box, bounding_box_format="xyxy")
    np.testing.assert_allclose(
        values(iou, true, box), np.diag(ops.convert_to_numpy(table)), atol=1e-6
    )


# everywhere


@settings(max_examples=30)
@given(ANY_PAIRS)
def test_finite_everywhere(pairs):
    """Empty, inverted, equal, far: every value lies in its range, every gradient is finite."""
    true, box = pairs
    # CIoU's shape term α v is below 1, its distance term at most 1.
    for loss, most in ((iou, 1), (iou_loss, 1), (giou_loss, 2), (ciou_loss, 3)):
        got = values(loss, true, box)
        assert got.shape == (8,)
        assert (got >= -1e-5).all() and (got <= most + 1e-5).all(), loss.__name__
        assert np.isfinite(gradients(loss, true, box)).all(), loss.__name__


@settings(max_examples=15)
@given(COORDINATE, COORDINATE, COORDINATE, COORDINATE)
def test_equal_boxes(x1, y1, x2, y2):
    """A box against itself has finite gradients, and no loss unless it is empty or a speck."""
    box = np.array([[x1, y1, x2, y2]], np.float32)
    speck = min(box[0, 2] - box[0, 0], box[0, 3] - box[0, 1]) < 1e-3
    for loss in BOX_LOSSES.values():
        assert np.isfinite(gradients(loss, box, box)).all()
        if not speck:
            assert values(loss, box, box)[0] == pytest.approx(0, abs=1e-5)


def test_gradient_where_nothing_overlaps():
    """IoU's loss has none there; GIoU's and CIoU's pull the box towards the true one."""
    true, box = [[0.7, 0.7, 0.9, 0.9]], [[0.1, 0.1, 0.3, 0.3]]
    assert (gradients(iou_loss, true, box) == 0).all()
    for loss in (giou_loss, ciou_loss):
        step = np.array(box) - 0.01 * gradients(loss, true, box)
        assert values(loss, true, step)[0] < values(loss, true, box)[0]


@pytest.mark.parametrize("loss", BOX_LOSSES.values())
def test_gradient_is_the_slope(loss):
    """Where boxes overlap the gradient is that of finite differences.

    CIoU's α is held still, as its authors do, so its slope is compared for equal shapes (v = 0).
    """
    true, box = np.array([[0.2, 0.2, 0.6, 0.6]]), np.array([[0.3, 0.35, 0.7, 0.75]])
    expected = []
    for k in range(4):
        ends = [box + np.eye(4)[k] * h for h in (1e-3, -1e-3)]
        expected.append((values(loss, true, ends[0]) - values(loss, true, ends[1]))[0] / 2e-3)
    np.testing.assert_allclose(gradients(loss, true, box)[0], expected, atol=2e-3)


def test_per_sample():
    """(B, 4) and (B, 4) give (B,), each sample by itself, whatever the number type of the truth."""
    true, box = real_pairs(7)
    for loss in EVERY:
        together = values(loss, true, box)
        assert together.shape == (7,)
        assert together.dtype == np.float32
        alone = [one(loss, t, b) for t, b in zip(true, box, strict=True)]
        np.testing.assert_allclose(together, alone, atol=1e-7)
    double = ops.convert_to_tensor(true.astype(np.float64))
    assert ops.convert_to_numpy(iou_loss(double, ops.convert_to_tensor(box))).dtype == np.float32


def test_no_overlap_and_empty():
    """The metrics of training: by hand, touching boxes do not overlap, lines are empty."""
    true = [UNIT, [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5], UNIT, UNIT]
    box = [UNIT, [0.5, 0, 1, 1], [0.4, 0.4, 1, 1], [0.2, 0.2, 0.2, 0.9], [0.9, 0.1, 0.2, 0.8]]
    assert values(no_overlap, true, box).tolist() == [0, 1, 0, 1, 1]
    assert values(empty_box, true, box).tolist() == [0, 0, 0, 1, 1]


# inside Keras


@pytest.mark.parametrize("function", EVERY)
def test_serialisable(function):
    """A saved model finds its losses and metrics again, by a registered name."""
    saved = keras.saving.serialize_keras_object(function)
    assert keras.saving.deserialize_keras_object(saved) is function
    assert keras.saving.get_registered_name(function) == f"clnlib>{function.__name__}"


@pytest.mark.parametrize("loss", ["iou", "giou", "ciou"])
def test_sample_weight_masks(loss):
    """A sample of weight 0 gives no gradient: its target may be anything."""
    image = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    true, _ = real_pairs(4)
    nonsense = true.copy()
    nonsense[2:] = [0.0, 0.0, 0.01, 0.01]

    untouched = [np.zeros((3, 4), np.float32), np.array([0.2, 0.2, 0.8, 0.8], np.float32)]

    def trained(target: np.ndarray, weight: list[float]) -> list[np.ndarray]:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        model.set_weights(untouched)
        model.compile(keras.optimizers.SGD(0.1), loss=BOX_LOSSES[loss], run_eagerly=True)
        model.train_on_batch(image, target, sample_weight=np.array(weight, np.float32))
        return model.get_weights()

    masked = [trained(target, [1, 1, 0, 0]) for target in (true, nonsense)]
    for a, b in zip(*masked, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(masked[0][1], untouched[1])
    assert not np.allclose(trained(nonsense, [1, 1, 1, 1])[1], trained(true, [1, 1, 1, 1])[1])
    for a, b in zip(trained(true, [0, 0, 0, 0]), untouched, strict=True):
        np.testing.assert_array_equal(a, b)


def two_heads() -> keras.Model:
    """The smallest model with CLN's two outputs."""
    image = keras.Input((3,))
    finding = keras.layers.Dense(5, "softmax", name="finding")(image)
    box = keras.layers.Dense(4, name="box")(image)
    return keras.Model(image, {"finding": finding, "box": box})


@pytest.mark.parametrize("lam", [0.0, 0.4, 1.0])
def test_eq_4(lam):
    """λ · CE + (1 − λ) · (1 − IoU), and the watched numbers, are those of NumPy."""
    keras.utils.set_random_seed(0)
    model = two_heads()
    compile_cln(model, lam)
    rng = np.random.default_rng(1)
    image = rng.normal(size=(6, 3)).astype(np.float32)
    finding = np.eye(5, dtype=np.float32)[rng.integers(0, 5, 6)]
    true, _ = real_pairs(6)
    answer = {k: ops.convert_to_numpy(v) for k, v in model(image).items()}
    overlap = [plain_iou(t, b) for t, b in zip(true, np.float64(answer["box"]), strict=True)]
    entropy = -np.log((answer["finding"] * finding).sum(axis=1)).mean()
    logs = model.evaluate(
        image, {"finding": finding, "box": true}, batch_size=6, verbose=0, return_dict=True
    )
    sides = answer["box"][:, 2:] - answer["box"][:, :2]
    expected = {
        "loss": lam * entropy + (1 - lam) * (1 - np.mean(overlap)),
        "finding_loss": entropy,
        "box_loss": 1 - np.mean(overlap),
        "finding_accuracy": (answer["finding"].argmax(1) == finding.argmax(1)).mean(),
        "box_iou": np.mean(overlap),
        "box_no_overlap": np.mean(np.array(overlap) == 0),
        "box_empty": (sides <= 0).any(axis=1).mean(),
    }
    assert set(logs) == set(expected)
    for name, value in expected.items():
        assert float(logs[name]) == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize(("lam", "still"), [(0.0, "finding"), (1.0, "box")])
def test_lambda_at_its_ends(lam, still):
    """λ = 0 trains the box alone, λ = 1 the finding alone."""
    keras.utils.set_random_seed(0)
    model = two_heads()
    compile_cln(model, lam, loss="giou")
    before = {name: model.get_layer(name).get_weights() for name in ("finding", "box")}
    image, (true, _) = np.ones((2, 3), np.float32), real_pairs(2)
    model.train_on_batch(image, {"finding": np.eye(5, dtype=np.float32)[:2], "box": true})
    for name, weights in before.items():
        after = model.get_layer(name).get_weights()
        same = all(np.array_equal(a, b) for a, b in zip(after, weights, strict=True))
        assert same == (name == still)


def test_unknown_loss():
    """A misspelt loss is named with the nearest."""
    with pytest.raises(InputError, match=r"loss: 'gou' .*did you mean 'giou'"):
        compile_cln(two_heads(), 0.4, loss="gou")
