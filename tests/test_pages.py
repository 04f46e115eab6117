"""Pages of the book: made from executed notebooks, linked to each other, with their files."""

import csv
import io
import shutil
import sys
from types import SimpleNamespace

import nbformat
import pytest

from clnlib import explore, pages, runs, site, tables
from clnlib.errors import InputError
from clnlib.evaluation import metrics

TABLE = """<table><caption>Two<br>lines</caption><thead><tr><th></th><th colspan="2">T</th></tr>
</thead><tbody><tr><th rowspan="2">a</th><td>1<br><span>(0–2)</span></td><td>2</td></tr>
<tr><td>3</td><td>4</td></tr></tbody></table>"""


def _executed(path, *outputs, tags=()):
    v4 = nbformat.v4
    code = v4.new_code_cell("x", outputs=list(outputs))
    code.metadata = nbformat.from_dict(
        {"tags": [*tags, "papermill-error-cell"], "papermill": {"duration": 1.2},
         "mystnb": {"image": {"alt": "words"}}}
    )  # fmt: skip
    book = v4.new_notebook(cells=[v4.new_markdown_cell("# Title\nWords."), code])
    book.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3"},
         "papermill": {"output_path": "/somewhere"}}
    )  # fmt: skip
    nbformat.write(book, path)
    return path


def test_a_page_has_no_machine_talk(tmp_path):
    """papermill's times and paths and stderr go; results and alternative texts stay."""
    v4 = nbformat.v4
    file = _executed(
        tmp_path / "data.ipynb",
        v4.new_output("stream", name="stderr", text="talk"),
        v4.new_output("stream", name="stdout", text="result"),
    )
    book = pages.page(file, "data")
    text = nbformat.writes(book)
    assert "result" in text and "talk" not in text and "papermill" not in text
    assert book.cells[1].metadata["mystnb"] == {"image": {"alt": "words"}}
    assert text == nbformat.writes(pages.page(file, "data"))


def test_a_stopped_notebook_makes_no_page(tmp_path):
    """An error in a cell is an error of the page, told in one line, and nothing is written."""
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    with pytest.raises(InputError, match="stopped with ValueError: no"):
        pages.page(_executed(tmp_path / "data.ipynb", error), "data")


def test_parameters_are_folded(tmp_path):
    """The cells of papermill's parameters are shown on demand, under their name."""
    book = pages.page(_executed(tmp_path / "x.ipynb", tags=["parameters"]), "x")
    assert book.cells[1].metadata["tags"] == ["parameters", "hide-input"]
    assert book.cells[1].metadata["mystnb"] == {
        "image": {"alt": "words"},
        "code_prompt_show": "Parameters",
    }


def test_tables_become_csv(tmp_path):
    """Every cell of a table is in the CSV, a spanning head in each place it spans."""
    output = nbformat.v4.new_output("display_data", data={"text/html": f"<div>{TABLE}</div>"})
    book = nbformat.read(_executed(tmp_path / "x.ipynb", output), as_version=4)
    rows = list(csv.reader(io.StringIO(pages.csv(book))))
    expected = [["Two lines"], ["", "T", "T"], ["a", "1 (0–2)", "2"], ["a", "3", "4"], []]
    assert rows == expected


def test_a_page_and_its_csv_are_written(tmp_path, monkeypatch):
    """The command writes both and links them; without a table there is no CSV and no link."""
    output = nbformat.v4.new_output("display_data", data={"text/html": TABLE})
    for name, outputs in (("full", [output]), ("bare", [])):
        file = _executed(tmp_path / f"{name}.ipynb", *outputs)
        target = tmp_path / "book" / f"{name}.ipynb"
        monkeypatch.setattr(sys, "argv", ["pages", str(file), str(target)])
        pages.main()
        last = nbformat.read(target, as_version=4).cells[-1].source
        assert f"<{name}.ipynb>" in last
        assert (f"<{name}.csv>" in last) == bool(outputs) == target.with_suffix(".csv").exists()


