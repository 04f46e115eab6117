"""How well radiologists' boxes agree, and what a perfect network can reach: the ceilings.

Serves every page that shows a ceiling. A box head learns from a radiologist's boxes; where
a second radiologist would draw others, no network can be expected to draw the first one's.
`printed/README.md` says where the overlaps come from.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook.style import Page, cells, page
from clnbook.summary import AUC, FEW, MEAN_IOU
from clnlib.metrics import bootstrap
from clnlib.metrics.boxes import iou
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, THRESHOLDS, iou_accuracy, mean_iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

VINDR, RSNA = "VinDr-CXR", "RSNA/NIH"
ONE, BEST, UNSEEN, MEAN_BOX = (
    "one box each", "best match", "unseen as miss", "others' mean box",
)  # fmt: skip
CONVENTIONS: dict[str, str] = {
    ONE: "both readers drew exactly one box of the finding",
    BEST: "each box against the best of the other reader's, who drew one or more",
    UNSEEN: "the same, and IoU 0 where the other reader drew none",
    MEAN_BOX: "each reader's only box against the mean of two others' only boxes",
}
"""Which pairs of boxes count, and how."""

MAIN: dict[str, str] = {VINDR: ONE, RSNA: BEST}
"""The convention of each source's ceiling: RSNA often drew several boxes where NIH drew a single
one."""

CEILING: dict[str, tuple[str, str]] = {
    "Atelectasis": (VINDR, "Atelectasis"),
    "Cardiomegaly": (VINDR, "Cardiomegaly"),
    "Effusion": (VINDR, "Pleural effusion"),
    "Infiltration": (VINDR, "Infiltration"),
    "Mass": (VINDR, "Nodule/Mass"),
    "Nodule": (VINDR, "Nodule/Mass"),
    "Pneumonia": (RSNA, "Pneumonia"),
    "Pneumothorax": (VINDR, "Pneumothorax"),
}
"""The source and its finding that stand for each finding of the paper."""

TABLE = Path(__file__).with_name("printed") / "experts.csv.gz"
RESAMPLES = 2_000  # ends of an interval to two digits need no more, and images are thousands
SHARE = "share above T"
QUANTITIES = ((MEAN_IOU, np.nan), *((SHARE, t) for t in THRESHOLDS))
SHOWN = (np.nan, *FEW)
AMONG_THEMSELVES = "radiologists among themselves, other images"
PERFECT = "a perfect network that names one finding an image"


class Samples(NamedTuple):
    """Mean IoU and shares above T, on the data (entry 0) and in every resample.

    Attributes
    ----------
    images
        (1 + R, `QUANTITIES`): images drawn again, with all their pairs of readers.
    both
        The same where the readers, too, are drawn again, independently of the images; NaN where
        a draw has no pair; None where the source does not say who read.
    """

    images: NDArray[np.float64]
    both: NDArray[np.float64] | None


def overlaps() -> pd.DataFrame:
    """The IoU of every pair of radiologists' boxes.

    Returns
    -------
    DataFrame
        `source` ("VinDr-CXR" | "RSNA/NIH"), `convention` (of `CONVENTIONS`), `finding` (as the
        source names it), `image`, `reader`, `other` (numbers within a source; readers NaN where
        unknown, `other` also where it is a mean box), `iou`.
    """
    return pd.read_csv(TABLE)


def samples(rows: pd.DataFrame, resamples: int = RESAMPLES) -> dict[str, Samples]:
    """`Samples` of each finding, for the rows of `overlaps` of one source and convention.

    Findings share the draws of images and readers. With the readers drawn again, a pair of boxes
    counts as often as its image, its first and its second reader were drawn, multiplied (Owen,
    The pigeonhole bootstrap, Ann. Appl. Stat. 1 (2007), 386-411).
    """
    image, images = pd.factorize(rows["image"], sort=True)
    drawn = bootstrap.counts(np.arange(len(images)), resamples)
    pair, pairs = pd.MultiIndex.from_frame(rows[["reader", "other"]].fillna(0)).factorize()
    times = None
    if rows["other"].notna().all():
        first, second = (pairs.get_level_values(k).astype(int) for k in (0, 1))
        readers = np.union1d(first, second)
        often = bootstrap.counts(readers, resamples, seed=1)
        times = often[:, readers.searchsorted(first)] * often[:, readers.searchsorted(second)]
    values = _values(rows["iou"])
    found = {}
    for finding, places in rows.groupby("finding").indices.items():
        # Sums over the pairs of boxes of each image and pair of readers, then over the drawn images
        sums = np.zeros((len(images), len(pairs), values.shape[1]))
        np.add.at(sums, (image[places], pair[places]), values[places])
        some = np.unique(image[places])
        each = np.tensordot(drawn[:, some], sums[some], 1)
        both = None if times is None else _means(each * times[:, :, None])
        found[str(finding)] = Samples(_means(each), both)
    return found


def _values(overlap: pd.Series) -> NDArray[np.float64]:
    """(N, quantities + 1): the IoU, whether it is above each T (strictly), and 1 for the number."""
    above = [overlap > t for t in THRESHOLDS]
    return np.stack([overlap, *above, np.ones(len(overlap))], axis=1).astype(np.float64)


def _means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, pairs of readers, quantities + 1) sums and numbers → (R, quantities) means."""
    total = sums.sum(axis=1)
    number = total[:, -1:]
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)[:, :-1]


