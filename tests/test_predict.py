"""A finished run applied to files."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from dicom_files import dicom
from PIL import Image

from clnbook import publish
from clnlib import runs
from clnlib.data import coco, sources
from clnlib.data.images import MissingReaderError
from clnlib.errors import InputError
from clnlib.model import predict as prediction
from clnlib.parameters import Predict, Prepare


@pytest.fixture
def folder(small_run, tmp_path, monkeypatch):
    """Six images of the run's own store as files, one of them unreadable text."""
    monkeypatch.setenv("CLN_HOME", str(small_run.folder.parents[2]))
    p = Prepare(phantom_images=60, image_size=32, phantom_contrast=2.0)
    _, _, store = sources.prepared(p)
    (tmp_path / "in").mkdir()
    for name, pixels in list(zip(store.names, store.images, strict=True))[:6]:
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    (tmp_path / "in" / "note.png").write_text("no image")
    return tmp_path


def _predict(folder, run, images="in"):
    given = {"run": str(run.folder), "images": str(folder / images), "out": str(folder / "out")}
    return prediction.predict(Predict(**given))


def test_predictions_equal_the_record(folder, small_run, capsys):
    """The same images give the record's probabilities and boxes; bad files are named."""
    table = _predict(folder, small_run)
    assert "1 of 7 files not read" in capsys.readouterr().out
    assert table["problem"].str.contains("note.png").sum() == 1
    record = small_run.predictions.drop_duplicates("image").set_index("image")
    names = [runs.PROBABILITY + f for f in small_run.findings]
    read = table[table["problem"] == ""]
    np.testing.assert_allclose(
        read[names].astype(float), record.loc[read["image"], names], rtol=1e-3, atol=1e-5
    )
    expected = record.loc[read["image"], runs.PREDICTED_BOX].clip(0, 1) * 32
    boxes = read[runs.TRUE_BOX].astype(float)
    drawn = boxes.notna().all(axis=1).to_numpy()
    np.testing.assert_allclose(boxes[drawn], expected[drawn], rtol=1e-3, atol=1e-3)


def test_files_come_out_whole(folder, small_run):
    """A CSV that reads back and a COCO file that our own reader takes."""
    table = _predict(folder, small_run)
    back = pd.read_csv(folder / "out" / "predictions.csv")
    assert list(back["image"]) == list(table["image"])
    told = json.loads((folder / "out" / "predictions.json").read_text())
    assert "not a medical device" in told["info"]["description"]
    scores = [a["score"] for a in told["annotations"]]
    assert all(0 < s <= 1 for s in scores)
    if len({a["category_id"] for a in told["annotations"]}) > 1:
        boxes, _, findings = coco.load_coco(folder / "out" / "predictions.json", folder / "in")
        assert findings == small_run.findings and len(boxes) == len(scores)


def test_an_empty_box_is_no_box():
    """A dead box head's answer becomes "no box": NaN in the table, no annotation."""
    box = prediction._pixels(np.array([0.5, 0.5, 0.5, 0.7], "float32"), 100, 200)
    assert all(np.isnan(v) for v in box.values())
    whole = prediction._pixels(np.array([-0.5, 0.25, 0.5, 1.5], "float32"), 100, 200)
    assert whole == {"x1": 0, "y1": 50, "x2": 50, "y2": 200}
    row = {"image": "a.png", "problem": "", "width": 100, "height": 200, "finding": "b",
           "probability": 0.9}  # fmt: skip
    told = prediction.as_coco(pd.DataFrame([{**row, **box}, {**row, **whole}]), ("a", "b"))
    assert [(a["image_id"], a["bbox"], a["category_id"]) for a in told["annotations"]] == [
        (1, [0, 50, 50, 150], 1)
    ]


