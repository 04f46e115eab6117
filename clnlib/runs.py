"""The run record: what training leaves behind, written once; everything after it only reads.

`runs/<study>/<run>/` holds `parameters.json`, `history.csv`, `predictions.parquet`,
`model.weights.h5`, `provenance.json`, `checkpoint/` while running, and `done` last. A folder
without `done` is never read as a result.
"""

import fnmatch
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from clnlib import code, paths
from clnlib.errors import InputError, nearest, shortened
from clnlib.parameters import Finetune, Train

PROBABILITY = "p_"  # column prefix of a finding's probability in predictions
LABEL = "y_"  # and of its truth in a stage-1 record
PREDICTED_BOX = ["px1", "py1", "px2", "py2"]
TRUE_BOX = ["x1", "y1", "x2", "y2"]
STAGES: dict[str, type[Train | Finetune]] = {"train": Train, "finetune": Finetune}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder
        Where the record lies.
    parameters
        Of the training: a `Train` of stage 2 or a `Finetune` of stage 1.
    history
        One row per epoch.
    predictions
        One row per box (stage 2) or image (stage 1) with its part, truth and predictions.
    provenance
        Commit, versions, hashes, device, seconds, findings, warnings.
    """

    folder: Path
    parameters: Train | Finetune
    history: pd.DataFrame
    predictions: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def stage(self) -> str:
        """ "train" (stage 2) or "finetune" (stage 1)."""
        return type(self.parameters).__name__.lower()

    @property
    def train(self) -> Train:
        """The parameters of a stage-2 run; any other run is refused."""
        if not isinstance(self.parameters, Train):
            raise InputError(f"{self.folder}: a {self.stage} run; a train run is needed")
        return self.parameters

    def part(self, name: str) -> pd.DataFrame:
        """The rows of the predictions that lie in a part: "train", "validation" or "test"."""
        return self.predictions[self.predictions["part"] == name]

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings in the order of the network's outputs."""
        return tuple(self.provenance["findings"])

    @property
    def weights(self) -> Path:
        """The file of the best epoch's weights (not in a published record)."""
        return self.folder / "model.weights.h5"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a temporary file beside `path`, then rename: all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial-{path.name}")
    write(temporary)
    os.replace(temporary, path)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, keys sorted."""
    write_atomically(path, lambda p: p.write_text(as_json(value), encoding="utf-8"))


def as_json(value: object) -> str:
    """The one spelling of a value as JSON."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def is_done(folder: Path) -> bool:
    """Whether the folder is a finished record."""
    return (folder / "done").exists()


def finish(folder: Path, predictions: pd.DataFrame, provenance: dict[str, Any]) -> Run:
    """Write what only a finished run has, drop the checkpoint, write `done` last."""
    write_atomically(
        folder / "predictions.parquet", lambda p: predictions.to_parquet(p, index=False)
    )
    write_json(folder / "provenance.json", provenance)
    write_atomically(folder / "done", lambda p: p.write_text("", encoding="utf-8"))
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return read(folder)


