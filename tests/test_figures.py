"""Figures draw the numbers they are given, where they belong."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from clnlib import figures
from clnlib.evaluation import metrics
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.fixture
def axes():
    """Empty axes; whatever a test draws is closed after it."""
    _, axes = plt.subplots()
    yield axes
    plt.close("all")


@pytest.fixture(autouse=True)
def closed():
    """No figure outlives its test."""
    yield
    plt.close("all")


def rectangles(axes: Axes) -> list[tuple[list[float], str]]:
    """The (x1, y1, x2, y2) and colour of each rectangle, in pixels."""
    return [
        ([p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()], c)
        for p in axes.patches
        for c in [to_hex(p.get_edgecolor()).upper()]
    ]


# curves


def test_learning_curves_draw_the_columns_that_exist(axes):
    """Training thin, validation thick, absent columns left out, the kept epoch marked."""
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [3.0, 2, 1],
            "val_loss": [3, 2.5, 2.75],
            "box_iou": [0, 0.1, 0],
        }
    )
    assert figures.learning_curves(history, ["loss", "box_iou", "accuracy"], 2, axes) is axes
    *curves, kept = axes.lines
    assert [line.get_label() for line in curves] == ["loss", "val_loss", "box_iou"]
    for line in curves:
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata().tolist() == history[line.get_label()].tolist()
    assert [line.get_linewidth() for line in curves] == [1, 2.5, 1]
    assert curves[0].get_color() == curves[1].get_color() != curves[2].get_color()
    assert list(kept.get_xdata()) == [2, 2]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["loss", "val_loss", "box_iou"]


def test_accuracy_curves(axes):
    """Both lines go through the table's accuracies at their T, in bands of their intervals."""
    t = list(metrics.THRESHOLDS)
    names = ["mean AUC", "mean IoU", *(f"IoU accuracy, T = {k}" for k in t)]
    columns = ["network", "low", "high", "blind box", "blind low", "blind high"]
    table = pd.DataFrame(np.arange(54).reshape(9, 6) / 100, index=names, columns=columns)
    figures.accuracy_curves(table, axes)
    for line, band, name in zip(
        axes.lines, axes.collections, ["network", "blind box"], strict=True
    ):
        assert line.get_label() == name
        assert line.get_xdata().tolist() == t
        assert line.get_ydata().tolist() == table[name].iloc[2:].tolist()
        ends = table.iloc[2:, columns.index(name) + 1 : columns.index(name) + 3]
        corners = band.get_paths()[0].vertices
        for k, row in zip(t, ends.to_numpy(), strict=True):
            at_t = corners[np.isclose(corners[:, 0], k), 1]
            assert (at_t.min(), at_t.max()) == pytest.approx(tuple(row))


def test_probability_bars_are_ordered(axes):
    """The likeliest finding is on top and the only one in colour."""
    figures.probability_bars(pd.Series({"Mass": 0.2, "Nodule": 0.7, "Hernia": 0.1}), axes)
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.2, 0.7]
    heights = [bar.get_y() for bar in axes.patches]
    assert heights == sorted(heights)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Hernia", "Mass", "Nodule"]
    colours = [to_hex(bar.get_facecolor()).upper() for bar in axes.patches]
    assert colours == [figures.BLIND, figures.BLIND, figures.PREDICTED]
    assert axes.get_xlim() == (0, 1)


# boxes


