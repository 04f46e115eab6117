"""Tables and figures look as every page needs: cells, names beside lines, colours, files."""

import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from pictures import names_beside

from clnbook import style
from clnbook.style import Label, label_right, spread
from clnlib.errors import InputError


def test_cells():
    """Values, intervals and changes as a page prints them."""
    assert style.cell(0.514, 0.4, 0.6) == "0.51 (0.40–0.60)"
    assert (style.cell(0.5), style.cell(np.nan)) == ("0.50", "–")
    assert style.change(0.04, -0.001, 0.1) == "+0.04 (0.00 to +0.10)"
    assert style.change(-0.04, -0.1, 0.004) == "−0.04 (−0.10 to 0.00)"
    html = style.page(pd.DataFrame({"a": ["0.51 (0.40–0.60)", None, 0.25, 3]}), "c").to_html()
    assert '0.51<br><span class="aside">(0.40–0.60)</span>' in html
    assert ">–<" in html and ">0.250<" in html and ">3<" in html


def test_a_table_in_a_notebook_is_html_text_and_csv():
    """The CSV has the caption and every cell as shown, a spanning head in each place it spans."""
    columns = pd.MultiIndex.from_tuples([("T", "0.1"), ("T", "0.3"), ("n, all", "")])
    index = pd.MultiIndex.from_tuples([("a", "run"), ("a", "blind")], names=["method", "box"])
    cells = [["0.51 (0.42–0.60)", 0.25, 3], [np.nan, "–", 4]]
    page = style.page(pd.DataFrame(cells, index, columns), 'Of 7, "all"')
    bundle = page._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/html"] == page.to_html() and bundle["text/plain"] == repr(page)
    assert bundle["text/csv"].splitlines() == [
        '"Of 7, ""all"""',
        ',,T,T,"n, all"',
        ",,0.1,0.3,",
        "method,box,,,",
        "a,run,0.51 (0.42–0.60),0.250,3",
        "a,blind,–,–,4",
    ]
    bare = style.page(pd.DataFrame({"x": [1]}), "")
    assert bare.to_csv() == ",x\n0,1\n" and "<caption>" not in bare.to_html()


def test_words_stand_left_and_no_cell_is_python_s():
    """Columns of words stand left, numbers right; yes, no and lists are words; heads are short."""
    columns = {
        "why": ["a cell rises", "–"],
        "mean": ["0.51 (0.42–0.60)", "–"],
        "fits": [np.True_, False],
        "sizes": [(37, 54), ()],
        "n": [3, 4],
    }
    page = style.page(pd.DataFrame(columns, pd.Index([0.1, 0.3], name="T")), "c")
    html = page.to_html()
    assert "td.col0 {\n  text-align: left" in html
    assert [f"td.col{k} {{" in html for k in range(1, 5)] == [False, False, True, False]
    lines = page.to_csv().splitlines()[3:]
    assert lines == ['0.1,a cell rises,0.51 (0.42–0.60),yes,"37, 54",3', "0.3,–,–,no,none,4"]


def test_what_all_runs_have_in_common_is_said_once():
    """It moves from the rows' names to the caption; other rows keep their names whole."""
    rows = ["CLN-A, λ = 0.1, augmented", "CLN-A, λ = 0.4, augmented", "blind box, augmented"]
    made = style.page(pd.DataFrame({"x": range(3)}, rows), "Of all.")
    assert list(made.data.index) == ["λ = 0.1", "λ = 0.4", "blind box, augmented"]
    assert made.caption == "Of all. All runs here: CLN-A, augmented."
    unstopped = style.page(pd.DataFrame({"x": range(3)}, rows), "Of all")
    assert unstopped.caption == made.caption
    pairs = pd.MultiIndex.from_product([["CLN-A, seed 0", "CLN-A"], ["network", "blind"]])
    made = style.page(pd.DataFrame({"x": range(4)}, pairs), "")
    assert list(made.data.index) == [
        ("seed 0", "network"),
        ("seed 0", "blind"),
        (style.NOTHING_ELSE, "network"),
        (style.NOTHING_ELSE, "blind"),
    ]
    assert made.caption == "All runs here: CLN-A."
    for alone in (rows[:1], ["CLN-A", "CLN-B"], ["a, b", "a, c"]):
        made = style.page(pd.DataFrame({"x": range(len(alone))}, alone), "c")
        assert list(made.data.index) == alone and made.caption == "c"


