"""The result of computing a claim again: an answer with one of six verdicts."""

from typing import NamedTuple

REPRODUCED = "reproduced"
DIFFERS = "number differs"
WORDING = "wording differs"
QUALIFIED = "qualified by the paper itself"
NOT_CHECKABLE = "not checkable from print"
NEEDS_DATA = "needs data"
MEANING = {
    REPRODUCED: "the printed value or statement follows from the tables, to the last printed digit "
    "or within the tolerance that the row names",
    DIFFERS: "the tables, or public data, give another number",
    WORDING: "the number stands, or there is none, and the words say something else",
    QUALIFIED: "alone the sentence says more than the tables; the paper takes that back itself",
    NOT_CHECKABLE: "print does not decide: a criterion, a number or a setting is not given",
    NEEDS_DATA: "images or trained networks would decide; the row names the notebook",
}
VERDICTS = tuple(MEANING)
ACCUSING = (DIFFERS, WORDING)
"""The verdicts under which a row says what its answer changes (`claims.Claim.changes`)."""


class Answer(NamedTuple):
    """What the function of a claim returns.

    Attributes
    ----------
    recomputed
        The value computed again, as text; empty where print gives nothing to compute.
    verdict
        One of `VERDICTS`.
    note
        An innocent explanation or a reservation.
    needs
        The notebook that has the data, for the verdict "needs data".
    """

    recomputed: str
    verdict: str
    note: str = ""
    needs: str = ""


def agree(same: bool, otherwise: str = DIFFERS) -> str:
    """The verdict of a comparison that print alone decides."""
    return REPRODUCED if same else otherwise
