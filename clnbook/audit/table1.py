"""Claims on Table 1 as a whole: its rows, its means, their order over T and their ranks."""

from collections.abc import Mapping
from itertools import pairwise

from clnbook.audit.printed import Printed, best
from clnbook.audit.verdicts import NOT_CHECKABLE, WORDING, Answer, agree
from clnbook.published import CLN, SOTA
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

Cells = Mapping[tuple[float, str, str], float]
"""Values of Table 1 by (T, method, finding or "Mean")."""

ROUNDING = 0.0055  # of a mean of eight two-decimal cells, itself printed with three decimals


def methods_of_table1(p: Printed, family: str, number: int) -> Answer:
    """Methods of a family ("cln" or "sota") among the legible rows."""
    names = p.methods(family, 1)
    return Answer(f"{len(names)}: {', '.join(names)}", agree(len(names) == number, WORDING))


def thresholds_of_table1(p: Printed, number: int) -> Answer:
    """Thresholds among the legible rows."""
    thresholds = sorted({t for t, _, _ in p.iou})
    each = ", ".join(map(str, thresholds))
    return Answer(f"{len(thresholds)}: {each}", agree(len(thresholds) == number))


def fitting(cells: Cells) -> list[tuple[float, str]]:
    """The rows of Table 1, (T, method), whose mean is that of their cells, within rounding."""
    rows = dict.fromkeys((t, m) for t, m, _ in cells)
    apart = {k: abs(sum(cells[*k, f] for f in BOXED) / 8 - cells[*k, MEAN]) for k in rows}
    return [k for k, value in apart.items() if value <= ROUNDING]


def means_of_table1(p: Printed) -> Answer:
    """Printed means against the mean of eight rounded cells, within rounding, of all rows."""
    every = p.iou | p.left_out
    rows = dict.fromkeys((t, m) for t, m, _ in every)
    legible = dict.fromkeys((t, m) for t, m, _ in p.iou)
    fit = fitting(every)
    note = (
        f"Means of cells with two decimals to {ROUNDING}. The other {len(rows) - len(fit)} rows "
        "came to us damaged; rows are legible because they fit, so that these alone prove nothing."
    )
    verdict = agree(set(legible) <= set(fit))
    return Answer(f"{len(fit)} of {len(rows)} printed rows fit", verdict, note)


def falling(p: Printed, means: bool = False) -> Answer:
    """Steps from a T to the next at which a cell rises, or with `means` a mean does not fall.

    Of all rows whose mean fits their cells, those too that are no evidence elsewhere.
    """
    every = p.iou | p.left_out
    kept = set(fitting(every))
    against, steps = [], 0
    for method in dict.fromkeys(m for _, m, _ in every):
        rows = [t for t in THRESHOLDS if (t, method) in kept]
        for column in (MEAN,) if means else BOXED:
            for low, high in pairwise(rows):
                a, b = every[low, method, column], every[high, method, column]
                steps += 1
                if b > a or (means and b == a):
                    against.append(f"{method}, {column}: {a:.2f} at T = {low}, {b:.2f} at {high}")
    word = "do not fall" if means else "rise"
    note = "A box above one threshold is above all lower ones, so that no share can rise with T."
    if against:
        note += f" {'; '.join(against)}; in print or in the conversion that we have."
    verdict = agree(not against, NOT_CHECKABLE)
    return Answer(f"{len(against)} of {steps} steps {word}", verdict, note)


def first_rank(p: Printed, method: str) -> Answer:
    """The thresholds at which a variant has the largest legible mean."""
    first = {t: best(p.mean_iou(t, CLN))[0] for t in THRESHOLDS}
    led = [t for t, name in first.items() if name == method]
    others = "; ".join(f"T = {t}: {name}" for t, name in first.items() if name != method)
    note = (
        f"No criterion is given. First at T = {', '.join(map(str, led))}, T = 0.1 among them; the "
        f"mean over T, which may be meant, illegible rows leave open. Others: {others}."
    )
    verdict = agree(len(led) == len(first), NOT_CHECKABLE)
    return Answer(f"first at {len(led)} of {len(first)} T", verdict, note)


def rank_of_published(p: Printed, method: str, place: str) -> Answer:
    """The thresholds at which a published method has the "highest" or "lowest" legible mean."""
    pick = {"highest": max, "lowest": min}[place]
    where = [t for t in THRESHOLDS if (t, method, MEAN) in p.iou]
    led = [t for t in where if pick(p.mean_iou(t, SOTA).values()) == p.iou[t, method, MEAN]]
    note = f"Not at T = {', '.join(str(t) for t in where if t not in led)}." if led != where else ""
    return Answer(f"{place} at {len(led)} of {len(where)} legible T", agree(0.1 in led), note)
