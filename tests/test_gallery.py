"""Radiographs are shown with the boxes they are given, where these belong."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from pictures import rectangles

from clnbook import gradcam, images, style
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)


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
    images.boxes_on_image(grey, drawn, axes)
    (image,) = axes.images
    assert list(image.get_extent()) == [0, 10, 4, 0]
    assert image.get_clim() == (0, 255)
    got = rectangles(axes)
    assert [colour for _, colour in got] == ["#009E73", "#D55E00"]
    np.testing.assert_allclose([box for box, _ in got], [[1, 1, 5, 3], [0, 0, 10, 2]])
    assert not any(patch.get_fill() for patch in axes.patches)


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_gallery(monkeypatch, columns):
    """One picture per row, true boxes in green, predicted in orange, IoU in the title."""
    rows = pd.DataFrame({"finding": ["Mass", "Nodule", "Hernia"]}, index=[7, 3, 9])
    rows[TRUE_BOX] = [(0, 0, 0.5, 0.5), (0.25, 0.25, 0.5, 0.75), (0, 0, 1, 1)]
    rows[PREDICTED_BOX] = [(0, 0, 0.5, 0.25), (0.25, 0.25, 0.5, 0.75), (np.nan,) * 4]
    pixels = np.stack([GREY, GREY + 64, GREY + 128])
    monkeypatch.setattr(images, "COLUMNS", columns)
    figure = images.gallery(rows, pixels)
    used = [axes for axes in figure.axes if axes.images]
    assert len(used) == 3
    assert len(figure.axes) == -(-3 // columns) * columns
    assert not any(axes.axison for axes in figure.axes)
    for k, axes in enumerate(used):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels[k])
    got = [rectangles(axes) for axes in used]
    assert got == [
        [([0, 0, 4, 4], style.TRUE), ([0, 0, 4, 2], style.PREDICTED)],
        [([2, 2, 4, 6], style.TRUE), ([2, 2, 4, 6], style.PREDICTED)],
        [([0, 0, 8, 8], style.TRUE)],
    ]
    titles = [axes.get_title() for axes in used]
    assert titles == ["Mass  IoU 0.50", "Nodule  IoU 1.00", "Hernia  IoU 0.00"]


def test_gallery_without_predictions():
    """Before a network there are true boxes only, and no IoU to tell."""
    rows = pd.DataFrame({"finding": ["Mass"]})
    rows[TRUE_BOX] = [(0, 0, 0.5, 0.5)]
    figure = images.gallery(rows, GREY[None])
    assert rectangles(figure.axes[0]) == [([0, 0, 4, 4], style.TRUE)]
    assert figure.axes[0].get_title() == "Mass"
    assert figure.get_suptitle() == ""


def prediction_row(box: tuple[float, ...]) -> pd.Series:
    """A row of `predict`: pixels of a file of 6 x 12."""
    shares = {"p_Mass": 0.75, "p_Nodule": 0.25}
    return pd.Series({"image": "a.png", **dict(zip(TRUE_BOX, box, strict=True)), **shares})


def test_prediction():
    """The box stands at its pixels of the file, the probabilities beside it, the warning above."""
    figure = images.prediction(np.zeros((6, 12), np.uint8), prediction_row((3, 1, 9, 5)))
    left, right = figure.axes
    np.testing.assert_allclose(rectangles(left)[0][0], [3, 1, 9, 5])
    assert rectangles(left)[0][1] == style.PREDICTED
    assert left.get_title() == "a.png"
    assert [label.get_text() for label in right.get_yticklabels()] == ["Nodule", "Mass"]
    assert [bar.get_width() for bar in right.patches] == [0.25, 0.75]
    assert "not for clinical use" in figure.get_suptitle()


def test_prediction_without_a_box():
    """An empty answer is told in words, and nothing is drawn in its place."""
    figure = images.prediction(GREY, prediction_row((np.nan,) * 4))
    left, right = figure.axes
    assert rectangles(left) == []
    assert left.get_title() == "a.png (no box)"
    assert len(right.patches) == 2


def test_probability_bars_are_ordered():
    """The likeliest finding is on top and the only one in colour."""
    row = prediction_row((3, 1, 9, 5)).drop(["p_Mass", "p_Nodule"])
    row = pd.concat([row, pd.Series({"p_Mass": 0.2, "p_Nodule": 0.7, "p_Hernia": 0.1})])
    _, axes = images.prediction(GREY, row).axes
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.2, 0.7]
    heights = [bar.get_y() for bar in axes.patches]
    assert heights == sorted(heights)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Hernia", "Mass", "Nodule"]
    colours = [to_hex(bar.get_facecolor()).upper() for bar in axes.patches]
    assert colours == [style.BLIND, style.BLIND, style.PREDICTED]
    assert axes.get_xlim() == (0, 1)


def test_cam_gallery():
    """The image, its heat map stretched over it, and three boxes in their colours on top."""
    rows = pd.DataFrame({"finding": ["Mass", "Nodule"]})
    rows[TRUE_BOX] = (0, 0, 0.5, 0.5)
    rows[PREDICTED_BOX] = (0.25, 0, 0.5, 1)
    rows[["cx1", "cy1", "cx2", "cy2"]] = [(0.5, 0.5, 1, 1), (np.nan,) * 4]
    heat = np.array([[[0, 255], [51, 102]]] * 2, dtype=np.uint8)
    figure = gradcam.gallery(rows, np.stack([GREY, GREY]), heat)
    left, right = (axes for axes in figure.axes if axes.images)
    expected = [([0, 0, 4, 4], style.TRUE), ([2, 0, 4, 8], style.PREDICTED)]
    assert rectangles(left) == [*expected, ([4, 4, 8, 8], style.CAM)]
    assert rectangles(right) == expected
    assert [axes.get_title() for axes in (left, right)] == ["Mass", "Nodule"]
    assert "blue: heat map's box" in figure.get_suptitle()
    np.testing.assert_array_equal(left.images[0].get_array(), GREY)
    image, overlay = left.images
    np.testing.assert_array_equal(overlay.get_array(), heat[0])
    assert overlay.get_extent() == image.get_extent()
    np.testing.assert_allclose(overlay.get_alpha(), heat[0] / 255 * 0.6)
    assert overlay.get_zorder() < left.patches[0].get_zorder()


def test_cam_gallery_without_a_heat_maps_box():
    """The words name only the boxes that are drawn."""
    rows = pd.DataFrame({"finding": ["Mass"]})
    rows[TRUE_BOX] = rows[PREDICTED_BOX] = (0, 0, 0.5, 0.5)
    figure = gradcam.gallery(rows, GREY[None], GREY[None])
    assert figure.get_suptitle() == "green: true box, orange: box head"
