"""What the paper says of ChestX-ray14, its boxes and its split (sections 1, 2.1 and 2.2)."""

from functools import cache
from typing import NamedTuple

import pandas as pd

from clnbook.audit.claims.ledger import (
    DATA,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import Printed
from clnlib.data import nih


class Counts(NamedTuple):
    """Counts of the two tables that ship with the package, in images unless named otherwise."""

    images: int
    patients: int
    png: int
    unlabelled: int
    multi_label: int
    labels: int
    label_names: frozenset[str]
    boxes: int
    boxed: int
    boxed_patients: int
    boxed_findings: int
    boxed_names: frozenset[str]
    multi_box: int
    boxed_multi_label: int
    boxed_with_sibling: int


EIGHT = (
    "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia",
    "pneumothorax",
)  # fmt: skip
SIX = ("consolidation", "edema", "emphysema", "fibrosis", "pleural thickening", "hernia")
CHEXPERT = 224_316  # radiographs, by Irvin et al., Proc. AAAI 33 (2019) 590-597


@cache
def counts() -> Counts:
    """Count both tables once; the labels as NIH's text, which `nih.load_labels` validates."""
    columns = ["image", "labels"]
    labels = pd.read_csv(nih.TABLES / "labels.csv.gz", usecols=columns, dtype="str")
    boxes = nih.load_boxes()
    boxed = labels["image"].isin(boxes["image"])
    several = labels["labels"].str.contains("|", regex=False)
    label_names = frozenset("|".join(labels["labels"].unique()).split("|")) - {"No Finding"}
    per_patient = boxes.groupby("patient")["image"].nunique()
    return Counts(
        images=len(labels),
        patients=labels["image"].str[:8].nunique(),
        png=int(labels["image"].str.endswith(".png").sum()),
        unlabelled=int((labels["labels"] == "No Finding").sum()),
        multi_label=int(several.sum()),
        labels=len(label_names),
        label_names=label_names,
        boxes=len(boxes),
        boxed=boxes["image"].nunique(),
        boxed_patients=boxes["patient"].nunique(),
        boxed_findings=boxes["finding"].nunique(),
        boxed_names=frozenset(boxes["finding"]),
        multi_box=int((boxes["image"].value_counts() > 1).sum()),
        boxed_multi_label=int((several & boxed).sum()),
        boxed_with_sibling=int(per_patient[per_patient > 1].sum()),
    )


@claim(
    DATA,
    said("Abstract", "eight-boxed", "bounding box annotations of eight different pathologies",
         "Eight of the 14 pathologies have boxes.", "8", what="boxed_findings", number=8),
    said("1", "fourteen-labels", "fine-tuned on a large CXR data set with 14 pathologies",
         "ChestX-ray14 has 14 pathologies.", "14", what="labels", number=14),
    said("2.1", "images", "112,120 CXR images of 30,805 subjects",
         "The data set has this many images.", "112,120", what="images", number=112_120),
    said("2.1", "patients", "112,120 CXR images of 30,805 subjects",
         "The images are of this many subjects.", "30,805", what="patients", number=30_805),
    said("2.1", "png", "Images are in PNG format with a resolution of",
         "All images are PNG files.", "112,120", what="png", number=112_120),
    said("2.1", "boxes", "the data set contains 984 bounding box coordinates",
         "There are this many boxes.", "984", what="boxes", number=984),
    said("2.1", "boxed-images", "coordinates for 880 of the CXR images",
         "The boxes lie on this many images.", "880", what="boxed", number=880),
    said("2.1", "boxed-classes", "board-certified radiologists for 8 pathology classes",
         "Eight of the 14 pathologies have boxes.", "8", what="boxed_findings", number=8),
    said("2.2.1", "fc-14", "followed by a fully connected layer of size 14",
         "Stage 1 has one output per label.", "14", what="labels", number=14),
    said("2.2.1", "boxed-vs-all", "in the data set compared to the total number (880 vs. 112,120)",
         "The boxes lie on this many images.", "880", what="boxed", number=880),
    said("2.2.1", "all-vs-boxed", "in the data set compared to the total number (880 vs. 112,120)",
         "The data set has this many images.", "112,120", what="images", number=112_120),
    said("2.2.1", "eight-vs-14", "smaller number of pathologies (8 vs. 14)",
         "Eight of the 14 pathologies have boxes.", "8", what="boxed_findings", number=8),
    said("2.2.2", "eight-supported", "only the 8 included in the annotated subset can be supported",
         "Eight of the 14 pathologies have boxes.", "8", what="boxed_findings", number=8),
    said("3.1", "subset-images", "using the subset of 880 annotated CXR images",
         "The boxes lie on this many images.", "880", what="boxed", number=880),
    said("3.1", "subset-classes", "CXR images, encompassing 8 different pathologies",
         "Eight of the 14 pathologies have boxes.", "8", what="boxed_findings", number=8),
)  # fmt: skip
def count(_: Printed, what: str, number: int) -> Answer:
    """A count of the tables in the package against the printed one."""
    found = getattr(counts(), what)
    note = "Counted by file name." if what == "png" else ""
    return Answer(f"{found:,}", agree(found == number), note)


@claim(
    DATA,
    said("Abstract", "eight-names", "(atelectasis, cardiomegaly, effusion, infiltration, mass, "
         "nodule, pneumonia, and pneumothorax)", "The eight boxed pathologies are these.", "8",
         six=False),
    said("2", "eight-names-method", "trained to support the following 8 pathologies",
         "The eight boxed pathologies are those named.", "8", six=False),
    said("2.1", "fourteen-names", "consolidation, edema, emphysema, fibrosis, pleural thickening, "
         "and hernia", "Beside the eight, the labels are these six.", "14", six=True),
)  # fmt: skip
def names(_: Printed, six: bool) -> Answer:
    """The names as printed against the tables' own."""
    told = {*EIGHT, *SIX} if six else set(EIGHT)
    named = counts().label_names if six else counts().boxed_names
    have = {name.lower().replace("_", " ") for name in named}
    return Answer(f"{len(have & told)} of {len(have)} names of the table", agree(have == told))


@claim(
    f"{DATA}; outside the paper: Irvin et al. (2019)",
    said("1", "large-sets", "each with more than 100,000 CXR images encouraged further research",
         "ChestX-ray14 and CheXpert have over 100,000 images each.", "> 100,000"),
)  # fmt: skip
def over_100_000(_: Printed) -> Answer:
    """Images of ChestX-ray14, counted, and of CheXpert, as its own paper counts them."""
    number = counts().images
    found = f"{number:,} in ChestX-ray14, {CHEXPERT:,} in CheXpert"
    return Answer(found, agree(min(number, CHEXPERT) > 100_000))


@claim(
    DATA,
    said("2.1", "one-or-more", "are associated with one or more of 14 different pathologies",
         "Every image has one or more of the 14 pathologies.", "112,120"),
)  # fmt: skip
def one_or_more(_: Printed) -> Answer:
    """Images without any of the 14 labels."""
    none = counts().unlabelled
    note = "The sentence may mean the images that have a finding."
    return Answer(f"{none:,} images are labelled No Finding", agree(none == 0), note)


@claim(
    DATA,
    said("2.2.1", "multi-label", "Given that each image can be associated with multiple labels",
         "Images can have several labels."),
)  # fmt: skip
def multi_label(_: Printed) -> Answer:
    """Images with two or more of the 14 labels."""
    several = counts().multi_label
    return Answer(f"{several:,} images have several labels", agree(several > 0))


@claim(
    DATA,
    said("2.2.2", "single-label", "each annotated image is associated with a single label "
         "(multi-class classification)", "Every boxed image has exactly one label.", "880"),
)  # fmt: skip
def single_label(_: Printed) -> Answer:
    """Boxed images with several boxed findings, and with several of the 14 labels."""
    c = counts()
    note = "A box, not an image, has one label; the network may have been trained box by box."
    found = f"{c.multi_box} of {c.boxed} have several boxed findings"
    labels = f"{c.boxed_multi_label} several of the 14 labels"
    return Answer(f"{found}, {labels}", agree(c.multi_box == 0), note)
