"""Boxes from heat maps: hand-drawn maps, rival thresholds, and how they reach the metrics."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import zoom

from clnbook import gradcam, heatmaps, style
from clnlib import runs
from clnlib.metrics import localisation as metrics
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

MAPS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(6), st.just(6)))


def _boxes(rng, number):
    corner = rng.uniform(0, 0.6, (number, 2))
    return np.concatenate([corner, corner + rng.uniform(0.1, 0.4, (number, 2))], axis=1)


def test_the_box_of_a_drawn_map():
    """The largest group's whole pixels, as shares of width and height."""
    grey = np.zeros((4, 8), np.uint8)
    grey[1:3, 2:5] = 200  # six pixels
    grey[3, 7] = 255  # brighter, but one
    np.testing.assert_array_equal(heatmaps.boxes(grey, [127])[0], [2 / 8, 1 / 4, 5 / 8, 3 / 4])
    np.testing.assert_array_equal(heatmaps.boxes(grey, [201])[0], [7 / 8, 3 / 4, 1, 1])


def test_a_threshold_is_itself_selected():
    """The paper's range [127, 255] holds 127."""
    grey = np.array([[126, 127]], np.uint8)
    np.testing.assert_array_equal(heatmaps.boxes(grey, [127])[0], [0.5, 0, 1, 1])


def test_pixels_touching_at_a_corner_are_one_group():
    """A diagonal of three beats a row of two: groups are 8-connected."""
    grey = np.zeros((5, 5), np.uint8)
    grey[[0, 1, 2], [0, 1, 2]] = 255
    grey[4, 3:] = 255
    np.testing.assert_allclose(heatmaps.boxes(grey, [1])[0], [0, 0, 0.6, 0.6])


def test_of_equal_groups_the_upper_left_is_taken():
    """Two groups of one size: the answer does not depend on chance."""
    grey = np.zeros((4, 4), np.uint8)
    grey[0, 3] = grey[3, 0] = 255
    np.testing.assert_array_equal(heatmaps.boxes(grey, [1])[0], [0.75, 0, 1, 0.25])


def test_a_map_that_selects_nothing_has_no_box():
    """NaN, which the metrics count as a miss, and no pointing."""
    dead = np.zeros((1, 4, 4), np.uint8)
    assert np.isnan(heatmaps.boxes(dead[0], heatmaps.GRID)).all()
    assert not heatmaps.pointing_game(dead, [[0, 0, 1, 1]]).any()


@settings(max_examples=50)
@given(hnp.arrays(np.uint8, (6, 7)))
def test_every_threshold_has_the_box_of_a_plain_search(grey):
    """The boxes of all thresholds at once are those of a flood fill at each."""
    thresholds = range(1, 256, 9)
    for threshold, found in zip(thresholds, heatmaps.boxes(grey, thresholds), strict=True):
        groups = _flooded(grey >= threshold)
        if not groups:
            assert np.isnan(found).all()
            continue
        y, x = np.array(max(groups, key=len)).T
        expected = [x.min() / 7, y.min() / 6, (x.max() + 1) / 7, (y.max() + 1) / 6]
        np.testing.assert_allclose(found, expected)


