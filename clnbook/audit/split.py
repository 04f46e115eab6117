"""Claims on the split, on leakage and on other box tables (sections 2.1, 2.2.1, 3 and 4)."""

from clnbook import published
from clnbook.audit import leakage, testsets
from clnbook.audit.dataset import counts
from clnbook.audit.printed import Printed
from clnbook.audit.verdicts import (
    NEEDS_DATA,
    NOT_CHECKABLE,
    QUALIFIED,
    REPRODUCED,
    WORDING,
    Answer,
    agree,
)
from clnlib.data import nih
from clnlib.findings import BOXED

BOX_SETS = {
    # RSNA Pneumonia Detection Challenge (2018): Shih et al., Radiology: AI 1 (2019) e180041
    "RSNA Pneumonia (2018)": {"Pneumonia"},
    # VinDr-CXR (2020): Nguyen et al., Scientific Data 9 (2022) 429; nodule and mass as one class
    "VinDr-CXR (2020)": {
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule",
        "Pneumothorax",
    },
    # Deepwise AI Lab, ChestX-Det10-Dataset: boxes of 10 classes on 3,543 images of ChestX-ray14
    "ChestX-Det10 (2020)": {"Atelectasis", "Effusion", "Mass", "Nodule", "Pneumothorax"},
}  # fmt: skip
"""Published chest X-ray boxes of before 2025, by the paper's findings they cover.

Looked up on 27 November 2026. Ouyang et al., a compared method, have published 6,099 more boxes on
2,345 images of CheXpert (repository oyxhust/HAM), whose findings we have not read.
"""

FROM_CELLS = "From the accuracies k / n of Table 1 (clnbook.audit.testsets.totals)."


def parts(number: int) -> tuple[int, int, int]:
    """Training, validation and test sizes under section 2.1's shares: 80/20, then 90/10."""
    test = round(number / 5)
    validation = round((number - test) / 10)
    return number - test - validation, validation, test


def validation_share(_: Printed) -> Answer:
    """The sizes that the shares give, by image and by box."""
    images, boxes = (
        " + ".join(map(str, parts(number))) for number in (counts().boxed, counts().boxes)
    )
    return Answer(f"{images} images or {boxes} boxes", NOT_CHECKABLE, "No size is printed.")


def fifth_is_of_images(_: Printed) -> Answer:
    """Whether images were split, which cells leave open: they can carry a fifth of the boxes."""
    note = (
        f"{FROM_CELLS} {testsets.IMAGES} images can carry {testsets.BOXES} boxes: whether images "
        "or boxes were split is open."
    )
    return Answer(_fits(), NOT_CHECKABLE, note)


def _fits() -> str:
    """Variants whose legible cells admit a fifth of the images, and of the boxes, in all."""
    table = testsets.totals()
    images, boxes = int(table["admits_176"].sum()), int(table["admits_197"].sum())
    return (
        f"{testsets.IMAGES} images fit {images} of {len(table)} variants, "
        f"{testsets.BOXES} boxes fit {boxes}"
    )


def stratified(_: Printed) -> Answer:
    """Images whose stratum one finding does not name."""
    c = counts()
    note = "Strata by image, by first finding or by box are all possible; no split is published."
    return Answer(f"{c.multi_box} images lie in several strata", NOT_CHECKABLE, note)


def no_leak(_: Printed) -> Answer:
    """Boxed images whose patient has another boxed image."""
    c, patients = counts(), leakage.official()["patients_in_train_val"]
    note = (
        f"Between the stages {patients} boxed patients have an image in NIH's training list. "
        "Within the 880 images it depends on a split by patient (clnbook.audit.leakage)."
    )
    recomputed = (
        f"{c.boxed_with_sibling} of {c.boxed} boxed images share their patient with another"
    )
    return Answer(recomputed, NOT_CHECKABLE, note)


def official_lists(_: Printed) -> Answer:
    """Where the boxed images lie in NIH's lists: all in the test list, none in the other."""
    found = leakage.official()
    recomputed = (
        f"{found['in_test']} of {found['images']} boxed images in the test list, "
        f"{found['in_train_val']} and {found['patients_in_train_val']} of their patients in the "
        "other"
    )
    apart = found["in_test"] == found["images"] and found["in_train_val"] == 0
    note = (
        "Counted by scripts/count_official_lists.py from NIH's lists, which are not part of the "
        "package. That the networks were trained by these lists is the paper's word."
    )
    return Answer(recomputed, agree(apart), note)


def resolution(_: Printed) -> Answer:
    """The frame of the boxes; the images themselves are the reader's."""
    return Answer(f"boxes lie in {nih.FRAME:g} × {nih.FRAME:g}", NEEDS_DATA, "", "prepare")


def official_parts(_: Printed) -> Answer:
    """NIH's lists: `train_val_list.txt` and `test_list.txt`."""
    lists = published.official_lists()["images"]
    parts = "_".join(name.removesuffix("_list.txt") for name in lists.index).split("_")
    named = " and ".join(f"{name} ({number:,})" for name, number in lists.items())
    note = "The first list holds training and validation together; how it was divided is not told."
    return Answer(f"{len(lists)} lists: {named}", agree(len(parts) == 3), note)


def full_set(_: Printed) -> Answer:
    """Section 2.1 against section 2.2.1."""
    note = "Section 2.1 says so; full may also mean with all 14 pathologies."
    return Answer("official training and validation sets, by section 2.1", QUALIFIED, note)


def other_boxes(_: Printed) -> Answer:
    """The findings that two public box tables of 2018 and 2020 cover."""
    covered = set().union(*BOX_SETS.values()) & set(BOXED)
    sets = ", ".join(f"{name}: {len(findings)}" for name, findings in BOX_SETS.items())
    note = (
        "Said to the best of the authors' knowledge; no one set covers all eight, which may be "
        "meant. VinDr-CXR has other images, nodule and mass as one class; RSNA and ChestX-Det10 "
        "boxed radiographs of ChestX-ray14 again."
    )
    verdict = WORDING if covered else REPRODUCED
    return Answer(f"{sets}; together {len(covered)} of 8", verdict, note)


def one_subset(_: Printed) -> Answer:
    """Findings with a number of test boxes that the legible cells of all variants admit."""
    common = testsets.common()
    sizes = common["sizes"].map(len)
    note = (
        "Grouped by predicted finding, one test set is possible if nearly all findings are "
        "predicted right; by true finding each variant would need its own, which can be drawn "
        "innocently (clnbook.audit.explanations). The text names neither."
    )
    recomputed = (
        f"by true finding one number of boxes fits all variants in {int((sizes > 0).sum())} of 8 "
        f"findings; the nearest leave {common['misread'].sum()} of {common['cells'].sum()} cells "
        "unexplained"
    )
    verdict = REPRODUCED if (sizes > 0).all() else NOT_CHECKABLE
    return Answer(recomputed, verdict, note)
