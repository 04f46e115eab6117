"""The box losses, per sample, and their sum with the cross-entropy (Eq. 4).

KerasCV's are traps (`docs/decisions.md`), so these are written here. Boxes are relative `xyxy`,
(B, 4); every function returns (B,), finite with finite gradients for every finite box, so that
Keras' `sample_weight` can mask single samples. A box with x2 <= x1 or y2 <= y1 is empty: its
area and its IoU are 0.
"""

import math
from collections.abc import Callable
from typing import Any

from clnlib.backend import keras, ops
from clnlib.errors import not_allowed

_TINY = 1e-7  # the least area that is divided by: a square of 0.3 pixels in an image of 1024²
_NARROW = 1e-3  # the least side in CIoU's angle, whose gradient it bounds: 0.2 pixels of 224


def _overlap(true: Any, box: Any) -> tuple[Any, Any]:
    """(B, 4) and (B, 4) → areas of intersection and union, (B,) each."""
    true = ops.cast(true, box.dtype)
    corner1 = ops.maximum(true[:, :2], box[:, :2])  # (B, 2)
    corner2 = ops.minimum(true[:, 2:], box[:, 2:])  # (B, 2)
    intersection = ops.prod(ops.relu(corner2 - corner1), axis=1)  # (B, 2) → (B,)
    areas = [ops.prod(ops.relu(b[:, 2:] - b[:, :2]), axis=1) for b in (true, box)]
    return intersection, areas[0] + areas[1] - intersection


def iou(true: Any, box: Any) -> Any:
    """Intersection over union (Eq. 2) of Keras' tensors, to watch or to differentiate.

    Parameters
    ----------
    true, box
        (B, 4) true and predicted boxes, relative `xyxy`, any float type; the result has `box`'s.

    Returns
    -------
    (B,) in [0, 1]; 0 for empty unions. No gradient where the boxes do not overlap.

    See Also
    --------
    clnlib.metrics.boxes.iou : The same in NumPy, to measure with.

    Examples
    --------
    >>> true, box = ops.array([[0, 0, 1, 1.0]]), ops.array([[0, 0, 0.5, 1.0]])
    >>> ops.convert_to_numpy(iou(true, box)).tolist()
    [0.5]
    """
    intersection, union = _overlap(true, box)
    return intersection / ops.maximum(union, _TINY)


def iou_loss(true: Any, box: Any) -> Any:
    """1 − IoU (Eq. 3), in [0, 1]: the paper's box loss. Arguments as of `iou`."""
    return 1 - iou(true, box)


def giou_loss(true: Any, box: Any) -> Any:
    """1 − generalised IoU, in [0, 2]: boxes that lie apart have a gradient too.

    Rezatofighi et al., Generalized intersection over union, CVPR 2019, Eq. 1 to 3.
    """
    intersection, union = _overlap(true, box)
    hull = ops.prod(_hull(true, box), axis=1)  # (B, 2) → (B,)
    overlap = intersection / ops.maximum(union, _TINY)
    return 1 - overlap + (hull - union) / ops.maximum(hull, _TINY)


def ciou_loss(true: Any, box: Any) -> Any:
    """1 − complete IoU, in [0, 3]: distance of the centres and difference of shape count as well.

    Zheng et al., Distance-IoU loss, AAAI 2020, Eq. 7 to 11.
    """
    true = ops.cast(true, box.dtype)
    overlap = iou(true, box)
    centre = ops.sum(ops.square(true[:, :2] + true[:, 2:] - box[:, :2] - box[:, 2:]), axis=1) / 4
    diagonal = ops.sum(ops.square(_hull(true, box)), axis=1)  # squared, as is the distance above
    angles = []
    for b in (true, box):
        width, height = (ops.maximum(b[:, k + 2] - b[:, k], _NARROW) for k in (0, 1))
        angles.append(ops.arctan(width / height))
    shape = 4 / math.pi**2 * ops.square(angles[0] - angles[1])  # the paper's v
    weight = ops.stop_gradient(shape / ops.maximum(1 - overlap + shape, _TINY))  # its α
    return 1 - overlap + centre / ops.maximum(diagonal, _TINY) + weight * shape


def _hull(true: Any, box: Any) -> Any:
    """Width and height of the smallest box around all four corners of each, (B, 2)."""
    corners = ops.stack([true[:, :2], true[:, 2:], box[:, :2], box[:, 2:]], axis=1)  # (B, 4, 2)
    return ops.max(corners, axis=1) - ops.min(corners, axis=1)


def no_overlap(true: Any, box: Any) -> Any:
    """1 where the boxes do not overlap (there the IoU loss has no gradient), else 0."""
    return ops.cast(_overlap(true, box)[0] <= 0, "float32")


def empty_box(true: Any, box: Any) -> Any:
    """1 where the predicted box is empty (x2 <= x1 or y2 <= y1), else 0."""
    return ops.cast(ops.any(box[:, 2:] <= box[:, :2], axis=1), "float32")


WATCHED = {"iou": iou, "no_overlap": no_overlap, "empty": empty_box}
"""What a history holds of the boxes beside their loss."""

BOX_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "iou": iou_loss,
    "giou": giou_loss,
    "ciou": ciou_loss,
}


for _function in (iou, *BOX_LOSSES.values(), no_overlap, empty_box):
    keras.saving.register_keras_serializable("clnlib")(_function)


def compile_cln(model: Any, lam: float, loss: str = "iou", learning_rate: float = 1e-3) -> None:
    """Make a CLN ready for `fit`: λ · CE + (1 − λ) · box loss (Eq. 1, 3, 4), Adam, and metrics.

    Parameters
    ----------
    model
        From `clnlib.model.network.build_cln`; targets are {"finding": one-hot (B, M),
        "box": (B, 4)}.
    lam
        λ in [0, 1]: 1 trains the finding alone, 0 the box alone.
    loss
        A name of `BOX_LOSSES`.
    learning_rate
        Adam's rate in the first epoch.

    Raises
    ------
    InputError
        An unknown loss; the nearest is named.

    Examples
    --------
    >>> from clnlib.model.network import build_cln
    >>> model = build_cln("mobilenetv3small", image_size=32)
    >>> compile_cln(model, lam=0.4)
    >>> model.loss["finding"], model.loss["box"].__name__
    ('categorical_crossentropy', 'iou_loss')
    """
    if loss not in BOX_LOSSES:
        raise not_allowed("loss", loss, BOX_LOSSES)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss={"finding": "categorical_crossentropy", "box": BOX_LOSSES[loss]},
        loss_weights={"finding": lam, "box": 1 - lam},
        weighted_metrics={
            "finding": [keras.metrics.CategoricalAccuracy(name="accuracy")],
            "box": [keras.metrics.MeanMetricWrapper(fn, name=name) for name, fn in WATCHED.items()],
        },
    )
