"""A COCO detection file and its folder of images: the reader's own data."""

import filecmp
import json
import math
import ntpath
import os
import posixpath
import re
import reprlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from unicodedata import normalize

import pandas as pd
from pydantic import AfterValidator, AliasPath, BaseModel, Field, StringConstraints, ValidationError

from clnlib.data.images import check_sizes
from clnlib.data.nih import BOX_COLUMNS
from clnlib.errors import InputError, not_allowed, refuse, shortened

CORNERS = BOX_COLUMNS[3:]
TOLERANCE = 1.0  # pixels by which a box may leave its image, as rounding makes it; it is clipped

NIH_STYLE = re.compile(r"(?<!\d)(000\d{5})_\d{3}(?!\d)")  # 00000032_037: patient 32, image 37


def _composed(text: str) -> str:
    """One spelling of letters with accents, which some systems write as two (Unicode's NFC)."""
    return normalize("NFC", text)


def _portable(name: str) -> str:
    r"""`.\images\a.png`, as Windows writes it, as `images/a.png`; never out of the folder."""
    path = PurePosixPath(posixpath.normpath(_composed(name).replace("\\", "/")))
    if path.is_absolute() or ntpath.isabs(name) or ".." in path.parts:
        raise ValueError("must lie in the image folder, so may not begin with /, C:\\ or ..")
    return str(path)


_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_composed)
]


class _Image(BaseModel):
    id: int | str
    file_name: Annotated[str, Field(min_length=1), AfterValidator(_portable)]
    width: int = Field(gt=0, le=1_000_000)
    height: int = Field(gt=0, le=1_000_000)
    patient: int | _Name | None = None


