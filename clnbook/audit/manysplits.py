"""The parts of `clnlib.data.splits.make_split` for many seeds at once.

A split takes most of a second, nearly all of it in scikit-learn's search for the fold of each
group. Here the same search runs for all seeds side by side; it gives the same parts, box by box.
"""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnlib.data import nih
from clnlib.data.splits import PARTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRAIN, VALIDATION, TEST = range(len(PARTS))


@cache
def parts(protocol: str, seeds: tuple[int, ...]) -> Ints:
    """Where every split puts NIH's boxes; not to be changed.

    Parameters
    ----------
    protocol
        Of `clnlib.data.splits.make_split`.
    seeds
        Its seeds.

    Returns
    -------
    (seeds, boxes) int, places in `clnlib.data.splits.PARTS`, in the order of `nih.load_boxes`.
    """
    boxes = nih.load_boxes()
    finding = pd.factorize(boxes["finding"], sort=True)[0]
    unit = boxes.index.astype(str) if protocol == "box" else boxes[protocol]
    group = pd.factorize(unit, sort=True)[0]
    counts = np.zeros((group.max() + 1, finding.max() + 1))
    np.add.at(counts, (group, finding), 1)
    part = np.full((len(seeds), len(counts)), TRAIN)
    for name, share in ((TEST, 5), (VALIDATION, 10)):
        left = [np.flatnonzero(row == TRAIN) for row in part]
        held = _first_folds([counts[groups] for groups in left], seeds, share)
        for row, groups, chosen in zip(part, left, held, strict=True):
            row[groups[chosen]] = name
    return part[:, group]


def _first_folds(counts: list[Floats], seeds: tuple[int, ...], share: int) -> list[Ints]:
    """Per seed, the groups in the first of `share` folds of scikit-learn's StratifiedGroupKFold.

    `counts` has (groups, findings) for each seed. Groups without rows, which change nothing, make
    all seeds alike in length.
    """
    orders, padded = [], np.zeros((len(counts), max(map(len, counts)), counts[0].shape[1]))
    for seed, own, row in zip(seeds, counts, padded, strict=True):
        # The shuffle of a permutation, then the largest deviation first: as scikit-learn does.
        shuffled = np.random.RandomState(seed).permutation(len(own))
        order = shuffled[np.argsort(-np.std(own[shuffled], axis=1), kind="stable")]
        orders.append(order)
        row[: len(own)] = own[order]
    first = _assigned(padded, share) == 0
    return [order[row[: len(order)]] for order, row in zip(orders, first, strict=True)]


def _assigned(groups: Floats, folds: int) -> Ints:
    """(seeds, groups) the fold of every group, each taken in its turn.

    A group joins the fold that leaves the shares of the findings most even, and of equals the one
    with fewer rows. The order of operations is scikit-learn's, since ties hang on the last digit.
    """
    seeds, steps, findings = groups.shape
    totals = groups.sum(axis=1)[:, None, None]
    held = np.zeros((seeds, folds, findings))
    every, own = np.arange(seeds), np.arange(folds)
    result = np.zeros((seeds, steps), dtype=np.int64)
    for step in range(steps):
        tried = np.repeat(held[:, None], folds, axis=1)
        tried[:, own, own] += groups[:, None, step]
        uneven = np.std(tried / totals, axis=2).mean(axis=-1)  # (seeds, folds)
        best = result[:, step] = _best(uneven, held.sum(axis=-1))
        held[every, best] += groups[:, step]
    return result


def _best(uneven: Floats, rows: Floats) -> Ints:
    """Per seed the fold to choose: the last that was better than the best before it."""
    best = np.zeros(len(uneven), dtype=np.int64)
    least, fewest = uneven[:, 0], rows[:, 0]
    for fold in range(1, uneven.shape[1]):
        value, number = uneven[:, fold], rows[:, fold]
        close = np.abs(value - least) <= 1e-8 + 1e-5 * np.abs(least)  # numpy.isclose
        better = (value < least) | (close & (number < fewest))
        best = np.where(better, fold, best)
        least, fewest = np.where(better, value, least), np.where(better, number, fewest)
    return best
