"""What the paper says of other work (section 1), and what it says without a number."""

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
from clnbook.audit.claims.printed import OUYANG, VIT, WANG, Printed
from clnlib.metrics.localisation import MEAN, THRESHOLDS

OTHERS = "A figure of the cited work, which this paper does not repeat in a table."
NO_SIZES = "No size, operation count or time of a compared method is printed."


@claim(
    TEXT,
    said("1", "bar", "AUC) score of 93%, 89%, and 79% for pleural effusion",
         "Bar et al. reach these AUCs on three tasks.", "93 %, 89 %, 79 %", note=OTHERS),
    said("1", "cicero", "AUC scores between 85%-96.4% for six different pathologies",
         "Cicero et al. reach these AUCs on six pathologies.", "85 % to 96.4 %", note=OTHERS),
    said("1", "kumar", "achieving an average AUC of 79.5%",
         "Kumar et al. reach this mean AUC on ChestX-ray14.", "79.5 %", note=OTHERS),
    said("1", "majdi", "73% for pulmonary nodule identification, and 92% for cardiomegaly",
         "Majdi et al. reach these AUCs.", "73 %, 92 %", note=OTHERS),
    said("1", "zhao", "achieving an average AUC of 85.37%",
         "Zhao et al. reach this mean AUC on ChestX-ray14.", "85.37 %", note=OTHERS),
    said("1", "blais-6", "mean AUC of 95.87% on 6 pathologies",
         "Blais and Akhloufi reach this mean AUC on six pathologies.", "95.87 %", note=OTHERS),
    said("1", "blais-14", "94.90% on the CheXpert data set's 14 pathologies",
         "They reach this mean AUC on CheXpert's 14 labels.", "94.90 %",
         note=f"{OTHERS} One of CheXpert's 14 labels is No Finding, one is Support Devices."),
    said("1", "ievit-sets", "evaluated it on four different CXR data sets",
         "IEViT was evaluated on four data sets.", "4", note=OTHERS),
    said("1", "ievit-f1", "maximum average F1-score between 96.39% and 100%",
         "IEViT reaches these F1 scores.", "96.39 % to 100 %", note=OTHERS),
    said("1", "chexnet-radiologists", "performance comparable to expert radiologists in pneumonia "
         "diagnosis", "CheXNet diagnoses pneumonia as well as radiologists do.", note=OTHERS),
    said("1", "lower-resources", "requires lower computational resources than more complex "
         "networks", "CLN needs less computation than more complex networks.", note=NO_SIZES),
    said("1", "significantly-stable", "Significantly improved stability in terms of localisation "
         "performance", "The slower decay over T is significant.",
         note="No test of the decays is reported; significantly may be meant as considerably."),
    said("1", "source-code", "Our source code is avalable to facilitate further research",
         "The source code is available.",
         note="The footnote promises a link upon acceptance; this manuscript precedes it."),
    said("1", "simpler-contribution", "Relative simplicity compared to state-of-the-art methods by "
         "utilising CNNs", "CLN is simpler than the compared methods.", note=NO_SIZES),
    said("3.1", "fair-metrics", "according to the performance metrics utilised in the compared "
         "works", "Metrics are those of the compared works.",
         note="The compared works define their own metrics and test sets."),
    said("3.1", "precision-recall", "how well the model balances precision and recall",
         "A range of T shows the balance of precision and recall.",
         note="IoU accuracy counts one box per image and finding: neither precision nor recall "
         "is reported."),
    said("3.3", "table2-test-set", "AUC scores for the annotated subset of the NIH dataset",
         "All AUCs of Table 2 are of the annotated subset.",
         note="Published methods' AUCs may be quoted from their own test sets, most of them "
         "without boxes and with 14 labels; the table does not say which."),
    said("3.3", "table2-bold", "Methods in bold are also included in the localisation",
         "Table 2 marks the five localisation methods in bold.",
         note="The text conversion of the manuscript lost bold type."),
    said("3.3", "table2-li", "Results refer to the 80% annotated - 80% unannotated setting",
         "Li et al. is quoted for training on 80 % of either kind of image.", "80 %, 80 %",
         note=OTHERS),
    said("4", "complexity-others", "leading to a substantial increase in complexity",
         "The compared methods are substantially more complex.", note=NO_SIZES),
    said("4", "complexity-lower", "relative simplicity that leads to lower computational "
         "complexity", "CLN is computationally less complex.", note=NO_SIZES),
    said("Abstract", "simpler", "IoU thresholds, and an overall simpler architecture",
         "CLN is simpler overall.", note=NO_SIZES),
    said("5", "simpler-conclusion", "overall simpler architecture. The results indicate",
         "CLN is simpler overall.", note=NO_SIZES),
)  # fmt: skip
def unprinted(_: Printed, note: str) -> Answer:
    """Statements whose number or comparison the paper does not print."""
    return Answer("", NOT_CHECKABLE, note)