def test_names_that_do_not_fit_go_by_importance(axes):
    """Where the axes are too low, the first of the sequence are named; long names are cut."""
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels = [Label(f"series number {k:02d} of a hundred", "#0072B2", 1, 0.5) for k in range(99)]
    label_right(labels, axes)
    told = [text.get_text() for text in names_beside(axes)]
    assert 10 < len(told) < 40
    assert told == [f"series number {k:02d} of a h…" for k in range(len(told))]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=11))
def test_spread(wanted):
    """Places in the wanted order, a step apart, between the ends; unmoved where there is room."""
    places = spread(np.array(wanted), 0.1, -0.05, 1.05)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= 0.1 - 1e-9).all()
    assert places.min() >= -0.05 - 1e-9 and places.max() <= 1.05 + 1e-9
    if len(wanted) > 1 and np.diff(np.sort(wanted)).min() > 0.1:
        np.testing.assert_allclose(places, wanted)


def test_spread_by_hand():
    """Two that coincide move apart by half a step each; at an end the others give way."""
    np.testing.assert_allclose(spread(np.array([0.5, 0.5, 0.9]), 0.1, 0, 1), [0.45, 0.55, 0.9])
    np.testing.assert_allclose(spread(np.array([1.0, 1.0]), 0.1, 0, 1), [0.9, 1])


def luminance(colour: str) -> float:
    """The relative luminance of a colour (WCAG 2)."""
    c = np.array(to_rgb(colour))
    return float(
        [0.2126, 0.7152, 0.0722] @ np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    )


def test_style_reads_on_white_and_on_dark():
    """Ink has a contrast of 4.5 on white and nearly 4 on a dark page; the page shows through."""
    settings = style.rc()
    ink, dark = luminance(settings["text.color"]), luminance("#14181E")
    assert 1.05 / (ink + 0.05) >= 4.5
    assert (ink + 0.05) / (dark + 0.05) >= 3.8
    with plt.rc_context(settings):
        figure, axes = plt.subplots()
    assert figure.get_facecolor()[3] == axes.get_facecolor()[3] == 0
    assert axes.title.get_color() == axes.xaxis.label.get_color() == settings["text.color"]


def test_save(tmp_path):
    """A PNG file, nothing beside it, and the figure closed."""
    figure, _ = plt.subplots(figsize=(2, 1))
    style.save(figure, tmp_path / "new" / "a.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert plt.imread(tmp_path / "new" / "a.png").shape == (150, 300, 4)
    assert not plt.fignum_exists(figure.number)


def test_save_is_whole_or_not_at_all(tmp_path, monkeypatch):
    """A figure that fails while it is written leaves the old file."""
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure, _ = plt.subplots()

    def torn(p, **_):
        p.write_bytes(b"ne")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", torn)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_save_is_transparent_under_the_style(tmp_path, name):
    """On a dark page there is no white box behind the picture, and nothing tells when it was."""
    with plt.rc_context(style.rc()):
        figure, axes = plt.subplots(figsize=(2, 1))
        axes.plot([0, 1], label="a line")
    style.save(figure, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for word in (b"Matplotlib v", b"matplotlib.org", b"dc:date", b"Creat"):
        assert word not in data
    if name == "a.png":
        assert plt.imread(tmp_path / name)[0, 0, 3] == 0
    else:
        assert b"<text" not in data  # outlines, the same without the font
        assert b"fill: #ffffff" not in data


def test_save_refuses_other_files(tmp_path):
    """Another ending is told, with those that can be written."""
    figure, _ = plt.subplots()
    with pytest.raises(InputError, match=r"'\.pgn' is not one of \.png, \.svg; did you mean"):
        style.save(figure, tmp_path / "a.pgn")
    assert list(tmp_path.iterdir()) == []


DRAW = """
import sys
from pathlib import Path
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from clnbook import style, thresholds
frame = pd.DataFrame({"series": "ours", "kind": "ours", "T": [0.1, 0.2], "value": [0.5, 0.4],
                      "low": [0.4, 0.3], "high": [0.6, 0.5]})
for name in ("a.svg", "a.png"):
    with plt.rc_context(style.rc()):
        figure, axes = plt.subplots(figsize=(3.5, 2.5), layout="constrained")
        thresholds.draw(frame, axes)
    style.save(figure, Path(sys.argv[1]) / name)
"""


def test_equal_figures_give_equal_bytes(tmp_path, monkeypatch):
    """Two processes, with other hash seeds and at other times, write the same SVG and PNG."""
    here, there = tmp_path / "here", tmp_path / "there"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "7"}
    subprocess.run([sys.executable, "-c", DRAW, there], check=True, env=environment)
    monkeypatch.setattr(sys, "argv", ["", str(here)])
    exec(DRAW, {})
    for name in ("a.svg", "a.png"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