class _Annotation(BaseModel):
    id: int | str
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float | None = None
    segmentation: Any = None
    # degrees around the centre of bbox, as CVAT writes it
    rotation: float | None = Field(
        None, validation_alias=AliasPath("attributes", "rotation"), allow_inf_nan=False
    )
    iscrowd: int = 0

    @property
    def upright(self) -> tuple[float, float, float, float]:
        """`bbox`, or the upright box around it where it is turned."""
        x, y, w, h = self.bbox
        cos, sin = (abs(f(math.radians(self.rotation or 0))) for f in (math.cos, math.sin))
        wide, high = w * cos + h * sin, w * sin + h * cos
        return x + (w - wide) / 2, y + (h - high) / 2, wide, high


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

    What is odd but can be used is printed as a note: names that differ in case only, boxes of one
    pixel, pictures turned by EXIF, patients taken from names.

    Parameters
    ----------
    annotations
        The JSON file. Each `bbox` is [x, y, width, height] in pixels of its image as a viewer
        shows it; where its `attributes` have a `rotation`, the upright box around it counts. An
        image may carry a `patient` (text or number): give it, so that splits can keep a patient
        together. Without it an NIH-style name (`00000032_037`) tells the patient.
    images
        The folder that `file_name` is relative to. None: the folder of the JSON file or its
        subfolder `images`, whichever has more of the files.

    Returns
    -------
    boxes : DataFrame
        One row per annotation: `image` (str, the `file_name` with `/` between folders), `patient`
        (str; the image's name where it is unknown), `finding` (str, the category's name), `x1`,
        `y1`, `x2`, `y2` (float32, relative to the image's width and height, in [0, 1]); sorted by
        all of them but `patient`. An image may have several boxes of one category. A box that
        leaves its image by at most 1 pixel is clipped.
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
        number, less than 1 pixel wide or high, not in pixels by its looks, contradicted by its
        `area`, or leaves its image; an image file that is missing, ambiguous, or by its header
        not of the size in the JSON. One error names up to 10 of them.

    References
    ----------
    Lin et al., Microsoft COCO, ECCV 2014, and the data format on its site.
    """
    annotations = Path(annotations)
    coco = _parse(annotations)
    boxed_ids = {entry.category_id for entry in coco.annotations}
    boxed = {entry.name for entry in coco.categories if entry.id in boxed_ids}
    # an exporter's root category, which no box uses, may bear the name of one below it
    coco.categories = [c for c in coco.categories if c.id in boxed_ids or c.name not in boxed]
    refuse(annotations, _repeats(coco))
    categories = {entry.id: entry.name for entry in sorted(coco.categories, key=lambda c: c.id)}
    boxes = _boxes(annotations, coco, categories)
    if len(boxed) < 2:
        has = f"boxes of one category, {min(boxed)!r}" if boxed else "no annotations"
        raise InputError(f"{annotations}: {has}; boxes of at least 2 categories are needed")
    names = sorted(set(boxes["image"]))
    for some in (sorted(boxed), names):
        times = Counter(map(str.casefold, some))
        if alike := [name for name in some if times[name.casefold()] > 1]:
            print(f"note: names that differ in case only are kept apart: {shortened(alike)}")
    files = _files(annotations, images, names)
    check_sizes(annotations, files, {i.file_name: (i.width, i.height) for i in coco.images})
    return boxes, files, tuple(categories.values())


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
        refuse(path, [_explained(content, by_key[key]) for key in reversed(by_key)])
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
    refuse(path, filter(None, (_wrong(entry, images, categories) for entry in coco.annotations)))
    rows, thin, from_names = [], [], {}
    for entry in coco.annotations:
        image, (x, y, w, h) = images[entry.image_id], entry.upright
        name = patient = image.file_name
        if image.patient is not None:
            patient = str(image.patient)
        elif match := NIH_STYLE.search(PurePosixPath(name).name):
            patient = from_names[name] = match[1]
        if min(w, h) < 2:
            thin.append(f"{entry.id!r} ({name})")
        relative = [x / image.width, y / image.height]
        relative += [(x + w) / image.width, (y + h) / image.height]
        rows.append((name, patient, categories[entry.category_id], *relative))
    if thin:
        print(f"note: {len(thin)} boxes are less than 2 pixels wide or high: {shortened(thin)}")
    if from_names:
        patients = len(set(from_names.values()))
        print(f"note: {patients} patients of {len(from_names)} images by their NIH-style names")
    boxes = pd.DataFrame(rows, columns=BOX_COLUMNS)
    boxes[CORNERS] = boxes[CORNERS].clip(0, 1).astype("float32")
    ids = pd.Series([entry.id for entry in coco.annotations])[boxes.duplicated()]
    refuse(path, (f"annotation {i!r}: repeats an earlier annotation" for i in ids))
    return boxes.sort_values(["image", "finding", *CORNERS], ignore_index=True)


def _wrong(
    entry: _Annotation, images: dict[int | str, _Image], categories: dict[int, str]
) -> str | None:
    """What is wrong with an annotation, with its id, the value and what is allowed."""
    what = f"annotation {entry.id!r}, "
    if entry.image_id not in images:
        return f"{what}image_id {entry.image_id!r}: no image has this id"
    image = images[entry.image_id]
    what = f"annotation {entry.id!r} ({image.file_name}), "
    if entry.category_id not in categories:
        return str(not_allowed(f"{what}category_id", entry.category_id, map(str, categories)))
    if entry.iscrowd:
        return f"{what}iscrowd {entry.iscrowd}: must be 0, a group has no one box; leave it out"
    turned = f" turned by {entry.rotation:g} degrees" if entry.rotation else ""
    what += f"bbox {list(entry.bbox)}{turned}: "
    size = f"its image of {image.width} x {image.height} pixels"
    if not all(map(math.isfinite, entry.bbox)):
        return f"{what}must be four numbers"
    if min(entry.bbox[2:]) <= 0:
        return f"{what}width and height must be more than 0"
    if max(map(abs, entry.bbox)) <= 1:
        return f"{what}looks normalised; must be in pixels of {size}"
    x, y, w, h = entry.upright
    if min(x, y) < -TOLERANCE or max(x + w - image.width, y + h - image.height) > TOLERANCE:
        return f"{what}leaves {size}; must be [x, y, width, height]"
    if min(min(x + w, image.width) - max(x, 0), min(y + h, image.height) - max(y, 0)) < 1:
        return f"{what}less than 1 pixel wide or high inside {size}"
    return _wrong_area(entry, what)


def _wrong_area(entry: _Annotation, what: str) -> str | None:
    """`area` is that of the box or, with an outline, that of what the outline encloses in it."""
    x, y, w, h = entry.bbox
    area, slack = entry.area or w * h, 0.01 * w * h + w + h + 1  # the sides rounded to pixels
    as_corners = w > x and h > y and abs((w - x) * (h - y) - area) <= 0.01 * area
    outlined = entry.segmentation not in (None, [], [[]], {})
    if abs(area - w * h) <= slack or (outlined and area < w * h and not as_corners):
        return None
    hint = "; is it [x1, y1, x2, y2]?" if as_corners else ""
    return f"{what}width times height is {w * h:g}, area says {area:g}{hint}"


def _files(annotations: Path, images: Path | None, names: list[str]) -> dict[str, Path]:
    """The file of each image name; one that is missing, or there twice, is refused."""
    folders = [annotations.parent, annotations.parent / "images"] if images is None else [images]
    found: list[dict[str, Path]] = []
    # accents as two letters, or backslashes that a careless unzip has left; the name itself wins
    spelt = {n: dict.fromkeys((n.replace("/", "\\"), normalize("NFD", n), n)) for n in names}
    for folder in folders:
        there = ((n, folder / s) for n in names for s in spelt[n] if os.path.isfile(folder / s))
        found.append(dict(there))
    best, *others = sorted(found, key=len, reverse=True)
    if missing := [name for name in names if name not in best]:
        raise InputError(
            f"{annotations}: {len(missing)} of the {len(names)} images with boxes are missing: "
            f"{shortened(missing)}; looked in {' and '.join(map(str, folders))}; "
            "name their folder with -p image_folder FOLDER"
        )
    pairs = [(best[name], path) for other in others for name, path in other.items()]
    differ = (f"{a} and {b} differ" for a, b in pairs if not filecmp.cmp(a, b, shallow=False))
    refuse(f"{annotations}: which file is meant? Move the other elsewhere", differ)
    return best
