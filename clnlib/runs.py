"""The run record: what training leaves behind, written once; everything after it only reads.

`runs/<study>/<run>/` holds `parameters.json`, `history.csv`, `predictions.parquet`,
`model.weights.h5`, `provenance.json`, `checkpoint/` while running, and `done` last. A folder
without `done` is never read as a result.
"""

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

from clnlib import paths
from clnlib.errors import InputError, nearest, shortened

PROBABILITY = "p_"  # column prefix of a finding's probability in predictions
LABEL = "y_"  # and of its truth in a stage-1 record
PREDICTED_BOX = ["px1", "py1", "px2", "py2"]
TRUE_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder
        Where the record lies.
    parameters
        The parameters of `train` or `finetune`, and under "stage" which of the two.
    history
        One row per epoch.
    predictions
        One row per box (stage 2) or image (stage 1) with its part, truth and predictions.
    provenance
        Commit, versions, hashes, device, seconds, findings, warnings.
    """

    folder: Path
    parameters: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame
    provenance: dict[str, Any]

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
            json.loads((folder / "parameters.json").read_text(encoding="utf-8")),
            pd.read_csv(folder / "history.csv"),
            pd.read_parquet(folder / "predictions.parquet"),
            json.loads((folder / "provenance.json").read_text(encoding="utf-8")),
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a whole run record: {error}") from None


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
    for name in names:
        write_atomically(target / name, functools.partial(shutil.copy, run.folder / name))
    return target


@functools.cache
def code_sha256() -> str:
    """The hash of the code a run depends on: what lies before and in `data` and `model`.

    Taken once per process, so that a long one does not record edits it never executed.
    """
    package = Path(__file__).parent
    files = [package / "findings.py", package / "parameters.py", package / "runs.py"]
    for room in ("data", "model"):
        files += sorted((package / room).glob("*.py"))
    return digest(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def environment() -> dict[str, Any]:
    """Commit, dirty flag, code hash and versions, for a record's provenance."""
    names = ("keras", "tensorflow", "tensorflow-cpu", "jax", "numpy", "pandas", "clnlib")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None
        if (status := _git("status", "--porcelain", "--untracked-files=no")) is None
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