def test_boxes_on_image(axes):
    """Pixels from 0 to 255 in grey, boxes in pixels; empty, missing and outer boxes as told."""
    grey = np.zeros((4, 10), np.uint8)
    drawn = [
        ([0.1, 0.25, 0.5, 0.75], "#009E73"),
        ([0.5, 0.5, 0.5, 0.9], "#009E73"),  # empty
        ([0.9, 0.9, 0.1, 0.1], "#009E73"),  # inverted
        ([np.nan] * 4, "#009E73"),  # missing
        ([-1, -1, 2, 0.5], "#D55E00"),  # clipped to the frame
    ]
    figures.boxes_on_image(grey, drawn, axes)
    (image,) = axes.images
    assert list(image.get_extent()) == [0, 10, 4, 0]
    assert image.get_clim() == (0, 255)
    got = rectangles(axes)
    assert [colour for _, colour in got] == ["#009E73", "#D55E00"]
    np.testing.assert_allclose([box for box, _ in got], [[1, 1, 5, 3], [0, 0, 10, 2]])
    assert not any(patch.get_fill() for patch in axes.patches)


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_gallery(columns):
    """One picture per row, true boxes in green, predicted in orange, IoU in the title."""
    rows = pd.DataFrame({"finding": ["Mass", "Nodule", "Hernia"]}, index=[7, 3, 9])
    rows[TRUE_BOX] = [(0, 0, 0.5, 0.5), (0.25, 0.25, 0.5, 0.75), (0, 0, 1, 1)]
    rows[PREDICTED_BOX] = [(0, 0, 0.5, 0.25), (0.25, 0.25, 0.5, 0.75), (np.nan,) * 4]
    pixels = np.stack([GREY, GREY + 64, GREY + 128])
    figure = figures.gallery(rows, pixels, columns)
    used = [axes for axes in figure.axes if axes.images]
    assert len(used) == 3
    assert len(figure.axes) == -(-3 // columns) * columns
    assert not any(axes.axison for axes in figure.axes)
    for k, axes in enumerate(used):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels[k])
    got = [rectangles(axes) for axes in used]
    assert got == [
        [([0, 0, 4, 4], figures.TRUE), ([0, 0, 4, 2], figures.PREDICTED)],
        [([2, 2, 4, 6], figures.TRUE), ([2, 2, 4, 6], figures.PREDICTED)],
        [([0, 0, 8, 8], figures.TRUE)],
    ]
    titles = [axes.get_title() for axes in used]
    assert titles == ["Mass  IoU 0.50", "Nodule  IoU 1.00", "Hernia  IoU nan"]


def test_gallery_without_predictions():
    """Before a network there are true boxes only, and no IoU to tell."""
    rows = pd.DataFrame({"finding": ["Mass"]})
    rows[TRUE_BOX] = [(0, 0, 0.5, 0.5)]
    figure = figures.gallery(rows, GREY[None])
    assert rectangles(figure.axes[0]) == [([0, 0, 4, 4], figures.TRUE)]
    assert figure.axes[0].get_title() == "Mass"
    assert figure.get_suptitle() == ""


def prediction_row(box: tuple[float, ...]) -> pd.Series:
    """A row of `predict`: pixels of a file of 6 x 12."""
    shares = {"p_Mass": 0.75, "p_Nodule": 0.25}
    return pd.Series({"image": "a.png", **dict(zip(TRUE_BOX, box, strict=True)), **shares})


def test_prediction():
    """The box stands at its pixels of the file, the probabilities beside it, the warning above."""
    figure = figures.prediction(np.zeros((6, 12), np.uint8), prediction_row((3, 1, 9, 5)))
    left, right = figure.axes
    np.testing.assert_allclose(rectangles(left)[0][0], [3, 1, 9, 5])
    assert rectangles(left)[0][1] == figures.PREDICTED
    assert left.get_title() == "a.png"
    assert [label.get_text() for label in right.get_yticklabels()] == ["Nodule", "Mass"]
    assert [bar.get_width() for bar in right.patches] == [0.25, 0.75]
    assert "not for clinical use" in figure.get_suptitle()


def test_prediction_without_a_box():
    """An empty answer is told in words, and nothing is drawn in its place."""
    figure = figures.prediction(GREY, prediction_row((np.nan,) * 4))
    left, right = figure.axes
    assert rectangles(left) == []
    assert left.get_title() == "a.png (no box)"
    assert len(right.patches) == 2


# files


def test_save(tmp_path):
    """A PNG file, nothing beside it, and the figure closed."""
    figure, _ = plt.subplots(figsize=(2, 1))
    figures.save(figure, tmp_path / "new" / "a.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert plt.imread(tmp_path / "new" / "a.png").shape == (150, 300, 4)
    assert not plt.fignum_exists(figure.number)


def test_save_is_whole_or_not_at_all(tmp_path, monkeypatch):
    """A figure that fails while it is written leaves the old file."""
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure, _ = plt.subplots()

    def torn(p, dpi):
        p.write_bytes(b"ne")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", torn)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, path)
    assert path.read_bytes() == b"old"
