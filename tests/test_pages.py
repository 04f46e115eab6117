"""Pages of the book: made from executed notebooks, linked to each other, with their files."""

import csv
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clnbook import classification, explore, jobs, pages, publish, published, site, summary
from clnlib import io, paths, runs
from clnlib.errors import InputError
from clnlib.findings import BOXED
from clnlib.metrics import localisation as metrics
from clnlib.parameters import Prepare

ROOT = Path(__file__).resolve().parents[1]
# What puts an image of the data set into a picture: `clnbook.images`, or matplotlib itself.
DRAWS_IMAGES = re.compile(r"\b(gallery|cam_gallery|prediction|boxes_on_image|imshow)\(")
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)

TABLE = {"text/html": "<table></table>", "text/csv": "Two,1\n,T\na,1\n", "text/plain": "T"}


def _executed(path, *outputs, tags=(), source="x = 1"):
    v4 = nbformat.v4
    code = v4.new_code_cell(source, outputs=list(outputs))
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


def test_what_is_printed_in_a_row_is_one_output(tmp_path):
    """What went to stderr, which a page leaves out, does not part the lines of a training."""
    v4 = nbformat.v4
    outputs = [
        v4.new_output("stream", name="stdout", text="epoch 1\n"),
        v4.new_output("stream", name="stderr", text="steps: 3/9"),
        v4.new_output("stream", name="stdout", text="epoch 2\n"),
        v4.new_output("display_data", data={"text/html": "<b>x</b>"}),
        v4.new_output("stream", name="stdout", text="end\n"),
    ]
    file = _executed(tmp_path / "x.ipynb", *outputs)
    shown = pages.page(file, "x").cells[1].outputs
    assert [o.get("text") for o in shown] == ["epoch 1\nepoch 2\n", None, "end\n"]


def test_a_page_names_no_folder_of_a_machine(tmp_path, monkeypatch):
    """Paths in the checkout and the home folder are shortened; a table that went takes its CSV."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    source = f"weights = '{home}/w.h5'; here = '{paths.CHECKOUT}/clnlib'; site = 'https://a/b'"
    file = _executed(tmp_path / "executed.ipynb", source=source)
    page, table = tmp_path / "page.ipynb", tmp_path / "page.csv"
    table.write_text("old")
    monkeypatch.setattr("sys.argv", ["pages", str(file), str(page)])
    pages.main()
    cell = nbformat.read(page, as_version=4).cells[1]
    assert cell.source == "weights = '~/w.h5'; here = 'clnlib'; site = 'https://a/b'"
    assert not table.exists()


def test_given_paths_are_shown_by_name(tmp_path):
    """Where a given file lay on one machine is left out of a page's parameters."""
    source = "weights = \"/data/our weights/w.h5\"\nstudy = 'a'"
    file = _executed(tmp_path / "x.ipynb", tags=["injected-parameters"], source=source)
    assert pages.page(file, "x").cells[1].source == "weights = \"w.h5\"\nstudy = 'a'"


def test_a_page_has_no_machine_talk(tmp_path):
    """papermill's times and paths and stderr go; results, plain ones too, and their words stay."""
    v4 = nbformat.v4
    file = _executed(
        tmp_path / "data.ipynb",
        v4.new_output("display_data", data={"text/plain": "shown"}),
        v4.new_output("stream", name="stderr", text="images: 880/880, 3 s of talk"),
        v4.new_output("stream", name="stdout", text="result"),
    )
    book = pages.page(file, "data")
    text = nbformat.writes(book)
    assert "result" in text and "shown" in text
    assert "talk" not in text and "papermill" not in text
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


def test_code_is_folded_unless_it_is_a_short_call(tmp_path):
    """A reader sees words, calls and pictures; longer code opens on demand."""
    calls, more = "\n".join("x = 1" for _ in range(4)), "\n".join("x = 1" for _ in range(5))
    for source, tags in ((calls, None), (more, ["hide-input"])):
        file = _executed(tmp_path / "x.ipynb", source=source)
        assert pages.page(file, "x").cells[1].metadata.get("tags") == tags
    file = _executed(tmp_path / "x.ipynb", source=more, tags=["remove-input"])
    assert pages.page(file, "x").cells[1].metadata["tags"] == ["remove-input"]


