"""The result of computing a claim again: an answer with one of four verdicts."""

from typing import NamedTuple

REPRODUCED = "reproduced"
DIFFERS = "differs"
NOT_CHECKABLE = "not checkable from print"
NEEDS_DATA = "needs data"
VERDICTS = (REPRODUCED, DIFFERS, NOT_CHECKABLE, NEEDS_DATA)


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


def agree(same: bool) -> str:
    """The verdict of a comparison that print alone decides."""
    return REPRODUCED if same else DIFFERS
