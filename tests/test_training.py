"""Both stages end to end on small phantoms: the record, repeatability, kills, both backends."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small import SMALL

from clnlib import io, runs
from clnlib.errors import InputError
from clnlib.metrics.boxes import iou
from clnlib.model import session, stages, training
from clnlib.parameters import Finetune, Train

SCRIPT = """
import json, sys
from clnlib.model.training import train
from clnlib.parameters import Train
train(Train.check(json.loads(sys.argv[1])))
"""


def _start(parameters, home, **environment):
    """A training in a process of its own."""
    variables = {**os.environ, "CLN_HOME": str(home), **environment}
    words = [sys.executable, "-c", SCRIPT, json.dumps(parameters)]
    return subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("deterministic", [True, False])
def test_any_order_is_asked_of_no_backend(monkeypatch, deterministic):
    """Repeatable arithmetic is the default and costs time; a training may do without."""
    import tensorflow as tf

    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(1))
    monkeypatch.setattr(session.keras.backend, "backend", lambda: "tensorflow")
    session.begin(0, deterministic=deterministic)
    assert asked == [1] * Train(deterministic=deterministic).deterministic


def test_the_record_is_whole(small_run):
    """A run leaves what design and readers count on, and nothing of its checkpoint."""
    names = {path.name for path in small_run.folder.iterdir()}
    assert names == {
        "parameters.json", "history.csv", "predictions.parquet", "epochs.parquet",
        "model.weights.h5", "provenance.json", "done",
    }  # fmt: skip
    assert small_run.parameters.lam == 0.4 and small_run.stage == "train"
    facts = small_run.provenance
    assert {"commit", "dirty", "code", "data_sha256", "split_sha256", "versions", "device",
            "seconds", "warnings", "best_epoch"} <= facts.keys()  # fmt: skip
    assert facts["images"] == 60 and sum(facts["rows"].values()) == len(small_run.predictions)
    expected = ["epoch", "learning_rate", "loss", "val_loss", "val_box_iou", "val_box_no_overlap",
                "val_box_empty", "box_no_overlap", "box_empty"]  # fmt: skip
    assert set(expected) <= set(small_run.history) and len(small_run.history) == 3


def test_predictions_are_probabilities_and_boxes(small_run):
    """Every box has a part, eight probabilities that sum to 1, and a predicted box."""
    rows = small_run.predictions
    shares = rows[[runs.PROBABILITY + f for f in small_run.findings]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert set(rows["part"]) == {"train", "validation", "test"}
    assert (rows[runs.PREDICTED_BOX].to_numpy() >= 0).all()
    assert len(small_run.findings) == 8


def test_the_history_is_eq_4(small_run):
    """The recorded total is λ · CE + (1 − λ) · box loss."""
    h = small_run.history
    np.testing.assert_allclose(h["loss"], 0.4 * h["finding_loss"] + 0.6 * h["box_loss"], rtol=1e-5)
    np.testing.assert_allclose(h["val_box_loss"], 1 - h["val_box_iou"], rtol=1e-5)
    parts = 0.4 * h["val_finding_loss"] + 0.6 * h["val_box_loss"]
    np.testing.assert_allclose(h["val_loss"], parts, rtol=1e-5)


def test_validation_is_a_mean_over_boxes(small_run):
    """A history's validation values are those of the record's rows, whatever the batches were."""
    kept = pd.read_parquet(small_run.folder / runs.EPOCHS)
    rows = kept[(kept["kept"] == "last") & (kept["part"] == "validation")]
    last = small_run.history.iloc[-1]
    true, box = (rows[names].to_numpy() for names in (runs.TRUE_BOX, runs.PREDICTED_BOX))
    assert last["val_box_iou"] == pytest.approx(iou(true, box).mean(), rel=1e-5)
    assert last["val_box_dead"] == (box == 0).all(axis=0).mean()
    assert last["val_box_spread"] == pytest.approx(box.std(axis=0).min(), rel=1e-4, abs=1e-6)
    shares = [row[runs.PROBABILITY + row["finding"]] for _, row in rows.iterrows()]
    assert last["val_finding_loss"] == pytest.approx(-np.log(shares).mean(), rel=1e-4)


def test_the_record_holds_the_best_the_box_and_the_last_epoch(small_run):
    """Validation and test by each kept epoch; the kept one's rows are the predictions'."""
    kept = pd.read_parquet(small_run.folder / runs.EPOCHS)
    names = small_run.provenance["kept_epochs"]
    assert list(names) == ["best", "box", "last"] and set(kept["kept"]) == set(names)
    assert set(kept["part"]) == {"validation", "test"}
    best = kept[kept["kept"] == "best"].drop(columns="kept").reset_index(drop=True)
    rows = small_run.predictions.query("part != 'train'").reset_index(drop=True)
    pd.testing.assert_frame_equal(best, rows)


def test_a_run_may_keep_its_last_epoch(tmp_path, monkeypatch):
    """`keep last` gives the last epoch's predictions and weights, another run than `best`."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    other = {"epochs": 2, "keep": "last", "rate_rule": "plateau"}
    run = training.train(Train.check({**SMALL, **other}))
    assert run.provenance["best_epoch"] == 2
    kept = pd.read_parquet(run.folder / runs.EPOCHS).query("kept == 'last' and part == 'test'")
    np.testing.assert_array_equal(kept[runs.PREDICTED_BOX], run.part("test")[runs.PREDICTED_BOX])
    assert not list(run.folder.glob("[bl]*.weights.h5"))


