"""Grad-CAM in batches against one image at a time and against tf-keras-vis: ratios of their times.

    python benchmarks/gradcam_speed.py [--images 64] [--repeats 3]

MobileNetV3Small, 224 pixels, the true finding's map of the same images, without enlarging. Each
way is called once to warm up; then the ways alternate in one process, so all see the same machine.
tf-keras-vis (pip install tf-keras-vis) is called image by image, as its users do, and as a batch.
"""

import argparse
import statistics
import time
import warnings

import numpy as np

from clnbook import saliency
from clnlib.backend import keras
from clnlib.model import network


def _peer(model: keras.Model, classes: np.ndarray, images: np.ndarray) -> dict:
    """tf-keras-vis on the same images; nothing where it is not installed."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # of its SciPy import
    try:
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore
    except ImportError as error:
        print(f"tf-keras-vis left out: {error}")
        return {}
    single = keras.Model(model.input, model.output["finding"])
    peer = Gradcam(single, model_modifier=ReplaceToLinear(), clone=True)
    last = network.backbone_layers(model)[-1].name
    plain = {"penultimate_layer": last, "seek_penultimate_conv_layer": False,
             "expand_cam": False, "normalize_cam": False}  # fmt: skip

    def of(k: int, end: int) -> np.ndarray:
        chosen = images[k:end, ..., None].astype("float32")
        return np.asarray(peer(CategoricalScore(classes[k:end].tolist()), chosen, **plain))

    number = len(images)
    return {
        "tf-keras-vis, one by one": lambda: np.concatenate([of(k, k + 1) for k in range(number)]),
        "tf-keras-vis, one batch": lambda: of(0, number),
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--images", type=int, default=64)
    words.add_argument("--repeats", type=int, default=3)
    given = words.parse_args()
    keras.utils.set_random_seed(0)
    model = network.build_cln("mobilenetv3small", 224)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (given.images, 224, 224), dtype=np.uint8)
    classes = rng.integers(0, 8, given.images)

    ways = {
        "ours, batches of 32": lambda: saliency.heat_maps(model, images, classes),
        "ours, one by one": lambda: saliency.heat_maps(model, images, classes, batch_size=1),
        **_peer(model, classes, images),
    }
    reference = ways["ours, batches of 32"]()
    for way in ways.values():
        np.testing.assert_allclose(way(), reference, rtol=1e-3, atol=1e-6)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    first = statistics.median(seconds["ours, batches of 32"])
    for name, values in seconds.items():
        value = statistics.median(values)
        print(f"{name:32s} {value:7.2f} s for {given.images} images, {value / first:5.2f} x ours")


if __name__ == "__main__":
    main()
