"""Where a training step's time goes, in Keras (TensorFlow) and PyTorch, in both precisions.

    pip install torch timm
    python benchmarks/step_profile.py [--backbones chexnet …]

The steps are those of `step_speed.py`. Milliseconds of a step by kind of work, as each library's
own profiler notes them; operations may overlap. `step` is timed without the profiler, `profiled`
with it. `Keras, fused` is an experiment: BatchNorm by TensorFlow's one operation instead of Keras'
several.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from step_speed import KERAS, TORCH, Steps, keras_steps, timed, torch_steps

STEPS = 8
FUSED = "Keras, fused"
CONVOLUTION, DEPTHWISE, NORM, CAST, REST = (
    "convolution", "depthwise convolution", "BatchNorm", "casts", "the rest"
)  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument(
        "--backbones", nargs="+", default=["mobilenetv3small", "xception", "chexnet"]
    )
    words.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.one:
        way, backbone, precision = given.one
        print(json.dumps(WAYS[way](backbone, precision)))
        return
    columns = {}
    for backbone, way in itertools.product(given.backbones, WAYS):
        for precision in ("float32", "mixed_bfloat16"):
            again = [sys.executable, __file__, "--one", way, backbone, precision]
            done = subprocess.run(again, check=True, capture_output=True, text=True)
            column = json.loads(done.stdout.splitlines()[-1])
            columns[backbone, way, precision.removeprefix("mixed_")] = column
            print(backbone, way, precision, column, file=sys.stderr, flush=True)
    table = pd.DataFrame(columns).T[[CONVOLUTION, DEPTHWISE, NORM, CAST, REST, "step", "profiled"]]
    print(table.fillna(0).to_string(float_format="{:.0f}".format))


def keras_profile(backbone: str, precision: str, fused: bool = False) -> dict[str, float]:
    import keras
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    if fused:
        keras.layers.BatchNormalization.call = _fused
    norms: set[str] = set()
    built = keras.layers.BatchNormalization.build

    def build(layer: Any, shape: Any) -> None:
        norms.add(layer.name)
        built(layer, shape)

    keras.layers.BatchNormalization.build = build
    steps, _ = keras_steps(backbone, precision)
    told = {"step": 1000 * timed(steps)}
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        told["profiled"] = _milliseconds(steps)
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    spent: Counter[str] = Counter()
    for plane in space.planes:
        for event in itertools.chain(*(line.events for line in plane.lines)):
            name, _, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if "/" in name and re.fullmatch(r"\w+", operation):
                parts = name.split("/")  # a layer's, with a number behind
                in_norm = not norms.isdisjoint([*parts, *(re.sub(r"_\d+$", "", p) for p in parts)])
                spent[_kind(operation, in_norm)] += event.duration_ps / 1e9 / STEPS
    return told | spent


def _milliseconds(steps: Steps) -> float:
    start = time.perf_counter()
    steps(STEPS)
    return 1000 * (time.perf_counter() - start) / STEPS


def _kind(operation: str, in_norm: bool) -> str:
    """The kind of work of one of TensorFlow's operations."""
    if operation == "Cast":
        return CAST
    if in_norm:
        return NORM
    if "Depthwise" in operation:
        return DEPTHWISE
    return CONVOLUTION if "Conv2D" in operation else REST


def _fused(layer: Any, inputs: Any, training: bool = False, mask: Any = None) -> Any:
    """What Keras' BatchNorm does, by TensorFlow's operation for all of it."""
    import tensorflow as tf

    moving = [layer.moving_mean, layer.moving_variance]
    scale = layer.gamma if layer.scale else tf.ones_like(moving[0])
    out, *batch = tf.compat.v1.nn.fused_batch_norm(
        inputs, tf.convert_to_tensor(scale), tf.convert_to_tensor(layer.beta),
        *([] if training else map(tf.convert_to_tensor, moving)),
        epsilon=layer.epsilon, is_training=bool(training),
    )  # fmt: skip
    for old, new in zip(moving, batch if training else [], strict=False):
        old.assign(old * layer.momentum + new * (1 - layer.momentum))
    return out


def torch_profile(backbone: str, precision: str) -> dict[str, float]:
    from torch.profiler import ProfilerActivity, profile

    steps, _ = torch_steps(backbone, precision)
    told = {"step": 1000 * timed(steps)}
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as noted:
        told["profiled"] = _milliseconds(steps)
    spent: Counter[str] = Counter()
    for each in noted.key_averages(group_by_input_shape=True):
        kind = REST
        if "conv" in each.key:
            # the weights' second side is 1 where each channel is convolved alone
            weights = [s for s in each.input_shapes if len(s) == 4][-1:]
            kind = DEPTHWISE if weights and weights[0][1] == 1 else CONVOLUTION
        elif "batch_norm" in each.key:
            kind = NORM
        elif each.key == "aten::copy_":
            kind = CAST
        spent[kind] += each.self_cpu_time_total / 1000 / STEPS
    return told | spent


WAYS: dict[str, Callable[[str, str], dict[str, float]]] = {
    KERAS: keras_profile,
    FUSED: lambda *given: keras_profile(*given, fused=True),
    TORCH: torch_profile,
}


if __name__ == "__main__":
    main()
