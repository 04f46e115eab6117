"""First weights of a backbone (none, ImageNet, a file, a stage-1 run): all of it or refuse."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clnlib import runs
from clnlib.errors import InputError
from clnlib.model import backbones
from clnlib.model.network import backbone_layers, build_classifier
from clnlib.parameters import Finetune

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
        Nothing to read there, a whole saved model, another backbone's weights, an array of
        another number or shape, or a value that is not finite; then nothing has been loaded.
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
        if not np.isfinite(array).all():
            raise InputError(f"{where}: {variable.path} has values that are no finite numbers")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _imagenet(backbone: str) -> Arrays:
    """Keras' official ImageNet weights, from its cache or the internet."""
    try:
        return list(backbones.application(backbone, weights="imagenet").get_weights())
    except Exception as error:  # Keras raises a bare Exception when a download fails
        address = re.search(r"https?://\S+?\.h5", str(error))
        if address is None:
            raise
        cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
        raise InputError(
            f"weights imagenet: no internet; fetch {address[0]} elsewhere and put it at "
            f"{cache / address[0].rsplit('/', 1)[1]}"
        ) from None


def _file(path: Path, backbone: str) -> Arrays:
    """A weight file of the backbone's `keras.applications` model without its top."""
    whose = f"weights {path}: not the weights of {backbones.get(backbone).title} without its top"
    donor = backbones.application(backbone)
    try:
        found, attributes = ({}, ["model_config"]) if path.suffix == ".keras" else _layout(path)
        if "model_config" in attributes:
            raise InputError(
                f"weights {path}: a whole saved model; load it with keras.models.load_model, write "
                "its backbone's weights with backbone.save_weights('<name>.weights.h5') and name "
                "that file"
            )
        if "layer_names" not in attributes:  # else Keras 2's format
            # Keras skips what does not fit with a warning, so the layouts are compared first.
            with TemporaryDirectory() as folder:
                donor.save_weights(Path(folder) / "expected.weights.h5")
                expected, _ = _layout(Path(folder) / "expected.weights.h5")
            for name in sorted(found.keys() | expected.keys()):
                if found.get(name) != expected.get(name):
                    told = [layout.get(name, "no array") for layout in (found, expected)]
                    raise InputError(f"{whose}: found {told[0]}, expected {told[1]} at {name}")
        donor.load_weights(path)
    except (MemoryError, InputError):
        raise
    # Damaged files make HDF5 and Keras raise nearly any exception there is.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{whose}: {reason}") from None
    return list(donor.get_weights())


def _layout(path: Path) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Name and shape of every array in an HDF5 file but the optimiser's, and its attributes."""
    import h5py

    shapes: dict[str, tuple[int, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            shapes[name] = tuple(item.shape)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
        return shapes, list(file.attrs)


def _run(weights: str, backbone: str) -> Arrays:
    """The backbone of a finished stage-1 run."""
    run = runs.read(weights)
    p = run.parameters
    if not isinstance(p, Finetune):
        raise InputError(f"weights {weights}: a {run.stage} run, expected a finetune run")
    if p.backbone != backbone:
        raise InputError(f"weights {weights}: a run of {p.backbone}, expected {backbone}")
    if not run.weights.exists():
        raise InputError(f"{run.weights}: not there; records under results/ have no weights")
    donor = build_classifier(backbone, p.size, len(run.findings), p.pooling)
    donor.load_weights(run.weights)
    return [array for layer in backbone_layers(donor) for array in layer.get_weights()]
