"""`dataset` → rows and images: the phantom, a reader's COCO file, the real images."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clnlib.data import nih, phantom, sources, splits
from clnlib.errors import InputError
from clnlib.findings import BOXED, LABELLED
from clnlib.parameters import Finetune, Prepare


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Stores go to the test's own folder."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path / "home"))


def test_the_phantom_has_the_real_names_patients_and_boxes():
    """All of it is the real table; only the pixels are drawn, findings inside their boxes."""
    source = sources.boxed(Prepare())
    assert source.rows.equals(nih.load_boxes()) and source.findings == BOXED
    image = source.rows["image"][0]
    boxes = source.rows[source.rows["image"] == image]
    drawn = [(r.finding, (r.x1, r.y1, r.x2, r.y2)) for r in boxes.itertuples()]
    pixels, _ = source.read(image)
    np.testing.assert_array_equal(pixels, phantom.draw(image, drawn, 80, 4.0))


def test_fewer_phantoms_are_a_fixed_part_of_all():
    """`phantom_images` images, the same ones every time, and a larger number contains them."""
    few, more = (set(sources.boxed(Prepare(phantom_images=n)).rows["image"]) for n in (60, 200))
    assert (len(few), len(more)) == (60, 200) and few < more


def test_prepared_gives_rows_split_and_pixels():
    """Every row has a part and pixels of the size asked for; a second call opens the store."""
    p = Prepare(phantom_images=40, image_size=32)
    _, split, store = sources.prepared(p)
    assert store.images.shape == (40, 32, 32) and set(split["part"]) == set(splits.PARTS)
    assert set(split["image"]) == set(store.names)
    assert sources.prepared(p)[2].sha256 == store.sha256
    other = sources.prepared(Prepare(phantom_images=40, image_size=32, phantom_contrast=1.0))[2]
    assert other.folder != store.folder and other.sha256 != store.sha256


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A folder of 40 NIH names with labels and both official lists, half 128, half 160 pixels."""
    folder = tmp_path / "nih"
    folder.mkdir()
    labels = sources.labelled(Finetune(phantom_images=60)).rows
    for k, name in enumerate(labels["image"]):
        pixels = np.random.default_rng(k).integers(0, 256, (2 * [128 + 32 * (k % 2)]), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    official = np.where(np.arange(len(labels)) % 5 == 0, "test", "train_val")
    for part in ("train_val", "test"):
        lines = labels["image"][official == part]
        (folder / f"{part}_list.txt").write_text("\n".join(lines))
    monkeypatch.setenv("CLN_NIH_DIR", str(folder))


def test_mixed_sizes_are_refused_with_both_ways_out(mixed):
    """Sharpness would tell the network where an image is from: reduce all, or keep the largest."""
    with pytest.raises(InputError) as caught:
        sources.prepared(Finetune(dataset="nih14", image_size=32))
    assert "30 of 128, 30 of 160 pixels" in str(caught.value)
    assert "-p resolution 128, or keep the largest with -p resolution 160" in str(caught.value)


def test_the_phantom_has_no_resolution():
    """A parameter that would do nothing is refused."""
    with pytest.raises(InputError, match="resolution: the phantom is drawn at image_size"):
        sources.labelled(Finetune(resolution=128))


def test_fewer_training_images():
    """Only training loses images, at random; other data makes another run; too many are refused."""
    p = Finetune(phantom_images=300)
    whole, fewer = (
        sources.labelled(each) for each in (p, p.model_copy(update={"train_images": 50}))
    )
    counts = fewer.rows["part"].value_counts()
    assert counts["train"] == 50 and fewer.sha256 != whole.sha256
    trained, judged = (
        [
            source.rows["image"][is_train == (source.rows["part"] == "train")]
            for source in (whole, fewer)
        ]
        for is_train in (True, False)
    )
    assert judged[0].tolist() == judged[1].tolist()
    assert set(trained[1]) < set(trained[0]) and trained[1].tolist() != trained[0].tolist()[:50]
    number = len(trained[0])
    with pytest.raises(InputError, match=f"train_images=301: the training part has {number}"):
        sources.labelled(p.model_copy(update={"train_images": 301}))


def test_one_resolution(mixed):
    """All reduced to 128, or those of 160 alone; another store than without, another content."""
    small = sources.prepared(Finetune(dataset="nih14", image_size=64, resolution=128))
    assert len(small.store.names) == 60
    with pytest.raises(InputError, match="expected a square of at least 160"):
        sources.prepared(Finetune(dataset="nih14", image_size=64, resolution=160))
    given = Finetune(dataset="nih14", image_size=64, resolution=160, exclude_unreadable=True)
    large = sources.prepared(given)
    assert len(large.store.names) == 30 and small.store.folder != large.store.folder
    one = large.store.names[0]
    first, second = (p.store.images[p.store.index[one]] for p in (small, large))
    assert not np.array_equal(first, second)  # 160 → 128 → 64 is not 160 → 64


def test_stage_1_shares_no_patient_with_stage_2():
    """No patient with a boxed image; patients in one part; 14 labels as the table has them."""
    source = sources.labelled(Finetune(phantom_images=300, image_size=32))
    rows = source.rows
    assert source.findings == LABELLED and len(rows) == 300
    assert not set(rows["patient"]) & set(nih.load_boxes()["patient"])
    assert (rows.groupby("patient")["part"].nunique() == 1).all()
    labels = nih.load_labels().set_index("image")["findings"]
    for row in rows.head(20).itertuples(index=False):
        found = {f for f in LABELLED if getattr(row, f"y_{f}")}
        assert found == {f for f in labels[row.image].split("|") if f}
    assert (rows[[f"y_{f}" for f in LABELLED]].sum() >= 10).all()


def _own_data(folder: Path, number: int = 30) -> Path:
    """Grey images with one bright box each, three categories, sizes of their own."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for k in range(number):
        width, height = 60 + k, 90 - k
        x, y = 5 + k % 10, 10
        pixels = rng.integers(0, 60, (height, width), dtype=np.uint8)
        pixels[y : y + 20, x : x + 30] = 220
        Image.fromarray(pixels).save(folder / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png", "width": width, "height": height,
                       "patient": f"p{k // 2}"})  # fmt: skip
        annotations.append({"id": k, "image_id": k, "category_id": 1 + k % 3,
                            "bbox": [x, y, 30, 20]})  # fmt: skip
    categories = [{"id": 1 + k, "name": name} for k, name in enumerate(("round", "long", "flat"))]
    path = folder / "own.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return path


def test_a_reader_s_own_boxes_go_the_same_way(tmp_path):
    """A COCO file's categories are the findings; boxes are relative to each image's own size."""
    p = Prepare(dataset=str(_own_data(tmp_path)), image_size=64)
    source, split, store = sources.prepared(p)
    assert source.findings == ("round", "long", "flat") and len(split) == 30
    assert (split.groupby("patient")["part"].nunique() == 1).all()
    row = split[split["image"] == "3.png"].iloc[0]
    np.testing.assert_allclose(
        row[["x1", "y1", "x2", "y2"]].astype(float), [8 / 63, 10 / 87, 38 / 63, 30 / 87], rtol=1e-6
    )
    pixels = store.images[store.index["3.png"]]
    x1, y1, x2, y2 = (int(v * 64) for v in (8 / 63, 10 / 87, 38 / 63, 30 / 87))
    assert pixels[y1 + 2 : y2 - 1, x1 + 2 : x2 - 1].min() > 200 and pixels[40:].max() < 100


@pytest.mark.slow
def test_a_reader_s_own_data_trains_and_predicts(tmp_path):
    """Thirty images, three categories: a record with three probabilities, and predictions."""
    from clnlib.model.predict import predict
    from clnlib.model.training import train
    from clnlib.parameters import Predict, Train

    own = _own_data(tmp_path)
    run = train(Train(dataset=str(own), image_size=32, epochs=2, bn_momentum=0.9))
    assert run.findings == ("round", "long", "flat")
    assert {"p_round", "p_long", "p_flat"} <= set(run.predictions)
    table = predict(Predict(run=str(run.folder), images=str(tmp_path), out=str(tmp_path / "out")))
    assert len(table) == 30 and set(table["finding"]) <= set(run.findings)


def test_unreadable_images_are_named_together_or_left_out(tmp_path):
    """Two bad files give one error naming both; on request they are left out by name."""
    own = _own_data(tmp_path)
    (tmp_path / "4.png").write_bytes((tmp_path / "4.png").read_bytes()[:200])
    whole = (tmp_path / "7.png").read_bytes()
    (tmp_path / "7.png").write_bytes(whole[:-20])
    p = Prepare(dataset=str(own), image_size=32)
    with pytest.raises(InputError, match=r"2 of 30 images cannot be read: 4\.png .*7\.png") as told:
        sources.prepared(p)
    assert "-p exclude_unreadable True" in str(told.value)
    _, split, store = sources.prepared(p.model_copy(update={"exclude_unreadable": True}))
    assert {entry["name"] for entry in store.manifest["excluded"]} == {"4.png", "7.png"}
    assert len(split) == 28 and len(store.names) == 28


def test_missing_real_images_are_named(tmp_path, monkeypatch):
    """Without the images: which variable; with a few of them: how many are missing and where."""
    monkeypatch.delenv("CLN_NIH_DIR", raising=False)
    with pytest.raises(InputError, match="CLN_NIH_DIR is not set"):
        sources.boxed(Prepare(dataset="nih880"))
    Image.new("L", (128, 128)).save(tmp_path / "00000032_037.png")
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path))
    with pytest.raises(InputError, match=r"879 of 880 boxed images are missing: 00000072_000\.png"):
        sources.boxed(Prepare(dataset="nih880"))


@pytest.mark.slow
def test_the_real_images(nih_folder):
    """All 880 images are read, square, and the official lists keep the two stages apart."""
    _, split, store = sources.prepared(Prepare(dataset="nih880", image_size=64))
    assert store.images.shape == (880, 64, 64) and len(split) == 984
    assert all(entry["width"] == entry["height"] >= 128 for entry in store.manifest["images"])
    official = nih.load_official_split().set_index("image")["part"]
    assert (official[split["image"].unique()] == "test").all()
    rows = sources.labelled(Finetune(dataset="nih14", image_size=32)).rows
    assert (official[rows.loc[rows["part"] == "test", "image"]] == "test").all()
    assert (official[rows.loc[rows["part"] != "test", "image"]] == "train_val").all()
