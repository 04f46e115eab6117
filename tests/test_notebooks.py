"""The notebooks: equal to their sources and schemas, strict with parameters, and they run."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from small import SMALL

from clnbook.notebooks import SCHEMAS
from clnlib import runs

ROOT = Path(__file__).resolve().parents[1]


def _papermill(*words, home, timeout=600):
    environment = {"CLN_HOME": str(home), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    import os

    return subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", *map(str, words)],
        capture_output=True, text=True, cwd=ROOT, timeout=timeout,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_sources_and_notebooks_agree():
    """Every .ipynb is what `make notebooks` makes of its .py and its schema, without outputs."""
    done = subprocess.run(
        [sys.executable, "scripts/sync_notebooks.py", "--check"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        assert not any(cell.get("outputs") for cell in book.cells)


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_later_cells_leave_the_parameters_names_alone(name, schema):
    """In one kernel the cell that reads the parameters can run again after all others."""
    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    for cell in (c for c in book.cells if c.cell_type == "code"):
        if "parameters" not in cell.metadata.get("tags", []):
            nodes = list(ast.walk(ast.parse(cell.source)))
            names = {
                n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            names |= {a.asname or a.name for n in nodes for a in getattr(n, "names", [])}
            assert not names & set(schema.model_fields), cell.source


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_parameters_cell_is_the_schema(name, schema):
    """Names, order, defaults and comments of the cell are the schema's: it is the manual."""
    book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1 and cells[0] is next(c for c in book.cells if c.cell_type == "code")
    lines = cells[0].source.splitlines()
    found = {}
    for line in lines:
        code, comment = line.split("  # ", 1)
        statement = ast.parse(code).body[0]
        found[statement.target.id] = (ast.literal_eval(statement.value), comment)
    expected = {k: (f.default, f.description) for k, f in schema.model_fields.items()}
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("notebook", ["train", "localisation"])
def test_help_notebook_is_the_manual(tmp_path, notebook):
    """`papermill --help-notebook` shows every parameter with its meaning."""
    done = _papermill("--help-notebook", f"notebooks/{notebook}.ipynb", home=tmp_path)
    told = " ".join(done.stdout.split())
    assert "Unable to parse" not in done.stderr
    for name, field in SCHEMAS[notebook].model_fields.items():
        assert re.search(rf"\b{name}: ", told), name
        assert " ".join(field.description.split()) in told


@pytest.mark.slow
def test_committed_pages_are_compared_with_committed_records(tmp_path, monkeypatch):
    """Runs of this machine, of the same names and with all other numbers, change nothing."""
    committed = {run.folder.name: run for run in runs.study(str(ROOT / "results" / "phantom"))}
    for name, run in committed.items():
        folder = shutil.copytree(run.folder, tmp_path / "runs" / "phantom" / name)
        shown = [c for c in run.predictions if c.startswith(runs.PROBABILITY)]
        other = run.predictions.copy()
        other[shown] = other[shown].to_numpy()[::-1, ::-1]
        other[runs.PREDICTED_BOX] = 0.5 - other[runs.PREDICTED_BOX].to_numpy()
        other.to_parquet(folder / "predictions.parquet", index=False)
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    seen = runs.study("phantom")
    assert {run.folder.parents[2] for run in seen} == {tmp_path} and len(seen) == len(committed)
    page = "book/results/phantom/localisation.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", page],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("-p", "lamda", "0.2"), "unknown parameter 'lamda' of train; did you mean 'lam'?"),
        (("-p", "lam", "1.5"), "parameter lam=1.5: input should be less than or equal to 1"),
        (("-p", "backbone", "xceptoin"), "did you mean 'xception'?"),
    ],
)
def test_a_wrong_parameter_stops_before_any_work(tmp_path, given, message):
    """What papermill lets pass with a warning, the notebook refuses in one line."""
    out = tmp_path / "out.ipynb"
    done = _papermill("notebooks/train.ipynb", out, *given, home=tmp_path / "home")
    assert done.returncode != 0 and message in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_prepare_train_and_predict_run(tmp_path):
    """The main job end to end; the executed copy stays readable; a COCO file comes out."""
    given = [word for k, v in SMALL.items() for word in ("-p", k, v)]
    data = [w for k in ("phantom_images", "image_size", "phantom_contrast")
            for w in ("-p", k, SMALL[k])]  # fmt: skip
    assert not (done := _papermill(
        "notebooks/prepare.ipynb", tmp_path / "prepare.ipynb", *data, home=tmp_path
    )).returncode, done.stderr  # fmt: skip
    out = tmp_path / "train.ipynb"
    assert not (done := _papermill(
        "notebooks/train.ipynb", out, *given, home=tmp_path
    )).returncode, done.stderr  # fmt: skip
    book = nbformat.read(out, as_version=4)
    texts = [o.get("text", "") + str(o.get("data", {}).get("text/plain", ""))
             for c in book.cells for o in c.get("outputs", [])
             if o.get("name") != "stderr"]  # fmt: skip
    # Progress goes to stderr, where a reader sees its last state alone, and pages leave it out.
    assert "\r" not in "".join(texts) and len("".join(texts)) < 20_000
    assert any("epoch   3/3" in text for text in texts)
    pictures = [o for c in book.cells for o in c.get("outputs", [])
                if "image/png" in o.get("data", {})]  # fmt: skip
    assert len(pictures) == 3

    drawn = [sys.executable, "scripts/draw_phantoms.py", str(tmp_path / "drawn"), "--images", "4"]
    subprocess.run(drawn, check=True, cwd=ROOT, capture_output=True)
    (run,) = (done.parent for done in (tmp_path / "runs" / "tests").glob("*/done"))
    assert not (done := _papermill(
        "notebooks/predict.ipynb", tmp_path / "predict.ipynb", "-p", "run", run,
        "-p", "images", tmp_path / "drawn" / "images", "-p", "out", tmp_path / "predictions",
        home=tmp_path,
    )).returncode, done.stderr  # fmt: skip
    told = json.loads((tmp_path / "predictions" / "predictions.json").read_text())
    assert len(told["images"]) == 4 and len(told["categories"]) == 8
    assert len(list((tmp_path / "predictions").glob("*.box.png"))) == 4
