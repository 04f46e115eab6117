"""Data sets: the rows to learn from and a way to open their images, by name or by path."""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib import io, paths
from clnlib.data import coco, nih, phantom
from clnlib.data.images import reader
from clnlib.data.splits import folds, make_split, split_sha256
from clnlib.data.store import Content, Store, build_store
from clnlib.errors import InputError, shortened
from clnlib.findings import BOXED, LABELLED
from clnlib.parameters import Finetune, Prepare
from clnlib.runs import LABEL

NIH_SMALLEST = 128  # pixels per side: smaller copies of NIH's 1024 are refused

Read = Callable[[str], tuple[NDArray[np.uint8], dict[str, Any]]]
published_labels = functools.cache(nih.load_labels)  # it takes a second; not to be changed


@dataclass(frozen=True)
class Source:
    """A data set before its images are decoded.

    Attributes
    ----------
    name
        Short name, for folders and pages.
    findings
        In the order of the network's outputs.
    rows
        Stage 2: the box frame. Stage 1: `image`, `patient`, `part` and 0/1 columns `y_<finding>`.
    read
        Image name → pixels (S, S) and facts.
    options
        What, with the names, decides the pixels: the hash of the files' content, or of the boxes
        that are drawn.
    """

    name: str
    findings: tuple[str, ...]
    rows: pd.DataFrame
    read: Read
    options: dict[str, Any]

    @property
    def sha256(self) -> str:
        """The hash of everything that a network can learn from: rows, findings, pixels' sources."""
        rows = self.rows.to_csv(index=False, float_format="%.9g")  # nine digits hold a float32
        return io.digest([rows, *self.findings, io.as_json(self.options)])


class Prepared(NamedTuple):
    """A data set that is ready for training: tables → split → store.

    Attributes
    ----------
    source
        The data set, all of its rows among it.
    rows
        The rows whose image could be read, with their `part`.
    store
        The decoded images.
    """

    source: Source
    rows: pd.DataFrame
    store: Store

    @property
    def split_sha256(self) -> str:
        """The hash of which row lies in which part."""
        if "finding" in self.rows:
            return split_sha256(self.rows)
        return io.digest(self.rows["image"] + self.rows["part"])

    def pixels(self, rows: pd.DataFrame) -> NDArray[np.uint8]:
        """The images of some rows, (len(rows), S, S) uint8."""
        return self.store.images[rows["image"].map(self.store.index).to_numpy()]


def boxed(parameters: Prepare) -> Source:
    """The boxed images of `phantom`, `nih880` or a COCO file.

    Raises
    ------
    InputError
        A table error, or images that are not there.
    """
    size = parameters.size
    if parameters.dataset == "phantom":
        boxes = _some_images(nih.load_boxes(), parameters.phantom_images)
        drawn: dict[str, list[Any]] = {}
        for r in boxes.itertuples():
            drawn.setdefault(r.image, []).append((r.finding, (r.x1, r.y1, r.x2, r.y2)))
        return Source("phantom", BOXED, boxes, *_phantom(drawn, size, parameters.phantom_contrast))
    if parameters.dataset == "nih880":
        boxes = nih.load_boxes()
        files = _nih_files(boxes["image"].unique())
        return Source("nih880", BOXED, boxes, *_files(files, size, NIH_SMALLEST))
    annotations = Path(parameters.dataset).expanduser()
    folder = Path(parameters.image_folder).expanduser() if parameters.image_folder else None
    boxes, files, categories = coco.load_coco(annotations, folder)
    findings = tuple(c for c in categories if c in set(boxes["finding"]))
    return Source(annotations.stem, findings, boxes, *_files(files, size, None))


def labelled(parameters: Finetune) -> Source:
    """The labelled images of stage 1: `phantom`, or `nih14` by the official lists.

    No patient with a boxed image is in it, so that nothing of stage 2's validation or test is
    seen. Validation is a tenth of the train/validation list, by patient.
    """
    labels = published_labels()
    labels = labels[~labels["patient"].isin(nih.load_boxes()["patient"])]
    if parameters.dataset == "phantom":
        if parameters.resolution is not None:
            raise InputError("resolution: the phantom is drawn at image_size; leave it at None")
        labels = _balanced(labels, parameters.phantom_images)
        has = dict(zip(labels["image"], labels["findings"].str.split("|"), strict=True))
        drawn = {
            image: [(finding, phantom.place(finding, image)) for finding in findings if finding]
            for image, findings in has.items()
        }
        made = _phantom(drawn, parameters.size, parameters.phantom_contrast)
        test = _set_aside(labels, 5)
    else:
        files = nih.find_images()
        labels = labels[[Path(image).stem in files for image in labels["image"]]]
        official = nih.load_official_split().set_index("image")["part"]
        labels = labels[labels["image"].isin(official.index)].reset_index(drop=True)
        if labels.empty:
            raise InputError(f"{paths.nih_dir()}: no image of the official lists without a box")
        chosen = {image: files[Path(image).stem] for image in labels["image"]}
        side, is_reduced = parameters.resolution or NIH_SMALLEST, parameters.resolution is not None
        read, options = _files(chosen, parameters.size, side, is_reduced)
        made = read, options | ({"resolution": side} if is_reduced else {})
        test = np.flatnonzero(labels["image"].map(official) == "test")
    part = np.full(len(labels), "train", dtype=object)
    part[test] = "test"
    rest = np.flatnonzero(part == "train")
    part[rest[_set_aside(labels.iloc[rest], 10)]] = "validation"
    labelled = labels["findings"].str.get_dummies("|").reindex(columns=list(LABELLED), fill_value=0)
    rows = labels[["image", "patient"]].assign(part=pd.Series(part, labels.index, dtype="str"))
    rows = rows.join(labelled.astype("uint8").add_prefix(LABEL))
    if parameters.train_images is not None:
        rows = _fewer(rows, parameters.train_images)
    return Source(f"{parameters.dataset}-labels", LABELLED, rows.reset_index(drop=True), *made)


