"""Grad-CAM on the last feature map of either network, for either head, batched.

The network is cut at the feature map. Everything before the cut runs forward only; gradients are
taken of the heads alone, so that a batch costs hardly more than a prediction.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clnlib import runs
from clnlib.backend import keras, layers, ops
from clnlib.errors import InputError, not_allowed
from clnlib.model.losses import iou

OVERLAP = "overlap"


def heat_maps(
    model: Any,
    images: ArrayLike,
    target: str | ArrayLike,
    layer: str | None = None,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    """Grad-CAM: the places of an image that argue for a finding, a coordinate or a box.

    Parameters
    ----------
    model
        From `build_cln` or `build_classifier`, or any functional model with their layer names;
        its backbone may be a nested model. It runs in inference mode.
    images
        (N, S, S) or (N, S, S, 1) grey values 0 to 255.
    target
        The quantity that is differentiated: a class index or (N,) class indices (the finding's
        score before softmax or sigmoid, the reference's y^c); "x1", "y1", "x2" or "y2" (the box
        head's output); or (N, 4) relative `xyxy` boxes (the IoU of the predicted box with them,
        which has no gradient where the two do not overlap).
    layer
        The layer whose output is the feature map; None: the input of the layer `pool` or
        `flatten`.
    batch_size
        Images at a time; the maps do not depend on it.

    Returns
    -------
    numpy.ndarray
        (N, h, w) float32, ≥ 0, at the feature map's resolution; all 0 where nothing argues for
        the target (all weighted sums negative, or a coordinate under its ReLU).

    Raises
    ------
    InputError
        A target of another kind or range, or a layer that does not cut the network in two.

    See Also
    --------
    of_run : The maps of a finished run's rows, from its weights and images.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017, Eq. 1 and 2.

    Examples
    --------
    >>> from clnlib.model.network import build_cln
    >>> model = build_cln("mobilenetv3small", image_size=64)
    >>> heat_maps(model, np.zeros((3, 64, 64)), target=[0, 5, 5]).shape
    (3, 2, 2)
    """
    return heat_maps_of(model, np.asarray(images), [target], layer, batch_size)[0]


def heat_maps_of(
    model: Any,
    pixels: NDArray[Any],
    targets: Sequence[str | ArrayLike],
    layer: str | None = None,
    batch_size: int = 32,
) -> list[NDArray[np.float32]]:
    """`heat_maps` for several targets; every image goes through the backbone a single time.

    Nothing is compiled: tracing a backbone takes longer than some dozens of eager batches.
    """
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    chosen = [_differentiated(model, target, len(pixels)) for target in targets]
    halves = [_halves(model, layer, output) for output, _ in chosen]
    maps: list[list[NDArray[np.float32]]] = [[] for _ in targets]
    for start in range(0, len(pixels), batch_size):
        part = slice(start, start + batch_size)
        features = ops.cast(halves[0][0](pixels[part], training=False), "float32")
        for batches, (_, heads), (output, choice) in zip(maps, halves, chosen, strict=True):
            batches.append(_weighted(heads, features, choice[part], overlap=output == OVERLAP))
    return [np.concatenate(batches) for batches in maps]


def _differentiated(
    model: Any, target: str | ArrayLike, number: int
) -> tuple[str, NDArray[np.float32]]:
    """The output to differentiate and, per image, its one-hot choice or the box to overlap."""
    if isinstance(target, str):
        if target not in runs.TRUE_BOX:
            raise not_allowed("Grad-CAM target", target, runs.TRUE_BOX)
        output, size, index = "box", 4, np.asarray(runs.TRUE_BOX.index(target))
    else:
        index = np.asarray(target)
        if index.shape == (number, 4):
            return OVERLAP, index.astype(np.float32)
        output = named_layer(model, ("finding", "labels")).name
        size = int(model.output[output].shape[-1])
    if index.dtype.kind not in "iu" or index.shape not in ((), (number,)):
        raise InputError(
            f"Grad-CAM target: {index.dtype} {index.shape}, expected a class index, {number} of "
            f"them, or ({number}, 4) boxes"
        )
    if index.size and not 0 <= index.min() <= index.max() < size:
        raise InputError(f"Grad-CAM target: class {index.max()}, the head has 0 to {size - 1}")
    return output, np.eye(size, dtype=np.float32)[np.broadcast_to(index, number)]


def named_layer(model: Any, names: Sequence[str]) -> Any:
    """The first of these layers that the model has."""
    for layer in model.layers:
        if layer.name in names:
            return layer
    raise InputError(f"model {model.name}: no layer called {' or '.join(names)}")


def _halves(model: Any, layer: str | None, output: str) -> tuple[Any, Any]:
    """Image → feature map, and feature map → score before its activation, or box."""
    if layer is None:
        maps = named_layer(model, ("pool", "flatten")).input
    else:
        maps = named_layer(model, (layer,)).output
    if output in ("box", OVERLAP):
        score = named_layer(model, ("box",)).output
    else:
        head = model.get_layer(output)
        linear = layers.Dense(head.units, use_bias=head.use_bias, dtype="float32", name="score")
        score = linear(head.input)
        linear.set_weights(head.get_weights())
    try:
        return keras.Model(model.input, maps), keras.Model(maps, score)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"Grad-CAM layer {layer}: paths lead around it: {reason}") from None


def _weighted(
    heads: Any, features: Any, choice: NDArray[np.float32], overlap: bool
) -> NDArray[np.float32]:
    """Feature maps of a batch (B, h, w, C) → heat maps (B, h, w)."""

    def total(features: Any) -> Any:  # images do not mix, so the sum's gradient is each image's
        out = heads(features, training=False)  # (B, classes) or (B, 4)
        return ops.sum(iou(choice, out) if overlap else choice * out)

    gradient = _gradient(total, features)  # (B, h, w, C)
    importance = ops.mean(gradient, axis=(1, 2), keepdims=True)  # (B, 1, 1, C), Eq. 1's α
    return ops.convert_to_numpy(ops.relu(ops.sum(importance * features, axis=-1)))  # Eq. 2


def _gradient(total: Callable[[Any], Any], maps: Any) -> Any:
    """The gradient of a scalar function at some maps, by the backend's means."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(total)(maps)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = total(maps)
    return tape.gradient(value, maps)
