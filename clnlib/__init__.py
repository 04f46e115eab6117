"""CLN, the multi-task network for chest X-ray localisation and classification, as an instrument.

What is used most lies here, from `load_boxes` over `train` to `iou_accuracy`; it is loaded when it
is asked for, so that `import clnlib` stays quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    "build_classifier": "model.network",
    "build_cln": "model.network",
    "finetune": "model.training",
    "iou": "metrics.boxes",
    "iou_accuracy": "metrics.localisation",
    "load_boxes": "data.nih",
    "mean_auc": "metrics.classification",
    "predict": "model.predict",
    "train": "model.training",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    """The function of that name from the module that holds it (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