@pytest.mark.slow
def test_the_receipt_names_what_the_numbers_rest_on(small_run, tmp_path):
    """Commit, data and split hash, versions, device, and per run parameters and seconds."""
    file = _executed(tmp_path / "localisation.ipynb")
    book = pages.page(file, "localisation", "tests")
    assert book.cells[0].source.splitlines()[0] == "# Title · tests"
    assert book.cells[1].source == pages.SWITCH
    text, facts = book.cells[-1].source, small_run.provenance
    for key in ("data_sha256", "split_sha256", "code_sha256"):
        assert facts[key][:12] in text
    wanted = runs.digest([runs.as_json(small_run.parameters)])[:12]
    assert f"`{small_run.folder.name}` | `{wanted}` | {facts['seconds']:.0f} |" in text
    assert f"keras {facts['versions']['keras']}" in text and facts["device"] in text


def test_links_between_studies():
    """Each page links the same page of the other studies that have it, whatever was made first."""
    known = {"results/a/ablation", "results/b/ablation", "results/c/train", "index"}
    assert site.links("results/b/ablation", known) == "Study: [a](../a/ablation.ipynb) · **b**"
    app = SimpleNamespace(env=SimpleNamespace(found_docs=known))
    source = [f"{pages.SWITCH} [there](ablation.ipynb) [gone](gradcam.ipynb)"]
    site.switched(app, "results/a/ablation", source)
    told = "Study: **a** · [b](../b/ablation.ipynb) [there](ablation.ipynb) gone"
    assert source == [told]


def test_results_are_read_again_when_a_study_comes():
    """A new results page refreshes the links of all others; any other page refreshes none."""
    env = SimpleNamespace(found_docs={"index", "results/a/x"})
    assert site.outdated(None, env, {"results/b/x"}, set(), set()) == ["results/a/x"]
    assert site.outdated(None, env, {"index"}, {"results/a/x"}, set()) == []


@pytest.mark.parametrize("address", ["", "https://example.org/cln"])
def test_one_key_shows_the_buttons(address):
    """Source and launch buttons appear with the repository's address only."""
    launch = {"binderhub_url": "https://example.org"}
    options = {"repository_url": address, "launch_buttons": launch}
    site.buttons(None, SimpleNamespace(html_theme_options=options))
    assert options["use_repository_button"] is options["use_source_button"] is bool(address)
    assert options["launch_buttons"] == (launch if address else {})


@pytest.mark.slow
def test_explore_tells_the_numbers_of_the_pages(small_run):
    """The explorer's numbers are the tables' own; examples are test boxes with drawn pixels."""
    data = explore.explored([small_run], resamples=50)
    (run,), names = data["runs"], data["findings"]
    auc = tables.classification(small_run, resamples=50)["value"]
    known = [a for a in run["auc"] if a[0] is not None]
    assert [a[0] for a in known] == [round(v, 3) for v in auc.dropna()]
    test = small_run.predictions[small_run.predictions["part"] == "test"]
    accuracy = metrics.iou_accuracy(test, small_run.findings)[metrics.MEAN]
    assert [cell[0] for cell in run["accuracy"][-1]] == [round(v, 3) for v in accuracy]
    examples = data["examples"][run["split"]]
    assert names[-1] == metrics.MEAN and len(run["boxes"]) == len(examples) > 0
    assert all(e["pixels"].startswith("data:image/jpeg") for e in examples)
    true = {tuple(round(float(v), 3) for v in row) for row in test[runs.TRUE_BOX].to_numpy()}
    assert all(tuple(e["true"]) in true for e in examples)


@pytest.mark.slow
def test_explore_shows_no_radiograph(small_run, tmp_path):
    """A record of other data than the phantom's gives boxes, never pixels."""
    folder = shutil.copytree(small_run.folder, tmp_path / small_run.folder.name)
    real = runs.read(folder)
    real.parameters["dataset"] = "nih880"
    data = explore.explored([real], resamples=10)
    assert all(e["pixels"] is None for rows in data["examples"].values() for e in rows)
