"""The name of a run: it follows from the data and weights learnt from, not from typed words."""

from pathlib import Path
from typing import NamedTuple, TypeVar

from clnlib import io, runs
from clnlib.data import sources
from clnlib.errors import InputError
from clnlib.parameters import Finetune, Train

P = TypeVar("P", Train, Finetune)


class Identity(NamedTuple):
    """The folder name of a run, and the hashes of what it learns from.

    Attributes
    ----------
    name
        `<backbone>-lam0.4-seed0-<digest>`, of stage 1 `<backbone>-finetune-seed0-<digest>`, or
        `…-finetune300-…` where `train_images` is 300; the digest covers the effective parameters,
        `data` and `weights`.
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
    p = parameters
    return named(p, data_sha256(p), weights_identity(p.weights))


def named(p: Train | Finetune, data: str, weights: str) -> Identity:
    """The identity that follows from parameters, and from hashes that are known already."""
    digest = io.digest([io.as_json(p.effective()), data, weights])
    kind = f"lam{p.lam:g}" if isinstance(p, Train) else f"finetune{p.train_images or ''}"
    return Identity(f"{p.backbone}-{kind}-seed{p.seed}-{digest[:8]}", data, weights)


def data_sha256(p: Train | Finetune) -> str:
    """The hash of the rows of a data set and of what its pixels come from."""
    return (sources.boxed(p) if isinstance(p, Train) else sources.labelled(p)).sha256


def weights_identity(weights: str | None) -> str:
    """First weights by hash (a file) or by name (a run, "imagenet"); "" for none."""
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
