"""Claims on ChestX-ray14, its labels and its boxes (sections 1, 2.1 and 2.2), counted again."""

from functools import cache
from typing import NamedTuple

import pandas as pd

from clnbook.audit.printed import Printed
from clnbook.audit.verdicts import NOT_CHECKABLE, WORDING, Answer, agree
from clnlib.data import nih

CHEXPERT = 224_316  # radiographs, by Irvin et al., Proc. AAAI 33 (2019) 590-597


class Counts(NamedTuple):
    """Counts of the two tables that ship with the package, in images unless named otherwise.

    `boxed` images have a box; `multi_box` ones several, `boxed_multi_label` ones several of the
    14 labels, `boxed_with_sibling` ones a patient with another boxed image.
    """

    images: int
    patients: int
    png: int
    unlabelled: int
    multi_label: int
    labels: int
    label_names: frozenset[str]
    boxes: int
    boxed: int
    boxed_findings: int
    boxed_names: frozenset[str]
    multi_box: int
    boxed_multi_label: int
    boxed_with_sibling: int


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
        boxed_findings=boxes["finding"].nunique(),
        boxed_names=frozenset(boxes["finding"]),
        multi_box=int((boxes["image"].value_counts() > 1).sum()),
        boxed_multi_label=int((several & boxed).sum()),
        boxed_with_sibling=int(per_patient[per_patient > 1].sum()),
    )


def count(_: Printed, quantity: str, number: int) -> Answer:
    """A field of `Counts` against the printed number."""
    counted = counts()._asdict()[quantity]
    return Answer(f"{counted:,}", agree(counted == number))


def names_of_boxes(_: Printed, names: list[str]) -> Answer:
    """The printed names of the findings against those of the box table."""
    return _names(counts().boxed_names, names)


def names_of_labels(_: Printed, names: list[str]) -> Answer:
    """The printed names of the findings against those of the label table."""
    return _names(counts().label_names, names)


def _names(table: frozenset[str], names: list[str]) -> Answer:
    of_table = {name.lower().replace("_", " ") for name in table}
    both = of_table & set(names)
    return Answer(f"{len(both)} of {len(table)} names of the table", agree(of_table == set(names)))


def large_sets(_: Printed, number: int) -> Answer:
    """Images of ChestX-ray14, counted, and of CheXpert, as its own paper counts them."""
    images = counts().images
    both = f"{images:,} in ChestX-ray14, {CHEXPERT:,} in CheXpert"
    return Answer(both, agree(min(images, CHEXPERT) > number))


def one_or_more(_: Printed) -> Answer:
    """Images without any of the 14 labels."""
    none = counts().unlabelled
    note = "The sentence may mean the images that have a finding."
    return Answer(f"{none:,} images are labelled No Finding", agree(none == 0, WORDING), note)


def multi_label(_: Printed) -> Answer:
    """Images with two or more of the 14 labels."""
    several = counts().multi_label
    return Answer(f"{several:,} images have several labels", agree(several > 0))


def single_label(_: Printed) -> Answer:
    """Boxed images with several boxed findings, and with several of the 14 labels."""
    c = counts()
    note = "A box, not an image, has one label; the network may have been trained box by box."
    boxes = f"{c.multi_box} of {c.boxed} have several boxed findings"
    labels = f"{c.boxed_multi_label} several of the 14 labels"
    return Answer(f"{boxes}, {labels}", agree(c.multi_box == 0, WORDING), note)


def one_box_per_finding(_: Printed) -> Answer:
    """Boxes that are not the only one of their finding in their image."""
    several = int(nih.load_boxes().duplicated(["image", "finding"], keep=False).sum())
    note = "Within a finding a share of boxes is a share of images."
    recomputed = f"{several} of {counts().boxes} boxes share image and finding with another"
    return Answer(recomputed, agree(several == 0, NOT_CHECKABLE), note)
