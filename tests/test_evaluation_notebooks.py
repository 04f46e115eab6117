"""The evaluation notebooks run on any study: other categories, one run, missing λ, published."""

from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clnlib import io, paths, runs
from clnlib.data import nih
from clnlib.data.identity import named
from clnlib.data.splits import make_split
from clnlib.parameters import Train
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
READERS = (
    "localisation", "classification", "baselines", "ablation", "significance", "gradcam", "folds"
)  # fmt: skip


def record(folder: Path, boxes: pd.DataFrame, chance: int, **parameters: object) -> None:
    """A finished record whose predictions are its true boxes, moved, and noisy probabilities."""
    p = Train.check({"study": folder.name, **parameters})
    rng, rows = np.random.default_rng(chance), make_split(boxes, fold=p.fold)
    moved = rows[TRUE_BOX].to_numpy() + rng.normal(0, 0.08, (len(rows), 4))
    rows[PREDICTED_BOX] = moved.clip(0, 1).astype(np.float32)
    findings = sorted(boxes["finding"].unique())
    shares = rng.dirichlet(np.ones(len(findings)), len(rows))
    shares += 0.3 * (rows["finding"].to_numpy()[:, None] == np.array(findings))
    rows[[PROBABILITY + f for f in findings]] = shares / shares.sum(axis=1, keepdims=True)
    run = folder / named(p, "data", "").name
    io.write_json(run / "parameters.json", {**p.model_dump(), "stage": "train"})
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [2.0, 1.0], "val_box_empty": [1.0, 0.0]})
    io.write_atomically(run / "history.csv", lambda f: history.to_csv(f, index=False))
    facts = {
        "findings": findings,
        "dataset": "phantom",
        "best_epoch": 2,
        "seconds": 1.0,
        "warnings": [],
        "split_sha256": "0" * 64,
        "data_sha256": "1" * 64,
    }
    runs.finish(run, rows, runs.environment() | facts)


def reader_boxes() -> pd.DataFrame:
    """A reader's own 60 boxes of two categories, two on every fifth image."""
    rng = np.random.default_rng(5)
    corners = np.sort(rng.uniform(0, 1, (60, 2, 2)), axis=1).reshape(60, 4)
    image = [f"scan{k - (k % 5 == 1)}.png" for k in range(60)]
    table = pd.DataFrame(corners.astype(np.float32), columns=TRUE_BOX)
    return table.assign(image=image, patient=image, finding=["crack", "dent"] * 30)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Folder of three studies: two backbones × two λ, one run alone, a reader's own categories."""
    home = tmp_path_factory.mktemp("studies")
    boxes = nih.load_boxes().iloc[:400].reset_index(drop=True)
    for chance, (backbone, lam) in enumerate(
        [("chexnet", 0.1), ("chexnet", 0.4), ("xception", 0.1), ("xception", 0.9)]
    ):
        record(home / "grid", boxes, chance, backbone=backbone, lam=lam)
    record(home / "alone", boxes, 9, backbone="resnet50v2", lam=0.7)
    for fold in range(5):
        record(home / "folds", boxes, fold, image_size=32, fold=fold)
    record(home / "own", reader_boxes(), 7, backbone="inceptionv3", dataset="own.json")
    record(home / "own", reader_boxes(), 8, backbone="inceptionv3", dataset="own.json", seed=1)
    return home


def run_notebook(name: str, given: dict[str, str]) -> dict[str, object]:
    """Run a notebook's cells in order, the given parameters after its own; its variables."""
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in jupytext.read(NOTEBOOKS / f"{name}.py").cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, f"{name}.py", "exec"), names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= given
    plt.close("all")
    return names


@pytest.mark.slow
@pytest.mark.parametrize("study", ["grid", "alone", "own"])
@pytest.mark.parametrize("name", READERS)
def test_runs_on_any_study(studies, monkeypatch, capsys, name, study):
    """Missing λ, one seed, one run, other categories and absent weights are shown, not raised."""
    monkeypatch.setattr(paths, "results", lambda: studies)
    monkeypatch.setenv("CLN_HOME", str(studies / "nowhere"))
    names = run_notebook(name, {"study": study})
    assert names["parameters"].study == study
    told = capsys.readouterr().out
    assert "Traceback" not in told
    if study == "alone" and name == "significance":
        assert "nothing to compare" in told
    if name == "gradcam":
        assert "no heat maps" in told


@pytest.mark.slow
def test_every_box_of_five_folds(studies, monkeypatch, capsys):
    """The page of a study with folds has one line, over all of its boxes."""
    monkeypatch.setattr(paths, "results", lambda: studies)
    names = run_notebook("folds", {"study": "folds"})
    assert "1 settings trained on all five folds" in capsys.readouterr().out
    (each,) = names["settings"].values()
    assert sum(len(run.part("test")) for run in each[0]) == 400


@pytest.mark.parametrize("name", READERS)
def test_a_wrong_study_is_one_line(studies, monkeypatch, name):
    """A study that is not there stops the notebook, naming the nearest."""
    monkeypatch.setattr(paths, "results", lambda: studies)
    with pytest.raises(runs.InputError, match="did you mean 'grid'"):
        run_notebook(name, {"study": "gird"})
