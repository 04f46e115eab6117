"""Claims on the decay of IoU accuracy from T = 0.1 to 0.7 (sections 3.4.1, 4), computed again."""

from clnbook.audit.printed import Printed, best
from clnbook.audit.verdicts import NOT_CHECKABLE, Answer, agree
from clnbook.published import CLN, SOTA
from clnlib.metrics.localisation import MEAN


def decay(p: Printed, method: str) -> tuple[float, float]:
    """Least and largest decay from T = 0.1 to 0.7, in percent, that legible means allow.

    Both are the decay itself where both means are legible.
    """
    end_low, end_high = p.at_least(0.7, method, MEAN), p.at_most(0.7, method, MEAN)
    start_low, start_high = p.at_least(0.1, method, MEAN), p.at_most(0.1, method, MEAN)
    return 100 * (1 - end_high / start_low), 100 * (1 - end_low / start_high)


def _text(low: float, high: float) -> str:
    """A decay, or the range it lies in."""
    return f"{low:.1f} %" if low == high else f"{low:.1f} to {high:.1f} %"


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
    return Answer(_text(low, high), agree(same), note)


def worst_variant(p: Printed, method: str) -> Answer:
    """Mean accuracies at T = 0.1, and the variant whose decay is the largest for certain."""
    least = {m: decay(p, m)[0] for m in p.methods(CLN, 1)}
    name, low = best(least)
    means = p.mean_iou(0.1, CLN)
    lowest = min(means, key=lambda m: means[m])
    note = (
        "Worst may mean the lowest mean at T = 0.1, which illegible rows leave open; its decay "
        "is then no bound for other variants."
    )
    if (start := p.doubtful.get((0.1, name, MEAN))) and (end := p.iou.get((0.7, name, MEAN))):
        note += f" From a doubtful {start:.3f} {name}'s is {100 * (1 - end / start):.1f} %."
    recomputed = (
        f"lowest of {len(means)} legible means at T = 0.1: {lowest}; largest decay: {name}, "
        f"{low:.1f} % or more"
    )
    others = [m for m in p.methods(CLN, 1) if p.at_least(0.1, m, MEAN) < means[lowest]]
    verdict = agree(lowest == method) if not others else NOT_CHECKABLE
    return Answer(recomputed, verdict, note)


def slower(p: Printed) -> Answer:
    """The largest decay a variant can have against the least a published method can have."""
    ours = max(decay(p, method)[1] for method in p.methods(CLN, 1))
    theirs = min(decay(p, method)[0] for method in p.methods(SOTA, 1))
    note = "Bounds from legible rows of all eleven methods."
    recomputed = f"variants at most {ours:.1f} %, published at least {theirs:.1f} %"
    return Answer(recomputed, agree(ours < theirs), note)


def rapid(p: Printed) -> Answer:
    """The decays of the published methods."""
    decays = {method: decay(p, method) for method in p.methods(SOTA, 1)}
    recomputed = ", ".join(f"{method} {_text(*value)}" for method, value in decays.items())
    return Answer(recomputed, agree(min(low for low, _ in decays.values()) > 50))
