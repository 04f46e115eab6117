"""Figures draw the numbers they are given, where they belong."""

import os
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

from clnbook import figures
from clnbook.figures.labels import Label, label_right, spread
from clnbook.figures.style import PALETTE
from clnlib.errors import InputError
from clnlib.findings import BOXED
from clnlib.metrics import localisation as metrics
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


# curves over T


T = np.arange(1, 8) / 10


def series(name: str, kind: str, start: float, width: float = np.nan) -> pd.DataFrame:
    """A series that falls from `start` in steps of 0.05, in a band of ± `width`."""
    value = start - 0.05 * np.arange(7)
    columns = {"series": name, "kind": kind, "T": T, "value": value}
    return pd.DataFrame(columns | {"low": value - width, "high": value + width})


def figure_2() -> pd.DataFrame:
    """Eleven printed series, several as good as on top of each other, two of ours, a baseline."""
    paper = [series(f"CLN-MobileNetV3Small {k}", "paper", 0.95 - 0.005 * k) for k in range(6)]
    paper += [series(f"Ouyang et al. {k}", "paper", 0.35 + 0.01 * k) for k in range(5)]
    ours = [series("ours λ = 0.1", "ours", 0.8, 0.04), series("ours λ = 0.4", "ours", 0.7, 0.04)]
    return pd.concat([*paper, *ours, series("blind box", "baseline", 0.5, 0.03)])


@pytest.fixture
def column():
    """Axes in the style, as wide as a column."""
    with plt.rc_context(figures.style()):
        yield plt.subplots(figsize=(3.5, 2.8), layout="constrained")[1]


def names(axes: Axes) -> list[Text]:
    """The names beside the axes' right end."""
    return [text for text in axes.texts if text.get_text()]


def band_at(axes: Axes, number: int, t: float) -> tuple[float, float]:
    corners = axes.collections[number].get_paths()[0].vertices
    at_t = corners[np.isclose(corners[:, 0], t), 1]
    return at_t.min(), at_t.max()


def test_accuracy_by_threshold(column):
    """Every series goes through its values; ours are thickest and on top; bands are intervals."""
    frame = figure_2()
    assert figures.accuracy_by_threshold(frame, column) is column
    drawn = {line.get_label(): line for line in column.lines}
    assert len(drawn) == 14
    for name, rows in frame.groupby("series"):
        assert drawn[name].get_xdata().tolist() == rows["T"].tolist()
        assert drawn[name].get_ydata().tolist() == rows["value"].tolist()
    width = {name: line.get_linewidth() for name, line in drawn.items()}
    assert width["ours λ = 0.1"] > width["blind box"] > width["Ouyang et al. 0"]
    assert [line.get_label() for line in column.lines][-2:] == ["ours λ = 0.1", "ours λ = 0.4"]
    colour = {name: to_hex(line.get_color()).upper() for name, line in drawn.items()}
    assert colour["ours λ = 0.1"] == figures.PREDICTED
    assert colour["blind box"] == figures.BLIND
    assert colour["Ouyang et al. 0"] == figures.PAPER
    assert len(column.collections) == 3  # the paper has no intervals
    for number, name in enumerate(["blind box", "ours λ = 0.1", "ours λ = 0.4"]):
        rows = frame[(frame["series"] == name) & np.isclose(frame["T"], 0.3)]
        expected = tuple(rows[["low", "high"]].to_numpy()[0])
        assert band_at(column, number, 0.3) == pytest.approx(expected)
    assert (column.get_xlabel(), column.get_ylabel()) == ("T(IoU)", "IoU accuracy")


def test_accuracy_by_threshold_of_unknown_values(column):
    """An unknown value leaves a gap; the name stands at the last known one."""
    frame = series("RGT", "paper", 0.6)
    frame.loc[6, "value"] = np.nan
    figures.accuracy_by_threshold(frame, column)
    (line,) = column.lines
    assert np.isnan(line.get_ydata()[-1])
    (name,) = names(column)
    assert name.xy == pytest.approx((0.6, 0.35))  # the last value that is known


def test_a_single_point_is_named_beside_it(column):
    """A name at the edge, joined to one point by a line, would read as a series."""
    frame = series("CAM, paper", "paper", 0.6)
    frame.loc[1:, "value"] = np.nan
    figures.accuracy_by_threshold(frame, column)
    (name,) = names(column)
    assert name.xy == pytest.approx((0.1, 0.6)) and name.arrow_patch is None


def test_decay(column):
    """Per cents from 0 to 100, on the same terms."""
    frame = figure_2().assign(value=30.0, low=20.0, high=40.0)
    figures.decay(frame, column)
    assert column.get_ylim() == (0, 100)
    assert column.get_ylabel() == "decrease since T = 0.1 (%)"
    assert all(set(line.get_ydata()) == {30} for line in column.lines)
    assert band_at(column, 0, 0.5) == (20, 40)


