"""Positive control: can each backbone learn a few real images by heart, boxes and findings?

    CLN_NIH_DIR=<folder> python benchmarks/overfit.py benchmarks/overfit.csv
    ... --imagenet mobilenetv3small=FILE --backbones mobilenetv3small xception

16 and 32 images of one box each, with the paper's 1 − IoU and with GIoU; network and box unit as in
a training, λ as the paper has it for the backbone, but every step sees all images. A curve has a
row for every twentieth step and ends after three rows with a mean IoU above 0.9 as evaluated, or
after 1,600 steps. Finished curves are kept, so that it goes on after a kill.
"""

import argparse
import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clnbook.by_heart import CURVE
from clnbook.published import LAMBDAS
from clnlib.data import sources
from clnlib.data.feed import Examples, Feed
from clnlib.io import write_atomically
from clnlib.parameters import BACKBONES, Train

SIZE, EVERY, STEPS, LEARNT = 128, 20, 1600, 0.9  # pixels; steps; steps; mean IoU
SETTING = {"dataset": "nih880", "image_size": SIZE, "bn_momentum": 0.9, "learning_rate": 3e-4}


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("table", type=Path)
    words.add_argument("--imagenet", action="append", default=[], metavar="BACKBONE=FILE")
    words.add_argument("--backbones", nargs="+", default=BACKBONES)
    given = words.parse_args()
    weights = dict(each.split("=", 1) for each in given.imagenet)
    done = pd.read_csv(given.table) if given.table.exists() else pd.DataFrame(columns=CURVE)
    # What can be learnt comes first, of every backbone, so that it is there when time ends.
    for loss, images, backbone in itertools.product(("giou", "iou"), (16, 32), given.backbones):
        if (done[CURVE] == [backbone, images, loss]).all(axis=1).any():
            continue
        own = {"backbone": backbone, "lam": LAMBDAS[backbone], "loss": loss, "batch_size": images}
        p = Train.check({**SETTING, **own, "weights": weights.get(backbone)})
        curve = learn(p, images).assign(backbone=backbone, images=images, loss=loss)
        done = pd.concat([done, curve], ignore_index=True) if len(done) else curve
        write_atomically(given.table, functools.partial(done.to_csv, index=False))
    print(done.groupby(CURVE, sort=False).last().to_string(float_format="{:.3f}".format))


def learn(p: Train, number: int) -> pd.DataFrame:
    """Train on `number` images until they are known; a row after every `EVERY` steps.

    `training IoU` is what a step sees (statistics of its batch); the others are of the network as
    it is evaluated: mean IoU, share of boxes without any overlap, accuracy, dead coordinates.
    """
    from clnlib.model import session
    from clnlib.model.stages import STAGE_2

    prepared = sources.prepared(p)
    session.begin(p.seed)
    session.keep_memory()
    alone = prepared.rows.drop_duplicates("image", keep=False)
    chosen = alone.sample(number, random_state=0).index.to_numpy()
    rows = prepared.rows["image"].map(prepared.store.index).to_numpy()
    every = Examples(prepared.store.images, rows, STAGE_2.targets(prepared))
    few = every.some(chosen)
    model, _ = STAGE_2.build(p, prepared, dict(few.targets))
    lines: list[dict[str, Any]] = []
    for step in range(EVERY, STEPS + 1, EVERY):
        told = [
            model.fit(Feed(few, p.batch_size, (p.seed, step + k)), verbose=0, shuffle=False)
            for k in range(EVERY)
        ]
        seen = STAGE_2.validate(p, model, Feed(few, p.batch_size))
        line = {
            "step": step,
            "training IoU": told[-1].history["box_iou"][0],
            "IoU": seen["val_box_iou"],
            "no overlap": seen["val_box_no_overlap"],
            "accuracy": seen["val_finding_accuracy"],
            "dead coordinates": round(4 * seen["val_box_dead"]),
        }
        lines.append(line)
        print(p.backbone, number, {k: round(float(v), 3) for k, v in line.items()}, flush=True)
        if np.min([row["IoU"] for row in lines[-3:]]) > LEARNT and len(lines) > 2:
            break
    return pd.DataFrame(lines)


if __name__ == "__main__":
    main()
