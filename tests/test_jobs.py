"""A study's jobs: what runs, with which words, and what a change makes run again."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from clnbook import jobs
from clnbook.studies import load_study, planned
from clnlib import code, parameters
from clnlib.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))

PILOT = """\
name: small
finetune: {dataset: phantom, epochs: 2}
train: {phantom_images: 60}
grids:
  - {backbone: [mobilenetv3small, xception], lam: [0.1, 0.4]}
  - {backbone: [mobilenetv3small], weights: [stage1], bn_momentum: [0.5]}
"""


@pytest.fixture
def small(tmp_path):
    """A study of five runs, one of which starts from a stage 1."""
    path = tmp_path / "small.yaml"
    path.write_text(PILOT)
    return path


def test_a_plan_has_every_run_and_what_it_needs(small):
    """Stage 1 comes once per backbone that starts from it; that run waits for it."""
    plan = jobs.plan(str(small))
    assert [job.stage for job in plan.runs.values()] == ["finetune", *["train"] * 5]
    (stage1,) = [name for name, job in plan.runs.items() if job.stage == "finetune"]
    assert [job.needs for job in plan.runs.values()] == [(), (), (), (), (), (stage1,)]
    assert plan.trained == planned(load_study(small).trainings())
    assert plan.shown == {"finetune": stage1, "train": plan.trained[0]}
    assert {"prepare", "finetune", "train", "localisation", "gradcam"} <= set(plan.pages)


def test_only_the_phantom_has_a_page_of_predictions():
    """Such a page is pictures alone, so a study on real images has none."""
    phantom, real = jobs.plan("phantom"), jobs.plan("nih880-pilot")
    assert phantom.is_phantom and "predict" in phantom.pages
    assert not real.is_phantom and "predict" not in real.pages
    assert set(real.pages) > {"prepare", "finetune", "train", "gradcam"}


@pytest.mark.parametrize(
    ("study", "page"), [("nih880-study", "changes"), ("nih880-folds", "folds"), ("box-unit", None)]
)
def test_a_study_that_compares_settings_has_their_page(study, page):
    """Only a study that asks for it has such a page, in place of those that compare runs."""
    pages = set(jobs.plan(study).pages)
    of_runs = {*jobs.EVALUATION, "gradcam"}
    assert pages & {*of_runs, *jobs.OF_SETTINGS} == ({page} if page else of_runs)
    assert {"prepare", "train"} <= pages


def test_words_are_what_differs_from_the_defaults():
    """papermill gets every value that is not the default, quoted for a shell."""
    given = parameters.Train(lam=0.2, study="s", weights="my file.h5")
    assert jobs.words(given) == "-p study s -p weights 'my file.h5' -p lam 0.2"
    assert jobs.words(parameters.Train()) == ""


def test_the_words_give_the_parameters_back(small):
    """What papermill passes to the notebook is the run the study means, name and all."""
    planned = list(jobs.plan(str(small)).runs.values())[1:]
    for run, job in zip(load_study(small).trainings(), planned, strict=True):
        words = job.words.split()
        given = {
            name: papermill_value(value)
            for name, value in zip(words[1::3], words[2::3], strict=True)
        }
        assert parameters.Train.check(given) == run


def papermill_value(text):
    from papermill.cli import _resolve_type

    return _resolve_type(text)


def test_imagenet_may_be_a_file(small):
    """Where a study says imagenet, another weight file can be put."""
    small.write_text(
        PILOT.replace("epochs: 2", "weights: imagenet").replace("[stage1]", "[imagenet]")
    )
    plan = jobs.plan(str(small), "file.h5")
    assert "imagenet" not in str(plan.runs) and "-p weights file.h5" in str(plan.runs)


def test_a_study_that_is_not_there():
    """The nearest config is named."""
    with pytest.raises(InputError, match="did you mean 'phantom'"):
        jobs.plan("phantm")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_committed_study_is_valid(path):
    """Each config passes the schemas, and is called like its file."""
    assert load_study(path).name == path.stem
    assert jobs.plan(path.stem).trained


def test_a_run_depends_on_its_own_data(tmp_path):
    """Other boxes in a reader's file change the names of the runs on it, and of no other."""
    annotations = tmp_path / "own.json"
    study = tmp_path / "small.yaml"
    study.write_text(
        f"name: small\nfinetune: {{dataset: phantom, phantom_images: 60}}\n"
        f"grids:\n  - {{weights: [null, stage1]}}\n  - {{dataset: [{annotations}], seed: [0, 1]}}\n"
    )
    images = [{"id": k, "file_name": f"{k}.png", "width": 40, "height": 40} for k in range(2)]
    for image in images:
        Image.new("L", (40, 40)).save(tmp_path / image["file_name"])
    said = []
    for width in (10, 20):
        boxes = [
            {"id": k, "image_id": k, "category_id": k, "bbox": [5, 5, width, 9]} for k in (0, 1)
        ]
        names = [{"id": k, "name": f"kind {k}"} for k in (0, 1)]
        told = {"images": images, "annotations": boxes, "categories": names}
        annotations.write_text(json.dumps(told))
        said.append(list(jobs.plan(str(study)).runs))
    (*same, mine1, mine2), (*others, other1, other2) = said
    assert same == others and not {mine1, mine2} & {other1, other2}


