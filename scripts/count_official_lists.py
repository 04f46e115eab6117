"""Count where NIH's own two lists put the images with an expert box.

    python scripts/count_official_lists.py $CLN_NIH_DIR clnbook/printed/official_lists.csv

The folder holds `train_val_list.txt` and `test_list.txt`, which NIH's download has at its top. The
lists are not part of this project; their counts are, with the sha256 of the files counted.
"""

import hashlib
import sys
from pathlib import Path

import pandas as pd

from clnlib.data import nih
from clnlib.errors import InputError
from clnlib.io import write_atomically


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, target = map(Path, sys.argv[1:])
    try:
        table = counted(folder)
    except InputError as error:  # a list that is missing or is none
        sys.exit(str(error))
    write_atomically(target, lambda path: table.to_csv(path, index=False))
    print(f"{table['images'].sum():,} images in {len(table)} lists: {target}")


def counted(folder: Path) -> pd.DataFrame:
    """A row per list, as `clnbook.published.official_lists` describes it."""
    split, boxes = nih.load_official_split(folder), nih.load_boxes()
    rows = []
    for part in ("train_val", "test"):
        images = split.loc[split["part"] == part, "image"]
        rows.append(
            {
                "list": f"{part}_list.txt",
                "sha256": hashlib.sha256(_bytes(folder, f"{part}_list.txt")).hexdigest(),
                "images": len(images),
                "boxed_images": len(set(images) & set(boxes["image"])),
                "boxed_patients": len(set(images.str[:8]) & set(boxes["patient"])),
            }
        )
    return pd.DataFrame(rows)


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise InputError(f"{folder / name}: no such file; name the folder that holds it") from None


if __name__ == "__main__":
    main()
