"""First weights of a backbone: none, ImageNet, a Keras file or a stage-1 run; all of it or refuse."""

import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from clnlib import runs
from clnlib.errors import InputError
from clnlib.model import backbones
from clnlib.model.network import backbone_layers, build_classifier

Arrays = list[NDArray[np.float32]]


def load(model: Any, backbone: str, weights: str | None) -> None:
    """Put pretrained weights into the backbone of a classifier or a CLN.

    Parameters
    ----------
    model
        From `build_classifier` or `build_cln`.
    backbone
        Its backbone's name.
    weights
        None leaves the random ones. "imagenet" takes Keras' official file. A file is one that
        `save_weights` wrote for the backbone's `keras.applications` model without its top
        (`.weights.h5`, or an official `.h5`). A folder, or `<study>/<run>`, is a finished
        `finetune` run.

    Raises
    ------
    InputError
        Nothing to read there, another backbone's weights, or any array of another number or
        shape; then nothing has been loaded.
    """
    if weights is None:
        return
    if weights == "imagenet":
        arrays = _imagenet(backbone)
    elif Path(weights).expanduser().is_file():
        arrays = _file(Path(weights).expanduser(), backbone)
    elif re.search(r"\.(h5|keras)$", weights):
        raise InputError(f"weights {weights}: no such file")
    else:
        arrays = _run(weights, backbone)
    _set(model, arrays, f"weights {weights}", backbone)


def _set(model: Any, arrays: Arrays, where: str, backbone: str) -> None:
    """Assign the arrays to the backbone's variables in order, after comparing every shape."""
    variables = [v for layer in backbone_layers(model) for v in layer.weights]
    title = backbones.get(backbone).title
    if len(variables) != len(arrays):
        raise InputError(
            f"{where}: {len(arrays)} arrays, {title} without its top has {len(variables)}"
        )
    for variable, array in zip(variables, arrays, strict=True):
        if tuple(variable.shape) != array.shape:
            raise InputError(
                f"{where}: {array.shape} where {title} has {tuple(variable.shape)} "
                f"({variable.path})"
            )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _imagenet(backbone: str) -> Arrays:
    """Keras' official ImageNet weights, from its cache or the internet."""
    try:
        return _arrays(backbones.application(backbone, weights="imagenet"))
    except Exception as error:  # Keras raises a bare Exception when a download fails
        address = re.search(r"https?://\S+?\.h5", str(error))
        if address is None:
            raise
        cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
        raise InputError(
            f'weights imagenet: no internet; fetch {address[0]} elsewhere and put it at '
            f"{cache / address[0].rsplit('/', 1)[1]}"
        ) from None


def _file(path: Path, backbone: str) -> Arrays:
    """A weight file of the backbone's `keras.applications` model without its top."""
    title = backbones.get(backbone).title
    whose = f"weights {path}: not the weights of {title} without its top"
    if path.suffix == ".keras":
        raise InputError(
            f"weights {path}: a whole saved model; write its backbone's weights with "
            "backbone.save_weights('<name>.weights.h5') and name that file"
        )
    donor = backbones.application(backbone)
    try:
        held = _shapes(path)
        donor.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        shapes = re.findall(r"\(\d[\d, ]*\)", str(error))
        told = f"found {shapes[1]}, expected {shapes[0]}" if len(shapes) > 1 else _first(error)
        raise InputError(f"{whose}: {told}") from None
    arrays = _arrays(donor)
    if len(held) != len(arrays):
        raise InputError(f"{whose}: {len(held)} arrays, expected {len(arrays)}")
    return arrays


def _shapes(path: Path) -> list[tuple[int, ...]]:
    """The shapes of all arrays in an HDF5 file but the optimiser's."""
    import h5py

    shapes: list[tuple[int, ...]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            shapes.append(tuple(item.shape))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return shapes


def _run(weights: str, backbone: str) -> Arrays:
    """The backbone of a finished stage-1 run."""
    run = runs.read(weights)
    p = run.parameters
    if p.get("stage") != "finetune":
        raise InputError(f"weights {weights}: a {p.get('stage')} run, expected a finetune run")
    if p["backbone"] != backbone:
        raise InputError(f"weights {weights}: a run of {p['backbone']}, expected {backbone}")
    if not run.weights.exists():
        raise InputError(f"{run.weights}: not there; a published record has no weights")
    donor = build_classifier(backbone, p["image_size"], len(run.findings), p["pooling"])
    donor.load_weights(run.weights)
    return [
        keras.ops.convert_to_numpy(v) for layer in backbone_layers(donor) for v in layer.weights
    ]


def _arrays(model: Any) -> Arrays:
    """The values of an application, layer by layer."""
    return [keras.ops.convert_to_numpy(v) for layer in model.layers for v in layer.weights]


def _first(error: Exception) -> str:
    """The first line of a library's message."""
    return str(error).strip().splitlines()[0]
