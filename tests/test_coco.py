"""A COCO file of the reader's own becomes the box frame, or is refused by annotation."""

import copy
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from dicom_files import dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from clnlib.data import nih, sources
from clnlib.data.coco import CORNERS, load_coco
from clnlib.data.splits import unknown_patients
from clnlib.errors import InputError
from clnlib.parameters import Prepare

GOOD = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 40, "height": 20, "patient": "P7"},
        {"id": 2, "file_name": "sub/b.png", "width": 10, "height": 10, "patient": 12},
        {"id": 3, "file_name": "c.png", "width": 8, "height": 8},
        {"id": 4, "file_name": "unboxed-and-absent.png", "width": 8, "height": 8},
    ],
    "annotations": [
        {"id": 11, "image_id": 1, "category_id": 5, "bbox": [10, 5, 20, 10]},
        {"id": 12, "image_id": 1, "category_id": 2, "bbox": [0, 0, 10, 20], "iscrowd": 0},
        {"id": 13, "image_id": 2, "category_id": 5, "bbox": [0, 0, 5, 5]},
        {"id": 14, "image_id": 2, "category_id": 5, "bbox": [5, 5, 5, 5]},
        {"id": 15, "image_id": 3, "category_id": 2, "bbox": [-0.5, 4, 4, 5]},
    ],
    "categories": [
        {"id": 5, "name": "nodule"},
        {"id": 2, "name": "catheter"},
        {"id": 9, "name": "never boxed"},
    ],
}


def write(folder: Path, content: object, images: str = "") -> Path:
    """The JSON file in `folder`, and its images in a subfolder."""
    path = folder / "coco.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    for name, size in {"a.png": (40, 20), "sub/b.png": (10, 10), "c.png": (8, 8)}.items():
        file = folder / images / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size).save(file)
    return path


def test_the_whole_example_by_hand(tmp_path):
    """Corners over each image's own width and height; several boxes of one category stay."""
    boxes, files, categories = load_coco(write(tmp_path, GOOD))
    assert boxes.values.tolist() == [
        ["a.png", "P7", "catheter", 0.0, 0.0, 0.25, 1.0],
        ["a.png", "P7", "nodule", 0.25, 0.25, 0.75, 0.75],
        ["c.png", "c.png", "catheter", 0.0, 0.5, 0.4375, 1.0],  # clipped by 0.5 and 1 pixel
        ["sub/b.png", "12", "nodule", 0.0, 0.0, 0.5, 0.5],
        ["sub/b.png", "12", "nodule", 0.5, 0.5, 1.0, 1.0],
    ]
    assert files == {name: tmp_path / name for name in ("a.png", "c.png", "sub/b.png")}
    assert categories == ("catheter", "nodule", "never boxed")


def test_the_frame_is_that_of_the_nih_tables(tmp_path):
    """The reader's boxes and NIH's have the same columns, dtypes and index."""
    boxes, published = load_coco(write(tmp_path, GOOD))[0], nih.load_boxes()
    assert boxes.dtypes.equals(published.dtypes)
    assert boxes.index.equals(published.index[: len(boxes)])


@pytest.mark.parametrize("place", ["", "images", "elsewhere"])
def test_images_are_found_beside_below_or_where_told(tmp_path, place):
    """The folder of the JSON file or `images/` is found; any other must be named."""
    path = write(tmp_path, GOOD, images=place)
    named = tmp_path / place if place == "elsewhere" else None
    assert load_coco(path, named)[1]["a.png"] == tmp_path / place / "a.png"


def changed(*keys, to):
    """GOOD with one value replaced, or removed where `to` is None."""
    content = copy.deepcopy(GOOD)
    *path, last = keys
    place = content
    for key in path:
        place = place[key]
    if to is None:
        del place[last]
    else:
        place[last] = to
    return content


def bbox(*values):
    return changed("annotations", 0, "bbox", to=list(values))


