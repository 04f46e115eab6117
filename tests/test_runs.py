"""A run record is whole or it is not read; folders and hashes are where and what they say."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from clnbook import publish
from clnlib import io, paths, runs
from clnlib.errors import InputError
from clnlib.parameters import Train

PACKAGE = Path(runs.__file__).parent
PREDICTIONS = pd.DataFrame({"image": ["a.png", "b.png"], "x1": [0.25, 0.5]})
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25]})
PROVENANCE = {"findings": ["Mass", "Nodule"], "seconds": 1.5}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home, with the current folder elsewhere."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


def begun(folder: Path) -> Path:
    """What a training has written before it finishes."""
    io.write_json(folder / "parameters.json", {"lam": 0.4, "stage": "train"})
    io.write_atomically(folder / "history.csv", lambda p: HISTORY.to_csv(p, index=False))
    io.write_json(folder / "checkpoint" / "state.json", {"epoch": 2})
    return folder


# the record


def test_a_finished_record_is_read_back(home):
    """Everything given to `finish` comes back, by folder or by `<study>/<run>`."""
    folder = begun(home / "runs" / "s" / "r")
    run = runs.finish(folder, PREDICTIONS, PROVENANCE)
    assert run.folder == folder.resolve()
    assert run.parameters == Train(lam=0.4, box_unit="relative")  # the record names no unit
    assert run.stage == "train"
    assert run.findings == ("Mass", "Nodule")
    assert run.weights == folder.resolve() / "model.weights.h5"
    pd.testing.assert_frame_equal(run.history, HISTORY)
    pd.testing.assert_frame_equal(run.predictions, PREDICTIONS)
    assert runs.read("s/r").provenance == runs.read(folder).provenance == PROVENANCE
    assert sorted(p.name for p in folder.iterdir()) == [
        "done",
        "history.csv",
        "parameters.json",
        "predictions.parquet",
        "provenance.json",
    ]


def test_a_record_without_done_is_refused(home):
    """An unfinished run is never read as a result, and the message says what to do."""
    folder = begun(home / "runs" / "s" / "r")
    with pytest.raises(InputError, match="not finished; run the same training command again"):
        runs.read(folder)


@pytest.mark.parametrize("step", ["predictions.parquet", "provenance.json", "done"])
def test_done_is_written_last(home, monkeypatch, step):
    """Whichever step of `finish` fails, there is no `done`, and the checkpoint is still there."""
    folder = begun(home / "runs" / "s" / "r")
    whole = io.write_atomically
    written = []

    def failing(path: Path, write) -> None:
        if path.name == step:
            raise OSError("disk full")
        written.append(path.name)
        whole(path, write)

    monkeypatch.setattr(io, "write_atomically", failing)
    with pytest.raises(OSError, match="disk full"):
        runs.finish(folder, PREDICTIONS, PROVENANCE)
    assert not runs.is_done(folder)
    assert (folder / "checkpoint" / "state.json").exists()
    assert written == ["predictions.parquet", "provenance.json"][: len(written)]
    monkeypatch.undo()
    assert runs.finish(folder, PREDICTIONS, PROVENANCE).provenance == PROVENANCE


def test_a_history_cut_at_a_line_is_refused(home):
    """A history that lost its last epochs still parses; the record knows how many there were."""
    folder = begun(home / "runs" / "s" / "r")
    history = folder / "history.csv"
    history.write_text("epoch,loss\n1,0.5\n2,0.4\n")
    runs.finish(folder, PREDICTIONS, PROVENANCE | {"epochs": 2})
    history.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(InputError, match=r"history\.csv has 1 epochs of 2"):
        runs.read(folder)


@pytest.mark.parametrize("name", ["parameters.json", "history.csv", "predictions.parquet"])
def test_a_damaged_record_is_refused(home, name):
    """A part that is missing or torn is an error for a user, not a traceback."""
    folder = begun(home / "runs" / "s" / "r")
    runs.finish(folder, PREDICTIONS, PROVENANCE)
    (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match="not a whole run record"):
        runs.read(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match="not a whole run record"):
        runs.read(folder)


def test_a_missing_run_names_the_nearest(home):
    """A misspelt run is answered with the finished run most like it."""
    for name in ("chexnet-lam0.4-seed0-0123abcd", "xception-lam0.1-seed0-89ab4567"):
        runs.finish(begun(home / "runs" / "trial" / name), PREDICTIONS, PROVENANCE)
    begun(home / "runs" / "trial" / "chexnet-lam0.4-seed0-unfinished")
    with pytest.raises(InputError, match=r"did you mean 'trial/chexnet-lam0\.4-seed0-0123abcd'"):
        runs.read("trial/chexnet-lam0.4-seed0")
    with pytest.raises(InputError, match=r"finished runs: trial/chexnet\S+, trial/xception"):
        runs.read("zzz")


def test_a_missing_run_without_any(home):
    """An empty runs folder is said to be empty; an empty name is not the current folder."""
    for name in ("s/r", ""):
        with pytest.raises(InputError, match=r"no such folder.*finished runs: none"):
            runs.read(name)


def _record(folder, stage="train"):
    """A finished record with one row."""
    folder.mkdir(parents=True)
    io.write_json(folder / "parameters.json", {"stage": stage})
    pd.DataFrame({"epoch": [1]}).to_csv(folder / "history.csv", index=False)
    return runs.finish(folder, pd.DataFrame({"image": ["a"]}), {"findings": ["Mass"]})


def test_a_study_is_its_finished_runs(tmp_path, monkeypatch):
    """By name, by folder, by pattern; what was run here and what is published together."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "results", lambda: tmp_path / "results")
    for name in ("a-lam0.1", "a-lam0.4", "b-lam0.4"):
        _record(tmp_path / "results" / "s" / name)
    _record(tmp_path / "results" / "s" / "a-finetune", "finetune")
    (tmp_path / "results" / "s" / "unfinished").mkdir()
    names = [run.folder.name for run in runs.study("s")]
    assert names == ["a-lam0.1", "a-lam0.4", "b-lam0.4"]
    assert [r.folder.name for r in runs.study("s", "b*, *0.1")] == ["a-lam0.1", "b-lam0.4"]
    assert [r.folder.name for r in runs.study("s", stage="finetune")] == ["a-finetune"]
    _record(tmp_path / "runs" / "s" / "mine")
    _record(tmp_path / "runs" / "s" / "a-lam0.4")
    both = runs.study("s")
    assert [run.folder.name for run in both] == [*names, "mine"]
    assert [run.folder.parents[1].name for run in both] == ["results", "runs", "results", "runs"]
    assert len(runs.study(str(tmp_path / "results" / "s"))) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("sturdy",), "did you mean 'study'"),
        (("study", "c*"), "no finished train run is called 'c*'; it has a"),
        (("study", "*", "finetune"), "no finished finetune run"),
        (("",), "no finished run"),
    ],
)
def test_a_study_that_is_not_there(tmp_path, monkeypatch, given, message):
    """The message names the nearest study, or the runs it has."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    _record(tmp_path / "runs" / "study" / "a")
    with pytest.raises(InputError, match=re.escape(message)):
        runs.study(*given)


def test_what_is_attached_is_read_and_published(tmp_path):
    """Further predictions stay with the record and go with its published copy."""
    run = _record(tmp_path / "run")
    assert runs.attached(run, "gradcam") is None
    table = pd.DataFrame({"method": ["127"], "px1": [0.25]})
    runs.attach(run, "gradcam", table)
    copy = runs.read(publish.published(run, tmp_path / "results"))
    pd.testing.assert_frame_equal(runs.attached(copy, "gradcam"), table)


def test_a_published_record_names_no_folder_of_this_machine(tmp_path):
    """A record has absolute paths, to say which files are meant; a published one only names."""
    run = _record(tmp_path / "run")
    values = {"dataset": str(tmp_path / "a.json"), "weights": "s/x-finetune", "stage": "train"}
    io.write_json(run.folder / "parameters.json", values)
    copy = runs.read(publish.published(run, tmp_path / "results"))
    assert (copy.train.dataset, copy.train.weights) == ("a.json", "s/x-finetune")


def test_an_older_record_is_read(tmp_path, monkeypatch):
    """A field that is younger than a record has its neutral value there, not its default."""
    neutral = {**Train._neutral(), "freeze": "backbone"}
    monkeypatch.setattr(Train, "_neutral", classmethod(lambda cls: neutral))
    assert _record(tmp_path / "run").train.freeze == "backbone"
    assert Train().freeze == "nothing"


def test_training_code_is_what_decides_numbers():
    """It has the losses and the split; not what keeps records, says errors or reads records."""
    reached = {name.removeprefix("clnlib.") for name in runs.training_code()}
    assert {"data.splits", "model.losses", "model.network", "model.loop"} <= reached
    assert not {"runs", "errors", "parameters", "io"} & reached
    assert not {name for name in reached if name.startswith("metrics")}


def test_other_code_is_named(monkeypatch):
    """What has changed since a record was made is said by the modules' names."""
    now = runs.training_code()
    noted = {**now, "clnlib.model.losses": "another hash"}
    assert runs.other_code({"code": now}) == []
    assert runs.other_code({"code": noted}) == ["losses"]
    assert runs.other_code({"code_sha256": "of an older record"}) == ["unknown"]