def _flooded(selected):
    """Groups of touching pixels, in the order of their first pixel."""
    left = set(zip(*np.nonzero(selected), strict=True))
    groups = []
    for start in sorted(left):
        group, front = [], [start] if start in left else []
        left.discard(start)
        while front:
            group.append(here := front.pop())
            near = {(here[0] + i, here[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            front += near
        groups += [group] if group else []
    return groups


@settings(max_examples=10)
@given(MAPS, st.integers(0, 2**32 - 1))
def test_no_rule_beats_the_upper_bound(maps, seed):
    """Row by row, no other rule's box overlaps the true one more, nor any of the grid's."""
    rows = _rows(2 * len(maps), ["validation", "test"] * len(maps))
    rows[TRUE_BOX] = _boxes(np.random.default_rng(seed), len(rows))
    every = np.repeat(maps, 2, axis=0)
    frame = heatmaps.predictions(rows, {"x": every}, 30)
    frame["iou"] = metrics.box_iou(frame)
    wide = frame.pivot(index="image", columns="method", values="iou")
    assert (wide.le(wide["upper bound"], axis=0)).all(axis=None)
    grey = heatmaps.to_grey(every, 30)
    grid = np.stack([heatmaps.boxes(one, heatmaps.GRID) for one in grey], axis=1)
    best = np.nan_to_num(iou(rows[TRUE_BOX], grid)).max(axis=0)
    assert (wide.loc[rows["image"], "upper bound"] >= best - 1e-6).all()


def test_otsu_by_hand():
    """Six pixels, 0 0 0 and 200 200 220: the split 0 | 200 has the largest between variance."""
    grey = np.array([[0, 0, 0], [200, 200, 220]], np.uint8)
    threshold = heatmaps.otsu(grey)
    assert 1 <= threshold <= 200
    assert threshold == 101  # the middle of the equally good splits 0|1 to 199|200
    assert heatmaps.otsu(np.full((3, 3), 7, np.uint8)) == 255  # nothing to split


@settings(max_examples=50)
@given(hnp.arrays(np.uint8, (5, 5)).filter(lambda a: np.ptp(a) > 0))
def test_otsu_maximises_the_variance_between_classes(grey):
    """No other threshold separates the two classes' means better, by the definition itself."""

    def between(t):
        upper = grey >= t
        if upper.all() or not upper.any():
            return 0.0
        share = upper.mean()
        return share * (1 - share) * (grey[upper].mean() - grey[~upper].mean()) ** 2

    best = max(between(t) for t in range(1, 256))
    assert between(heatmaps.otsu(grey)) == pytest.approx(best, rel=1e-9)


def test_tuning_finds_the_threshold_that_was_hidden():
    """Maps whose true box is the region at 150 and above: the first of the grid above 100."""
    grey = np.full((3, 8, 8), 100, np.uint8)
    for k in range(3):
        grey[k, k : k + 3, 2:6] = 150
        grey[k, k + 1, 3] = 255
    true = np.array([[2 / 8, k / 8, 6 / 8, (k + 3) / 8] for k in range(3)])
    every = np.stack([heatmaps.boxes(one, heatmaps.GRID) for one in grey], axis=1)
    assert heatmaps.tuned(every, true, 0.9) == heatmaps.tuned(every, true) == 104
    np.testing.assert_array_equal(every[heatmaps.GRID.index(104)], true)


def test_pointing_by_hand():
    """The centre of a brightest pixel must lie inside; of several, one is enough."""
    grey = np.zeros((1, 4, 4), np.uint8)
    grey[0, 1, 1:3] = 255  # centres (0.375, 0.375) and (0.625, 0.375)
    boxes = {(0.45, 0.3, 0.55, 0.4): False, (0.25, 0.3, 0.45, 0.4): True, (0, 0.4, 1, 1): False}
    for box, inside in boxes.items():
        assert heatmaps.pointing_game(grey, [box])[0] == inside


def test_enlarging_by_hand():
    """Two cells on four pixels: centres at 1/4 and 3/4, linear between, constant outside."""
    grey = heatmaps.to_grey(np.array([[[0.0, 2.0], [0.0, 2.0]]]), 4)
    np.testing.assert_array_equal(grey[0], [[0, 64, 191, 255]] * 4)


def test_enlarging_equals_scipy():
    """Bilinear on cell centres is SciPy's `zoom` on its grid, map by map, before normalising."""
    maps = np.random.default_rng(0).random((3, 5, 7))
    large = zoom(maps, (1, 40 / 5, 40 / 7), order=1, grid_mode=True, mode="nearest")
    low, high = large.min(axis=(1, 2), keepdims=True), large.max(axis=(1, 2), keepdims=True)
    expected = 255 * (large - low) / (high - low)
    assert np.abs(heatmaps.to_grey(maps, 40) - expected).max() <= 0.5 + 1e-6


def test_normalising_is_per_map_and_survives_constant_maps():
    """Each map fills 0 to 255 whatever its scale; one that is constant points nowhere."""
    maps = np.random.default_rng(1).random((4, 3, 3)) * [[[1e-9]], [[1]], [[1e9]], [[0]]]
    maps[3] += 0.3
    grey = heatmaps.to_grey(maps, 32)
    assert grey.min(axis=(1, 2)).tolist() == [0, 0, 0, 0]
    assert grey.max(axis=(1, 2)).tolist() == [255, 255, 255, 0]
    assert not heatmaps.to_grey(np.full((1, 1, 1), 0.7), 32).any()


def _rows(number, parts):
    true = _boxes(np.random.default_rng(2), number)
    return pd.DataFrame(true, columns=TRUE_BOX).assign(
        image=[f"{k}.png" for k in range(number)], patient=range(number),
        finding=["Mass", "Nodule"] * (number // 2), part=parts,
    )  # fmt: skip


def _drawn(rows, size=40):
    """Maps that are bright exactly inside the true box."""
    grey = np.zeros((len(rows), size, size), np.uint8)
    for k, (x1, y1, x2, y2) in enumerate((rows[TRUE_BOX] * size).round().astype(int).to_numpy()):
        grey[k, y1:y2, x1:x2] = 255
    return grey


def test_predictions_are_read_by_the_same_metrics():
    """Perfect maps give IoU accuracy 1 by every rule; rows, parts and targets are kept."""
    rows = _rows(6, ["validation"] * 2 + ["test"] * 4)
    frame = heatmaps.predictions(rows, {"true finding": _drawn(rows)}, 40)
    assert list(dict.fromkeys(frame["method"])) == list(heatmaps.METHODS)
    for _, one in frame.groupby("method"):
        assert list(one["image"]) == list(rows["image"]) and list(one["part"]) == list(rows["part"])
        accuracy = metrics.iou_accuracy(one, ("Mass", "Nodule"), (0.1, 0.7))
        assert (accuracy.to_numpy() == 1).all()
    assert frame["pointing"].all() and set(frame["target"]) == {"true finding"}
    assert (frame["cells"] == 40 * 40).all()


def test_test_rows_do_not_tune():
    """The tuned threshold comes from validation alone; without validation there is none."""
    rows = _rows(6, ["validation"] * 2 + ["test"] * 4)
    grey = _drawn(rows)
    before = heatmaps.predictions(rows, {"x": grey}, 40)
    grey[2:] = np.random.default_rng(3).integers(0, 256, grey[2:].shape)
    after = heatmaps.predictions(rows, {"x": grey}, 40)
    for frame in (before, after):
        assert frame.loc[frame["method"] == "tuned", "threshold"].nunique() == 1
    first, second = (f.loc[f["method"] == "tuned", "threshold"].iloc[0] for f in (before, after))
    assert first == second
    alone = heatmaps.predictions(rows.iloc[2:], {"x": grey[2:]}, 40)
    assert "tuned" not in set(alone["method"]) and len(alone) == 4 * 4


def test_a_dead_map_is_a_miss_in_the_frame():
    """No box by any rule, counted as IoU 0."""
    rows = _rows(2, ["test"] * 2)
    frame = heatmaps.predictions(rows, {"x": np.zeros((2, 8, 8))}, 40)
    assert frame[PREDICTED_BOX].isna().all(axis=None) and not frame["pointing"].any()
    assert (metrics.box_iou(frame) == 0).all()


def test_one_evaluation_serves_heads_and_heat_maps():
    """Heat maps that gave the head's very boxes get the head's numbers, and agree with it fully."""
    run = runs.study("nih880-trials")[0]
    rows = run.predictions[run.predictions["part"] != "train"].sample(frac=1, random_state=0)
    frame = rows.assign(method="127", target="true finding", pointing=True, cells=49)
    table = gradcam.curves(run, frame, resamples=50).set_index(["series", "T"])
    columns = ["value", "low", "high"]
    np.testing.assert_array_equal(table.loc["CAM 127", columns], table.loc[gradcam.HEAD, columns])
    test = run.part("test")
    expected = metrics.iou_accuracy(test, run.findings)[metrics.MEAN]
    np.testing.assert_allclose(table.loc["CAM 127", "value"], expected)
    assert "CAM Otsu" not in table.index.get_level_values("series")
    one_cell = gradcam.curves(run, frame.assign(cells=1), resamples=50)
    assert set(one_cell["series"]) == set(table.index.get_level_values("series")) - {"CAM 127"}
    found = style.cell(*table.loc[("CAM 127", 0.1), columns])
    assert f"the best rule that does not know the true box (CAM 127) {found}, " in gradcam.told(
        table.reset_index()
    )
    assert "rule" not in gradcam.told(one_cell) and found in gradcam.told(one_cell)
    (line,) = gradcam.beside_the_head(run, frame).to_dict("records")
    head = test[PREDICTED_BOX].to_numpy()
    drawn = (head[:, 2:] > head[:, :2]).all(axis=1)  # an empty box agrees with nothing
    assert line["agreement"] == pytest.approx(drawn.mean())
    assert line["mean IoU"] == pytest.approx(metrics.box_iou(test).mean())
    pointing = [line[name] for name in ("pointing", "pointing low", "pointing high")]
    assert pointing == [1, 1, 1] and line["no box"] == 0
    area = (test["x2"] - test["x1"]) * (test["y2"] - test["y1"])
    assert line["by chance"] == pytest.approx(area.mean(), rel=1e-6)
    caption = gradcam.styled_beside(gradcam.beside_the_head(run, frame), "run").caption
    assert caption.endswith(f"a point anywhere would hit {area.mean():.2f}")


def test_a_map_of_one_cell_is_told():
    """One cell selects nothing by any rule, and the table of resolutions says that it cannot."""
    rows = _rows(2, ["test"] * 2)
    frames = {
        name: heatmaps.predictions(rows, {"x": np.random.default_rng(0).random((2, k, k))}, 64)
        for name, k in (("fine", 4), ("one", 1))
    }
    assert [gradcam.has_places(frame) for frame in frames.values()] == [True, False]
    assert frames["fine"][PREDICTED_BOX].notna().all(axis=None)
    assert frames["one"][PREDICTED_BOX].isna().all(axis=None)
    table = gradcam.resolution(frames, {"fine": 64, "one": 64}).data
    assert list(table["heat map"]) == ["4 × 4", "1 × 1"]
    assert list(table["cell"]) == ["16 px", "64 px"]
    assert list(table["boxes"]) == ["yes", "none: one cell"]