def read(run: str | Path) -> Run:
    """Read a finished record.

    Parameters
    ----------
    run
        The record's folder, or `<study>/<run>` under `clnlib.paths.runs()`.

    Raises
    ------
    InputError
        No such folder (the nearest run is named), no `done` in it, or a part of it is unreadable.
    """
    folder = find(run)
    if not is_done(folder):
        if inside := sorted(path.parent.name for path in folder.glob("*/done")):
            raise InputError(f"{folder}: a study; name one of its runs: {shortened(inside)}")
        raise InputError(
            f"{folder}: no file `done` in it, so this run is not finished; run the same training "
            "command again to finish it, it continues where it was"
        )
    try:
        return Run(
            folder,
            _parameters(folder / "parameters.json"),
            pd.read_csv(folder / "history.csv"),
            pd.read_parquet(folder / "predictions.parquet"),
            json.loads((folder / "provenance.json").read_text(encoding="utf-8")),
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: not a whole run record: {error}") from None


def _parameters(file: Path) -> Train | Finetune:
    """The parameters of a record, of this version or an older one."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return STAGES[values.pop("stage")].recorded(values)


def find(run: str | Path) -> Path:
    """The folder a person means by a path or by `<study>/<run>`."""
    for folder in (Path(run).expanduser(), paths.runs() / run):
        if str(run) and folder.is_dir():
            return folder.resolve()
    known = _known()
    close = nearest(run, known)
    hint = f"did you mean {close!r}?" if close else f"finished runs: {shortened(known) or 'none'}"
    raise InputError(f"run {str(run)!r}: no such folder, here or under {paths.runs()}; {hint}")


def _known() -> list[str]:
    """Every finished run under the runs folder, as `<study>/<run>`."""
    root = paths.runs()
    return sorted(p.parent.relative_to(root).as_posix() for p in root.glob("*/*/done"))


def digest(parts: Iterable[object]) -> str:
    """The sha256 of a sequence of texts, as hexadecimal text."""
    h = hashlib.sha256()
    for part in parts:
        h.update(f"{part}\n".encode())
    return h.hexdigest()


def publish(run: Run, folder: Path) -> Path:
    """Copy a record without its weights into `folder`, e.g. `results/<study>`; returns the copy."""
    target = folder / run.folder.name
    shutil.rmtree(target, ignore_errors=True)
    names = ("parameters.json", "history.csv", "predictions.parquet", "provenance.json", "done")
    extras = sorted(path.name for path in run.folder.glob("*.parquet") if path.name not in names)
    for name in (*extras, *names):
        write_atomically(target / name, functools.partial(shutil.copy, run.folder / name))
    return target


def attach(run: Run, name: str, table: pd.DataFrame) -> None:
    """Keep further predictions with a record, as `<name>.parquet`; Grad-CAM's boxes are such."""
    write_atomically(run.folder / f"{name}.parquet", lambda p: table.to_parquet(p, index=False))


def attached(run: Run, name: str) -> pd.DataFrame | None:
    """The further predictions of that name; None where the record has none."""
    file = run.folder / f"{name}.parquet"
    return pd.read_parquet(file) if file.exists() else None


def study(name: str, chosen: str = "*", stage: str = "train") -> list[Run]:
    """The finished runs of a study.

    Parameters
    ----------
    name
        A folder, or the name of a study under `clnlib.paths.runs()`, else of a published one
        under `clnlib.paths.results()`.
    chosen
        Names of runs or patterns (`*lam0.4*`), separated by commas.
    stage
        "train" or "finetune".

    Raises
    ------
    InputError
        No such study (the nearest is named), or none of its runs is finished and chosen.
    """
    places = (Path(name).expanduser(), paths.runs() / name, paths.results() / name)
    folder = next((p for p in places if name and any(p.glob("*/done"))), None)
    if folder is None:
        known = {p.parents[1].name for r in places[1:] for p in r.parent.glob("*/*/done")}
        close = nearest(name, known)
        hint = f"did you mean {close!r}?" if close else f"studies: {shortened(sorted(known))}"
        raise InputError(f"study {name!r}: no finished run, here or under {paths.runs()}; {hint}")
    done = sorted(p.parent for p in folder.glob("*/done"))
    patterns = [pattern.strip() for pattern in chosen.split(",")]
    picked = [p for p in done if any(fnmatch.fnmatch(p.name, pattern) for pattern in patterns)]
    found = [run for run in map(read, picked) if run.stage == stage]
    if not found:
        have = shortened([p.name for p in done])
        raise InputError(
            f"study {name}: no finished {stage} run is called {chosen!r}; it has {have}"
        )
    return found


@functools.cache
def code_sha256() -> str:
    """The hash of the code a training run depends on.

    Taken once per process, so that a long one does not record edits it never executed.
    """
    return code.sha256("clnlib.model.training")


# What `make` itself writes into a checkout, records and pages, is no change of the sources.
_SOURCES = (":/", ":(exclude,top)results", ":(exclude,top)book")


def environment() -> dict[str, Any]:
    """Commit, dirty flag, code hash and versions, for a record's provenance."""
    names = ("keras", "tensorflow", "tensorflow-cpu", "jax", "numpy", "pandas", "clnlib")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None
        if (status := _git("status", "--porcelain", "--untracked-files=no", "--", *_SOURCES))
        is None
        else bool(status),
        "code_sha256": code_sha256(),
        "versions": {"python": platform.python_version()}
        | {name: v for name in names if (v := _version(name))},
    }


def _git(*words: str) -> str | None:
    """What git says of the checkout; None without git or outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(paths.CHECKOUT), *words], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    """The installed version of a distribution; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