def test_a_finished_run_is_read_not_repeated(small_run, capsys, monkeypatch):
    """The same parameters give the record that is there."""
    monkeypatch.setenv("CLN_HOME", str(small_run.folder.parents[2]))
    again = training.train(Train.check(SMALL))
    assert "already recorded" in capsys.readouterr().out
    pd.testing.assert_frame_equal(again.predictions, small_run.predictions)


def test_a_finished_run_says_what_has_changed_since(small_run, capsys, monkeypatch):
    """Other code is named by its modules; so are weights that were trained anew under one name."""
    monkeypatch.setenv("CLN_HOME", str(small_run.folder.parents[2]))
    monkeypatch.setattr(training.runs, "other_code", lambda provenance: ["losses", "network"])
    monkeypatch.setattr(training, "_weights_sha256", lambda p: "another hash")
    training.train(Train.check(SMALL))
    said = capsys.readouterr().out
    assert "already recorded by other code (losses, network) and from other weights" in said
    assert "-p restart True makes it anew" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"phantom_contrast": 1.0}, "in data"),
        ({"epochs": 2, "loss": "giou"}, "in epochs, loss"),
        ({"phantom_images": 40, "epochs": 2}, "in data, epochs"),
    ],
)
def test_a_new_run_says_how_it_differs(small_run, capsys, monkeypatch, changed, said):
    """Beside a finished run of one backbone, λ and seed it says in what it is another."""
    monkeypatch.setenv("CLN_HOME", str(small_run.folder.parents[2]))
    made = []
    monkeypatch.setattr(training.sources, "prepared", lambda p: made.append(p) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        training.train(Train.check({**SMALL, **changed}))
    assert f"differs from {small_run.folder.name} {said}\n" in capsys.readouterr().out


def test_a_run_that_is_made_again_says_why(small_run, tmp_path, capsys, monkeypatch):
    """A record without `done`, as a workflow leaves it, is made again; changed code is named."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    folder = tmp_path / "runs" / "tests" / small_run.folder.name
    shutil.copytree(small_run.folder, folder)
    (folder / "done").unlink()
    note = json.loads((folder / "provenance.json").read_text())
    note["code"]["clnlib.model.losses"] = "another hash"
    io.write_json(folder / "provenance.json", note)
    monkeypatch.setattr(training.sources, "prepared", lambda p: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        training.train(Train.check(SMALL))
    assert "made again, the code has changed since (losses)" in capsys.readouterr().out


def test_two_processes_make_one_record(small_run, tmp_path, monkeypatch, capsys):
    """A run that is being trained is waited for, then read: it is trained once."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    parameters = Train.check(SMALL).filled()
    made, inside, told = [], threading.Event(), threading.Event()

    def make(_, folder, *others):
        made.append(folder)
        inside.set()
        assert told.wait(60)
        shutil.copytree(small_run.folder, folder)
        return runs.read(folder)

    monkeypatch.setattr(training, "_trained", make)
    other = threading.Thread(target=training.train, args=(parameters,))
    other.start()
    assert inside.wait(60)

    def say(*words, **where):
        print(*words, **where)
        told.set()  # the first goes on as soon as the second waits

    monkeypatch.setattr("clnlib.io.print", say, raising=False)
    run = training.train(parameters)
    other.join()
    assert made == [run.folder]
    said = capsys.readouterr()
    assert "waiting for another process that trains this run" in said.err
    assert "already recorded" in said.out


@pytest.mark.slow
def test_sigkill_in_mid_epoch_and_resume_equals_the_unkilled_run(small_run, tmp_path):
    """Killed in its second epoch and started again: bitwise the unkilled run's record."""
    first = _start(SMALL, tmp_path)
    folder = tmp_path / "runs" / "tests" / small_run.folder.name
    while not (folder / "checkpoint" / "00001.npz").exists():
        assert first.poll() is None, "ended before its first checkpoint"
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (folder / "done").exists()
    with pytest.raises(InputError, match=r"no file `done` in it.*continues where it was"):
        runs.read(folder)
    second = _start(SMALL, tmp_path)
    told, _ = second.communicate()
    assert second.returncode == 0 and "continuing after epoch" in told
    resumed = runs.read(folder)
    pd.testing.assert_frame_equal(resumed.history, small_run.history, check_exact=True)
    pd.testing.assert_frame_equal(resumed.predictions, small_run.predictions, check_exact=True)


@pytest.mark.slow
def test_stage_1_then_stage_2(tmp_path, monkeypatch):
    """`finetune` keeps the best epoch by AUC, and `train` starts from its backbone."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    small = {"phantom_images": 240, "image_size": 32, "epochs": 2, "study": "tests"}
    stage1 = training.finetune(Finetune.check(small))
    assert stage1.findings[-1] == "Hernia" and len(stage1.findings) == 14
    assert stage1.provenance["best_epoch"] == stage1.history["val_auc"].argmax() + 1
    parts = stage1.predictions.groupby("patient")["part"].nunique()
    assert (parts == 1).all()

    from clnlib.model import network, weights

    model = network.build_cln("mobilenetv3small", 32)
    weights.load(model, "mobilenetv3small", str(stage1.folder))
    donor = network.build_classifier("mobilenetv3small", 32)
    donor.load_weights(stage1.weights)
    pairs = zip(network.backbone_layers(model), network.backbone_layers(donor), strict=True)
    for ours, theirs in pairs:
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="a run of mobilenetv3small, expected chexnet"):
        weights.load(network.build_cln("chexnet", 32), "chexnet", str(stage1.folder))
    with pytest.raises(InputError, match="a finetune run; a train run is needed"):
        from clnlib.model.predict import load_model

        load_model(stage1)


def test_weights_of_a_stage_2_run_are_no_stage_1(small_run):
    """A train run is refused where a finetune run is asked for."""
    from clnlib.model import network, weights

    model = network.build_cln("mobilenetv3small", 32)
    with pytest.raises(InputError, match="a train run, expected a finetune run"):
        weights.load(model, "mobilenetv3small", str(small_run.folder))


def test_a_dead_box_head_is_said_aloud():
    """Empty boxes at the kept or the last epoch become a warning with a way out."""
    history = pd.DataFrame({
        "epoch": [1, 2], "val_loss": [1.0, 2.0], "val_box_loss": [0.8, 0.9],
        "val_box_empty": [0.1, 0.97], "val_box_dead": [0.0, 0.5], "val_box_spread": [0.1, 0.1],
    })  # fmt: skip
    (note,) = stages._dead_head(history, "val_loss")
    assert "97% of the boxes are empty in validation at the last epoch (2)" in note
    alive = history.assign(val_box_empty=0.5, val_box_dead=0.0)
    assert stages._dead_head(alive, "val_loss") == []
    (note,) = stages._dead_head(history.assign(val_box_empty=0.5), "val_loss")
    assert "2 of the 4 box coordinates are 0 on every image in validation" in note
    (note,) = stages._dead_head(alive.assign(val_box_spread=0.001), "val_loss")
    assert "hardly changes from image to image" in note
    assert "the best epoch (1), box epoch (1), last epoch (2);" in note


def test_keeping_memory_is_only_asked_of_glibc(monkeypatch):
    """Where the C library does not know the setting, or on another system, nothing happens."""
    asked = []
    library = SimpleNamespace(mallopt=lambda *words: asked.append(words))
    for platform, found in (("linux", library), ("linux", SimpleNamespace()), ("win32", library)):
        monkeypatch.setattr(session.sys, "platform", platform)
        monkeypatch.setattr(session.ctypes, "CDLL", lambda name, found=found: found)
        session.keep_memory()
    assert asked == [(-2, 64 << 20)]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_training_under_jax(tmp_path):
    """The same code trains under Keras' JAX backend, and says so in the record."""
    done = _start({**SMALL, "epochs": 1}, tmp_path, KERAS_BACKEND="jax")
    done.communicate()
    assert done.returncode == 0
    (finished,) = (tmp_path / "runs" / "tests").glob("*/done")
    run = runs.read(finished.parent)
    assert "(jax)" in run.provenance["device"] and np.isfinite(run.history["loss"]).all()
