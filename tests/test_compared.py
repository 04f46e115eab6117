"""Two records of one run: what is said of their distance, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from clnbook import compared
from clnlib import io, runs


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
    io.write_json(folder / "parameters.json", {"stage": stage})
    (folder / "history.csv").write_text("epoch\n1\n")
    return runs.finish(folder, rows, {"findings": ["a", "b"]})


def test_the_distance_of_two_records(tmp_path):
    """Largest differences, and the test's means: AUC 0.5 to 1, IoU 0.5 / 0.75 to 1."""
    fresh, older = record(tmp_path / "new" / "r", 0.75), record(tmp_path / "old" / "r", 0.5, 0.25)
    assert compared.sentence(fresh, older) == (
        "r: probabilities differ by at most 0.25, box coordinates by at most 0.25, "
        "test mean AUC 1.0000 (before 0.5000), test mean IoU 1.0000 (before 0.6667)"
    )


def test_equal_records_differ_by_nothing(tmp_path):
    """No difference is written as 0."""
    one, two = record(tmp_path / "a", 0.6), record(tmp_path / "b", 0.6)
    assert "differ by at most 0, box coordinates by at most 0," in compared.sentence(one, two)


@pytest.mark.parametrize("images", [6, 8])
def test_other_rows_are_not_subtracted(tmp_path, images):
    """After a change of the data the means are told, and that the rows are others."""
    told = compared.sentence(
        record(tmp_path / "a", 0.6, images=images), record(tmp_path / "b", 0.6)
    )
    assert told.startswith(f"a: other rows or columns than before (4 rows, now {images}), test")


def test_stage_1_has_labels_and_no_boxes(tmp_path):
    """The mean AUC leaves out a label that every test image has."""
    rows = pd.DataFrame({"image": ["i", "j", "k"], "part": "test", "y_a": [0, 1, 0], "y_b": 1})
    rows["p_a"], rows["p_b"] = [0.1, 0.2, 0.3], 0.5
    one, two = (
        _written(tmp_path / "r", rows, "finetune"),
        _written(tmp_path / "s", rows, "finetune"),
    )
    assert compared.sentence(one, two) == (
        "r: probabilities differ by at most 0, test mean AUC 0.5000 (before 0.5000)"
    )
