"""The claims of the paper as data: `claims.yaml`, a row per statement, validated when read."""

import inspect
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import Field, create_model, field_validator, model_validator

from clnbook.audit import (
    ablation,
    background,
    classification,
    dataset,
    decay,
    localisation,
    network,
    significance,
    split,
    table1,
    training,
)
from clnbook.audit.dataset import Counts
from clnbook.audit.printed import Printed
from clnbook.audit.verdicts import Answer
from clnbook.published import CLN, SOTA
from clnlib.errors import InputError, nearest, not_allowed
from clnlib.metrics.localisation import THRESHOLDS
from clnlib.parameters import Parameters

FILE = Path(__file__).with_name("claims.yaml")
WORDS = 12  # of a quote, at most

Section = Literal[
    "Abstract", "1", "2", "2.1", "2.2", "2.2.1", "2.2.2", "2.2.3", "2.3", "3.1", "3.2", "3.3",
    "3.4", "3.4.1", "3.4.2", "3.4.3", "4", "5",
]  # fmt: skip
SECTIONS: tuple[str, ...] = get_args(Section)
"""The sections of the paper in its order."""

TOPICS = (
    ablation, background, classification, dataset, decay, localisation, network, significance,
    split, table1, training,
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Answer]] = {
    f"{topic.__name__.rpartition('.')[2]}.{name}": function
    for topic in TOPICS
    for name, function in inspect.getmembers(topic, inspect.isfunction)
    if not name.startswith("_") and inspect.signature(function).return_annotation is Answer
}
"""Every function that computes a claim again, by the name that `claims.yaml` gives it.

It takes `Printed`, the legible cells of the paper's tables, and the arguments of the row.
"""


def _text(description: str) -> str:
    return Field(min_length=1, description=description)


class Claim(Parameters):
    """A statement of the paper: a row of `claims.yaml`, whose head explains the keys."""

    id: str = _text("a name of its own, which no other row has")
    section: Section = Field(description="the paper's section, in quotes")
    quote: str = _text(f"the paper's words, at most {WORDS} of them")
    says: str = _text("the statement in plain words")
    printed: str = Field("", description="the number as the paper prints it, in quotes")
    evidence: str = _text("the tables or texts that the answer rests on")
    function: str = _text("the function that computes the statement again: topic.function")
    arguments: dict[str, bool | int | float | str | list[str]] = Field(
        {}, description="values that the function takes from the statement"
    )
    note: str = Field("", description="a remark in place of the function's")
    changes: Literal["", "nothing", "a detail", "a conclusion"] = Field(
        "", description="what a differing answer changes in the paper"
    )

    @field_validator("quote")
    @classmethod
    def _is_short(cls, value: str) -> str:
        if (words := len(value.split())) > WORDS:
            raise ValueError(f"quote={value!r}: {words} words, at most {WORDS}")
        return value

    @field_validator("function")
    @classmethod
    def _exists(cls, value: str) -> str:
        if value not in FUNCTIONS:
            close = nearest(value, FUNCTIONS)
            hint = f"; did you mean {close!r}?" if close else ""
            raise ValueError(f"function={value!r}: no such function in clnbook/audit{hint}")
        return value

    @model_validator(mode="after")
    def _arguments_fit(self) -> Self:
        _arguments(self.function).check(self.arguments)
        return self

    def compute(self, tables: Printed) -> Answer:
        """The answer of the claim's function for given tables.

        Raises
        ------
        InputError
            An argument is a method, a threshold or a count that does not exist.
        """
        names: dict[str, Collection[Any]] = {
            "family": (CLN, SOTA),
            "method": tables.family,
            "model": tables.size,
            "quantity": Counts._fields,
            "t": THRESHOLDS,
        }
        for argument, value in self.arguments.items():
            allowed = names.get(argument.removesuffix("s"), ())
            for name in value if isinstance(value, list) else [value]:
                if allowed and name not in allowed:
                    where = f"{FILE.name}, row {self.id}: arguments: {argument}"
                    raise not_allowed(where, name, map(str, allowed))
        answer = FUNCTIONS[self.function](tables, **self.arguments)
        return answer._replace(note=self.note) if self.note else answer


@cache
def _arguments(name: str) -> type[Parameters]:
    """The arguments that a function takes from a row, as a schema."""
    _, *taken = inspect.signature(FUNCTIONS[name]).parameters.values()
    text = f"argument of {name}"
    fields: dict[str, Any] = {
        p.name: (
            p.annotation,
            Field(... if p.default is p.empty else p.default, strict=True, description=text),
        )
        for p in taken
    }
    return create_model(name, __base__=Parameters, **fields)


def load(path: Path = FILE) -> list[Claim]:
    """Read the claims in the order of the file.

    Parameters
    ----------
    path
        A YAML file as `claims.yaml`.

    Raises
    ------
    InputError
        A row cannot be used: the message names the row, the key, the value and, where there is
        something like it, the nearest allowed value.
    """
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path.name}: {' '.join(str(error).split())}") from None
    claims: dict[str, Claim] = {}
    for number, row in enumerate(rows or [], 1):
        where = f"{path.name}, row {number}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: {row!r} is no mapping of keys to values")
        where += f" ({row.get('id', 'without an id')})"
        try:
            claim = Claim.check(row)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if claim.id in claims:
            raise InputError(f"{where}: id={claim.id!r} stands twice")
        claims[claim.id] = claim
    return list(claims.values())
