"""The two networks of the paper on a single page: stage 1's classifier and CLN (Figure 1).

Grey images go in, of values 0 to 255, uint8 or float; grey to RGB and the backbone's input
scaling are layers inside, so that a saved network needs nothing but pixels.
"""

from collections.abc import Sequence
from typing import Any

from clnlib.backend import keras, layers
from clnlib.errors import not_allowed
from clnlib.model import backbones

HIDDEN = (512, 256, 128)  # units of the box head's ReLU layers (section 2.2.3)
BOX_UNITS = {"pixels": "box_pixels", "relative": "box"}
"""Unit of the box head → the name of its last Dense layer; the output is `box` in both."""


def _features(backbone: str, image_size: int, pooling: str) -> tuple[Any, Any]:
    """The input (B, S, S, 1) and the feature vector that the heads read."""
    base = backbones.build(backbone, image_size)  # (B, S, S, 1) → (B, h, w, C)
    if pooling == "avg":  # Table 3's counts
        return base.inputs[0], layers.GlobalAveragePooling2D(name="pool")(base.output)  # (B, C)
    if pooling == "flatten":  # section 2.2's words
        return base.inputs[0], layers.Flatten(name="flatten")(base.output)  # (B, h · w · C)
    raise not_allowed("pooling", pooling, ("avg", "flatten"))


def build_classifier(
    backbone: str, image_size: int = 224, findings: int = 14, pooling: str = "avg"
) -> Any:
    """Build stage 1, to learn the 14 labelled findings before any box (section 2.2.1).

    Parameters
    ----------
    backbone
        A name of `clnlib.model.backbones.BACKBONES`.
    image_size
        Pixels per side, S.
    findings
        Number of labels, each present or absent by itself.
    pooling
        "avg" (global average, as Table 3 counts) or "flatten" (as section 2.2 says).

    Returns
    -------
    keras.Model
        Grey images (B, S, S, 1) of 0 to 255 → {"labels": (B, findings) float32 probabilities};
        every layer is named, the weights are random.

    Raises
    ------
    InputError
        An unknown backbone or pooling, or images smaller than the backbone takes.

    See Also
    --------
    build_cln : Stage 2.
    clnlib.model.training.finetune : Trains this network and records the run.

    Examples
    --------
    >>> model = build_classifier("mobilenetv3small", image_size=32)
    >>> model.input.shape, model.output["labels"].shape
    ((None, 32, 32, 1), (None, 14))
    """
    image, features = _features(backbone, image_size, pooling)
    # (B, C) → (B, findings); float32 under mixed precision, whose probabilities are coarse.
    labels = layers.Dense(findings, "sigmoid", dtype="float32", name="labels")(features)
    return keras.Model(image, {"labels": labels}, name=f"{backbone}_classifier")


def build_cln(
    backbone: str,
    image_size: int = 224,
    findings: int = 8,
    pooling: str = "avg",
    box_unit: str = "pixels",
) -> Any:
    """Build CLN (stage 2): a finding head and a box head on a backbone (Figure 1, section 2.2).

    Parameters
    ----------
    backbone, image_size, pooling
        As in `build_classifier`, and so are the errors raised.
    findings
        Number of findings; an image shows exactly one of them.
    box_unit
        What the last box layer counts in: "pixels" of the network's input, which a layer after it
        turns into relative coordinates, or "relative" at once. The paper names no unit; relative
        outputs may die (`docs/decisions.md`).

    Returns
    -------
    keras.Model
        Grey images (B, S, S, 1) of 0 to 255 → {"finding": (B, findings) softmax, "box": (B, 4)
        relative `xyxy`, ReLU}, both float32; every layer is named, the weights are random. The
        paper lists the four as x1, x2, y1, y2; only the order differs.

    See Also
    --------
    build_classifier : Stage 1.
    start_at : Lets the box head begin at the mean training box.
    clnlib.model.losses.compile_cln : Adds losses and optimiser.
    clnlib.model.training.train : Trains this network and records the run.

    Examples
    --------
    >>> model = build_cln("mobilenetv3small", image_size=32)
    >>> model.output["finding"].shape, model.output["box"].shape
    ((None, 8), (None, 4))
    """
    # (B, S, S, 1) → (B, S, S, 3) → (B, h, w, C) → (B, C)
    if box_unit not in BOX_UNITS:
        raise not_allowed("box_unit", box_unit, BOX_UNITS)
    image, features = _features(backbone, image_size, pooling)

    # Finding head, section 2.2.2: (B, C) → (B, findings)
    finding = layers.Dense(findings, "softmax", dtype="float32", name="finding")(features)

    # Box head, section 2.2.3: (B, C) → (B, 512) → (B, 256) → (B, 128) → (B, 4). It stays float32
    # under mixed precision: coordinates need its digits.
    x = layers.Activation("linear", dtype="float32", name="box_input")(features)
    for k, units in enumerate(HIDDEN, start=1):
        x = layers.Dense(units, "relu", dtype="float32", name=f"box_fc{k}")(x)
    box = layers.Dense(4, "relu", dtype="float32", name=BOX_UNITS[box_unit])(x)
    if box_unit == "pixels":
        box = layers.Rescaling(1 / image_size, dtype="float32", name="box")(box)

    return keras.Model(image, {"finding": finding, "box": box}, name=f"cln_{backbone}")


def start_at(model: Any, box: Sequence[float]) -> None:
    """Make a box, relative `(x1, y1, x2, y2)`, the bias of a CLN's last box layer.

    With Keras' zeros hardly any first box overlaps the true one, and then it has no gradient; the
    mean training box misses about half of them (`docs/decisions.md`).
    """
    last = next(layer for layer in model.layers if layer.name in BOX_UNITS.values())
    side = model.input.shape[1] if last.name == BOX_UNITS["pixels"] else 1
    last.bias.assign([side * value for value in box])


def set_bn_momentum(model: Any, momentum: float | None) -> None:
    """Give every BatchNormalization this momentum, [0, 1); None keeps the backbone's."""
    for layer in model.layers:
        if momentum is not None and isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum


def freeze(model: Any, part: str) -> None:
    """Stop layers from training: "nothing", "batchnorm" (statistics too) or the whole "backbone".

    `trainable = False` freezes in Keras 3; calling a backbone with `training=False` does
    not once the functional model is fitted.
    """
    frozen = {"nothing": (), "batchnorm": layers.BatchNormalization, "backbone": layers.Layer}
    if part not in frozen:
        raise not_allowed("freeze", part, frozen)
    for layer in backbone_layers(model):
        if isinstance(layer, frozen[part]):
            layer.trainable = False


def backbone_layers(model: Any) -> list[Any]:
    """The layers between the input scaling and the heads, in order."""
    names = [layer.name for layer in model.layers]
    end = next(names.index(name) for name in ("pool", "flatten") if name in names)
    return list(model.layers[names.index("input_scaling") + 1 : end])
