"""Claims on λ and on Grad-CAM (sections 3.4.2, 3.4.3 and 4; Figures 4 and 5), computed again."""

from collections import Counter
from math import sqrt

import pandas as pd

from clnbook import published
from clnbook.audit.printed import CHEXNET, Printed
from clnbook.audit.verdicts import NEEDS_DATA, NOT_CHECKABLE, QUALIFIED, Answer, agree
from clnlib.metrics.localisation import MEAN

STEPS = 9  # λ from 0.1 to 0.9, if by 0.1
NO_NUMBERS = "Figure 4 prints no numbers."


def _ranges() -> dict[str, tuple[float, float, float]]:
    """Mean AUC over λ by variant: smallest, largest and standard deviation (section 3.4.2)."""
    table = published.lambda_ranges()
    names = [published.VARIANTS[backbone] for backbone in table.index]
    return dict(zip(names, table.itertuples(index=False, name=None), strict=True))


def beside_ranges(p: Printed) -> pd.DataFrame:
    """Table 2's mean AUC of each variant beside the ends of its printed range over λ.

    Returns
    -------
    DataFrame
        Index the variants; columns `Table 2`, `least over λ`, `most over λ`.
    """
    rows = {m: (p.auc[m, MEAN], low, high) for m, (low, high, _) in _ranges().items()}
    columns = ["Table 2", "least over λ", "most over λ"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def auc_range(p: Printed, model: str) -> Answer:
    """Whether Table 2's mean, one point of the curve over λ, lies in the printed range."""
    low, high, _ = _ranges()[model]
    value = p.auc[model, MEAN]
    lam = next(lam for name, lam in published.LAMBDAS.items() if published.VARIANTS[name] == model)
    inside = "inside" if low < value < high else "an end" if value in (low, high) else "outside"
    note = f"Table 2 at λ = {lam}: {value:.3f}, {inside} of the range. {NO_NUMBERS}"
    return Answer(f"{value:.3f} at λ = {lam}, {inside}", NEEDS_DATA, note, "ablation")


def sigma(_: Printed, model: str) -> Answer:
    """The standard deviations that nine values with the printed ends can have."""
    low, high, printed = _ranges()[model]
    # least: all others in the middle; largest: half of the values at either end
    least, most = (high - low) / sqrt(2 * STEPS), (high - low) * sqrt(20 / 81)
    fits = "Possible" if least <= printed <= most * sqrt(STEPS / (STEPS - 1)) else "Impossible"
    note = f"{fits} for {STEPS} values with these ends. {NO_NUMBERS}"
    return Answer(f"{least:.3f} to {most:.3f}", NEEDS_DATA, note, "ablation")


def less_affected(_: Printed, models: list[str]) -> Answer:
    """The printed deviations and ranges of the models named against those of the others."""
    widths = {m: (sd, high - low) for m, (low, high, sd) in _ranges().items()}
    less = [widths.pop(model) for model in models]
    more = list(widths.values())
    recomputed = f"σ at most {max(s for s, _ in less)} against at least {min(s for s, _ in more)}"
    return Answer(recomputed, agree(max(less) < min(more)), "From the printed ranges alone.")


def above_maximum(p: Printed, model: str) -> Answer:
    """The top of a range against the maximum of the abstract, which is Table 2's."""
    top = _ranges()[model][1]
    value = p.auc[model, MEAN]
    note = "The abstract's maximum is over variants at their selected λ (section 3.4.2)."
    return Answer(f"{value:.3f} at the selected λ", agree(value == top, QUALIFIED), note)


def chosen_on_test(p: Printed) -> Answer:
    """Ends of the printed ranges over λ that are Table 2's means, which are of the test images."""
    tops = {m: high for m, (_, high, _) in _ranges().items() if high == p.auc[m, MEAN]}
    named = ", ".join(f"{m} {value:.3f}" for m, value in tops.items())
    note = (
        "To three decimals. If that is no coincidence, Figure 4 shows test images; whether λ was "
        "chosen by them or by others the text does not say."
    )
    recomputed = f"{len(tops)} of {len(_ranges())} ranges end at a test AUC of Table 2: {named}"
    return Answer(recomputed, NOT_CHECKABLE, note)


def other_lambdas(_: Printed) -> Answer:
    """The λ of the six variants that Tables 1 and 2 compare."""
    numbers = Counter(published.LAMBDAS.values())
    each = ", ".join(f"{lam} ({number})" for lam, number in sorted(numbers.items()))
    note = "Variants differ in backbone and λ at once; what the backbone alone does is not printed."
    return Answer(f"{len(numbers)} λ: {each}", NOT_CHECKABLE, note)


def critical(_: Printed) -> Answer:
    """How far the mean AUC moves over λ, by the printed ranges."""
    widths = [high - low for low, high, _ in _ranges().values()]
    recomputed = f"mean AUC moves by {min(widths):.3f} to {max(widths):.3f} over λ"
    return Answer(recomputed, NOT_CHECKABLE, "No criterion is given. " + NO_NUMBERS)


def figure4(_: Printed) -> Answer:
    """Curves over λ, which only runs of the ablation give."""
    return Answer("", NEEDS_DATA, NO_NUMBERS, "ablation")


def gradcam_cln(p: Printed, model: str, value: float) -> Answer:
    """The mean IoU accuracy of a variant at T = 0.1."""
    mean = p.iou[0.1, model, MEAN]
    return Answer(f"{mean:.3f}", agree(mean == value))


def gradcam(p: Printed, value: float) -> Answer:
    """Grad-CAM's mean as a part of CLN-CheXNet's; the mean itself takes a trained network."""
    ratio = p.iou[0.1, CHEXNET, MEAN] / value
    note = "Grad-CAM learns from labels alone; an image-blind box is a floor for both."
    return Answer(f"CLN-CheXNet {ratio:.2f} times as high", NEEDS_DATA, note, "gradcam")


def gradcam_better(p: Printed, value: float) -> Answer:
    """CLN-CheXNet's mean at T = 0.1 less Grad-CAM's printed one."""
    apart = p.iou[0.1, CHEXNET, MEAN] - value
    note = "By the printed numbers at T = 0.1; for other T only Figure 5 has them."
    return Answer(f"+{apart:.3f} at T = 0.1", agree(apart > 0), note)


def gradcam_thresholds(_: Printed, low: int, high: int) -> Answer:
    """The thresholds, of 255 grey levels, as shares of the heat map's range."""
    recomputed = f"{low / 255:.3f} and {high / 255:.3f} of the maximum"
    return Answer(recomputed, NOT_CHECKABLE, "Settings; the cited work has its own.")
