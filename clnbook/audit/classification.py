"""Claims on AUC (Table 2, section 3.3) and on both tasks together (section 4), computed again."""

from itertools import pairwise

from clnbook.audit.printed import Printed, best
from clnbook.audit.table1 import ROUNDING
from clnbook.audit.verdicts import DIFFERS, NOT_CHECKABLE, QUALIFIED, REPRODUCED, Answer, agree
from clnbook.published import CLN, SOTA
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS


def largest_auc(p: Printed, method: str, value: float) -> Answer:
    """The largest mean AUC of Table 2 and the method that has it."""
    name, largest = best(p.mean_auc(CLN) | p.mean_auc(SOTA))
    note = "The best of six variants; the best mean IoU accuracy is another's."
    return Answer(f"{largest:.3f} ({name})", agree(largest == value and name == method), note)


def rank(p: Printed, rank: int, method: str, value: float) -> Answer:
    """The place of a mean AUC among all rows of Table 2."""
    means = p.mean_auc(CLN) | p.mean_auc(SOTA)
    place = sum(other > means[method] for other in means.values()) + 1
    same = place == rank and means[method] == value
    return Answer(f"{means[method]:.3f}, place {place} of {len(means)}", agree(same))


def outperforms(p: Printed) -> Answer:
    """Variants whose mean AUC is above every published one."""
    ours, theirs = p.mean_auc(CLN), best(p.mean_auc(SOTA))
    above = sum(value > theirs[1] for value in ours.values())
    auc = f"{best(ours)[1]:.3f} against {theirs[1]:.3f} ({theirs[0]}); {above} of 6 variants"
    note = "The best of six; the test sets of the published rows are not told."
    return Answer(auc, agree(best(ours)[1] > theirs[1]), note)


def outperforms_in_both(p: Printed) -> Answer:
    """`outperforms`, and the thresholds at which a variant's mean is above every published one."""
    auc = outperforms(p)
    published = p.methods(SOTA, 1)
    above = sum(
        best(p.mean_iou(t, CLN))[1] > max(p.at_most(t, m, MEAN) for m in published)
        for t in THRESHOLDS
    )
    both = f"AUC {auc.recomputed}; IoU accuracy at {above} of {len(THRESHOLDS)} T"
    same = auc.verdict == REPRODUCED and above == len(THRESHOLDS)
    return Answer(both, agree(same), auc.note)


def findings_won(p: Printed) -> Answer:
    """Findings in which the best variant is above, and level with, the best published method."""
    ours, theirs = (
        {f: max(p.auc[m, f] for m in p.methods(family, 2)) for f in BOXED} for family in (CLN, SOTA)
    )
    above = [f for f in BOXED if ours[f] > theirs[f]]
    level = [f for f in BOXED if ours[f] == theirs[f]]
    note = f"Level: {', '.join(level) or 'none'}; the next sentence of the paper says so itself."
    said = level == ["Effusion"] and len(above) == len(BOXED) - 1
    verdict = agree(len(above) == len(BOXED), QUALIFIED if said else DIFFERS)
    return Answer(f"{len(above)} of 8 better, {len(level)} equal", verdict, note)


def effusion_auc(p: Printed, methods: list[str], value: float) -> Answer:
    """The methods that share the largest AUC for effusion."""
    effusion = {m: v for (m, f), v in p.auc.items() if f == "Effusion"}
    top = max(effusion.values())
    names = [m for m, v in effusion.items() if v == top]
    same = top == value and set(names) == set(methods)
    return Answer(f"{top:.2f} ({', '.join(names)})", agree(same))


def means_of_table2(p: Printed) -> Answer:
    """Printed means against the mean of eight rounded cells, within rounding."""
    names = [m for m, f in p.auc if f == MEAN]
    apart = [abs(sum(p.auc[m, f] for f in BOXED) / 8 - p.auc[m, MEAN]) for m in names]
    fit = sum(value <= ROUNDING for value in apart)
    rows = f"{fit} of {len(names)} rows, at most {max(apart):.4f} apart"
    return Answer(rows, agree(fit == len(names)), "Cells have two decimals, means three.")


def ordered(p: Printed) -> Answer:
    """Steps from a row to the next that fall."""
    means = [value for (_, f), value in p.auc.items() if f == MEAN]
    falls = sum(b < a for a, b in pairwise(means))
    return Answer(f"{falls} of {len(means) - 1} steps fall", agree(not falls))


def localisers_in_table2(p: Printed, number: int) -> Answer:
    """Published methods of Table 1 that have a row in Table 2."""
    both = set(p.methods(SOTA, 1)) & set(p.methods(SOTA, 2))
    return Answer(f"{len(both)}", agree(len(both) == number))


def others_in_table2(p: Printed, number: int, listed: list[str]) -> Answer:
    """Published methods of Table 2 that are not in Table 1; the note names those not `listed`."""
    localisers = p.methods(SOTA, 1)
    others = [m for m in p.methods(SOTA, 2) if m not in localisers]
    unlisted = [m for m in others if m not in listed]
    note = f"The sentence's list lacks {', '.join(unlisted) or 'none'}"
    return Answer(f"{len(others)}", agree(len(others) == number), note)


def balance(p: Printed) -> Answer:
    """The variant with the largest sum of both means at the loosest and the strictest T."""
    leaders = []
    for t in (0.1, 0.7):
        sums = {m: value + p.auc[m, MEAN] for m, value in p.mean_iou(t, CLN).items()}
        name, value = best(sums)
        leaders.append(f"T = {t}: {name} {value:.3f} of {len(sums)} rows")
    note = "Balance is not defined; here the sum of mean AUC and mean IoU accuracy."
    return Answer("; ".join(leaders), NOT_CHECKABLE, note)
