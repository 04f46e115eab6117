"""NIH's tables are complete and true, and tables that are not are refused by line."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clnlib.data import nih
from clnlib.errors import InputError
from clnlib.findings import BOXED, LABELLED

BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
LABEL_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
LABEL_ROW = "00000003_001.png,Hernia,0,3,74,F,PA,2500,2048,0.168,0.168"


@pytest.fixture(scope="module")
def boxes() -> pd.DataFrame:
    return nih.load_boxes()


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    return nih.load_labels()


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


# the package's tables


def test_boxes_have_the_published_counts(boxes):
    """984 boxes of 880 images and 726 patients, as published per finding; 93 images with 2-4."""
    assert len(boxes) == 984
    assert boxes["image"].nunique() == 880
    assert boxes["patient"].nunique() == 726
    counts = boxes["finding"].value_counts()
    assert [int(counts[finding]) for finding in BOXED] == [180, 146, 153, 123, 85, 79, 120, 98]
    per_image = boxes["image"].value_counts()
    assert per_image.value_counts().to_dict() == {1: 787, 2: 83, 3: 9, 4: 1}


def test_boxes_have_the_stated_shape(boxes):
    """Columns, dtypes, order and range are those of the docstring."""
    assert list(boxes.columns) == nih.BOX_COLUMNS
    assert boxes.dtypes.astype(str).tolist() == ["str"] * 3 + ["float32"] * 4
    assert boxes.equals(boxes.sort_values(["image", "finding"], ignore_index=True))
    assert (boxes["x1"] >= 0).all() and (boxes["y1"] >= 0).all()
    assert (boxes["x2"] <= 1).all() and (boxes["y2"] <= 1).all()
    assert (boxes["x2"] > boxes["x1"]).all() and (boxes["y2"] > boxes["y1"]).all()


def test_a_box_worked_by_hand(boxes):
    """The published row 225.08, 547.02, 86.78, 79.19 of 00013118_008 becomes corners over 1024."""
    row = boxes[boxes["image"] == "00013118_008.png"].iloc[0]
    assert (row["patient"], row["finding"]) == ("00013118", "Atelectasis")
    corners = [row[corner] for corner in ("x1", "y1", "x2", "y2")]
    # 225.084745762712 / 1024, ..., (225.084745762712 + 86.7796610169491) / 1024, ...
    np.testing.assert_allclose(corners, [0.2198093, 0.5341985, 0.3045550, 0.6115290], atol=1e-6)


def test_labels_have_the_published_counts(labels):
    """112,120 images of 30,805 patients; 60,361 without a finding; the 14 names and no others."""
    assert len(labels) == labels["image"].nunique() == 112_120
    assert labels["patient"].nunique() == 30_805
    assert int((labels["findings"] == "").sum()) == 60_361
    names = labels["findings"].str.split("|").explode().value_counts()
    assert set(names.index) == {*LABELLED, ""}
    assert (int(names["Infiltration"]), int(names["Hernia"])) == (19_894, 227)


def test_a_label_row_as_published(labels):
    """The second row of NIH's table: patient 1, first follow-up, two findings, PA, 58, male."""
    assert labels.iloc[1].tolist() == [
        "00000001_001.png", "00000001", 1, "Cardiomegaly|Emphysema", "PA", 58, "M",
    ]  # fmt: skip
    assert list(labels.columns) == nih.LABEL_COLUMNS
    kinds = ["str", "str", "int64", "str", "str", "int64", "str"]
    assert labels.dtypes.astype(str).tolist() == kinds


def test_every_boxed_finding_is_also_a_label(boxes, labels):
    """The two tables agree: each boxed finding is among its image's labels."""
    found = labels.set_index("image")["findings"].loc[boxes["image"]]
    pairs = zip(boxes["finding"], found, strict=True)
    assert all(finding in labelled.split("|") for finding, labelled in pairs)


def test_package_tables_equal_nih_s_own(boxes, labels):
    """Read from NIH's original files, both tables are the same."""
    folder = Path(os.environ.get("CLN_NIH_DIR", "")) / "tables"
    own = [folder / "BBox_List_2017.csv.gz", folder / "Data_Entry_2017_v2020.csv.gz"]
    if not all(path.exists() for path in own):
        pytest.skip("CLN_NIH_DIR has no tables/")
    assert nih.load_boxes(own[0]).equals(boxes)
    assert nih.load_labels(own[1]).equals(labels)


# a reader's own box table


