"""The parameters of every evaluation notebook: which runs, and by which conventions."""

from typing import Any

from pydantic import Field, field_validator

from clnlib.metrics import localisation as metrics
from clnlib.parameters import Parameters


def _field(default: Any, text: str) -> Any:
    return Field(default=default, description=text)


class Evaluation(Parameters):
    """Finished runs of a study, read under named conventions."""

    study: str = _field("phantom", "name of a study under runs/ or results/, or its folder")
    runs: str = _field("*", "which of its runs: names or patterns, separated by commas")
    conventions: str = _field(
        "paper",
        "paper, or switches of it (rows, group, gated, several) as the notebook localisation lists",
    )

    @field_validator("conventions")
    @classmethod
    def _is_known(cls, value: str) -> str:
        metrics.conventions(value)
        return value
