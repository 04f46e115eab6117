"""The `parameters` cell of each notebook, written from its schema."""

from types import NoneType
from typing import get_args

from clnlib.parameters import Evaluation, Finetune, Parameters, Predict, Prepare, Runs, Train

SCHEMAS: dict[str, type[Parameters]] = {
    "prepare": Prepare,
    "finetune": Finetune,
    "train": Train,
    "predict": Predict,
    **dict.fromkeys(
        ("localisation", "classification", "significance", "ablation", "gradcam", "complexity"),
        Evaluation,
    ),
    "baselines": Evaluation,
    **dict.fromkeys(("folds", "changes"), Runs),
}
"""Notebook → the schema of its parameters."""


def cell(schema: type[Parameters]) -> str:
    """The source of a notebook's `parameters` cell for a schema.

    Annotations with a choice of types are quoted words because papermill's reader of
    `--help-notebook` knows no `|`.
    """
    lines = []
    for name, field in schema.model_fields.items():
        kinds = get_args(field.annotation) if NoneType in get_args(field.annotation) else ()
        if kinds:
            kind = f'"{kinds[0].__name__} or None"'
        else:
            kind = getattr(field.annotation, "__name__", "str")
            kind = "str" if kind == "Literal" else kind
        default = repr(field.default).replace("'", '"')
        lines.append(f"{name}: {kind} = {default}  # {field.description}")
    return "\n".join(lines)
