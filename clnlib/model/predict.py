"""A finished run applied to radiograph files: pictures, a CSV, a COCO file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from clnlib import io, runs
from clnlib.data.images import (
    DICOM_NAMES,
    ImageError,
    is_dicom,
    read_grey,
    sample_bits,
    to_square,
)
from clnlib.errors import InputError, shortened
from clnlib.model.network import build_cln
from clnlib.parameters import Predict

# what a folder's files are tried by; the last ones only so that they are named as not supported
SUFFIXES = (".png", ".jpg", ".jpeg", *DICOM_NAMES, ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2")
BATCH = 16
RESEARCH_ONLY = (
    "Research software: not a medical device, not validated for any clinical use. It names one of "
    "its findings for every image, also for a healthy or a foreign one."
)


def load_model(run: runs.Run) -> Any:
    """The trained CLN of a finished stage-2 run, its best epoch's weights in it."""
    p = run.train
    if not run.weights.exists():
        raise InputError(f"{run.weights}: not there; records under results/ have no weights")
    released = run.provenance.get("released_sha256")
    if released and io.content_sha256([run.weights])[run.weights] != released:
        raise InputError(f"{run.weights}: not the file that was released; get it again")
    model = build_cln(p.backbone, p.size, len(run.findings), p.pooling, p.box_unit)
    try:
        model.load_weights(run.weights)
    except (OSError, ValueError) as error:  # Keras refuses links and storage outside the file
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{run.weights}: not the weights of this run: {reason}") from None
    return model


def predict(parameters: Predict) -> pd.DataFrame:
    """Apply a trained run to image files of your own, and write its boxes and probabilities.

    Writes `predictions.csv` and `predictions.json` (COCO detection format, boxes in pixels of the
    file, `score` the probability) into `parameters.out`.

    Returns
    -------
    DataFrame
        One row per file, in order of their names: `image`, `width`, `height` (pixels), `finding`
        (the likeliest), `probability`, `x1`, `y1`, `x2`, `y2` (pixels, NaN for an empty box),
        `p_<finding>`, and `problem` (why a file could not be read, else empty).

    Raises
    ------
    InputError
        The run is not a finished train run, there is no image, none can be read, or a package to
        read one with is not installed.

    Examples
    --------
    >>> seen = predict(Predict(run="trial/<run>", images="scans"))  # doctest: +SKIP
    """
    run = runs.read(parameters.run)
    files = image_files(parameters.images)
    out = Path(parameters.out).expanduser()
    _refuse_what_is_not_ours(out, parameters.images)
    with io.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    inside = sorted(Path(parameters.images).expanduser().glob("[!.]*/"))
    if folders := [path.name for path in inside]:
        print(f"note: not looked into: {shortened(folders)}")
    model = load_model(run)
    bits = sample_bits(files)
    rows: list[dict[str, Any]] = []
    with tqdm(desc="images", total=len(files), delay=1) as progress:
        for start in range(0, len(files), BATCH):
            rows += _batch(model, files[start : start + BATCH], bits, run)
            progress.update(len(rows) - start)
    table = pd.DataFrame(rows)
    unread = table[table["problem"] != ""]
    if len(unread) == len(table):
        raise InputError(f"no image could be read: {shortened(unread['problem'])}")
    if len(unread):
        print(f"{len(unread)} of {len(table)} files not read: {shortened(unread['problem'])}")
    io.write_json(out / "predictions.json", as_coco(table, run.findings))  # first: it says whose
    io.write_atomically(out / "predictions.csv", lambda p: table.to_csv(p, index=False))
    return table


def _refuse_what_is_not_ours(out: Path, images: str) -> None:
    """Refuse an `out` that holds the images, or predictions that this function did not write."""
    given = Path(images).expanduser()
    if out.resolve() == (given.parent if given.is_file() else given).resolve():
        raise InputError(f"out {out}: the folder of the images themselves; name another one")
    table, file = out / "predictions.csv", out / "predictions.json"
    ours = file.is_file() and RESEARCH_ONLY in file.read_text(encoding="utf-8", errors="replace")
    if not ours and (table.exists() or file.exists()):
        raise InputError(f"out {out}: has predictions of something else; name another folder")


def image_files(images: str) -> list[Path]:
    """The image itself, or every picture and DICOM file right in the folder, by name.

    DICOM is told by its content, whatever the name. Hidden files, and the DICOMDIR of a disc, are
    left out; subfolders are not looked into.
    """
    if not images:
        raise InputError("images: nothing given; name an image or a folder, -p images PATH")
    path = Path(images).expanduser()
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"images {images}: no such file or folder")
    shown = [p for p in sorted(path.iterdir()) if p.name[0] != "." and p.name != "DICOMDIR"]
    files = [p for p in shown if p.is_file() and (p.suffix.lower() in SUFFIXES or is_dicom(p))]
    if not files:
        raise InputError(f"images {images}: no PNG, JPEG or DICOM file in this folder")
    return files


def _batch(model: Any, files: list[Path], bits: int, run: runs.Run) -> list[dict[str, Any]]:
    """Rows of a few files; an unreadable one gets its problem instead of a prediction."""
    rows: list[dict[str, Any]] = []
    squares: list[NDArray[np.uint8]] = []
    for file in files:
        row: dict[str, Any] = {"image": file.name, "problem": ""}
        try:
            grey = read_grey(file, bits)
            row["height"], row["width"] = grey.shape
            squares.append(to_square(grey, run.train.size))
        except ImageError as error:
            row["problem"] = str(error)
        rows.append(row)
    if not squares:
        return rows
    out = model.predict_on_batch(np.stack(squares)[..., None])
    read = (row for row in rows if not row["problem"])
    for row, probabilities, box in zip(read, out["finding"], out["box"], strict=True):
        likeliest = int(probabilities.argmax())
        row |= {"finding": run.findings[likeliest], "probability": float(probabilities[likeliest])}
        row |= _pixels(box, row["width"], row["height"])
        row |= {runs.PROBABILITY + f: float(probabilities[k]) for k, f in enumerate(run.findings)}
    return rows


def _pixels(box: NDArray[np.float32], width: int, height: int) -> dict[str, float]:
    """A relative box in pixels of the file, clipped to it; NaN where nothing is left."""
    x1, y1, x2, y2 = (float(v) for v in np.clip(box, 0, 1) * [width, height, width, height])
    values = (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else (np.nan,) * 4
    return dict(zip(runs.TRUE_BOX, values, strict=True))


def as_coco(table: pd.DataFrame, findings: tuple[str, ...]) -> dict[str, Any]:
    """The predictions as a COCO detection file; files without a box have no annotation."""
    read = table[table["problem"] == ""].reset_index(drop=True)
    boxed = read.dropna(subset=runs.TRUE_BOX)
    return {
        "info": {"description": RESEARCH_ONLY},
        "images": [
            {"id": k, "file_name": r.image, "width": int(r.width), "height": int(r.height)}
            for k, r in enumerate(read.itertuples(index=False))
        ],
        "annotations": [
            {
                "id": k,
                "image_id": int(boxed.index[k]),
                "category_id": findings.index(r.finding),
                "bbox": [r.x1, r.y1, r.x2 - r.x1, r.y2 - r.y1],
                "area": (r.x2 - r.x1) * (r.y2 - r.y1),
                "iscrowd": 0,
                "score": r.probability,
            }
            for k, r in enumerate(boxed.itertuples(index=False))
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(findings)],
    }
