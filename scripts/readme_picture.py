"""Draw the README's picture from a finished phantom run (never from real images).

python scripts/readme_picture.py runs/phantom/<run>
"""

import sys
from pathlib import Path

from clnbook import images, style
from clnlib import runs
from clnlib.data import sources
from clnlib.errors import InputError
from clnlib.metrics import localisation as metrics

TARGET = Path(__file__).resolve().parents[1] / "book" / "_static" / "gallery.png"


def main() -> None:
    run = runs.read(sys.argv[1])
    if run.parameters.dataset != "phantom":
        raise InputError(f"{run.folder}: not a run on drawn images; radiographs stay out")
    _, _, store = sources.prepared(run.parameters)
    test = run.part("test")
    rows = metrics.median_rows(test, run.findings)
    style.save(images.gallery(rows, store.images[rows["image"].map(store.index)]), TARGET)


if __name__ == "__main__":
    main()