CORNERED = {**GOOD["annotations"][0], "bbox": [4, 2, 24, 12], "area": 200}  # 20 x 10 pixels
HOSTILE = {
    "a list": ([], r"not a COCO file: expected images, annotations and categories"),
    "no annotations key": (changed("annotations", to=None), r"annotations: Field required"),
    "no images key": (changed("images", to=None), r"images: Field required"),
    "images no list": (changed("images", to="x"), r"images: Input should be a valid list"),
    "image no object": (changed("images", 0, to=3), r"images\[0\] 3: Input should be"),
    "no width": (changed("images", 0, "width", to=None), r"images\[0\] \(id 1\), width: Field req"),
    "width 0": (changed("images", 0, "width", to=0), r"images\[0\] \(id 1\), width 0: .* than 0"),
    "width text": (changed("images", 0, "width", to="x"), r"width 'x': Input should be a valid in"),
    "no bbox": (changed("annotations", 0, "bbox", to=None), r"ons\[0\] \(id 11\), bbox: Field req"),
    "short bbox": (bbox(1, 2, 3), r"annotations\[0\] \(id 11\), bbox"),
    "long bbox": (bbox(1, 2, 3, 4, 5), r"annotations\[0\] \(id 11\), bbox"),
    "no id": (changed("annotations", 0, "id", to=None), r"annotations\[0\], id: Field required"),
    "blank patient": (changed("images", 0, "patient", to=" "), r"images\[0\] \(id 1\), patient"),
    "image id twice": (changed("images", 1, "id", to=1), r"image id used more than once: 1"),
    "file twice": (changed("images", 1, "file_name", to="a.png"), r"file_name used .*: 'a.png'"),
    "annotation id twice": (changed("annotations", 1, "id", to=11), r"annotation id used .*: 11"),
    "category id twice": (changed("categories", 1, "id", to=5), r"category id used .*: 5"),
    "name twice": (changed("categories", 1, "name", to="nodule"), r"category name .*: 'nodule'"),
    "no such image": (
        changed("annotations", 0, "image_id", to="1"),
        r"annotation 11, image_id '1': no image has this id",
    ),
    "no such category": (
        changed("annotations", 0, "category_id", to=3),
        r"annotation 11 \(a.png\), category_id: 3 is not one of 2, 5, 9",
    ),
    "crowd": (changed("annotations", 0, "iscrowd", to=1), r"11 \(a.png\), iscrowd 1: must be 0"),
    "repeated": (
        changed("annotations", 3, "bbox", to=[0, 0, 5, 5]),
        r"annotation 14: repeats an earlier annotation",
    ),
    "NaN": (bbox(float("nan"), 0, 5, 5), r"annotation 11 \(a.png\), bbox \[nan, .*four numbers"),
    "infinite": (bbox(0, 0, float("inf"), 5), r"annotation 11 .*bbox .*must be four numbers"),
    "negative width": (bbox(5, 5, -2, 5), r"bbox \[5.0, 5.0, -2.0, 5.0\]: width and height must"),
    "no height": (bbox(5, 5, 2, 0), r"annotation 11 .*bbox .*width and height must be more than 0"),
    "normalised": (
        bbox(0.25, 0.25, 0.5, 1),
        r"11 \(a.png\), bbox .*: looks normalised; must be in pixels of its image of 40 x 20",
    ),
    "sub-pixel": (bbox(5, 5, 0.9, 5), r"11 \(a.png\), bbox .*: less than 1 pixel wide or high in"),
    "beyond the edge": (bbox(39.5, 5, 1.4, 5), r"bbox .*less than 1 pixel wide or high inside its"),
    "too wide": (
        bbox(30, 5, 11.5, 5),
        r"annotation 11 .*bbox .*leaves its image of 40 x 20 pixels",
    ),
    "too low": (
        bbox(30, 15, 5, 6.5),
        r"annotation 11 .*leaves its image .*\[x, y, width, height\]",
    ),
    "too far left": (bbox(-1.5, 5, 5, 5), r"annotation 11 .*bbox .*leaves its image of 40 x 20"),
    "turned out of the image": (
        changed("annotations", 1, "attributes", to={"rotation": 90}),
        r"12 \(a.png\), bbox .* turned by 90 degrees: leaves its image of 40 x 20 pixels",
    ),
    "rotation no number": (
        changed("annotations", 0, "attributes", to={"rotation": "left"}),
        r"annotations\[0\] \(id 11\), attributes 'left': Input should be a valid number",
    ),
    "corners": (
        changed(
            "annotations", 0, to={**GOOD["annotations"][0], "bbox": [4, 2, 24, 12], "area": 200}
        ),
        r"bbox \[4.0, 2.0, 24.0, 12.0\]: width times height is 288, area says 200; is it \[x1, y1",
    ),
    "corners with an outline": (
        changed("annotations", 0, to={**CORNERED, "segmentation": [[4, 2, 24, 2, 24, 12, 4, 12]]}),
        r"area says 200; is it \[x1, y1, x2, y2\]\?",
    ),
    "area too large": (
        changed("annotations", 0, "area", to=300),
        r"11 \(a.png\), bbox .*: width times height is 200, area says 300$",
    ),
    "no boxes": (changed("annotations", to=[]), r"no annotations; boxes of at least 2 categories"),
    "one category": (
        {**GOOD, "annotations": GOOD["annotations"][:1]},
        r"boxes of one category, 'nodule'; boxes of at least 2 categories are needed",
    ),
    "wrong size": (
        changed("images", 2, "width", to=9),
        r"c.png has 8 x 8 pixels, its annotation says 9 x 8 pixels$",
    ),
    "missing files": (
        changed("images", 2, "file_name", to="d.png"),
        r"1 of the 3 images with boxes are missing: d.png; looked in .* and .*images; .*image_fold",
    ),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, message):
    """The error names the JSON file, the annotation or image, the value and what is allowed."""
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=message) as error:
        load_coco(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_ten_bad_annotations_are_listed_and_the_rest_counted(tmp_path):
    """One error for a whole bad file."""
    boxes = [
        {"id": number, "image_id": 1, "category_id": 5, "bbox": [0, 0, 0, 0]}
        for number in range(13)
    ]
    with pytest.raises(InputError, match=r"annotation 0 .*annotation 9 [^;]*; and 3 more$"):
        load_coco(write(tmp_path, {**GOOD, "annotations": boxes}))


def test_what_is_no_json_is_refused(tmp_path):
    """Missing, cut short, binary, or nested without end: an InputError that names the file."""
    cut, binary, deep = (tmp_path / name for name in ("cut.json", "binary.json", "deep.json"))
    cut.write_text('{"images": [', encoding="utf-8")
    binary.write_bytes(b"\x89PNG\xff\xfe")
    deep.write_text("[" * 200_000, encoding="utf-8")
    for path in (cut, binary, deep):
        with pytest.raises(InputError, match=rf"{path.name}: not a JSON file"):
            load_coco(path)
    with pytest.raises(InputError, match=r"absent.json: cannot be read \(No such file"):
        load_coco(tmp_path / "absent.json")


# what exporters write


def test_exporters_names_are_found(tmp_path):
    """Backslashes and `./` are read as the folders they mean; images are named with `/`."""
    path = write(tmp_path, changed("images", 0, "file_name", to=".\\sub\\.\\b.png"))
    content = json.loads(path.read_text())
    content["images"][0] |= {"width": 10, "height": 10, "id": 2}
    content["images"][1] |= {"file_name": "./a.png", "width": 40, "height": 20, "id": 1}
    path.write_text(json.dumps(content))
    boxes, files, _ = load_coco(path)
    assert files == {name: tmp_path / name for name in ("a.png", "c.png", "sub/b.png")}
    assert set(boxes["image"]) == set(files)
    (tmp_path / "sub" / "b.png").rename(tmp_path / "sub\\b.png")
    assert load_coco(path)[1]["sub/b.png"] == tmp_path / "sub\\b.png"


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_accents_are_found_however_they_are_composed(tmp_path, written, stored, capsys):
    """Composed in the JSON and apart on the disk, or the other way round: the same names."""
    name = "Lungenödem/é.png"
    file = tmp_path / unicodedata.normalize(stored, name)
    file.parent.mkdir()
    Image.new("L", (8, 8)).save(file)
    content = changed("images", 2, "file_name", to=unicodedata.normalize(written, name))
    content["categories"][0]["name"] = unicodedata.normalize(written, "Ödem")
    boxes, files, categories = load_coco(write(tmp_path, content))
    assert files[name] == file and name in set(boxes["image"]) and "Ödem" in categories
    assert "note" not in capsys.readouterr().out


def test_names_that_differ_in_case_only(tmp_path, capsys):
    """Two of them are two, and noted: some systems, or people, would take them for one."""
    content = changed("images", 2, "file_name", to="A.PNG")
    content["images"][2] |= {"width": 40, "height": 20}
    content["categories"][0]["name"] = "Catheter"
    path = write(tmp_path, content)
    Image.new("L", (40, 20)).save(tmp_path / "A.PNG")
    assert load_coco(path)[2][:2] == ("catheter", "Catheter")
    told = capsys.readouterr().out
    assert "differ in case only are kept apart: Catheter, catheter" in told
    assert "differ in case only are kept apart: A.PNG, a.png" in told


def test_a_root_category_may_bear_any_name(tmp_path):
    """A category that no box uses is in nobody's way, not even under the name of another."""
    content = copy.deepcopy(GOOD)
    content["categories"].append({"id": 0, "name": "nodule", "supercategory": "none"})
    assert load_coco(write(tmp_path, content))[2] == ("catheter", "nodule", "never boxed")


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, [10, 5, 20, 10]),
        (90, [15, 0, 10, 20]),
        (-90.0, [15, 0, 10, 20]),
        (180, [10, 5, 20, 10]),
        (30, [8.83975, 0.66987, 22.32051, 18.66025]),
        (None, [10, 5, 20, 10]),
    ],
)
def test_a_turned_box_becomes_the_upright_one_around_it(tmp_path, degrees, expected):
    """CVAT turns a box around its centre: 30 degrees by hand, 20 cos 30 + 10 sin 30 wide."""
    content = changed("annotations", 0, "attributes", to={"occluded": False, "rotation": degrees})
    content["annotations"][0]["area"] = 200
    boxes = load_coco(write(tmp_path, content))[0]
    x1, y1, x2, y2 = boxes.loc[1, CORNERS] * [40, 20, 40, 20]
    np.testing.assert_allclose([x1, y1, x2 - x1, y2 - y1], expected, atol=1e-4)


