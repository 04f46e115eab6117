"""What test boxes share with training, and what a blind box reaches, on NIH's tables."""

import subprocess
import sys

import matplotlib.pyplot as plt
import pytest

from clnbook import published
from clnbook.audit import blind, leakage
from clnlib.data import nih
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN


def test_protocols_leak_what_they_allow():
    """By patient nothing is shared, by image patients are, by box images are, too."""
    table = leakage.protocols((0,))
    assert table.loc["patient", ["image_seen", "patient_seen"]].tolist() == [0, 0]
    assert table.loc["image", "image_seen"] == 0 < table.loc["image", "patient_seen"]
    assert 0 < table.loc["box", "image_seen"] < table.loc["box", "patient_seen"]


def test_shares_by_hand():
    """The share of the box protocol is that of a plain count over its rows."""
    split = leakage.split("box", 0)
    trained = set(split.loc[split["part"] == "train", "patient"])
    test = [p in trained for p in split.loc[split["part"] == "test", "patient"]]
    share = leakage.protocols((0,)).loc["box", "patient_seen"]
    assert share == pytest.approx(sum(test) / len(test))


def test_public_splits_have_their_shares():
    """70 and 10 % of the boxed images either way; by image nearly every patient is seen."""
    table = leakage.public_splits((0, 1))
    assert table["image_trained"].tolist() == pytest.approx([0.7, 0.7], abs=0.05)
    assert table["image_selected"].tolist() == pytest.approx([0.1, 0.1], abs=0.04)
    own, other = table.loc["by patient"], table.loc["by image"]
    assert own["patient_trained"] == own["image_trained"] < other["patient_trained"]


def test_official_lists(tmp_path, monkeypatch):
    """Without the lists nothing is said; with them boxed images are counted where they lie."""
    monkeypatch.delenv("CLN_NIH_DIR", raising=False)
    assert leakage.official() is None
    images = nih.load_boxes()["image"].unique()
    (tmp_path / "test_list.txt").write_text("\n".join(images[2:]))
    (tmp_path / "train_val_list.txt").write_text("\n".join(images[:2]))
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path))
    found = leakage.official()
    assert (found["images"], found["in_test"], found["in_train_val"]) == (880, 878, 2)
    assert found["patients_in_train_val"] == len({name[:8] for name in images[:2]})


def test_blind_box_beside_table_1():
    """Every legible cell has the blind accuracy of its finding and T beside it."""
    cells = blind.against(seeds=(0,))
    assert len(cells) == (published.table1()["transcription"] == published.OK).sum()
    accuracy = blind.accuracy(seeds=(0,))
    assert accuracy[MEAN].tolist() == pytest.approx(accuracy[list(BOXED)].mean(axis=1).tolist())
    assert (accuracy.diff().dropna() <= 0).all(axis=None)
    row = cells.sample(1, random_state=0).iloc[0]
    assert row["blind"] == accuracy.loc[row["T"], row["finding"]]
    assert row["beaten"] == (row["blind"] > row["value"])
    share = blind.share_beaten(cells)
    assert share["beaten"].sum() == cells.loc[cells["finding"] != MEAN, "beaten"].sum()


def test_shares_are_drawn_where_they_are():
    """Bars of leakage, bars of cells beaten and curves over T have the tables' values."""
    shares = leakage.protocols((0,))
    cells = blind.against(seeds=(0,))
    beaten = blind.share_beaten(cells)
    _, (first, second, third) = plt.subplots(1, 3)
    leakage.draw_protocols(shares, first)
    widths = [bar.get_width() for bar in first.patches]
    assert widths == [*shares["image_seen"], *shares["patient_seen"]]
    blind.draw_share_beaten(beaten, second)
    assert [bar.get_width() for bar in second.patches] == beaten["share"].tolist()
    blind.draw_against(cells, third)
    means = cells[cells["finding"] == MEAN].sort_values("T")
    drawn = sorted(y for line in third.lines[:-1] for y in line.get_ydata())
    assert drawn == sorted(means["value"])
    assert third.lines[-1].get_ydata().tolist() == means.drop_duplicates("T")["blind"].tolist()
    plt.close("all")


def test_the_audit_reads_without_a_framework():
    """Importing the paper's rooms loads neither TensorFlow, Keras nor matplotlib."""
    code = (
        "import sys, importlib, pkgutil, clnbook.audit as p\n"
        "for m in pkgutil.walk_packages(p.__path__, 'clnbook.audit.'): "
        "importlib.import_module(m.name)\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
