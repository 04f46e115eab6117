"""The epoch loop: schedule, stopping, best weights, and going on after a kill."""

import keras
import numpy as np
import pandas as pd
import pytest

from clnlib.data.feed import Examples, Feed
from clnlib.errors import InputError
from clnlib.model import loop


def test_the_paper_s_schedule():
    """0.001, halved after every 4 epochs, never below 0.000001 (section 2.3)."""
    schedule = loop.Schedule(100, 1e-3, 4, 1e-6, "val_loss", 20)
    rates = [schedule.rate([{}] * epoch) for epoch in range(100)]
    assert rates[:9] == [1e-3] * 4 + [5e-4] * 4 + [2.5e-4]
    assert rates[39] == 1e-3 / 2**9 and rates[40:] == [1e-6] * 60


@pytest.mark.parametrize("monitor", ["val_loss", "val_auc"])
def test_plateaus_are_keras_own(monkeypatch, monitor):
    """The rates by plateau are those of ReduceLROnPlateau(0.5, patience 4), epoch by epoch."""
    values = np.random.default_rng(1).random(80) + np.linspace(1, 0, 80) ** 3
    model = _model()
    model.optimizer.learning_rate = 1e-3
    mode = "min" if monitor == "val_loss" else "max"
    keras_own = keras.callbacks.ReduceLROnPlateau(monitor, 0.5, 4, mode=mode, min_lr=1e-6)
    keras_own.set_model(model)
    keras_own.on_train_begin()
    schedule = loop.Schedule(100, 1e-3, 4, 1e-6, monitor, 20, plateau=True)
    history = []
    for epoch, value in enumerate(values):
        assert schedule.rate(history) == pytest.approx(float(model.optimizer.learning_rate))
        history.append({monitor: value})
        keras_own.on_epoch_end(epoch, {monitor: value})
    assert schedule.rate(history) < 1e-4


@pytest.mark.parametrize(("monitor", "best"), [("val_loss", 2), ("val_auc", 3)])
def test_the_best_epoch(monitor, best):
    """The smallest loss, the largest of anything else; the first on ties."""
    history = pd.DataFrame(
        {"epoch": [1, 2, 3, 4], "val_loss": [3, 1, 2, 1.0], "val_auc": [0.1, 0.2, 0.9, 0.9]}
    )
    assert loop.best_epoch(history, monitor) == best


def _model():
    """A tiny network with everything that has a state: BatchNorm, dropout, Adam."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, name="drop")(keras.layers.Flatten(name="flat")(x))
    model = keras.Model(image, {"labels": keras.layers.Dense(2, "sigmoid", name="labels")(x)})
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy")
    return model


def _fit(folder, epochs=5, patience=9, values=None, stop_in=None):
    """`loop.fit` on twenty images; `values` replaces the validation, `stop_in` breaks it off."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    truth = rng.integers(0, 2, (20, 2)).astype("float32")
    examples = Examples(images, np.arange(20), {"labels": truth})
    model, calls = _model(), []

    def validate():
        calls.append(1)
        if stop_in is not None and len(calls) == stop_in:
            raise KeyboardInterrupt
        shown = model.predict(images[..., None], verbose=0)["labels"]
        loss = float(np.square(truth - shown).mean())
        return {"val_loss": loss if values is None else values[len(calls) - 1]}

    history = loop.fit(
        model,
        folder,
        loop.Schedule(epochs, 0.01, 2, 1e-6, "val_loss", patience),
        lambda epoch: Feed(examples, 4, shuffle=(7, epoch)),
        validate,
    )
    return history, model


@pytest.mark.parametrize("stop_in", [1, 2, 4])
def test_a_broken_run_goes_on_to_the_same_bits(tmp_path, stop_in):
    """Stopped in any epoch and started again: history and weights equal an unbroken run's."""
    whole, expected = _fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "broken", stop_in=stop_in)
    again, model = _fit(tmp_path / "broken")
    pd.testing.assert_frame_equal(again, whole, check_exact=True)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_early_stopping_keeps_the_best_epoch(tmp_path):
    """It stops `patience` epochs after the best and keeps that epoch's weights."""
    short, best = _fit(tmp_path / "short", epochs=2, values=[3.0, 1.0])
    history, model = _fit(tmp_path / "long", epochs=9, patience=3, values=[3.0, 1.0, 2, 2, 2, 2])
    assert list(history["epoch"]) == [1, 2, 3, 4, 5] and len(short) == 2
    assert loop.kept_epochs(history, "val_loss") == {"best": 2, "last": 5}
    loop.load_weights(model, tmp_path / "long", "best")
    for a, b in zip(model.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_exploding_loss_is_named(tmp_path):
    """A loss that is not finite ends the run with the epoch and a way out."""
    model = _model()
    targets = {"labels": np.full((4, 2), np.nan)}
    feed = Feed(Examples(np.zeros((4, 8, 8), np.uint8), np.arange(4), targets), 4)
    with pytest.raises(InputError, match="epoch 1: the training loss is nan; a smaller"):
        loop.fit(
            model, tmp_path, loop.Schedule(2, 1e-3, 4, 1e-6, "val_loss", 2), lambda e: feed, dict
        )


def test_a_full_disk_stops_before_weights_are_half_written(tmp_path, monkeypatch):
    """HDF5 does not tell of a full disk, so the room is looked at first; what is there stays."""
    _, model = _fit(tmp_path / "run", epochs=1)
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").glob("*.h5")}
    monkeypatch.setattr(loop.shutil, "disk_usage", lambda _: type("", (), {"free": 10**6}))
    with pytest.raises(InputError, match=r"box\.weights\.h5: cannot be written: .*No space left"):
        loop.save_weights(model, tmp_path / "run", "box")
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "run").glob("*.h5")}
