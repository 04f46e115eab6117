"""Remake the package's NIH tables from the torchxrayvision wheel, which carries NIH's own files.

    python scripts/make_tables.py              # writes clnlib/data/tables/
    python scripts/make_tables.py --check      # remakes them elsewhere and compares
    python scripts/make_tables.py --wheel FILE # the same, from a wheel that is already here

Rows keep NIH's order and cells keep NIH's text: only columns are dropped and renamed.
"""

import argparse
import csv
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PIN = "torchxrayvision==1.5.7"
WHEEL_DATE = "2025-09-18"
WHEEL_SHA256 = "95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41"
TABLES = Path(__file__).resolve().parents[1] / "clnlib" / "data" / "tables"

# our file: (NIH's file, rows, our column name -> position in NIH's file); by position because
# NIH's headers split "Bbox [x,y,w,h]" and "OriginalImage[Width,Height]" at their commas
RECIPES = {
    "boxes.csv.gz": (
        "BBox_List_2017.csv.gz",
        984,
        {"image": 0, "finding": 1, "x": 2, "y": 3, "w": 4, "h": 5},
    ),
    "labels.csv.gz": (
        "Data_Entry_2017_v2020.csv.gz",
        112_120,
        {"image": 0, "patient": 3, "follow_up": 2, "labels": 1, "view": 6, "age": 4, "sex": 5},
    ),
}

README = """\
# Tables of NIH ChestX-ray14

Made by `scripts/make_tables.py`; do not edit. Images and tables: NIH Clinical Center, free to use
with attribution and the citation

> X. Wang, Y. Peng, L. Lu, Z. Lu, M. Bagheri, R. M. Summers. ChestX-ray8: Hospital-scale Chest X-ray
> Database and Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax
> Diseases. CVPR 2017, pp. 2097-2106.

Source: the wheel of `{pin}` ({date}), SHA-256 `{wheel}`, which carries
NIH's files unchanged. Rows keep NIH's order, cells NIH's text; columns were dropped and renamed.
The sums below are of the unpacked CSV text, because gzip's bytes differ between zlib versions.

| file | rows | SHA-256, unpacked | NIH's file | its SHA-256, unpacked |
|---|---|---|---|---|
{rows}

`boxes.csv.gz`: one row per expert box (880 images, 726 patients). All boxed images are in NIH's
official test list.

| column | meaning |
|---|---|
| image | NIH's file name: patient (8 digits), image number (3 digits), `.png` |
| finding | as NIH spells it: `Infiltrate` here is `Infiltration` in the labels |
| x, y, w, h | left, top, width, height in pixels of the 1024 x 1024 image, fractional |

`archives.csv`, written by hand: NIH's twelve archives of images, the addresses as in NIH's
`batch_download_zips.py`, the MD5 sums as in its `FAQ_CHESTXRAY.pdf` (question 7), the sizes
as its server tells them (October 2026).

`labels.csv.gz`: one row per image (30,805 patients), labels text-mined from radiology reports.

| column | meaning |
|---|---|
| image | as above |
| patient | NIH's `Patient ID`, equal to the first 8 digits of the image name |
| follow_up | NIH's `Follow-up #`; in 24,106 rows not the number in the image name |
| labels | findings joined by a vertical bar, or `No Finding` |
| view | `PA` or `AP` |
| age | whole years at the time of the image |
| sex | `M` or `F` |
"""


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def download(folder: Path) -> Path:
    """Fetch the pinned wheel alone: its dependencies (torch) are not wanted."""
    pip = [found] if (found := shutil.which("pip")) else [sys.executable, "-m", "pip"]
    arguments = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*pip, *arguments, PIN], check=True)
    return next(folder.glob("torchxrayvision-*.whl"))


def narrowed(source: bytes, rows: int, columns: dict[str, int]) -> bytes:
    """NIH's CSV text with our columns and header."""
    records = [row for row in csv.reader(io.StringIO(source.decode("utf-8"))) if row][1:]
    if len(records) != rows:
        raise SystemExit(f"expected {rows} rows, found {len(records)}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[position].strip() for position in columns.values()] for row in records)
    return text.getvalue().encode("utf-8")


def make(wheel: Path, folder: Path) -> None:
    """Write both tables and their README into `folder`."""
    if (found := sha256(wheel.read_bytes())) != WHEEL_SHA256:
        raise SystemExit(f"{wheel.name}: SHA-256 is {found}, expected {WHEEL_SHA256}")
    lines = []
    for name, (nih_name, rows, columns) in RECIPES.items():
        with zipfile.ZipFile(wheel) as archive:
            source = gzip.decompress(archive.read(f"torchxrayvision/data/{nih_name}"))
        table = narrowed(source, rows, columns)
        (folder / name).write_bytes(gzip.compress(table, 9, mtime=0))
        nih_csv = nih_name.removesuffix(".gz")
        lines.append(
            f"| `{name}` | {rows} | `{sha256(table)}` | `{nih_csv}` | `{sha256(source)}` |"
        )
    readme = README.format(pin=PIN, date=WHEEL_DATE, wheel=WHEEL_SHA256, rows="\n".join(lines))
    (folder / "README.md").write_text(readme, encoding="utf-8")


def unpacked(path: Path) -> bytes:
    """The bytes to compare: those inside the gzip, whatever zlib packed them."""
    data = path.read_bytes() if path.exists() else b""
    return gzip.decompress(data) if path.suffix == ".gz" else data


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is already on this machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        made = scratch / "tables"
        made.mkdir()
        make(options.wheel or download(scratch), made)
        for path in sorted(made.iterdir()):
            if not options.check:
                TABLES.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, TABLES / path.name)
            elif unpacked(path) != unpacked(TABLES / path.name):
                raise SystemExit(f"{TABLES / path.name} differs from a fresh one: remake it")
            print(f"{path.name}: {'same' if options.check else 'written'}")


if __name__ == "__main__":
    main()
