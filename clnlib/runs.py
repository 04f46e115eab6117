"""The run record: training writes it once, and every table, figure and page reads it.

`runs/<study>/<run>/` holds `parameters.json`, `history.csv`, `predictions.parquet`,
`model.weights.h5`, `provenance.json`, `checkpoint/` while running, and `done` last. A folder
without `done` is never read as a result.
"""

import fnmatch
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from clnlib import code, io, paths
from clnlib.errors import InputError, nearest, shortened
from clnlib.parameters import Finetune, Train

PROBABILITY = "p_"  # column prefix of a finding's probability in predictions
LABEL = "y_"  # and of its truth in a stage-1 record
PREDICTED_BOX = ["px1", "py1", "px2", "py2"]
TRUE_BOX = ["x1", "y1", "x2", "y2"]
WEIGHTS = "model.weights.h5"
EPOCHS = "epochs.parquet"  # validation and test by the kept epochs: "best", "box" and "last"
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
        One row per epoch; of stage 2 with the boxes of `watched` rows of validation.
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
        """The file of the weights that the run ended with (not in a published record)."""
        return self.folder / WEIGHTS


def watched(rows: int) -> list[int]:
    """Which validation boxes a history holds for every epoch, as `val_px1_0` … `val_py2_7`."""
    return sorted({k * (rows - 1) // 7 for k in range(8)})


def is_done(folder: Path) -> bool:
    """Whether the folder is a finished record."""
    return (folder / "done").exists()


def finish(folder: Path, predictions: pd.DataFrame, provenance: dict[str, Any]) -> Run:
    """Complete a record: predictions, provenance, no checkpoint any more, and `done` last."""
    io.write_atomically(
        folder / "predictions.parquet", lambda p: predictions.to_parquet(p, index=False)
    )
    io.write_json(folder / "provenance.json", provenance)
    # Its text changes with the record, for those who watch this file alone.
    parts = ("predictions.parquet", "provenance.json")
    io.write_text(folder / "done", io.digest(io.content_sha256(folder / n for n in parts).values()))
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    for other in folder.glob("*.weights.h5"):
        if other.name != WEIGHTS:
            other.unlink()
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
        record = Run(
            folder,
            _parameters(folder / "parameters.json"),
            pd.read_csv(folder / "history.csv"),
            pd.read_parquet(folder / "predictions.parquet"),
            json.loads((folder / "provenance.json").read_text(encoding="utf-8")),
        )
        if (epochs := record.provenance.get("epochs")) not in (None, len(record.history)):
            raise ValueError(f"history.csv has {len(record.history)} epochs of {epochs}")
        return record
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: not a whole run record: {error}") from None


def _parameters(file: Path) -> Train | Finetune:
    """The parameters of a record, of this version or an older one."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return STAGES[values.pop("stage")].recorded(values)


def name_of(run: str | Path) -> str:
    """The name that a run was given when it was made, wherever its folder lies now.

    A run that is not there yet has the last part of its path as its name.
    """
    for folder in (Path(run).expanduser(), paths.runs() / run):
        with suppress(OSError, ValueError, KeyError):
            note = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
            return str(note["run"])
    return Path(run).name


def find(run: str | Path) -> Path:
    """The folder a person means by a path or by `<study>/<run>`."""
    for folder in (Path(run).expanduser(), paths.runs() / run, paths.CHECKOUT / run):
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


def attach(run: Run, name: str, table: pd.DataFrame) -> None:
    """Keep further predictions with a record, as `<name>.parquet`; Grad-CAM's boxes are such."""
    io.write_atomically(run.folder / f"{name}.parquet", lambda p: table.to_parquet(p, index=False))


def attached(run: Run, name: str) -> pd.DataFrame | None:
    """The further predictions of that name; None where the record has none."""
    file = run.folder / f"{name}.parquet"
    return pd.read_parquet(file) if file.exists() else None


def study(name: str, chosen: str = "*", stage: str = "train") -> list[Run]:
    """The finished runs of a study.

    Parameters
    ----------
    name
        A study: its finished runs under `clnlib.paths.runs()` together with those published under
        `clnlib.paths.results()`; a run that lies in both is read from the first. Or a folder of
        runs.
    chosen
        Names of runs or patterns (`*lam0.4*`), separated by commas.
    stage
        "train" or "finetune".

    Raises
    ------
    InputError
        No such study (the nearest is named), or none of its runs is finished and chosen.
    """
    roots = (paths.results(), paths.runs())
    folder = Path(name).expanduser()
    places = [folder] if any(folder.glob("*/done")) else [root / name for root in roots if name]
    done = {file.parent.name: file.parent for place in places for file in place.glob("*/done")}
    if not done:
        known = {file.parents[1].name for root in roots for file in root.glob("*/*/done")}
        close = nearest(name, known)
        hint = f"did you mean {close!r}?" if close else f"studies: {shortened(sorted(known))}"
        raise InputError(f"study {name!r}: no finished run, here or under {paths.runs()}; {hint}")
    patterns = [pattern.strip() for pattern in chosen.split(",")]
    picked = [n for n in sorted(done) if any(fnmatch.fnmatch(n, pattern) for pattern in patterns)]
    runs = [run for run in (read(done[name]) for name in picked) if run.stage == stage]
    if not runs:
        raise InputError(
            f"study {name}: no finished {stage} run is called {chosen!r}; it has "
            f"{shortened(sorted(done))}"
        )
    return runs


# Nothing that these modules decide is hidden: a record holds the parameters and its place itself.
_NO_ARITHMETIC = (
    "backend", "cells", "code", "defaults", "errors", "io", "parameters", "paths", "runs",
)  # fmt: skip


def training_code() -> dict[str, str]:
    """The modules that decide the numbers of a training, each with the hash of its meaning."""
    reached = code.modules("clnlib.model.training")
    return {k: v for k, v in reached.items() if k not in {f"clnlib.{m}" for m in _NO_ARITHMETIC}}


def other_code(provenance: Mapping[str, Any]) -> list[str]:
    """The modules whose meaning has changed since a record was made, by their last names.

    A record older than the notes of single modules gives "unknown".
    """
    noted = provenance.get("code")
    return ["unknown"] if noted is None else differing(noted, training_code())


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The last names of the modules that two notes of code do not share, sorted."""
    apart = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    return sorted(name.rpartition(".")[2] for name in apart)


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
        "code": training_code(),
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
