"""The small model that comes with the repository, for `predict` with nothing trained.

    python -m clnbook.release <study>     # where the study has run and its images are

Of the study's runs under the patient split, validation chooses: the largest sum of mean AUC and
mean IoU. The record goes into `models/<backbone>/`, its large arrays in half precision, with a
README of what the model reaches and must not be used for.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clnbook import changes, names, summary, yardsticks
from clnbook.publish import published
from clnbook.style import cell, change
from clnbook.summary import NETWORK
from clnlib import io, paths, runs
from clnlib.errors import InputError
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, mean_iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, Run

HARM = 0.05  # of the side, or of a probability, that half precision may move
LARGEST = 3_000_000  # bytes of the weight file, so that a clone stays small
SOURCES = {
    "nih880": "radiographs (NIH ChestX-ray14, one hospital, 8-bit images)",
    "phantom": "drawn radiographs",
}
CARD = """\
# The small network

{name}. Made by `python -m clnbook.release {study}` from the run `{run}`; do not edit.

**Research software: not a medical device, not validated for any clinical use.** It names one of
{findings} findings for every image, also for a healthy or a foreign one, and draws one box. Do not
use it to diagnose, to triage, or to label data that somebody else will trust.

**Learnt from** {rows} boxes of {images} {source},
reduced to {size} pixels a side; start: {start}. Weights in half precision, {bytes} bytes.

**Chosen** among {candidates} runs by validation alone: the largest sum of mean AUC and mean IoU.

| on the {tests} test boxes, means over findings | value (95 % interval over patients) |
|---|---|
{table}

The last lines say what the network is worth beside boxes that do not look at the image: a
difference whose interval holds 0 is none. How well experts agree with each other is on the page
*localisation* of the book. Half precision changes a test box by at most {box:.4f} of the side and
a probability by at most {probability:.4f}.
"""


def chosen(candidates: Sequence[Run]) -> Run:
    """The run whose validation is best, of those that keep patients apart.

    Raises
    ------
    InputError
        No such run, or its weights are not on this machine.
    """
    apart = [run for run in candidates if run.train.protocol == "patient"]
    if not apart:
        raise InputError("no run of this study keeps patients apart")
    best = max(apart, key=validation)
    if not best.weights.exists():
        raise InputError(f"{best.weights}: the best run by validation has no weights here")
    return best


def validation(run: Run) -> float:
    """Mean AUC plus mean IoU on the validation part."""
    rows = run.part("validation")
    return mean_auc(rows, run.findings) + mean_iou(rows, run.findings)[MEAN]


def release(study: str, folder: Path) -> Path:
    """Choose a run of a study and write it below `folder`; returns the new record.

    Raises
    ------
    InputError
        As `chosen`; the images are not here; the file would be too large, or its predictions
        other ones.
    """
    candidates = runs.study(study)
    run = chosen(candidates)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        made = published(run, Path(temporary))
        weights = made / runs.WEIGHTS
        halve(run.weights, weights)
        if weights.stat().st_size > LARGEST:
            raise InputError(f"{weights}: {weights.stat().st_size} bytes, {LARGEST} allowed")
        facts = run.provenance | {"released_sha256": io.content_sha256([weights])[weights]}
        io.write_json(made / "provenance.json", facts)
        io.write_text(made / "README.md", _card(run, runs.read(made), candidates))
        target = folder / run.train.backbone
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    return target


def halve(weights: Path, target: Path) -> None:
    """Copy a weight file with its matrices and kernels as float16; vectors stay as they are.

    BatchNorm's variances are vectors; some are too small for half precision.
    """
    import h5py
    from h5py import h5f, h5g, h5p

    made, of_groups, access = map(h5p.create, (h5p.FILE_CREATE, h5p.GROUP_CREATE, h5p.FILE_ACCESS))
    for properties in (made, of_groups):
        properties.set_obj_track_times(False)  # equal networks give equal bytes
    # The oldest format takes kilobytes for every small array.
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    created = h5f.create(os.fsencode(target), h5f.ACC_TRUNC, made, access)

    with h5py.File(weights, "r") as old, h5py.File(created) as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                values = item[()].astype(np.float16) if item.ndim > 1 else item[()]
                packed = {"compression": "gzip", "shuffle": True, "chunks": values.shape}
                new.create_dataset(name, data=values, **(packed if item.ndim > 1 else {}))
            else:
                h5g.create(new.id, name.encode(), gcpl=of_groups)
            new[name].attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)


def _card(run: Run, made: Run, candidates: Sequence[Run]) -> str:
    """The README of a released run, every number from its record or computed here."""
    box, probability = _moved(run, made)
    test = summary.summary(run)
    ends = (NETWORK, f"{NETWORK} low", f"{NETWORK} high")
    lines = [
        (str(quantity), cell(value, low, high, digits=3))
        for quantity, value, low, high in test[list(ends)].itertuples()
    ]
    apart = yardsticks.table(run)
    lines += [
        (
            f"mean IoU minus that of {yardsticks.YARDSTICKS[series]}",
            change(difference, low, high, digits=3),
        )
        for series, difference, low, high in apart.loc[
            apart["series"] != NETWORK, ["series", "difference", "low", "high"]
        ].itertuples(index=False)
    ]
    rows = run.part("train")
    return CARD.format(
        name=f"{changes.described(run)}, seed {run.train.seed}",
        study=run.parameters.study,
        run=run.folder.name,
        findings=len(run.findings),
        source=SOURCES.get(run.parameters.dataset, "images of a reader's own"),
        rows=len(rows),
        images=rows["image"].nunique(),
        size=run.parameters.size,
        start=names.valued("weights", run),
        bytes=made.weights.stat().st_size,
        candidates=sum(each.train.protocol == "patient" for each in candidates),
        tests=len(run.part("test")),
        table="\n".join(f"| {name} | {text} |" for name, text in lines),
        box=box,
        probability=probability,
    )


def _moved(run: Run, made: Run) -> tuple[float, float]:
    """By how much half precision moves test boxes and probabilities, at most."""
    from clnlib.data import sources
    from clnlib.model.predict import load_model

    rows = run.part("test")
    pixels = sources.prepared(run.train).pixels(rows)
    out = load_model(made).predict(pixels[..., None], verbose=0)
    boxes = np.abs(out["box"] - rows[PREDICTED_BOX].to_numpy())
    chances = rows[[PROBABILITY + f for f in run.findings]].to_numpy()
    most = float(boxes.max()), float(np.abs(out["finding"] - chances).max())
    if not max(most) < HARM:
        raise InputError(f"{run.weights}: half precision moves a box or a probability by {most}")
    return most


def main() -> None:
    """`python -m clnbook.release STUDY`."""
    if len(sys.argv) != 2:
        raise SystemExit(main.__doc__)
    made = release(sys.argv[1], paths.CHECKOUT / "models")
    print((made / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
