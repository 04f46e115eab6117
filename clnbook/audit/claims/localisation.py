"""What the paper says of IoU accuracy at each threshold (Table 1, section 3.2)."""

from clnbook.audit.claims.ledger import (
    DIFFERS,
    NOT_CHECKABLE,
    TABLE1,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import CLN, OUYANG, PUBLISHED, Printed, best
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS


def wins(p: Printed, t: float) -> tuple[dict[str, float], list[str], list[str]]:
    """Findings in which the best variant is above, level with and below the best published method.

    The first with the least distance.

    Every illegible cell counts as what legible rows leave certain: at least the accuracy at a
    higher T for a variant, at most the accuracy at a lower T for a published method. Findings
    where this decides nothing are in none of the three.
    """
    above: dict[str, float] = {}
    level, below = [], []
    variants, methods = p.methods(CLN, 1), p.methods(PUBLISHED, 1)
    for finding in BOXED:
        ours = max(p.at_least(t, m, finding) for m in variants)
        theirs = max(p.at_most(t, m, finding) for m in methods)
        floor = max(p.at_least(t, m, finding) for m in methods)
        if ours > theirs:
            above[finding] = ours - theirs
        elif floor == 1.0:
            level.append(finding)  # nothing is above 1
        elif ours < floor:
            below.append(finding)
    return above, level, below


@claim(
    TABLE1,
    said("3.2", "wins-0.1", "for 7 out of the 8 pathologies, performing worse only for effusion",
         "At T = 0.1 CLN is better in seven of eight.", "7 of 8", t=0.1, number=7),
    said("3.2", "wins-0.2", "achieving an improvement for 7 out of the 8 pathologies, whereas both",
         "At T = 0.2 CLN is better in seven of eight.", "7 of 8", t=0.2, number=7),
    said("3.2", "wins-0.3", "outperforming the other methods for all pathologies, whereas both",
         "At T = 0.3 CLN is better in all.", "8 of 8", t=0.3, number=8),
    said("3.2", "wins-0.4", "performing considerably better for all pathologies, whereas both",
         "At T = 0.4 CLN is better in all.", "8 of 8", t=0.4, number=8, told=1.0),
    said("3.2", "wins-0.5", "118.2% (0.720 vs. 0.330) and 160.8% (0.626 vs. 0.240), respectively",
         "At T = 0.5 CLN is better in all.", "8 of 8", t=0.5, number=8),
    said("3.2", "wins-0.6", "respectively, achieving better localisation for",
         "At T = 0.6 CLN is better in all.", "8 of 8", t=0.6, number=8),
    said("3.2", "wins-0.7", "achieving better localisation for all the examined pathologies",
         "At T = 0.7 CLN is better in all.", "8 of 8", t=0.7, number=8),
)  # fmt: skip
def findings_won(p: Printed, t: float, number: int, told: float = 0.0) -> Answer:
    """Findings in which the best of six variants is above the best of five published methods.

    `told` is cardiomegaly's published accuracy where the sentence gives it and the row does not.
    """
    above, level, below = wins(p, t)
    if told and "Cardiomegaly" not in above:
        level = ["Cardiomegaly"]
    open_ = [f for f in BOXED if f not in (*above, *level, *below)]
    verdict = agree(len(above) == number) if not open_ else NOT_CHECKABLE
    parts = [f"{len(above)} of 8 better by {min(above.values()):.2f} or more"]
    for word, which in (("equal", level), ("worse", below), ("open", open_)):
        parts += [f"{len(which)} {word} ({', '.join(which)})"] if which else []
    note = "Illegible cells are bounded by the accuracies at other T."
    for finding in open_:
        if (doubtful := p.doubtful.get((t, OUYANG, finding))) is not None:
            note += f" {finding} of {OUYANG} reads {doubtful:.2f} in a row with another label."
    if level:
        note = "Cardiomegaly is at 1.00 on both sides, as the sentence says itself."
    if below:
        note += " So it does of effusion, of which legible rows alone leave CLN's best open."
    return Answer("; ".join(parts), verdict, note)


@claim(
    TABLE1,
    said("3.2", "all-variants", "the six examined variants of the proposed CLN architecture "
         "outperform", "Every variant's mean is above every published one at every T.", "42 of 42"),
)  # fmt: skip
def all_variants(p: Printed) -> Answer:
    """Legible means of variants against the largest that a published mean can be."""
    ours = [(t, v) for t in THRESHOLDS for v in p.mean_iou(t, CLN).values()]
    top = {t: max(p.at_most(t, m, MEAN) for m in p.methods(PUBLISHED, 1)) for t in THRESHOLDS}
    above = sum(value > top[t] for t, value in ours)
    below, cells = cells_below(p)
    note = (
        f"The other {42 - len(ours)} of 42 rows of variants are not legible. Of single findings "
        f"{below} of {cells} legible cells are below the best published one."
    )
    return Answer(f"{above} of {len(ours)} legible means", agree(above == len(ours)), note)


def cells_below(p: Printed) -> tuple[int, int]:
    """Legible cells of variants below the best legible published cell, and how many there are."""
    methods = p.methods(PUBLISHED, 1)
    cells = [k for k in p.iou if k[2] != MEAN and p.family[k[1]] == CLN]
    rivals = [max(p.iou.get((t, m, f), 0.0) for m in methods) for t, _, f in cells]
    return sum(p.iou[k] < rival for k, rival in zip(cells, rivals, strict=True)), len(cells)


@claim(
    TABLE1,
    said("Abstract", "max-iou", "a maximum localisation mean IoU accuracy of 0.855",
         "The best mean IoU accuracy is 0.855.", "0.855"),
    said("1", "max-iou-introduction", "a maximum localisation mean Intersection over Union (IoU) "
         "accuracy of 0.855", "The best mean IoU accuracy is 0.855.", "0.855"),
    said("3.2", "max-iou-results", "achieving a maximum mean IoU accuracy of 0.855",
         "The best mean IoU accuracy at T = 0.1 is CLN-CheXNet's.", "0.855"),
    said("5", "iou-conclusion", "a mean IoU accuracy of 0.855 in localisation across eight "
         "pathologies", "CLN's mean IoU accuracy is 0.855.", "0.855"),
)  # fmt: skip
def largest_mean(p: Printed) -> Answer:
    """The largest legible mean of a variant."""
    means = {f"{m} at T = {t}": v for t in THRESHOLDS for m, v in p.mean_iou(t, CLN).items()}
    where, value = best(means)
    note = "The loosest threshold; the best AUC belongs to another variant."
    return Answer(f"{value:.3f} ({where})", agree(round(value, 3) == 0.855), note)


@claim(
    TABLE1,
    *(
        said("3.2", f"best-cln-{t}", quote, f"CLN's best mean at T = {t}.", f"{value:.3f}",
             t=t, value=value)
        for t, value, quote in (
            (0.2, 0.826, "improved by 14.7% compared to"),
            (0.3, 0.800, "the improvement is 33.3% (0.800 for CLN-EfficientNetB4 vs. 0.600"),
            (0.4, 0.753, "the improvement is 63.7% (0.753 vs. 0.460)"),
            (0.5, 0.720, "118.2% (0.720 vs. 0.330)"),
            (0.6, 0.626, "160.8% (0.626 vs. 0.240)"),
            (0.7, 0.520, "a remarkable improvement of 246.7% (0.520 vs. 0.150)"),
        )
    ),
)  # fmt: skip
def best_variant(p: Printed, t: float, value: float) -> Answer:
    """The largest legible mean of a variant at a threshold."""
    means = p.mean_iou(t, CLN)
    name, found = best(means)
    note = f"Of {len(means)} legible rows of 6."
    if found > value:
        note += f" The sentence may follow another variant; it understates by {found - value:.3f}."
    return Answer(f"{found:.3f} ({name})", agree(round(found, 3) == value), note)


@claim(
    TABLE1,
    *(
        said("3.2", f"best-published-{t}", quote, f"The best published mean at T = {t}.",
             f"{value:.3f}", t=t, value=value)
        for t, value, quote in (
            (0.1, 0.820, "achieved a mean IoU accuracy of 0.820 for the same threshold"),
            (0.2, 0.720, "(0.826 vs. 0.720)"),
            (0.3, 0.600, "(0.800 for CLN-EfficientNetB4 vs. 0.600 for"),
            (0.4, 0.460, "(0.753 vs. 0.460)"),
            (0.5, 0.330, "(0.720 vs. 0.330)"),
            (0.6, 0.240, "(0.626 vs. 0.240)"),
            (0.7, 0.150, "(0.520 vs. 0.150)"),
        )
    ),
)  # fmt: skip
def best_published(p: Printed, t: float, value: float) -> Answer:
    """The mean of Ouyang et al. at a threshold, or the bounds that legible rows set."""
    if (found := p.iou.get((t, OUYANG, MEAN))) is None:
        low, high = p.at_least(t, OUYANG, MEAN), p.at_most(t, OUYANG, MEAN)
        verdict = NOT_CHECKABLE if low <= value <= high else DIFFERS
        note = "The row of Ouyang et al. is not legible here."
        if (doubtful := p.doubtful.get((t, OUYANG, MEAN))) is not None:
            note = f"A row with another label, which fits Ouyang et al., has {doubtful:.3f}."
        return Answer(f"{low:.3f} to {high:.3f}", verdict, note)
    name, top = best(p.mean_iou(t, PUBLISHED))
    return Answer(f"{top:.3f} ({name})", agree(round(found, 3) == value == round(top, 3)))


@claim(
    TABLE1,
    *(
        said("3.2", f"improvement-{t}", quote, f"The improvement of the best mean at T = {t}.",
             f"{percent} %", t=t, ours=ours, theirs=theirs, percent=percent)
        for t, ours, theirs, percent, quote in (
            (0.2, 0.826, 0.720, 14.7, "highest mean IoU accuracy is improved by 14.7%"),
            (0.3, 0.800, 0.600, 33.3, "the improvement is 33.3%"),
            (0.4, 0.753, 0.460, 63.7, "the improvement is 63.7%"),
            (0.5, 0.720, 0.330, 118.2, "rises to 118.2%"),
            (0.6, 0.626, 0.240, 160.8, "118.2% (0.720 vs. 0.330) and 160.8%"),
            (0.7, 0.520, 0.150, 246.7, "a remarkable improvement of 246.7%"),
        )
    ),
)  # fmt: skip
def improvement(p: Printed, t: float, ours: float, theirs: float, percent: float) -> Answer:
    """The percentage, its published side taken from the sentence where Table 1 is not legible."""
    name, top = best(p.mean_iou(t, CLN))
    base = p.iou.get((t, OUYANG, MEAN), theirs)
    found = round(100 * (top / base - 1), 1)
    quoted = round(100 * (ours / theirs - 1), 1)
    note = "" if (t, OUYANG, MEAN) in p.iou else f"{theirs:.3f} is the sentence's own number."
    if quoted == percent != found:
        note = f"{quoted} % follows from the two quoted means; {name} is higher in Table 1."
    return Answer(f"{found} %", agree(found == percent), note)


@claim(
    TABLE1,
    said("3.2", "growing", "becomes more substantial for higher IoU thresholds, as shown in",
         "The improvement grows with T."),
)  # fmt: skip
def growing(p: Printed) -> Answer:
    """Relative and absolute improvement where both means are legible."""
    both = [t for t in THRESHOLDS if (t, OUYANG, MEAN) in p.iou]
    pairs = [(best(p.mean_iou(t, CLN))[1], p.iou[t, OUYANG, MEAN]) for t in both]
    percent = [100 * (a / b - 1) for a, b in pairs]
    found = ", ".join(f"{value:.1f} %" for value in percent)
    apart = ", ".join(f"{a - b:.3f}" for a, b in pairs)
    note = f"At T = {', '.join(map(str, both))}; the differences are {apart}."
    return Answer(found, agree(percent == sorted(percent)), note)


@claim(
    TABLE1,
    said("3.2", "effusion-published", "an IoU accuracy of 0.89 compared to 0.83 for the",
         "Ouyang et al. reach 0.89 for effusion at T = 0.1.", "0.89", method=OUYANG, value=0.89),
    said("3.2", "effusion-cln", "IoU accuracy of 0.89 compared to 0.83 for the proposed method",
         "CLN's best for effusion at T = 0.1 is 0.83.", "0.83", method="", value=0.83),
)  # fmt: skip
def effusion(p: Printed, method: str, value: float) -> Answer:
    """Effusion at T = 0.1: one method, or the best legible variant."""
    names = [method] if method else p.methods(CLN, 1)
    found = {m: p.iou[0.1, m, "Effusion"] for m in names if (0.1, m, "Effusion") in p.iou}
    name, top = best(found)
    note = "" if method else f"Of {len(found)} legible rows of 6."
    return Answer(f"{top:.2f} ({name})", agree(top == value), note)


@claim(
    TABLE1,
    said("3.2", "cardiomegaly-0.1", "with IoU accuracy reaching 1.00",
         "Both sides reach 1.00 for cardiomegaly at T = 0.1.", "1.00", t=0.1),
    said("3.2", "cardiomegaly-0.2", "achieved a perfect localisation performance for cardiomegaly",
         "Both sides reach 1.00 for cardiomegaly at T = 0.2.", "1.00", t=0.2),
    said("3.2", "cardiomegaly-0.3", "performance for cardiomegaly (1.00). At",
         "Both sides reach 1.00 for cardiomegaly at T = 0.3.", "1.00", t=0.3),
    said("3.2", "cardiomegaly-0.4", "performance for cardiomegaly (1.00). The improvement at",
         "Both sides reach 1.00 for cardiomegaly at T = 0.4.", "1.00", t=0.4),
)  # fmt: skip
def cardiomegaly(p: Printed, t: float) -> Answer:
    """Cardiomegaly of the best variant and of Ouyang et al."""
    name, ours = best({m: p.at_least(t, m, "Cardiomegaly") for m in p.methods(CLN, 1)})
    low, high = (f(t, OUYANG, "Cardiomegaly") for f in (p.at_least, p.at_most))
    if low < 1 == high:
        note = "The row of Ouyang et al. is not legible here."
        return Answer(f"{ours:.2f} ({name}); {low:.2f} to {high:.2f}", NOT_CHECKABLE, note)
    return Answer(f"{ours:.2f} ({name}); {low:.2f}", agree(ours == low == 1))