@pytest.mark.parametrize(
    "header",
    [
        BOX_HEADER,
        "\ufeffImage Index,Finding Label,Bbox [x,y,w,h]",
        'Image Index,Finding Label,"Bbox [x, y, w, h]"',
        "image,finding,x,y,w,h",
        "Image Index,Finding Label,Bbox_x,Bbox_y,Bbox_w,Bbox_h",
    ],
)
def test_every_spelling_of_the_box_header_is_read(tmp_path, header):
    """NIH's split header, its quoted form and plain names give the same box."""
    path = write(tmp_path / "b.csv", header, "00000003_001.png,infiltrate,256,512,128.5,64", "")
    expected = ["00000003_001.png", "00000003", "Infiltration", 0.25, 0.5, 0.37548828125, 0.5625]
    assert nih.load_boxes(path).values.tolist() == [expected]


def test_columns_are_found_by_name_and_gzip_is_read(tmp_path):
    """The order of the columns, more columns and blank lines do not matter."""
    path = tmp_path / "b.csv.gz"
    text = "note,h,w,y,x,finding,image\n\n?,64,128,512,256,Mass,00000003_001.png\n,,,,,,\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert nih.load_boxes(path).iloc[0, 3:].tolist() == [0.25, 0.5, 0.375, 0.5625]


def test_a_box_one_rounded_pixel_too_wide_is_clipped(tmp_path):
    """x + w of 1025 comes from rounding both: the box ends at the edge."""
    path = write(tmp_path / "b.csv", BOX_HEADER, "00000003_001.png,Mass,1000,1000,25,24")
    assert nih.load_boxes(path)[["x2", "y2"]].values.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0003_1.png,Mass,1,1,9,9", r"line 2, image '0003_1.png': must look like 00000032_037"),
        ("00000003_001,Mass,1,1,9,9", r"line 2, image '00000003_001': must look like"),
        ("00000003_001.png,Noddule,1,1,9,9", r"line 2, finding: 'Noddule' .* mean 'Nodule'"),
        ("00000003_001.png,Hernia,1,1,9,9", r"'Hernia' is not one of Atelectasis, .*Pneumothorax"),
        ("00000003_001.png,Mass,nan,1,9,9", r"line 2, x 'nan': must be a number"),
        ("00000003_001.png,Mass,1,,9,9", r"line 2, y '': must be a number"),
        ("00000003_001.png,Mass,1,1,inf,9", r"line 2, w 'inf': must be a number"),
        ("00000003_001.png,Mass,1,1,9", r"line 2, h '': must be a number"),
        ("00000003_001.png,Mass,-1,1,9,9", r"line 2, x '-1': must be 0 or more"),
        ("00000003_001.png,Mass,1,1,-9,9", r"line 2, w '-9': must be more than 0"),
        ("00000003_001.png,Mass,1,1,9,0", r"line 2, h '0': must be more than 0"),
        ("00000003_001.png,Mass,1,1,1e-9,9", r"line 2, w '1e-9': must be more than 0"),
        ("00000003_001.png,Mass,1,1024,9,1", r"line 2, h '1': must be more than 0, inside"),
        ("00000003_001.png,Mass,1020,1,5.5,9", r"line 2, w '5.5': x \+ w must be at most 1024"),
        ("00000003_001.png,Mass,1,900,9,200", r"line 2, h '200': y \+ h must be at most 1024"),
    ],
)
def test_a_bad_box_is_refused_by_line_column_and_value(tmp_path, row, message):
    """A box that cannot be one is named with what is allowed, and nothing else is blamed."""
    path = write(tmp_path / "b.csv", BOX_HEADER, row)
    with pytest.raises(InputError, match=rf"b\.csv: .*{message}") as error:
        nih.load_boxes(path)
    assert "\n" not in str(error.value)
    assert str(error.value).count("line ") == 1


def test_the_same_image_and_finding_twice_is_refused(tmp_path):
    """Two spellings of one finding are one finding: one box per image and finding."""
    rows = [f"00000003_001.png,{name},1,1,9,9" for name in ("Infiltrate", "Mass", "Infiltration")]
    with pytest.raises(InputError, match=r"line 4, image '00000003_001.png': an earlier row has"):
        nih.load_boxes(write(tmp_path / "b.csv", BOX_HEADER, *rows))


