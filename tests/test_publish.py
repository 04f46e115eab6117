"""`make publish`: what gets into results/ and book/, from where, and what does not."""

import os

import nbformat
import pytest
from test_compared import record

from clnbook import jobs, publish
from clnlib import paths
from clnlib.errors import InputError

STUDY = """\
name: small
finetune: {dataset: phantom}
grids: [{weights: [stage1], lam: [0.1, 0.4]}]
"""
IMAGES = ("prepare", "finetune", "train", "gradcam", "predict")


def executed(file, text):
    """A notebook as papermill leaves it, which says where it was executed."""
    v4 = nbformat.v4
    said = v4.new_output("stream", name="stdout", text=text)
    cells = [v4.new_markdown_cell("# Title"), v4.new_code_cell("x", outputs=[said])]
    kernel = {"name": "python3", "display_name": "Python 3"}
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)
    return file


def said(file):
    return nbformat.read(file, as_version=4).cells[-2].outputs[0].text


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a finished study; notebooks are executed by a function that says its home."""
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path)
    monkeypatch.delenv("CLN_HOME", raising=False)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(STUDY)
    (tmp_path / "pyproject.toml").touch()
    plan = jobs.plan("small")
    for run in plan.runs:
        record(tmp_path / "runs" / "small" / run, 0.6)
        (tmp_path / "runs" / "small" / run / "model.weights.h5").touch()
    shown = {page: f"runs/{run}" for page, run in plan.shown.items()}
    for page in IMAGES:
        file = tmp_path / jobs.EXECUTED / "small" / f"{shown.get(page, page)}.ipynb"
        executed(file, "by the study's jobs")

    def papermill(page):
        runs_seen = sorted(paths.runs().glob("*/*"))
        home = "with runs" if runs_seen or "CLN_HOME" not in os.environ else "without runs"
        return executed(tmp_path / "made" / page[0] / f"{page[1]}.ipynb", home)

    monkeypatch.setattr(publish, "_papermill", papermill)
    monkeypatch.setattr(publish.explore, "main", lambda words: None)
    return tmp_path


def test_a_study_is_published_whole(checkout):
    """Records without weights; pages from them, or as the jobs made them; the first page too."""
    fresh = checkout / jobs.FRESH / "results" / "small" / "train.ipynb"
    executed(fresh, "beside the old committed numbers")
    publish.publish("small")
    runs = sorted((checkout / "runs" / "small").iterdir())
    copies = sorted((checkout / "results" / "small").iterdir())
    assert [run.name for run in runs] == [copy.name for copy in copies] and len(runs) == 3
    for run, copy in zip(runs, copies, strict=True):
        files = {file.name: file.read_bytes() for file in copy.iterdir()}
        assert "model.weights.h5" not in files and "done" in files
        assert all((run / name).read_bytes() == content for name, content in files.items())
    made = {file.stem: file for file in (checkout / "book/results/small").glob("*.ipynb")}
    assert set(made) == {*IMAGES, *jobs.EVALUATION}
    assert {said(made[name]) for name in IMAGES} == {"by the study's jobs"}
    assert {said(made[name]) for name in jobs.EVALUATION} == {"without runs"}
    assert said(checkout / "book" / "index.ipynb") == "without runs"
    receipt = nbformat.read(made["train"], as_version=4).cells[-1].source
    assert all(run.name in receipt for run in runs)
    assert not fresh.exists() and "CLN_HOME" not in os.environ


@pytest.mark.parametrize("lacks", ["run", "page"])
def test_an_unfinished_study_is_not_published(checkout, lacks):
    """The first file that is missing is named, and what to do; nothing is written."""
    done = sorted((checkout / "runs" / "small").glob("*/done"))[0]
    (done if lacks == "run" else checkout / jobs.EXECUTED / "small" / "gradcam.ipynb").unlink()
    with pytest.raises(InputError, match="not there; make study STUDY=small first"):
        publish.publish("small")
    assert not (checkout / "results").exists() and not (checkout / "book").exists()


def test_a_study_without_runs_here_keeps_its_records(checkout):
    """Of its pages those that only read records are made again, the others stay as they are."""
    publish.publish("small")
    (checkout / "runs").rename(checkout / "elsewhere")
    page = checkout / "book/results/small/train.ipynb"
    before = page.read_bytes()
    (checkout / "book/results/small/ablation.ipynb").unlink()
    publish.publish("small")
    assert said(checkout / "book/results/small/ablation.ipynb") == "without runs"
    assert page.read_bytes() == before and len([*(checkout / "results").glob("*/*/done")]) == 3
    with pytest.raises(InputError, match="did you mean 'small'"):
        publish.publish("smal")


def test_the_pages_of_no_study(checkout):
    """They are made again, and no study's page is."""
    publish.publish_site()
    assert {file.stem for file in (checkout / "book").rglob("*.ipynb")} == set(jobs.SITE)


def test_wrong_words_are_refused(monkeypatch):
    """The command line says what it knows."""
    monkeypatch.setattr("sys.argv", ["publish"])
    with pytest.raises(SystemExit, match=r"clnbook\.publish STUDY"):
        publish.main()
