"""The tables of NIH ChestX-ray14 and its images on disk.

Source: Wang et al., ChestX-ray8, CVPR 2017, and the NIH Clinical Center; see `tables/README.md`.
"""

import filecmp
import gzip
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from clnlib import paths
from clnlib.errors import InputError, not_allowed, refuse, shortened
from clnlib.findings import BOXED, NO_FINDING, normalise

TABLES = Path(__file__).resolve().parent / "tables"
FRAME = 1024.0  # NIH's images are 1024 x 1024; its boxes are pixels of that frame
ROUNDING = 1.0  # x and w rounded to whole pixels can add up to one pixel too many
BOX_COLUMNS = ["image", "patient", "finding", "x1", "y1", "x2", "y2"]
LABEL_COLUMNS = ["image", "patient", "follow_up", "findings", "view", "age", "sex"]

_NAME = r"[0-9]{8}_[0-9]{3}\.png"
_FILE = re.compile(r"([0-9]{8}_[0-9]{3})\.(png|jpe?g)", re.IGNORECASE)

# our column: the spellings of its header, letters only; "Bbox [x,y,w,h]" reads "bboxx", "y", ...
_HEADERS = {
    "image": "image imageindex",
    "finding": "finding findinglabel",
    **{column: f"{column} bbox{column}" for column in "xywh"},
    "patient": "patient patientid",
    "follow_up": "followup",
    "findings": "findings labels findinglabels",
    "view": "view viewposition",
    "age": "age patientage",
    "sex": "sex patientsex patientgender",
}


class _Table:
    """A CSV file as text, indexed by line number, and the problems found in it."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self.path = path
        self.problems: list[tuple[int, str]] = []
        rows = _read_rows(path)
        header = [name.strip() for name in rows.pop(1, [])] or ["nothing"]
        letters = [re.sub("[^a-z]", "", name.lower()) for name in header]
        found = {
            column: [letters.index(name) for name in _HEADERS[column].split() if name in letters]
            for column in columns
        }
        if missing := [column for column, positions in found.items() if not positions]:
            raise InputError(
                f"{path}: no column for {shortened(missing)}; the header has {shortened(header)}; "
                f"expected {shortened(columns)} or the header of NIH's own file"
            )
        keep = [first for first, *_ in found.values()]
        cells = [[row[i].strip() if i < len(row) else "" for i in keep] for row in rows.values()]
        self.rows = pd.DataFrame(cells, columns=columns, index=list(rows), dtype="str")
        if self.rows.empty:
            raise InputError(f"{path}: a header but no rows")
        misnamed = ~self.rows["image"].str.fullmatch(_NAME)
        self.refuse(misnamed, "image", "must look like 00000032_037.png")

    def refuse(self, bad: pd.Series, column: str, why: str) -> None:
        """Note every row where `bad` is true, with the cell of `column` as the file has it."""
        for line, value in self.rows.loc[bad, column].items():
            self.problems.append((line, f"line {line}, {column} {value!r}: {why}"))

    def number(self, column: str) -> pd.Series:
        """A column as float64; what is no finite number is noted and becomes NaN."""
        values = pd.to_numeric(self.rows[column], errors="coerce").astype("float64")
        self.refuse(~np.isfinite(values), column, "must be a number")
        return values.where(np.isfinite(values))

    def translated(self, column: str, translate: Callable[[str], str]) -> pd.Series:
        """A column through `translate`; rows that it refuses are noted and keep their text."""
        names = {}
        for text in self.rows[column].unique():
            try:
                names[text] = translate(text)
            except InputError as error:
                names[text] = text
                bad = self.rows.index[self.rows[column] == text]
                self.problems += [(line, f"line {line}, {error}") for line in bad]
        return self.rows[column].map(names).astype("str")

    def done(self) -> None:
        """Raise one error for all problems, in the order of the lines."""
        refuse(self.path, (text for _, text in sorted(self.problems)))


def _read_rows(path: Path) -> dict[int, list[str]]:
    """The cells of every line that is not blank, by line number."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            # no cell of these tables holds a comma, so quotes carry no meaning
            lines = file.read().decode("utf-8-sig").replace('"', "").splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as a .csv or .csv.gz table ({error})") from error
    return {n: line.split(",") for n, line in enumerate(lines, start=1) if line.strip(", ")}


