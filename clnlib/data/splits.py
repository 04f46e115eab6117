"""Training, validation and test parts under three protocols, and what each protocol leaks."""

import hashlib
import warnings

import numpy as np
import pandas as pd

from clnlib.errors import InputError, not_allowed

PARTS = ("train", "validation", "test")
PROTOCOLS = ("patient", "image", "box")
UNKNOWN = "unknown"


def make_split(
    boxes: pd.DataFrame, protocol: str = "patient", seed: int = 0, fold: int = 0
) -> pd.DataFrame:
    """Give every box its part: 80/20 test, then 90/10 validation, stratified by finding.

    Parameters
    ----------
    boxes
        The box frame: one row per box, with at least `image`, `patient`, `finding`. A patient
        named like its image is unknown: the image is divided by itself, and a note printed.
    protocol
        What may not lie in two parts: "patient" (default), "image" (as section 2.1 words it) or
        "box" (what the paper's printed numbers admit).
    seed
        0 or more; equal frames and seeds give equal parts in every process.
    fold
        Which of the five fifths is the test part, 0 to 4; over all five every box is tested once.

    Returns
    -------
    DataFrame
        `boxes` in its order with a column `part`, one of `PARTS`.

    Raises
    ------
    InputError
        Unknown protocol, or too few patients (images, boxes) to fill three parts.
    """
    if protocol not in PROTOCOLS:
        raise not_allowed("protocol", protocol, PROTOCOLS)
    keys = boxes[["image", "patient", "finding", "x1", "y1", "x2", "y2"]]
    order = keys.sort_values(list(keys.columns), kind="stable").index.to_numpy()
    frame = boxes.loc[order]
    groups = (
        frame["patient" if protocol == "patient" else "image"].astype(str).to_numpy()
        if protocol != "box"
        else np.arange(len(frame)).astype(str)
    )
    units = {"patient": "patients", "image": "images", "box": "boxes"}[protocol]
    if unknown := boxes.loc[unknown_patients(boxes), "image"].nunique():
        units = units.replace("patients", "images (patients unknown)")
        print(
            f"note: patients unknown: {unknown} of {boxes['image'].nunique()} images name none, "
            "so that parts may share patients; give `patient` in the images' entries",
            flush=True,
        )
    findings = frame["finding"].to_numpy()
    part = np.full(len(frame), "train", dtype=object)
    what = f"{len(set(groups))} {units}"
    for name, share, held_out in (("test", 5, fold), ("validation", 10, 0)):
        rest = np.flatnonzero(part == "train")
        part[rest[folds(findings[rest], groups[rest], share, seed, what)[held_out]]] = name
    return boxes.assign(part=pd.Series(part, index=order, dtype="str").reindex(boxes.index))


def folds(
    labels: np.ndarray, groups: np.ndarray, share: int, seed: int, what: str = "the patients"
) -> list[np.ndarray]:
    """The rows of each of `share` folds, stratified by label, no group in two folds.

    Parameters
    ----------
    labels, groups
        One entry per row.
    share
        How many folds; each has about 1 / share of the rows. Labels that all have fewer rows than
        this are not stratified by.
    seed
        0 or more.
    what
        All the groups there are, in the error's words.

    Returns
    -------
    Sorted int rows, one array a fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    have = len(set(groups))
    if have < share:
        raise InputError(
            f"too few to split: of {what} {have} are left, {share} or more are needed; give more "
            "or choose another protocol"
        )
    if pd.Series(labels).value_counts().max() < share:
        labels = np.zeros(len(labels))  # too few of each to stratify by
    divide = StratifiedGroupKFold(n_splits=share, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # `thin_findings` says it, in plainer words
        warnings.filterwarnings("ignore", message="The least populated class")
        parted = list(divide.split(np.zeros(len(labels)), labels, groups))
    return [np.sort(rows) for _, rows in parted]


def unknown_patients(boxes: pd.DataFrame) -> pd.Series:
    """Rows whose patient is not known: they bear the name of their image instead."""
    return boxes["patient"] == boxes["image"]


def thin_findings(split: pd.DataFrame) -> list[str]:
    """The findings that some part of a split has no box of, each with the parts it misses."""
    counts = pd.crosstab(split["finding"], split["part"]).reindex(columns=PARTS, fill_value=0)
    return [
        f"{finding}: none in {', '.join(row.index[row == 0])}"
        for finding, row in counts.iterrows()
        if (row == 0).any()
    ]


def split_sha256(split: pd.DataFrame) -> str:
    """The sha256 over the sorted rows (image, finding, box, part): names the split."""
    columns = ["image", "finding", "x1", "y1", "x2", "y2", "part"]
    text = split[columns].sort_values(columns).to_csv(index=False, float_format="%.6f")
    return hashlib.sha256(text.encode()).hexdigest()