def test_a_page_depends_on_the_code_it_reaches():
    """An evaluation page does not wait for the network's code; training's does; all are pages."""
    reached, training = (
        {*code.modules(*jobs.modules_of(ROOT / "notebooks" / f))}
        for f in ("baselines.ipynb", "train.ipynb")
    )
    assert {"clnbook.blind_boxes", "clnlib.metrics.boxes"} <= reached
    assert not {name for name in reached if name.startswith("clnlib.model.")}
    assert "clnlib.model.network" in training
    assert {"clnbook.pages", "clnbook.compared"} <= reached & training


def snakemake(*words, cwd=ROOT, **environment):
    """What Snakemake prints; it has to succeed."""
    command = shutil.which("snakemake", path=str(Path(sys.executable).parent))
    done = subprocess.run(
        [command, "--profile", "workflow/profiles/local", *words],
        capture_output=True, text=True, cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(cwd)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("study", ["phantom", "nih880-pilot", "nih880-trials", "cln-grid"])
def test_a_study_is_planned_and_writes_nothing_committed(study, tmp_path):
    """A dry run finds a way to every page and run, without an image, under runs/ and build/."""
    told = snakemake("--config", f"study={study}", "--dry-run", CLN_HOME=str(tmp_path))
    lines = re.findall(r"^ +(?:output|log): (.+)$", told, flags=re.M)
    written = {file for line in lines for file in line.split(", ")}
    plan = jobs.plan(study)
    pages = {f"build/pages/results/{study}/{page}.ipynb" for page in plan.pages}
    records = {str(tmp_path / "runs" / study / run / "done") for run in plan.runs}
    assert pages | records | {"build/pages/index.ipynb"} <= written
    assert not [file for file in written if not file.startswith(("build/", f"{tmp_path}/"))]


# In place of the programs that jobs call: they make the files that Snakemake waits for, no more.
PAPERMILL = """#!/bin/bash
mkdir -p $(dirname $4) && touch $4
[[ $4 != */runs/* ]] || cd runs/small/$(basename $4 .ipynb) && touch done provenance.json
"""
PYTHON = """#!/bin/bash
case "$*" in
    *clnbook.pages*) touch $4 ;;
    *clnbook.jobs\\ images*) touch $5 ;;
    *clnbook.explore*) touch $3 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A function that runs a small study in a checkout whose notebooks are not really executed."""
    for name in ("clnlib", "clnbook", "workflow", "notebooks", "results"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(PILOT)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bin").mkdir()
    for name, text in (("papermill", PAPERMILL), ("python", PYTHON)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def run(*words):
        """The rules of which jobs are run."""
        given = ("--config", "study=small", *words)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        told = snakemake(*given, cwd=tmp_path, PATH=path)
        return set(re.findall(r"^(?:local)?rule (\w+):", told, flags=re.M)) - {"study"}

    run.folder = tmp_path
    return run


@pytest.mark.slow
def test_what_a_change_makes_run_again(checkout):
    """Nothing; a notebook's prose, its page; a page's code, its pages; training's code, all."""
    everything = {"images", "prepare", "run", "run_page", "page", "gradcam", "predict", "index"}
    assert checkout() == everything | {"explore"}
    assert checkout("--dry-run") == set()
    for name, words in (("ablation", "the paper"), ("train", "Stage 2")):
        notebook = checkout.folder / "notebooks" / f"{name}.ipynb"
        text = notebook.read_text()
        assert words in text
        notebook.write_text(text.replace(words, "other words"))
    assert checkout("--dry-run") == {"page", "run_page"}
    for file, again in (
        ("clnbook/pages.py", everything - {"images", "run"}),
        ("clnlib/model/losses.py", everything - {"images"} | {"explore"}),
    ):
        with (checkout.folder / file).open("a") as code_of:
            code_of.write("\nCHANGED = 1\n")
        assert checkout("--dry-run") == again


def test_the_full_grid():
    """The paper's grid: 6 stage 1, 162 trainings."""
    plan = jobs.plan("cln-grid")
    stages = [job.stage for job in plan.runs.values()]
    assert (stages.count("finetune"), stages.count("train")) == (6, 162)


def test_images_are_decoded_before_the_runs(small, tmp_path, monkeypatch):
    """`images` builds the stores of both stages and writes their hashes, one a line."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    smaller = PILOT.replace("epochs: 2", "epochs: 2, phantom_images: 40, image_size: 32")
    small.write_text(smaller.replace("phantom_images: 60", "phantom_images: 40, image_size: 80"))
    jobs.main(["images", str(small), str(tmp_path / "stores" / "small.ready")])
    told = (tmp_path / "stores" / "small.ready").read_text().split()
    held = {json.loads(p.read_text())["sha256"] for p in tmp_path.glob("stores/*/manifest.json")}
    assert set(told) == held and len(told) == 2


def test_wrong_words_are_refused():
    """The command line says what it knows."""
    with pytest.raises(SystemExit, match="images STUDY READY"):
        jobs.main(["imagse"])