def decode(source: Source, size: int, exclude_unreadable: bool = False) -> Store:
    """The source's images as a store under `clnlib.paths.stores()`, built or just opened."""
    names = list(dict.fromkeys(source.rows["image"]))
    key = io.digest([*names, size, *sorted(source.options.items())])
    folder = paths.stores() / f"{source.name}-{size}-{key[:8]}"
    content = Content(names, size, source.options)
    return build_store(folder, content, source.read, exclude_unreadable)


def prepared(parameters: Prepare | Finetune) -> Prepared:
    """The data set of stage 2 (`boxed`) or stage 1 (`labelled`), split and decoded.

    Rows of images that were excluded as unreadable are dropped after the split, so that the other
    rows keep their parts.
    """
    if isinstance(parameters, Finetune):
        source = labelled(parameters)
        rows = source.rows
    else:
        source = boxed(parameters)
        rows = make_split(source.rows, parameters.protocol, parameters.split_seed, parameters.fold)
    store = decode(source, parameters.size, parameters.exclude_unreadable)
    if isinstance(parameters, Finetune) and parameters.resolution is None:
        _refuse_mixed(store)
    return Prepared(source, rows[rows["image"].isin(store.index)].reset_index(drop=True), store)


def _refuse_mixed(store: Store) -> None:
    """Refuse images of several sizes: sharpness would tell the network where one is from."""
    sizes = Counter(image["width"] for image in store.manifest["images"] if "width" in image)
    if len(sizes) > 1:
        told = ", ".join(f"{number} of {side}" for side, number in sorted(sizes.items()))
        raise InputError(
            f"{paths.nih_dir()}: images of several sizes ({told} pixels), which a network could "
            f"tell apart by their sharpness; reduce all with -p resolution {min(sizes)}, or keep "
            f"the largest with -p resolution {max(sizes)} -p exclude_unreadable True"
        )


def _phantom(
    drawn: Mapping[str, Sequence[tuple[str, tuple[float, float, float, float]]]],
    size: int,
    contrast: float,
) -> tuple[Read, dict[str, Any]]:
    """A function that draws an image, and the options that decide its pixels."""

    def read(image: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        return phantom.draw(image, drawn[image], size, contrast), {}

    boxes = io.digest(f"{image} {drawn[image]}" for image in sorted(drawn))
    return read, {"phantom": phantom.VERSION, "contrast": contrast, "boxes": boxes}


def _files(
    files: Mapping[str, Path], size: int, square_of: int | None, reduce: bool = False
) -> tuple[Read, dict[str, Any]]:
    """How to read files, and the hash of their names and contents."""
    contents = io.content_sha256(files.values())
    named = io.digest(f"{image} {contents[files[image]]}" for image in sorted(files))
    return reader(files, size, square_of, reduce), {"files": named, "resize": "lanczos"}


def _nih_files(images: Sequence[str]) -> dict[str, Path]:
    """Image name → file of the NIH folder; one error lists all that are missing."""
    files = nih.find_images()
    missing = [image for image in images if Path(image).stem not in files]
    if missing:
        raise InputError(
            f"{paths.nih_dir()}: {len(missing)} of {len(images)} boxed images are missing: "
            f"{shortened(missing)}; they are in NIH's images_001 to images_012 archives"
        )
    return {image: files[Path(image).stem] for image in images}


def _some_images(boxes: pd.DataFrame, number: int) -> pd.DataFrame:
    """The boxes of `number` images, the same ones every time."""
    images = sorted(set(boxes["image"]), key=lambda name: hashlib.sha256(name.encode()).digest())
    return boxes[boxes["image"].isin(images[:number])].reset_index(drop=True)


def _balanced(labels: pd.DataFrame, number: int) -> pd.DataFrame:
    """`number` label rows in which every finding, and none, comes up about equally often."""
    order = [hashlib.sha256(name.encode()).digest() for name in labels["image"]]
    labels = labels.iloc[np.argsort(np.array(order, dtype="S32"), kind="stable")]
    each = -(-number // (len(LABELLED) + 1))
    first = labels["findings"].str.split("|").str[-1]
    turn = labels.groupby(first).cumcount()
    return labels[turn < each].head(number).reset_index(drop=True)


def _fewer(rows: pd.DataFrame, number: int) -> pd.DataFrame:
    """The rows of validation and test, and so many of training, drawn at random."""
    train = rows.index[rows["part"] == "train"]
    if number > len(train):
        raise InputError(f"train_images={number}: the training part has {len(train)} images")
    left_out = np.random.default_rng(0).permutation(train)[number:]
    return rows.drop(index=left_out)


def _set_aside(labels: pd.DataFrame, share: int) -> NDArray[np.int_]:
    """One `share`th of the label rows, by patient, stratified by the rarest of their findings."""
    counts = labels["findings"].str.split("|").explode().value_counts()
    rarest = [min(text.split("|"), key=lambda f: counts[f]) for text in labels["findings"]]
    return folds(np.array(rarest), labels["patient"].to_numpy(), share, seed=0)[0]
