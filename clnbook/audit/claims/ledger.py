"""The form of a claim: what the paper says where, and the function that computes it again."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from clnbook.audit.claims.printed import Printed

REPRODUCED = "reproduced"
DIFFERS = "differs"
NOT_CHECKABLE = "not checkable from print"
NEEDS_DATA = "needs data"
VERDICTS = (REPRODUCED, DIFFERS, NOT_CHECKABLE, NEEDS_DATA)

SECTIONS = (
    "Abstract", "1", "2", "2.1", "2.2", "2.2.1", "2.2.2", "2.2.3", "2.3", "3.1", "3.2", "3.3",
    "3.4.1", "3.4.2", "3.4.3", "4", "5",
)  # fmt: skip

TABLE1 = "Table 1, legible rows"
TABLE2 = "Table 2"
TABLE3 = "Table 3; outside the paper: Keras 3.15's counts"
DATA = "package data"
TEXT = "the paper's text"


class Answer(NamedTuple):
    """What a claim's function finds: `needs` names the notebook that has the data."""

    recomputed: str
    verdict: str
    note: str = ""
    needs: str = ""


class Row(NamedTuple):
    """What the paper says: a verbatim quote of at most 12 words, its meaning, its number."""

    section: str
    id: str
    quote: str
    says: str
    printed: str
    arguments: dict[str, Any]


class Claim(NamedTuple):
    """A row of the ledger before it is computed."""

    row: Row
    evidence: str
    function: Callable[..., Answer]


F = TypeVar("F", bound=Callable[..., Answer])

CLAIMS: list[Claim] = []
"""Every claim of the modules beside this one, in the order in which they were imported."""


def said(section: str, id: str, quote: str, says: str, printed: str = "", **arguments: Any) -> Row:
    """One statement of the paper; `arguments` go to the function that computes it again."""
    return Row(section, id, quote, says, printed, arguments)


def claim(evidence: str, *rows: Row) -> Callable[[F], F]:
    """Enter statements in the ledger that the decorated function computes again.

    The function takes `Printed`, the legible cells of the paper's tables, and the arguments of
    the row.
    """

    def enter(function: F) -> F:
        CLAIMS.extend(Claim(row, evidence, function) for row in rows)
        return function

    return enter


def compute(claim: Claim, printed: Printed) -> Answer:
    """The answer of a claim's function for given tables."""
    return claim.function(printed, **claim.row.arguments)


def agree(same: bool) -> str:
    """The verdict of a comparison that print alone decides."""
    return REPRODUCED if same else DIFFERS
