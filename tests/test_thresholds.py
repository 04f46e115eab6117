"""Accuracy against T: the series are the tables' means, and each is drawn where it is."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from pictures import band_at, names_beside, off_palette
from records import FINDINGS, run_of

from clnbook import experts, localisation, published, style, thresholds
from clnlib.findings import BOXED
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN
from clnlib.runs import PREDICTED_BOX

T = np.arange(1, 8) / 10


def test_curves():
    """Ours and the blind box are `localisation`'s means; the paper's are its legible ones."""
    run = run_of(findings=BOXED)
    got = thresholds.curves([run], resamples=20)
    assert list(got.columns) == ["series", "kind", "T", "value", "low", "high"]
    table = localisation.table(run, resamples=20)
    means = table[(table["finding"] == MEAN) & (table["quantity"] == "IoU accuracy")]
    for kind, columns in (
        ("ours", ["value", "low", "high"]),
        ("baseline", ["blind box", "blind box low", "blind box high"]),
    ):
        own = got[got["kind"] == kind]
        assert own["series"].nunique() == 1
        np.testing.assert_allclose(own[["value", "low", "high"]], means[columns])
    paper = got[got["kind"] == "paper"]
    assert paper["series"].nunique() == 11
    printed = published.table1().query("finding == 'Mean' and transcription == 'ok'")
    both = paper.merge(printed, left_on=["series", "T"], right_on=["method", "T"])
    assert len(both) == len(paper) == len(printed)
    assert (both["value_x"] == both["value_y"]).all()
    assert paper[["low", "high"]].isna().all().all()
    # Of runs with other findings neither.
    assert set(thresholds.curves([run_of()], resamples=5)["kind"]) == {"ours", "baseline"}


def test_curves_have_the_experts():
    """The ceiling is `experts`' once, however many runs, in both figures."""
    runs = [run_of("a-1", findings=BOXED, lam=0.1), run_of("a-2", findings=BOXED, lam=0.4)]
    got = thresholds.curves(runs, resamples=5).query("kind == 'experts'")
    assert got["value"].tolist() == pytest.approx(experts.ceilings().loc[MEAN].tolist())
    assert (got["low"] <= got["value"]).all() and (got["value"] <= got["high"]).all()
    fall = thresholds.curves(runs, resamples=5, relative=True).query("kind == 'experts'")
    first, last = experts.ceilings().loc[MEAN].iloc[[0, -1]]
    assert fall["value"].iloc[-1] == pytest.approx(100 * (1 - last / first))


def test_curves_have_a_blind_box_per_split():
    """Runs of one split share it; another split has its own, named."""
    runs = [run_of("a-1", lam=0.1), run_of("a-2", lam=0.4), run_of("a-3", seed=1, split_seed=1)]
    names = thresholds.curves(runs[:2], resamples=5).query("kind == 'baseline'")["series"].unique()
    assert list(names) == ["blind box"]
    names = thresholds.curves(runs, resamples=5).query("kind == 'baseline'")["series"].unique()
    assert [name.split(", ", 1)[1] for name in names] == [
        f"nih880, patient split, seed {k}" for k in (0, 1)
    ]


def test_decay():
    """Decrease in % of T = 0.1, with quantiles of each resample's own decrease."""
    run = run_of()
    got = (
        thresholds.curves([run], resamples=30, relative=True).query("kind == 'ours'").set_index("T")
    )
    values = thresholds.curves([run], resamples=30).query("kind == 'ours'").set_index("T")["value"]
    expected = 100 * (1 - values / values[0.1])
    assert got["value"].tolist() == pytest.approx(expected.tolist())
    rows = run.part("test")
    falls = []
    for drawn in bootstrap.counts(rows["patient"], 30)[1:].astype(int):
        again = rows.loc[rows.index.repeat(drawn)]
        mean = metrics.iou_accuracy(again, FINDINGS, (0.1, 0.7))[MEAN]
        falls.append(100 * (1 - mean[0.7] / mean[0.1]))
    ends = np.quantile(falls, [0.025, 0.975])
    assert got.loc[0.7, ["low", "high"]].tolist() == pytest.approx(ends.tolist())


def test_decay_of_the_paper():
    """Section 4's 81.7, 99.8 and 36.7 %; no series without a legible mean at T = 0.1."""
    got = thresholds.curves([run_of(findings=BOXED)], resamples=5, relative=True).query(
        "kind == 'paper'"
    )
    last = got[got["T"] == 0.7].set_index("series")["value"].round(1)
    assert last[["Ouyang et al.", "ViT-based", "CLN-ResNet50V2"]].tolist() == [81.7, 99.8, 36.7]
    legible = published.table1().query("finding == 'Mean' and T == 0.1 and transcription == 'ok'")
    assert set(got["series"]) == set(legible["method"])


def test_decay_of_nothing():
    """A run that finds nothing at T = 0.1 has no decrease, and is left out without a warning."""
    run = run_of()
    run.predictions[PREDICTED_BOX] = [0.0, 0.0, 0.0, 0.0]
    assert "ours" not in set(thresholds.curves([run], resamples=5, relative=True)["kind"])


