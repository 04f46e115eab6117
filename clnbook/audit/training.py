"""Claims on the losses and the training (sections 2.2.3, 2.3, 3.2 and 3.4.2), computed again."""

from math import ceil, log2

from clnbook.audit.dataset import counts
from clnbook.audit.printed import Printed
from clnbook.audit.split import parts
from clnbook.audit.verdicts import NOT_CHECKABLE, WORDING, Answer, agree
from clnbook.published import LAMBDAS, VARIANTS
from clnlib.metrics.boxes import iou

SETTING = "A setting; no number follows from it in print."


def weights(lam: float) -> tuple[float, float]:
    """The weights of the cross-entropy and of the IoU loss (Eq. 4)."""
    return lam, 1 - lam


def lambda_ends(_: Printed) -> Answer:
    """The two weights of Eq. 4 at both ends."""
    names = ("classification", "localisation")
    at = {lam: names[weights(lam).index(1)] for lam in (0, 1)}
    note = "The words respectively and the two ends seem exchanged; the sentence before is right."
    recomputed = ", ".join(f"λ = {lam}: {name}" for lam, name in at.items())
    return Answer(recomputed, agree(at[0] == names[0], WORDING), note)


def lambda_direction(_: Printed) -> Answer:
    """The weights of Eq. 4 at the ends of the range examined."""
    low, high = weights(0.1), weights(0.9)
    recomputed = (
        f"weights {low[0]:.1f}, {low[1]:.1f} at λ = 0.1; {high[0]:.1f}, {high[1]:.1f} at 0.9"
    )
    return Answer(recomputed, agree(high[0] > low[0] and high[1] < low[1]))


def iou_range(_: Printed) -> Answer:
    """The IoU of boxes that are apart, half covered and equal."""
    whole = (0.0, 0.0, 1.0, 1.0)
    others = [(2.0, 0.0, 3.0, 1.0), (0.5, 0.0, 1.5, 1.0), whole]
    apart, half, equal = (float(iou(whole, box)) for box in others)
    recomputed = f"{apart:.0f} apart, {half:.2f} shifted by half, {equal:.0f} equal"
    note = "Where boxes are apart 1 − IoU has no gradient: it cannot say which way to move."
    return Answer(recomputed, agree(apart == 0 < half < equal == 1), note)


def relu(_: Printed) -> Answer:
    """max(0, x) at a negative number."""
    note = "It does not make x1 smaller than x2, and a box driven to 0 has no gradient back."
    return Answer(f"max(0, −1) = {max(0, -1)}", agree(max(0, -1) == 0), note)


def corners(_: Printed) -> Answer:
    """The pairs of two x and two y."""
    number = len({(x, y) for x in ("x1", "x2") for y in ("y1", "y2")})
    return Answer(f"{number} corners", agree(number == 4))


def rate_floor(_: Printed, first: float, floor: float, halve_every: int) -> Answer:
    """Epochs until the rate, halved again and again, reaches its floor."""
    halvings = ceil(log2(first / floor))
    note = "How many epochs were trained is not printed."
    recomputed = f"floor after {halvings} halvings, {halvings * halve_every} epochs"
    return Answer(recomputed, NOT_CHECKABLE, note)


def batch(_: Printed, size: int) -> Answer:
    """Steps of an epoch at that batch size."""
    images = parts(counts().boxed)[0]
    recomputed = f"{ceil(images / size)} steps for {images} training images"
    return Answer(recomputed, NOT_CHECKABLE, SETTING)


def stopping(_: Printed, patience: int, halve_every: int) -> Answer:
    """The factor by which the rate falls over the epochs without improvement."""
    factor = 2 ** (patience // halve_every)
    note = "A setting; the epochs at which runs stopped are not printed."
    return Answer(f"the rate falls {factor}-fold while waiting", NOT_CHECKABLE, note)


def setting(_: Printed) -> Answer:
    """A setting of which nothing else is printed."""
    return Answer("", NOT_CHECKABLE, SETTING)


def lambdas(_: Printed) -> Answer:
    """The variants that the statements name, each once, by their λ."""
    groups: dict[float, list[str]] = {}
    for backbone, lam in LAMBDAS.items():
        groups.setdefault(lam, []).append(VARIANTS[backbone])
    recomputed = "; ".join(f"{lam}: {', '.join(names)}" for lam, names in groups.items())
    same = LAMBDAS.keys() == VARIANTS.keys()
    return Answer(recomputed, agree(same), "Four places of the text agree.")
