"""The backbones, a row each: Keras' builder, the input scaling it expects, its smallest image.

`keras.applications` are the reference implementation the paper names (section 2.2.1).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clnlib.errors import InputError, not_allowed


@dataclass(frozen=True)
class Backbone:
    """A convolutional base of `keras.applications`.

    Attributes
    ----------
    title
        The name the paper's tables use after `CLN-`.
    application
        The builder's name in `keras.applications`.
    scale, offset
        Input scaling `scale * grey + offset` for grey values 0 to 255; a number, or three for
        red, green and blue.
    smallest
        Smallest image side in pixels that the builder takes.
    arguments
        Of the builder, so that it does not scale its input once more.
    """

    title: str
    application: str
    scale: float | list[float] = 1 / 127.5
    offset: float | list[float] = -1.0
    smallest: int = 32
    arguments: Mapping[str, Any] = field(default_factory=dict)


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's RGB in [0, 1]
_STATISTICS = list(zip(_MEAN, _STD, strict=True))

BACKBONES: dict[str, Backbone] = {
    "resnet50v2": Backbone("ResNet50V2", "ResNet50V2"),
    "mobilenetv3small": Backbone(
        "MobileNetV3Small", "MobileNetV3Small", arguments={"include_preprocessing": False}
    ),
    # The graph divides by 255 and normalises by itself with sqrt(std); Keras adds the missing
    # factor 1 / sqrt(std) as a layer only under weights="imagenet". Put before the graph it is
    # this affine map, so that a single graph serves every kind of weights.
    "efficientnetb4": Backbone(
        "EfficientNetB4",
        "EfficientNetB4",
        scale=[1 / math.sqrt(s) for s in _STD],
        offset=[255 * m * (1 - 1 / math.sqrt(s)) for m, s in _STATISTICS],
    ),
    "inceptionv3": Backbone("InceptionV3", "InceptionV3", smallest=75),
    "xception": Backbone("Xception", "Xception", smallest=71),
    "chexnet": Backbone(
        "CheXNet",
        "DenseNet121",
        scale=[1 / (255 * s) for s in _STD],
        offset=[-m / s for m, s in _STATISTICS],
    ),
}


def get(name: str) -> Backbone:
    """The row of a backbone; an unknown name is refused with the nearest."""
    if name not in BACKBONES:
        raise not_allowed("backbone", name, BACKBONES)
    return BACKBONES[name]


def application(name: str, **arguments: Any) -> Any:
    """Keras' model of a backbone, without its top: RGB (B, S, S, 3) → (B, h, w, C).

    Its weights are random unless `arguments`, which are those of `keras.applications`, say
    otherwise.
    """
    from clnlib.backend import keras

    builder = getattr(keras.applications, get(name).application)
    return builder(include_top=False, **{"weights": None, **arguments})


def build(name: str, image_size: int) -> Any:
    """The convolutional base on grey images, in which a layer's name is the same everywhere.

    Keras numbers unnamed layers through a whole session; here they are numbered within the
    backbone, so that a name means the same layer in every process.

    Parameters
    ----------
    name
        A name of `BACKBONES`.
    image_size
        Pixels per side, S.

    Returns
    -------
    keras.Model
        From grey images (B, S, S, 1) of 0 to 255 to the last feature map (B, h, w, C), randomly
        initialised.

    Raises
    ------
    InputError
        An unknown name, or images smaller than the backbone takes.
    """
    from clnlib.backend import keras, layers

    row = get(name)
    if image_size < row.smallest:
        raise InputError(f"image_size={image_size}: {row.title} takes {row.smallest} or more")
    grey = keras.Input((image_size, image_size, 1), name="image")  # (B, S, S, 1), 0 to 255
    rgb = layers.Concatenate(name="rgb")([grey, grey, grey])  # (B, S, S, 3)
    scaled = layers.Rescaling(row.scale, row.offset, name="input_scaling")(rgb)
    original = application(name, input_tensor=scaled, **row.arguments)  # (B, h, w, C)
    numbered: dict[str, int] = {}

    def rename(layer: Any) -> Any:
        config = layer.get_config()
        kind = re.sub(r"_\d+$", "", layer.name)
        if kind.replace("_", "") == type(layer).__name__.lower():
            count = numbered[kind] = numbered.get(kind, -1) + 1
            config["name"] = f"{kind}_{count}"
        return type(layer).from_config(config)

    return keras.models.clone_model(original, clone_function=rename)
