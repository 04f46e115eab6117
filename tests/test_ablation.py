"""The ablation over λ: values, intervals and differences are those of the runs it is made from."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import oracle
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from pictures import off_palette
from sklearn.metrics import roc_auc_score

from clnbook import ablation, published, style, summary
from clnlib.errors import InputError
from clnlib.findings import BOXED
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.parameters import Train
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, Run

FINDINGS = ("Effusion", "Mass", "Nodule")
PAPER = metrics.PAPER
R = 40


def a_run(lam=0.4, seed=0, backbone="chexnet", findings=FINDINGS, split=0, **others) -> Run:
    """A run of 90 boxes of 45 patients; its predictions follow from λ, seed and backbone."""
    truth, own = np.random.default_rng(split), np.random.default_rng([int(lam * 1000), seed])
    corners = np.sort(truth.uniform(0, 1, (90, 2, 2)), axis=1).reshape(90, 4)
    finding = np.resize(findings, 90)
    table = pd.DataFrame(
        {
            "image": [f"{k // 2}.png" for k in range(90)],
            "patient": [str(k) for k in truth.integers(0, 45, 90)],
            "finding": finding,
            "part": np.repeat(["train", "validation", "test"], 30),
        }
    )
    table[TRUE_BOX] = corners
    table[PREDICTED_BOX] = (corners + own.normal(0, 0.05 + lam / 5, (90, 4))).clip(0, 1)
    for name in findings:
        table[PROBABILITY + name] = own.uniform(0, 1, 90) + lam * (finding == name)
    parameters = Train.model_construct(backbone=backbone, lam=lam, seed=seed, **others)
    folder = Path(f"{backbone}-lam{lam}-seed{seed}")
    return Run(folder, parameters, pd.DataFrame(), table, {"findings": list(findings)})


def over_lambda(runs: list[Run], conventions=PAPER) -> pd.DataFrame:
    return ablation.table(runs, conventions, R)


def numbers(run: Run, conventions=PAPER) -> list[float]:
    """scikit-learn's AUC and the metrics' accuracies, in the order of the quantities."""
    test = run.part("test")
    accuracy = metrics.iou_accuracy(test, run.findings, summary.FEW, conventions)
    first = test if conventions.rows == "boxes" else test.drop_duplicates("image")
    same = "image" if conventions.rows == "images" else list(TRUE_BOX)
    areas = [
        roc_auc_score(
            first.set_index(same).index.isin(test[test["finding"] == f].set_index(same).index),
            first[PROBABILITY + f],
        )
        for f in run.findings
    ]
    return [np.mean(areas), *accuracy["Mean"]]


@pytest.mark.parametrize("words", ["paper", "rows=images, gated=yes", "group=predicted"])
def test_values_are_the_metrics(words):
    """One row per λ and quantity, each the metric of that λ's run under the conventions."""
    conventions = oracle.conventions(words)
    runs = [a_run(0.9), a_run(0.1), a_run(0.4)]
    frame = over_lambda(runs, conventions)
    assert frame["lam"].tolist() == [lam for lam in (0.1, 0.4, 0.9) for _ in range(5)]
    assert frame["quantity"].tolist() == list(ablation.QUANTITIES) * 3
    assert (frame["backbone"] == "chexnet").all() and (frame["setting"] == "").all()
    for run in runs:
        rows = frame[frame["lam"] == run.parameters.lam]
        assert rows["value"].tolist() == pytest.approx(numbers(run, conventions))
    assert (frame["low"] <= frame["value"]).all() and (frame["value"] <= frame["high"]).all()


def test_intervals_are_those_of_the_summary():
    """One run alone has the very interval that its own notebook tells."""
    run = a_run()
    frame = over_lambda([run]).set_index("quantity")
    expected = summary.summary(run, resamples=R).loc[list(ablation.QUANTITIES)]
    np.testing.assert_allclose(frame["value"], expected["network"])
    np.testing.assert_allclose(frame[["low", "high"]], expected[["network low", "network high"]])


def test_seeds_are_averaged():
    """Seeds of one λ share a row: their mean, their number and their standard deviation."""
    runs = [a_run(seed=seed) for seed in range(3)]
    frame = over_lambda(runs)
    each = np.array([numbers(run) for run in runs])
    np.testing.assert_allclose(frame["value"], each.mean(axis=0))
    np.testing.assert_allclose(frame["seed_sd"], each.std(axis=0, ddof=1))
    assert (frame["seeds"] == 3).all()
    assert over_lambda(runs[:1])["seed_sd"].isna().all()


