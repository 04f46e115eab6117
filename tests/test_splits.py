"""Three protocols that keep what they say, the same parts everywhere, and their leaks counted."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clnbook.audit.leakage import leakage
from clnlib.data import nih
from clnlib.data.splits import (
    PARTS,
    PROTOCOLS,
    folds,
    make_split,
    split_sha256,
    thin_findings,
    unknown_patients,
)
from clnlib.errors import InputError

SHA256 = {
    "patient": "c8bd5bf8aa8df42e46d88c9bb68124f47ac9c949a5c60c187cd7aff6db97e01f",
    "image": "8ca8f8ae1ffca5b4a0213742ce2a6e73f4eb422bb1e9ba941e83201b949178ca",
    "box": "e54810d3ac83b3c87f3cdd3d5eca302074238e180a9444eceeb9f6299bc8adf4",
}
"""Of the package's box table with seed 0: another value means that results are not comparable."""


@pytest.fixture(scope="module")
def boxes() -> pd.DataFrame:
    return nih.load_boxes()


@pytest.fixture(scope="module")
def splits(boxes) -> dict[str, pd.DataFrame]:
    return {protocol: make_split(boxes, protocol) for protocol in PROTOCOLS}


def frame(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """A box frame of (image, patient, finding); every box is another one."""
    table = pd.DataFrame(rows, columns=["image", "patient", "finding"])
    return table.assign(x1=np.arange(len(rows)) / 1000, y1=0.25, x2=0.5, y2=0.75)


# the package's table


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_parts_have_the_papers_sizes(splits, protocol):
    """984 boxes: 80/20, then 90/10, as section 2.1 divides them."""
    sizes = splits[protocol]["part"].value_counts()
    assert [int(sizes[part]) for part in PARTS] == [708, 79, 197]


@pytest.mark.parametrize(("protocol", "kept"), [("patient", "patient"), ("image", "image")])
def test_nothing_lies_in_two_parts(splits, protocol, kept):
    """`patient` divides no patient, `image` no image."""
    assert splits[protocol].groupby(kept)["part"].nunique().max() == 1


def test_patient_divides_no_image(splits):
    """An image has one patient, so the default protocol divides no image either."""
    assert splits["patient"].groupby("image")["part"].nunique().max() == 1


def test_box_divides_images(splits):
    """What the paper's printed numbers admit does put one image into two parts."""
    assert splits["box"].groupby("image")["part"].nunique().max() > 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_findings_keep_their_shares(splits, protocol):
    """Each finding's share of each part is within 3 percentage points of its share of all."""
    split = splits[protocol]
    shares = pd.crosstab(split["finding"], split["part"], normalize="columns")
    overall = split["finding"].value_counts(normalize=True)
    assert shares.sub(overall, axis=0).abs().max().max() < 0.03
    assert thin_findings(split) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_split_is_pinned(splits, protocol):
    """The split of seed 0 is a published one."""
    assert split_sha256(splits[protocol]) == SHA256[protocol]


def test_split_in_another_process():
    """The parts depend neither on the process nor on its hash seed."""
    program = (
        "from clnlib.data import nih, splits\n"
        "boxes = nih.load_boxes()\n"
        "for protocol in splits.PROTOCOLS:\n"
        "    print(splits.split_sha256(splits.make_split(boxes, protocol)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split() == list(SHA256.values())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_of_rows_does_not_matter(boxes, splits, protocol):
    """A shuffled table gets the same parts, box by box, in its own order."""
    shuffled = boxes.sample(frac=1, random_state=3)
    split = make_split(shuffled, protocol)
    assert split.index.equals(shuffled.index)
    assert split["part"].sort_index().equals(splits[protocol]["part"])
    assert split_sha256(split) == SHA256[protocol]


def test_boxes_are_not_changed(boxes, splits):
    """A split is the table itself with one column more."""
    assert splits["patient"].drop(columns="part").equals(boxes)
    assert "part" not in boxes


def test_seeds_differ(boxes, splits):
    """Another seed is another split of the same sizes and promises."""
    other = make_split(boxes, "patient", seed=1)
    assert not other["part"].equals(splits["patient"]["part"])
    assert other.groupby("patient")["part"].nunique().max() == 1


@settings(max_examples=15)
@given(st.data())
def test_any_table_is_divided_by_patient(data):
    """Whatever the number of patients and boxes, no patient lies in two parts."""
    patients = data.draw(st.integers(30, 50))
    extra = data.draw(st.lists(st.integers(0, patients - 1), max_size=30))
    who = [*range(patients), *extra]
    split = make_split(
        frame(*((f"i{k}", f"p{p}", ("Mass", "Nodule")[k % 2]) for k, p in enumerate(who))),
        seed=data.draw(st.integers(0, 5)),
    )
    assert set(split["part"]) == set(PARTS)
    assert split.groupby("patient")["part"].nunique().max() == 1


# refusals


def test_unknown_protocol(boxes):
    """A misspelt protocol is named with the nearest."""
    with pytest.raises(InputError, match=r"protocol: 'patients' .*did you mean 'patient'"):
        make_split(boxes, "patients")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_too_few_patients(protocol):
    """Fewer groups than folds cannot be divided; the message has both numbers."""
    few = frame(*((f"i{k}", f"p{k}", "Mass") for k in range(4)))
    units = {"patient": "patients", "image": "images", "box": "boxes"}[protocol]
    with pytest.raises(InputError, match=rf"of 4 {units} 4 are left, 5 or more are needed"):
        make_split(few, protocol)


def test_too_few_patients_for_validation():
    """What is left after the test part must give a validation part; all are counted, too."""
    few = frame(*((f"i{k}", f"p{k}", "Mass") for k in range(10)))
    with pytest.raises(InputError, match=r"of 10 patients 8 are left, 10 or more are needed"):
        make_split(few)
    nameless = few.assign(patient=few["image"])
    with pytest.raises(InputError, match=r"of 10 images \(patients unknown\) 8 are left, 10 or"):
        make_split(nameless)


def test_few_boxes_of_every_finding_are_split_all_the_same():
    """Where no finding reaches every fold, patients are still kept apart and parts are filled."""
    few = frame(*((f"i{k}", f"p{k // 2}", f"finding {k % 6}") for k in range(30)))
    split = make_split(few)
    assert set(split["part"]) == {"train", "validation", "test"}
    assert (split.groupby("patient")["part"].nunique() == 1).all()


# folds


def test_folds():
    """Sorted rows of whole groups, a share of each label, every row in one fold."""
    labels = np.repeat(["a", "b"], 50)
    groups = np.arange(100) // 2
    parted = folds(labels, groups, 5, seed=0)
    for rows in parted:
        assert (np.diff(rows) > 0).all()
        assert set(groups[rows]).isdisjoint(np.delete(groups, rows))
        assert pd.Series(labels[rows]).value_counts().to_dict() == {"a": 10, "b": 10}
    assert sorted(np.concatenate(parted)) == list(range(100))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_box_is_tested_once(protocol):
    """Over the five folds each of the 984 boxes is in one test part; the first is the split."""
    boxes = nih.load_boxes()
    parts = [make_split(boxes, protocol, fold=fold)["part"] for fold in range(5)]
    assert (sum((part == "test").astype(int) for part in parts) == 1).all()
    assert parts[0].equals(make_split(boxes, protocol)["part"])
    for part in parts:
        assert set(part) == set(PARTS)
        if protocol == "patient":
            assert (part == "test").groupby(boxes["patient"]).nunique().eq(1).all()


# reports


def test_thin_findings():
    """A finding without a box in some part is named with the parts it misses."""
    split = frame(*((f"i{k}", "p", finding) for k, finding in enumerate("aaabbc"))).assign(
        part=["train", "validation", "test", "train", "train", "test"]
    )
    assert thin_findings(split) == ["b: none in validation, test", "c: none in train, validation"]


def test_leakage():
    """Six boxes by hand: what validation and test share with training.

    Training has image i1 (patient p1) twice and i2 (p2). Validation has i3 (p2: a patient seen,
    not an image) and i4 (p3: nothing seen). Test has i1 (p1): image and patient seen.
    """
    split = frame(
        ("i1", "p1", "Mass"),
        ("i1", "p1", "Nodule"),
        ("i2", "p2", "Mass"),
        ("i3", "p2", "Mass"),
        ("i4", "p3", "Mass"),
        ("i1", "p1", "Effusion"),
    ).assign(part=["train", "train", "train", "validation", "validation", "test"])
    counts = leakage(split)
    assert counts.loc["validation"].to_dict() == {
        "boxes": 2,
        "images": 2,
        "patients": 2,
        "images_shared": 0,
        "patients_shared": 1,
        "boxes_on_shared_images": 0,
        "boxes_of_shared_patients": 1,
    }
    assert counts.loc["test"].to_dict() == {
        "boxes": 1,
        "images": 1,
        "patients": 1,
        "images_shared": 1,
        "patients_shared": 1,
        "boxes_on_shared_images": 1,
        "boxes_of_shared_patients": 1,
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unknown_patients_are_never_counted_as_none_shared(protocol, capsys):
    """Where one patient is unknown, so is the leak; the split says so, images are still counted."""
    rows = [(f"i{k}", f"i{k}" if k < 3 else f"p{k}", "Mass") for k in range(40)]
    split = make_split(frame(*rows), protocol)
    told = capsys.readouterr().out
    assert "note: patients unknown: 3 of 40 images name none" in told
    counts = leakage(split)
    assert counts.loc["test", "images_shared"] == 0
    for column in ("patients", "patients_shared", "boxes_of_shared_patients"):
        assert counts[column].tolist() == ["unknown", "unknown"]
    assert unknown_patients(split).sum() == 3
    make_split(frame(*rows[3:]), protocol)
    assert "unknown" not in capsys.readouterr().out


def test_leakage_of_the_protocols(splits):
    """`patient` leaks nothing, `image` patients only, `box` both."""
    shared = {p: leakage(splits[p])[["images_shared", "patients_shared"]] for p in PROTOCOLS}
    assert (shared["patient"] == 0).all().all()
    assert (shared["image"]["images_shared"] == 0).all()
    assert (shared["image"]["patients_shared"] > 0).all()
    assert (shared["box"] > 0).all().all()


def test_split_sha256_names_the_split(splits):
    """One box in another part is another split; the order of rows is none of its business."""
    split = splits["patient"]
    moved = split.assign(part=split["part"].mask(split.index == 0, "test"))
    assert split.at[0, "part"] != "test"
    assert split_sha256(moved) != SHA256["patient"]
    assert split_sha256(split.iloc[::-1]) == SHA256["patient"]
