"""What test boxes share with training, and what a blind box reaches, on NIH's tables."""

import hashlib
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clnbook import published
from clnbook.audit import blind, leakage, manysplits, split
from clnbook.audit.verdicts import DIFFERS, REPRODUCED
from clnlib.data import nih, splits
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN

ROOT = Path(__file__).parents[1]


def test_protocols_leak_what_they_allow():
    """By patient nothing is shared, by image patients are, by box images are, too."""
    table = leakage.protocols((0,))
    assert table.loc["patient", ["image_seen", "patient_seen"]].tolist() == [0, 0]
    assert table.loc["image", "image_seen"] == 0 < table.loc["image", "patient_seen"]
    assert 0 < table.loc["box", "image_seen"] < table.loc["box", "patient_seen"]


def test_shares_by_hand():
    """The share of the box protocol is that of a plain count over its rows."""
    split = splits.make_split(nih.load_boxes(), "box", 0)
    trained = set(split.loc[split["part"] == "train", "patient"])
    test = [p in trained for p in split.loc[split["part"] == "test", "patient"]]
    share = leakage.protocols((0,)).loc["box", "patient_seen"]
    assert share == pytest.approx(sum(test) / len(test))


@pytest.mark.parametrize("protocol", splits.PROTOCOLS)
def test_many_splits_are_the_splits(protocol):
    """Splits made side by side are those of `make_split`, box by box."""
    seeds = (3, 0, 11)
    made = manysplits.parts(protocol, seeds)
    for seed, parts in zip(seeds, made, strict=True):
        own = splits.make_split(nih.load_boxes(), protocol, seed)["part"]
        assert np.array(splits.PARTS)[parts].tolist() == own.tolist()


def test_protocols_count_as_leakage_does():
    """Counted for many seeds, each number is the mean of `leakage.leakage`'s, with its range."""
    seeds, protocol = (0, 1), "image"
    made = [splits.make_split(nih.load_boxes(), protocol, seed) for seed in seeds]
    tests = pd.DataFrame([leakage.leakage(split).loc["test"] for split in made]).astype(float)
    row = leakage.protocols(seeds).loc[protocol]
    for column in ("boxes", "images", "patients"):
        assert row[column] == tests[column].mean()
    seen = tests["boxes_of_shared_patients"] / tests["boxes"]
    columns = ["patient_seen_low", "patient_seen", "patient_seen_high"]
    assert row[columns].tolist() == pytest.approx([seen.min(), seen.mean(), seen.max()])


def test_a_quarter_of_the_test_boxes_by_image():
    """Over 30 seeds the patient of about 26 % of the test boxes is in training."""
    row = leakage.protocols().loc["image"]
    assert len(leakage.SEEDS) >= 30
    assert row["patient_seen"] == pytest.approx(0.258, abs=0.005)
    assert row["patient_seen_low"] < 0.22 and row["patient_seen_high"] > 0.30


def test_public_splits_have_their_shares():
    """70 and 10 % of the boxed images either way; by image nearly every patient is seen."""
    table = leakage.public_splits((0, 1))
    assert table["image_trained"].tolist() == pytest.approx([0.7, 0.7], abs=0.05)
    assert table["image_selected"].tolist() == pytest.approx([0.1, 0.1], abs=0.04)
    own, other = table.loc["by patient"], table.loc["by image"]
    assert own["patient_trained"] == own["image_trained"] < other["patient_trained"]