def _boxed(name: str) -> str:
    """The normalised name of a finding that NIH boxes."""
    try:
        finding = normalise(name)
    except InputError:
        finding = ""
    if finding not in BOXED:
        raise not_allowed("finding", name, BOXED)
    return finding


def _labels(text: str) -> str:
    """`Mass|Nodule` with each name normalised; empty for `No Finding`."""
    return "" if text == NO_FINDING else "|".join(normalise(name) for name in text.split("|"))


def load_boxes(path: Path | None = None) -> pd.DataFrame:
    """The expert boxes of NIH ChestX-ray14, from which stage 2 learns; a row is a box.

    Parameters
    ----------
    path
        Your own table, .csv or .csv.gz, with NIH's header (`Image Index, Finding Label,
        Bbox [x,y,w,h]`) or plain names (`image, finding, x, y, w, h`); x, y, w, h in pixels
        of the 1024 x 1024 image. None: the published 984 boxes, part of the package.

    Returns
    -------
    DataFrame
        `image` (str, NIH's file name with `.png`), `patient` (str, the name's first 8
        digits), `finding` (str, one of the 8 boxed), `x1`, `y1`, `x2`, `y2` (float32,
        relative to the frame, in [0, 1]); sorted by image, then finding. A box up to 1 pixel
        beyond the right or lower edge is clipped: so far x and w may have been rounded.

    Raises
    ------
    InputError
        A column is missing; a malformed image name, unknown finding, coordinate that is no
        number, width or height not above 0, box outside the frame, or image and finding of
        an earlier row. One error names up to 10 rows.

    Examples
    --------
    >>> len(load_boxes())
    984
    """
    table = _Table(Path(path or TABLES / "boxes.csv.gz"), ["image", "finding", *"xywh"])
    boxes = table.rows[["image"]].assign(
        patient=table.rows["image"].str[:8], finding=table.translated("finding", _boxed)
    )
    for start, size, low, high in (("x", "w", "x1", "x2"), ("y", "h", "y1", "y2")):
        begin = table.number(start)
        end = begin + table.number(size)
        table.refuse(begin < 0, start, "must be 0 or more, inside the 1024 x 1024 frame")
        table.refuse(end > FRAME + ROUNDING, size, f"{start} + {size} must be at most 1024")
        boxes[low] = (begin / FRAME).astype("float32")
        boxes[high] = (end / FRAME).clip(upper=1).astype("float32")
        # as late as this to catch what clipping or float32 makes empty, too
        empty = (boxes[high] <= boxes[low]) & (end <= FRAME + ROUNDING)
        table.refuse(empty, size, "must be more than 0, inside the 1024 x 1024 frame")
    again = boxes.duplicated(["image", "finding"])
    table.refuse(again, "image", "an earlier row has this image with the same finding")
    table.done()
    return boxes[BOX_COLUMNS].sort_values(["image", "finding"], ignore_index=True)


def load_labels(path: Path | None = None) -> pd.DataFrame:
    """Image-level findings of NIH ChestX-ray14, one row per image.

    Parameters
    ----------
    path
        NIH's `Data_Entry_2017_v2020.csv` or the older `Data_Entry_2017.csv`, packed with
        gzip or not. None: the published 112,120 rows, which ship with the package.

    Returns
    -------
    DataFrame
        `image` (str, with `.png`), `patient` (str, 8 digits), `follow_up` (int; not always
        the number in the image name), `findings` (str, names joined by `|`, empty for
        `No Finding`), `view` (`PA` or `AP`), `age` (int, whole years, also where the older
        file gives months or days), `sex` (`M` or `F`); sorted by image.

    Raises
    ------
    InputError
        A column is missing; a malformed or repeated image name, patient other than the
        name's, unknown finding, view, age or sex. One error names up to 10 rows.
    """
    table = _Table(Path(path or TABLES / "labels.csv.gz"), LABEL_COLUMNS)
    rows = table.rows
    table.refuse(rows.duplicated("image"), "image", "an earlier row has this image")
    patient = rows["image"].str[:8]
    table.refuse(rows["patient"].str.zfill(8) != patient, "patient", "not that of the image name")
    table.refuse(~rows["follow_up"].str.fullmatch(r"\d{1,9}"), "follow_up", "must be 0, 1, 2, ...")
    table.refuse(~rows["view"].isin(["PA", "AP"]), "view", "must be PA or AP")
    table.refuse(~rows["sex"].isin(["M", "F"]), "sex", "must be M or F")
    age = rows["age"].str.extract(r"^(\d{1,3})([YMD]?)$")
    table.refuse(age[0].isna(), "age", "must be years as in 58 or 058Y, or months or days (013M)")
    labels = rows.assign(patient=patient, findings=table.translated("findings", _labels))
    table.done()
    per_year = age[1].map({"": 1, "Y": 1, "M": 12, "D": 365}).astype("int64")
    labels["age"] = age[0].astype("int64") // per_year
    labels["follow_up"] = rows["follow_up"].astype("int64")
    return labels.sort_values("image", ignore_index=True)


