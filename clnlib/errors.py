"""Errors a user can mend: a line with the place, the value, what is allowed, the nearest match."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something the user gave cannot be used; the message says where it is and the way out."""


def nearest(value: object, allowed: Iterable[str]) -> str | None:
    """The allowed name most like `value` in any case, or None when nothing is close.

    >>> nearest("xcepton", ["xception", "chexnet"])
    'xception'
    """
    by_lower = {name.lower(): name for name in allowed}
    close = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def not_allowed(name: str, value: object, allowed: Iterable[str]) -> InputError:
    """An `InputError` that lists the allowed values and names the nearest.

    >>> not_allowed("loss", "gou", ["iou", "giou"])
    InputError("loss: 'gou' is not one of iou, giou; did you mean 'giou'?")
    """
    values = list(allowed)
    close = nearest(value, values)
    hint = f"; did you mean {close!r}?" if close else ""
    return InputError(f"{name}: {value!r} is not one of {', '.join(values)}{hint}")


def shortened(items: Iterable[object], limit: int = 10) -> str:
    """The first `limit` items of a list, for an error message.

    >>> shortened(range(15), limit=3)
    '0, 1, 2 and 12 more'
    """
    texts = [str(item) for item in items]
    rest = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {rest} more" if rest > 0 else "")


def refuse(where: object, problems: Iterable[str]) -> None:
    """Raise one `InputError` for all problems there are, in as few words as ten of them need."""
    if texts := list(problems):
        rest = f"; and {len(texts) - 10} more" if len(texts) > 10 else ""
        raise InputError(f"{where}: {'; '.join(texts[:10])}{rest}")