def test_environment_has_versions():
    """A record says which commit, code and versions made it."""
    facts = runs.environment()
    assert facts["versions"]["python"] == ".".join(str(n) for n in sys.version_info[:3])
    assert facts["versions"]["pandas"] == pd.__version__
    assert {"keras", "numpy", "clnlib"} <= set(facts["versions"])
    assert facts["code"] == runs.training_code()
    assert json.loads(io.as_json(facts)) == facts


def test_environment_without_git(monkeypatch):
    """Outside a checkout there is no commit to tell, and that is no error."""
    monkeypatch.setattr(paths, "CHECKOUT", Path("no such folder"))
    assert runs.environment()["commit"] is None


# folders


def test_home_is_named_by_cln_home(tmp_path, monkeypatch):
    """CLN_HOME decides where stores and runs lie; without it the checkout does."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    assert paths.stores() == tmp_path.resolve() / "stores"
    assert paths.runs() == tmp_path.resolve() / "runs"
    monkeypatch.delenv("CLN_HOME")
    assert paths.home() == paths.CHECKOUT
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    assert paths.home() == Path.cwd()


def test_nih_dir_says_what_to_do(tmp_path, monkeypatch):
    """An unset variable is explained, a wrong one is quoted."""
    monkeypatch.delenv("CLN_NIH_DIR", raising=False)
    with pytest.raises(InputError, match=r"CLN_NIH_DIR is not set.*export CLN_NIH_DIR=.*phantom"):
        paths.nih_dir()
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"CLN_NIH_DIR=.*absent: no such folder"):
        paths.nih_dir()
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path))
    assert paths.nih_dir() == tmp_path.resolve()
