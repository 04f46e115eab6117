"""What a test set shares with training: the split of section 2.1 and the backbone's pictures."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook.style import OTHER, PREDICTED
from clnlib.data import nih, splits
from clnlib.data.splits import PARTS, UNKNOWN, unknown_patients
from clnlib.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEDS = (0, 1)


def leakage(split: pd.DataFrame) -> pd.DataFrame:
    """What the test and validation parts share with training.

    Returns
    -------
    DataFrame
        One row for "validation" and "test"; columns `boxes`, `images`, `patients` (their
        numbers), `images_shared`, `patients_shared` (also in training), `boxes_on_shared_images`
        and `boxes_of_shared_patients` (boxes the network may have seen the image or the patient
        of). Whatever counts patients is "unknown" where one patient of the split is.
    """
    train = split[split["part"] == "train"]
    rows: dict[str, dict[str, int | str]] = {}
    for part in PARTS[1:]:
        own = split[split["part"] == part]
        same_image = own["image"].isin(train["image"])
        same_patient = own["patient"].isin(train["patient"])
        rows[part] = {
            "boxes": len(own),
            "images": own["image"].nunique(),
            "patients": own["patient"].nunique(),
            "images_shared": own.loc[same_image, "image"].nunique(),
            "patients_shared": own.loc[same_patient, "patient"].nunique(),
            "boxes_on_shared_images": int(same_image.sum()),
            "boxes_of_shared_patients": int(same_patient.sum()),
        }
        if unknown_patients(split).any():
            rows[part] |= {column: UNKNOWN for column in rows[part] if "patients" in column}
    return pd.DataFrame.from_dict(rows, orient="index")


@cache
def split(protocol: str, seed: int) -> pd.DataFrame:
    """NIH's 984 boxes with their `part` (`clnlib.data.splits.make_split`); not to be changed."""
    return splits.make_split(nih.load_boxes(), protocol, seed)


def protocols(seeds: tuple[int, ...] = SEEDS) -> pd.DataFrame:
    """What each protocol's test boxes share with training, on NIH's 984 boxes.

    Parameters
    ----------
    seeds
        Of `clnlib.data.splits.make_split`; values are means over them.

    Returns
    -------
    DataFrame
        Index protocol: `boxes`, `images`, `patients` (numbers in the test part), `image_seen`,
        `patient_seen` (shares of test boxes whose image, whose patient is in training too), and
        `patient_seen_low`, `patient_seen_high` (least and most over the seeds).
    """
    rows = {}
    for protocol in splits.PROTOCOLS:
        shared = [leakage(split(protocol, seed)).loc["test"] for seed in seeds]
        test = pd.DataFrame(shared)
        patient = test["boxes_of_shared_patients"] / test["boxes"]
        rows[protocol] = {
            **test[["boxes", "images", "patients"]].mean().to_dict(),
            "image_seen": (test["boxes_on_shared_images"] / test["boxes"]).mean(),
            "patient_seen": patient.mean(),
            "patient_seen_low": patient.min(),
            "patient_seen_high": patient.max(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("protocol")


def official() -> dict[str, int] | None:
    """Where the boxed images lie in NIH's own lists (section 2.1: all in the test list).

    Returns
    -------
    dict or None
        `images` (boxed), `in_test`, `in_train_val` and `patients_in_train_val` (boxed patients
        who have an image there); None without the lists, which are not part of the package
        (`CLN_NIH_DIR`).
    """
    try:
        lists = nih.load_official_split()
    except InputError:
        return None
    boxes = nih.load_boxes().drop_duplicates("image")
    train = lists.loc[lists["part"] == "train_val", "image"]
    test = lists.loc[lists["part"] == "test", "image"]
    boxed_patients = boxes["patient"].drop_duplicates()
    return {
        "images": len(boxes),
        "in_test": int(boxes["image"].isin(test).sum()),
        "in_train_val": int(boxes["image"].isin(train).sum()),
        "patients_in_train_val": int(boxed_patients.isin(train.str[:8]).sum()),
    }


def public_splits(seeds: tuple[int, ...] = SEEDS) -> pd.DataFrame:
    """What a backbone would have seen of the boxed images, had it a random 70/10/20 split.

    Public re-implementations of CheXNet draw their own split of the 112,120 images by patient, as
    Rajpurkar et al. (2017) did, or by image.

    Parameters
    ----------
    seeds
        Of the draws; values are means over them.

    Returns
    -------
    DataFrame
        Index "by patient", "by image": `image_trained`, `image_selected` (shares of the boxed
        images in training, in validation), `patient_trained` (boxed images whose patient has an
        image in training).
    """
    boxed = nih.load_boxes()["image"].unique()
    images = nih.load_labels()["image"]
    patient, patients = pd.factorize(images.str[:8])
    is_boxed = images.isin(boxed).to_numpy()
    rows = {}
    for name, unit in (("by patient", patient), ("by image", np.arange(len(images)))):
        made = []
        for seed in seeds:
            place = np.random.default_rng(seed).permutation(unit.max() + 1) / (unit.max() + 1)
            trained = place[unit] < 0.7
            seen = np.zeros(len(patients), dtype=bool)
            seen[patient[trained]] = True
            made.append(
                {
                    "image_trained": trained[is_boxed].mean(),
                    "image_selected": (~trained & (place[unit] < 0.8))[is_boxed].mean(),
                    "patient_trained": seen[patient[is_boxed]].mean(),
                }
            )
        rows[name] = pd.DataFrame(made).mean().to_dict()
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def draw_protocols(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Shares of test boxes whose image, and whose patient, the network was trained on.

    Parameters
    ----------
    table
        From `protocols`.
    axes
        Where to draw.
    """
    places = np.arange(len(table))
    for shift, column, colour in ((-0.2, "image_seen", OTHER), (0.2, "patient_seen", PREDICTED)):
        label = column.replace("_", " ") + " in training"
        bars = axes.barh(places + shift, table[column], height=0.35, color=colour, label=label)
        axes.bar_label(bars, [f"{share:.0%}" for share in table[column]], padding=2)
    axes.set_yticks(places, [f"split by {name}" for name in table.index])
    axes.invert_yaxis()
    axes.set(xlabel="share of test boxes", xlim=(0, max(0.1, 1.25 * table["patient_seen"].max())))
    axes.figure.legend(loc="outside lower center", ncols=2)
    return axes
