"""Page `losses`: what KerasCV's box losses and core Keras' complete IoU do (section 2.3, Eq. 3).

They are run beside ours. Nothing is trained with them; these tables show why
(`docs/decisions.md`). Gradients are those of one step of Keras' own training, so they are what a
user of the losses would get. Where KerasCV is not installed its columns and rows are left out.
"""

import contextlib
import functools
import importlib
import io
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clnbook.style import SERIES
from clnbook.summary import dead_coordinates
from clnlib.backend import keras, ops
from clnlib.model import losses
from clnlib.model.network import BOX_UNITS, build_cln, start_at
from clnlib.runs import PREDICTED_BOX, TRUE_BOX, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRUE = (0.2, 0.2, 0.6, 0.6)
SHIFTS = (0.05, 0.1, 0.15, 0.2)  # of a box against the true one, down and right
TALL, FLAT = (0.0, 0.0, 1.0, 1.0), (0.0, 0.25, 1.0, 0.75)  # one centre, IoU 0.5


def library() -> Any | None:
    """The package `keras_cv`, imported in silence; None where it cannot be."""
    out, err = io.StringIO(), io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("keras_cv")
        except ModuleNotFoundError:
            return None


def step(
    loss: Callable[[Any, Any], Any],
    true: ArrayLike,
    box: ArrayLike,
    weights: Sequence[float] | None = None,
    nested: bool = False,
) -> tuple[float, NDArray[np.float32]]:
    """The loss of a batch and its gradient, as `fit` takes them.

    Parameters
    ----------
    loss
        A Keras loss or a function of two batches.
    true, box
        (B, 4) `xyxy`.
    weights
        Keras' `sample_weight`, (B,).
    nested
        Give the boxes as (B, 1, 4), a list of one box per image.

    Returns
    -------
    The batch's loss, and its gradient with respect to `box`, (B, 4) float32.
    """
    true, start = (np.asarray(boxes, np.float32) for boxes in (true, box))
    number = keras.Input((), dtype="int32")
    table = keras.layers.Embedding(len(start), 4)  # one free box per sample
    out = table(number)
    if nested:
        true, out = true[:, None], keras.layers.Reshape((1, 4))(out)
    model = keras.Model(number, out)
    table.set_weights([start])
    model.compile(keras.optimizers.SGD(1.0), loss=loss, run_eagerly=True)
    given = None if weights is None else np.asarray(weights, np.float32)
    value = model.train_on_batch(np.arange(len(start)), true, sample_weight=given)
    return float(value), start - table.get_weights()[0]


def shifted() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """True boxes and predicted ones that lie off by `SHIFTS`, (4, 4) each."""
    true = np.tile(np.asarray(TRUE, np.float32), (len(SHIFTS), 1))
    return true, true + np.asarray(SHIFTS, np.float32)[:, None]


def one_sample_learns() -> pd.DataFrame:
    """Length of the gradient of each sample of a batch, one box per image.

    Columns `KerasCV (B, 1, 4)`, `KerasCV (B, 4)` (`IoULoss(mode="linear")`) and `ours (B, 4)`;
    rows the samples.
    """
    columns = {}
    if cv := library():
        linear = cv.losses.IoULoss("xyxy", mode="linear")
        columns["KerasCV (B, 1, 4)"] = step(linear, *shifted(), nested=True)
        columns["KerasCV (B, 4)"] = step(linear, *shifted())
    columns["ours (B, 4)"] = step(losses.iou_loss, *shifted())
    return _lengths(columns)


def weights_mask() -> pd.DataFrame:
    """Length of each sample's gradient under `sample_weight` 1, 1, 0, 0.

    KerasCV's loss is averaged before it is weighted, so that no sample is left out.
    """
    weights = [1, 1, 0, 0]
    columns = {}
    if cv := library():
        linear = cv.losses.IoULoss("xyxy", mode="linear")
        columns["KerasCV"] = step(linear, *shifted(), weights=weights)
    columns["ours"] = step(losses.iou_loss, *shifted(), weights=weights)
    return _lengths(columns).assign(sample_weight=weights)


def default_modes() -> pd.DataFrame:
    """The IoU loss of overlapping and of disjoint boxes, as each library gives it by default.

    Rows `KerasCV, default` (−log of the batch's mean IoU), `KerasCV, mode="linear"`, `ours`
    (1 − IoU); columns the batch's loss for the `shifted` boxes and for disjoint ones, and whether
    the gradient is finite for those.
    """
    true, box = shifted()
    rows: dict[str, Any] = {}
    if cv := library():
        rows["KerasCV, default"] = cv.losses.IoULoss("xyxy")
        rows['KerasCV, mode="linear"'] = cv.losses.IoULoss("xyxy", mode="linear")
    rows["ours"] = losses.iou_loss
    values = {}
    for name, loss in rows.items():
        far, gradient = step(loss, true, true + 1)
        values[name] = [step(loss, true, box)[0], far, bool(np.isfinite(gradient).all())]
    columns = ["overlapping", "disjoint", "finite gradient when disjoint"]
    return pd.DataFrame.from_dict(values, orient="index", columns=columns)


