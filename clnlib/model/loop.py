"""The epoch loop: schedule, early stopping, checkpoints, and going on after a kill.

Everything the loop decides follows from the history, so a checkpoint is only the variables and
the history up to their epoch.
"""

import csv
import errno
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from clnlib.backend import keras
from clnlib.errors import InputError
from clnlib.io import write_atomically
from clnlib.model import devices

BOX = "val_box_loss"  # of stage 2 alone
Logs = dict[str, float]
"""Name → mean over an epoch, as Keras logs it: `loss`, `box_iou`, `val_loss` …"""


class Schedule(NamedTuple):
    """How long to train, at which rate, and by which value epochs are judged (section 2.3).

    Attributes
    ----------
    epochs
        Most epochs.
    learning_rate, halve_every, floor
        Adam's rate in the first epoch; it is halved every `halve_every` epochs, down to `floor`.
    monitor
        Column of the history that decides which epoch is the best.
    patience
        Training stops after this many epochs without a better monitor.
    plateau
        Halve after `halve_every` epochs without a better monitor instead, as Keras'
        ReduceLROnPlateau does: the other reading of section 2.3.
    """

    epochs: int
    learning_rate: float
    halve_every: int
    floor: float
    monitor: str
    patience: int
    plateau: bool = False

    def rate(self, history: Sequence[Logs]) -> float:
        """The learning rate of the epoch that follows these."""
        halvings = len(history) // self.halve_every
        if self.plateau:
            sign = 1 if self.monitor.endswith("loss") else -1
            halvings = _plateaus([sign * row[self.monitor] for row in history], self.halve_every)
        return max(self.learning_rate * 0.5**halvings, self.floor)


def _plateaus(values: Sequence[float], patience: int) -> int:
    """How often `patience` values in a row were no smaller, by 1e-4, than the smallest before."""
    best, wait, count = math.inf, 0, 0
    for value in values:
        best, wait = (value, 0) if value < best - 1e-4 else (best, wait + 1)
        if wait == patience:
            wait, count = 0, count + 1
    return count


def best_epoch(history: pd.DataFrame, monitor: str) -> int:
    """The number (from 1) of the epoch with the smallest loss, or the largest other monitor."""
    values = history[monitor]
    at = values.idxmin() if monitor.endswith("loss") else values.idxmax()
    return int(history.loc[at, "epoch"])


def fit(
    model: Any,
    folder: Path,
    schedule: Schedule,
    feed_of_epoch: Callable[[int], Any],
    validate: Callable[[], Logs],
) -> pd.DataFrame:
    """Train, keep the best epoch's weights, stop early; go on from a checkpoint that is there.

    Parameters
    ----------
    model
        Compiled and freshly built, as at the first call.
    folder
        The run's folder: gets `history.csv`, `checkpoint/`, and the weights that `load_weights`
        reads.
    schedule
        Epochs, learning rates, and when to stop.
    feed_of_epoch
        Epoch (from 0) → batches; a function of the epoch alone.
    validate
        Gives the values that are logged as `val_…` after an epoch.

    Returns
    -------
    pandas.DataFrame
        A row per epoch: `epoch` (from 1), `learning_rate`, training and validation values.
        The model holds the last epoch's weights.

    Raises
    ------
    InputError
        The loss is not finite any more.
    """
    first = feed_of_epoch(0)
    # Else the first step would build variables, and TensorFlow would trace that step twice.
    model.optimizer.build(model.trainable_variables)
    with devices.undivided():
        model.evaluate(first, steps=1, verbose=0)
    history, steps = _resume(model, folder), len(first)
    total, done = schedule.epochs * steps, len(history) * steps
    with tqdm(desc="training steps", total=total, initial=done, mininterval=1, delay=1) as progress:
        for epoch in range(len(history), schedule.epochs):
            if history and _stopped(pd.DataFrame(history), schedule):
                break
            model.optimizer.learning_rate = rate = schedule.rate(history)
            logs = _epoch(model, feed_of_epoch(epoch), epoch + 1, progress)
            row = {"epoch": epoch + 1, "learning_rate": rate, **logs, **validate()}
            history.append(row)
            print(_line(row, schedule), flush=True)
            _keep(model, folder, pd.DataFrame(history), schedule.monitor)
    save_weights(model, folder, "last")
    return pd.DataFrame(history)


