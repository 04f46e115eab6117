"""The backbones, one row each: builder, input scaling, last feature map.

Keras' own `keras.applications` are the reference implementation the paper names (section 2.2.1).
"""

import inspect
import math
import re
from dataclasses import dataclass
from typing import Any

from clnlib.errors import InputError, not_allowed

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's RGB in [0, 1]


@dataclass(frozen=True)
class Backbone:
    """One convolutional base of `keras.applications`.

    Attributes
    ----------
    title
        The name the paper's tables use after `CLN-`.
    application
        The builder's name in `keras.applications`.
    scale, offset
        Input scaling `scale * grey + offset` for grey values 0 to 255, per RGB channel or one
        for all.
    last
        The layer that gives the last feature map (where Grad-CAM looks).
    smallest
        Smallest image size in pixels the builder takes.
    """

    title: str
    application: str
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    last: str
    smallest: int = 32


_TORCH_SCALE = tuple(1 / (255 * s) for s in _STD)
_TORCH_OFFSET = tuple(-m / s for m, s in zip(_MEAN, _STD, strict=True))
# EfficientNetB4's graph divides by 255 and normalises by itself with sqrt(std); Keras adds the
# missing factor 1 / sqrt(std) as a layer only under weights="imagenet". Put before the graph it
# is this affine map, so that one graph serves every kind of weights.
_EFFICIENT_SCALE = tuple(1 / math.sqrt(s) for s in _STD)
_EFFICIENT_OFFSET = tuple(
    255 * m * (1 - 1 / math.sqrt(s)) for m, s in zip(_MEAN, _STD, strict=True)
)

BACKBONES: dict[str, Backbone] = {
    "resnet50v2": Backbone("ResNet50V2", "ResNet50V2", 1 / 127.5, -1.0, "post_relu"),
    "mobilenetv3small": Backbone(
        "MobileNetV3Small", "MobileNetV3Small", 1 / 127.5, -1.0, "activation_17"
    ),
    "efficientnetb4": Backbone(
        "EfficientNetB4", "EfficientNetB4", _EFFICIENT_SCALE, _EFFICIENT_OFFSET, "top_activation"
    ),
    "inceptionv3": Backbone("InceptionV3", "InceptionV3", 1 / 127.5, -1.0, "mixed10", 75),
    "xception": Backbone("Xception", "Xception", 1 / 127.5, -1.0, "block14_sepconv2_act", 71),
    "chexnet": Backbone("CheXNet", "DenseNet121", _TORCH_SCALE, _TORCH_OFFSET, "relu"),
}


def get(name: str) -> Backbone:
    """The row of a backbone; an unknown name is refused with the nearest."""
    if name not in BACKBONES:
        raise not_allowed("backbone", name, BACKBONES)
    return BACKBONES[name]


def application(name: str, **arguments: Any) -> Any:
    """The backbone's `keras.applications` model without its top, other arguments as given."""
    import keras

    builder = getattr(keras.applications, get(name).application)
    return builder(include_top=False, **{"weights": None, **arguments})


def _without_preprocessing(row: Backbone) -> dict[str, bool]:
    """What to tell a builder that would scale its input by itself, as the row has done already."""
    import keras

    asked = inspect.signature(getattr(keras.applications, row.application)).parameters
    return {"include_preprocessing": False} if "include_preprocessing" in asked else {}


def build(name: str, image_size: int, bn_momentum: float | None = None) -> Any:
    """The convolutional base on grey images, every layer with a name of its own.

    Keras numbers unnamed layers through a whole session; here they are numbered within the
    backbone, so that a name means the same layer in every process.

    Parameters
    ----------
    name
        One of `BACKBONES`.
    image_size
        Pixels per side, S.
    bn_momentum
        Momentum of every BatchNormalization, [0, 1); None keeps the backbone's own.

    Returns
    -------
    keras.Model
        From grey images (B, S, S, 1) of 0 to 255 to the last feature map (B, h, w, C), randomly
        initialised.

    Raises
    ------
    InputError
        The images are smaller than the backbone takes.
    """
    import keras
    from keras import layers

    row = get(name)
    if image_size < row.smallest:
        raise InputError(f"image_size={image_size}: {row.title} takes {row.smallest} or more")
    grey = keras.Input((image_size, image_size, 1), name="image")
    rgb = layers.Concatenate(name="rgb")([grey, grey, grey])
    scale, offset = (list(v) if isinstance(v, tuple) else v for v in (row.scale, row.offset))
    scaled = layers.Rescaling(scale, offset, name="input_scaling")(rgb)
    original = application(name, input_tensor=scaled, **_without_preprocessing(row))
    seen: dict[str, int] = {}

    def rename(layer: Any) -> Any:
        config = layer.get_config()
        kind = re.sub(r"_\d+$", "", layer.name)
        if kind.replace("_", "") == type(layer).__name__.lower():
            count = seen[kind] = seen.get(kind, -1) + 1
            config["name"] = f"{kind}_{count}"
        if bn_momentum is not None and isinstance(layer, layers.BatchNormalization):
            config["momentum"] = bn_momentum
        return type(layer).from_config(config)

    return keras.models.clone_model(original, clone_function=rename)