def test_ten_bad_rows_are_listed_and_the_rest_counted(tmp_path):
    """One error for a whole bad file, in the order of its lines."""
    rows = [f"00000003_{number:03d}.png,Mass,1,1,0,9" for number in range(13)]
    with pytest.raises(InputError, match=r"line 2, .*; line 11, w '0': [^;]*; and 3 more$"):
        nih.load_boxes(write(tmp_path / "b.csv", BOX_HEADER, *rows))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["image;finding;x;y;w;h"], r"no column for image, .*has image;finding;x;y;w;h; expected"),
        (["image,finding,x,y,w"], r"no column for h; the header has image, finding, x, y, w; exp"),
        ([""], r"the header has nothing; expected image, finding, x, y, w, h or the header of NIH"),
        ([BOX_HEADER, ""], r"a header but no rows"),
    ],
)
def test_a_wrong_header_lists_what_is_there_and_what_is_expected(tmp_path, lines, message):
    """A file that is no box table is refused before its rows are judged."""
    with pytest.raises(InputError, match=message):
        nih.load_boxes(write(tmp_path / "b.csv", *lines))


def test_a_file_that_is_no_table_is_refused(tmp_path):
    """Missing, not gzip, cut short, or not text: one InputError that names the file."""
    text = tmp_path / "text.csv.gz"
    text.write_bytes(b"image,finding")
    short = tmp_path / "short.csv.gz"
    short.write_bytes(gzip.compress(b"image,finding" * 99)[:20])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\x89PNG\xff\xfe")
    for path in (tmp_path / "none.csv", text, short, binary, tmp_path):
        with pytest.raises(InputError, match=f"{path.name}: cannot be read as a .csv"):
            nih.load_boxes(path)


# a reader's own label table


def test_both_published_label_headers_are_read(tmp_path):
    """The older file has ages like 058Y and a trailing comma; some copies say Patient Sex."""
    old = write(
        tmp_path / "old.csv",
        LABEL_HEADER.replace("Gender", "Sex") + ",",
        "00000013_000.png,Infiltration|pleural thickening,1,13,058Y,M,AP,2500,2048,0.1,0.1,",
        "00000003_001.png,No Finding,0,3,013M,F,PA,2500,2048,0.168,0.168,",
        "00000003_002.png,Mass,1,00000003,020D,F,PA,2500,2048,0.168,0.168,",
    )
    assert nih.load_labels(old).values.tolist() == [
        ["00000003_001.png", "00000003", 0, "", "PA", 1, "F"],
        ["00000003_002.png", "00000003", 1, "Mass", "PA", 0, "F"],
        ["00000013_000.png", "00000013", 1, "Infiltration|Pleural_Thickening", "AP", 58, "M"],
    ]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("00000003_001.png", "3_1.png", r"image '3_1.png': must look like"),
        ("Hernia", "Hernya", r"finding: 'Hernya' is not one of .*; did you mean 'Hernia'"),
        ("Hernia", "No Finding|Mass", r"finding: 'No Finding' is not one of"),
        ("Hernia", "", r"finding: '' is not one of"),
        (",0,3,", ",x,3,", r"follow_up 'x': must be 0, 1, 2"),
        (",3,", ",4,", r"patient '4': not that of the image name"),
        ("74", "74W", r"age '74W': must be years as in 58 or 058Y"),
        (",F,", ",X,", r"sex 'X': must be M or F"),
        ("PA", "LL", r"view 'LL': must be PA or AP"),
    ],
)
def test_a_bad_label_row_is_refused_by_line_column_and_value(tmp_path, good, bad, message):
    """Each column of the label table is held to what NIH publishes."""
    path = write(tmp_path / "l.csv", LABEL_HEADER, LABEL_ROW.replace(good, bad, 1))
    with pytest.raises(InputError, match=rf"l\.csv: line 2, .*{message}"):
        nih.load_labels(path)


def test_an_image_labelled_twice_is_refused(tmp_path):
    """One row per image, or a merge on the name would multiply boxes."""
    path = write(tmp_path / "l.csv", LABEL_HEADER, LABEL_ROW, LABEL_ROW)
    with pytest.raises(InputError, match=r"line 3, image '00000003_001.png': an earlier row"):
        nih.load_labels(path)


# the official lists


@pytest.mark.parametrize("place", ["", "tables", "lists"])
def test_official_lists_are_found_at_the_top_or_one_folder_down(tmp_path, place):
    """The last line may lack its newline, as in NIH's files."""
    write(tmp_path / place / "train_val_list.txt", "00000002_000.png", "00000001_000.png")
    write(tmp_path / place / "test_list.txt", "00000003_000.png", "")
    split = nih.load_official_split(tmp_path)
    assert list(split.columns) == ["image", "part"]
    assert split.values.tolist() == [
        ["00000001_000.png", "train_val"],
        ["00000002_000.png", "train_val"],
        ["00000003_000.png", "test"],
    ]


