"""What the paper says of λ and of Grad-CAM (sections 3.4.2, 3.4.3 and 4; Figures 4 and 5)."""

from math import sqrt

from clnbook.audit.claims.ledger import (
    NEEDS_DATA,
    NOT_CHECKABLE,
    TABLE1,
    TABLE2,
    TEXT,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import (
    CHEXNET,
    EFFICIENTNET,
    INCEPTION,
    MOBILENET,
    RESNET,
    XCEPTION,
    Printed,
)
from clnbook.audit.claims.training import LAMBDAS
from clnlib.metrics.localisation import MEAN

RANGES = {
    INCEPTION: (0.777, 0.837, 0.022),
    CHEXNET: (0.818, 0.887, 0.021),
    XCEPTION: (0.817, 0.888, 0.024),
    MOBILENET: (0.831, 0.919, 0.025),
    EFFICIENTNET: (0.713, 0.831, 0.033),
    RESNET: (0.711, 0.893, 0.066),
}
"""Mean AUC over λ: smallest, largest and standard deviation (section 3.4.2)."""

STEPS = 9  # λ from 0.1 to 0.9, if by 0.1


@claim(
    TABLE2,
    *(
        said("3.4.2", f"range-{model}", f"from {low:.3f} to {high:.3f}",
             f"Mean AUC of {model} over λ.", f"{low:.3f} to {high:.3f}", model=model)
        for model, (low, high, _) in RANGES.items()
    ),
)  # fmt: skip
def auc_range(p: Printed, model: str) -> Answer:
    """Whether Table 2's mean, one point of the curve, lies in the range."""
    low, high, _ = RANGES[model]
    value = p.auc[model, MEAN]
    lam = next(lam for lam, group in LAMBDAS.items() if model in group)
    inside = "inside" if low < value < high else "an end" if value in (low, high) else "outside"
    note = f"Table 2 at λ = {lam}: {value:.3f}, {inside} of the range. Figure 4 prints no numbers."
    return Answer(f"{value:.3f} at λ = {lam}, {inside}", NEEDS_DATA, note, "ablation")


@claim(
    TEXT,
    *(
        said("3.4.2", f"sigma-{model}", f"from {low:.3f} to {high:.3f}",
             f"Standard deviation of {model}'s mean AUC over λ.", f"{sigma:.3f}", model=model)
        for model, (low, high, sigma) in RANGES.items()
    ),
)  # fmt: skip
def sigma(_: Printed, model: str) -> Answer:
    """The standard deviations that nine values with the printed ends can have."""
    low, high, printed = RANGES[model]
    # least: all others in the middle; largest: half of the values at either end
    least, most = (high - low) / sqrt(2 * STEPS), (high - low) * sqrt(20 / 81)
    fits = "Possible" if least <= printed <= most * sqrt(STEPS / (STEPS - 1)) else "Impossible"
    note = f"{fits} for {STEPS} values with these ends. Figure 4 prints no numbers."
    return Answer(f"{least:.3f} to {most:.3f}", NEEDS_DATA, note, "ablation")


@claim(
    TEXT,
    said("3.4.2", "less-affected", "CLN-Xception, and CLN-MobileNetV3Small are less affected by",
         "λ affects the AUC of four variants less than that of two."),
)  # fmt: skip
def less_affected(_: Printed) -> Answer:
    """The printed deviations and ranges of the four and the two."""
    widths = {m: (s, high - low) for m, (low, high, s) in RANGES.items()}
    two = [widths.pop(m) for m in (EFFICIENTNET, RESNET)]
    four = list(widths.values())
    found = f"σ at most {max(s for s, _ in four)} against at least {min(s for s, _ in two)}"
    return Answer(found, agree(max(four) < min(two)), "From the printed ranges alone.")


@claim(
    TABLE2,
    said("3.4.2", "above-maximum", "from 0.831 to 0.919",
         "Over λ CLN-MobileNetV3Small's mean AUC reaches 0.919; elsewhere 0.918 is the maximum.",
         "0.919"),
)  # fmt: skip
def above_maximum(p: Printed) -> Answer:
    """The top of the range against the maximum of the abstract, which is Table 2's."""
    top = RANGES[MOBILENET][1]
    value = p.auc[MOBILENET, MEAN]
    note = "The maximum may be over variants at their selected λ, or a rounding apart."
    return Answer(f"{value:.3f} in Table 2, {top - value:.3f} lower", agree(value == top), note)


@claim(
    "Figure 4",
    said("3.4.2", "iou-dramatic", "mean IoU accuracy is much more dramatic compared to AUC",
         "λ moves mean IoU accuracy much more than AUC."),
    said("3.4.2", "middle-underperforms", "at the mid of its range seem to underperform "
         "considerably", "Values of λ in the middle localise worse.",
         note="Three of six variants use λ = 0.4, next to the middle; Figure 4 may show why."),
    said("3.4.2", "drop-and-rise", "increases and then improves again for higher values",
         "Localisation drops and then improves as λ grows."),
    said("3.4.2", "same-at-every-t", "trend for each variant is consistent across the different "
         "IoU thresholds", "The trend is the same at every T."),
    said("3.4.2", "less-at-0.1", "drop in localisation performance for midvalued",
         "The drop is smaller at T = 0.1."),
    said("3.4.2", "other-lambda", "the best mean AUC is typically achieved for a different",
         "AUC and IoU accuracy have different best λ."),
    said("4", "other-lambda-discussion", "ablation study showed that the best performance is "
         "achieved for different", "AUC and IoU accuracy have different best λ."),
    said("5", "trade-off-conclusion", "trade-off between classification and localisation "
         "performance is required during", "The two tasks want different λ."),
)  # fmt: skip
def figure4(_: Printed, note: str = "Figure 4 prints no numbers.") -> Answer:
    """Curves over λ, which runs of the ablation give."""
    return Answer("", NEEDS_DATA, note, "ablation")


@claim(
    TABLE1,
    said("3.4.3", "gradcam-cln", "achieving a maximum mean IoU accuracy of 0.855 for",
         "CLN-CheXNet reaches 0.855 at T = 0.1.", "0.855"),
)  # fmt: skip
def gradcam_cln(p: Printed) -> Answer:
    """CLN-CheXNet's mean at T = 0.1."""
    value = p.iou[0.1, CHEXNET, MEAN]
    return Answer(f"{value:.3f}", agree(value == 0.855))


@claim(
    TABLE1,
    said("3.4.3", "gradcam-127", "compared to 0.382 for Grad-CAM with the [127, 255] threshold",
         "Grad-CAM reaches 0.382 with the lower threshold.", "0.382", value=0.382),
    said("3.4.3", "gradcam-180", "and 0.302 for Grad-CAM with the [180, 255] threshold",
         "Grad-CAM reaches 0.302 with the higher threshold.", "0.302", value=0.302),
)  # fmt: skip
def gradcam(p: Printed, value: float) -> Answer:
    """Grad-CAM's mean as a part of CLN-CheXNet's; itself it takes a trained network."""
    ratio = p.iou[0.1, CHEXNET, MEAN] / value
    note = "Grad-CAM learns from labels alone; an image-blind box is a floor for both."
    return Answer(f"CLN-CheXNet {ratio:.2f} times as high", NEEDS_DATA, note, "gradcam")


@claim(
    TABLE1,
    said("3.4.3", "gradcam-better", "the proposed approach performs considerably better than "
         "Grad-CAM applied", "CLN-CheXNet localises considerably better than Grad-CAM."),
)  # fmt: skip
def gradcam_better(p: Printed) -> Answer:
    """The printed difference at T = 0.1."""
    apart = p.iou[0.1, CHEXNET, MEAN] - 0.382
    note = "By the printed numbers at T = 0.1; for other T only Figure 5 has them."
    return Answer(f"+{apart:.3f} at T = 0.1", agree(apart > 0), note)


@claim(
    TEXT,
    said("3.4.3", "gradcam-thresholds", "accepting pixel values within the range [127, 255]",
         "Two thresholds of the heat map are used.", "127, 180"),
)  # fmt: skip
def gradcam_thresholds(_: Printed) -> Answer:
    """The thresholds as shares of the heat map's range."""
    low, high = (value / 255 for value in (127, 180))
    found = f"{low:.3f} and {high:.3f} of the maximum"
    return Answer(found, NOT_CHECKABLE, "Settings; the cited work has its own.")
