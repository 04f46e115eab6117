"""The 8 boxed and the 14 labelled findings of ChestX-ray14, in the paper's order."""

from clnlib.errors import not_allowed

BOXED: tuple[str, ...] = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration",
    "Mass", "Nodule", "Pneumonia", "Pneumothorax",
)  # fmt: skip
"""The findings with expert boxes (section 2.1; the columns of Tables 1 and 2)."""

LABELLED: tuple[str, ...] = (
    *BOXED,
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
)  # fmt: skip
"""The findings of stage 1 (section 2.1)."""

NO_FINDING = "No Finding"
"""The label of an image without any of the 14."""

_SPELLINGS = {"infiltrate": "Infiltration", "pleural thickening": "Pleural_Thickening"}


def normalise(name: str) -> str:
    """A finding's name as this package spells it, for names that come from elsewhere.

    Parameters
    ----------
    name
        Any published spelling: other case, `Infiltrate` (the box table),
        `Pleural Thickening` with a blank or an underscore.

    Returns
    -------
    str
        A name of `LABELLED`.

    Raises
    ------
    InputError
        The name is none of the 14; the message names the nearest.

    Examples
    --------
    >>> normalise("Infiltrate"), normalise("pleural thickening")
    ('Infiltration', 'Pleural_Thickening')
    """
    key = " ".join(str(name).replace("_", " ").split()).lower()
    by_key = {finding.replace("_", " ").lower(): finding for finding in LABELLED} | _SPELLINGS
    if key not in by_key:
        raise not_allowed("finding", name, LABELLED)
    return by_key[key]