def test_cln_nih_dir_is_the_default_folder(tmp_path, monkeypatch):
    """Without a folder, lists and images come from CLN_NIH_DIR."""
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path))
    write(tmp_path / "train_val_list.txt", "00000001_000.png")
    write(tmp_path / "test_list.txt", "00000003_000.png")
    image = write(tmp_path / "00000001_000.png")
    assert len(nih.load_official_split()) == 2
    assert nih.find_images() == {"00000001_000": image.resolve()}


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("00000001_000.png", None, r"test_list.txt: no such file, .*beside the images folder"),
        ("00000001_000.png", "00000001_000.png", r"listed twice in .*: 00000001_000.png"),
        ("00000001_000.png", "<html>", r"test_list.txt: '<html>'; each line must look like"),
        ("", "00000001_000.png", r"train_val_list.txt: nothing; each line must look like"),
    ],
)
def test_a_bad_official_list_is_refused(tmp_path, train, test, message):
    """A missing, empty or foreign list, or an image in both, stops the split."""
    write(tmp_path / "train_val_list.txt", train)
    if test is not None:
        write(tmp_path / "test_list.txt", test)
    with pytest.raises(InputError, match=message):
        nih.load_official_split(tmp_path)


# images on disk


def test_images_are_found_in_any_layout(tmp_path):
    """NIH's folders, a flat folder, other suffixes and cases; other files are left alone."""
    wanted = [
        tmp_path / "images_001" / "images" / "00000001_000.png",
        tmp_path / "images" / "00000001_001.JPG",
        tmp_path / "00000002_000.jpeg",
    ]
    others = ["Thumbs.db", "00000003_000.txt", "._00000004_000.png", "00000005_0.png", "x.png"]
    for path in [*wanted, *(tmp_path / name for name in others)]:
        write(path, "x")
    found = nih.find_images(tmp_path)
    assert found == {path.stem: path for path in wanted}
    assert list(found) == ["00000001_000", "00000001_001", "00000002_000"]


def test_several_files_of_one_name_are_refused_unless_equal(tmp_path):
    """A mask or a copy with the box drawn in is never taken for the image; true copies are one."""
    first = write(tmp_path / "c" / "00000002_000.png", "equal")
    write(tmp_path / "d" / "00000002_000.png", "equal")
    assert nih.find_images(tmp_path) == {"00000002_000": first}
    write(tmp_path / "images" / "00000001_000.png", "image")
    write(tmp_path / "masks" / "00000001_000.jpg", "its mask, larger")
    write(tmp_path / "z" / "00000001_000.png", "other")
    with pytest.raises(InputError) as error:
        nih.find_images(tmp_path)
    told = str(error.value)
    assert told.startswith(f"{tmp_path}: which file is the radiograph? Move the other elsewhere: ")
    for other in ("masks/00000001_000.jpg", "z/00000001_000.png"):
        assert f"{Path('images', '00000001_000.png')} and {tmp_path / other} differ" in told
    assert "00000002_000" not in told and "\n" not in told


def test_a_link_to_nowhere_is_no_second_file(tmp_path):
    """A link whose disk is not there leaves the file that is there alone."""
    image = write(tmp_path / "b" / "00000001_000.png", "x")
    (tmp_path / "a").mkdir()
    try:
        (tmp_path / "a" / image.name).symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("no links on this system")
    assert nih.find_images(tmp_path) == {"00000001_000": image}


def test_links_are_followed_but_not_round_in_circles(tmp_path):
    """Images on another disk are often linked in; a link to a folder above must end."""
    image = write(tmp_path / "disk" / "00000001_000.png", "x")
    folder = tmp_path / "nih"
    folder.mkdir()
    try:
        (folder / "images").symlink_to(image.parent)
        (image.parent / "back").symlink_to(folder)
    except OSError:
        pytest.skip("no links on this system")
    assert nih.find_images(folder) == {"00000001_000": folder / "images" / image.name}


def test_a_folder_without_images_is_refused(tmp_path):
    """No image or no folder: the error says what was looked for, and where."""
    with pytest.raises(InputError, match=r"no file named like 00000032_037.png, .jpg or .jpeg in"):
        nih.find_images(tmp_path)
    with pytest.raises(InputError, match=r"absent: No such file"):
        nih.find_images(tmp_path / "absent")
