"""Do two checkouts carry the same evidence? For a change that must move code and no number.

    python scripts/same_evidence.py OLD NEW

Both are checkouts with an environment of their own (`make .venv/installed`). Compared are the
sha256 of every table of the book and of every committed prediction, the phantom's pixels, the
audit's ledger but for where its functions stand, the runs of every study, and, where both have
trained, the predictions under runs/. Exits with 1 where anything differs.
"""

import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MOVED = {"function", "line"}  # columns of the ledger that name a place in the code
ASKED = """
import hashlib, json
from importlib.util import find_spec
from clnlib import paths
from clnlib.data import nih, phantom
if find_spec("clnbook"):
    from clnbook import jobs
else:
    from clnlib import jobs
pixels = hashlib.sha256()
for image, rows in list(nih.load_boxes().groupby("image"))[::40]:
    boxes = [(r.finding, (r.x1, r.y1, r.x2, r.y2)) for r in rows.itertuples()]
    pixels.update(phantom.draw(image, boxes, 80, 2.0).tobytes())
studies = sorted(file.stem for file in (paths.CHECKOUT / "configs").glob("*.yaml"))
names = {f"runs of {study}": sorted(jobs.plan(study).runs) for study in studies}
print(json.dumps({"phantom's pixels": pixels.hexdigest(), **names}))
"""


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    old, new = (dict(evidence(Path(folder).resolve())) for folder in sys.argv[1:])
    trained = {name for name in old.keys() ^ new.keys() if name.startswith("runs/")}
    old, new = ({k: v for k, v in side.items() if k not in trained} for side in (old, new))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            sides = (str(side.get(name, "not there"))[:300] for side in (old, new))
            print(f"DIFFERS {name}: {' | '.join(sides)}")
    same = sum(old[name] == new.get(name) for name in old)
    print(f"{same} of {len(old)} are equal, {len(new.keys() - old.keys())} are new")
    sys.exit(old != new)


def evidence(checkout: Path) -> Iterator[tuple[str, object]]:
    """Name and value of everything that must stay."""
    for pattern in ("book/**/*.csv", "results/**/predictions.parquet"):
        for file in sorted(checkout.glob(pattern)):
            yield file.relative_to(checkout).as_posix(), _sha256(file)
    for file in sorted(checkout.glob("runs/*/*/predictions.parquet")):
        run = file.parent.name.rpartition("-")[0]  # without the digest
        yield f"runs/{file.parts[-3]}/{run}", _sha256(file)
    python = checkout / ".venv/bin/python"
    said = subprocess.run(
        [python, "-c", ASKED], cwd=checkout, check=True, stdout=subprocess.PIPE, text=True
    )
    yield from json.loads(said.stdout).items()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ledger.csv")
        words = [python, "scripts/write_ledger.py", file]
        subprocess.run(words, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
        for row in csv.DictReader(file.open(newline="", encoding="utf-8")):
            yield f"claim {row['id']}", {k: v for k, v in row.items() if k not in MOVED}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
