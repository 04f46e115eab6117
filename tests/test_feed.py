"""Every row once an epoch, everything random repeatable, boxes where their pixels are."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clnlib.backend import keras
from clnlib.data import feed as feed_module
from clnlib.data import nih
from clnlib.data.feed import Examples, Feed, distort
from clnlib.data.store import Content, build_store
from clnlib.runs import TRUE_BOX

SIZE = 96
SMAPS = Path("/proc/self/smaps")
FULL = np.array([0.25, 0.25, 0.75, 0.75], np.float32)


def examples(number: int = 23, size: int = 8) -> dict:
    """Images that hold their row number, two targets, and rows in another order than given."""
    images = np.arange(number, dtype=np.uint8)[:, None, None] * np.ones((size, size), np.uint8)
    rows = np.arange(number)[::-1].copy()
    targets = {
        "finding": np.eye(number, dtype=np.float32)[rows],
        "box": np.tile(FULL, (number, 1)),
    }
    return {"images": images, "rows": rows, "targets": targets}


def whole(feed: Feed) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All batches of an epoch, joined."""
    batches = [feed[k] for k in range(len(feed))]
    return np.concatenate([images for images, _ in batches]), {
        name: np.concatenate([targets[name] for _, targets in batches]) for name in batches[0][1]
    }


def rectangle(x1: int, y1: int, x2: int, y2: int) -> tuple[np.ndarray, np.ndarray]:
    """A white rectangle on black, and its relative box."""
    grey = np.zeros((SIZE, SIZE), np.uint8)
    grey[y1:y2, x1:x2] = 255
    return grey, np.array([x1, y1, x2, y2], np.float32) / SIZE


