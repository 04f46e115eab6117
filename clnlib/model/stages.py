"""The steps in which the two training stages differ: targets, network, validation, predictions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib import runs
from clnlib.data import splits
from clnlib.data.feed import Feed
from clnlib.data.sources import Prepared
from clnlib.errors import InputError
from clnlib.model import loop, network, weights
from clnlib.model.losses import compile_cln
from clnlib.parameters import Finetune, Train

DEAD = 0.9  # share of empty validation boxes from which the box head counts as dead

Targets = dict[str, NDArray[Any]]


class Stage(NamedTuple):
    """The steps in which the two stages differ.

    Attributes
    ----------
    targets
        Data set → name and (n, …) targets of every output of the network.
    build
        Parameters, data set and targets of its training part → the compiled network, and facts
        for the record.
    validate
        Network and validation batches → the values to log after an epoch.
    columns
        Output of the network and findings → columns of the record's predictions.
    warnings
        History and monitor → sentences for the reader.
    """

    targets: Callable[[Prepared], Targets]
    build: Callable[[Any, Prepared, Targets], tuple[Any, dict[str, Any]]]
    validate: Callable[[Any, Feed], loop.Logs]
    columns: Callable[[Any, tuple[str, ...]], dict[str, NDArray[Any]]]
    warnings: Callable[[pd.DataFrame, str], list[str]]


# Stage 2


def _boxes_and_findings(prepared: Prepared) -> Targets:
    rows, findings = prepared.rows, prepared.source.findings
    codes = pd.Categorical(rows["finding"], categories=list(findings)).codes
    return {
        "finding": np.eye(len(findings), dtype=np.float32)[codes],
        "box": rows[runs.TRUE_BOX].to_numpy(np.float32),
    }


def _build_cln(p: Train, prepared: Prepared, targets: Targets) -> tuple[Any, dict[str, Any]]:
    for line in splits.thin_findings(prepared.rows):
        print(f"note: {line}", flush=True)
    mean_box = targets["box"].mean(axis=0).tolist()
    number = len(prepared.source.findings)
    model = network.build_cln(p.backbone, p.size, number, p.pooling, p.bn_momentum, mean_box)
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    compile_cln(model, p.lam, p.loss, p.learning_rate)
    return model, {"mean_box": mean_box}


def _validate_cln(model: Any, feed: Feed) -> loop.Logs:
    logs = model.evaluate(feed, return_dict=True, verbose=0)
    return {f"val_{name}": float(value) for name, value in logs.items()}


def _columns_cln(out: Any, findings: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    boxes = {name: out["box"][:, k] for k, name in enumerate(runs.PREDICTED_BOX)}
    return boxes | _probabilities(out["finding"], findings)


def _dead_head(history: pd.DataFrame, monitor: str) -> list[str]:
    """A warning for each of best and last epoch in which the box head gives empty boxes only."""
    best = loop.best_epoch(history, monitor)
    notes = []
    for name, epoch in {"best": best, "last": len(history)}.items():
        share = history.loc[history["epoch"] == epoch, "val_box_empty"].item()
        if share >= DEAD:
            notes.append(
                f"the box head is dead: {share:.0%} of the validation boxes are empty at the "
                f"{name} epoch ({epoch}), and an empty box has no gradient under ReLU; try "
                "another seed, a smaller learning_rate, or loss giou"
            )
    return notes


STAGE_2 = Stage(_boxes_and_findings, _build_cln, _validate_cln, _columns_cln, _dead_head)

# Stage 1


def _labels(prepared: Prepared) -> Targets:
    columns = [runs.LABEL + finding for finding in prepared.source.findings]
    return {"labels": prepared.rows[columns].to_numpy(np.float32)}


def _build_classifier(p: Finetune, prepared: Prepared, _: Targets) -> tuple[Any, dict[str, Any]]:

    judged = _labels(prepared)["labels"][(prepared.rows["part"] == "validation").to_numpy()]
    if not _with_both(judged):
        raise InputError(
            f"validation has {len(judged)} images and no finding both present and absent among "
            "them, so no epoch can be called the best; more images are needed"
        )
    number = len(prepared.source.findings)
    model = network.build_classifier(p.backbone, p.size, number, p.pooling, p.bn_momentum)
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    model.compile(keras.optimizers.Adam(p.learning_rate), loss="binary_crossentropy")
    return model, {}


def _validate_classifier(model: Any, feed: Feed) -> loop.Logs:
    """Mean binary cross-entropy, clipped as Keras does, and mean AUC over `_with_both`."""
    from sklearn.metrics import roc_auc_score

    truth = feed.examples.targets["labels"]
    shown = model.predict(feed, verbose=0)["labels"]
    q = np.clip(shown.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = -(truth * np.log(q) + (1 - truth) * np.log1p(-q)).mean()
    areas = [roc_auc_score(truth[:, k], shown[:, k]) for k in _with_both(truth)]
    return {"val_loss": float(loss), "val_auc": float(np.mean(areas))}


def _with_both(truth: NDArray[Any]) -> list[int]:
    """The columns of 0/1 labels (N, K) that have both."""
    return [k for k, share in enumerate(truth.mean(axis=0)) if 0 < share < 1]


def _columns_classifier(out: Any, findings: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return _probabilities(out["labels"], findings)


STAGE_1 = Stage(
    _labels, _build_classifier, _validate_classifier, _columns_classifier, lambda *_: []
)


def _probabilities(out: NDArray[Any], findings: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return {runs.PROBABILITY + finding: out[:, k] for k, finding in enumerate(findings)}
