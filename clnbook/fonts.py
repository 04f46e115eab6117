"""Fonts with the glyphs of a reader's category names, in any script."""

from collections.abc import Iterable


def families(texts: Iterable[str]) -> list[str]:
    """Font families that together have the glyphs of some texts, for `rcParams["font.family"]`.

    Matplotlib's own font comes first and is all there is for Latin, Greek and Cyrillic names; then
    installed fonts, those with most of the missing glyphs first. A note is printed for what no
    installed font has.

    Parameters
    ----------
    texts
        All texts that a figure shows and that somebody else has written.

    Returns
    -------
    Family names. Matplotlib takes each glyph from the first of them that has it.

    Examples
    --------
    >>> families(["Mass", "Ödem"])
    ['DejaVu Sans']
    """
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    own = font_manager.FontProperties(family="DejaVu Sans")
    missing = {ord(letter) for text in texts for letter in text if letter.isprintable()}
    missing -= FT2Font(font_manager.findfont(own)).get_charmap().keys()
    names = ["DejaVu Sans"]
    if not missing:
        return names
    # Matplotlib brings a font of last resort, whose glyphs are boxes with numbers.
    plain = {
        font.name: FT2Font(font.fname).get_charmap().keys()
        for font in font_manager.fontManager.ttflist
        if (font.style, font.weight) == ("normal", 400) and not font.name.startswith("Last Resort")
    }
    while missing and (best := max(plain, key=lambda name: len(missing & plain[name]), default="")):
        if not missing & plain[best]:
            break
        names.append(best)
        missing -= plain[best]
    if missing:
        letters = "".join(map(chr, sorted(missing)))
        print(
            f"note: no installed font has {letters}; pictures show boxes for them until you "
            "install one, for example Noto (Debian: fonts-noto-core, fonts-noto-cjk)"
        )
    return names
