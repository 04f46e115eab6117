"""The small model that comes with the repository: chosen, halved, checked, and there."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from clnbook import release
from clnlib import io, paths, runs
from clnlib.errors import InputError
from clnlib.model.predict import load_model
from clnlib.parameters import Predict
from clnlib.runs import PREDICTED_BOX

MODEL = Path(__file__).resolve().parents[1] / Predict.model_fields["run"].default


def test_validation_chooses_and_test_does_not(small_run, tmp_path):
    """Of runs that keep patients apart the best on validation, whatever test; never the next."""
    better = small_run.predictions.copy()
    judged = better["part"] == "validation"
    better.loc[judged, PREDICTED_BOX] = better.loc[judged, ["x1", "y1", "x2", "y2"]].to_numpy()
    better.loc[better["part"] == "test", PREDICTED_BOX] = 0
    best = replace(small_run, predictions=better)
    by_box = replace(best, parameters=best.train.model_copy(update={"protocol": "box"}))
    bare = replace(best, folder=tmp_path)
    assert release.chosen([small_run, best, by_box]) is best
    with pytest.raises(InputError, match="the best run by validation has no weights here"):
        release.chosen([small_run, bare])
    with pytest.raises(InputError, match="keeps patients apart"):
        release.chosen([by_box])


@pytest.fixture
def released(small_run, tmp_path):
    return runs.read(release.release(small_run.parameters.study, tmp_path / "models"))


def test_a_released_record_is_whole_and_small(small_run, released):
    """It is the run's record, its large arrays halved, its card filled in with its numbers."""
    assert released.folder.name == small_run.train.backbone
    assert released.provenance["run"] == small_run.folder.name
    assert released.weights.stat().st_size < 0.6 * small_run.weights.stat().st_size
    with h5py.File(released.weights) as file:
        kinds = {}
        file.visititems(
            lambda _, item: (
                kinds.setdefault(item.dtype, set()).add(min(item.ndim, 2))
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert kinds[np.dtype("float16")] == {2} and 2 not in kinds[np.dtype("float32")]
    card = (released.folder / "README.md").read_text()
    assert small_run.folder.name in card and "{" not in card
    assert f"| {len(small_run.part('test'))} test boxes"[2:] in card
    moved = float(card.partition("at most ")[2].split()[0])
    assert 0 <= moved < 0.01


def test_half_precision_predicts_the_same(small_run, released):
    """On random images the released network's numbers are those of the run within a hundredth."""
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)
    whole, half = (load_model(run).predict(images, verbose=0) for run in (small_run, released))
    np.testing.assert_allclose(half["finding"], whole["finding"], atol=0.01)
    np.testing.assert_allclose(half["box"], whole["box"], atol=0.01)


def test_releasing_again_gives_the_same_file(small_run, released, tmp_path):
    """The command makes the same weight file, byte for byte."""
    again = release.release(small_run.parameters.study, tmp_path / "again")
    assert (again / runs.WEIGHTS).read_bytes() == released.weights.read_bytes()


def test_another_file_is_refused(released):
    """Weights that are not those that were released are named and not used."""
    with h5py.File(released.weights, "a") as file:
        file.attrs["note"] = "changed"
    with pytest.raises(InputError, match=r"model\.weights\.h5: not the file that was released"):
        load_model(released)


def test_the_model_of_the_repository(tmp_path, monkeypatch):
    """It is there, small, what its record says, loads, and is found from any folder."""
    monkeypatch.chdir(tmp_path)
    run = runs.read(Predict().run)
    assert run.folder == MODEL and run.weights.stat().st_size <= release.LARGEST
    hashed = io.content_sha256([run.weights])[run.weights]
    assert hashed == run.provenance["released_sha256"]
    size = run.parameters.size
    out = load_model(run).predict(np.full((1, size, size, 1), 128, np.uint8), verbose=0)
    assert out["finding"].shape == (1, 8) and np.isfinite(out["box"]).all()
    published = paths.results() / run.parameters.study / run.provenance["run"]
    for name in ("parameters.json", "history.csv", "predictions.parquet"):
        assert (published / name).read_bytes() == (MODEL / name).read_bytes()


def test_the_model_was_chosen_by_validation():
    """No committed run under the patient split of its study is better on validation."""
    run = runs.read(MODEL)
    candidates = [r for r in runs.study(run.parameters.study) if r.train.protocol == "patient"]
    best = max(candidates, key=release.validation)
    assert best.folder.name == run.provenance["run"]
    assert f"Chosen** among {len(candidates)} runs" in (MODEL / "README.md").read_text()


def test_predict_with_nothing_trained(tmp_path, monkeypatch):
    """Without any run, an image alone is enough: a finding and a box inside the file."""
    from PIL import Image

    from clnlib.data import nih, phantom
    from clnlib.model.predict import predict

    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    row = nih.load_boxes().iloc[0]
    box = tuple(row[["x1", "y1", "x2", "y2"]])
    pixels = phantom.draw(row["image"], [(row["finding"], box)], 256, 4)
    Image.fromarray(pixels).save(tmp_path / "drawn.png")
    seen = predict(Predict(images=str(tmp_path / "drawn.png"), out=str(tmp_path / "out")))
    assert (
        len(seen) == 1
        and seen["finding"].iloc[0]
        in json.loads((MODEL / "provenance.json").read_text())["findings"]
    )
