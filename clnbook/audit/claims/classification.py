"""What the paper says of AUC (Table 2, section 3.3) and of both tasks together (section 4)."""

from itertools import pairwise

from clnbook.audit.claims.ledger import (
    NOT_CHECKABLE,
    REPRODUCED,
    TABLE1,
    TABLE2,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import (
    CHEXNET,
    CLN,
    MOBILENET,
    OUYANG,
    PUBLISHED,
    RESNET,
    VIT,
    WANG,
    XCEPTION,
    Printed,
    best,
)
from clnbook.audit.claims.table1 import ROUNDING
from clnlib.findings import BOXED
from clnlib.metrics.localisation import MEAN, THRESHOLDS

LISTED = (
    "CrossViT", "PS-ViT", "DNetLoc", "CAN", "Liu et al.", "Han et al.", "Rajpurkar et al.",
)  # fmt: skip
LOCALISERS = (VIT, WANG, "RGT", "Li et al.", OUYANG)


@claim(
    TABLE2,
    said("Abstract", "max-auc", "achieving a maximum classification mean AUC score of 0.918",
         "The best mean AUC is 0.918.", "0.918"),
    said("1", "max-auc-introduction", "localisation and classification tasks, achieving a maximum "
         "classification mean AUC", "The best mean AUC is 0.918.", "0.918"),
    said("3.3", "max-auc-results", "in terms of mean AUC, achieving a mean AUC of 0.918",
         "CLN-MobileNetV3Small's mean AUC is 0.918.", "0.918"),
    said("5", "auc-conclusion", "achieving a mean AUC of 0.918 in classification",
         "CLN's mean AUC is 0.918.", "0.918"),
)  # fmt: skip
def largest_auc(p: Printed) -> Answer:
    """The largest mean AUC of Table 2."""
    name, value = best(p.mean_auc(CLN) | p.mean_auc(PUBLISHED))
    note = "The best of six variants; the best mean IoU accuracy is another's."
    return Answer(f"{value:.3f} ({name})", agree(value == 0.918 and name == MOBILENET), note)


@claim(
    TABLE2,
    said("3.3", "second-auc", "The second best mean AUC (0.893) was achieved by the proposed",
         "Second is CLN-ResNet50V2.", "0.893", rank=2, method=RESNET, value=0.893),
    said("3.3", "third-auc", "whereas the third best (0.878) by the proposed CLN-Xception",
         "Third is CLN-Xception.", "0.878", rank=3, method=XCEPTION, value=0.878),
    said("4", "fourth-auc", "fourth behind other CLN variants for classification",
         "CLN-CheXNet is fourth.", "4th", rank=4, method=CHEXNET, value=0.849),
)  # fmt: skip
def rank(p: Printed, rank: int, method: str, value: float) -> Answer:
    """The place of a mean AUC among all rows of Table 2."""
    means = p.mean_auc(CLN) | p.mean_auc(PUBLISHED)
    place = sum(other > means[method] for other in means.values()) + 1
    same = place == rank and means[method] == value
    return Answer(f"{means[method]:.3f}, place {place} of {len(means)}", agree(same))


@claim(
    TABLE2,
    said("3.3", "outperformed-all", "outperformed all the compared methods in terms of mean AUC",
         "CLN-MobileNetV3Small's AUC is above the others'."),
)  # fmt: skip
def outperforms(p: Printed) -> Answer:
    """Variants whose mean AUC is above every published one."""
    ours, theirs = p.mean_auc(CLN), best(p.mean_auc(PUBLISHED))
    above = sum(value > theirs[1] for value in ours.values())
    found = f"{best(ours)[1]:.3f} against {theirs[1]:.3f} ({theirs[0]}); {above} of 6 variants"
    note = "The best of six; the test sets of the published rows are not told."
    return Answer(found, agree(best(ours)[1] > theirs[1]), note)


BOTH = "CLN's mean AUC, and its mean IoU accuracy at each T, are above the others'."


@claim(
    f"{TABLE2}; {TABLE1}",
    said("Abstract", "outperformed", "Our approach outperformed state-of-the-art methods", BOTH),
    said("Abstract", "superior", "including superior classification and localisation accuracy",
         BOTH),
    said("1", "outperformed-introduction", "outperformed state-of-the-art methods in both the "
         "localisation and classification tasks", BOTH),
    said("1", "outperforms-contribution", "localisation and classification that outperforms the "
         "state of the art", BOTH),
    said("4", "outperforms-discussion", "outperforms the examined state-of-the-art models for both "
         "CXR image localisation", BOTH),
    said("5", "superior-conclusion", "notable advantages over existing methods, including "
         "superior classification and localisation", BOTH),
)  # fmt: skip
def outperforms_in_both(p: Printed) -> Answer:
    """`outperforms`, and the thresholds at which a variant's mean is above every published one."""
    auc = outperforms(p)
    published = p.methods(PUBLISHED, 1)
    above = sum(
        best(p.mean_iou(t, CLN))[1] > max(p.at_most(t, m, MEAN) for m in published)
        for t in THRESHOLDS
    )
    found = f"AUC {auc.recomputed}; IoU accuracy at {above} of {len(THRESHOLDS)} T"
    same = auc.verdict == REPRODUCED and above == len(THRESHOLDS)
    return Answer(found, agree(same), auc.note)


@claim(
    TABLE2,
    said("3.3", "all-auc", "able to achieve improved AUC for all the examined pathologies",
         "The best variant is above the best published method in all eight.", "8 of 8"),
)  # fmt: skip
def findings_won(p: Printed) -> Answer:
    """Findings in which the best variant is above, and level with, the best published method."""
    ours, theirs = (
        {f: max(p.auc[m, f] for m in p.methods(family, 2)) for f in BOXED}
        for family in (CLN, PUBLISHED)
    )
    above = [f for f in BOXED if ours[f] > theirs[f]]
    level = [f for f in BOXED if ours[f] == theirs[f]]
    note = f"Level: {', '.join(level) or 'none'}; the next sentence of the paper says so itself."
    return Answer(f"{len(above)} of 8 better, {len(level)} equal", agree(len(above) == 8), note)


@claim(
    TABLE2,
    said("3.3", "effusion-auc", "For effusion, the best AUC of 0.88 was achieved by",
         "Three methods share the best AUC for effusion.", "0.88"),
)  # fmt: skip
def effusion_auc(p: Printed) -> Answer:
    """The methods with the largest AUC for effusion."""
    values = {m: v for (m, f), v in p.auc.items() if f == "Effusion"}
    top = max(values.values())
    names = [m for m, v in values.items() if v == top]
    same = top == 0.88 and set(names) == {MOBILENET, "Liu et al.", "Rajpurkar et al."}
    return Answer(f"{top:.2f} ({', '.join(names)})", agree(same))


@claim(
    TABLE2,
    said("3.3", "means-of-table2", "well in terms of the mean AUC across the 8 pathologies",
         "The last column is the mean of the eight."),
)  # fmt: skip
def means_of_table2(p: Printed) -> Answer:
    """Printed means against the mean of eight rounded cells, within rounding."""
    names = [m for m, f in p.auc if f == MEAN]
    apart = [abs(sum(p.auc[m, f] for f in BOXED) / 8 - p.auc[m, MEAN]) for m in names]
    fit = sum(value <= ROUNDING for value in apart)
    found = f"{fit} of {len(names)} rows, at most {max(apart):.4f} apart"
    return Answer(found, agree(fit == len(names)), "Cells have two decimals, means three.")


@claim(
    TABLE2,
    said("3.3", "order-of-table2", "Results ordered by ascending mean AUC",
         "Rows of Table 2 ascend by mean."),
)  # fmt: skip
def ordered(p: Printed) -> Answer:
    """Steps from a row to the next that fall."""
    means = [value for (_, f), value in p.auc.items() if f == MEAN]
    falls = sum(b < a for a, b in pairwise(means))
    return Answer(f"{falls} of {len(means) - 1} steps fall", agree(not falls))


@claim(
    "row labels of Table 2",
    said("3.3", "seven-additional", "well as seven additional CXR image classification methods",
         "Beside the five, seven methods are compared.", "7", number=7),
    said("3.3", "five-localisers", "we included the five CXR localisation methods examined in the "
         "previous section", "The five of Table 1 are in Table 2.", "5", number=5),
)  # fmt: skip
def rows_of_table2(p: Printed, number: int) -> Answer:
    """Published rows of Table 2 that are, and are not, in Table 1."""
    names = p.methods(PUBLISHED, 2)
    if number == 5:
        found = [m for m in names if m in LOCALISERS]
        return Answer(f"{len(found)}", agree(len(found) == 5))
    others = [m for m in names if m not in LOCALISERS]
    unlisted = [m for m in others if m not in LISTED]
    note = f"The sentence's list lacks {', '.join(unlisted) or 'none'}"
    return Answer(f"{len(others)}", agree(len(others) == number), note)


@claim(
    TABLE1,
    said("4", "best-balance", "CLN-CheXNet achieved the best balance among localisation and "
         "classification", "CLN-CheXNet balances the two tasks best."),
)  # fmt: skip
def balance(p: Printed) -> Answer:
    """The variant with the largest sum of both means at the loosest and the strictest T."""
    leaders = []
    for t in (0.1, 0.7):
        sums = {m: value + p.auc[m, MEAN] for m, value in p.mean_iou(t, CLN).items()}
        name, value = best(sums)
        leaders.append(f"T = {t}: {name} {value:.3f} of {len(sums)} rows")
    note = "Balance is not defined; here the sum of mean AUC and mean IoU accuracy."
    return Answer("; ".join(leaders), NOT_CHECKABLE, note)