def test_a_page_and_its_csv_are_written(tmp_path, monkeypatch):
    """Every table is in the CSV, not in the page; both are linked; no table, no CSV, no link."""
    outputs = [nbformat.v4.new_output("display_data", data=TABLE)] * 2
    for name, shown in (("full", outputs), ("bare", [])):
        file = _executed(tmp_path / f"{name}.ipynb", *shown)
        target = tmp_path / "book" / f"{name}.ipynb"
        monkeypatch.setattr(sys, "argv", ["pages", str(file), str(target)])
        pages.main()
        book = nbformat.read(target, as_version=4)
        assert f"<{name}.ipynb>" in book.cells[-1].source
        assert [set(o.data) for o in book.cells[1].outputs] == [{"text/html", "text/plain"}] * len(
            shown
        )
        linked = f"<{name}.csv>" in book.cells[-1].source
        assert linked == bool(shown) == target.with_suffix(".csv").exists()
    assert (tmp_path / "book" / "full.csv").read_text() == f"{TABLE['text/csv']}\n" * 2


def test_every_table_of_the_book_is_in_its_csv():
    """A committed page's CSV has as many rows as the page's tables."""
    for page in sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("book/results/*/*.ipynb")]):
        cells = nbformat.read(page, as_version=4).cells
        outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
        html = "".join(o.get("data", {}).get("text/html", "") for o in outputs)
        rows = html.count("<tr") + html.count("<caption") + html.count("<table")
        file = page.with_suffix(".csv")
        text = file.read_text(encoding="utf-8").splitlines() if rows else []
        assert len(list(csv.reader(text))) == rows and file.exists() == bool(rows), page


def _pictured(path, parameters):
    """An executed notebook: its parameters, then a tagged cell with a word and a picture."""
    picture = nbformat.v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "F"})
    word = nbformat.v4.new_output("stream", name="stdout", text="printed")
    book = nbformat.read(
        _executed(path, word, picture, tags=[pages.IMAGES], source="figures.gallery(rows)"), 4
    )
    for place, text in enumerate(parameters, start=1):
        tag = "parameters" if place == 1 else "injected-parameters"
        book.cells.insert(place, nbformat.v4.new_code_cell(text, metadata={"tags": [tag]}))
    nbformat.write(book, path)
    return path


def _pictures(book, only=lambda cell: True):
    """A notebook's cells that show a picture."""
    cells = [c for c in book.cells if c.cell_type == "code" and only(c)]
    kinds = [kind for c in cells for o in c.outputs for kind in o.get("data", {})]
    return [kind for kind in kinds if kind.startswith("image/")]


def _shows_images(cell):
    return pages.IMAGES in cell.metadata.get("tags", []) or bool(DRAWS_IMAGES.search(cell.source))


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        (['dataset: str = "phantom"  # which', 'study = "mine"'], True),
        (['dataset: str = "phantom"', 'dataset = "nih880"'], False),
        (['dataset: str = "phantom"', 'dataset = "phantom.json"'], False),
        (['study: str = "nowhere to be found"'], False),
        (['run: str = ""\nimages: str = ""', 'images = "real"'], False),
        (['run: str = ""\nimages: str = ""', 'images = "absent"'], False),
        ([], False),
    ],
)
def test_only_pictures_that_are_surely_drawn_stay(tmp_path, monkeypatch, parameters, kept):
    """Of all but the phantom a page has one sentence for the pictures, and what was printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "real" / "drawn_like.png")
    file = _pictured(tmp_path / "train.ipynb", parameters)
    book = pages.page(file, "train")
    assert bool(_pictures(book)) == kept
    told = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert told[0].text == "printed" and len(told) == 2
    if not kept:
        assert "`train.ipynb`" in told[1].data["text/markdown"]
        assert "patients' radiographs" in told[1].data["text/markdown"]
        assert pages.UNCOMPARED in book.cells[-2].metadata["tags"]
        assert PIXEL not in nbformat.writes(book)


@pytest.mark.parametrize("datasets", [("phantom", "phantom"), ("phantom", "nih880"), ("nih880",)])
def test_a_study_is_the_phantoms_if_every_run_is(tmp_path, monkeypatch, datasets):
    """A page that names a study keeps its pictures if each record says phantom."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    for number, dataset in enumerate(datasets):
        folder = tmp_path / "runs" / "mixed" / f"run{number}"
        io.write_json(folder / "parameters.json", {"stage": "train", "dataset": dataset})
        (folder / "history.csv").write_text("epoch\n1\n")
        runs.finish(folder, pd.DataFrame({"part": ["test"]}), {})
    file = _pictured(tmp_path / "gradcam.ipynb", ['study: str = "phantom"', 'study = "mixed"'])
    book = nbformat.read(file, as_version=4)
    assert pages.only_phantoms(book) == (set(datasets) == {"phantom"})


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_cell_that_draws_images_is_tagged(path):
    """A cell that draws images carries the tag by which a page loses patients' pictures."""
    book = nbformat.read(path, as_version=4)
    drawing = [c for c in book.cells if c.cell_type == "code" and DRAWS_IMAGES.search(c.source)]
    if path.stem == "data":  # has no parameters: the phantom of the schema's default, always
        assert Prepare().dataset == "phantom" and len(drawing) == 1
        assert "sources.boxed(Prepare(image_size=160))" in drawing[0].source
    else:
        assert all(pages.IMAGES in c.metadata.get("tags", []) for c in drawing)
    if path.stem in ("prepare", "train", "gradcam", "predict"):
        assert drawing