def bright_box(grey: np.ndarray) -> np.ndarray:
    """The bounding box of the pixels that are more white than black, in pixels."""
    rows, columns = (np.flatnonzero((grey > 128).any(axis=axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.fixture
def amounts(monkeypatch):
    """Set the limits of `distort`; those that are not named are 0."""

    def set_to(shift=0.0, scale=0.0, rotation=0.0, brightness=0.0, contrast=0.0) -> None:
        monkeypatch.setattr(feed_module, "SHIFT", shift)
        monkeypatch.setattr(feed_module, "SCALE", scale)
        monkeypatch.setattr(feed_module, "ROTATION", rotation)
        monkeypatch.setattr(feed_module, "BRIGHTNESS", brightness)
        monkeypatch.setattr(feed_module, "CONTRAST", contrast)

    return set_to


# batches


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
@pytest.mark.parametrize("augment", [False, True])
def test_every_row_once(batch_size, augment):
    """An epoch has every example exactly once, with its targets; the last batch is short."""
    feed = Feed(Examples(**examples()), batch_size=batch_size, shuffle=(0, 3), augment=augment)
    lengths = [len(feed[k][0]) for k in range(len(feed))]
    assert sum(lengths) == 23
    assert lengths[:-1] == [batch_size] * (len(feed) - 1)
    assert 1 <= lengths[-1] <= batch_size
    images, targets = whole(feed)
    assert images.shape == (23, 8, 8, 1)
    assert images.dtype == np.uint8
    of_target = targets["finding"].argmax(axis=1)
    assert sorted(of_target) == list(range(23))
    if not augment:
        assert images[:, 0, 0, 0].tolist() == of_target.tolist()


def test_without_shuffle_the_order_is_kept():
    """Predictions come in the order of the rows."""
    images, _ = whole(Feed(Examples(**examples()), batch_size=4))
    assert images[:, 3, 3, 0].tolist() == list(range(23))[::-1]


def test_order_depends_on_seed_and_epoch():
    """Equal (seed, epoch), equal order; any other pair, another order."""

    def order(*shuffle: int) -> list[int]:
        images, _ = whole(Feed(Examples(**examples()), batch_size=7, shuffle=shuffle))
        return images[:, 0, 0, 0].tolist()

    orders = {(seed, epoch): order(seed, epoch) for seed in range(3) for epoch in range(4)}
    assert order(1, 2) == orders[1, 2]
    assert len({tuple(o) for o in orders.values()}) == 12
    assert list(range(23))[::-1] not in orders.values()


def test_stage1_has_no_boxes():
    """Without a target `box` images are still distorted."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 32, 32), dtype=np.uint8)
    feed = Feed(
        Examples(images, np.arange(4), {"label": np.arange(4)}), 2, shuffle=(0, 0), augment=True
    )
    got, targets = whole(feed)
    assert not any((image[..., 0] == original).all() for image in got for original in images)
    assert sorted(targets["label"]) == [0, 1, 2, 3]


# augmentation


def augmented(epoch: int, batch_size: int, seed: int = 5) -> dict[int, tuple[bytes, bytes]]:
    """Example → its distorted pixels and box."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (12, 32, 32), dtype=np.uint8)
    targets = {"name": np.arange(12), "box": np.tile(FULL, (12, 1))}
    feed = Feed(
        Examples(pictures, np.arange(12), targets),
        batch_size,
        shuffle=(seed, epoch),
        augment=True,
        flip=True,
    )
    images, got = whole(feed)
    return {
        int(n): (images[k].tobytes(), got["box"][k].tobytes()) for k, n in enumerate(got["name"])
    }


def test_augmentation_is_repeatable():
    """Seed, epoch and example decide the distortion; batches and earlier reads do not."""
    once = augmented(epoch=2, batch_size=5)
    assert augmented(epoch=2, batch_size=5) == once
    assert augmented(epoch=2, batch_size=1) == once
    assert augmented(epoch=2, batch_size=12) == once


def test_augmentation_differs():
    """Other epochs and seeds distort every example in another way."""
    once = augmented(epoch=2, batch_size=5)
    for other in (augmented(epoch=3, batch_size=5), augmented(epoch=2, batch_size=5, seed=6)):
        assert all(other[name] != once[name] for name in once)
    assert len(set(once.values())) == 12


def test_a_batch_can_be_read_again():
    """Reading a batch twice gives the same batch: nothing is changed in between."""
    given_examples = examples()
    feed = Feed(Examples(**given_examples), batch_size=4, shuffle=(0, 0), augment=True)
    first, second = feed[1], feed[1]
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1]["box"], second[1]["box"])
    assert (given_examples["targets"]["box"] == FULL).all()
    assert not (first[1]["box"] == FULL).all()


def test_keras_reads_augmented_batches_in_order():
    """A model gets the batches that the feed gives, in their order, though threads make them."""
    pictures = np.random.default_rng(3).integers(0, 256, (70, 32, 32), dtype=np.uint8)
    feed = Feed(Examples(pictures, np.arange(70), {}), 4, shuffle=(0, 1), augment=True)
    feed.workers = 3
    image = keras.Input((32, 32, 1))
    got = keras.Model(image, keras.layers.Rescaling(1.0)(image)).predict(feed, verbose=0)
    np.testing.assert_array_equal(got, whole(feed)[0])


def test_the_store_is_never_changed(tmp_path):
    """Augmentation works on copies: the memory map stays read-only and its file the same."""
    pictures = np.random.default_rng(2).integers(0, 256, (9, 16, 16), dtype=np.uint8)
    names = [f"{k}.png" for k in range(9)]
    store = build_store(tmp_path / "s", Content(names, 16, {}), lambda n: (pictures[int(n[0])], {}))
    targets = {"box": np.tile(FULL, (9, 1))}
    feed = Feed(Examples(store.images, np.arange(9), targets), 4, shuffle=(0, 0), augment=True)
    images, _ = whole(feed)
    assert not isinstance(feed[0][0], np.memmap)
    images[:] = 0
    np.testing.assert_array_equal(store.images, pictures)
    assert (tmp_path / "s" / "images.u8").read_bytes() == pictures.tobytes()
    assert not store.images.flags.writeable


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux, which says what a map keeps")
def test_a_batch_leaves_nothing_of_the_store_in_memory(tmp_path):
    """However large a store, a process that reads its batches holds none of its pages."""

    def held():
        """KiB of the map of `file` in this process' memory."""
        (part,) = re.findall(rf"{re.escape(str(file))}\n.*?\nRss: +(\d+)", SMAPS.read_text(), re.S)
        return int(part)

    file = tmp_path / "images.u8"
    (np.arange(512 * 64 * 64) % 256).astype(np.uint8).tofile(file)
    images = np.memmap(file, np.uint8, "r", shape=(512, 64, 64))
    assert images.max() == 255 and held() == 2048  # read in another way, they stay
    pixels = whole(Feed(Examples(images, np.arange(512), {"box": np.zeros((512, 4))}), 16))[0]
    assert held() == 0 and (pixels[..., 0] == images).all()


# geometry


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32 - 1),
    flip=st.booleans(),
    corner=st.tuples(st.integers(0, SIZE - 6), st.integers(0, SIZE - 6)),
    sides=st.tuples(st.integers(6, 80), st.integers(6, 80)),
)
def test_the_box_goes_with_the_pixels(seed, flip, corner, sides):
    """The box lies around the bright region: within 1.5 pixels of 96.

    The tolerance holds half a pixel of sampling and the tip of a corner, which after a rotation
    covers less than half of its pixel. Where the frame cuts the rectangle the box is that of the
    whole corners, clipped, so the bright region is only promised to lie inside it.
    """
    x1, y1 = corner
    x2, y2 = min(x1 + sides[0], SIZE), min(y1 + sides[1], SIZE)
    grey, box = rectangle(x1, y1, x2, y2)
    changed, moved = distort(grey, box, np.random.default_rng(seed), flip)
    assert changed.dtype == np.uint8
    assert moved.dtype == np.float32
    difference = bright_box(changed) - moved * SIZE
    if moved.min() > 0 and moved.max() < 1:
        assert np.abs(difference).max() <= 1.5
    assert (difference[:2] >= -1.5).all() and (difference[2:] <= 1.5).all()
    assert moved.min() >= 0 and moved.max() <= 1


