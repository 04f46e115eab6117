"""Draw the README's picture from a finished phantom run (never from real images).

python scripts/readme_picture.py runs/phantom/<run>
"""

import sys
from pathlib import Path

from clnbook import figures
from clnlib import runs
from clnlib.data import sources
from clnlib.errors import InputError
from clnlib.metrics import localisation as metrics
from clnlib.parameters import Prepare

TARGET = Path(__file__).resolve().parents[1] / "docs" / "gallery.png"


def main() -> None:
    run = runs.read(sys.argv[1])
    if run.parameters["dataset"] != "phantom":
        raise InputError(f"{run.folder}: not a run on drawn images; radiographs stay out")
    given = {k: v for k, v in run.parameters.items() if k in Prepare.model_fields}
    _, _, store = sources.prepared(Prepare.check(given))
    test = run.predictions[run.predictions["part"] == "test"]
    rows = metrics.median_rows(test, run.findings)
    figures.save(figures.gallery(rows, store.images[rows["image"].map(store.index)]), TARGET)


if __name__ == "__main__":
    main()