def test_no_radiograph_is_in_the_book():
    """No page of a study on other data than the phantom shows a picture made of its images."""
    drawn = {}
    for page in sorted((ROOT / "book" / "results").glob("*/*.ipynb")):
        records = sorted((ROOT / "results" / page.parent.name).glob("*/parameters.json"))
        sets = {json.loads(r.read_text(encoding="utf-8"))["dataset"] for r in records}
        shown = _pictures(nbformat.read(page, as_version=4), _shows_images)
        drawn[page.stem, sets == {"phantom"}] = shown
        assert sets == {"phantom"} or not shown, page
    assert drawn["gradcam", True]  # the phantom's are there, and found


@pytest.mark.slow
def test_drawn_files_are_the_tests_own_and_known_again(small_run, tmp_path):
    """`draw` draws images of the test part alone, the findings in turn; a foreign file is told."""
    files = jobs.draw(small_run, tmp_path / "images")
    boxes = small_run.predictions.assign(file="drawn_" + small_run.predictions["image"])
    mine = boxes[boxes["file"].isin([file.name for file in files])]
    assert set(mine["part"]) == {"test"} and mine["file"].nunique() == len(files)
    test = boxes[boxes["part"] == "test"]
    assert len(files) == min(jobs.DRAWN, test["image"].nunique())
    assert set(mine["finding"]) == set(test["finding"])
    with Image.open(files[0]) as image:
        assert image.size == (jobs.DRAWN_SIZE, jobs.DRAWN_SIZE)
    assert jobs.are_drawn(tmp_path / "images") and jobs.are_drawn(files[0])
    Image.new("L", (2, 2)).save(tmp_path / "images" / "zz.png")
    assert not jobs.are_drawn(tmp_path / "images")
    (tmp_path / "images" / "zz.png").unlink()
    (tmp_path / "images" / "zz.dcm").write_bytes(b"")
    assert not jobs.are_drawn(tmp_path / "images")


@pytest.mark.slow
def test_the_receipt_names_what_the_numbers_rest_on(small_run, tmp_path):
    """Commit, data and split hash, versions, device, and per run parameters and seconds."""
    file = _executed(tmp_path / "localisation.ipynb")
    book = pages.page(file, "localisation", "tests", pages.finished_runs("tests"))
    assert book.cells[0].source.splitlines()[0] == "# Title · tests"
    assert book.cells[1].source == pages.SWITCH
    text, facts = book.cells[-1].source, small_run.provenance
    for key in ("data_sha256", "split_sha256"):
        assert facts[key][:12] in text
    assert f"training code `{io.digest([facts['code']])[:12]}`" in text
    assert f"`{small_run.folder.name}` | – | {facts['seconds']:.0f} |" in text
    assert f"keras {facts['versions']['keras']}" in text and facts["device"] in text


