"""Claims on Table 1 as a whole: its rows, its means, their order over T and their ranks."""

from itertools import pairwise

from clnbook.audit.printed import Printed, best
from clnbook.audit.verdicts import Answer, agree
from clnbook.published import CLN, SOTA
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

ROUNDING = 0.0055  # of a mean of eight two-decimal cells, itself printed with three decimals


def methods_of_table1(p: Printed, family: str, number: int) -> Answer:
    """Methods of a family ("cln" or "sota") among the legible rows."""
    names = p.methods(family, 1)
    return Answer(f"{len(names)}: {', '.join(names)}", agree(len(names) == number))


def thresholds_of_table1(p: Printed, number: int) -> Answer:
    """Thresholds among the legible rows."""
    thresholds = sorted({t for t, _, _ in p.iou})
    each = ", ".join(map(str, thresholds))
    return Answer(f"{len(thresholds)}: {each}", agree(len(thresholds) == number))


def means_of_table1(p: Printed) -> Answer:
    """Printed means against the mean of eight rounded cells, within rounding."""
    rows = [(t, m) for t, m, finding in p.iou if finding == MEAN]
    apart = [abs(sum(p.iou[*k, f] for f in BOXED) / 8 - p.iou[*k, MEAN]) for k in rows]
    fit = sum(value <= ROUNDING for value in apart)
    recomputed = f"{fit} of {len(rows)} legible rows, at most {max(apart):.4f} apart"
    return Answer(recomputed, agree(fit == len(rows)), "Cells have two decimals, means three.")


def falling(p: Printed, means: bool = False) -> Answer:
    """Steps from a legible T to the next legible T at which a cell rises, or a mean does not fall.

    `means` looks at the last column instead of the cells.
    """
    rising = steps = 0
    for method in (*p.methods(SOTA, 1), *p.methods(CLN, 1)):
        for column in (MEAN,) if means else BOXED:
            series = [p.iou[t, method, column] for t in THRESHOLDS if (t, method, column) in p.iou]
            pairs = list(pairwise(series))
            steps += len(pairs)
            rising += sum(b > a or (means and b == a) for a, b in pairs)
    note = "Follows from the definition: a box above one threshold is above all lower ones."
    word = "do not fall" if means else "rise"
    return Answer(f"{rising} of {steps} legible steps {word}", agree(not rising), note)


def first_rank(p: Printed, method: str) -> Answer:
    """The thresholds at which a variant has the largest legible mean."""
    first = {t: best(p.mean_iou(t, CLN))[0] for t in THRESHOLDS}
    led = [t for t, name in first.items() if name == method]
    others = "; ".join(f"T = {t}: {name}" for t, name in first.items() if name != method)
    note = (
        f"First at T = {', '.join(map(str, led))}; the mean over T, which may be meant, illegible "
        f"rows leave open. Others: {others}."
    )
    return Answer(f"first at {len(led)} of {len(first)} T", agree(len(led) == len(first)), note)


def rank_of_published(p: Printed, method: str, place: str) -> Answer:
    """The thresholds at which a published method has the "highest" or "lowest" legible mean."""
    pick = {"highest": max, "lowest": min}[place]
    where = [t for t in THRESHOLDS if (t, method, MEAN) in p.iou]
    led = [t for t in where if pick(p.mean_iou(t, SOTA).values()) == p.iou[t, method, MEAN]]
    note = f"Not at T = {', '.join(str(t) for t in where if t not in led)}." if led != where else ""
    return Answer(f"{place} at {len(led)} of {len(where)} legible T", agree(0.1 in led), note)
