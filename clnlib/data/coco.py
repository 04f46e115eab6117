"""A COCO detection file and its folder of images: the reader's own data."""

import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from clnlib.data.nih import BOX_COLUMNS
from clnlib.errors import InputError, not_allowed, shortened

CORNERS = BOX_COLUMNS[3:]
TOLERANCE = 1.0  # pixels by which a box may leave its image, as rounding makes it; it is clipped

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Image(BaseModel):
    id: int | str
    file_name: str = Field(min_length=1)
    width: int = Field(gt=0, le=1_000_000)
    height: int = Field(gt=0, le=1_000_000)
    patient: int | _Name | None = None


class _Annotation(BaseModel):
    id: int | str
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Category(BaseModel):
    id: int
    name: _Name


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def load_coco(
    annotations: Path, images: Path | None = None
) -> tuple[pd.DataFrame, dict[str, Path], tuple[str, ...]]:
    """Boxes, image files and category names of a COCO detection file.

    Parameters
    ----------
    annotations
        The JSON file. Each `bbox` is [x, y, width, height] in pixels of its image. An image may
        carry a `patient` (text or number): give it, so that splits can keep a patient together;
        without it every file counts as its own patient.
    images
        The folder that `file_name` is relative to. None: the folder of the JSON file or its
        subfolder `images`, whichever has more of the files.

    Returns
    -------
    boxes : DataFrame
        One row per annotation: `image` (str, the `file_name`), `patient` (str), `finding` (str,
        the category's name), `x1`, `y1`, `x2`, `y2` (float32, relative to the image's width and
        height, in [0, 1]); sorted by all of them but `patient`. An image may have several boxes
        of one category. A box that leaves its image by at most 1 pixel is clipped.
    files : dict
        `image` to its file, for images with a box; images without annotations are ignored.
    categories : tuple
        All names in the order of their ids, also those without a box.

    Raises
    ------
    InputError
        Not JSON; a missing or mistyped key; an id, file name or category name used twice; fewer
        than 2 categories with boxes; an annotation of an unknown image or category, one that
        repeats another, a crowd (`iscrowd`: a group has no one box), or one whose box is no
        number, has no width or height, or leaves its image; an image file that is missing,
        unreadable, or not of the size in the JSON (DICOM files: not looked into). One error
        names up to 10 of them.

    References
    ----------
    Lin et al., Microsoft COCO, ECCV 2014, and the data format on its site.
    """
    annotations = Path(annotations)
    coco = _parse(annotations)
    _refuse(annotations, _repeats(coco))
    categories = {entry.id: entry.name for entry in sorted(coco.categories, key=lambda c: c.id)}
    boxes = _boxes(annotations, coco, categories)
    if len(boxed := sorted(set(boxes["finding"]))) < 2:
        has = f"boxes of one category, {boxed[0]!r}" if boxed else "no annotations"
        raise InputError(f"{annotations}: {has}; boxes of at least 2 categories are needed")
    sizes = {image.file_name: (image.width, image.height) for image in coco.images}
    files = _files(annotations, images, sorted(set(boxes["image"])))
    _refuse(annotations, (_wrong_file(path, sizes[name]) for name, path in files.items()))
    return boxes, files, tuple(categories.values())


def _refuse(path: Path, problems: Iterable[str | None]) -> None:
    """Raise one error for all problems there are."""
    if texts := list(filter(None, problems)):
        rest = f"; and {len(texts) - 10} more" if len(texts) > 10 else ""
        raise InputError(f"{path}: {'; '.join(texts[:10])}{rest}")


def _parse(path: Path) -> _Coco:
    """The JSON file, every key checked for presence and type."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a COCO file: expected images, annotations and categories")
    try:
        return _Coco.model_validate(content)
    except ValidationError as error:
        # a key of several types has a problem for each: the first says enough
        by_key = {problem["loc"][:3]: problem for problem in reversed(error.errors())}
        _refuse(path, [_explained(content, by_key[key]) for key in reversed(by_key)])
        raise


def _explained(content: dict[str, Any], problem: Any) -> str:
    """`annotations[3] (id 17), bbox: Field required`, from one of pydantic's problems."""
    kind, *rest = problem["loc"]
    if not rest:
        return f"{kind}: {problem['msg']}"
    entry = content[kind][rest[0]]
    identity = f" (id {entry['id']!r})" if isinstance(entry, dict) and "id" in entry else ""
    key = f", {rest[1]}" if rest[1:] else ""
    value = "" if problem["type"] == "missing" else f" {reprlib.repr(problem['input'])}"
    return f"{kind}[{rest[0]}]{identity}{key}{value}: {problem['msg']}"


