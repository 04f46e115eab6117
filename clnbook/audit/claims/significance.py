"""What the paper says of Wilcoxon's test on Tables 1 and 2 (sections 3.2 and 3.3)."""

from functools import cache
from math import nan

import numpy as np

from clnbook import wilcoxon as significance
from clnbook.audit.claims.ledger import (
    NOT_CHECKABLE,
    TABLE1,
    TABLE2,
    Answer,
    Row,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import (
    CHEXNET,
    EFFICIENTNET,
    INCEPTION,
    MOBILENET,
    OUYANG,
    RESNET,
    VIT,
    WANG,
    XCEPTION,
    Printed,
)
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS
from clnlib.metrics.paired import holm

WEAKER = ("Liu et al.", "Han et al.", "Rajpurkar et al.", "RGT")  # p < 0.05, by section 3.3
STRONGER = (
    WANG, VIT, "CrossViT", "PS-ViT", "DNetLoc", "CAN", "Li et al.", OUYANG,
    "Seyyed-Kalantari et al.",
)  # fmt: skip
APART, NOT_APART = (INCEPTION, EFFICIENTNET, XCEPTION), (CHEXNET, RESNET)

Scores = tuple[float, ...]


@cache
def _p(a: Scores, b: Scores) -> tuple[float, int]:
    """Exact two-sided p and the number of pairs."""
    test = significance.wilcoxon(np.array(a), np.array(b))
    return test.p_exact, test.n


def auc_p(p: Printed, method: str) -> float:
    """Exact p of CLN-MobileNetV3Small against a row of Table 2, over eight findings."""
    a, b = (tuple(p.auc[m, f] for f in BOXED) for m in (MOBILENET, method))
    return _p(a, b)[0]


def iou_p(p: Printed, method: str) -> tuple[float, int]:
    """Exact p of CLN-CheXNet against a method, over legible findings x T, and their number."""
    keys = [(t, f) for t in THRESHOLDS for f in BOXED]
    a, b = (tuple(p.iou.get((t, m, f), nan) for t, f in keys) for m in (CHEXNET, method))
    return _p(a, b)


@cache
def _left(values: Scores) -> int:
    return int((holm(np.array(values)) < 0.05).sum())


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


def left_after_holm(values: list[float]) -> int:
    """How many p values stay below 0.05 under Holm's adjustment."""
    return _left(tuple(sorted(values)))  # the order does not matter, and sorted ones recur


def holds(value: float, bound: str) -> bool:
    """Whether a p keeps a printed bound such as "< 0.05" or "> 0.05"."""
    limit = float(bound[1:])
    return value < limit if bound[0] == "<" else value > limit


def _auc_row(method: str, bound: str, quote: str) -> Row:
    says = f"AUCs of CLN-MobileNetV3Small against {method}: p {bound}."
    return said("3.3", f"auc-p-{method}", quote, says, f"p {bound}", method=method, bound=bound)


@claim(
    TABLE2,
    *(_auc_row(m, "< 0.05", "with p < 0.05 for the Liu et al.") for m in WEAKER),
    *(_auc_row(m, "< 0.01", "methods, and p < 0.01for the rest") for m in STRONGER),
    *(_auc_row(m, "< 0.05", "CLN-InceptionV3, CLN-EfficientNetB4, and CLN-Xception (p < 0.05)")
      for m in APART),
    *(_auc_row(m, "> 0.05", "established against CLN-CheXNet and CLN-ResNet50V2 (p > 0.05)")
      for m in NOT_APART),
)  # fmt: skip
def auc_significance(p: Printed, method: str, bound: str) -> Answer:
    """Exact two-sided Wilcoxon over the eight findings of Table 2."""
    value = auc_p(p, method)
    return Answer(f"p = {value:.4f}", agree(holds(value, bound)), "One of 18 tests, unadjusted.")


@claim(
    TABLE2,
    said("3.3", "auc-tests", "against each of the other methods outlined in Table 2",
         "CLN-MobileNetV3Small is tested against every other row.", "18 tests"),
)  # fmt: skip
def auc_family(p: Printed) -> Answer:
    """The number of tests, and what Holm's adjustment leaves of them."""
    methods = [m for m, f in p.auc if f == MEAN and m != MOBILENET]
    values = [auc_p(p, m) for m in methods]
    single = sum(value < 0.05 for value in values)
    left = left_after_holm(values)
    found = f"{len(methods)} tests, {single} with p < 0.05, {left} after Holm's adjustment"
    note = f"No adjustment is claimed; eight pairs give no p below {2 / 2 ** len(BOXED):.4f}."
    return Answer(found, agree(len(methods) == 18), note)


def _iou_row(method: str, bound: str, printed: str, quote: str) -> Row:
    says = f"IoU accuracies of CLN-CheXNet against {method}: p {printed}."
    return said("3.2", f"iou-p-{method}", quote, says, f"p {printed}", method=method, bound=bound)


@claim(
    TABLE1,
    *(_iou_row(m, "< 0.001", "≪ 0.01", "distribution of IoU accuracy scores was significantly "
               "different than the four compared")
      for m in (VIT, WANG, "RGT", "Li et al.", OUYANG)),
    *(_iou_row(m, "> 0.05", "> 0.05", "could not be established against the other examined "
               "variants of our proposed")
      for m in (RESNET, MOBILENET, EFFICIENTNET, INCEPTION, XCEPTION)),
)  # fmt: skip
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
    found = (
        f"p = {value:.2g} over {pairs} of {number} pairs; all pairs, illegible ones at either "
        f"end: {ends[0]:.2g}, {ends[1]:.2g}"
    )
    return Answer(found, NOT_CHECKABLE if open_ else agree(good), note)


@claim(
    TABLE1,
    said("3.2", "pooled-thresholds", "achieved for all pathologies and for all the IoU thresholds",
         "The test pools findings and thresholds.", "56 pairs"),
)  # fmt: skip
def pooled(p: Printed) -> Answer:
    """The p against the nearest variant pooled and at each T alone."""
    pooled_p, pairs = iou_p(p, XCEPTION)
    alone = []
    for t in THRESHOLDS:
        a, b = (tuple(p.iou.get((t, m, f), nan) for f in BOXED) for m in (CHEXNET, XCEPTION))
        if not (np.isnan(a).any() or np.isnan(b).any()):
            alone.append(f"T = {t}: {_p(a, b)[0]:.2g}")
    note = (
        "Boxes above one threshold are above all lower ones: the pairs of one finding repeat "
        "one another, and pooling lowers p. clnbook.nested simulates it."
    )
    found = f"{XCEPTION}: p = {pooled_p:.2g} over {pairs} pairs; {', '.join(alone)}"
    return Answer(found, NOT_CHECKABLE, note)