def test_differences_are_paired():
    """Less the chosen λ, resample by resample, as a loop over resampled rows has it."""
    runs = [a_run(0.1), a_run(0.4)]
    frame = over_lambda(runs)
    got = frame[(frame["lam"] == 0.1) & (frame["quantity"] == "IoU accuracy, T = 0.3")].iloc[0]
    tests = [run.part("test") for run in runs]
    gaps = []
    for counts in bootstrap.counts(tests[0]["patient"], R).astype(int):
        drawn = [t.loc[t.index.repeat(counts)] for t in tests]
        low, chosen = (metrics.iou_accuracy(d, FINDINGS, [0.3])["Mean"].iloc[0] for d in drawn)
        gaps.append(low - chosen)
    expected = [gaps[0], *np.quantile(gaps[1:], [0.025, 0.975])]
    names = ["difference", "difference low", "difference high"]
    np.testing.assert_allclose(got[names].astype(float), expected, atol=1e-12)


def test_differences_where_there_is_nothing_to_compare():
    """The chosen λ itself, a backbone without its chosen λ and one of no paper have none."""
    frame = over_lambda([a_run(0.4), a_run(0.9)])
    assert frame.loc[frame["lam"] == 0.4, "difference"].isna().all()
    assert frame.loc[frame["lam"] == 0.9, "difference"].notna().all()
    for runs in ([a_run(0.1), a_run(0.9)], [a_run(0.1, backbone="a"), a_run(0.4, backbone="a")]):
        assert over_lambda(runs)["difference"].isna().all()


def test_equal_predictions_differ_by_nothing():
    """A λ with the chosen λ's predictions is 0 from it, with an interval of length 0."""
    one, other = a_run(0.4), a_run(0.9)
    same = Run(other.folder, other.parameters, other.history, one.predictions, one.provenance)
    rows = over_lambda([one, same]).query("lam == 0.9")
    names = ["difference", "difference low", "difference high"]
    assert (rows[names] == 0).all().all()


def test_settings_are_kept_apart():
    """Runs that differ in more than λ and seed are not averaged; words say in what."""
    runs = [
        a_run(0.4, weights="study/stage1", augment=True),
        a_run(0.4, seed=1, weights=None, augment=True),
        a_run(0.1, weights=None, augment=True, study="other"),
        a_run(0.4, backbone="xception", weights=None),
    ]
    frame = over_lambda(runs)
    told = frame[["backbone", "setting", "differs", "lam", "seeds"]].drop_duplicates()
    assert told.to_numpy().tolist() == [
        ["chexnet", "1", "from study/stage1", 0.4, 1],
        ["chexnet", "2", "no pretraining", 0.1, 1],
        ["chexnet", "2", "no pretraining", 0.4, 1],
        ["xception", "", "", 0.4, 1],
    ]


def test_runs_of_other_tests_are_refused():
    """Runs whose test rows differ cannot be averaged or compared; the message names both."""
    with pytest.raises(InputError, match=r"chexnet-lam0\.4-seed0 and chexnet-lam0\.1-seed0"):
        over_lambda([a_run(0.4), a_run(0.1, split=1)])


def test_a_readers_own_findings():
    """One category: no AUC, since nothing is not it; accuracies all the same, no warning."""
    frame = over_lambda([a_run(findings=("wrist",)), a_run(0.1, findings=("wrist",))])
    is_auc = frame["quantity"] == "mean AUC"
    assert frame.loc[is_auc, ["value", "low", "high"]].isna().all().all()
    assert frame.loc[~is_auc, "value"].notna().all()
    ranges = ablation.ranges(frame, [a_run(findings=("wrist",))])
    assert ranges["number"].tolist() == [0, 2, 2, 2, 2]
    for show in (ablation.styled, ablation.styled_differences):
        assert "–" in show(frame).to_html()
    assert ablation.styled_ranges(ranges).to_html()


# ranges