@pytest.mark.parametrize("draw", [figures.accuracy_by_threshold, figures.decay])
def test_names_are_told_apart(column, draw):
    """Fourteen names at column width: all there, none on another, none beyond the figure."""
    frame = figure_2()
    if draw is figures.decay:
        frame[["value", "low", "high"]] = 90.0  # all end at one point
    draw(frame, column)
    figure = column.figure
    figure.canvas.draw()
    assert len(names(column)) == 14
    boxes = [Text.get_window_extent(text) for text in names(column)]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    assert column.get_window_extent().width > 0.5 * figure.bbox.width
    inside = column.get_window_extent()
    assert not any(box.x0 < inside.x1 for box in boxes)


def test_names_that_do_not_fit_go_by_importance(column):
    """Where the axes are too low, the first of the sequence are named; long names are cut."""
    column.set(xlim=(0, 1), ylim=(0, 1))
    labels = [Label(f"series number {k:02d} of a hundred", "#0072B2", 1, 0.5) for k in range(99)]
    label_right(labels, column)
    told = [text.get_text() for text in names(column)]
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


# λ


def lambdas(values: dict[float, float], backbone: str = "chexnet") -> pd.DataFrame:
    rows = [
        {"backbone": backbone, "setting": "", "lam": lam, "quantity": quantity,
         "value": value + shift, "low": value + shift - 0.03, "high": value + shift + 0.05}
        for lam, value in values.items()
        for quantity, shift in (("mean AUC", 0.2), ("IoU accuracy, T = 0.1", 0))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_by_lambda(column):
    """Values at their λ, a break where one was not run, and bars from low to high."""
    figures.by_lambda(lambdas({0.1: 0.5, 0.2: 0.4, 0.9: 0.3}), column)
    auc, accuracy = column.containers
    assert [c.get_label() for c in column.containers] == ["mean AUC", "IoU accuracy, T = 0.1"]
    for container, values in ((auc, [0.7, 0.6, 0.5]), (accuracy, [0.5, 0.4, 0.3])):
        x, y = (np.asarray(d, dtype=float) for d in container.lines[0].get_data())
        np.testing.assert_allclose(x, np.arange(1, 10) / 10, atol=0.0121)
        np.testing.assert_allclose(y[[0, 1, 8]], values)
        assert np.isnan(y[2:8]).all()
        first = container.lines[2][0].get_segments()[0]
        np.testing.assert_allclose(first[:, 1], [values[0] - 0.03, values[0] + 0.05])
    assert to_hex(auc.lines[0].get_color()).upper() == figures.OTHER
    assert column.get_title() == "chexnet"


@pytest.mark.parametrize("lam", [0.0, 0.25, 1.0, 0.30000000000000004])
def test_by_lambda_of_any_single_lambda(column, lam):
    """One λ, on the paper's grid or off it, is one point."""
    figures.by_lambda(lambdas({lam: 0.5}), column)
    x, y = (np.asarray(d, dtype=float) for d in column.containers[0].lines[0].get_data())
    assert x[~np.isnan(y)] == pytest.approx([lam], abs=0.0121)
    assert y[~np.isnan(y)] == pytest.approx([0.7])


@pytest.mark.parametrize("number", [1, 3, 6])
def test_lambda_panels(number):
    """A panel per backbone, one legend; every panel with nothing below it tells its λ."""
    frame = pd.concat([lambdas({0.1: 0.5, 0.4: 0.4}, f"net {k}") for k in range(number)])
    with plt.rc_context(figures.style()):
        figure = figures.lambda_panels(frame)
    used = [axes for axes in figure.axes if axes.containers]
    assert [axes.get_title() for axes in used] == [f"net {k}" for k in range(number)]
    assert not any(axes.get_legend() for axes in used)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["mean AUC", "IoU accuracy, T = 0.1"]
    assert [axes.get_xlabel() for axes in used[-2:]] == ["λ"] * min(number, 2)
    figure.canvas.draw()
    assert all(axes.get_window_extent().height > 100 for axes in used)  # pixels of 144 an inch
    two = figures.lambda_panels(pd.concat([lambdas({0.1: 0.5}).assign(setting=s) for s in "12"]))
    assert [axes.get_title() for axes in two.axes] == ["chexnet, setting 1", "chexnet, setting 2"]


# classification


def roc_frame(findings) -> pd.DataFrame:
    fpr = np.linspace(0, 1, 11)
    frames = [
        pd.DataFrame({"finding": f, "fpr": fpr, "tpr": fpr ** (0.2 + 0.05 * k),
                      "low": fpr ** (0.3 + 0.05 * k), "high": fpr ** (0.1 + 0.05 * k)})
        for k, f in enumerate(findings)
    ]  # fmt: skip
    return pd.concat(frames)


def test_roc(column):
    """Each curve as given; looks tell eight findings apart; the mean is thick and has the band."""
    frame = roc_frame([*BOXED, "Mean"])
    figures.roc(frame, column)
    chance, *curves = column.lines
    assert (list(chance.get_xdata()), list(chance.get_ydata())) == ([0, 1], [0, 1])
    assert [line.get_label() for line in curves] == [*BOXED, "Mean"]
    for line in curves:
        rows = frame[frame["finding"] == line.get_label()]
        assert line.get_xdata().tolist() == rows["fpr"].tolist()
        assert line.get_ydata().tolist() == rows["tpr"].tolist()
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in curves}
    assert len(looks) == 9
    assert curves[-1].get_linewidth() > max(line.get_linewidth() for line in curves[:-1])
    assert len(column.collections) == 1
    mean = frame[frame["finding"] == "Mean"].iloc[5]
    assert band_at(column, 0, 0.5) == pytest.approx((mean["low"], mean["high"]))