def agreement(resamples: int = RESAMPLES) -> pd.DataFrame:
    """Mean IoU of radiologists' boxes and the share above T, by source, convention and finding.

    Parameters
    ----------
    resamples
        Of the images; and of images and readers together where the source says who read. Three
        of VinDr-CXR's readers drew most of its boxes, so the second kind of interval rests on
        few readers; RSNA and NIH name none.

    Returns
    -------
    DataFrame
        A row per source, convention, finding and quantity: `pairs` (of boxes), `images`,
        `quantity` ("mean IoU" | "share above T"), `T` (NaN for the mean IoU), `value`, `low`,
        `high` (95 % percentile interval over images, all pairs of an image together),
        `readers low`, `readers high` (over images and readers; NaN where readers are unknown).
    """
    lines = []
    for (source, convention), rows in overlaps().groupby(["source", "convention"], sort=False):
        groups = rows.groupby("finding")
        for finding, each in samples(rows, resamples).items():
            own = groups.get_group(finding)
            place = {"source": source, "convention": convention, "finding": finding}
            place |= {"pairs": len(own), "images": own["image"].nunique()}
            for k, (quantity, t) in enumerate(QUANTITIES):
                value, low, high = bootstrap.interval(each.images[:, k])
                line = {"quantity": quantity, "T": t, "value": value, "low": low, "high": high}
                if each.both is not None:
                    _, low, high = bootstrap.interval(each.both[:, k])
                    line |= {"readers low": low, "readers high": high}
                lines.append(place | line)
    return pd.DataFrame(lines)


def styled(frame: pd.DataFrame) -> Page:
    """`agreement`'s frame as a page shows it: each source's main convention, with its intervals."""
    rows = frame[(frame["convention"] == frame["source"].map(MAIN)) & frame["T"].isin(SHOWN)]
    ends = {end: rows[f"readers {end}"] for end in ("low", "high")}
    # The second line of a finding holds its wider interval alone.
    wider = [text.partition(" ")[2].strip("()") for text in cells(rows.assign(**ends))]
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for line, text, wide in zip(rows.to_dict("records"), cells(rows), wider, strict=True):
        place, head = f"{line['finding']} ({line['source']})", _head(line["T"])
        numbers = {name: f"{line[name]:,}" for name in ("pairs", "images")}
        lines.setdefault((place, "over images"), numbers)[head] = text
        if wide:
            lines.setdefault((place, "images, readers"), dict.fromkeys(numbers, ""))[head] = wide
    return page(
        pd.DataFrame.from_dict(lines, orient="index"),
        "How well radiologists' boxes agree: mean IoU of pairs of boxes and the share of pairs "
        f"above T, with 95 % intervals. {VINDR}: pairs of readers who drew exactly one box of the "
        "finding each; the second interval draws the readers again, too, and is wide because three "
        f"of them drew most boxes. {RSNA}: NIH's box and the best of those that RSNA's readers "
        "drew on the same image; who drew them is not known.",
    )


def styled_conventions(frame: pd.DataFrame) -> Page:
    """`agreement`'s frame by convention: findings down, conventions across."""
    rows = frame[frame["T"].isna() | (frame["T"] == 0.5)]
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for line, text in zip(rows.to_dict("records"), cells(rows), strict=True):
        place = f"{line['finding']} ({line['source']})", _head(line["T"])
        lines.setdefault(place, {})[line["convention"]] = text
    words = "; ".join(f"{name}: {meaning}" for name, meaning in CONVENTIONS.items())
    table = pd.DataFrame.from_dict(lines, orient="index", columns=list(CONVENTIONS))
    return page(
        table, f"The same boxes by every convention, with 95 % intervals over images. {words}."
    )


def _head(t: float) -> str:
    return MEAN_IOU if np.isnan(t) else f"T = {t:g}"


@functools.cache
def ceiling_samples() -> NDArray[np.float64]:
    """The mean of `ceilings` and the same for every resample of the images: (1 + `RESAMPLES`, T).

    Readers of VinDr-CXR count as they stand, so that an interval from this is over images alone.
    """
    rows = overlaps()
    found = {
        source: samples(rows.query("source == @source and convention == @convention"))
        for source, convention in MAIN.items()
    }
    each = [found[source][finding].images[:, 1:] for source, finding in CEILING.values()]
    return bootstrap.mean_defined(np.stack(each, axis=-1))


