"""Figures: data in, Axes out. Colours are Okabe and Ito's, safe for colour-blind readers."""

from clnbook.figures.architecture import architecture
from clnbook.figures.audit import (
    admissible_sizes,
    beaten,
    class_sizes,
    dumbbells,
    intervals,
    leakage_bars,
    printed_beside_blind,
    verdicts,
    verdicts_by_section,
)
from clnbook.figures.boxes import blind_boxes
from clnbook.figures.classification import confusion, reliability, roc
from clnbook.figures.curves import (
    accuracy_by_threshold,
    accuracy_curves,
    by_lambda,
    decay,
    lambda_panels,
)
from clnbook.figures.dataset import ages, all_boxes
from clnbook.figures.images import (
    boxes_on_image,
    cam_gallery,
    gallery,
    prediction,
    probability_bars,
)
from clnbook.figures.style import BLIND, CAM, OTHER, PAPER, PREDICTED, TRUE, save, style
from clnbook.figures.training import learning_curves

__all__ = [
    "BLIND",
    "CAM",
    "OTHER",
    "PAPER",
    "PREDICTED",
    "TRUE",
    "accuracy_by_threshold",
    "accuracy_curves",
    "admissible_sizes",
    "ages",
    "all_boxes",
    "architecture",
    "beaten",
    "blind_boxes",
    "boxes_on_image",
    "by_lambda",
    "cam_gallery",
    "class_sizes",
    "confusion",
    "decay",
    "dumbbells",
    "gallery",
    "intervals",
    "lambda_panels",
    "leakage_bars",
    "learning_curves",
    "prediction",
    "printed_beside_blind",
    "probability_bars",
    "reliability",
    "roc",
    "save",
    "style",
    "verdicts",
    "verdicts_by_section",
]
