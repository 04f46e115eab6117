"""A run made here beside the committed record of its name: what a page says, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from clnbook import compared
from clnlib import io, paths, runs
from clnlib.parameters import Finetune, Train

STAGES = {"train": Train, "finetune": Finetune}


def record(folder, sure, moved=0.0, images=4):
    """A stage-2 record of two findings: `sure` is the probability of b on the rows of b."""
    finding = np.array(["a", "b"] * (images // 2))
    share = np.where(finding == "b", sure, 0.5)
    rows = pd.DataFrame({"image": [f"i{k}" for k in range(images)], "finding": finding})
    rows[runs.TRUE_BOX] = [0.0, 0.0, 0.5, 1.0]
    rows["part"] = ["train"] * 2 + ["test"] * (images - 2)
    rows[runs.PREDICTED_BOX] = [0.0, 0.0, 0.5 + moved, 1.0]
    rows["p_a"], rows["p_b"] = 1 - share, share
    return _written(folder, rows, "train")


def _written(folder, rows, stage):
    values = STAGES[stage]().model_dump() | {"stage": stage}
    io.write_json(folder / "parameters.json", values)
    (folder / "history.csv").write_text("epoch\n1\n")
    facts = {"findings": ["a", "b"], "device": folder.parents[1].name}
    return runs.finish(folder, rows, facts | {"versions": {}, "seconds": 1.0, "best_epoch": 1})


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folders of a study's runs on this machine, and of its committed records."""
    monkeypatch.setattr(paths, "results", lambda: tmp_path / "committed")
    return tmp_path / "here" / "study", tmp_path / "committed" / "study"


def row(lines):
    return [cell.strip() for cell in lines[-1].strip("|").split("|")]


def test_the_distance_of_two_records(places):
    """The test's means beside each other, AUC 0.5 to 1, IoU 0.5 / 0.75 to 1; differences."""
    here, there = places
    fresh = record(here / "r", 0.75)
    record(there / "r", 0.5, 0.25)
    lines = compared.beside([fresh])
    assert row(lines) == ["`r`", "1.000", "0.500", "1.000", "0.667", "0.25", "0.25"]
    assert "This machine: here; the committed records: committed." in lines[0]


def test_equal_records_differ_by_nothing(places):
    """No difference is written as 0."""
    here, there = places
    record(there / "r", 0.6)
    assert row(compared.beside([record(here / "r", 0.6)]))[-2:] == ["0", "0"]


@pytest.mark.parametrize("images", [6, 8])
def test_other_rows_are_not_subtracted(places, images):
    """After a change of the data the means are shown, and that the rows are others."""
    here, there = places
    record(there / "r", 0.6)
    cells = row(compared.beside([record(here / "r", 0.6, images=images)]))
    assert cells[1:3] == ["1.000", "1.000"]
    assert cells[-2:] == [f"other rows: {images}, committed 4", "–"]


def test_a_run_without_a_committed_record_says_so(places):
    """One that is not there, and one that is damaged; the run's own numbers are shown."""
    here, there = places
    fresh = record(here / "r", 0.75)
    expected = ["`r`", "1.000", "–", "1.000", "–", "no committed record", "–"]
    assert row(compared.beside([fresh])) == expected
    record(there / "r", 0.75)
    (there / "r" / "predictions.parquet").write_bytes(b"damaged")
    assert row(compared.beside([fresh])) == expected


def test_stage_1_has_labels_and_no_boxes(places):
    """The mean AUC leaves out a label that every test image has."""
    rows = pd.DataFrame({"image": ["i", "j", "k"], "part": "test", "y_a": [0, 1, 0], "y_b": 1})
    rows["p_a"], rows["p_b"] = [0.1, 0.2, 0.3], 0.5
    here, there = places
    _written(there / "r", rows, "finetune")
    fresh = _written(here / "r", rows, "finetune")
    assert row(compared.beside([fresh])) == ["`r`", "0.500", "0.500", "–", "–", "0", "–"]
