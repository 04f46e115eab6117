"""How well radiologists' boxes agree: the book's table, from two public sets of annotations.

    python scripts/experts_agreement.py WHEEL RSNA_TO_NIH.csv

WHEEL is torchxrayvision's (`pip download --no-deps torchxrayvision==1.5.7`), read as a zip file;
RSNA_TO_NIH.csv pairs the image names of RSNA's challenge with NIH's, by equal pixels. Writes
`clnbook/printed/experts.csv.gz`: overlaps of pairs of boxes, without coordinates or image names.
`clnbook/printed/README.md` says what each column holds.
"""

import argparse
import gzip
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pandas as pd

from clnbook.experts import BEST, MEAN_BOX, ONE, RSNA, TABLE, UNSEEN, VINDR
from clnlib.data.nih import FRAME, load_boxes
from clnlib.errors import InputError, shortened
from clnlib.io import write_atomically
from clnlib.metrics.boxes import iou

VINDR_FILE = "torchxrayvision/data/vinbigdata-train.csv.gz"
RSNA_FILE = "torchxrayvision/data/kaggle_stage_2_train_labels.csv.zip"
FINDINGS = ("Atelectasis", "Cardiomegaly", "Infiltration", "Nodule/Mass", "Pleural effusion",
            "Pneumothorax")  # fmt: skip
# RSNA's readers marked opacities that may be pneumonia; NIH's other findings are other things.
OPACITIES = ("Infiltration", "Pneumonia")
SAME = 10.0  # mean squared difference of grey values (0 to 255) up to which two images are one
BOX = ["x1", "y1", "x2", "y2"]
KEY = ["image", "finding"]
COLUMNS = ["source", "convention", "finding", "image", "reader", "other", "iou"]


