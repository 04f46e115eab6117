"""Figures: data in, Axes out. Colours are Okabe and Ito's, safe for colour-blind readers."""

from clnlib.figures.pictures import (
    BLIND,
    OTHER,
    PREDICTED,
    TRUE,
    accuracy_curves,
    boxes_on_image,
    gallery,
    learning_curves,
    prediction,
    probability_bars,
    save,
)

__all__ = [
    "BLIND",
    "OTHER",
    "PREDICTED",
    "TRUE",
    "accuracy_curves",
    "boxes_on_image",
    "gallery",
    "learning_curves",
    "prediction",
    "probability_bars",
    "save",
]
