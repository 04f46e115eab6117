"""A reader's category names are legible in figures, or it is said what to install."""

import warnings

import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from clnbook import fonts


def test_names_in_most_alphabets_need_no_other_font(capsys):
    """The paper's names, and others in Latin, Greek and Cyrillic, are drawn as before."""
    assert fonts.families(["Mass", "Ödem", "όζος", "опухоль"]) == ["DejaVu Sans"]
    assert capsys.readouterr().out == ""


def test_a_missing_glyph_comes_from_an_installed_font(capsys):
    """Matplotlib finds every glyph in the families, so that the picture has no empty boxes."""
    own = FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap().keys()
    others = {
        chr(code)
        for font in font_manager.fontManager.ttflist
        if font.weight == 400 and not font.name.startswith("Last Resort")
        for code in FT2Font(font.fname).get_charmap().keys() - own
    }
    letters = [letter for letter in sorted(others) if letter.isprintable()][:1]
    if not letters:
        pytest.skip("no installed font has a glyph more")
    names = fonts.families(["Mass", *letters])
    assert len(names) == 2 and capsys.readouterr().out == ""
    figure = plt.figure()
    figure.text(0, 0, letters[0], family=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    plt.close(figure)


def test_glyphs_that_no_font_has_are_named(capsys, monkeypatch):
    """The note says which, and what to install."""
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    assert fonts.families(["肺結節", "Mass"]) == ["DejaVu Sans"]
    told = capsys.readouterr().out
    assert "no installed font has 節結肺" in told and "fonts-noto-cjk" in told
