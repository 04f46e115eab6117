"""The epoch loop: schedule, early stopping, checkpoints, and going on after a kill.

Everything the loop decides follows from the history, so a checkpoint is only the variables and
the history up to their epoch.
"""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from clnlib.errors import InputError
from clnlib.progress import Progress
from clnlib.runs import write_atomically

Logs = dict[str, float]


def learning_rate(epoch: int, first: float, halve_every: int, floor: float) -> float:
    """The rate of an epoch (0 is the first): halved every `halve_every` epochs (section 2.3)."""
    return max(first * 0.5 ** (epoch // halve_every), floor)


def best_epoch(history: pd.DataFrame, monitor: str) -> int:
    """The epoch with the best monitor: the smallest loss, the largest of anything else."""
    values = history[monitor]
    at = values.idxmin() if monitor.endswith("loss") else values.idxmax()
    return int(history.loc[at, "epoch"])


def fit(
    model: Any,
    folder: Path,
    feed_of_epoch: Callable[[int], Any],
    validate: Callable[[], Logs],
    rate_of_epoch: Callable[[int], float],
    epochs: int,
    monitor: str,
    patience: int,
) -> pd.DataFrame:
    """Train, keep the best epoch's weights, stop early; continue from a checkpoint if there is one.

    Parameters
    ----------
    model
        Compiled and freshly built, as at the first call.
    folder
        The run's folder: gets `history.csv`, `model.weights.h5` (best epoch), `checkpoint/`.
    feed_of_epoch, rate_of_epoch
        Epoch (from 0) → batches, learning rate; functions of the epoch alone.
    validate
        What to log as `val_…` after an epoch.
    epochs, patience
        Most epochs, and epochs without a better monitor before stopping.
    monitor
        Column of the history that decides which epoch is best.

    Returns
    -------
    DataFrame
        One row per epoch: `epoch` (from 1), `learning_rate`, training and validation values.
        The model holds the best epoch's weights.

    Raises
    ------
    InputError
        The loss is not finite any more.
    """
    first = feed_of_epoch(0)
    # What the first step would build is built before it, or TensorFlow traces that step twice.
    model.optimizer.build(model.trainable_variables)
    model.evaluate(first, steps=1, verbose=0)
    history, steps = _resume(model, folder), len(first)
    with Progress("training steps", epochs * steps, len(history) * steps) as progress:
        for epoch in range(len(history), epochs):
            if history and _stopped(pd.DataFrame(history), monitor, patience):
                break
            rate = rate_of_epoch(epoch)
            logs = _epoch(model, feed_of_epoch(epoch), epoch, rate, progress)
            row = {"epoch": epoch + 1, "learning_rate": rate, **logs, **validate()}
            history.append(row)
            progress.step(0, _told(row, monitor))
            print(f"epoch {epoch + 1:3d}/{epochs}  {_told(row, monitor)}", flush=True)
            _keep(model, folder, pd.DataFrame(history), monitor)
    weights_only(model).load_weights(folder / "model.weights.h5")
    return pd.DataFrame(history)


def _epoch(model: Any, feed: Any, epoch: int, rate: float, progress: Progress) -> Logs:
    """Train on the batches of one epoch; the means of what is logged."""
    model.optimizer.learning_rate = rate
    step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: progress.step())
    # The feed has its own order; Keras' would follow Python's global generator.
    fitted = model.fit(feed, shuffle=False, callbacks=[step], verbose=0)
    logs = {name: float(values[-1]) for name, values in fitted.history.items()}
    if not all(map(math.isfinite, logs.values())):
        raise InputError(
            f"epoch {epoch + 1}: the training loss is {logs['loss']}; a smaller learning_rate than "
            f"{rate:g} or precision float32 usually mends that"
        )
    return logs


def _told(row: Logs, monitor: str) -> str:
    """The numbers of an epoch that a person watches."""
    names = ["loss", *dict.fromkeys(["val_loss", monitor, "val_box_iou", "val_finding_accuracy"])]
    return "  ".join(f"{name} {row[name]:.4f}" for name in names if name in row)


def _stopped(history: pd.DataFrame, monitor: str, patience: int) -> bool:
    return len(history) - best_epoch(history, monitor) >= patience


def weights_only(model: Any) -> Any:
    """The same layers without optimiser state, for saving."""
    return keras.Model(model.input, model.output)


def _keep(model: Any, folder: Path, history: pd.DataFrame, monitor: str) -> None:
    """Write what the epoch changed, the checkpoint last: a kill before it repeats the epoch."""
    epoch = len(history)
    if best_epoch(history, monitor) == epoch:
        # The suffix must stay: Keras refuses other names.
        write_atomically(folder / "model.weights.h5", weights_only(model).save_weights)
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
    # Python's own float() gives the written bits back whatever pandas' default is.
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)][:epoch]
    with np.load(saved[-1]) as values:
        for name, variable in zip(values.files, _state(model), strict=True):
            variable.assign(values[name])
    print(f"continuing after epoch {epoch}", flush=True)
    return [{**row, "epoch": int(row["epoch"])} for row in rows]


def discard(folder: Path) -> None:
    """Remove a record, finished or not."""
    shutil.rmtree(folder, ignore_errors=True)