def series(name: str, kind: str, start: float, width: float = np.nan) -> pd.DataFrame:
    """A series that falls from `start` in steps of 0.05, in a band of ± `width`."""
    value = start - 0.05 * np.arange(7)
    columns = {"series": name, "kind": kind, "T": T, "value": value}
    return pd.DataFrame(columns | {"low": value - width, "high": value + width})


def figure_2() -> pd.DataFrame:
    """Eleven printed series, several as good as on top of each other, two of ours, both bounds."""
    paper = [series(f"CLN-MobileNetV3Small {k}", "paper", 0.95 - 0.005 * k) for k in range(6)]
    paper += [series(f"Ouyang et al. {k}", "paper", 0.35 + 0.01 * k) for k in range(5)]
    ours = [series("ours λ = 0.1", "ours", 0.8, 0.04), series("ours λ = 0.4", "ours", 0.7, 0.04)]
    bounds = [series("blind box", "baseline", 0.5, 0.03)]
    bounds += [series(thresholds.EXPERTS, "experts", 0.97, 0.02)]
    return pd.concat([*paper, *ours, *bounds])


def test_accuracy_by_threshold(axes):
    """Every series goes through its values; ours are thickest and on top; bands are intervals."""
    frame = figure_2()
    assert thresholds.draw(frame, axes) is axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert len(drawn) == 15
    for name, rows in frame.groupby("series"):
        assert drawn[name].get_xdata().tolist() == rows["T"].tolist()
        assert drawn[name].get_ydata().tolist() == rows["value"].tolist()
    width = {name: line.get_linewidth() for name, line in drawn.items()}
    assert width["ours λ = 0.1"] > width["blind box"] > width["Ouyang et al. 0"]
    assert [line.get_label() for line in axes.lines][-2:] == ["ours λ = 0.1", "ours λ = 0.4"]
    colour = {name: to_hex(line.get_color()).upper() for name, line in drawn.items()}
    assert colour["ours λ = 0.1"] == style.PREDICTED
    assert colour["blind box"] == style.BLIND
    assert colour["Ouyang et al. 0"] == style.PAPER
    assert colour[thresholds.EXPERTS] == style.BLIND
    assert drawn[thresholds.EXPERTS].get_linestyle() != drawn["blind box"].get_linestyle()
    assert len(axes.collections) == 4  # the paper has no intervals
    banded = [thresholds.EXPERTS, "blind box", "ours λ = 0.1", "ours λ = 0.4"]
    for number, name in enumerate(banded):
        rows = frame[(frame["series"] == name) & np.isclose(frame["T"], 0.3)]
        expected = tuple(rows[["low", "high"]].to_numpy()[0])
        assert band_at(axes, number, 0.3) == pytest.approx(expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("T(IoU)", "IoU accuracy")
    assert not off_palette(axes)


def test_accuracy_by_threshold_of_unknown_values(axes):
    """An unknown value leaves a gap; the name stands at the last known one."""
    frame = series("RGT", "paper", 0.6)
    frame.loc[6, "value"] = np.nan
    thresholds.draw(frame, axes)
    (line,) = axes.lines
    assert np.isnan(line.get_ydata()[-1])
    (name,) = names_beside(axes)
    assert name.xy == pytest.approx((0.6, 0.35))  # the last value that is known


def test_a_single_point_is_named_left_of_it(axes):
    """A name at the edge, joined to one point by a line, would read as a series."""
    frame = series("CAM, paper", "paper", 0.6)
    frame.loc[1:, "value"] = np.nan
    thresholds.draw(frame, axes)
    (name,) = names_beside(axes)
    assert name.xy == pytest.approx((0.1, 0.6)) and name.arrow_patch is None
    figure = axes.figure
    figure.draw_without_rendering()
    extent = name.get_window_extent()
    # Left of its point, where no curve begins, and within the axes.
    assert (
        axes.get_window_extent().x0 < extent.x0 < extent.x1 < axes.transData.transform((0.1, 0))[0]
    )


def test_decay_is_drawn(axes):
    """Per cents from 0 to 100, on the same terms."""
    frame = figure_2().assign(value=30.0, low=20.0, high=40.0)
    thresholds.draw(frame, axes, relative=True)
    assert axes.get_ylim() == (0, 100)
    assert axes.get_ylabel() == "decrease since T = 0.1 (%)"
    assert all(set(line.get_ydata()) == {30} for line in axes.lines)
    assert band_at(axes, 0, 0.5) == (20, 40)
    assert not off_palette(axes)


@pytest.mark.parametrize("relative", [False, True])
def test_names_are_told_apart(axes, relative):
    """Fifteen names at column width: all there, none on another, none beyond the figure."""
    frame = figure_2()
    if relative:
        frame[["value", "low", "high"]] = 90.0  # all end at one point
    thresholds.draw(frame, axes, relative)
    figure = axes.figure
    figure.canvas.draw()
    assert len(names_beside(axes)) == 15
    boxes = [Text.get_window_extent(text) for text in names_beside(axes)]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    assert axes.get_window_extent().width > 0.5 * figure.bbox.width
    inside = axes.get_window_extent()
    assert not any(box.x0 < inside.x1 for box in boxes)