def test_flip_mirrors_x(amounts):
    """Alone, the mirror is exact: (x1, x2) becomes (1 − x2, 1 − x1), in about half of all cases."""
    amounts()
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    box = np.array([0.125, 0.25, 0.5, 0.875], np.float32)
    mirrored = 0
    for seed in range(100):
        changed, moved = distort(grey, box, np.random.default_rng(seed), flip=True)
        if (changed == grey).all():
            np.testing.assert_allclose(moved, box, atol=1e-7)
        else:
            mirrored += 1
            np.testing.assert_array_equal(changed, grey[:, ::-1])
            np.testing.assert_allclose(moved, [0.5, 0.25, 0.875, 0.875], atol=1e-7)
    assert 30 <= mirrored <= 70


def test_without_flip_nothing_is_mirrored(amounts):
    """A heart has a side: mirroring must be asked for."""
    amounts()
    grey, box = rectangle(10, 20, 40, 60)
    for seed in range(20):
        changed, moved = distort(grey, box, np.random.default_rng(seed))
        np.testing.assert_array_equal(changed, grey)
        np.testing.assert_allclose(moved, box, atol=1e-7)


def test_shift_alone_keeps_the_size(amounts):
    """A shift by up to 0.05 moves all four coordinates alike, in both directions."""
    amounts(shift=0.05)
    grey, box = rectangle(30, 30, 60, 50)
    shifts = []
    for seed in range(100):
        _, moved = distort(grey, box, np.random.default_rng(seed))
        np.testing.assert_allclose(moved[2:] - moved[:2], box[2:] - box[:2], atol=1e-6)
        shifts.append(moved[:2] - box[:2])
    assert np.abs(shifts).max() <= 0.05 + 1e-6
    assert np.min(shifts) < -0.03 and np.max(shifts) > 0.03


def test_scale_alone_keeps_the_centre(amounts):
    """A centred box of side 1/2 gets sides of 0.45 to 0.55, the same in x and y."""
    amounts(scale=0.1)
    grey, box = rectangle(24, 24, 72, 72)
    sides = []
    for seed in range(100):
        _, moved = distort(grey, box, np.random.default_rng(seed))
        np.testing.assert_allclose((moved[:2] + moved[2:]) / 2, 0.5, atol=1e-6)
        sides.append(moved[2:] - moved[:2])
    np.testing.assert_allclose(*np.transpose(sides), atol=1e-6)
    assert 0.45 - 1e-6 <= np.min(sides) < 0.47
    assert 0.53 < np.max(sides) <= 0.55 + 1e-6


