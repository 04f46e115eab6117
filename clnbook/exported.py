"""A trained network and drawn chests as one script file: what the page `network` computes with.

The network is written as a few kinds of steps that a page can take by itself, without a library or
a server (`book/extra/network.js`). Only networks trained on drawn images may be exported: no weight
that has seen a patient's radiograph lies on a page.
"""

import base64
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clnlib import runs
from clnlib.data import phantom, sources
from clnlib.errors import InputError
from clnlib.io import write_text
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, mean_iou
from clnlib.model.predict import load_model
from clnlib.runs import Run

CHESTS = 6  # drawn chests to choose from
CHECKED = 50  # images whose outputs the file has from Keras, for the test in the browser
LEVELS = 127  # of an int8 weight, either side of 0

Step = dict[str, Any]
Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A kernel (h, w, in, out), for a depthwise step (h, w, channels, 1), and a bias (out,)."""


class Steps:
    """The steps of a network while its layers are read in their order.

    A step is a dict: `op` ("conv" | "depthwise" | "pool" | "multiply" | "add"), `of` (the places of
    the steps it reads, −1 the image), `act` (its activation, None for none) and, of the first two,
    `stride`, `pad` (above, left, below, right) and `shape` of the kernel.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.arrays: dict[int, Arrays] = {}
        self.place: dict[int, int] = {}  # id of a Keras tensor → place of the step that makes it
        self.pad: dict[int, tuple[int, int, int, int]] = {}  # padding waiting for the next step
        self.scaling = (1.0, 0.0)  # of the image, before the first step

    def add(self, layer: Any, op: str, arrays: Arrays | None = None, **more: Any) -> None:
        """A step that reads what the layer reads."""
        of = [self.place[id(tensor)] for tensor in _inputs(layer)]
        if arrays is not None:
            self.arrays[len(self.steps)] = arrays
        self.steps.append({"op": op, "of": of, "act": None, **more})
        self.place[id(layer.output)] = len(self.steps) - 1

    def last(self, layer: Any) -> int:
        """The place of the only step a layer reads, which the layer's output now stands for."""
        (tensor,) = _inputs(layer)
        at = self.place[id(layer.output)] = self.place[id(tensor)]
        return at


def steps_of(model: Any) -> Steps:
    """Read the layers of a CLN as steps; what can be computed beforehand is folded into kernels.

    Raises
    ------
    InputError
        A layer of a kind that no step stands for: only MobileNetV3Small has none such.
    """
    read = Steps()
    for layer in model.operations:
        kind = type(layer).__name__
        if kind not in _READ:
            raise InputError(f"layer {layer.name}: a {kind} cannot be exported to the browser")
        _READ[kind](read, layer)
    return read


def _inputs(layer: Any) -> list[Any]:
    given = layer.input
    return list(given) if isinstance(given, list | tuple) else [given]


def _image(read: Steps, layer: Any) -> None:
    read.place[id(layer.output)] = -1


def _rgb(read: Steps, layer: Any) -> None:
    """Three copies of the grey image: the first kernel is summed over them instead."""
    read.place[id(layer.output)] = read.place[id(_inputs(layer)[0])]


def _rescaling(read: Steps, layer: Any) -> None:
    """Of the image, or of a ReLU's output by a positive factor, which its kernel can have."""
    at, scale, offset = read.last(layer), float(layer.scale), float(layer.offset)
    if at < 0:
        read.scaling = (scale, offset)
        return
    kernel, bias = read.arrays[at]
    assert scale > 0 and offset == 0 and read.steps[at]["act"] == "relu", layer.name
    read.arrays[at] = kernel * scale, bias * scale


def _padding(read: Steps, layer: Any) -> None:
    read.last(layer)
    (above, below), (left, right) = layer.padding
    read.pad[id(layer.output)] = above, left, below, right


