"""The data card's tables and pictures hold what can be counted by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from clnbook import data, style
from clnlib.data import nih
from clnlib.runs import TRUE_BOX


@pytest.fixture(scope="module")
def boxes():
    return nih.load_boxes()


@pytest.fixture(scope="module")
def labels():
    return nih.load_labels()


def few() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four boxes on three images of two patients, and four labelled images of three."""
    own = pd.DataFrame(
        {
            "image": ["a.png", "a.png", "b.png", "c.png"],
            "patient": ["1", "1", "1", "2"],
            "finding": ["Mass", "Nodule", "Mass", "Mass"],
        }
    )
    own[TRUE_BOX] = [[0, 0, 0.2, 0.5], [0.4, 0.4, 0.6, 0.5], [0, 0, 0.2, 1.0], [0.6, 0, 0.8, 0.5]]
    told = pd.DataFrame(
        {
            "image": ["a.png", "b.png", "c.png", "d.png"],
            "patient": ["1", "1", "2", "3"],
            "findings": ["Mass|Effusion", "", "Mass", ""],
            "view": ["AP", "PA", "AP", "PA"],
            "age": [10, 11, 50, 70],
            "sex": ["F", "F", "M", "M"],
        }
    )
    return own, told


def test_composition_by_hand():
    """Images, patients, shares of AP, women, children and unlabelled; the unboxed image apart."""
    got = data.composition(*few())
    assert got["all images"].tolist() == [4, 3, 0.5, 0.5, 0.5, 30.5, 0.5]
    assert got["boxed images"].tolist() == pytest.approx([3, 2, 2 / 3, 2 / 3, 2 / 3, 11, 1 / 3])


def test_composition_of_the_real_tables(boxes, labels):
    """880 of 112,120 images, 726 of 30,805 patients; no share is beyond 0 and 1."""
    got = data.composition(boxes, labels)
    assert got.loc["images"].tolist() == [112_120, 880]
    assert got.loc["patients"].tolist() == [30_805, 726]
    shares = got[got.index.str.endswith("share")]
    assert len(shares) == 4 and shares.stack().between(0, 1).all()


def test_box_statistics_by_hand():
    """Areas, distances from the mean centre, labels that agree, boxes with company."""
    got = data.box_statistics(*few())
    assert got.index.tolist() == ["Mass", "Nodule"]
    mass, nodule = got.loc["Mass"], got.loc["Nodule"]
    assert (mass["boxes"], mass["patients"], mass["area"]) == (3, 2, pytest.approx(0.1))
    # Of the areas 0.1, 0.1 and 0.2 the 95 % quantile lies at 0.9 of the last step.
    assert mass[["area 5 %", "area 95 %"]].tolist() == pytest.approx([0.1, 0.19])
    # Centres (0.1, 0.25), (0.1, 0.5), (0.7, 0.25); their mean is (0.3, 1/3).
    away = [(0.2**2 + (1 / 12) ** 2) ** 0.5, (0.2**2 + (1 / 6) ** 2) ** 0.5]
    away.append((0.4**2 + (1 / 12) ** 2) ** 0.5)
    assert mass["spread"] == pytest.approx(sum(away) / 3)
    assert mass[["labelled", "with another box"]].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert nodule[["spread", "labelled", "with another box"]].tolist() == [0, 0, 1]


def test_box_statistics_of_the_real_table(boxes, labels):
    """984 boxes of eight findings; the heart lies where hearts lie, nodules anywhere."""
    got = data.box_statistics(boxes, labels)
    assert got["boxes"].sum() == 984
    assert got.loc[["Atelectasis", "Nodule"], "boxes"].tolist() == [180, 79]
    assert got["spread"].idxmin() == "Cardiomegaly" and got["area"].idxmin() == "Nodule"
    assert (got["area 5 %"] < got["area"]).all() and (got["area"] < got["area 95 %"]).all()


def test_findings_per_image(boxes):
    """93 of 880 images have two to four boxed findings, and the counts add up to the boxes."""
    got = data.findings_per_image(boxes)
    assert data.findings_per_image(few()[0]).to_dict() == {1: 2, 2: 1}
    assert got.index.tolist() == [1, 2, 3, 4]
    assert (got.sum(), got.loc[2:].sum(), (got.index * got).sum()) == (880, 93, 984)


def test_every_box_is_drawn_where_it_is(axes):
    """A closed outline per box through its corners, in a frame whose y grows downwards."""
    boxes = few()[0]
    data.draw_boxes(boxes, axes)
    (outlines,) = axes.collections
    assert len(outlines.get_segments()) == len(boxes)
    for outline, (x1, y1, x2, y2) in zip(
        outlines.get_segments(), boxes[TRUE_BOX].to_numpy(), strict=True
    ):
        corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
        np.testing.assert_allclose(outline, corners)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (1, 0))


def test_ages_are_counted_in_fives(axes):
    """A bar per five years from 0 to 100, as high as there are images of that age."""
    data.draw_ages([0, 4, 5, 62, 63, 64], axes)
    heights = {bar.get_x(): bar.get_height() for bar in axes.patches}
    assert {x: n for x, n in heights.items() if n} == {0: 2, 5: 1, 60: 3}
    assert len(heights) == 20 and {bar.get_width() for bar in axes.patches} == {5}
    assert {to_hex(bar.get_facecolor()).upper() for bar in axes.patches} == {style.OTHER}