def test_roc_of_one_finding(column):
    """A finding alone has its own band."""
    figures.roc(roc_frame(["Mass"]), column)
    assert band_at(column, 0, 0.5) == pytest.approx((0.5**0.3, 0.5**0.1))


def test_reliability(column):
    """Points at confidence and accuracy, bars to the ends, area by number, the error in words."""
    frame = pd.DataFrame(
        {"confidence": [0.3, 0.8], "accuracy": [0.2, 0.9], "low": [0.1, 0.6], "high": [0.4, 1.0],
         "n": [10, 20]}
    )  # fmt: skip
    frame.attrs["ece"] = 0.1234
    figures.reliability(frame, column)
    bars, points = column.collections
    np.testing.assert_allclose(points.get_offsets(), [[0.3, 0.2], [0.8, 0.9]])
    assert points.get_sizes()[1] == 2 * points.get_sizes()[0]
    np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[0.1, 0.4], [0.6, 1]])
    told = [text.get_text() for text in column.texts]
    assert told == ["expected calibration\nerror 0.123"]


def test_confusion(column):
    """Counts in words, shares of the row in colour; a row without cases has none."""
    labels = ["Mass", "Nodule", "Hernia"]
    table = pd.DataFrame([[3, 1, 0], [0, 0, 0], [2, 2, 4]], labels, labels)
    figures.confusion(table, column)
    shares = np.ma.filled(column.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0], [np.nan] * 3, [0.25, 0.25, 0.5]])
    at = {text.get_position(): text.get_text() for text in column.texts}
    assert at == {(j, i): str(table.iloc[i, j]) for i in range(3) for j in range(3)}
    assert [t.get_text() for t in column.get_yticklabels()] == labels
    assert [t.get_text() for t in column.get_xticklabels()] == labels
    assert (column.get_xlabel(), column.get_ylabel()) == ("predicted", "true")


# boxes without an image


def eight_boxes(shift: float = 0) -> dict[str, tuple[float, ...]]:
    return {f: (0.05 * k, 0.4 + shift, 0.3 + 0.05 * k, 0.6) for k, f in enumerate(BOXED)}


def test_blind_boxes(column):
    """Each box at its place in a frame whose y grows downwards; looks tell findings apart."""
    figures.blind_boxes(eight_boxes(), column)
    np.testing.assert_allclose([b for b, _ in rectangles(column)], list(eight_boxes().values()))
    looks = {
        (colour, p.get_lw())
        for (_, colour), p in zip(rectangles(column), column.patches, strict=True)
    }
    assert len(looks) == 8
    assert (column.get_xlim(), column.get_ylim()) == ((0, 1), (1, 0))
    assert {text.get_text(): text.xy for text in names(column)} == {
        f: pytest.approx((box[2], 0.5)) for f, box in eight_boxes().items()
    }
    column.figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in names(column)]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_blind_boxes_leave_out_empty_ones(column):
    """A box without area or without coordinates is neither drawn nor named."""
    empty = {"Mass": (np.nan,) * 4, "Nodule": (0.5, 0.5, 0.5, 0.7)}
    figures.blind_boxes(eight_boxes() | empty, column)
    assert len(column.patches) == len(names(column)) == 6


# heat maps