@pytest.mark.slow
def test_a_page_of_this_machine_shows_the_committed_numbers(small_run, tmp_path, monkeypatch):
    """Near its top, folded: the run's means beside those of the committed record of its name."""
    monkeypatch.setattr(paths, "results", lambda: tmp_path / "results")
    publish.published(small_run, tmp_path / "results" / "tests")
    file, page = _executed(tmp_path / "train.ipynb"), tmp_path / "page" / "train.ipynb"
    words = ["pages", str(file), str(page), "--study", "tests", "--runs"]
    monkeypatch.setattr(sys, "argv", [*words, str(small_run.folder / "done")])
    pages.main()
    first, *others = nbformat.read(page, as_version=4).cells[2:]
    assert first.source.startswith(":::{dropdown}") and first.source.endswith(":::")
    (row,) = [line for line in first.source.splitlines() if small_run.folder.name in line]
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells[0] == cells[1] and cells[2] == cells[3] and cells[4:] == ["0", "0"]
    assert small_run.folder.name in others[-1].source  # its receipt


def test_links_between_studies():
    """Each page links the same page of the other studies that have it, whatever was made first."""
    known = {"results/a/ablation", "results/b/ablation", "results/c/train", "index"}
    told = ":::{container} study-tabs\n[a](../a/ablation.ipynb)\n**b**\n:::"
    assert site.links("results/b/ablation", known) == told
    two = {"results/phantom/train", "results/mine/train"}
    assert "[Drawn radiographs](../phantom/train.ipynb)" in site.links("results/mine/train", two)
    app = SimpleNamespace(env=SimpleNamespace(found_docs=known))
    source = [f"{pages.SWITCH} [there](ablation.ipynb) [gone](gradcam.ipynb)"]
    site.switched(app, "results/a/ablation", source)
    (told,) = source
    assert "**a**\\n[b](../b/ablation.ipynb)" in told
    assert told.endswith("[there](ablation.ipynb) gone")


def test_results_are_read_again_when_a_study_comes():
    """A new results page refreshes the links of all others; the first page is always read."""
    env = SimpleNamespace(found_docs={"index", "results/a/x"})
    app = SimpleNamespace(config=SimpleNamespace(root_doc="index"))
    assert site.outdated(app, env, {"results/b/x"}, set(), set()) == ["results/a/x", "index"]
    assert site.outdated(app, env, {"index"}, {"results/a/x"}, set()) == ["index"]


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
    auc = classification.table(small_run, resamples=50)["value"]
    known = [a for a in run["auc"] if a[0] is not None]
    assert [a[0] for a in known] == [round(v, 3) for v in auc.dropna()]
    test = small_run.part("test")
    accuracy = metrics.iou_accuracy(test, small_run.findings)[metrics.MEAN]
    assert [cell[0] for cell in run["accuracy"][-1]] == [round(v, 3) for v in accuracy]
    assert run["dead"] == summary.dead_coordinates(small_run) and 0 <= run["empty"] <= 1
    assert np.array(data["experts"]).shape == (len(BOXED) + 1, len(metrics.THRESHOLDS))
    printed = published.legible().query("method == @published.VARIANTS[@run['backbone']]")
    top = printed.query("finding == 'Mean' and T == 0.2")["value"].item()
    assert data["paper"][run["backbone"]][-1][1] == top
    examples = data["examples"][run["split"]]
    assert names[-1] == metrics.MEAN and len(run["boxes"]) == len(examples) > 0
    assert all(e["pixels"].startswith("data:image/jpeg") for e in examples)
    true = {tuple(round(float(v), 3) for v in row) for row in test[runs.TRUE_BOX].to_numpy()}
    assert all(tuple(e["true"]) in true for e in examples)
    # After every epoch the boxes of validation; after the kept one they are the record's own.
    validation = small_run.part("validation")
    rows = validation.iloc[runs.watched(len(validation))]
    told, watched = run["learning"], data["watched"][run["split"]]
    assert len(told["boxes"]) == len(small_run.history) and len(watched) == len(rows)
    np.testing.assert_allclose([e["true"] for e in watched], rows[runs.TRUE_BOX], atol=6e-4)
    kept = told["boxes"][told["kept"] - 1]
    np.testing.assert_allclose(kept, rows[runs.PREDICTED_BOX].clip(0, 1), atol=6e-4)


@pytest.mark.slow
def test_explore_shows_no_radiograph(small_run, tmp_path):
    """A record of other data than the phantom's gives boxes, never pixels."""
    folder = shutil.copytree(small_run.folder, tmp_path / small_run.folder.name)
    real = runs.read(folder)
    real = replace(real, parameters=real.train.model_copy(update={"dataset": "nih880"}))
    data = explore.explored([real], resamples=10)
    for kind in ("examples", "watched"):
        assert all(e["pixels"] is None for rows in data[kind].values() for e in rows)
