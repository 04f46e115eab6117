"""What the paper says of the split, of leakage and of other box tables (sections 2.1, 2.2.1, 4)."""

from clnbook.audit.claims.dataset import counts
from clnbook.audit.claims.ledger import (
    DATA,
    DIFFERS,
    NEEDS_DATA,
    NOT_CHECKABLE,
    REPRODUCED,
    TEXT,
    Answer,
    claim,
    said,
)
from clnbook.audit.claims.printed import Printed
from clnlib.data import nih
from clnlib.findings import BOXED


@claim(
    DATA,
    said("2.1", "stratified", "Random stratified sampling was used to split the subset",
         "The 880 images were split within strata."),
)  # fmt: skip
def stratified(_: Printed) -> Answer:
    """Images whose stratum one finding does not name."""
    c = counts()
    note = "Strata by image, by first finding or by box are all possible; no split is published."
    return Answer(f"{c.multi_box} images lie in several strata", NOT_CHECKABLE, note)


@claim(
    DATA,
    said("2.1", "no-leak", "thus there is no danger of data leakage and overfitting",
         "Separate images for the two stages exclude leakage."),
)  # fmt: skip
def no_leak(_: Printed) -> Answer:
    """Boxed images whose patient has another boxed image."""
    c = counts()
    note = (
        "True between the stages if patients are separate too; within the 880 images it depends "
        "on a split by patient (clnbook.audit.leakage)."
    )
    found = f"{c.boxed_with_sibling} of {c.boxed} boxed images share their patient with another"
    return Answer(found, NOT_CHECKABLE, note)


@claim(
    "NIH's lists",
    said("2.1", "boxed-in-test", "880 bounding-box annotated images belonging to the test set",
         "All boxed images are in NIH's test list.", "880"),
    said("2.1", "stages-apart", "there was no overlap between the images used to fine-tune",
         "No image is in both stages.", "0"),
    said("2.2.1", "boxed-not-in-training", "annotated images were not included in the training and "
         "validation sets", "No boxed image is in stage 1's training.", "0"),
)  # fmt: skip
def needs_lists(_: Printed) -> Answer:
    """Statements on NIH's lists, which `nih.load_official_split` reads where they are."""
    note = "NIH's two lists do not ship with the package; CLN_NIH_DIR names their folder."
    return Answer("", NEEDS_DATA, note, "prepare")


@claim(
    "NIH's images",
    said("2.1", "resolution", "Images are in PNG format with a resolution of",
         "All images have 1024 x 1024 pixels.", "1024 × 1024"),
)  # fmt: skip
def resolution(_: Printed) -> Answer:
    """The frame of the boxes; the images themselves are the reader's."""
    return Answer(f"boxes lie in {nih.FRAME:g} × {nih.FRAME:g}", NEEDS_DATA, "", "prepare")


@claim(
    "outside the paper: NIH's file names",
    said("2.1", "three-parts", "comes with an official training/validation/test split",
         "NIH's split has three parts.", "3"),
)  # fmt: skip
def official_parts(_: Printed) -> Answer:
    """NIH's lists: `train_val_list.txt` and `test_list.txt`."""
    note = "A validation part can be cut from the first list; how is not described."
    return Answer("2 lists: train_val and test", DIFFERS, note)


@claim(
    TEXT,
    said("2.2.1", "full-set", "by training it using the full NIH CXR data set",
         "Stage 1 uses the full data set.", "full"),
)  # fmt: skip
def full_set(_: Printed) -> Answer:
    """Section 2.1 against section 2.2.1."""
    note = "Full may mean with all 14 pathologies rather than with all images."
    return Answer("official training and validation sets, by section 2.1", DIFFERS, note)


@claim(
    TEXT,
    said("2.1", "radiologists", "images that were hand-annotated by board-certified radiologists",
         "Radiologists drew the boxes."),
)  # fmt: skip
def radiologists(_: Printed) -> Answer:
    """Who drew the boxes is told by the data set's own paper only."""
    note = "How many radiologists drew boxes is not in the tables; Wang et al. (2017) tell."
    return Answer("", NOT_CHECKABLE, note)


BOX_SETS = {
    # RSNA Pneumonia Detection Challenge (2018): Shih et al., Radiology: AI 1 (2019) e180041
    "RSNA Pneumonia (2018)": {"Pneumonia"},
    # VinDr-CXR (2020): Nguyen et al., Scientific Data 9 (2022) 429; nodule and mass as one class
    "VinDr-CXR (2020)": {
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule",
        "Pneumothorax",
    },
}  # fmt: skip
"""Published chest X-ray boxes of before 2025, by the paper's findings they cover."""


@claim(
    "outside the paper: Shih et al. (2019), Nguyen et al. (2022)",
    said("4", "no-other-boxes", "there is no other CXR data set that contains bounding box",
         "No other data set has boxes of these pathologies.", "0"),
    said("4", "no-cross-evaluation", "thus a cross-dataset evaluation is not possible",
         "CLN cannot be evaluated on another data set's boxes.", "0"),
)  # fmt: skip
def other_boxes(_: Printed) -> Answer:
    """The findings that two public box tables of 2018 and 2020 cover."""
    covered = set().union(*BOX_SETS.values()) & set(BOXED)
    sets = " and ".join(f"{name}: {len(found)}" for name, found in BOX_SETS.items())
    note = (
        "Said to the best of the authors' knowledge; no one set covers all eight, which may be "
        "meant. VinDr-CXR has nodule and mass as one class, RSNA boxes opacities on radiographs "
        "of ChestX-ray14."
    )
    verdict = DIFFERS if covered else REPRODUCED
    return Answer(f"{sets}; together {len(covered)} of 8", verdict, note)