def test_one_file_and_refusals(folder, small_run):
    """One file works; nothing given, nothing there and nothing readable are refused."""
    (name,) = (p.name for p in sorted((folder / "in").iterdir())[:1])
    assert len(_predict(folder, small_run, f"in/{name}")) == 1
    with pytest.raises(InputError, match=r"no image could be read: .*note\.png"):
        _predict(folder, small_run, "in/note.png")
    with pytest.raises(InputError, match="no such file or folder"):
        _predict(folder, small_run, "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"no PNG, JPEG or DICOM file in this folder"):
        _predict(folder, small_run, "empty")
    with pytest.raises(InputError, match="nothing given"):
        prediction.image_files("")


def test_a_folder_as_a_hospital_hands_it_out(tmp_path):
    """DICOM by content, whatever the name; hidden files and the disc's index are left out.

    A picture of another format stays in, so that it is named as one that is not read.
    """
    pixels = np.zeros((4, 4), np.uint8)
    for name in ("IM000001", "1.2.840.113619", "scan.dcm", "._scan.dcm", "DICOMDIR"):
        dicom(tmp_path / name, pixels)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("no image")
    (tmp_path / "nodcm").mkdir()
    for name in ("d.TIF", "e.JPG"):
        Image.fromarray(pixels).save(tmp_path / name)
    names = [path.name for path in prediction.image_files(str(tmp_path))]
    assert names == ["1.2.840.113619", "IM000001", "d.TIF", "e.JPG", "scan.dcm"]


def test_home_and_other_formats(folder, small_run, monkeypatch, capsys):
    """`~` in `out` is the home folder; a TIFF is named as not supported, a DICOM is predicted."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    dicom(folder / "in" / "IM1", np.arange(1024, dtype=np.uint16).reshape(32, 32))
    Image.new("L", (8, 8)).save(folder / "in" / "d.tif")
    (folder / "in" / "series2").mkdir()
    given = {"run": str(small_run.folder), "images": str(folder / "in"), "out": "~/pred"}
    table = prediction.predict(Predict(**given)).set_index("image")
    assert table.loc["IM1", "problem"] == ""
    assert (
        "not a PNG, JPEG or DICOM file but TIFF: write it as PNG" in table.loc["d.tif", "problem"]
    )
    told = capsys.readouterr().out
    assert "2 of 9 files not read: " in told and "note: not looked into: series2" in told
    assert (folder / "home" / "pred" / "predictions.csv").exists()


def test_a_missing_decoder_stops(tmp_path):
    """A file that a package would read is no failure among others: it says what is missing."""
    film = pytest.importorskip("pydicom.uid").MPEG2MPML
    path = dicom(tmp_path / "a", np.zeros((8, 8), np.uint8), codestream=b"film", syntax=film)
    run = SimpleNamespace(train=SimpleNamespace(size=8), findings=("a",))
    with pytest.raises(MissingReaderError, match="pydicom has no decoder for MPEG2"):
        prediction._batch(None, [path], 16, run)


def test_sixteen_bit_files_of_a_folder_share_their_depth(tmp_path, capsys):
    """12-bit samples of a folder are read as 12 bits, the dark ones too, and that is noted."""

    class Model:
        def predict_on_batch(self, pixels):
            self.seen = pixels.max(axis=(1, 2, 3)).tolist()
            return {"finding": np.ones((len(pixels), 1)), "box": np.ones((len(pixels), 4))}

    for name, largest in (("a", 900), ("b", 4095)):
        Image.fromarray(np.full((8, 8), largest, np.uint16)).save(tmp_path / f"{name}.png")
    model, files = Model(), prediction.image_files(str(tmp_path))
    run = SimpleNamespace(train=SimpleNamespace(size=8), findings=("a",))
    prediction._batch(model, files, prediction.sample_bits(files), run)
    assert model.seen == [56, 255]
    assert "note: 16-bit PNG samples end at 4095: read as 12 bits" in capsys.readouterr().out


def test_a_published_record_has_no_weights(small_run, tmp_path):
    """A copy without weights reads as a record, and predicting says why it cannot."""
    copy = runs.read(publish.published(small_run, tmp_path))
    pd.testing.assert_frame_equal(copy.predictions, small_run.predictions)
    with pytest.raises(InputError, match="records under results/ have no weights"):
        prediction.load_model(copy)
