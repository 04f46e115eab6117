"""What the paper says of the decay of IoU accuracy from T = 0.1 to 0.7 (sections 3.4.1 and 4)."""

from clnbook.audit.claims.ledger import NOT_CHECKABLE, TABLE1, Answer, agree, claim, said
from clnbook.audit.claims.printed import (
    CHEXNET,
    CLN,
    OUYANG,
    PUBLISHED,
    RESNET,
    VIT,
    Printed,
    best,
)
from clnlib.metrics.localisation import MEAN


def decay(p: Printed, method: str) -> tuple[float, float]:
    """Least and largest decay from T = 0.1 to 0.7, in percent, that legible means allow.

    Both are the decay itself where both means are legible.
    """
    end_low, end_high = p.at_least(0.7, method, MEAN), p.at_most(0.7, method, MEAN)
    start_low, start_high = p.at_least(0.1, method, MEAN), p.at_most(0.1, method, MEAN)
    return 100 * (1 - end_high / start_low), 100 * (1 - end_low / start_high)


def told(low: float, high: float) -> str:
    """A decay, or the range it lies in."""
    return f"{low:.1f} %" if low == high else f"{low:.1f} to {high:.1f} %"


@claim(
    TABLE1,
    said("4", "decay-ouyang", "method exhibited a 81.7% decrease in mean IoU between",
         "Ouyang et al. lose 81.7 % from T = 0.1 to 0.7.", "81.7 %", method=OUYANG, percent=81.7),
    said("4", "decay-vit", "method exhibited a decrease of 99.8%",
         "ViT-based loses 99.8 %.", "99.8 %", method=VIT, percent=99.8),
    said("4", "decay-chexnet", "exhibited a decrease of only 48.8% in mean IoU accuracy between",
         "CLN-CheXNet loses 48.8 %.", "48.8 %", method=CHEXNET, percent=48.8),
    said("4", "decay-resnet", "exhibited a decrease of only 36.7%, demonstrating better stability",
         "CLN-ResNet50V2 loses 36.7 %.", "36.7 %", method=RESNET, percent=36.7),
)  # fmt: skip
def decrease(p: Printed, method: str, percent: float) -> Answer:
    """The decay of a mean as a percentage of its value at T = 0.1."""
    low, high = decay(p, method)
    same = round(low, 1) == percent == round(high, 1)
    note = ""
    if not same:
        note = (
            f"{p.iou[0.1, method, MEAN]:.3f} to {p.iou[0.7, method, MEAN]:.3f}; the percentage "
            "may belong to another variant or an earlier run."
        )
    return Answer(told(low, high), agree(same), note)


@claim(
    TABLE1,
    said("4", "worst-decay", "whereas the worst performing variant (CLN-ResNet50V2) exhibited a "
         "decrease", "CLN-ResNet50V2 is the worst performing variant."),
)  # fmt: skip
def worst_variant(p: Printed) -> Answer:
    """Mean accuracies at T = 0.1, and the variant whose decay is the largest for certain."""
    least = {method: decay(p, method)[0] for method in p.methods(CLN, 1)}
    name, low = best(least)
    means = p.mean_iou(0.1, CLN)
    lowest = min(means, key=lambda method: means[method])
    note = (
        "Worst may mean the lowest mean at T = 0.1, which illegible rows leave open; its decay "
        "is then no bound for other variants."
    )
    if (start := p.doubtful.get((0.1, name, MEAN))) and (end := p.iou.get((0.7, name, MEAN))):
        note += f" From a doubtful {start:.3f} {name}'s is {100 * (1 - end / start):.1f} %."
    found = (
        f"lowest of {len(means)} legible means at T = 0.1: {lowest}; largest decay: {name}, "
        f"{low:.1f} % or more"
    )
    others = [m for m in p.methods(CLN, 1) if p.at_least(0.1, m, MEAN) < means[lowest]]
    verdict = agree(lowest == RESNET) if not others else NOT_CHECKABLE
    return Answer(found, verdict, note)


@claim(
    TABLE1,
    said("Abstract", "reduced-decay", "reduced performance decay with increased IoU thresholds",
         "Variants decay less than published methods."),
    said("1", "slower-decay", "mean IoU accuracy decaying much slower as the threshold increases",
         "Variants decay less than published methods."),
    said("3.4.1", "much-slower", "exhibiting much slower decay in mean IoU accuracy compared to",
         "Variants decay less than published methods."),
    said("4", "slower-rate", "variants of the proposed architecture drops at a much slower rate",
         "Variants decay less than published methods."),
    said("4", "better-stability", "demonstrating better stability in localisation performance",
         "Variants decay less than published methods."),
    said("5", "reduced-decay-conclusion", "reduced performance decay with increased IoU "
         "thresholds, and an overall", "Variants decay less than published methods."),
)  # fmt: skip
def slower(p: Printed) -> Answer:
    """The largest decay a variant can have against the least a published method can have."""
    ours = max(decay(p, method)[1] for method in p.methods(CLN, 1))
    theirs = min(decay(p, method)[0] for method in p.methods(PUBLISHED, 1))
    note = "Bounds from legible rows of all eleven methods."
    found = f"variants at most {ours:.1f} %, published at least {theirs:.1f} %"
    return Answer(found, agree(ours < theirs), note)


@claim(
    TABLE1,
    said("3.4.1", "rapid-decay", "which demonstrated rapid decay as",
         "Published methods decay rapidly."),
    said("4", "drops-sharply", "localisation methods drops sharply with the increase in",
         "Published methods decay rapidly."),
)  # fmt: skip
def rapid(p: Printed) -> Answer:
    """The decays of the published methods."""
    decays = {method: decay(p, method) for method in p.methods(PUBLISHED, 1)}
    found = ", ".join(f"{method} {told(*value)}" for method, value in decays.items())
    return Answer(found, agree(min(low for low, _ in decays.values()) > 50))