def test_rotation_alone_widens_the_box(amounts):
    """A centred square of side a turned by t has an upright box of side a (cos t + sin |t|).

    At 5 degrees that is 0.5 (0.99619 + 0.08716) = 0.54168.
    """
    amounts(rotation=5.0)
    grey, box = rectangle(24, 24, 72, 72)
    sides = []
    for seed in range(200):
        _, moved = distort(grey, box, np.random.default_rng(seed))
        sides.append(moved[2:] - moved[:2])
    assert np.min(sides) >= 0.5 - 1e-6
    assert 0.53 < np.max(sides) <= 0.54168


def test_augmentation_makes_targets_a_tenth_larger():
    """The upright box around a turned expert box has a tenth more area on average, as docs say."""
    boxes = nih.load_boxes()[TRUE_BOX].to_numpy(np.float32)[::5]
    grey, ratios = np.zeros((16, 16), np.uint8), []
    for k, box in enumerate(boxes):
        _, moved = distort(grey, box, np.random.default_rng(k))
        ratios.append(np.prod(moved[2:] - moved[:2]) / np.prod(box[2:] - box[:2]))
    assert 1.06 < np.mean(ratios) < 1.14


def test_grey_values_alone(amounts):
    """Brightness and contrast change v to (v − 128) gain + 128 + lift, and no box."""
    amounts(brightness=20.0, contrast=0.2)
    grey = np.tile(np.array([[108, 128], [148, 128]], np.uint8), (SIZE // 2, SIZE // 2))
    gains, lifts = [], []
    for seed in range(200):
        changed, moved = distort(grey, FULL, np.random.default_rng(seed))
        dark, middle, light = (float(changed[grey == v].mean()) for v in (108, 128, 148))
        lifts.append(middle - 128)
        gains.append((light - dark) / 40)
        assert abs((dark + light) / 2 - middle) <= 1
        np.testing.assert_allclose(moved, FULL, atol=1e-7)
    assert -20 <= min(lifts) < -15 and 15 < max(lifts) <= 20
    assert 0.775 <= min(gains) < 0.85 and 1.15 < max(gains) <= 1.225


def test_grey_values_do_not_wrap():
    """Values beyond 0 and 255 stop there."""
    light, dark = np.full((8, 8), 255, np.uint8), np.zeros((8, 8), np.uint8)
    for seed in range(50):
        assert distort(light, None, np.random.default_rng(seed))[0][4, 4] > 200
        assert distort(dark, None, np.random.default_rng(seed))[0][4, 4] < 60


def test_a_box_mostly_out_of_frame_keeps_the_image():
    """A box that would lose more than half its area stays, and so do the pixels' places.

    Its four pixels in the corner leave the frame with some shifts; with those only the grey
    values change, all by the same rule.
    """
    grey = np.random.default_rng(4).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    box = np.array([92, 92, 96, 96], np.float32) / SIZE
    area = (4 / SIZE) ** 2
    kept = 0
    for seed in range(200):
        changed, moved = distort(grey, box, np.random.default_rng(seed))
        assert (moved[2] - moved[0]) * (moved[3] - moved[1]) >= 0.5 * area - 1e-9
        if (moved == box).all():
            kept += 1
            means = [np.unique(changed[grey == value]) for value in range(256)]
            assert all(len(values) == 1 for values in means)
            assert (np.diff(np.concatenate(means).astype(int)) >= 0).all()
    assert 20 <= kept <= 180


def test_no_box_no_box():
    """Without a box there is none afterwards, and the image is distorted all the same."""
    grey, box = rectangle(30, 30, 60, 60)
    changed, moved = distort(grey, None, np.random.default_rng(0))
    assert moved is None
    np.testing.assert_array_equal(changed, distort(grey, box, np.random.default_rng(0))[0])