def test_ranges_by_hand():
    """Least, most, the sample's deviation and the first best λ; the paper's beside the AUC only."""
    rows = [
        {"backbone": b, "setting": "", "lam": lam, "quantity": q, "value": v}
        for b in ("chexnet", "my net")
        for lam, auc, accuracy in ((0.9, 0.8, 0.5), (0.1, 0.7, 0.5), (0.4, 0.6, 0.2))
        for q, v in (("mean AUC", auc), ("IoU accuracy, T = 0.1", accuracy))
    ]
    got = ablation.ranges(pd.DataFrame(rows), [a_run(findings=BOXED)])
    auc = got.loc[("chexnet", "", "mean AUC")]
    assert auc.tolist() == pytest.approx([3, 0.6, 0.8, 0.1, 0.9, 0.818, 0.887, 0.021])
    accuracy = got.loc[("chexnet", "", "IoU accuracy, T = 0.1")]
    assert accuracy.iloc[:5].tolist() == pytest.approx([3, 0.2, 0.5, 0.03**0.5, 0.1])
    assert accuracy.iloc[5:].isna().all()
    assert got.loc["my net", ["paper_min", "paper_max", "paper_sd"]].isna().all().all()


def test_a_range_of_one():
    """A single λ has no deviation."""
    got = ablation.ranges(over_lambda([a_run()]), [a_run()])
    assert (got["number"] == 1).all() and (got["min"] == got["max"]).all()
    assert got["sd"].isna().all()


def test_no_best_where_there_is_nothing_to_choose():
    """One λ, or equal values, name no best λ."""
    rows = [
        {"backbone": "own", "setting": "", "lam": lam, "quantity": "mean AUC", "value": 0.5}
        for lam in (0.1, 0.4)
    ]
    for frame in (pd.DataFrame(rows), pd.DataFrame(rows[:1])):
        assert ablation.ranges(frame, [a_run()])["best"].isna().all()


def test_printed_ranges():
    """The six of section 3.4.2, each a range that holds its deviation twice and Table 2's mean.

    Table 2's mean AUC of a variant is that of its chosen λ, hence one of the nine (to rounding:
    MobileNetV3Small's 0.918 is the maximum of the text, 0.919 the top of its range).
    """
    printed = published.lambda_ranges()
    assert set(printed.index) == set(published.LAMBDAS)
    assert printed.loc["inceptionv3"].tolist() == [0.777, 0.837, 0.022]
    assert printed.loc["resnet50v2"].tolist() == [0.711, 0.893, 0.066]
    assert (printed["auc_high"] - printed["auc_low"] > 2 * printed["auc_sd"]).all()
    table = published.table2()
    means = table[table["finding"] == "Mean"].set_index("method")["value"]
    for backbone, row in printed.iterrows():
        mean = means[published.VARIANTS[backbone]]
        assert row["auc_low"] - 0.0005 <= mean <= row["auc_high"] + 0.0005


def test_printed_ranges_belong_to_the_paper_s_findings():
    """A reader's own findings do not stand beside numbers printed for others."""
    ours = [a_run(findings=BOXED), a_run(0.1, findings=BOXED)]
    got = ablation.ranges(over_lambda(ours), ours).loc[("chexnet", "", "mean AUC")]
    printed = published.lambda_ranges().loc["chexnet", ["auc_low", "auc_high", "auc_sd"]]
    assert got[["paper_min", "paper_max", "paper_sd"]].tolist() == printed.tolist()
    mixed = ablation.ranges(over_lambda([a_run()]), [ours[0], a_run()])
    assert mixed[["paper_min", "paper_max", "paper_sd"]].isna().all().all()
    assert mixed["number"].eq(1).all()


# pages


def test_pages_tell_the_frame():
    """Values with intervals, signed differences, settings in words, a caption on each table."""
    frame = over_lambda([a_run(0.4, augment=True), a_run(0.1, augment=True), a_run(augment=False)])
    row = frame.iloc[0]
    text = ablation.styled(frame).to_html()
    for part in (f"{row['value']:.2f}", f"({row['low']:.2f}–{row['high']:.2f})", "<caption>"):
        assert part in text
    assert ">1: augmented<" in text and ">2: nothing else<" in text
    text = ablation.styled_differences(frame).to_html()
    row = frame[frame["difference"].notna()].iloc[1]
    ends = [row["difference"], row["difference low"], row["difference high"]]
    assert all(f"{abs(end):.2f}" in text for end in ends)
    assert text.count("<tr>") == 3  # two of heads, one pair of λ
    none = ablation.styled_differences(over_lambda([a_run(0.9)])).to_html()
    assert "<td" not in none


