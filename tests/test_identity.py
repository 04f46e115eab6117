"""A run is known by what it learns from, not by how or where that was typed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clnbook import studies
from clnbook.studies import planned
from clnlib import io, parameters, runs
from clnlib.data import sources
from clnlib.data.identity import identity, located
from clnlib.errors import InputError
from clnlib.parameters import Finetune, Train

OTHER: dict[str, Any] = {
    "image_size": 96,
    "phantom_images": 40,
    "phantom_contrast": 1.0,
    "exclude_unreadable": True,
    "protocol": "image",
    "split_seed": 1,
    "fold": 1,
    "backbone": "chexnet",
    "weights": "imagenet",
    "pooling": "flatten",
    "seed": 1,
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 3e-4,
    "halve_every": 5,
    "min_learning_rate": 0.0,
    "patience": 3,
    "augment": False,
    "flip": True,
    "bn_momentum": 0.5,
    "freeze": "batchnorm",
    "precision": "mixed_bfloat16",
    "rate_rule": "plateau",
    "keep": "last",
    "resolution": 128,
    "train_images": 100,
    "deterministic": False,
    "devices": 2,
    "lam": 0.5,
    "box_unit": "relative",
    "loss": "giou",
    "monitor": "val_box_iou",
}
"""For every field that a run depends on, a value that is not its default."""
NOT_IN_NAME = {"study": "another", "restart": True}
FILES = {"dataset", "image_folder"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path / "home"))


def coco(folder: Path, shift: int = 0, grey: int = 0, boxed: int = 24) -> Path:
    """A small data set: 24 images of 96 × 80 pixels, two findings, `boxed` images with a box."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"img_{k:02}.png" for k in range(24)]
    for k, name in enumerate(names):
        pixels = np.random.default_rng(k).integers(0, 200, (80, 96), dtype=np.uint8)
        Image.fromarray(pixels + np.uint8(grey)).save(folder / name)
    content = {
        "images": [
            {"id": k, "file_name": name, "width": 96, "height": 80, "patient": str(k)}
            for k, name in enumerate(names)
        ],
        "annotations": [
            {"id": k, "image_id": k, "category_id": k % 2, "bbox": [5 + shift, 8, 30, 20]}
            for k in range(boxed)
        ],
        "categories": [{"id": 0, "name": "dark"}, {"id": 1, "name": "light"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder / "annotations.json"


def name_of(dataset: Path | str, **values) -> str:
    return identity(Train(dataset=str(dataset), image_size=32, **values)).name


# parameters


def test_other_values_cover_all_fields():
    """The list above knows every field, so that a new one is tested too."""
    assert {*OTHER, *NOT_IN_NAME, *FILES} == {*Train.model_fields, *Finetune.model_fields}


@pytest.mark.parametrize("name", [name for name in Train.model_fields if name in OTHER])
def test_the_name_changes_with_every_parameter(name):
    """Two runs that may differ in their results never share a folder."""
    assert identity(Train.check({name: OTHER[name]})).name != identity(Train()).name


@pytest.mark.parametrize("name", NOT_IN_NAME)
def test_study_and_restart_are_not_in_the_name(name):
    """Where a run lies and how it was started are not what it is."""
    assert identity(Train.check({name: NOT_IN_NAME[name]})).name == identity(Train()).name


def test_the_name_says_what_a_person_looks_for():
    """Backbone, λ or stage, and seed; None and the value that it stands for are one run."""
    name = identity(Train(backbone="xception", lam=0.25, seed=3)).name
    assert re.fullmatch(r"xception-lam0\.25-seed3-[0-9a-f]{8}", name)
    stage1 = identity(Finetune()).name
    assert re.fullmatch(r"mobilenetv3small-finetune-seed0-[0-9a-f]{8}", stage1)
    same = Train.check({"learning_rate": "1e-3", "image_size": 80, "epochs": 24})
    assert identity(same) == identity(Train())


def test_a_new_field_renames_nothing(monkeypatch):
    """A field at its neutral value is not in the name; at any other value it is."""
    before = identity(Train())

    class Later(Train):
        tomorrow: str = parameters._field("new", "a field of tomorrow", neutral="old")

    assert identity(Later(tomorrow="old")).name == before.name
    assert identity(Later()).name != before.name


def test_the_name_in_another_process():
    """It does not depend on the process or its hash seed."""
    program = (
        "from clnlib.data.identity import identity; from clnlib.parameters import Train; "
        "print(identity(Train()).name)"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == identity(Train()).name


# data


def test_the_same_data_elsewhere_are_the_same_run(tmp_path, monkeypatch):
    """Another folder, a relative path, another name of the file: the content decides."""
    here = name_of(coco(tmp_path / "a"))
    assert name_of(coco(tmp_path / "b" / "c")) == here
    monkeypatch.chdir(tmp_path / "a")
    assert name_of("annotations.json") == here
    shutil.copy("annotations.json", "boxes.json")
    assert name_of("boxes.json") == here


def test_two_folders_of_equal_names_are_two_runs(tmp_path, monkeypatch):
    """`-p dataset annotations.json` means the file of the folder in which it was typed."""
    names = set()
    for number, fold in enumerate(("fold1", "fold2")):
        coco(tmp_path / fold, shift=number)
        monkeypatch.chdir(tmp_path / fold)
        names.add(name_of("annotations.json"))
    assert len(names) == 2


@pytest.mark.parametrize("change", [{"shift": 40}, {"grey": 1}, {"boxed": 20}])
def test_data_mended_in_place_are_another_run(tmp_path, change):
    """Boxes moved, pixels changed, images left out, under the same path: another run."""
    before = name_of(coco(tmp_path))
    assert name_of(coco(tmp_path, **change)) != before
    assert name_of(coco(tmp_path)) == before


def test_equal_names_and_lengths_are_not_equal_data(tmp_path):
    """Two sets whose files have the same names and sizes have stores of their own."""
    means = []
    for number in (0, 1):
        folder = tmp_path / str(number)
        file = coco(folder)
        for image in folder.glob("*.png"):
            pixels = np.full((80, 96), 50 + 100 * number, np.uint8)
            Image.fromarray(pixels).save(image, compress_level=0)
        p = Train(dataset=str(file), image_size=32)
        means.append(float(sources.prepared(p).store.images.mean()))
    lengths = [{f.stat().st_size for f in (tmp_path / n).glob("*.png")} for n in "01"]
    assert lengths[0] == lengths[1] and means == [50, 150]


# first weights


def test_other_weights_under_one_path_are_another_run(tmp_path):
    """A weight file counts by its content, wherever it lies."""
    one, two = tmp_path / "a.weights.h5", tmp_path / "b.weights.h5"
    one.write_bytes(b"one")
    two.write_bytes(b"one")
    name = identity(Train(weights=str(one))).name
    assert identity(Train(weights=str(two))).name == name
    two.write_bytes(b"two")
    assert identity(Train(weights=str(two))).name != name != identity(Train()).name
    with pytest.raises(InputError, match=r"c\.weights\.h5: no such file"):
        identity(Train(weights=str(tmp_path / "c.weights.h5")))


def test_a_stage_1_run_counts_by_its_name(tmp_path):
    """Moved to another folder, or not yet there, it is the same start."""
    name = "chexnet-finetune-seed0-01234567"
    planned_name = identity(Train(weights=f"s/{name}")).name
    io.write_json(tmp_path / "moved" / "provenance.json", {"run": name})
    assert runs.name_of(tmp_path / "moved") == name
    assert identity(Train(weights=str(tmp_path / "moved"))).name == planned_name


# studies, records


def test_a_study_has_names_without_its_images(tmp_path, monkeypatch):
    """Images that are not here count as missing; runs are told apart all the same."""
    monkeypatch.delenv("CLN_NIH_DIR", raising=False)
    study = [Train(dataset="nih880", seed=seed) for seed in (0, 1)]
    study += [Train(dataset="nih880", weights=str(tmp_path / "absent.h5"))]
    assert len(set(planned(study))) == 3
    assert planned([Train(seed=1)]) == [identity(Train(seed=1)).name]


def test_a_data_set_is_hashed_once_for_a_study(monkeypatch):
    """Runs that differ in their training alone share their data."""
    asked = []
    monkeypatch.setattr(studies, "data_sha256", lambda p: asked.append(p) or "hash")
    planned([Train(seed=seed, lam=lam) for seed in (0, 1) for lam in (0.1, 0.4)])
    planned([Train(), Finetune()])
    assert len(asked) == 3


def test_a_record_names_files_absolutely(tmp_path, monkeypatch):
    """Later, in another folder, it still says which files were meant; names stay names."""
    file = coco(tmp_path)
    monkeypatch.chdir(tmp_path)
    p = located(Train(dataset="annotations.json", weights="imagenet"))
    assert (p.dataset, p.weights, p.image_folder) == (str(file), "imagenet", None)
    assert located(Train()) == Train()
