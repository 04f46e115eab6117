"""What do BatchNorm's moving statistics cost a finished network? Its own against new ones.

    CLN_NIH_DIR=<folder> python benchmarks/bn_statistics.py RUN [RUN …]

RUN is a finished stage-2 run with weights, as `<study>/<run>` or its folder. The new statistics
are the means, over the training batches of an epoch, of what a training step normalises with;
nothing else changes, and the epoch stays the one that the old statistics chose.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd

from clnbook.summary import AUC, MEAN_IOU
from clnlib import runs
from clnlib.data import sources
from clnlib.data.feed import Examples, Feed
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, mean_iou
from clnlib.model.stages import STAGE_2


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("run", nargs="+")
    lines = {}
    for given in words.parse_args().run:
        run = runs.read(runs.find(given))
        lines[run.folder.name, "own"], lines[run.folder.name, "new"] = compared(run)

    table = pd.DataFrame(lines).T
    means = table.groupby(level=1, sort=False).mean()
    for each in (table, means):
        print(each.to_string(float_format="{:.3f}".format), end="\n\n")


def compared(run: runs.Run) -> tuple[dict[str, float], dict[str, float]]:
    """AUC and mean IoU on the test part, of the recorded predictions and with new statistics."""
    from clnlib.model.predict import load_model

    prepared, model = sources.prepared(run.train), load_model(run)
    rows = prepared.rows["image"].map(prepared.store.index).to_numpy()
    examples = Examples(prepared.store.images, rows, {})
    is_train = prepared.rows["part"].to_numpy() == "train"
    p = run.train.filled()
    learnt = examples.some(np.flatnonzero(is_train))
    estimate(model, Feed(learnt, p.batch_size, (p.seed, 0), bool(p.augment), p.flip))
    test = examples.some(np.flatnonzero(prepared.rows["part"] == "test"))
    out = model.predict(Feed(test, p.batch_size), verbose=0)
    old = run.part("test")
    new = old.assign(**STAGE_2.columns(out, run.findings))
    first, second = (
        {AUC: mean_auc(part, run.findings), MEAN_IOU: mean_iou(part, run.findings)[MEAN]}
        for part in (old, new)
    )
    return first, second


def estimate(model: Any, feed: Feed) -> None:
    """Set every BatchNorm's statistics to their means over the batches."""
    from clnlib.backend import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for k in range(len(feed)):
        for layer in norms:
            layer.momentum = k / (k + 1)  # so that the moving mean is the mean of all batches yet
        model(feed[k][0], training=True)


if __name__ == "__main__":
    main()