def vindr(wheel: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """VinDr-CXR's boxes (`image`, `finding`, `reader`, `x1` to `y2`), and who read which image."""
    corners = ["x_min", "y_min", "x_max", "y_max"]
    rows = _member(wheel, VINDR_FILE, ["image_id", "class_name", "rad_id", *corners])
    names = {"image_id": "image", "class_name": "finding", "rad_id": "reader"}
    rows = rows.rename(columns=names | dict(zip(corners, BOX, strict=True)))
    boxes = rows[rows["finding"].isin(FINDINGS)].dropna(subset=BOX)
    if boxes.empty:
        raise InputError(f"{wheel}: {VINDR_FILE} holds no box of {shortened(FINDINGS)}")
    return boxes[[*KEY, "reader", *BOX]], rows[["image", "reader"]].drop_duplicates()


def among_readers(boxes: pd.DataFrame, readers: pd.DataFrame) -> pd.DataFrame:
    """Overlaps among the readers of the same images, by every convention.

    Parameters
    ----------
    boxes
        `image`, `finding`, `reader`, `x1` to `y2`.
    readers
        `image`, `reader`: who read which image, whether or not with a box.

    Returns
    -------
    DataFrame of all `COLUMNS` but the source; `other` is missing for the mean box of the others.
    """
    boxes = boxes.reset_index(drop=True).rename_axis("box").reset_index()
    boxes["drawn"] = boxes.groupby([*KEY, "reader"])["box"].transform("size")
    others = boxes[[*KEY, "reader", "drawn", *BOX]].rename(columns={"reader": "other"})
    pairs = boxes.merge(others, on=KEY, suffixes=("", " other")).query("reader != other")
    pairs = overlaps(pairs)
    one = pairs.query("reader < other and drawn == 1 and `drawn other` == 1")
    # A row for each box and each other reader of its image, also one who did not mark the finding.
    each = boxes.merge(readers.rename(columns={"reader": "other"}), on="image")
    each = each.query("reader != other").set_index(["box", "other"])
    each["iou"] = pairs.groupby(["box", "other"])["iou"].max()
    each = each.reset_index()
    tables = {ONE: one, BEST: each.dropna(subset="iou"), UNSEEN: each.fillna({"iou": 0.0}),
              MEAN_BOX: against_others(boxes[boxes["drawn"] == 1])}  # fmt: skip
    return _joined(tables)


def against_others(single: pd.DataFrame) -> pd.DataFrame:
    """Each reader's only box against the mean of two or more others' only boxes of the finding."""
    groups = single.groupby(KEY)[BOX]
    number = groups.transform("size")
    rest = groups.transform("sum") - single[BOX]
    mean = rest.div(number - 1, axis=0).add_suffix(" other")
    return overlaps(single.join(mean)[number > 2])


def rsna(wheel: Path, mapping: Path) -> pd.DataFrame:
    """RSNA's boxes, and images without one, under NIH's image names, in pixels."""
    drawn = _member(wheel, RSNA_FILE, ["patientId", "x", "y", "width", "height"])
    wanted = ["rsna_patientId", "nih_image", "match_mse"]
    try:
        with open(mapping, "rb") as file:
            matches = _table(file, mapping, wanted, None)
    except OSError as error:
        raise InputError(f"{mapping}: cannot be read ({error.strerror})") from error
    matches = matches[matches["match_mse"] <= SAME].sort_values("match_mse", kind="stable")
    matches = matches.drop_duplicates("nih_image").set_index("rsna_patientId")["nih_image"]
    rows = drawn.assign(image=drawn["patientId"].map(matches)).dropna(subset="image")
    if rows.empty:
        raise InputError(f"{mapping}: matches no image of {RSNA_FILE}")
    ends = {"x1": rows["x"], "y1": rows["y"]}
    ends |= {"x2": rows["x"] + rows["width"], "y2": rows["y"] + rows["height"]}
    return rows[["image"]].assign(**ends)


def against_nih(boxes: pd.DataFrame, nih: pd.DataFrame) -> pd.DataFrame:
    """Overlaps of NIH's boxes of opacities with the best of the other set's on the same image.

    Parameters
    ----------
    boxes
        `image`, `x1` to `y2`; NaN for an image without a box.
    nih
        `image`, `finding`, `x1` to `y2`, in the same unit.
    """
    nih = nih[nih["finding"].isin(OPACITIES)]
    pairs = overlaps(nih.merge(boxes, on="image", suffixes=("", " other")))
    groups = pairs.groupby(KEY, as_index=False)["iou"]
    best = groups.max().assign(drawn=groups.count()["iou"])
    return _joined(
        {ONE: best.query("drawn == 1"), BEST: best.query("drawn > 0"),
         UNSEEN: best.fillna({"iou": 0.0})}
    )  # fmt: skip


def overlaps(pairs: pd.DataFrame) -> pd.DataFrame:
    """The same rows with `iou`, of the boxes `x1` to `y2` and `x1 other` to `y2 other`."""
    others = pairs[[f"{name} other" for name in BOX]]
    return pairs.assign(iou=iou(pairs[BOX], others))


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of several conventions', with the columns of the printed table but the source."""
    each = [table.assign(convention=name) for name, table in tables.items()]
    return pd.concat(each, ignore_index=True).reindex(columns=COLUMNS[1:])


def anonymous(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Images and readers as numbers from 1, rows in a fixed order."""
    who = pd.concat([table["reader"], table["other"]]).dropna().unique()
    number = {name: k for k, name in enumerate(sorted(who), start=1)}
    table = table.assign(
        source=source,
        image=pd.factorize(table["image"], sort=True)[0] + 1,
        **{name: table[name].map(number).astype("Int64") for name in ("reader", "other")},
    )
    return table[COLUMNS].sort_values(COLUMNS, ignore_index=True)


def _member(wheel: Path, name: str, columns: Iterable[str]) -> pd.DataFrame:
    """A packed table inside the wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as file:
            return _table(file, f"{wheel}: {name}", columns, _packing(name))
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(
            f"{wheel}: not a wheel with {name} ({error}); "
            "get it with pip download --no-deps torchxrayvision==1.5.7"
        ) from error


def _packing(name: str) -> str:
    return {".gz": "gzip", ".zip": "zip"}[Path(name).suffix]


def _table(
    file: IO[bytes], where: object, columns: Iterable[str], packing: str | None
) -> pd.DataFrame:
    """A CSV table that has some columns."""
    try:
        table = pd.read_csv(file, compression=packing)
    except (ValueError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{where}: not a table ({error})") from error
    if missing := [name for name in columns if name not in table]:
        raise InputError(
            f"{where}: no column {shortened(missing)}; the header has {shortened(table.columns)}"
        )
    return table


def made(wheel: Path, mapping: Path) -> pd.DataFrame:
    """The whole printed table."""
    nih = load_boxes()
    nih[BOX] *= FRAME
    readers = among_readers(*vindr(wheel))
    opacities = against_nih(rsna(wheel, mapping), nih)
    return pd.concat([anonymous(readers, VINDR), anonymous(opacities, RSNA)], ignore_index=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="torchxrayvision-1.5.7-py3-none-any.whl")
    parser.add_argument("mapping", type=Path, help="rsna_to_nih.csv")
    options = parser.parse_args()
    try:
        table = made(options.wheel, options.mapping)
    except InputError as error:
        raise SystemExit(str(error)) from error
    # Six digits: no overlap that is above a threshold is rounded to it.
    text = table.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode()
    write_atomically(TABLE, lambda p: p.write_bytes(gzip.compress(text, 9, mtime=0)))
    print(f"{TABLE.name}: {len(table):,} rows")


if __name__ == "__main__":
    main()