@pytest.mark.parametrize("with_heat", [True, False])
def test_cam_gallery(with_heat):
    """The image, its heat map stretched over it, and three boxes in their colours on top."""
    rows = pd.DataFrame({"finding": ["Mass", "Nodule"]})
    rows[TRUE_BOX] = (0, 0, 0.5, 0.5)
    rows[PREDICTED_BOX] = (0.25, 0, 0.5, 1)
    rows[["cx1", "cy1", "cx2", "cy2"]] = [(0.5, 0.5, 1, 1), (np.nan,) * 4]
    heat = np.array([[[0, 255], [51, 102]]] * 2, dtype=np.uint8)
    figure = figures.cam_gallery(rows, np.stack([GREY, GREY]), heat if with_heat else None, 2)
    left, right = figure.axes
    expected = [([0, 0, 4, 4], figures.TRUE), ([2, 0, 4, 8], figures.PREDICTED)]
    assert rectangles(left) == [*expected, ([4, 4, 8, 8], figures.CAM)]
    assert rectangles(right) == expected
    assert [axes.get_title() for axes in (left, right)] == ["Mass", "Nodule"]
    assert "blue: heat map's box" in figure.get_suptitle()
    np.testing.assert_array_equal(left.images[0].get_array(), GREY)
    assert len(left.images) == 1 + with_heat
    if with_heat:
        overlay = left.images[1]
        np.testing.assert_array_equal(overlay.get_array(), heat[0])
        assert overlay.get_extent() == left.images[0].get_extent()
        np.testing.assert_allclose(overlay.get_alpha(), heat[0] / 255 * 0.6)
        assert overlay.get_zorder() < left.patches[0].get_zorder()


def test_cam_gallery_without_a_heat_maps_box():
    """The words name only the boxes that are drawn."""
    rows = pd.DataFrame({"finding": ["Mass"]})
    rows[TRUE_BOX] = rows[PREDICTED_BOX] = (0, 0, 0.5, 0.5)
    figure = figures.cam_gallery(rows, GREY[None], None)
    assert figure.get_suptitle() == "green: true box, orange: box head"


# style


def test_all_colours_are_from_the_palette():
    """Nothing is drawn in a colour that was not chosen for colour-blind readers."""
    with plt.rc_context(figures.style()):
        _, grid = plt.subplots(2, 3)
        figures.accuracy_by_threshold(figure_2(), grid[0, 0])
        figures.decay(figure_2(), grid[0, 1])
        figures.by_lambda(lambdas({0.1: 0.4}), grid[0, 2])
        figures.roc(roc_frame([*BOXED, "Mean"]), grid[1, 0])
        figures.blind_boxes(eight_boxes(), grid[1, 1])
        bins = pd.DataFrame({"confidence": [0.5], "accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 3})
        bins.attrs["ece"] = 0.0
        figures.reliability(bins, grid[1, 2])
    for axes in grid.flat:
        lines = [line for line in axes.findobj(Line2D) if line.get_visible()]
        used = {to_hex(line.get_color()) for line in lines}
        used |= {to_hex(text.get_color()) for text in axes.findobj(Text) if text.get_text()}
        used |= {colour for _, colour in rectangles(axes)}
        used |= {to_hex(c) for band in axes.collections for c in band.get_facecolor()}
        assert {colour.upper() for colour in used} <= set(PALETTE)


def luminance(colour: str) -> float:
    """The relative luminance of a colour (WCAG 2)."""
    c = np.array(matplotlib.colors.to_rgb(colour))
    return float(
        [0.2126, 0.7152, 0.0722] @ np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    )


def test_style_reads_on_white_and_on_dark():
    """Ink has a contrast of 4.5 on white and nearly 4 on a dark page; the page shows through."""
    settings = figures.style()
    ink, dark = luminance(settings["text.color"]), luminance("#14181E")
    assert 1.05 / (ink + 0.05) >= 4.5
    assert (ink + 0.05) / (dark + 0.05) >= 3.8
    with plt.rc_context(settings):
        figure, axes = plt.subplots()
    assert figure.get_facecolor()[3] == axes.get_facecolor()[3] == 0
    assert axes.title.get_color() == axes.xaxis.label.get_color() == settings["text.color"]


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

    def torn(p, **_):
        p.write_bytes(b"ne")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", torn)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_save_is_transparent_under_the_style(tmp_path, name):
    """On a dark page there is no white box behind the picture, and nothing tells when it was."""
    with plt.rc_context(figures.style()):
        figure, axes = plt.subplots(figsize=(2, 1))
        axes.plot([0, 1], label="a line")
    figures.save(figure, tmp_path / name)
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
        figures.save(figure, tmp_path / "a.pgn")
    assert list(tmp_path.iterdir()) == []


DRAW = """
import sys
from pathlib import Path
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from clnbook import figures
frame = pd.DataFrame({"series": "ours", "kind": "ours", "T": [0.1, 0.2], "value": [0.5, 0.4],
                      "low": [0.4, 0.3], "high": [0.6, 0.5]})
for name in ("a.svg", "a.png"):
    with plt.rc_context(figures.style()):
        figure, axes = plt.subplots(figsize=(3.5, 2.5), layout="constrained")
        figures.accuracy_by_threshold(frame, axes)
    figures.save(figure, Path(sys.argv[1]) / name)
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