def counted(folder: Path, tmp_path: Path) -> pd.DataFrame:
    """What the script counts in the lists of a folder."""
    target = tmp_path / "counted.csv"
    command = [sys.executable, "scripts/count_official_lists.py", str(folder), str(target)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return pd.read_csv(target).set_index("list")


def test_official_counts():
    """All 880 boxed images lie in NIH's test list, none of their 726 patients in the other."""
    found = leakage.official()
    assert (found["images"], found["in_test"], found["in_train_val"]) == (880, 880, 0)
    assert found["patients_in_train_val"] == 0
    lists = published.official_lists()
    assert lists["images"].sum() == len(nih.load_labels())
    assert lists.loc["test_list.txt", "boxed_patients"] == nih.load_boxes()["patient"].nunique()


def test_official_counts_are_those_of_the_lists(nih_folder, tmp_path):
    """Where NIH's lists are at hand, counting them gives the committed file."""
    places = [nih_folder, nih_folder / "tables"]
    if not (folders := [p for p in places if (p / "test_list.txt").is_file()]):
        pytest.skip("CLN_NIH_DIR has no lists")
    assert counted(folders[0], tmp_path).equals(published.official_lists())


def test_lists_are_counted(tmp_path):
    """Images are counted in the list they stand in, patients in every list with an image."""
    images = nih.load_boxes()["image"].unique()
    (tmp_path / "test_list.txt").write_text("\n".join(images[2:]))
    (tmp_path / "train_val_list.txt").write_text("\n".join([*images[:2], "00000001_000.png"]))
    found = counted(tmp_path, tmp_path).loc["train_val_list.txt"]
    assert (found["images"], found["boxed_images"]) == (3, 2)
    assert found["boxed_patients"] == len({name[:8] for name in images[:2]})
    written = (tmp_path / "train_val_list.txt").read_bytes()
    assert found["sha256"] == hashlib.sha256(written).hexdigest()


def test_claims_on_the_lists_follow_the_counts(monkeypatch):
    """Reproduced with all boxed images in the test list; with one in the other, they differ."""
    assert split.official_lists(None).verdict == REPRODUCED
    assert split.official_lists(None).recomputed.startswith("880 of 880 boxed images in the test")
    two = split.official_parts(None)
    assert two.verdict == REPRODUCED  # the first list holds training and validation
    assert two.recomputed == "2 lists: train_val_list.txt (86,524) and test_list.txt (25,596)"
    moved = published.official_lists()
    moved["boxed_images"] = [1, 879]
    monkeypatch.setattr(published, "official_lists", lambda: moved)
    assert split.official_lists(None).verdict == DIFFERS


def test_blind_box_beside_table_1():
    """Every legible cell has the blind accuracy of its finding, T and split beside it."""
    cells = blind.against(seeds=(0, 1))
    assert len(cells) == 2 * (published.table1()["transcription"] == published.OK).sum()
    accuracy = blind.accuracy(seeds=(0, 1))
    assert accuracy[MEAN].tolist() == pytest.approx(accuracy[list(BOXED)].mean(axis=1).tolist())
    assert (accuracy.loc[1].diff().dropna() <= 0).all(axis=None)
    row = cells.sample(1, random_state=0).iloc[0]
    assert row["blind"] == accuracy.loc[(row["seed"], row["T"]), row["finding"]]
    assert row["beaten"] == (row["blind"] > row["value"])


def test_share_beaten_by_hand():
    """Two cells, two splits: the mean beats one, the splits one and two."""
    cells = pd.DataFrame(
        {
            "seed": [0, 1, 0, 1], "T": 0.5, "method": "A", "family": published.SOTA,
            "finding": ["Mass", "Mass", "Nodule", "Nodule"], "value": [0.1, 0.1, 0.3, 0.3],
            "blind": [0.2, 0.2, 0.1, 0.4], "beaten": [True, True, False, True],
        }
    )  # fmt: skip
    row = blind.share_beaten(cells).loc["A"]
    assert row[["cells", "beaten", "low", "high"]].tolist() == [2, 1, 1, 2]
    assert row["share"] == 0.5


def test_blind_box_beats_early_methods():
    """Over 30 splits: over half of ViT-based's cells, none of Ouyang et al.'s on the mean."""
    beaten = blind.share_beaten(blind.against())
    assert beaten.loc["ViT-based", ["beaten", "cells"]].tolist() == [29, 48]
    assert beaten.loc["RGT", "beaten"] == pytest.approx(14, abs=1)
    assert beaten.loc["Wang et al.", "beaten"] == pytest.approx(22, abs=2)
    assert beaten.loc["Ouyang et al.", "beaten"] == 0


def test_shares_are_drawn_where_they_are():
    """Bars of leakage, bars of cells beaten and curves over T have the tables' values."""
    shares = leakage.protocols((0, 1))
    cells = blind.against(seeds=(0, 1))
    beaten = blind.share_beaten(cells)
    _, (first, second, third) = plt.subplots(1, 3)
    leakage.draw_protocols(shares, first)
    widths = [bar.get_width() for bar in first.patches]
    assert widths == [*shares["image_seen"], *shares["patient_seen"]]
    ends = [[segment[:, 0] for segment in bars.get_segments()] for bars in first.collections]
    for column, drawn in zip(("image_seen", "patient_seen"), ends, strict=True):
        expected = shares[[column + "_low", column + "_high"]].to_numpy()
        assert np.array(drawn) == pytest.approx(expected)
    blind.draw_share_beaten(beaten, second)
    assert [bar.get_width() for bar in second.patches] == beaten["share"].tolist()
    row = beaten.iloc[0]
    text = f"{row['beaten']} of {row['cells']} ({row['low']}–{row['high']})"
    assert second.texts[0].get_text() == text
    blind.draw_against(cells, third)
    means = cells[cells["finding"] == MEAN]
    drawn = sorted(y for line in third.lines[:-1] for y in line.get_ydata())
    assert drawn == sorted(means.loc[means["seed"] == 0, "value"])
    over = means.groupby("T")["blind"]
    assert third.lines[-1].get_ydata().tolist() == over.mean().tolist()
    band = third.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (over.min().min(), over.max().max())
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