def ceilings() -> pd.DataFrame:
    """The IoU accuracy of radiologists among themselves: the share of pairs of boxes above T.

    Returns
    -------
    DataFrame
        The paper's findings and their unweighted mean down, T across. Which source stands for
        which finding, `CEILING` says.
    """
    each = _by_finding()
    table = pd.DataFrame({t: {f: (iou > t).mean() for f, iou in each.items()} for t in THRESHOLDS})
    table.loc[MEAN] = table.mean()
    return table


def _by_finding() -> dict[str, pd.Series]:
    """The overlaps that stand for each finding of the paper."""
    boxes = overlaps().set_index(["source", "convention", "finding"])["iou"].sort_index()
    return {f: boxes.loc[source, MAIN[source], name] for f, (source, name) in CEILING.items()}


def bounds(rows: pd.DataFrame, findings: Sequence[str]) -> pd.DataFrame:
    """Both ceilings beside a run's numbers: radiologists, and what the task itself allows.

    Parameters
    ----------
    rows
        Of the boxes that the run predicts, as for `perfect`.
    findings
        The run's.

    Returns
    -------
    DataFrame
        A row for `AMONG_THEMSELVES` and for `PERFECT`: "mean AUC" (NaN for the first), "mean IoU",
        and the IoU accuracy at each T, means over findings.
    """
    agreed = float(np.mean([iou.mean() for iou in _by_finding().values()]))
    best = perfect(rows)
    shares = [ceilings().loc[MEAN], iou_accuracy(best, findings)[MEAN]]
    table = pd.DataFrame(shares, index=[AMONG_THEMSELVES, PERFECT])
    table.insert(0, AUC, [np.nan, mean_auc(best, findings)])
    table.insert(1, MEAN_IOU, [agreed, mean_iou(best, findings)[MEAN]])
    return table


def perfect(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows, with the best prediction that names one finding and one box per image.

    Each finding's probability is its share of the image's rows: no other order of the images gives
    a larger AUC. The box is that of the image's boxes which adds most to the mean over findings of
    the mean IoU; for an image of two boxes no other box adds more, since 1 - IoU is a metric.

    Parameters
    ----------
    rows
        One row per box: `image`, `finding`, `x1`, `y1`, `x2`, `y2`; e.g. `run.part("test")`, of
        which the predictions are replaced.
    """
    rows = rows.reset_index(drop=True)
    weight = 1 / rows.groupby("finding")["finding"].transform("size")
    best = np.arange(len(rows))
    for places in rows.groupby("image").indices.values():
        boxes = rows.loc[places, TRUE_BOX].to_numpy()
        gain = iou(boxes[:, None], boxes) @ weight[places]
        best[places] = places[gain.argmax()]
    shares = pd.get_dummies(rows["finding"], dtype=float).groupby(rows["image"]).transform("mean")
    boxes = rows[TRUE_BOX].iloc[best].set_axis(PREDICTED_BOX, axis=1).reset_index(drop=True)
    return rows.assign(**boxes, **shares.add_prefix(PROBABILITY))


def task_ceiling(rows: pd.DataFrame) -> pd.Series:
    """What a perfect network reaches where an image has boxes of several findings.

    It names one finding and one box per image, so not all of such an image's rows can be right.

    Parameters
    ----------
    rows
        As for `perfect`.

    Returns
    -------
    Series
        "mean AUC" and "mean IoU" (means over findings) and "top-1 accuracy", the share of rows
        whose finding is the one that is named.

    Examples
    --------
    >>> rows = pd.DataFrame({"image": ["a", "a", "b", "c"], "finding": ["Mass", "Nodule"] * 2})
    >>> rows[["x1", "y1", "x2", "y2"]] = [0.0, 0.0, 0.5, 0.5]
    >>> task_ceiling(rows).to_dict()
    {'mean AUC': 0.875, 'top-1 accuracy': 0.75, 'mean IoU': 1.0}
    """
    best = perfect(rows)
    findings = sorted(best["finding"].unique())
    named = best.groupby("image")["finding"].agg(lambda names: names.value_counts().iloc[0])
    return pd.Series(
        {
            "mean AUC": mean_auc(best, findings),
            "top-1 accuracy": named.sum() / len(best),
            MEAN_IOU: mean_iou(best, findings)[MEAN],
        }
    )


def styled_task(parts: Mapping[str, pd.DataFrame]) -> Page:
    """`task_ceiling` of some test parts, by name, as a page shows it."""
    return page(
        pd.DataFrame({name: task_ceiling(rows) for name, rows in parts.items()}).T,
        "What a network reaches that is never wrong, but names one finding and one box per image: "
        "where an image has boxes of several findings, not all of its rows can be right. Mean AUC "
        "and mean IoU are means over findings.",
    )