def load_official_split(folder: Path | None = None) -> pd.DataFrame:
    """NIH's own division of the images, from `train_val_list.txt` and `test_list.txt`.

    Parameters
    ----------
    folder
        The NIH folder (default: `CLN_NIH_DIR`): lists at its top or in a direct subfolder.

    Returns
    -------
    DataFrame
        `image` (str, with `.png`), `part` (`train_val` or `test`); sorted by image.

    Raises
    ------
    InputError
        A list is missing, has a malformed name, or a name occurs twice.
    """
    top = paths.nih_dir() if folder is None else Path(folder)
    parts = []
    for part in ("train_val", "test"):
        name = f"{part}_list.txt"
        # the top first, then tables/, then the other subfolders
        places = [top / name, top / "tables" / name, *sorted(top.glob(f"*/{name}"))]
        if not (files := [place for place in places if place.is_file()]):
            raise InputError(
                f"{top / name}: no such file, nor in a subfolder of {top}; NIH's download has it "
                "at its top, beside the images folder: copy it here"
            )
        names = pd.Series(files[0].read_text("utf-8-sig", errors="replace").split(), dtype="str")
        if not (good := names.str.fullmatch(_NAME)).all() or names.empty:
            wrong = shortened(repr(name) for name in names[~good]) or "nothing"
            raise InputError(f"{files[0]}: {wrong}; each line must look like 00000032_037.png")
        parts.append(pd.DataFrame({"image": names, "part": part}))
    split = pd.concat(parts)
    if (again := split.duplicated("image")).any():
        twice = shortened(split.loc[again, "image"])
        raise InputError(f"{top}: listed twice in train_val_list.txt and test_list.txt: {twice}")
    return split.sort_values("image", ignore_index=True)


def find_images(folder: Path | None = None) -> dict[str, Path]:
    """Files of NIH images by stem (`00000032_037`), in any layout of folders.

    Parameters
    ----------
    folder
        Where to look, with everything below it but hidden folders (default: `CLN_NIH_DIR`);
        links are followed.

    Returns
    -------
    dict
        Stem to file (.png, .jpg, .jpeg, in any case), sorted by stem.

    Raises
    ------
    InputError
        No such folder, one that cannot be read, no image with such a name, or several files of
        one stem that are not equal in bytes: a mask, a smaller copy, a picture of the boxes.
    """
    top = paths.nih_dir() if folder is None else Path(folder)
    found: dict[str, list[Path]] = {}
    seen: set[str] = set()  # real paths, so that a link to a folder above cannot loop
    for place, folders, files in os.walk(top, onerror=_unreadable, followlinks=True):
        # sorted: which of two links to one folder is walked must not depend on the disk
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [] if (real := os.path.realpath(place)) in seen else shown
        seen.add(real)
        for match in filter(None, map(_FILE.fullmatch, files)):
            found.setdefault(match[1], []).append(Path(place, match[0]))
    if not found:
        raise InputError(
            f"{top}: no file named like 00000032_037.png, .jpg or .jpeg in or below it"
        )
    # only of several files the disk is asked whether they exist: a link may lead nowhere
    several = {s: sorted(filter(os.path.exists, f)) or f for s, f in found.items() if len(f) > 1}
    pairs = [(first, other) for _, (first, *others) in sorted(several.items()) for other in others]
    differ = (f"{a} and {b} differ" for a, b in pairs if not filecmp.cmp(a, b, shallow=False))
    refuse(f"{top}: which file is the radiograph? Move the other elsewhere", differ)
    return {stem: several.get(stem, many)[0] for stem, many in sorted(found.items())}


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: {error.strerror}") from error
