"""Means beside the blind box are the metrics', with patients' intervals; seeds share a setting."""

from pathlib import Path

import numpy as np
import oracle
import pandas as pd
import pytest
from records import FINDINGS, changed, run_of

from clnbook import blind_boxes, classification, style, summary
from clnlib import runs
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN
from clnlib.parameters import Conventions

RESULTS = Path(__file__).resolve().parents[1] / "results"


def test_summary():
    """The points are those of the metrics, intervals lie around them, a blind box has no AUC."""
    run = run_of()
    got = summary.summary(run, resamples=200)
    rows = run.part("test")
    blind = blind_boxes.blind(run.predictions).loc[rows.index]
    accuracy = [f"IoU accuracy, T = {t}" for t in metrics.THRESHOLDS]
    assert got.index.tolist() == ["mean AUC", "mean IoU", *accuracy]
    assert got.at["mean AUC", "network"] == pytest.approx(oracle.auc(rows, FINDINGS)["Mean"])
    for column, own in (("network", rows), ("blind box", blind)):
        assert got.at["mean IoU", column] == pytest.approx(metrics.mean_iou(own, FINDINGS)["Mean"])
        expected = metrics.iou_accuracy(own, FINDINGS)["Mean"]
        assert got.loc[accuracy, column].tolist() == pytest.approx(expected.tolist())
    assert got.loc["mean AUC", ["blind box", "blind box low", "blind box high"]].isna().all()
    for name, known in (("network", got), ("blind box", got.loc["mean IoU":])):
        assert (known[f"{name} low"] <= known[name]).all()
        assert (known[name] <= known[f"{name} high"]).all()


def test_summary_interval_by_a_loop():
    """The interval of the mean IoU is that of resampled patients, one resample after the other."""
    run = run_of()
    ends = ["network low", "network high"]
    got = summary.summary(run, resamples=50).loc["mean IoU", ends]
    rows = run.part("test")
    means = []
    for counts in bootstrap.counts(rows["patient"], 50)[1:].astype(int):
        means.append(metrics.mean_iou(rows.loc[rows.index.repeat(counts)], FINDINGS)["Mean"])
    np.testing.assert_allclose(got.astype(float), np.quantile(means, [0.025, 0.975]))


def test_summary_of_a_part_without_a_finding():
    """Findings without a box in the part are left out of the means."""
    run = run_of(drop="Mass")
    got = summary.summary(run, resamples=20)
    rows = run.part("test")
    two = ["Cardiomegaly", "crack"]
    assert got.at["mean IoU", "network"] == pytest.approx(metrics.mean_iou(rows, two)["Mean"])
    assert got.at["mean AUC", "network"] == pytest.approx(oracle.auc(rows, two)["Mean"])


def test_summary_of_a_single_finding():
    """A reader's file with one category has no AUC; the boxes are told all the same."""
    got = summary.summary(run_of(findings=("Mass",)), resamples=20)
    assert got.loc["mean AUC"].isna().all()
    assert got.loc["mean IoU":].notna().all().all()


def test_summary_honours_conventions():
    """Under another convention the summary's means are that convention's, by images the AUC too."""
    run = run_of()
    gated = Conventions(gated=True)
    got = summary.summary(run, resamples=5, conventions=gated)["network"]
    expected = metrics.iou_accuracy(run.part("test"), FINDINGS, convention=gated)[MEAN]
    assert got.filter(like="IoU accuracy").tolist() == pytest.approx(expected.tolist())
    images = Conventions(rows="images")
    table = classification.table(run, images, resamples=5).set_index("finding")
    got = summary.summary(run, resamples=5, conventions=images)["network"]
    assert got["mean AUC"] == pytest.approx(table.at[MEAN, "value"])


def test_styled_summary():
    """Network and blind box with their intervals to three decimals; no AUC for a blind box."""
    table = summary.summary(run_of(), resamples=30)
    got = summary.styled(table).data
    auc, box = table.loc["mean AUC"], table.loc["mean IoU"]
    assert got.loc["mean AUC"].tolist() == [
        f"{auc['network']:.3f} ({auc['network low']:.3f}–{auc['network high']:.3f})", "–",
    ]  # fmt: skip
    blind, low, high = box[["blind box", "blind box low", "blind box high"]]
    assert got.loc["mean IoU", "blind box"] == f"{blind:.3f} ({low:.3f}–{high:.3f})"