@pytest.mark.parametrize("extra", [{}, {"attributes": []}, {"attributes": {"shape": "round"}}])
@pytest.mark.parametrize(
    "area", [None, 0, 200, 230, 195.5, {"area": 90, "segmentation": [[10, 5, 30, 5, 20, 14]]}]
)
def test_an_area_that_fits_is_let_in(tmp_path, area, extra):
    """None, as rounded sides make it, or that of an outline inside the box."""
    content = copy.deepcopy(GOOD)
    content["annotations"][0] |= (area if isinstance(area, dict) else {"area": area}) | extra
    assert len(load_coco(write(tmp_path, content))[0]) == 5


def test_boxes_of_a_pixel_are_noted(tmp_path, capsys):
    """Clicks in place of boxes are named and counted."""
    load_coco(write(tmp_path, bbox(5, 5, 1, 6)))
    assert (
        "note: 1 boxes are less than 2 pixels wide or high: 11 (a.png)" in capsys.readouterr().out
    )


# patients


def test_patients_of_nih_style_names(tmp_path, capsys):
    """The name tells the patient where no key does, also with an exporter's additions to it."""
    content = copy.deepcopy(GOOD)
    names = ["00000032_037.png", "sub/9c1e-00000032_004.png", "00001335_006_png.rf.0a1b.png"]
    for image, name in zip(content["images"], names, strict=False):
        image["file_name"] = name
        image.pop("patient", None)
    path = write(tmp_path, content)
    for image in content["images"][:3]:
        Image.new("L", (image["width"], image["height"])).save(tmp_path / image["file_name"])
    boxes = load_coco(path)[0]
    assert set(zip(boxes["image"], boxes["patient"], strict=True)) == {
        (names[0], "00000032"),
        (names[1], "00000032"),
        (names[2], "00001335"),
    }
    assert not unknown_patients(boxes).any()
    assert "note: 2 patients of 3 images by their NIH-style names" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["20230115_001.png", "img_0001.png", "000000032_037.png"])