# Figure 4


def lambdas(values: dict[float, float], backbone: str = "chexnet") -> pd.DataFrame:
    rows = [
        {"backbone": backbone, "setting": "", "lam": lam, "quantity": quantity,
         "value": value + shift, "low": value + shift - 0.03, "high": value + shift + 0.05}
        for lam, value in values.items()
        for quantity, shift in (("mean AUC", 0.2), ("IoU accuracy, T = 0.1", 0))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_panel(axes):
    """Values at their λ, a break where one was not run, and bars from low to high."""
    ablation.panel(lambdas({0.1: 0.5, 0.2: 0.4, 0.9: 0.3}), axes)
    auc, accuracy = axes.containers
    assert [c.get_label() for c in axes.containers] == ["mean AUC", "IoU accuracy, T = 0.1"]
    for container, values in ((auc, [0.7, 0.6, 0.5]), (accuracy, [0.5, 0.4, 0.3])):
        x, y = (np.asarray(d, dtype=float) for d in container.lines[0].get_data())
        np.testing.assert_allclose(x, np.arange(1, 10) / 10, atol=0.0121)
        np.testing.assert_allclose(y[[0, 1, 8]], values)
        assert np.isnan(y[2:8]).all()
        first = container.lines[2][0].get_segments()[0]
        np.testing.assert_allclose(first[:, 1], [values[0] - 0.03, values[0] + 0.05])
    assert to_hex(auc.lines[0].get_color()).upper() == style.OTHER
    assert not off_palette(axes)


@pytest.mark.parametrize("lam", [0.0, 0.25, 1.0, 0.30000000000000004])
def test_panel_of_any_single_lambda(axes, lam):
    """One λ, on the paper's grid or off it, is one point."""
    ablation.panel(lambdas({lam: 0.5}), axes)
    x, y = (np.asarray(d, dtype=float) for d in axes.containers[0].lines[0].get_data())
    assert x[~np.isnan(y)] == pytest.approx([lam], abs=0.0121)
    assert y[~np.isnan(y)] == pytest.approx([0.7])


@pytest.mark.parametrize("number", [1, 3, 6])
def test_panels(number):
    """A panel per backbone, one legend; every panel with nothing below it tells its λ."""
    frame = pd.concat([lambdas({0.1: 0.5, 0.4: 0.4}, f"net {k}") for k in range(number)])
    with plt.rc_context(style.rc()):
        figure = ablation.panels(frame)
    used = [axes for axes in figure.axes if axes.containers]
    assert [axes.get_title() for axes in used] == [f"net {k}" for k in range(number)]
    assert not any(axes.get_legend() for axes in used)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["mean AUC", "IoU accuracy, T = 0.1"]
    assert [axes.get_xlabel() for axes in used[-2:]] == ["λ"] * min(number, 2)
    figure.canvas.draw()
    assert all(axes.get_window_extent().height > 100 for axes in used)  # pixels of 144 an inch
    two = ablation.panels(pd.concat([lambdas({0.1: 0.5}).assign(setting=s) for s in "12"]))
    assert [axes.get_title() for axes in two.axes] == ["chexnet, setting 1", "chexnet, setting 2"]


def test_two_stage1_runs_are_two_settings():
    """Runs from two stage 1 are not averaged, though both are "from stage 1"."""
    starts = ("study/a-finetune-seed0-11111111", "study/a-finetune-seed0-22222222")
    frame = over_lambda([a_run(0.4, weights=start) for start in starts])
    told = frame[["setting", "differs"]].drop_duplicates().to_numpy().tolist()
    assert told == [["1", "from stage 1 (11111111)"], ["2", "from stage 1 (22222222)"]]


def test_two_lambdas_make_no_curve():
    """Only settings with enough λ are drawn; with none of them there is nothing to draw."""
    frame = over_lambda([a_run(lam, augment=a) for a in (True, False) for lam in (0.1, 0.4)])
    more = over_lambda([a_run(lam) for lam in (0.1, 0.4, 0.9)])
    assert ablation.with_curve(frame).empty and len(ablation.with_curve(frame, 2)) == len(frame)
    assert ablation.with_curve(more).equals(more)
