"""What a test set shares with training: the split of section 2.1 and the backbone's pictures."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import published
from clnbook.audit import manysplits
from clnbook.style import INK, OTHER, PREDICTED
from clnlib.data import nih, splits
from clnlib.data.sources import published_labels
from clnlib.data.splits import PARTS, UNKNOWN, unknown_patients

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEDS = tuple(range(30))
"""Of the splits that numbers are means over."""


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
        these with `_low` and `_high` (least and most over the seeds).
    """
    boxes = nih.load_boxes()
    rows = {}
    for protocol in splits.PROTOCOLS:
        part = manysplits.parts(protocol, seeds)
        test, train = part == manysplits.TEST, part == manysplits.TRAIN
        number = test.sum(axis=1)
        rows[protocol] = {"boxes": number.mean()}
        for unit in ("image", "patient"):
            owner = pd.factorize(boxes[unit])[0]
            tested, trained = _held(test, owner), _held(train, owner)
            seen = (test & trained[:, owner]).sum(axis=1) / number
            rows[protocol] |= {f"{unit}s": tested.sum(axis=1).mean(), f"{unit}_seen": seen.mean()}
            rows[protocol] |= {f"{unit}_seen_low": seen.min(), f"{unit}_seen_high": seen.max()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("protocol")


def _held(chosen: NDArray[np.bool_], owner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(seeds, owners) whether any of an owner's boxes is chosen, from (seeds, boxes)."""
    held = np.zeros((len(chosen), owner.max() + 1), dtype=bool)
    seed, box = np.nonzero(chosen)
    held[seed, owner[box]] = True
    return held


def official() -> dict[str, int]:
    """Where the boxed images lie in NIH's own lists (section 2.1: all in the test list).

    The lists are not part of the package, but their counts are
    (`clnbook.published.official_lists`).

    Returns
    -------
    dict
        `images` (boxed), `in_test`, `in_train_val` and `patients_in_train_val` (boxed patients
        who have an image there).
    """
    lists = published.official_lists()
    return {
        "images": nih.load_boxes()["image"].nunique(),
        "in_test": int(lists.loc["test_list.txt", "boxed_images"]),
        "in_train_val": int(lists.loc["train_val_list.txt", "boxed_images"]),
        "patients_in_train_val": int(lists.loc["train_val_list.txt", "boxed_patients"]),
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
    images = published_labels()["image"]
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

    Means over splits, with a line from the least to the most.

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
        low, mean, high = (table[column + end] for end in ("_low", "", "_high"))
        bars = axes.barh(
            places + shift, mean, height=0.35, color=colour, label=label,
            xerr=(mean - low, high - mean), ecolor=INK,
        )  # fmt: skip
        axes.bar_label(bars, [f"{share:.0%}" for share in mean], padding=2)
    axes.set_yticks(places, [f"split by {name}" for name in table.index])
    axes.invert_yaxis()
    axes.set(
        xlabel="share of test boxes", xlim=(0, max(0.1, 1.15 * table["patient_seen_high"].max()))
    )
    axes.figure.legend(loc="outside lower center", ncols=2)
    return axes