def test_other_names_tell_no_patient(tmp_path, name, capsys):
    """A date or a counter is no patient; the frame says which patients are unknown."""
    path = write(tmp_path, changed("images", 2, "file_name", to=name))
    (tmp_path / "c.png").rename(tmp_path / name)
    boxes = load_coco(path)[0]
    assert boxes.loc[unknown_patients(boxes), "image"].unique().tolist() == [name]
    assert "note" not in capsys.readouterr().out


# files


def test_two_files_of_one_name_are_refused_unless_equal(tmp_path):
    """Beside the JSON and below `images/`: which one is meant is not guessed."""
    path = write(tmp_path, GOOD)
    write(tmp_path, GOOD, images="images")
    assert load_coco(path)[1]["a.png"] == tmp_path / "a.png"
    Image.new("L", (40, 20), 9).save(tmp_path / "images" / "a.png")
    told = r"which file is meant\? Move the other elsewhere: .*/a.png and .*images/a.png differ$"
    with pytest.raises(InputError, match=told):
        load_coco(path)


def test_a_dicom_s_size_is_compared_too(tmp_path):
    """Swapped sides are said as such, in one error for all files."""
    content = changed("images", 0, "file_name", to="a.dcm")
    content["images"][2] |= {"file_name": "c.dcm", "width": 8, "height": 9}
    path = write(tmp_path, content)
    dicom(tmp_path / "a.dcm", np.zeros((40, 20), np.uint8))
    dicom(tmp_path / "c.dcm", np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError) as error:
        load_coco(path)
    assert "a.dcm has 20 x 40 pixels, its annotation says 40 x 20 pixels: swapped?" in str(
        error.value
    )
    assert "c.dcm has 8 x 8 pixels, its annotation says 8 x 9 pixels" in str(error.value)
    dicom(tmp_path / "a.dcm", np.zeros((20, 40), np.uint8))
    dicom(tmp_path / "c.dcm", np.zeros((9, 8), np.uint8))
    assert len(load_coco(path)[0]) == 5


