"""The two stages: parameters in, a finished run record out."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib import lock, paths, runs
from clnlib.data import sources, splits
from clnlib.data.feed import Feed
from clnlib.data.store import Store
from clnlib.errors import InputError
from clnlib.model import loop, network, session, weights
from clnlib.model.losses import compile_cln
from clnlib.parameters import Finetune, Train

P = TypeVar("P", Train, Finetune)
DEAD = 0.9  # share of empty validation boxes from which the box head counts as dead


def train(parameters: Train) -> runs.Run:
    """Stage 2: train CLN on boxed images (sections 2.2, 2.3) and record the run.

    A finished record of the same parameters is read instead; an unfinished one is continued from
    its last epoch if code, data and versions are still the same.

    Raises
    ------
    InputError
        From any parameter, table, image or weight file that cannot be used.
    """
    return _recorded(parameters.filled(), _train)


def finetune(parameters: Finetune) -> runs.Run:
    """Stage 1: the backbone on 14 findings, binary cross-entropy (section 2.2.1); see `train`.

    The best epoch is the one with the best validation mean AUC over the findings that validation
    has both with and without: the paper's "best classification performance on the validation
    set".
    """
    return _recorded(parameters.filled(), _finetune)


def _recorded(p: P, make: Callable[[P, Path], runs.Run]) -> runs.Run:
    """The finished record of these parameters, or a new one, made by this process alone."""
    folder = paths.runs() / p.study / p.run_name()
    if p.restart or not runs.is_done(folder):
        with lock.alone(folder.with_name(f".{folder.name}.lock"), "trains this run"):
            if p.restart:
                loop.discard(folder)
            if not runs.is_done(folder):
                return make(p, folder)
    run = runs.read(folder)
    same = run.provenance["code_sha256"] == runs.code_sha256()
    other = "" if same else " by other code; -p restart True makes it anew"
    print(f"{folder.name}: this run is already recorded{other}", flush=True)
    return run


def _train(p: Train, folder: Path) -> runs.Run:
    """Train stage 2 and record it."""
    start = time.monotonic()
    source, split, store = sources.prepared(p)
    for line in splits.thin_findings(split):
        print(f"note: {line}", flush=True)
    facts = {"data_sha256": store.sha256, "split_sha256": splits.split_sha256(split)}
    # Before anything asks for a device: JAX reads its flags only once.
    session.make_deterministic(p.seed, p.precision)
    session.keep_memory()
    _begin(folder, p, "train", facts)

    images = split["image"].map(store.index).to_numpy()
    codes = pd.Categorical(split["finding"], categories=list(source.findings)).codes
    targets = {
        "finding": np.eye(len(source.findings), dtype=np.float32)[codes],
        "box": split[runs.TRUE_BOX].to_numpy(np.float32),
    }
    of_part = {part: np.flatnonzero(split["part"] == part) for part in splits.PARTS}

    mean_box = targets["box"][of_part["train"]].mean(axis=0)
    model = network.build_cln(
        p.backbone, p.size, len(source.findings), p.pooling, p.bn_momentum, mean_box.tolist()
    )
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    compile_cln(model, p.lam, p.loss, p.learning_rate)

    def validate() -> loop.Logs:
        feed = _feed(store, images, targets, of_part["validation"], p)
        logs = model.evaluate(feed, return_dict=True, verbose=0)
        return {f"val_{name}": float(value) for name, value in logs.items()}

    def epoch_feed(epoch: int) -> Feed:
        return _feed(store, images, targets, of_part["train"], p, epoch)

    history = _fit(model, folder, p, epoch_feed, validate, p.monitor)
    out = model.predict(_feed(store, images, {}, np.arange(len(split)), p), verbose=0)
    predictions = split.join(
        _columns({runs.PREDICTED_BOX[k]: out["box"][:, k] for k in range(4)})
    ).join(_columns(_probabilities(source.findings, out["finding"])))
    notes = _dead_head(history, p.monitor)
    for note in notes:
        print(f"warning: {note}", flush=True)
    return runs.finish(
        folder, predictions, _provenance(source, split, store, history, p.monitor, start)
        | facts | {"warnings": notes, "mean_box": mean_box.tolist()},
    )  # fmt: skip


def _finetune(p: Finetune, folder: Path) -> runs.Run:
    """Train stage 1 and record it."""
    start = time.monotonic()
    source = sources.labelled(p)
    store = sources.decode(source, p.size, p.exclude_unreadable)
    rows = source.rows[source.rows["image"].isin(store.index)].reset_index(drop=True)
    facts = {"data_sha256": store.sha256, "split_sha256": runs.digest(rows["image"] + rows["part"])}
    # Before anything asks for a device: JAX reads its flags only once.
    session.make_deterministic(p.seed, p.precision)
    session.keep_memory()
    _begin(folder, p, "finetune", facts)

    images = rows["image"].map(store.index).to_numpy()
    truth = rows[[runs.LABEL + f for f in source.findings]].to_numpy(np.float32)
    of_part = {part: np.flatnonzero(rows["part"] == part) for part in splits.PARTS}

    seen = truth[of_part["validation"]]
    if not ((seen.mean(axis=0) > 0) & (seen.mean(axis=0) < 1)).any():
        raise InputError(
            f"validation has {len(seen)} images and no finding both present and absent among "
            "them, so no epoch can be called the best; more images are needed"
        )

    model = network.build_classifier(
        p.backbone, p.size, len(source.findings), p.pooling, p.bn_momentum
    )
    weights.load(model, p.backbone, p.weights)
    network.freeze(model, p.freeze)
    _compile_classifier(model, p.learning_rate)

    def validate() -> loop.Logs:
        rows = of_part["validation"]
        shown = model.predict(_feed(store, images, {}, rows, p), verbose=0)["labels"]
        return {"val_loss": _cross_entropy(truth[rows], shown), "val_auc": _auc(truth[rows], shown)}

    def epoch_feed(epoch: int) -> Feed:
        return _feed(store, images, {"labels": truth}, of_part["train"], p, epoch)

    history = _fit(model, folder, p, epoch_feed, validate, "val_auc")
    out = model.predict(_feed(store, images, {}, np.arange(len(rows)), p), verbose=0)
    predictions = rows.join(_columns(_probabilities(source.findings, out["labels"])))
    return runs.finish(
        folder,
        predictions,
        _provenance(source, rows, store, history, "val_auc", start) | facts | {"warnings": []},
    )


def _begin(folder: Path, p: Train | Finetune, stage: str, facts: Mapping[str, str]) -> None:
    """Write what is known before training; drop a checkpoint made from anything else."""
    now = runs.environment()
    identity = {**facts, "code_sha256": now["code_sha256"], "versions": now["versions"]}
    identity["device"] = session.device()
    noted = folder / "checkpoint" / "identity.json"
    if not noted.exists():  # nothing to continue from; what lies there belongs to another record
        loop.discard(folder)
    elif noted.read_text(encoding="utf-8") != runs.as_json(identity):
        print("code, data, versions or device have changed: starting this run anew", flush=True)
        loop.discard(folder)
    runs.write_json(folder / "parameters.json", {**p.model_dump(), "stage": stage})
    runs.write_json(noted, identity)


def _feed(
    store: Store,
    images: NDArray[np.int_],
    targets: Mapping[str, NDArray[Any]],
    rows: NDArray[np.int_],
    p: Train | Finetune,
    epoch: int | None = None,
) -> Feed:
    """Batches of some rows; with an epoch shuffled and, if asked for, augmented."""
    training = epoch is not None
    return Feed(
        store.images,
        images[rows],
        {name: values[rows] for name, values in targets.items()},
        p.batch_size,
        shuffle=(p.seed, epoch) if epoch is not None else None,
        augment=bool(p.augment) and training,
        flip=p.flip,
    )


def _fit(
    model: Any,
    folder: Path,
    p: Train | Finetune,
    epoch_feed: Callable[[int], Feed],
    validate: Callable[[], loop.Logs],
    monitor: str,
) -> pd.DataFrame:
    """`loop.fit` with the schedule of the parameters."""

    halve_every = cast(int, p.filled().halve_every)

    def rate(epoch: int) -> float:
        return loop.learning_rate(epoch, p.learning_rate, halve_every, p.min_learning_rate)

    return loop.fit(model, folder, epoch_feed, validate, rate, p.most_epochs, monitor, p.patience)


def _compile_classifier(model: Any, learning_rate: float) -> None:
    import keras

    model.compile(keras.optimizers.Adam(learning_rate), loss="binary_crossentropy")


def _columns(values: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: column.astype(np.float32) for name, column in values.items()})


def _probabilities(findings: tuple[str, ...], out: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {runs.PROBABILITY + finding: out[:, k] for k, finding in enumerate(findings)}


def _cross_entropy(truth: NDArray[Any], shown: NDArray[Any]) -> float:
    """Mean binary cross-entropy, clipped as Keras does."""
    q = np.clip(shown.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-(truth * np.log(q) + (1 - truth) * np.log1p(-q)).mean())


def _auc(truth: NDArray[Any], shown: NDArray[Any]) -> float:
    """Mean AUC over the columns that have both truths; NaN when none has."""
    from sklearn.metrics import roc_auc_score

    both = [k for k in range(truth.shape[1]) if 0 < truth[:, k].mean() < 1]
    scores = [roc_auc_score(truth[:, k], shown[:, k]) for k in both]
    return float(np.mean(scores)) if scores else float("nan")


def _dead_head(history: pd.DataFrame, monitor: str) -> list[str]:
    """What to say aloud when the box head gives empty boxes, which have no gradient."""
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


def _provenance(
    source: sources.Source,
    rows: pd.DataFrame,
    store: Store,
    history: pd.DataFrame,
    monitor: str,
    start: float,
) -> dict[str, Any]:
    """Where a record comes from: code, versions, data, device, time of this process."""
    return runs.environment() | {
        "dataset": source.name,
        "findings": list(source.findings),
        "rows": rows["part"].value_counts().to_dict(),
        "images": rows["image"].nunique(),
        "patients": rows["patient"].nunique(),
        "excluded": store.manifest["excluded"],
        "best_epoch": loop.best_epoch(history, monitor),
        "epochs": len(history),
        "device": session.device(),
        "seconds": round(time.monotonic() - start, 1),
    }
