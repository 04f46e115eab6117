"""What stands beside a run's boxes: four boxes that see less, each counted as the run is."""

import re

import numpy as np
import pandas as pd
import pytest
from records import run_of

from clnbook import blind_boxes, summary, yardsticks
from clnlib.metrics import localisation
from clnlib.metrics.boxes import iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

T = (0.1, 0.3)


def by_series(run, resamples=200):
    return yardsticks.table(run, T, resamples).set_index(["series", "quantity"])


def test_values_are_those_of_the_one_metric_path():
    """Network, class-told and class-agnostic box have the mean IoU and accuracies of `metrics`."""
    run = run_of()
    found, test, name = by_series(run), run.part("test"), blind_boxes.AGNOSTIC
    series = {
        summary.NETWORK: test,
        blind_boxes.MEDOID: blind_boxes.blind(run.predictions).loc[test.index],
        blind_boxes.AGNOSTIC: blind_boxes.predict("class-agnostic", run.predictions).loc[
            test.index
        ],
    }
    for name, rows in series.items():
        mean = localisation.mean_iou(rows, run.findings)["Mean"]
        assert found.loc[(name, "mean IoU"), "value"] == pytest.approx(mean)
        for t, accuracy in localisation.iou_accuracy(rows, run.findings, T)["Mean"].items():
            assert found.loc[(name, f"T = {t:g}"), "value"] == pytest.approx(accuracy)


def test_shuffled_is_the_mean_over_all_pairs_by_loops():
    """Each row's box is every test row's in turn; then the mean over rows, then over findings."""
    run = run_of()
    test = run.part("test")
    every = []
    for _, row in test.iterrows():
        overlaps = [iou(row[TRUE_BOX], other[PREDICTED_BOX]) for _, other in test.iterrows()]
        every.append(np.mean(overlaps))
    expected = pd.Series(every, test["finding"].to_numpy()).groupby(level=0).mean().mean()
    assert by_series(run).loc[("own boxes shuffled", "mean IoU"), "value"] == pytest.approx(
        expected
    )


def test_the_medoid_of_the_predicted_finding_follows_the_probabilities():
    """Where the network names the true finding of every row, it is the told box."""
    run = run_of()
    for finding in run.findings:
        run.predictions[PROBABILITY + finding] = 1.0 * (run.predictions["finding"] == finding)
    found = by_series(run)["value"]
    told = found[blind_boxes.MEDOID]
    pd.testing.assert_series_equal(found[yardsticks.PREDICTED], told, check_names=False)


def test_a_finding_without_rows():
    """A finding that no training row has gets the box of all; the means leave it out."""
    run = run_of()
    run.predictions["finding"] = run.predictions["finding"].replace("crack", "Mass")
    assert by_series(run)["value"].notna().all()


def test_differences_are_paired():
    """Network less yardstick on the same patients: narrower than two intervals would be."""
    found = by_series(run_of(), 2000)
    line = found.loc[(blind_boxes.AGNOSTIC, "mean IoU")]
    values = found["value"].unstack()["mean IoU"]
    gap = values[summary.NETWORK] - values[blind_boxes.AGNOSTIC]
    assert line["difference"] == pytest.approx(gap) and line["low"] < gap < line["high"]
    assert found.loc[summary.NETWORK, ["difference", "low", "high"]].isna().all(axis=None)


def test_a_constant_box_does_not_see_the_image():
    """A run of one box for all images is exactly as good as its own boxes shuffled."""
    run = run_of()
    run.predictions[PREDICTED_BOX] = [0.2, 0.2, 0.7, 0.8]
    line = by_series(run).loc[(yardsticks.SHUFFLED, "mean IoU")]
    assert line[["difference", "low", "high"]].abs().max() < 1e-12


def test_the_page_says_what_each_yardstick_is():
    """A line per run: its mean IoU, and signed differences with their intervals."""
    shown = yardsticks.styled({"a run": run_of()})
    assert list(shown.data.columns) == [summary.MEAN_IOU, *yardsticks.YARDSTICKS]
    assert all(word in shown.caption for word in yardsticks.YARDSTICKS)
    assert re.fullmatch(r"[+−]0\.\d{3} \([+−]?0\.\d{3} to [+−]?0\.\d{3}\)", shown.data.iloc[0, 1])