@claim(
    TEXT,
    said("4", "boxes-more-precise", "which is more precise than methods that rely purely",
         "Learning from boxes is more precise than learning from labels alone.",
         needs="gradcam", note="Both trained alike on one split would show it."),
    said("5", "efficient", "CLN can offer an efficient solution for computer-aided CXR diagnosis",
         "CLN is efficient.", needs="complexity",
         note="Counts are in Table 3; no time per image is printed."),
)  # fmt: skip
def unmeasured(_: Printed, needs: str, note: str) -> Answer:
    """Statements that a measurement would decide."""
    return Answer("", NEEDS_DATA, note, needs)


@claim(
    TABLE2,
    said("1", "wang-auc", "achieving an average AUC of 80.3%",
         "Wang et al. reach this mean AUC on eight pathologies.", "80.3 %"),
)  # fmt: skip
def wang_auc(p: Printed) -> Answer:
    """Section 1's mean AUC of Wang et al. against Table 2's."""
    value = p.auc[WANG, MEAN]
    note = "Both are over eight pathologies; they may come from different versions or splits."
    return Answer(f"{value:.1%} in Table 2", agree(round(value, 3) == 0.803), note)


@claim(
    TABLE2,
    said("1", "chexnet-auc", "14 pathologies, reaching an average AUC of 84.11%",
         "CheXNet reaches this mean AUC on 14 pathologies.", "84.11 %"),
)  # fmt: skip
def chexnet_auc(p: Printed) -> Answer:
    """What the six other findings must average for Table 2's eight to fit section 1's 14."""
    eight = sum(v for (m, f), v in p.auc.items() if m == "Rajpurkar et al." and f != MEAN)
    mean = p.auc["Rajpurkar et al.", MEAN]
    rest = (14 * 0.8411 - eight) / 6
    note = f"Table 2 prints {mean:.3f} over eight findings, which the 14 can include."
    return Answer(f"fits if the other six average {rest:.3f}", NOT_CHECKABLE, note)


@claim(
    TABLE1,
    said("1", "newer-methods", "newer methods outperform the CAM-based ones that rely on CNNs",
         "RGT and Ouyang et al. localise better than the CAM-based Wang et al."),
)  # fmt: skip
def newer_methods(p: Printed) -> Answer:
    """Means of the newer methods named that Table 1 has against Wang et al., the CAM-based one."""
    pairs = {
        method: [
            p.iou[t, method, MEAN] > p.iou[t, WANG, MEAN]
            for t in THRESHOLDS
            if (t, method, MEAN) in p.iou and (t, WANG, MEAN) in p.iou
        ]
        for method in ("RGT", OUYANG, VIT)
    }
    wins = {method: f"{sum(above)} of {len(above)}" for method, above in pairs.items()}
    note = (
        f"Qi et al., the third named, are not in Table 1. ViT-based, there as RGT's baseline and "
        f"not named, is above at {wins.pop(VIT)}."
    )
    found = ", ".join(f"{method} {number}" for method, number in wins.items())
    same = all(all(pairs[method]) for method in wins)
    return Answer(f"above Wang et al.: {found} means", agree(same), note)


@claim(
    TEXT,
    said("1", "uses-boxes", "contrary to most state-of-the-art CXR localisation methods",
         "Most compared methods do not train on boxes, CLN does.", "most"),
)  # fmt: skip
def training_with_boxes(_: Printed) -> Answer:
    """What section 1 says of the five methods of Table 1: three train without boxes."""
    without = ("Wang et al.", "RGT", "Ouyang et al.")  # weakly supervised, by section 1
    note = "Li et al. use limited box annotation; ViT-based is not described."
    return Answer(f"{len(without)} of 5, by section 1's own words", agree(len(without) > 2), note)