def _repeats(coco: _Coco) -> list[str]:
    """Whatever is used twice and must not be."""
    unique: dict[str, list[int | str]] = {
        "image id": [image.id for image in coco.images],
        "file_name": [image.file_name for image in coco.images],
        "annotation id": [annotation.id for annotation in coco.annotations],
        "category id": [category.id for category in coco.categories],
        "category name": [category.name for category in coco.categories],
    }
    return [
        f"{what} used more than once: {shortened(map(repr, twice))}"
        for what, values in unique.items()
        if (twice := [value for value, times in Counter(values).items() if times > 1])
    ]


def _boxes(path: Path, coco: _Coco, categories: dict[int, str]) -> pd.DataFrame:
    """The box frame; annotations that cannot be used are refused together."""
    images = {image.id: image for image in coco.images}
    wrong = [_wrong_annotation(entry, images, categories) for entry in coco.annotations]
    _refuse(path, wrong)
    rows = []
    for entry in coco.annotations:
        image, (x, y, w, h) = images[entry.image_id], entry.bbox
        patient = image.file_name if image.patient is None else str(image.patient)
        relative = [x / image.width, y / image.height]
        relative += [(x + w) / image.width, (y + h) / image.height]
        rows.append((image.file_name, patient, categories[entry.category_id], *relative))
    boxes = pd.DataFrame(rows, columns=BOX_COLUMNS)
    boxes[CORNERS] = boxes[CORNERS].clip(0, 1).astype("float32")
    ids = pd.Series([entry.id for entry in coco.annotations])
    empty = (boxes["x2"] <= boxes["x1"]) | (boxes["y2"] <= boxes["y1"])
    again = boxes.duplicated()
    _refuse(path, [f"annotation {i!r}: its box is empty inside the image" for i in ids[empty]])
    _refuse(path, [f"annotation {i!r}: repeats an earlier annotation" for i in ids[again]])
    return boxes.sort_values(["image", "finding", *CORNERS], ignore_index=True)


def _wrong_annotation(
    entry: _Annotation, images: dict[int | str, _Image], categories: dict[int, str]
) -> str | None:
    """What is wrong with an annotation, with its id, the value and what is allowed."""
    what = f"annotation {entry.id!r}, "
    if entry.image_id not in images:
        return f"{what}image_id {entry.image_id!r}: no image has this id"
    if entry.category_id not in categories:
        return str(not_allowed(f"{what}category_id", entry.category_id, map(str, categories)))
    if entry.iscrowd:
        return f"{what}iscrowd {entry.iscrowd}: must be 0, a group has no one box; leave it out"
    image, (x, y, w, h) = images[entry.image_id], entry.bbox
    what += f"bbox {list(entry.bbox)}: "
    if not all(map(math.isfinite, entry.bbox)):
        return f"{what}must be four numbers"
    if w <= 0 or h <= 0:
        return f"{what}width and height must be more than 0"
    if min(x, y) < -TOLERANCE or max(x + w - image.width, y + h - image.height) > TOLERANCE:
        return f"{what}leaves its image of {image.width} x {image.height} pixels"
    return None


def _files(annotations: Path, images: Path | None, names: list[str]) -> dict[str, Path]:
    """The file of each image name; a folder that lacks some is refused."""
    folders = [annotations.parent, annotations.parent / "images"]
    if images is not None:
        folders = [Path(images)]
    found = [{n: folder / n for n in names if (folder / n).is_file()} for folder in folders]
    best = max(found, key=len)
    if missing := [name for name in names if name not in best]:
        places = " and ".join(map(str, folders))
        raise InputError(
            f"{annotations}: {len(missing)} of {len(names)} image files are missing: "
            f"{shortened(missing)}; looked in {places}"
        )
    return best


def _wrong_file(path: Path, expected: tuple[int, int]) -> str | None:
    """What is wrong with an image file, from its header alone."""
    try:
        with path.open("rb") as file:
            if file.read(132)[128:] == b"DICM" or path.suffix.lower() in {".dcm", ".dicom"}:
                return None
            file.seek(0)
            with Image.open(file) as image:
                size = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        return f"{path}: cannot be read as an image ({error})"
    wanted, found = (f"{width} x {height} pixels" for width, height in (expected, size))
    return None if size == expected else f"{path} has {found}, the JSON says {wanted}"
