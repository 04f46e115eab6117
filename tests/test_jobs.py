"""A study's jobs: what runs, with which words, and what a change makes run again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_compared import record

from clnbook import jobs
from clnbook.studies import load_study
from clnlib import parameters, runs
from clnlib.data.identity import planned
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
    """Other boxes in a reader's file change the digest of the runs on it, and of no other."""
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
        said.append(list(jobs.plan(str(study)).data.values()))
    (stage1, phantom, same, *own), (*others, other1, other2) = said
    assert others == [stage1, phantom, same] and phantom == same != stage1
    assert own[0] == own[1] != other1 == other2 and "missing" not in said[0]


def test_a_notebook_depends_on_the_code_it_reaches():
    """An evaluation notebook does not wait for the network's code; training's does."""
    reached, training = (
        {p.relative_to(ROOT).as_posix() for p in jobs.code_of(ROOT / "notebooks" / name)}
        for name in ("baselines.ipynb", "train.ipynb")
    )
    assert {"clnlib/metrics/baselines.py", "clnlib/metrics/boxes.py"} <= reached
    assert not {name for name in reached if name.startswith("clnlib/model/")}
    assert "clnlib/model/network.py" in training


@pytest.mark.slow
@pytest.mark.parametrize("study", ["phantom", "nih880-pilot", "nih880-trials", "cln-grid"])
def test_every_study_and_its_site_are_planned(study, tmp_path):
    """A dry run finds a way to every page and record, without an image; no two rules make one."""
    snakemake = shutil.which("snakemake", path=str(Path(sys.executable).parent))
    done = subprocess.run(
        [snakemake, "--profile", "workflow/profiles/local", "--config", f"study={study}",
         "--dry-run", "--quiet", "rules", "--", "study", "site"],
        capture_output=True, text=True, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "CLN_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


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


def test_publishing_tells_how_far_the_old_copy_lies(tmp_path):
    """A copy is compared before it is replaced; a missing or damaged one is told."""
    old, new = (tmp_path / name / "r" for name in ("old", "new"))
    record(old, 0.5)
    record(new, 0.75)
    words = ["publish", str(new / "done"), str(tmp_path / "copies" / "r" / "done")]
    told = tmp_path / "told" / "r.txt"
    jobs.main([*words, str(told)])
    assert told.read_text() == "r: no copy from before to compare with\n"
    (tmp_path / "copies" / "r" / "done").unlink()  # as Snakemake does before the job
    jobs.main(["publish", str(old / "done"), *words[2:], str(told)])
    assert "probabilities differ by at most 0.25," in told.read_text()
    (tmp_path / "copies" / "r" / "predictions.parquet").write_bytes(b"damaged")
    jobs.main([*words, str(told)])
    assert told.read_text() == "r: no copy from before to compare with\n"
    assert runs.read(tmp_path / "copies" / "r").predictions["p_b"].max() == 0.75


def test_wrong_words_are_refused():
    """The command line says what it knows."""
    with pytest.raises(SystemExit, match="images STUDY READY"):
        jobs.main(["imagse"])
