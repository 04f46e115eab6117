"""Claims on IoU accuracy at each threshold (Table 1, section 3.2), computed again."""

from clnbook.audit.printed import OUYANG, Printed, best
from clnbook.audit.verdicts import DIFFERS, NOT_CHECKABLE, QUALIFIED, Answer, agree
from clnbook.published import CLN, SOTA
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS


def wins(p: Printed, t: float) -> tuple[dict[str, float], list[str], list[str]]:
    """Findings in which the best variant is above, level with and below the best published method.

    Those above come with the distance that legible cells leave certain. An illegible cell of a
    variant counts as the accuracy at a higher T, its least value; an illegible cell of a
    published method as the accuracy at a lower T, its largest. Findings where these bounds decide
    nothing are in none of the three.
    """
    above: dict[str, float] = {}
    level, below = [], []
    variants, methods = p.methods(CLN, 1), p.methods(SOTA, 1)
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


def findings_won(p: Printed, t: float, number: int, level_by_text: bool = False) -> Answer:
    """Findings in which the best of six variants is above the best of five published methods.

    `level_by_text`: the sentence itself gives both sides 1.00 for cardiomegaly, the table's
    published cell is illegible.
    """
    above, level, below = wins(p, t)
    if level_by_text and "Cardiomegaly" not in above:
        level = ["Cardiomegaly"]
    open_ = [f for f in BOXED if f not in (*above, *level, *below)]
    # The text names these itself: both at 1.00 for cardiomegaly, effusion worse at T = 0.1.
    said = level == ["Cardiomegaly"] and below == (["Effusion"] if t == THRESHOLDS[0] else [])
    missed = QUALIFIED if said else DIFFERS
    verdict = agree(len(above) == number, missed) if not open_ else NOT_CHECKABLE
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


def all_variants(p: Printed) -> Answer:
    """Legible means of variants against the largest that a published mean can be."""
    ours = [(t, v) for t in THRESHOLDS for v in p.mean_iou(t, CLN).values()]
    top = {t: max(p.at_most(t, m, MEAN) for m in p.methods(SOTA, 1)) for t in THRESHOLDS}
    above = sum(value > top[t] for t, value in ours)
    below, cells = cells_below(p)
    note = (
        f"The other {42 - len(ours)} of 42 rows of variants are not legible. Of single findings "
        f"{below} of {cells} legible cells are below the best published one."
    )
    return Answer(f"{above} of {len(ours)} legible means", agree(above == len(ours)), note)


def cells_below(p: Printed) -> tuple[int, int]:
    """Legible cells of variants below the best legible published cell, and how many there are."""
    methods = p.methods(SOTA, 1)
    cells = [k for k in p.iou if k[2] != MEAN and p.family[k[1]] == CLN]
    rivals = [max(p.iou.get((t, m, f), 0.0) for m in methods) for t, _, f in cells]
    return sum(p.iou[k] < rival for k, rival in zip(cells, rivals, strict=True)), len(cells)


def largest_mean(p: Printed, value: float) -> Answer:
    """The largest legible mean of a variant."""
    means = {f"{m} at T = {t}": v for t in THRESHOLDS for m, v in p.mean_iou(t, CLN).items()}
    where, largest = best(means)
    note = "The loosest threshold; the best AUC belongs to another variant."
    return Answer(f"{largest:.3f} ({where})", agree(round(largest, 3) == value), note)


def best_variant(p: Printed, t: float, value: float) -> Answer:
    """The largest legible mean of a variant at a threshold."""
    means = p.mean_iou(t, CLN)
    name, largest = best(means)
    note = f"Of {len(means)} legible rows of 6."
    if largest > value:
        below = largest - value
        note += f" The sentence may follow another variant; it understates by {below:.3f}."
    return Answer(f"{largest:.3f} ({name})", agree(round(largest, 3) == value), note)


def best_published(p: Printed, t: float, value: float) -> Answer:
    """The mean of Ouyang et al. at a threshold, or the bounds that legible rows set."""
    if (mean := p.iou.get((t, OUYANG, MEAN))) is None:
        low, high = p.at_least(t, OUYANG, MEAN), p.at_most(t, OUYANG, MEAN)
        verdict = NOT_CHECKABLE if low <= value <= high else DIFFERS
        note = "The row of Ouyang et al. is not legible here."
        if (doubtful := p.doubtful.get((t, OUYANG, MEAN))) is not None:
            note = f"A row with another label, which fits Ouyang et al., has {doubtful:.3f}."
        return Answer(f"{low:.3f} to {high:.3f}", verdict, note)
    name, top = best(p.mean_iou(t, SOTA))
    return Answer(f"{top:.3f} ({name})", agree(round(mean, 3) == value == round(top, 3)))


def improvement(p: Printed, t: float, ours: float, theirs: float, percent: float) -> Answer:
    """The gain in percent of the two means quoted with it, and of Table 1's.

    The published side is the sentence's where Table 1 is not legible.
    """
    name, top = best(p.mean_iou(t, CLN))
    base = p.iou.get((t, OUYANG, MEAN), theirs)
    gain = round(100 * (top / base - 1), 1)
    quoted = round(100 * (ours / theirs - 1), 1)
    note = "" if (t, OUYANG, MEAN) in p.iou else f"{theirs:.3f} is the sentence's own number."
    if gain == quoted:
        return Answer(f"{gain} %", agree(gain == percent), note)
    note = f"{name} is higher in Table 1 than the quoted mean, which is a row of its own."
    recomputed = f"{quoted} % from the two quoted means, {gain} % from Table 1"
    return Answer(recomputed, agree(quoted == percent), note)


def growing(p: Printed) -> Answer:
    """Relative and absolute improvement where both means are legible."""
    both = [t for t in THRESHOLDS if (t, OUYANG, MEAN) in p.iou]
    pairs = [(best(p.mean_iou(t, CLN))[1], p.iou[t, OUYANG, MEAN]) for t in both]
    percent = [100 * (a / b - 1) for a, b in pairs]
    gains = ", ".join(f"{value:.1f} %" for value in percent)
    apart = ", ".join(f"{a - b:.3f}" for a, b in pairs)
    note = f"At T = {', '.join(map(str, both))}; the differences are {apart}."
    return Answer(gains, agree(percent == sorted(percent)), note)


def effusion(p: Printed, value: float, method: str = "") -> Answer:
    """Effusion at T = 0.1: that of a method, or without a method that of the best variant."""
    names = [method] if method else p.methods(CLN, 1)
    legible = {m: p.iou[0.1, m, "Effusion"] for m in names if (0.1, m, "Effusion") in p.iou}
    name, top = best(legible)
    note = "" if method else f"Of {len(legible)} legible rows of 6."
    return Answer(f"{top:.2f} ({name})", agree(top == value), note)


def cardiomegaly(p: Printed, t: float) -> Answer:
    """Cardiomegaly of the best variant and of Ouyang et al."""
    name, ours = best({m: p.at_least(t, m, "Cardiomegaly") for m in p.methods(CLN, 1)})
    low, high = (f(t, OUYANG, "Cardiomegaly") for f in (p.at_least, p.at_most))
    if low < 1 == high:
        note = "The row of Ouyang et al. is not legible here."
        return Answer(f"{ours:.2f} ({name}); {low:.2f} to {high:.2f}", NOT_CHECKABLE, note)
    return Answer(f"{ours:.2f} ({name}); {low:.2f}", agree(ours == low == 1))