def shape_term() -> pd.DataFrame:
    """The complete IoU loss of a square and a flat box of one centre, and its shape term v.

    Zheng et al. (AAAI 2020, Eq. 9) define v = 4/π² (difference of the angles)²; KerasCV squares
    the factor too. Rows: `KerasCV`, `core Keras`, `ours`, `by hand`; `v` is computed back from the
    loss 1 − IoU + v² / (1 − IoU + v), in which the centres' distance is 0.
    """
    true, box = (ops.convert_to_tensor(np.asarray([b], np.float32)) for b in (TALL, FLAT))
    each = {}
    if cv := library():
        each["KerasCV"] = cv.losses.CIoULoss("xyxy")(true, box)
    core = keras.utils.bounding_boxes.compute_ciou
    each["core Keras"] = 1 - core(true, box, bounding_box_format="xyxy")
    each["ours"] = losses.ciou_loss(true, box)
    values = {name: float(np.ravel(ops.convert_to_numpy(x))[0]) for name, x in each.items()}
    v = 4 / math.pi**2 * (math.atan(1) - math.atan(2)) ** 2
    values["by hand"] = 0.5 + v**2 / (0.5 + v)
    table = pd.DataFrame({"loss": values})
    more = (table["loss"] - 0.5).clip(lower=0)  # v² / (0.5 + v), solved for v
    return table.assign(v=(more + np.sqrt(more**2 + 2 * more)) / 2)


def refusals() -> pd.DataFrame:
    """What works and what raises: reloading a loss, and relative boxes in core Keras.

    Rows the attempts; columns `works` (bool) and `message`, the first line of the error.
    """
    core = keras.utils.bounding_boxes
    boxes = [np.asarray([b], np.float32) for b in (TALL, FLAT)]
    relative = {"bounding_box_format": "rel_xyxy", "image_shape": (224, 224, 3)}
    attempts: dict[str, Callable[[], object]] = {}
    if cv := library():
        for name in ("IoULoss", "GIoULoss", "CIoULoss"):
            loss = getattr(cv.losses, name)("xyxy")
            again = functools.partial(type(loss).from_config, loss.get_config())
            attempts[f"reload KerasCV's {name}"] = again
    saved = keras.saving.serialize_keras_object(losses.ciou_loss)
    attempts["reload our ciou_loss"] = lambda: keras.saving.deserialize_keras_object(saved)
    for function in (core.compute_iou, core.compute_ciou):
        name = f"core Keras' {function.__name__}, relative boxes"
        attempts[name] = functools.partial(function, *boxes, **relative)
    rows = {name: _tried(attempt) for name, attempt in attempts.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["works", "message"])


def without_gradient(boxes: pd.DataFrame) -> pd.DataFrame:
    """Share of real boxes that the IoU loss gives no gradient at the start of training.

    Random images through a freshly initialised network; a box that does not overlap its true box
    has no gradient.

    Parameters
    ----------
    boxes
        Box frame, from which 64 are drawn; all of them give the mean box.

    Returns
    -------
    DataFrame
        Shares in [0, 1]. Columns: how the box layer's bias starts, `Keras' zeros` | `mean box`,
        and its unit. Rows: `the bias alone` (every box of `boxes`), `network, inference`,
        `network, training` (BatchNorm with the statistics of the batch, as in a first step).
    """
    corners = boxes[TRUE_BOX].to_numpy(np.float32)
    rng = np.random.default_rng(0)
    true = corners[rng.choice(len(corners), 64, replace=False)]
    size = 96  # pixels per side: enough, as no image is looked at
    images = rng.integers(0, 256, (len(true), size, size, 1)).astype(np.float32)
    mean = corners.mean(axis=0)
    shares = {}
    starts = {"Keras' zeros": np.zeros(4, np.float32), "mean box": mean}
    for (name, alone), unit in itertools.product(starts.items(), BOX_UNITS):
        keras.utils.set_random_seed(0)
        model = build_cln("mobilenetv3small", size, box_unit=unit)
        start_at(model, alone)
        shares[f"{name}, {unit}"] = {
            "the bias alone": _missed(corners, np.tile(alone, (len(corners), 1))),
            "network, inference": _missed(true, model(images, training=False)["box"]),
            "network, training": _missed(true, model(images, training=True)["box"]),
        }
    return pd.DataFrame(shares)


def deaths(runs: Sequence[Run]) -> pd.DataFrame:
    """How many box heads died, by the unit they count in.

    Returns
    -------
    DataFrame
        A row per unit, with its numbers of `runs`, of those that are `dead` (a box coordinate is 0
        on every test image) and of those whose boxes are all `empty`.
    """
    rows = [
        {
            "unit": run.train.box_unit,
            "runs": True,
            "dead": dead_coordinates(run) > 0,
            "empty": _empty(run.part("test")).all(),
        }
        for run in runs
    ]
    return pd.DataFrame(rows).groupby("unit").sum()


def draw_deaths(runs: Sequence[Run], axes: "Axes") -> "Axes":
    """Empty validation boxes over the epochs, of the runs that ended with a dead coordinate."""
    for colour, run in zip(itertools.cycle(SERIES), filter(dead_coordinates, runs)):
        axes.plot("epoch", "val_box_empty", data=run.history, color=colour)
    axes.set(xlabel="epoch", title="share of empty validation boxes", ylim=(-0.02, 1.02))
    return axes


def _empty(rows: pd.DataFrame) -> NDArray[np.bool_]:
    x1, y1, x2, y2 = rows[PREDICTED_BOX].to_numpy().T
    return (x2 <= x1) | (y2 <= y1)


def _missed(true: NDArray[np.float32], box: Any) -> float:
    box = ops.convert_to_tensor(box)
    return float(ops.mean(losses.no_overlap(ops.convert_to_tensor(true), box)))


def _lengths(columns: dict[str, tuple[float, NDArray[np.float32]]]) -> pd.DataFrame:
    lengths = {name: np.linalg.norm(gradient, axis=1) for name, (_, gradient) in columns.items()}
    return pd.DataFrame(lengths, index=pd.RangeIndex(1, len(SHIFTS) + 1, name="sample"))


def _tried(attempt: Callable[[], object]) -> tuple[bool, str]:
    try:
        attempt()
    except (TypeError, ValueError) as error:
        return False, str(error).splitlines()[0]
    return True, ""
