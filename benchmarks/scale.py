"""Stage 1 on nearly all of NIH's images: seconds and memory of every step, by the number of images.

    python benchmarks/scale.py benchmarks/scale.csv [--images 1000 3000 10000 30000 96000]

No image of NIH is needed: links with NIH's names, of patients without a box, lead to 400 drawn
radiographs of 256 pixels, a quarter of NIH's side.
Every step is a process of its own, whose largest memory is noted:

hash, hash again   which images there are and what is in them, the first and the second time;
                   every later step begins with the second
decoding           reading every image to 64 pixels, and keeping none
store              building the store, in a folder where nothing is
first batch        from the start of a process until it has a batch, the store being there
two epochs         stage 1, MobileNetV3Small, 64 pixels, with the record written
page               the notebook of stage 1 on that record
publishing         the record as it is committed
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
DRAWN, SIDE, SIZE = 400, 256, 64


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("out", type=Path)
    words.add_argument("--images", type=int, nargs="+", default=[1000, 3000, 10000, 30000, 96000])
    words.add_argument("--step", choices=STEPS)
    given = words.parse_args()
    if given.step:
        start = time.perf_counter()
        STEPS[given.step]()
        seconds = time.perf_counter() - start
        whose = resource.RUSAGE_CHILDREN if given.step == "page" else resource.RUSAGE_SELF
        memory = resource.getrusage(whose).ru_maxrss / 1024
        given.out.write_text(f"{seconds:.2f} {memory:.0f}")
        return
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _draw(folder / "drawn")
        for number in given.images:
            os.environ["CLN_NIH_DIR"] = str(_linked(folder, number))
            os.environ["CLN_HOME"] = str(folder / f"home-{number}")
            for step in STEPS:
                start = time.perf_counter()
                note = folder / "note"
                again = [sys.executable, __file__, str(note), "--step", step]
                subprocess.run(again, check=True, cwd=ROOT, stdout=sys.stderr)
                seconds, memory = map(float, note.read_text().split())
                if step == "first batch":
                    seconds = time.perf_counter() - start
                lines.append([number, step, seconds, memory])
                print(f"{number:7d} {step:12s} {seconds:8.1f} s {memory:6.0f} MiB", flush=True)
            pd.DataFrame(lines, columns=["images", "step", "seconds", "MiB"]).to_csv(
                given.out, index=False
            )
            shutil.rmtree(os.environ["CLN_HOME"])
    report(pd.read_csv(given.out))


def report(table: pd.DataFrame) -> None:
    """Print what the steps cost beside decoding, and how memory grows."""
    wide = table.pivot(index="images", columns="step", values="seconds")
    known = wide["hash again"]  # what the other steps begin with: tables, and files known already
    decoding = wide["decoding"] - known
    ratios = pd.DataFrame(
        {
            "store / decoding": (wide["store"] - known) / decoding,
            "hash / decoding": (wide["hash"] - known) / decoding,
            "tables and known hashes, s": known,
            "first batch, s": wide["first batch"],
            "largest memory, MiB": table.groupby("images")["MiB"].max(),
        }
    )
    print(ratios.to_string(float_format="{:.3f}".format))


def _draw(folder: Path) -> None:
    from PIL import Image

    from clnlib.data import nih, phantom

    folder.mkdir()
    boxes = nih.load_boxes().groupby("image").first().head(DRAWN)
    for k, row in enumerate(boxes.itertuples()):
        found = [(row.finding, (row.x1, row.y1, row.x2, row.y2))]
        Image.fromarray(phantom.draw(row.Index, found, SIDE, 4)).save(folder / f"{k}.png")


def _linked(folder: Path, number: int) -> Path:
    """A folder of NIH's names, the official lists among them, its images links to drawn ones."""
    from clnlib.data import nih

    labels = nih.load_labels()
    labels = labels[~labels["patient"].isin(nih.load_boxes()["patient"])]
    if number > len(labels):
        raise SystemExit(f"{number} images: there are {len(labels)} of patients without a box")
    names = labels["image"].iloc[:: len(labels) // number].iloc[:number]
    made = folder / f"nih-{number}"
    (made / "images").mkdir(parents=True)
    for k, name in enumerate(names):
        (made / "images" / name).symlink_to(folder / "drawn" / f"{k % DRAWN}.png")
    cut = names.iloc[len(names) * 4 // 5][:8]  # a patient is in one list
    in_test = names.str[:8] >= cut
    (made / "train_val_list.txt").write_text("\n".join(names[~in_test]))
    (made / "test_list.txt").write_text("\n".join(names[in_test]))
    return made


def _parameters():
    from clnlib.parameters import Finetune

    return Finetune(
        dataset="nih14", image_size=SIZE, epochs=2, study="scale", patience=2, learning_rate=1e-3
    )


def _hash() -> None:
    from clnlib.data import sources

    sources.labelled(_parameters())


def _decode() -> None:
    from clnlib.data import sources

    source = sources.labelled(_parameters())
    names = list(source.rows["image"])
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(names), 64):  # as the store does, so that none are kept
            for _ in pool.map(source.read, names[start : start + 64]):
                pass


def _store() -> None:
    from clnlib.data import sources

    sources.prepared(_parameters())


def _first_batch() -> None:
    import numpy as np

    from clnlib.data import sources
    from clnlib.data.feed import Examples, Feed

    prepared = sources.prepared(_parameters())
    rows = prepared.rows["image"].map(prepared.store.index).to_numpy()
    targets = {"finding": np.zeros((len(rows), 14), np.float32)}
    Feed(Examples(prepared.store.images, rows, targets), 16, shuffle=(0, 0))[0]


def _train() -> None:
    from clnlib.model.training import finetune

    finetune(_parameters())


def _page() -> None:
    from clnbook.jobs import words

    out = Path(os.environ["CLN_HOME"]) / "page.ipynb"
    given = words(_parameters()).split()
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "notebooks/finetune.ipynb"]
    subprocess.run([*command, str(out), *given], check=True, cwd=ROOT)


def _publish() -> None:
    from clnbook.publish import published
    from clnlib import runs

    (run,) = runs.study("scale", stage="finetune")
    published(run, Path(os.environ["CLN_HOME"]) / "results")


STEPS: dict[str, Callable[[], None]] = {
    "hash": _hash,
    "hash again": _hash,
    "decoding": _decode,
    "store": _store,
    "first batch": _first_batch,
    "two epochs": _train,
    "page": _page,
    "publishing": _publish,
}


if __name__ == "__main__":
    main()
