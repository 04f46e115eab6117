"""The two networks of the paper on one page: stage 1's classifier and CLN itself (Figure 1).

Grey images go in, of values 0 to 255, uint8 or float; grey to RGB and the backbone's own input
scaling are layers inside, so that a saved network needs nothing but pixels.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from clnlib.errors import not_allowed
from clnlib.model import backbones

HIDDEN = (512, 256, 128)  # widths of the box head's ReLU layers (section 2.2.3)


def _features(
    backbone: str, image_size: int, pooling: str, bn_momentum: float | None
) -> tuple[Any, Any]:
    """The input and the feature vector both heads read: (B, S, S, 1) → (B, C) or (B, h·w·C)."""
    base = backbones.build(backbone, image_size, bn_momentum)
    grey, maps = base.inputs[0], base.output
    if pooling == "avg":  # Table 3's counts
        return grey, layers.GlobalAveragePooling2D(name="pool")(maps)
    if pooling == "flatten":  # section 2.2's words
        return grey, layers.Flatten(name="flatten")(maps)
    raise not_allowed("pooling", pooling, ("avg", "flatten"))


def build_classifier(
    backbone: str,
    image_size: int = 224,
    findings: int = 14,
    pooling: str = "avg",
    bn_momentum: float | None = None,
) -> Any:
    """Stage 1: the backbone under one fully-connected sigmoid layer (section 2.2.1).

    Parameters
    ----------
    backbone
        One of `clnlib.model.backbones.BACKBONES`.
    image_size
        Pixels per side.
    findings
        Number of labels, each present or absent by itself.
    pooling
        "avg" (global average, what Table 3 counts) or "flatten" (what section 2.2 says).
    bn_momentum
        Momentum of every BatchNormalization; None keeps the backbone's own.

    Returns
    -------
    keras.Model
        (B, S, S, 1) grey images → {"labels": (B, findings) probabilities}.
    """
    image, features = _features(backbone, image_size, pooling, bn_momentum)
    labels = layers.Dense(findings, "sigmoid", dtype="float32", name="labels")(features)
    return keras.Model(image, {"labels": labels}, name=f"{backbone}_classifier")


def build_cln(
    backbone: str,
    image_size: int = 224,
    findings: int = 8,
    pooling: str = "avg",
    bn_momentum: float | None = None,
    mean_box: Sequence[float] | None = None,
) -> Any:
    """Stage 2: the backbone under a finding head and a box head (Figure 1, sections 2.2.2, 2.2.3).

    Parameters
    ----------
    backbone, image_size, pooling, bn_momentum
        As in `build_classifier`.
    findings
        Number of findings, exactly one of which is in the image.
    mean_box
        The box head's first bias, relative `(x1, y1, x2, y2)`: the mean training box. None keeps
        Keras' zeros, with which hardly any box has a gradient (`docs/decisions.md`).

    Returns
    -------
    keras.Model
        (B, S, S, 1) grey images → {"finding": (B, findings) softmax, "box": (B, 4) relative
        `xyxy`, ReLU}. The paper lists the four as x1, x2, y1, y2; only the order differs.
    """
    import keras

    image, features = _features(backbone, image_size, pooling, bn_momentum)
    finding = layers.Dense(findings, "softmax", dtype="float32", name="finding")(features)
    # The box head stays float32 under mixed precision: relative coordinates need its digits.
    x = layers.Activation("linear", dtype="float32", name="box_input")(features)
    for k, width in enumerate(HIDDEN, start=1):
        x = layers.Dense(width, "relu", dtype="float32", name=f"box_fc{k}")(x)
    start = keras.initializers.Constant(list(mean_box)) if mean_box is not None else "zeros"
    box = layers.Dense(4, "relu", bias_initializer=start, dtype="float32", name="box")(x)
    return keras.Model(image, {"finding": finding, "box": box}, name=f"cln_{backbone}")


def freeze(model: Any, what: str) -> None:
    """Stop layers from training: "nothing", "batchnorm" (statistics too) or the whole "backbone".

    `trainable = False` is what freezes in Keras 3; calling a backbone with `training=False` does
    not once the functional model is fitted.
    """
    if what not in ("nothing", "batchnorm", "backbone"):
        raise not_allowed("freeze", what, ("nothing", "batchnorm", "backbone"))
    for layer in backbone_layers(model):
        if what == "backbone" or (
            what == "batchnorm" and isinstance(layer, layers.BatchNormalization)
        ):
            layer.trainable = False


def backbone_layers(model: Any) -> list[Any]:
    """The layers between the input scaling and the heads, in order."""
    names = [layer.name for layer in model.layers]
    end = next(names.index(name) for name in ("pool", "flatten") if name in names)
    return list(model.layers[names.index("input_scaling") + 1 : end])