def turned(path: Path, size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", size).save(path, exif=exif)


def test_a_picture_turned_by_exif_has_the_size_that_is_shown(tmp_path, capsys):
    """The shown size is taken, with a note; the stored one is refused: boxes may be on either."""
    path = write(tmp_path, GOOD)
    turned(tmp_path / "a.png", (20, 40), 6)
    load_coco(path)
    assert "note: 1 images are turned as EXIF says" in capsys.readouterr().out
    turned(tmp_path / "a.png", (40, 20), 6)
    with pytest.raises(InputError, match=r"shown with 20 x 40 pixels \(EXIF orientation 6\): its"):
        load_coco(path)


@pytest.fixture
def many(tmp_path, monkeypatch):
    """Thirty images of a reader, one of them empty, one a web page."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path / "home"))
    content = {
        "images": [
            {"id": k, "file_name": f"{k:02d}.png", "width": 40, "height": 40, "patient": k}
            for k in range(30)
        ],
        "annotations": [
            {"id": k, "image_id": k, "category_id": k % 2, "bbox": [4, 4, 20, 10]}
            for k in range(30)
        ],
        "categories": [{"id": 0, "name": "nodule"}, {"id": 1, "name": "mass"}],
    }
    for image in content["images"]:
        Image.new("L", (40, 40), 9 + image["id"]).save(tmp_path / image["file_name"])
    (tmp_path / "coco.json").write_text(json.dumps(content))
    (tmp_path / "03.png").write_bytes(b"")
    (tmp_path / "04.png").write_text("<html>not found</html>")
    return Prepare(dataset=str(tmp_path / "coco.json"), image_size=32)


def test_unreadable_files_are_named_together_or_left_out(many):
    """Files whose very header is bad are no other case than files that break off later."""
    reasons = r"03.png \(the file is empty\), 04.png \(not a PNG, JPEG or DICOM file\)"
    with pytest.raises(InputError, match=rf"2 of 30 images cannot be read: {reasons}; mend them"):
        sources.prepared(many)
    _, split, store = sources.prepared(many.model_copy(update={"exclude_unreadable": True}))
    assert len(store.names) == len(split) == 28
    assert [entry["name"] for entry in store.manifest["excluded"]] == ["03.png", "04.png"]


def test_a_missing_decoder_is_never_an_unreadable_file(many, tmp_path):
    """`exclude_unreadable` leaves out damaged files, not good ones that a package would read."""
    uid = pytest.importorskip("pydicom.uid").MPEG2MPML  # that no package decodes
    pixels = np.zeros((40, 40), np.uint8)
    dicom(tmp_path / "05.dcm", pixels, codestream=b"film", syntax=uid)
    path = tmp_path / "coco.json"
    path.write_text(path.read_text().replace("05.png", "05.dcm"))
    with pytest.raises(InputError, match=r"05.dcm: cannot be read as an image: pydicom has no dec"):
        sources.prepared(many.model_copy(update={"exclude_unreadable": True}))


SIDES = st.tuples(st.integers(20, 4000), st.integers(20, 4000))
FRACTIONS = st.tuples(
    *[st.floats(0, 0.45), st.floats(0, 0.45), st.floats(0.06, 0.5), st.floats(0.06, 0.5)]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(st.tuples(SIDES, FRACTIONS), min_size=2, max_size=6))
def test_boxes_written_as_coco_come_back(tmp_path, drawn):
    """Relative boxes in pixels of any image size return within float32's rounding."""
    content = {
        "images": [
            # DICOM names, so that no picture of 4000 pixels has to be written
            {"id": i, "file_name": f"{i}.dcm", "width": width, "height": height}
            for i, ((width, height), _) in enumerate(drawn)
        ],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": i % 2,
                "bbox": [x * width, y * height, w * width, h * height],
            }
            for i, ((width, height), (x, y, w, h)) in enumerate(drawn)
        ],
        "categories": [{"id": 0, "name": "even"}, {"id": 1, "name": "odd"}],
    }
    for i in range(len(drawn)):
        (tmp_path / f"{i}.dcm").touch()
    boxes, files, _ = load_coco(write(tmp_path, content))
    expected = [[x, y, x + w, y + h] for _, (x, y, w, h) in drawn]
    np.testing.assert_allclose(boxes[CORNERS], np.float32(expected), atol=1e-6)
    assert boxes["finding"].tolist() == [("even", "odd")[i % 2] for i in range(len(drawn))]
    assert boxes["image"].tolist() == list(files) == [f"{i}.dcm" for i in range(len(drawn))]
