"""Augmented images a second: in order, in threads as a training reads them, and two peers.

    python benchmarks/feed_speed.py [--images 2000] [--size 224]

The peers do the same shift, scale, rotation, brightness and contrast: SciPy's affine map one image
at a time, and the random layers of Keras, batch by batch.
The ratio to SciPy and whether threads gave the same bytes are printed. Run it on idle cores.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from keras import layers
from scipy import ndimage

from clnlib.data import feed
from clnlib.data.feed import Examples, Feed

BATCH = 16


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--images", type=int, default=2000)
    words.add_argument("--size", type=int, default=224)
    given = words.parse_args()
    number, size = given.images // BATCH * BATCH, given.size
    images = np.random.default_rng(0).integers(0, 256, (number, size, size), dtype=np.uint8)
    targets = {"box": np.tile(np.float32([0.2, 0.2, 0.7, 0.7]), (number, 1))}
    batches = Feed(Examples(images, np.arange(number), targets), BATCH, (0, 0), augment=True)
    plain = Feed(Examples(images, np.arange(number), targets), BATCH, (0, 0))
    ways: dict[str, Callable[[], Iterable[np.ndarray]]] = {
        "not augmented": lambda: (plain[k][0] for k in range(len(plain))),
        "one after the other": lambda: (batches[k][0] for k in range(len(batches))),
        f"in {batches.workers} threads": lambda: _threads(batches),
        "Keras' layers": lambda: _keras(images),
        "SciPy": lambda: (_scipy(image) for image in images),
    }
    rates, sums = {}, {}
    for name, way in ways.items():
        start = time.perf_counter()
        sums[name] = sum(int(batch.sum(dtype=np.int64)) * (k + 1) for k, batch in enumerate(way()))
        rates[name] = number / (time.perf_counter() - start)
    for name, rate in rates.items():
        print(f"{name:20s} {rate:8.0f} images/s  {rate / rates['SciPy']:6.2f} × SciPy")
    _, ordered, threads, *_ = sums.values()
    print("threads gave the same batches:", ordered == threads)


def _threads(batches: Feed) -> Iterable[np.ndarray]:
    """The batches in order, made in threads, as Keras' `fit` has them made."""
    with ThreadPoolExecutor(batches.workers) as pool:
        yield from (images for images, _ in pool.map(batches.__getitem__, range(len(batches))))


def _keras(images: np.ndarray) -> Iterable[np.ndarray]:
    """Keras' own augmentation; its zoom and rotation are two maps, as its layers are."""
    rng = {"seed": 0}
    distort = [
        layers.RandomTranslation(feed.SHIFT, feed.SHIFT, **rng),
        layers.RandomZoom(feed.SCALE, **rng),
        layers.RandomRotation(feed.ROTATION / 360, **rng),
        layers.RandomBrightness(feed.BRIGHTNESS / 255, **rng),
        layers.RandomContrast(feed.CONTRAST, value_range=(0, 255), **rng),
    ]
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH, ..., None].astype(np.float32)
        for layer in distort:
            batch = layer(batch, training=True)
        yield np.asarray(batch)


def _scipy(grey: np.ndarray) -> np.ndarray:
    """One image with a fixed middling distortion, brightness and contrast."""
    angle, centre = np.radians(feed.ROTATION / 2), grey.shape[0] / 2
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / 1.05
    offset = centre - back @ (centre + 5, centre + 5)
    moved = ndimage.affine_transform(grey, back, offset, order=1)
    changed = (moved.astype(np.float32) - 128) * 1.1 + 138
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
