"""Training through the store against training from an array in memory: the ratio of their times.

    python benchmarks/store_speed.py [--repeats 5]

Epochs of the two alternate in one process (MobileNetV3Small, 224 pixels, batches of 16, 160
phantoms), so both see the same machine; the medians' ratio is printed.
"""

import argparse
import statistics
import time

import numpy as np

from clnlib.data import sources
from clnlib.data.feed import Examples, Feed
from clnlib.model import network, session
from clnlib.model.losses import compile_cln
from clnlib.parameters import Prepare
from clnlib.runs import TRUE_BOX


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--repeats", type=int, default=5)
    repeats = words.parse_args().repeats
    source, split, store = sources.prepared(Prepare(phantom_images=160, image_size=224))
    codes = split["finding"].map(list(source.findings).index).to_numpy()
    targets = {
        "finding": np.eye(8, dtype="float32")[codes],
        "box": split[TRUE_BOX].to_numpy("float32"),
    }
    rows = split["image"].map(store.index).to_numpy()
    session.begin(0)
    model = network.build_cln("mobilenetv3small", 224)
    compile_cln(model, 0.4)

    def feed(images: np.ndarray, epoch: int) -> Feed:
        return Feed(Examples(images, rows, targets), 16, shuffle=(0, epoch))

    ways = {"store": store.images, "memory": np.array(store.images)}
    for images in ways.values():
        model.fit(feed(images, 0), shuffle=False, verbose=0)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(repeats):
        for name, images in ways.items():
            start = time.perf_counter()
            model.fit(feed(images, epoch), shuffle=False, verbose=0)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:7s} {value:.3f} s an epoch of {len(rows)} boxes (median of {repeats})")
    print(f"store / memory: {medians['store'] / medians['memory']:.3f}")


if __name__ == "__main__":
    main()