def _epoch(model: Any, feed: Any, number: int, progress: Any) -> Logs:
    """Train on the batches of an epoch; the means of its logs."""
    step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: progress.update())
    # The feed is in order; Keras' shuffling would follow Python's global generator.
    whole = devices.whole_batches(feed)
    of_whole = model.fit(feed, steps_per_epoch=whole, shuffle=False, callbacks=[step], verbose=0)
    logs = {name: float(values[-1]) for name, values in of_whole.history.items()}
    if whole < len(feed):
        rest = model.train_on_batch(*feed[whole], return_dict=True)
        share = whole * feed.batch_size / len(feed.order)
        logs = {k: share * value + (1 - share) * float(rest[k]) for k, value in logs.items()}
        progress.update()
    if not all(map(math.isfinite, logs.values())):
        rate = float(model.optimizer.learning_rate)
        raise InputError(
            f"epoch {number}: the training loss is {logs['loss']}; a smaller learning_rate than "
            f"{rate:g} or precision float32 usually mends that"
        )
    return logs


def _line(row: Logs, schedule: Schedule) -> str:
    """An epoch as a line: its number and the values that a person watches."""
    watched = ("loss", "val_loss", schedule.monitor, "val_box_iou", "val_finding_accuracy")
    values = [f"{name} {row[name]:.4f}" for name in dict.fromkeys(watched) if name in row]
    return f"epoch {row['epoch']:3d}/{schedule.epochs}  " + "  ".join(values)


def _stopped(history: pd.DataFrame, schedule: Schedule) -> bool:
    return len(history) - best_epoch(history, schedule.monitor) >= schedule.patience


def kept_epochs(history: pd.DataFrame, monitor: str) -> dict[str, int]:
    """The epochs whose weights are there after `fit`, by name.

    "best" by the monitor, "box" with the smallest box loss (stage 2 alone), and "last".
    """
    monitors = {"best": monitor} | ({"box": BOX} if BOX in history else {})
    return {name: best_epoch(history, m) for name, m in monitors.items()} | {"last": len(history)}


def load_weights(model: Any, folder: Path, name: str) -> None:
    """Put the weights of one of `kept_epochs` into the model."""
    _weights_only(model).load_weights(folder / f"{name}.weights.h5")


def save_weights(model: Any, folder: Path, name: str) -> None:
    """Write the model's weights, without optimiser state, for `load_weights`."""

    def save(file: Path) -> None:
        # HDF5 passes over a full disk in silence, or crashes there.
        needed = 2**20 + 2 * sum(math.prod(v.shape) * 4 for v in model.variables)
        if (free := shutil.disk_usage(file.parent).free) < needed:
            told = f"No space left on device: {free} bytes are free, {needed} needed"
            raise OSError(errno.ENOSPC, told)
        _weights_only(model).save_weights(file)

    # The suffix must stay: Keras refuses other names.
    write_atomically(folder / f"{name}.weights.h5", save)


def _weights_only(model: Any) -> Any:
    """The same layers without optimiser state, for saving."""
    return keras.Model(model.input, model.output)


def _keep(model: Any, folder: Path, history: pd.DataFrame, monitor: str) -> None:
    """Write an epoch's results, the checkpoint last: a kill before it repeats the epoch."""
    epoch = len(history)
    for name, number in kept_epochs(history, monitor).items():
        if number == epoch and name != "last":
            save_weights(model, folder, name)
    write_atomically(folder / "history.csv", lambda p: history.to_csv(p, index=False))
    values = {f"v{k:05d}": v.numpy() for k, v in enumerate(_state(model))}
    checkpoint = folder / "checkpoint" / f"{epoch:05d}.npz"
    write_atomically(checkpoint, lambda p: np.savez(p, allow_pickle=False, **values))
    for old in checkpoint.parent.glob("*.npz"):
        if old != checkpoint:
            old.unlink()


def _state(model: Any) -> list[Any]:
    """Every variable that the next epoch depends on, dropout's random states included."""
    return [*model.variables, *model.optimizer.variables]


def _resume(model: Any, folder: Path) -> list[Logs]:
    """Put the newest checkpoint's values into the model; the history up to its epoch."""
    saved = sorted((folder / "checkpoint").glob("[0-9]*.npz"))
    if not saved:
        return []
    epoch = int(saved[-1].stem)
    # Python's float() gives the written bits back whatever pandas' default is.
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)][:epoch]
    with np.load(saved[-1]) as values:
        for name, variable in zip(values.files, _state(model), strict=True):
            variable.assign(values[name])
    print(f"continuing after epoch {epoch}", flush=True)
    return [{**row, "epoch": int(row["epoch"])} for row in rows]