def _convolution(read: Steps, layer: Any) -> None:
    kernel = np.asarray(layer.get_weights()[0])
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    number = kernel.shape[2 if depthwise else 3]
    bias = np.asarray(layer.get_weights()[1]) if layer.use_bias else np.zeros(number, np.float32)
    (tensor,) = _inputs(layer)
    if read.place[id(tensor)] < 0:
        kernel = kernel.sum(axis=2, keepdims=True)
    stride, side = layer.strides[0], kernel.shape[0]
    pad = read.pad.get(id(tensor), (0, 0, 0, 0))
    if layer.padding == "same":  # as TensorFlow divides it: the odd pixel below and right
        total = max((-(-tensor.shape[1] // stride) - 1) * stride + side - tensor.shape[1], 0)
        pad = total // 2, total // 2, total - total // 2, total - total // 2
    op = "depthwise" if depthwise else "conv"
    shape = [*kernel.shape[:3], number]
    read.add(layer, op, (kernel, bias), stride=stride, pad=list(pad), shape=shape)


def _dense(read: Steps, layer: Any) -> None:
    """A convolution of a single pixel."""
    kernel, bias = layer.get_weights()
    shape = [1, 1, *kernel.shape]
    read.add(layer, "conv", (kernel[None, None], bias), stride=1, pad=[0] * 4, shape=shape)
    read.steps[-1]["act"] = _named(layer.activation.__name__)


def _normalisation(read: Steps, layer: Any) -> None:
    at = read.last(layer)
    gamma, beta, mean, variance = layer.get_weights()
    factor = gamma / np.sqrt(variance + layer.epsilon)
    kernel, bias = read.arrays[at]
    along = (slice(None), None) if read.steps[at]["op"] == "depthwise" else (slice(None),)
    read.arrays[at] = kernel * factor[along], (bias - mean) * factor + beta


def _activation(read: Steps, layer: Any) -> None:
    read.steps[read.last(layer)]["act"] = _named(layer.activation.__name__)


def _relu(read: Steps, layer: Any) -> None:
    """A ReLU up to 6 is the middle of a hard sigmoid, whose sum and factor come as operations."""
    assert layer.max_value in (None, 6.0), layer.name
    read.steps[read.last(layer)]["act"] = "hard_sigmoid" if layer.max_value else "relu"


def _joined(read: Steps, layer: Any) -> None:
    if len(_inputs(layer)) == 1:  # x + 3 or x / 6 of a hard sigmoid, which `_relu` stands for
        read.last(layer)
    else:
        read.add(layer, type(layer).__name__.lower())


def _named(activation: str) -> str | None:
    return None if activation == "linear" else activation


def _pooling(read: Steps, layer: Any) -> None:
    read.add(layer, "pool")


_READ: dict[str, Callable[[Steps, Any], None]] = {
    "InputLayer": _image,
    "Concatenate": _rgb,
    "Rescaling": _rescaling,
    "ZeroPadding2D": _padding,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "Dense": _dense,
    "BatchNormalization": _normalisation,
    "Activation": _activation,
    "ReLU": _relu,
    "Add": _joined,
    "Multiply": _joined,
    "GlobalAveragePooling2D": _pooling,
}


def network(model: Any) -> dict[str, Any]:
    """A CLN for the browser: its steps, and its weights as text.

    Returns
    -------
    dict
        For JSON: `size`, `scaling` of the image (factor, summand), `steps`, the places of the
        steps `finding` and `box`, and base64 of all kernels (`int8`, each output channel in its
        own unit) and of all units and biases (`float32`, little endian), in the order of steps.
    """
    read = steps_of(model)
    whole: list[NDArray[np.int8]] = []
    floats: list[NDArray[np.float32]] = []
    for at in sorted(read.arrays):
        levels, unit = _quantised(read.arrays[at][0], read.steps[at]["op"])
        whole.append(levels.ravel())
        floats += [unit, read.arrays[at][1]]
    return {
        "size": int(model.input.shape[1]),
        "scaling": read.scaling,
        "steps": read.steps,
        **{name: read.place[id(model.output[name])] for name in ("finding", "box")},
        "int8": _text(np.concatenate(whole)),
        "float32": _text(np.concatenate(floats).astype("<f4")),
    }


def _quantised(kernel: NDArray[Any], op: str) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole levels of −127 to 127, and the unit of each output channel."""
    by = (0, 1, 3) if op == "depthwise" else (0, 1, 2)
    unit = np.abs(kernel).max(axis=by, keepdims=True) / LEVELS
    levels = np.rint(np.divide(kernel, unit, out=np.zeros_like(kernel), where=unit > 0))
    return levels.astype(np.int8), unit.ravel().astype(np.float32)


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def chests(run: Run, number: int = CHESTS) -> list[dict[str, Any]]:
    """Drawn chests of a run's test part, and each finding on them.

    Returns
    -------
    list of dict
        For JSON: `image`, its name; `film`, base64 of (S, S) uint8 without any finding; `findings`,
        name → its `box` (relative `xyxy`) and `film`, the pixels under it with the finding drawn,
        of `area` (left, top, right, bottom).
    """
    size, contrast = run.parameters.size, run.parameters.phantom_contrast
    told = []
    for image in sorted(run.part("test")["image"].unique())[:number]:
        findings = {}
        for finding in run.findings:
            box = phantom.place(finding, image)
            film = phantom.draw(image, [(finding, box)], size, contrast)
            left, top = (int(np.floor(v * size)) for v in box[:2])
            right, bottom = (int(np.ceil(v * size)) for v in box[2:])
            findings[finding] = {
                "box": list(box),
                "area": [left, top, right, bottom],
                "film": _text(film[top:bottom, left:right]),
            }
        plain = phantom.draw(image, [], size, contrast)
        told.append({"image": image, "film": _text(plain), "findings": findings})
    return told


def checks(run: Run, model: Any, number: int = CHECKED) -> list[dict[str, Any]]:
    """What Keras gives for some test images: `image`, and its `finding` and `box` outputs."""
    images = sorted(run.part("test")["image"].unique())[:number]
    source = sources.boxed(run.train)
    pixels = np.stack([source.read(image)[0] for image in images])
    out = model.predict(pixels[..., None], verbose=0)
    return [
        {"image": image}
        | {name: np.round(out[name][k].astype(float), 6).tolist() for name in ("finding", "box")}
        for k, image in enumerate(images)
    ]


def exported(run: Run) -> dict[str, Any]:
    """Everything the page needs of a finished run: its network, its numbers, chests and checks.

    Raises
    ------
    InputError
        The run has seen real images, or its network has layers the browser does not know.
    """
    if run.parameters.dataset != "phantom":
        raise InputError(
            f"run {run.folder.name}: it has seen {run.parameters.dataset}, and only networks "
            "trained on drawn images are exported"
        )
    model, test = load_model(run), run.part("test")
    numbers: Mapping[str, float] = {
        "auc": mean_auc(test, run.findings),
        "iou": mean_iou(test, run.findings)[MEAN],
    }
    return {
        "run": run.folder.name,
        "findings": list(run.findings),
        **{name: round(float(value), 3) for name, value in numbers.items()},
        "network": network(model),
        "chests": chests(run),
        "checks": checks(run, model),
    }


def main(words: Sequence[str]) -> None:
    """`python -m clnbook.exported FILE RUN`: the script of page "network", from a run's folder."""
    if len(words) != 2:
        raise SystemExit(main.__doc__)
    text = json.dumps(exported(runs.read(words[1])), ensure_ascii=False, separators=(",", ":"))
    write_text(Path(words[0]), f"window.clnNetwork = {text};\n")


if __name__ == "__main__":
    main(sys.argv[1:])
