"""What the paper says of Table 1 as a whole: its rows, means, order over T and ranks."""

from itertools import pairwise

from clnbook.audit.claims.ledger import TABLE1, Answer, agree, claim, said
from clnbook.audit.claims.printed import CHEXNET, CLN, OUYANG, PUBLISHED, VIT, Printed, best
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

ROUNDING = 0.0055  # of a mean of eight two-decimal cells, itself printed with three decimals


@claim(
    "row labels of Table 1",
    said("3.2", "five-methods", "against five state-of-the-art CXR image localisation methods",
         "Five published methods are compared.", "5", number=5, what=PUBLISHED),
    said("3.2", "four-compared", "than the four compared state-of-the-art methods",
         "Four published methods are compared.", "4", number=4, what=PUBLISHED),
    said("3.1", "six-bases-table", "the proposed method for six different backbone models",
         "Table 1 has six variants.", "6", number=6, what=CLN),
    said("3.1", "seven-thresholds", "was evaluated for seven different IoU thresholds",
         "Table 1 has seven thresholds.", "7", number=7, what=""),
)  # fmt: skip
def rows_of_table1(p: Printed, number: int, what: str) -> Answer:
    """Methods or thresholds among the legible rows."""
    names = p.methods(what, 1) if what else sorted({key[0] for key in p.iou})
    found = f"{len(names)}: {', '.join(map(str, names))}"
    note = "ViT-based and RGT are from one work, four works in all." if number == 4 else ""
    return Answer(found, agree(len(names) == number), note)


@claim(
    TABLE1,
    said("3.2", "means-of-table1", "mean IoU accuracy across all pathologies is also reported",
         "The last column is the mean of the eight."),
)  # fmt: skip
def means_of_table1(p: Printed) -> Answer:
    """Printed means against the mean of eight rounded cells, within rounding."""
    rows = [(t, m) for t, m, finding in p.iou if finding == MEAN]
    apart = [abs(sum(p.iou[*k, f] for f in BOXED) / 8 - p.iou[*k, MEAN]) for k in rows]
    fit = sum(value <= ROUNDING for value in apart)
    found = f"{fit} of {len(rows)} legible rows, at most {max(apart):.4f} apart"
    return Answer(found, agree(fit == len(rows)), "Cells have two decimals, means three.")


@claim(
    TABLE1,
    said("3.1", "larger-than-t", "to be correct when the computed IoU is larger than a",
         "Accuracy is a share of boxes above T, so that it cannot rise with T."),
    said("3.4.1", "negative-relation", "There is a clear negative relation between",
         "Accuracy falls as T grows."),
    said("3.4.1", "all-cases", "leading to lower mean IoU accuracy in all cases",
         "Every mean falls from each T to the next.", finding=MEAN),
)  # fmt: skip
def falling(p: Printed, finding: str = "") -> Answer:
    """Steps from a legible T to the next legible one that rise, or (means) do not fall."""
    rising = steps = 0
    for method in (*p.methods(PUBLISHED, 1), *p.methods(CLN, 1)):
        for column in (finding,) if finding else BOXED:
            series = [p.iou[t, method, column] for t in THRESHOLDS if (t, method, column) in p.iou]
            pairs = list(pairwise(series))
            steps += len(pairs)
            rising += sum(b > a or (b == a and finding == MEAN) for a, b in pairs)
    note = "Follows from the definition: a box above one threshold is above all lower ones."
    word = "do not fall" if finding else "rise"
    return Answer(f"{rising} of {steps} legible steps {word}", agree(not rising), note)


@claim(
    TABLE1,
    said("4", "first-localisation", "ranking first among all models for localisation",
         "CLN-CheXNet has the best localisation.", "1st"),
    said("3.4.3", "best-variant", "we compared the best performing CLN variant's (CLN-ChexNet) "
         "localisation performance", "CLN-CheXNet is the best variant.", "1st"),
)  # fmt: skip
def first_rank(p: Printed) -> Answer:
    """The thresholds at which CLN-CheXNet has the largest legible mean."""
    first = {t: best(p.mean_iou(t, CLN))[0] for t in THRESHOLDS}
    led = [t for t, name in first.items() if name == CHEXNET]
    others = "; ".join(f"T = {t}: {name}" for t, name in first.items() if name != CHEXNET)
    note = (
        f"First at T = {', '.join(map(str, led))}; the mean over T, which may be meant, illegible "
        f"rows leave open. Others: {others}."
    )
    return Answer(f"first at {len(led)} of {len(first)} T", agree(len(led) == len(first)), note)


@claim(
    TABLE1,
    said("4", "best-published", "The best performing state-of-the-art Ouyang et",
         "Ouyang et al. are the best published.", method=OUYANG),
    said("4", "worst-published", "worst performing ViT-based",
         "ViT-based is the worst published.", method=VIT),
)  # fmt: skip
def rank_of_published(p: Printed, method: str) -> Answer:
    """The thresholds at which a published method has the largest (smallest) legible mean."""
    pick = max if method == OUYANG else min
    where = [t for t in THRESHOLDS if (t, method, MEAN) in p.iou]
    led = [t for t in where if pick(p.mean_iou(t, PUBLISHED).values()) == p.iou[t, method, MEAN]]
    word = "highest" if method == OUYANG else "lowest"
    note = f"Not at T = {', '.join(str(t) for t in where if t not in led)}." if led != where else ""
    return Answer(f"{word} at {len(led)} of {len(where)} legible T", agree(0.1 in led), note)
