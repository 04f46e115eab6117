"""The two training stages: parameters in, a finished run record out."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clnlib import io, paths, runs
from clnlib.data import sources
from clnlib.data.feed import Examples, Feed
from clnlib.data.identity import Identity, P, identity, located
from clnlib.data.sources import Prepared
from clnlib.data.splits import unknown_patients
from clnlib.model import devices, loop, session
from clnlib.model.stages import STAGE_1, STAGE_2, Stage
from clnlib.parameters import Finetune, Train


def train(parameters: Train) -> runs.Run:
    """Train CLN on boxed images and record the run: stage 2 (sections 2.2 and 2.3).

    A finished run of the same parameters, data and first weights is read instead; an unfinished
    one goes on after its last epoch if code, data and versions are still the same.

    Parameters
    ----------
    parameters
        The defaults draw 880 phantoms and train MobileNetV3Small for some minutes.

    Returns
    -------
    Run
        The record under `clnlib.paths.runs()/<study>/`, with weights.

    Raises
    ------
    InputError
        A parameter, table, image or weight file cannot be used; the message says which and why.

    See Also
    --------
    finetune : Stage 1, from which stage 2 may start.

    Examples
    --------
    >>> run = train(Train(phantom_images=40, image_size=32, epochs=1))  # doctest: +SKIP
    >>> run.part("test")[["image", "finding", "px1", "py1", "px2", "py2"]]  # doctest: +SKIP
    """
    return _recorded(parameters.filled(), STAGE_2)


def finetune(parameters: Finetune) -> runs.Run:
    """Train a backbone on the 14 labelled findings and record the run: stage 1 (section 2.2.1).

    The best epoch is the one with the best validation mean AUC over the findings that validation
    has both with and without: the paper's "best classification performance on the validation
    set". Records are read, and go on, as in `train`.

    Raises
    ------
    InputError
        As in `train`; or validation has no finding that is present in some images and absent in
        others.

    See Also
    --------
    train : Stage 2; its parameter `weights` takes the folder of the run that this returns.

    Examples
    --------
    >>> run = finetune(Finetune(phantom_images=200, epochs=1))  # doctest: +SKIP
    """
    return _recorded(parameters.filled(), STAGE_1)


def _recorded(p: P, stage: Stage) -> runs.Run:
    """The finished record of these parameters, or a new one, made by this process alone."""
    known = identity(p)
    folder = paths.runs() / p.study / known.name
    if p.restart or not runs.is_done(folder):
        with io.alone(folder.with_name(f".{folder.name}.lock"), "trains this run"):
            if p.restart or not runs.is_done(folder):
                return _trained(located(p), folder, known, stage)
    run = runs.read(folder)
    other = runs.other_code(run.provenance)
    changed = [f"by other code ({', '.join(other)})"] if other else []
    if _weights_sha256(p) != run.provenance.get("weights_sha256"):
        changed.append(f"from other weights of {p.weights}")
    note = f" {' and '.join(changed)}; -p restart True makes it anew" if changed else ""
    print(f"{folder.name}: this run is already recorded{note}", flush=True)
    return run


def _trained(p: P, folder: Path, known: Identity, stage: Stage) -> runs.Run:
    """Train a stage and record it."""
    start = time.monotonic()
    _say_what_is_new(folder, p, known)
    prepared = sources.prepared(p)
    facts: dict[str, Any] = {
        "run": known.name,
        "learnt_from": {"data": known.data, "weights": known.weights},
        "data_sha256": prepared.store.sha256,
        "split_sha256": prepared.split_sha256,
        "weights_sha256": _weights_sha256(p),
    }
    # Before anything asks for a device: JAX reads its flags only once.
    session.begin(p.seed, p.precision, p.deterministic)
    session.keep_memory()
    devices.share(p.devices, p.batch_size)
    facts |= _begin(folder, p, facts)

    rows = prepared.rows["image"].map(prepared.store.index).to_numpy()
    examples = Examples(prepared.store.images, rows, stage.targets(prepared))
    learn, judge = (
        examples.some(np.flatnonzero(prepared.rows["part"] == part))
        for part in ("train", "validation")
    )
    model, extra = stage.build(p, prepared, dict(learn.targets))

    def feed(epoch: int) -> Feed:
        return Feed(learn, p.batch_size, (p.seed, epoch), bool(p.augment), p.flip)

    def validate() -> loop.Logs:
        with devices.undivided():
            return stage.validate(p, model, Feed(judge, p.batch_size))

    history = loop.fit(model, folder, _schedule(p), feed, validate)
    shown = {}
    # The weights that the run ends with come last and stay in the model.
    for name in sorted(loop.kept_epochs(history, p.monitor), key=p.keep.__eq__):
        loop.load_weights(model, folder, name)
        with devices.undivided():
            out = model.predict(Feed(examples._replace(targets={}), p.batch_size), verbose=0)
        columns = stage.columns(out, prepared.source.findings)
        shown[name] = prepared.rows.join(pd.DataFrame(columns, dtype=np.float32))
    loop.save_weights(model, folder, "model")
    facts["warnings"] = stage.warnings(history, p.monitor)
    for warning in facts["warnings"]:
        print(f"warning: {warning}", flush=True)
    facts |= extra | _provenance(prepared, history, p)
    facts["seconds"] = round(time.monotonic() - start, 1)
    judged = pd.concat(shown, names=["kept"]).query("part != 'train'").reset_index("kept")
    io.write_atomically(folder / runs.EPOCHS, lambda file: judged.to_parquet(file, index=False))
    return runs.finish(folder, shown[p.keep], facts)


def _say_what_is_new(folder: Path, p: Train | Finetune, known: Identity) -> None:
    """Say by what a run differs from the records that look like it, or that it is made again."""
    before = folder / "provenance.json"
    if before.exists():
        other = ", ".join(runs.other_code(json.loads(before.read_text(encoding="utf-8"))))
        why = f"the code has changed since ({other})" if other else "as was asked"
        print(f"{known.name}: made again, {why}", flush=True)
        return
    stem = known.name.rpartition("-")[0]
    for done in sorted(folder.parent.glob(f"{stem}-*/done")):
        old = runs.read(done.parent)
        learnt = old.provenance.get("learnt_from", {})
        apart = [k for k in ("data", "weights") if k in learnt and learnt[k] != getattr(known, k)]
        ours, theirs = p.effective(), old.parameters.effective()
        apart += sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
        if apart:
            print(f"{known.name}: differs from {old.folder.name} in {', '.join(apart)}", flush=True)


def _weights_sha256(p: Train | Finetune) -> str | None:
    """The content of the weights of a stage-1 run; None for other first weights."""
    if p.weights in (None, "imagenet") or Path(p.weights).expanduser().is_file():
        return None
    file = runs.find(p.weights) / runs.WEIGHTS
    return io.content_sha256([file])[file] if file.exists() else None


def _begin(folder: Path, p: Train | Finetune, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write what is known before training; drop a checkpoint made from anything else.

    Returns
    -------
    Commit, code and versions, for the record.
    """
    now = runs.environment()
    names = ("data_sha256", "split_sha256", "weights_sha256")
    state = {name: facts[name] for name in names} | {k: now[k] for k in ("code", "versions")}
    state["device"] = session.device()
    noted = folder / "checkpoint" / "identity.json"
    if p.restart or not noted.exists():
        # Nothing to continue from; what lies there belongs to another record.
        shutil.rmtree(folder, ignore_errors=True)
    else:
        before = json.loads(noted.read_text(encoding="utf-8"))
        if changed := [name for name, value in state.items() if before.get(name) != value]:
            if "code" in changed:
                modules = runs.differing(before.get("code", {}), state["code"])
                changed[changed.index("code")] = f"code ({', '.join(modules)})"
            print(f"{', '.join(changed)} changed: starting this run anew", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    io.write_json(folder / "parameters.json", {**p.model_dump(), "stage": type(p).__name__.lower()})
    io.write_json(noted, state)
    return now


def _schedule(p: Train | Finetune) -> loop.Schedule:
    return loop.Schedule(
        epochs=p.most_epochs,
        learning_rate=p.first_rate,
        halve_every=int(p.halve_every or 1),
        floor=p.min_learning_rate,
        monitor=p.monitor,
        patience=p.patience,
        plateau=p.rate_rule == "plateau",
    )


def _provenance(prepared: Prepared, history: pd.DataFrame, p: Train | Finetune) -> dict[str, Any]:
    """What a record rests on, beside the code: data, epochs, device."""
    rows, epochs = prepared.rows, loop.kept_epochs(history, p.monitor)
    return {
        "dataset": prepared.source.name,
        "findings": list(prepared.source.findings),
        "rows": rows["part"].value_counts().to_dict(),
        "images": rows["image"].nunique(),
        "patients": None if unknown_patients(rows).any() else rows["patient"].nunique(),
        "excluded": prepared.store.manifest["excluded"],
        "kept_epochs": epochs,
        "best_epoch": epochs[p.keep],
        "epochs": len(history),
        "device": session.device(),
    }
