"""Several devices share a batch and compute what one computes."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from clnlib import runs
from clnlib.backend import keras
from clnlib.data.feed import Examples, Feed
from clnlib.errors import InputError
from clnlib.model import devices

TRAINED = """
import sys
from clnlib.model.training import train
from clnlib.parameters import Train
small = {"phantom_images": 50, "image_size": 32, "epochs": 2, "augment": True}
print(train(Train(**small, devices=int(sys.argv[1]))).folder)
"""


def _run(devices, home):
    """A training of 39 rows, so that the last batch, of 7, does not divide."""
    env = {**os.environ, "KERAS_BACKEND": "jax", "CLN_HOME": str(home)}
    env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    command = [sys.executable, "-c", TRAINED, str(devices)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return runs.read(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")
def test_several_devices_are_one(tmp_path):
    """History and predictions of two devices are one device's, within float error."""
    one, two = (_run(number, tmp_path / str(number)) for number in (1, 2))
    assert len(one.part("train")) % 16 % 2 == 1 and two.folder.name != one.folder.name
    np.testing.assert_allclose(two.history, one.history, rtol=1e-3, atol=1e-5)
    numbers = one.predictions.select_dtypes("number").columns
    np.testing.assert_allclose(two.predictions[numbers], one.predictions[numbers], atol=1e-4)


@pytest.mark.parametrize(
    ("here", "number", "message"),
    [
        (["gpu:0", "gpu:1"], 3, r"devices=3: 2 here \(gpu:0, gpu:1\)"),
        (["gpu:0", "gpu:1", "gpu:2"], 3, "devices=3: batch_size=16 does not divide"),
    ],
)
def test_devices_that_cannot_share_a_batch(monkeypatch, here, number, message):
    """Too few devices, or a batch that does not divide: said before anything is built."""
    monkeypatch.setattr(devices.keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(devices.keras.distribution, "list_devices", lambda: here)
    with pytest.raises(InputError, match=message):
        devices.share(number, 16)


def test_several_devices_need_jax():
    """Another backend is named, and the way out; one device asks for nothing."""
    devices.share(1, 16)
    assert keras.distribution.distribution() is None
    if keras.backend.backend() != "jax":
        with pytest.raises(InputError, match=r"devices=2: 1 here .*KERAS_BACKEND=jax"):
            devices.share(2, 16)


def test_the_last_batch_may_not_divide(monkeypatch):
    """40 rows are two batches of 16 and one of 8; 43 end with one of 11, which two cannot share.

    The only batch of 11 rows is the first, so that nothing is laid out unlike it.
    """
    even, odd, only = (
        Feed(Examples(np.zeros((rows, 8, 8), np.uint8), np.arange(rows), {}), 16)
        for rows in (40, 43, 11)
    )
    assert devices.whole_batches(odd) == 3  # one device takes any batch
    mesh = SimpleNamespace(device_mesh=SimpleNamespace(devices=np.zeros(2)))
    monkeypatch.setattr(devices.keras.distribution, "distribution", lambda: mesh)
    assert [devices.whole_batches(feed) for feed in (even, odd, only)] == [3, 2, 1]


def test_evaluation_is_undivided(monkeypatch):
    """The sharing stops inside, and comes back, also after an error."""
    now = ["shared"]
    monkeypatch.setattr(devices.keras.distribution, "distribution", lambda: now[-1])
    monkeypatch.setattr(devices.keras.distribution, "set_distribution", now.append)
    with pytest.raises(ZeroDivisionError), devices.undivided():
        assert now[-1] is None
        _ = 1 / 0
    assert now == ["shared", None, "shared"]
