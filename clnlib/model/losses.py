"""The box losses, per sample, and the weighting of Eq. 4.

Our own because the library's are traps (`docs/decisions.md`). Boxes are relative `xyxy`, (B, 4);
every function returns (B,), finite with finite gradients for every finite box, so Keras'
`sample_weight` can mask single samples. A box with x2 <= x1 or y2 <= y1 is empty: its area and its
IoU are 0.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from clnlib.errors import not_allowed

_TINY = 1e-7


def _overlap(true: Any, box: Any) -> tuple[Any, Any]:
    """Intersection and union areas of two sets of boxes, (B,) each."""
    true = ops.cast(true, box.dtype)
    corner1 = ops.maximum(true[:, :2], box[:, :2])
    corner2 = ops.minimum(true[:, 2:], box[:, 2:])
    intersection = ops.prod(ops.relu(corner2 - corner1), axis=1)
    areas = [ops.prod(ops.relu(b[:, 2:] - b[:, :2]), axis=1) for b in (true, box)]
    return intersection, areas[0] + areas[1] - intersection


def iou(true: Any, box: Any) -> Any:
    """Intersection over union (Eq. 2); 0 for empty unions."""
    intersection, union = _overlap(true, box)
    return intersection / ops.maximum(union, _TINY)


def iou_loss(true: Any, box: Any) -> Any:
    """1 − IoU (Eq. 3), in [0, 1]. No gradient where the boxes do not overlap."""
    return 1 - iou(true, box)


def giou_loss(true: Any, box: Any) -> Any:
    """1 − generalised IoU, in [0, 2] (Rezatofighi et al., CVPR 2019, Eq. 1 to 3)."""
    intersection, union = _overlap(true, box)
    hull = ops.prod(_hull(true, box), axis=1)
    overlap = intersection / ops.maximum(union, _TINY)
    return 1 - overlap + (hull - union) / ops.maximum(hull, _TINY)


def ciou_loss(true: Any, box: Any) -> Any:
    """1 − complete IoU (Zheng et al., AAAI 2020, Eq. 7 to 11)."""
    true = ops.cast(true, box.dtype)
    overlap = iou(true, box)
    centre = ops.sum(ops.square(true[:, :2] + true[:, 2:] - box[:, :2] - box[:, 2:]), axis=1) / 4
    diagonal = ops.sum(ops.square(_hull(true, box)), axis=1)
    angles = []
    for b in (true, box):
        width, height = (ops.maximum(b[:, k + 2] - b[:, k], 1e-3) for k in (0, 1))
        angles.append(ops.arctan(width / height))
    shape = 4 / math.pi**2 * ops.square(angles[0] - angles[1])
    weight = ops.stop_gradient(shape / ops.maximum(1 - overlap + shape, _TINY))
    return 1 - overlap + centre / ops.maximum(diagonal, _TINY) + weight * shape


def _hull(true: Any, box: Any) -> Any:
    """Width and height of the smallest box around all four corners of each, (B, 2)."""
    corners = ops.stack([true[:, :2], true[:, 2:], box[:, :2], box[:, 2:]], axis=1)
    return ops.max(corners, axis=1) - ops.min(corners, axis=1)


def no_overlap(true: Any, box: Any) -> Any:
    """1 where the boxes do not overlap (there the IoU loss has no gradient), else 0."""
    return ops.cast(_overlap(true, box)[0] <= 0, "float32")


def empty_box(true: Any, box: Any) -> Any:
    """1 where the predicted box is empty (x2 <= x1 or y2 <= y1), else 0."""
    return ops.cast(ops.any(box[:, 2:] <= box[:, :2], axis=1), "float32")


BOX_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "iou": iou_loss,
    "giou": giou_loss,
    "ciou": ciou_loss,
}


for _function in (iou, *BOX_LOSSES.values(), no_overlap, empty_box):
    keras.saving.register_keras_serializable("clnlib")(_function)


def compile_cln(model: Any, lam: float, loss: str = "iou", learning_rate: float = 1e-3) -> None:
    """Compile CLN with λ · CE + (1 − λ) · box loss (Eq. 1, 3, 4), Adam, and what we watch.

    Parameters
    ----------
    model
        From `clnlib.model.network.build_cln`; targets are {"finding": one-hot (B, M),
        "box": (B, 4)}.
    lam
        λ in [0, 1]: 1 trains the finding alone, 0 the box alone.
    loss
        One of `BOX_LOSSES`.
    learning_rate
        Adam's first rate.
    """
    if loss not in BOX_LOSSES:
        raise not_allowed("loss", loss, BOX_LOSSES)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss={"finding": "categorical_crossentropy", "box": BOX_LOSSES[loss]},
        loss_weights={"finding": lam, "box": 1 - lam},
        weighted_metrics={
            "finding": [keras.metrics.CategoricalAccuracy(name="accuracy")],
            "box": [
                keras.metrics.MeanMetricWrapper(fn, name=name)
                for fn, name in ((iou, "iou"), (no_overlap, "no_overlap"), (empty_box, "empty"))
            ],
        },
    )
