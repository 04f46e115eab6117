"""Claims on other work (section 1), and those whose number the paper does not print."""

from clnbook.audit.printed import OUYANG, RAJPURKAR, VIT, WANG, Printed
from clnbook.audit.verdicts import NEEDS_DATA, NOT_CHECKABLE, Answer, agree
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

# Table 3 of Wang et al., arXiv:1705.02315v5, ResNet-50: AUC of the eight findings of ChestX-ray8.
WANG_RESNET = (0.7069, 0.8141, 0.7362, 0.6128, 0.5609, 0.7164, 0.6333, 0.7891)

# AUC of the eight boxed findings, in BOXED's order, as the README of github.com/arnoweng/CheXNet
# quotes two other works (commit 3d45ee7).
QUOTED = {
    WANG: (0.716, 0.807, 0.784, 0.609, 0.706, 0.671, 0.633, 0.806),
    RAJPURKAR: (0.8094, 0.9248, 0.8638, 0.7345, 0.8676, 0.7802, 0.7680, 0.8887),
}


def unprinted(_: Printed) -> Answer:
    """Nothing to compute: the number or the comparison is not in print; the row's note says why."""
    return Answer("", NOT_CHECKABLE)


def cited(_: Printed) -> Answer:
    """A figure of another work, out of the reach of the paper's tables."""
    note = "A figure of the cited work, which this paper does not repeat in a table."
    return Answer("", NOT_CHECKABLE, note)


def no_sizes(_: Printed) -> Answer:
    """A comparison of complexity, of which one side is not printed."""
    note = "No size, operation count or time of a compared method is printed."
    return Answer("", NOT_CHECKABLE, note)


def unmeasured(_: Printed, needs: str) -> Answer:
    """A statement that a measurement would decide: that of the notebook `needs`."""
    return Answer("", NEEDS_DATA, needs=needs)


def wang_auc(p: Printed, value: float) -> Answer:
    """Section 1's mean AUC of Wang et al. against Table 2's."""
    mean, own = p.auc[WANG, MEAN], sum(WANG_RESNET) / len(WANG_RESNET)
    note = (
        f"Wang et al.'s own Table 3 (arXiv:1705.02315v5, ResNet-50) averages {own:.3f} over its "
        "eight findings; looked up on 27 November 2026. Where 80.3 % comes from we did not find."
    )
    return Answer(f"{mean:.1%} in Table 2", agree(round(mean, 3) == value, NOT_CHECKABLE), note)


def quoted_rows(p: Printed) -> Answer:
    """Cells of Table 2's Wang and Rajpurkar rows that a public README quotes from those works."""
    same = {
        name: sum(p.auc[name, f] == round(auc, 2) for f, auc in zip(BOXED, row, strict=True))
        for name, row in QUOTED.items()
    }
    note = (
        "Of which images the rows of published methods are is not told. A row quoted from its "
        "method's paper is of that paper's test images; why the other row's cells are not those "
        "quoted we do not know. Looked up on 27 November 2026."
    )
    told = "; ".join(f"{name}: {number} of {len(BOXED)}" for name, number in same.items())
    return Answer(f"cells as quoted elsewhere: {told}", NOT_CHECKABLE, note)


def chexnet_auc(p: Printed, value: float) -> Answer:
    """The mean that six other findings must have for Table 2's eight to fit section 1's 14."""
    eight = sum(v for (m, f), v in p.auc.items() if m == RAJPURKAR and f != MEAN)
    mean = p.auc[RAJPURKAR, MEAN]
    rest = (14 * value - eight) / 6
    note = f"Table 2 prints {mean:.3f} over eight findings, which the 14 can include."
    return Answer(f"fits if the other six average {rest:.3f}", NOT_CHECKABLE, note)


def newer_methods(p: Printed) -> Answer:
    """Means of the newer methods named that Table 1 has against Wang et al., the CAM-based one."""
    pairs = {
        method: [
            p.iou[t, method, MEAN] > p.iou[t, WANG, MEAN]
            for t in THRESHOLDS
            if (t, method, MEAN) in p.iou and (t, WANG, MEAN) in p.iou
        ]
        for method in ("RGT", OUYANG, VIT)
    }
    wins = {method: f"{sum(above)} of {len(above)}" for method, above in pairs.items()}
    note = (
        f"Qi et al., the third named, are not in Table 1. ViT-based, there as RGT's baseline and "
        f"not named, is above at {wins.pop(VIT)}."
    )
    won = ", ".join(f"{method} {number}" for method, number in wins.items())
    same = all(all(pairs[method]) for method in wins)
    return Answer(f"above Wang et al.: {won} means", agree(same), note)


def training_with_boxes(_: Printed, without: list[str]) -> Answer:
    """The methods of Table 1 that train without boxes, by section 1."""
    note = "Li et al. use limited box annotation; ViT-based is not described."
    return Answer(f"{len(without)} of 5, by section 1's own words", agree(len(without) > 2), note)
