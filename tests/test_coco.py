"""A COCO file of the reader's own becomes the box frame, or is refused by annotation."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from clnlib.data import nih
from clnlib.data.coco import CORNERS, load_coco
from clnlib.errors import InputError

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
        r"annotation 11, category_id: 3 is not one of 2, 5, 9",
    ),
    "crowd": (changed("annotations", 0, "iscrowd", to=1), r"annotation 11, iscrowd 1: must be 0"),
    "repeated": (
        changed("annotations", 3, "bbox", to=[0, 0, 5, 5]),
        r"annotation 14: repeats an earlier annotation",
    ),
    "NaN": (bbox(float("nan"), 0, 5, 5), r"annotation 11, bbox \[nan, .*must be four numbers"),
    "infinite": (bbox(0, 0, float("inf"), 5), r"annotation 11, bbox .*must be four numbers"),
    "negative width": (bbox(5, 5, -2, 5), r"bbox \[5.0, 5.0, -2.0, 5.0\]: width and height must"),
    "no height": (bbox(5, 5, 2, 0), r"annotation 11, bbox .*width and height must be more than 0"),
    "thinner than float32": (bbox(5, 5, 1e-9, 5), r"annotation 11: its box is empty inside"),
    "beyond the edge": (bbox(40.5, 5, 0.4, 5), r"annotation 11: its box is empty inside the image"),
    "too wide": (bbox(30, 5, 11.5, 5), r"annotation 11, bbox .*leaves its image of 40 x 20 pixels"),
    "too low": (bbox(30, 15, 5, 6.5), r"annotation 11, bbox .*leaves its image of 40 x 20 pixels"),
    "too far left": (bbox(-1.5, 5, 5, 5), r"annotation 11, bbox .*leaves its image of 40 x 20"),
    "no boxes": (changed("annotations", to=[]), r"no annotations; boxes of at least 2 categories"),
    "one category": (
        {**GOOD, "annotations": GOOD["annotations"][:1]},
        r"boxes of one category, 'nodule'; boxes of at least 2 categories are needed",
    ),
    "wrong size": (
        changed("images", 2, "width", to=9),
        r"c.png has 8 x 8 pixels, the JSON says 9 x 8 pixels",
    ),
    "missing files": (
        changed("images", 2, "file_name", to="d.png"),
        r"1 of 3 image files are missing: d.png; looked in .* and .*images",
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
    with pytest.raises(InputError, match=r"annotation 0, .*annotation 9, [^;]*; and 3 more$"):
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


def test_a_file_that_is_no_image_is_refused_and_dicom_is_left_to_the_store(tmp_path):
    """Only the header is read; DICOM is told by its content or its name."""
    path = write(tmp_path, GOOD)
    (tmp_path / "c.png").write_bytes(bytes(128) + b"DICM")
    assert "c.png" in load_coco(path)[1]
    (tmp_path / "c.png").write_text("no image")
    with pytest.raises(InputError, match=r"c.png: cannot be read as an image"):
        load_coco(path)


SIDES = st.tuples(st.integers(20, 4000), st.integers(20, 4000))
FRACTIONS = st.tuples(
    *[st.floats(0, 0.45), st.floats(0, 0.45), st.floats(0.01, 0.5), st.floats(0.01, 0.5)]
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
