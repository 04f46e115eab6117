"""What parameters that are None stand for: the paper's setting, and the phantom's."""

from typing import Any

PAPER: dict[str, Any] = {
    "image_size": 224,
    "epochs": 100,
    "learning_rate": 1e-3,
    "halve_every": 4,
    "augment": False,
    "bn_momentum": None,
}
# Two cores learn from scratch in minutes; a step of the small backbone costs a fifth of another's.
PHANTOM: dict[str, Any] = {
    "image_size": 80,
    "epochs": 10,
    "learning_rate": 3e-4,
    "halve_every": 8,
    "augment": False,
    "bn_momentum": 0.9,
}
PHANTOM_OF: dict[str, dict[str, Any]] = {
    "mobilenetv3small": {"epochs": 24, "learning_rate": 1e-3, "augment": True},
    "efficientnetb4": {"epochs": 16, "learning_rate": 1e-3},
    "inceptionv3": {"epochs": 16},
    "xception": {"epochs": 12, "learning_rate": 1e-4},
}
"""Where a backbone's phantom setting is another one."""


def stands_for(name: str) -> str:
    """The two values that None stands for, as part of a field's description."""
    paper = "the backbone's own" if PAPER[name] is None else PAPER[name]
    other = [f"{values[name]} with {b}" for b, values in PHANTOM_OF.items() if name in values]
    return f"None: {paper}, and {', '.join([str(PHANTOM[name]), *other])} for the phantom"
