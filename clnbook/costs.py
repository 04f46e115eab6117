"""What a network costs: parameters, floating-point operations, latency (Table 3)."""

import os
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from clnlib.backend import keras
from clnlib.errors import InputError
from clnlib.model import backbones
from clnlib.model.network import backbone_layers, build_cln

REPEATS = 7  # forward passes whose median is the latency


class Complexity(NamedTuple):
    """What CLN costs with one backbone.

    Attributes
    ----------
    backbone, model
        The backbone's name, and the network's as Table 3 prints it.
    total, trainable
        Numbers of parameters.
    statistics
        Those of `total` that a Normalization layer holds (mean, variance, count).
    flatten_total
        `total` if a flatten layer stood in place of the global average pooling.
    flops
        Floating-point operations of one image, a multiplication and an addition counted as two.
    weights_mb
        Memory of all parameters, 10⁶ bytes.
    latency_ms
        Median milliseconds of one image on the processor.
    threads
        Threads of the processor that one operation may use.
    """

    backbone: str
    model: str
    total: int
    trainable: int
    statistics: int
    flatten_total: int
    flops: int
    weights_mb: float
    latency_ms: float
    threads: int


def measured(names: Iterable[str], image_size: int = 224) -> pd.DataFrame:
    """The `Complexity` of each of some backbones, one row each, columns as its attributes."""
    names = list(names)
    rows = []
    for name in tqdm(names, desc="backbones measured", delay=1):
        rows.append(complexity(name, image_size))
        keras.backend.clear_session()  # Keras would keep every graph until the process ends
    return pd.DataFrame(rows, columns=list(Complexity._fields))


def complexity(backbone: str, image_size: int = 224) -> Complexity:
    """Build CLN on a backbone, count and time it; on the processor, whatever else there is.

    Parameters
    ----------
    backbone
        One of `clnlib.model.backbones.BACKBONES`.
    image_size
        Pixels per side; parameters do not depend on it, the others do.

    Raises
    ------
    InputError
        Keras runs on another backend than TensorFlow, whose profiler counts the operations.
    """
    _needs_tensorflow()
    with keras.device("cpu:0"):
        model = build_cln(backbone, image_size)
        function = _function(model)
        latency, threads = _latency(function, model)
    normalisations = [x for x in model.layers if isinstance(x, keras.layers.Normalization)]
    return Complexity(
        backbone,
        f"CLN-{backbones.get(backbone).title}",
        model.count_params(),
        _size(model.trainable_weights),
        sum(_size(layer.weights) for layer in normalisations),
        _flatten_total(model),
        _flops(function),
        sum(4 * int(np.prod(weight.shape)) for weight in model.weights) / 1e6,
        latency,
        threads,
    )


def flops(model: Any) -> int:
    """Floating-point operations of one image, by TensorFlow's profiler on the inference graph.

    A multiplication and an addition count as two. Freezing the variables into constants first
    does not change the number, as the profiler reads shapes only.

    Raises
    ------
    InputError
        Keras runs on another backend than TensorFlow.
    """
    _needs_tensorflow()
    return _flops(_function(model))


def _flatten_total(model: Any) -> int:
    """The parameters if both heads read every position of the last feature map by itself."""
    height, width, channels = backbone_layers(model)[-1].output.shape[1:]
    units = model.get_layer("finding").units + model.get_layer("box_fc1").units
    return int(model.count_params() + (height * width - 1) * channels * units)


def _size(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _needs_tensorflow() -> None:
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"KERAS_BACKEND={keras.backend.backend()}: operations are counted by TensorFlow's "
            "profiler; set KERAS_BACKEND=tensorflow"
        )


def _function(model: Any) -> Any:
    """Inference of one image as a concrete TensorFlow function."""
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(image)


def _flops(function: Any) -> int:
    import tensorflow as tf

    v1 = tf.compat.v1.profiler
    options = v1.ProfileOptionBuilder(v1.ProfileOptionBuilder.float_operation())
    log = tf.get_logger()
    level = log.level
    log.setLevel("ERROR")  # the profiler warns of its own internals
    try:
        profile = v1.profile(graph=function.graph, options=options.with_empty_output().build())
    finally:
        log.setLevel(level)
    return int(profile.total_float_ops)


def _latency(function: Any, model: Any) -> tuple[float, int]:
    """Median milliseconds of one image, and the threads it may use."""
    import tensorflow as tf

    image = tf.zeros((1, *model.input_shape[1:]))
    function(image)  # the first call optimises the graph
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(image)["box"].numpy()
        seconds.append(time.perf_counter() - start)
    threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    return 1000 * float(np.median(seconds)), threads
