"""Claims on Wilcoxon's test over Tables 1 and 2 (sections 3.2 and 3.3), computed again."""

from collections.abc import Iterable
from functools import cache
from math import nan

import numpy as np

from clnbook.audit.printed import CHEXNET, MOBILENET, XCEPTION, Printed
from clnbook.audit.verdicts import NOT_CHECKABLE, Answer, agree
from clnbook.paired import holm
from clnbook.wilcoxon import wilcoxon
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

Scores = tuple[float, ...]


@cache
def _p(a: Scores, b: Scores) -> tuple[float, int]:
    """Exact two-sided p and the number of pairs."""
    test = wilcoxon(np.array(a), np.array(b))
    return test.p_exact, test.n


def auc_p(p: Printed, method: str) -> float:
    """Exact p of CLN-MobileNetV3Small against a row of Table 2, over eight findings."""
    a, b = (tuple(p.auc[m, f] for f in BOXED) for m in (MOBILENET, method))
    return _p(a, b)[0]


def iou_p(p: Printed, method: str) -> tuple[float, int]:
    """Exact p of CLN-CheXNet against a method, over legible findings x T, and their number."""
    a, b = (_cells(p, m, THRESHOLDS) for m in (CHEXNET, method))
    return _p(a, b)


def _cells(p: Printed, method: str, thresholds: Iterable[float]) -> Scores:
    """Table 1's cells of a method at some T, NaN where illegible."""
    return tuple(p.iou.get((t, method, f), nan) for t in thresholds for f in BOXED)


def iou_p_bounds(p: Printed, method: str) -> tuple[float, float]:
    """The p of `iou_p` over all pairs, illegible cells at worst and at best for CLN-CheXNet.

    The rank sum grows with every difference: other fillings lie between these two, but for the
    pairs without a difference, which the test drops.
    """
    keys = [(t, f) for t in THRESHOLDS for f in BOXED]
    ours, theirs = (
        [tuple(bound(t, m, f) for t, f in keys) for bound in (p.at_least, p.at_most)]
        for m in (CHEXNET, method)
    )
    return _p(ours[0], theirs[1])[0], _p(ours[1], theirs[0])[0]


@cache
def left_after_holm(values: Scores) -> int:
    """How many of these ascending p values stay below 0.05 under Holm's adjustment."""
    return int((holm(np.array(values)) < 0.05).sum())


def holds(value: float, bound: str) -> bool:
    """Whether a p keeps a printed bound such as "< 0.05" or "> 0.05"."""
    limit = float(bound[1:])
    return value < limit if bound[0] == "<" else value > limit


def auc_significance(p: Printed, method: str, bound: str) -> Answer:
    """Exact two-sided Wilcoxon over the eight findings of Table 2."""
    value = auc_p(p, method)
    return Answer(f"p = {value:.4f}", agree(holds(value, bound)), "One of 18 tests, unadjusted.")


def auc_tests(p: Printed) -> tuple[int, int, int]:
    """Tests on Table 2: how many, with p < 0.05 each, and with p < 0.05 after Holm's adjustment."""
    values = [auc_p(p, m) for m, f in p.auc if f == MEAN and m != MOBILENET]
    single = sum(value < 0.05 for value in values)
    return len(values), single, left_after_holm(tuple(sorted(values)))


def auc_family(p: Printed, number: int) -> Answer:
    """The number of tests, and what Holm's adjustment leaves of them."""
    tests, single, left = auc_tests(p)
    recomputed = f"{tests} tests, {single} with p < 0.05, {left} after Holm's adjustment"
    note = f"No adjustment is claimed; eight pairs give no p below {2 / 2 ** len(BOXED):.4f}."
    return Answer(recomputed, agree(tests == number), note)


def iou_significance(p: Printed, method: str, bound: str) -> Answer:
    """Exact two-sided Wilcoxon over the findings and T of Table 1; ≪ 0.01 as < 0.001.

    Decided if it holds over the legible pairs and whatever the illegible ones are.
    """
    (value, pairs), ends = iou_p(p, method), iou_p_bounds(p, method)
    number = len(THRESHOLDS) * len(BOXED)
    good = holds(value, bound)
    open_ = pairs < number and not (good and all(holds(end, bound) for end in ends))
    note = "Thresholds are nested, so pairs are not independent."
    if open_:
        note = f"The {number - pairs} illegible pairs can turn it. {note}"
    recomputed = (
        f"p = {value:.2g} over {pairs} of {number} pairs; all pairs, illegible ones at either "
        f"end: {ends[0]:.2g}, {ends[1]:.2g}"
    )
    return Answer(recomputed, NOT_CHECKABLE if open_ else agree(good), note)


def pooled(p: Printed) -> Answer:
    """The p against the nearest variant, pooled over T and at each T alone."""
    pooled_p, pairs = iou_p(p, XCEPTION)
    alone = []
    for t in THRESHOLDS:
        a, b = (_cells(p, m, [t]) for m in (CHEXNET, XCEPTION))
        if not (np.isnan(a).any() or np.isnan(b).any()):
            alone.append(f"T = {t}: {_p(a, b)[0]:.2g}")
    note = (
        "Boxes above one threshold are above all lower ones: the pairs of one finding repeat "
        "one another, and pooling lowers p. clnbook.nested simulates it."
    )
    recomputed = f"{XCEPTION}: p = {pooled_p:.2g} over {pairs} pairs; {', '.join(alone)}"
    return Answer(recomputed, NOT_CHECKABLE, note)
