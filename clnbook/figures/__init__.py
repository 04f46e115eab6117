"""Figures: data in, Axes out. Colours are Okabe and Ito's, safe for colour-blind readers."""

from clnbook.figures.architecture import architecture
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
    "ages",
    "all_boxes",
    "architecture",
    "blind_boxes",
    "boxes_on_image",
    "by_lambda",
    "cam_gallery",
    "confusion",
    "decay",
    "gallery",
    "lambda_panels",
    "learning_curves",
    "prediction",
    "probability_bars",
    "reliability",
    "roc",
    "save",
    "style",
]
