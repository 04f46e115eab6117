"""The name of a run: it follows from the data and weights learnt from, not from typed words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from clnlib import io, runs
from clnlib.data import sources
from clnlib.errors import InputError
from clnlib.parameters import Finetune, Images, Train

P = TypeVar("P", Train, Finetune)


class Identity(NamedTuple):
    """The folder name of a run, and the hashes of what it learns from.

    Attributes
    ----------
    name
        `<backbone>-lam0.4-seed0-<digest>`, of stage 1 `<backbone>-finetune-seed0-<digest>`; the
        digest covers the effective parameters, `data` and `weights`.
    data
        Of the rows (images, patients, findings, boxes or labels) and of the files or the drawing
        that the pixels come from.
    weights
        Of the first weights: the content of a file, the name of a stage-1 run, "imagenet", or "".
    """

    name: str
    data: str
    weights: str


def identity(parameters: Train | Finetune) -> Identity:
    """The identity of the run that these parameters describe.

    The same data in another folder or on another machine make the same run; other boxes, other
    pixels or other weights under the same path make another one.

    Raises
    ------
    InputError
        Images, annotations or a weight file are not there.
    """
    return _identity(parameters, _data(parameters), _weights(parameters.weights))


def planned(study: Sequence[Train | Finetune]) -> list[str]:
    """The names of runs that are still to be made, on this machine or on another.

    Images or weights that are not here are hashed as "missing", so that a study can be looked at
    without them; with them the same runs have other names.
    """
    data: dict[str, str] = {}
    names = []
    for p in study:
        key = type(p).__name__ + p.model_dump_json(include={*Images.model_fields, "image_folder"})
        if key not in data:  # many runs share a data set, which may have 112,120 images
            data[key] = _or_missing(_data, p)
        names.append(_identity(p, data[key], _or_missing(_weights, p.weights)).name)
    return names


def _or_missing(hashed: Callable[[Any], str], given: object) -> str:
    try:
        return hashed(given)
    except InputError:
        return "missing"


def _identity(p: Train | Finetune, data: str, weights: str) -> Identity:
    digest = io.digest([io.as_json(p.effective()), data, weights])
    kind = f"lam{p.lam:g}" if isinstance(p, Train) else "finetune"
    return Identity(f"{p.backbone}-{kind}-seed{p.seed}-{digest[:8]}", data, weights)


def _data(p: Train | Finetune) -> str:
    return (sources.boxed(p) if isinstance(p, Train) else sources.labelled(p)).sha256


def _weights(weights: str | None) -> str:
    """What the first weights are: hash, run, "imagenet" or "" for none."""
    if weights is None or weights == "imagenet":
        return weights or ""
    file = Path(weights).expanduser()
    if file.is_file():
        return io.content_sha256([file])[file]
    if file.suffix in (".h5", ".keras"):
        raise InputError(f"weights {weights}: no such file")
    # A run that is still to be trained, in a study, is known by the name that it will have.
    return runs.name_of(weights)


def located(parameters: P) -> P:
    """The same parameters with absolute paths, so that a record says which files are meant."""
    values = parameters.model_dump(include={"dataset", "image_folder", "weights"})
    paths = {name: Path(str(value)).expanduser() for name, value in values.items() if value}
    there = {name: str(path.resolve()) for name, path in paths.items() if path.exists()}
    return parameters.model_copy(update=there)
