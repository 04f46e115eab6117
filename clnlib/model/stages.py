"""The steps in which the two training stages differ: targets, network, validation, predictions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib import runs
from clnlib.backend import keras, ops
from clnlib.data import splits
from clnlib.data.feed import Feed
from clnlib.data.sources import Prepared
from clnlib.errors import InputError
from clnlib.model import loop, network, weights
from clnlib.model.losses import BOX_LOSSES, WATCHED, compile_cln
from clnlib.parameters import Finetune, Train

DEAD = 0.9  # share of empty validation boxes from which the box head counts as dead
CONSTANT = 0.002  # of the image's side, half a pixel of 224: the box is the same for every image

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
        Parameters, network and validation batches → the values to log after an epoch.
    columns
        Output of the network and findings → columns of the record's predictions.
    warnings
        History and monitor → sentences for the reader.
    """

    targets: Callable[[Prepared], Targets]
    build: Callable[[Any, Prepared, Targets], tuple[Any, dict[str, Any]]]
    validate: Callable[[Any, Any, Feed], loop.Logs]
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
    model = network.build_cln(p.backbone, p.size, number, p.pooling, p.box_unit)
    network.start_at(model, mean_box)
    network.set_bn_momentum(model, p.bn_momentum)
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    compile_cln(model, p.lam, p.loss, p.first_rate)
    return model, {"mean_box": mean_box}


def _validate_cln(p: Train, model: Any, feed: Feed) -> loop.Logs:
    """Means over the boxes, whatever the batches; and how dead and how constant the box head is.

    `val_box_dead` is the share of the four coordinates that are 0 on every row, `val_box_spread`
    the least of their standard deviations, of the image's side.
    """
    true, shown = feed.examples.targets, model.predict(feed, verbose=0)
    box = shown["box"]
    each = {
        "finding_loss": keras.losses.categorical_crossentropy(true["finding"], shown["finding"]),
        "finding_accuracy": true["finding"].argmax(1) == shown["finding"].argmax(1),
        "box_loss": BOX_LOSSES[p.loss](true["box"], ops.convert_to_tensor(box)),
        **{f"box_{k}": f(true["box"], ops.convert_to_tensor(box)) for k, f in WATCHED.items()},
        "box_dead": (box == 0).all(axis=0),
    }
    means = {f"val_{k}": float(ops.convert_to_numpy(v).mean()) for k, v in each.items()}
    loss = p.lam * means["val_finding_loss"] + (1 - p.lam) * means["val_box_loss"]
    seen = pd.DataFrame(box[runs.watched(len(box))], columns=runs.PREDICTED_BOX, dtype=float)
    boxes = {f"val_{name}_{k}": v for name, each in seen.items() for k, v in each.items()}
    return means | {"val_loss": loss, "val_box_spread": float(box.std(axis=0).min())} | boxes


def _columns_cln(out: Any, findings: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    boxes = {name: out["box"][:, k] for k, name in enumerate(runs.PREDICTED_BOX)}
    return boxes | _probabilities(out["finding"], findings)


def _dead_head(history: pd.DataFrame, monitor: str) -> list[str]:
    """Warnings of kept epochs whose boxes are empty, partly dead or the same everywhere."""
    epochs: dict[str, list[str]] = {}
    for name, epoch in loop.kept_epochs(history, monitor).items():
        at = history.set_index("epoch").loc[epoch]
        if at["val_box_empty"] >= DEAD:
            what = f"the box head is dead: {at['val_box_empty']:.0%} of the boxes are empty"
        elif at["val_box_dead"]:
            what = f"{4 * at['val_box_dead']:.0f} of the 4 box coordinates are 0 on every image"
        elif at["val_box_spread"] < CONSTANT:
            what = "a box coordinate hardly changes from image to image, as a blind box's"
        else:
            continue
        epochs.setdefault(what, []).append(f"{name} epoch ({epoch})")
    return [
        f"{what} in validation at the {', '.join(names)}; a ReLU output that is 0 has no gradient "
        "to come back by: try box_unit pixels, another seed or a smaller learning_rate"
        for what, names in epochs.items()
    ]


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
    model = network.build_classifier(p.backbone, p.size, number, p.pooling)
    network.set_bn_momentum(model, p.bn_momentum)
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    model.compile(keras.optimizers.Adam(p.first_rate), loss="binary_crossentropy")
    return model, {}


def _validate_classifier(_: Finetune, model: Any, feed: Feed) -> loop.Logs:
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