def test_overview():
    """A line per run with its own and the blind box's means, as `summary` has them."""
    runs = [run_of("a-1"), run_of("a-2", lam=0.1, drop="Mass")]
    got = summary.overview(runs, resamples=30).data
    for name, run in zip(("λ = 0.4", "λ = 0.1"), runs, strict=True):
        expected = summary.summary(run, resamples=30).loc["IoU accuracy, T = 0.5"]
        for line in ("network", "blind box"):
            columns = [line, f"{line} low", f"{line} high"]
            assert got.loc[(name, line), "T = 0.5"] == style.cell(*expected[columns])
    assert (got.xs("blind box", level=1)["mean AUC"] == "–").all()


def test_by_kept_epoch():
    """A row per epoch that a record holds, with its test numbers; an older record has none."""
    run = runs.study(str(RESULTS / "phantom"), "*mobile*lam0.4*")[0]
    old = runs.study(str(RESULTS / "nih880-pilot"), "*lam0.1*cda6f0ef")[0]
    got = summary.by_kept_epoch([run, old])
    assert set(got["kept"]) == set(summary.KEPT.values()) and got["run"].nunique() == 1
    best = got.set_index("kept").loc[summary.KEPT["best"]]
    assert best["epoch"] == run.provenance["best_epoch"]
    test = run.part("test")
    assert best[summary.AUC] == pytest.approx(mean_auc(test, run.findings))
    assert best[summary.MEAN_IOU] == pytest.approx(metrics.mean_iou(test, run.findings)[MEAN])
    shown = summary.styled_kept(got).data
    assert shown.iloc[0][f"epoch, {summary.KEPT['last']}"] == len(run.history)


def test_by_setting():
    """Seeds of one setting share a line: their means, the ends, and the blind box of the split."""
    runs = [run_of("a-1", seed=1), run_of("a-2", seed=2), run_of("a-3", lam=0.1)]
    runs = [changed(run, seed=number) for number, run in enumerate(runs)]
    for number, run in enumerate(runs):
        run.provenance["best_epoch"] = number + 1
        history = {"epoch": [1, 2, 3], "val_box_empty": [0.0, 0.5, 1.0]}
        run.history[list(history)] = pd.DataFrame(history)
    got = summary.by_setting(runs)
    assert [*got.index] == ["CLN-CheXNet, λ = 0.4", "CLN-CheXNet, λ = 0.1",
                            "blind box, nih880, patient split, seed 0"]  # fmt: skip
    first = got.iloc[0]
    assert (first["seeds"], first["best epoch"], first["empty"]) == (2, 1.5, 0.25)
    areas = [oracle.auc(run.part("test"), FINDINGS)[MEAN] for run in runs]
    assert first["mean AUC"] == pytest.approx(np.mean(areas[:2]))
    assert first["mean AUC low"] == pytest.approx(min(areas[:2]))
    assert first["mean AUC high"] == pytest.approx(max(areas[:2]))
    hits = [metrics.iou_accuracy(run.part("test"), FINDINGS).loc[0.7, MEAN] for run in runs]
    assert got["T = 0.7"].tolist()[:2] == pytest.approx([np.mean(hits[:2]), hits[2]])
    blind = blind_boxes.blind(runs[0].predictions).loc[runs[0].part("test").index]
    assert got["mean IoU"].iloc[-1] == pytest.approx(metrics.mean_iou(blind, FINDINGS)[MEAN])
    shown = summary.styled_settings(got).data
    assert shown["mean AUC"].tolist() == [
        style.cell(np.mean(areas[:2]), min(areas[:2]), max(areas[:2])),
        f"{areas[2]:.2f}",
        "–",
    ]
    assert shown["empty"].tolist()[:2] == ["25%", "100%"]
