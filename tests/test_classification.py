"""ROC curves, calibration, confusion and Table 2 are what loops and the references make of them."""

from pathlib import Path

import numpy as np
import oracle
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from pictures import band_at, off_palette
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from clnbook import bca, published, rates
from clnbook import classification as page
from clnlib.findings import BOXED
from clnlib.metrics import bootstrap, classification
from clnlib.metrics.localisation import MEAN
from clnlib.parameters import Conventions, Train
from clnlib.runs import PROBABILITY, Run

FINDINGS = ("Effusion", "Mass", "Nodule")
IMAGES = Conventions(rows="images")
SHARES = [PROBABILITY + f for f in FINDINGS]


def predictions(images: int = 60, seed: int = 0) -> pd.DataFrame:
    """Test rows of images with one or two findings, two images a patient, scores with ties."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 3, images)
    second = np.where(rng.uniform(size=images) < 0.3, (first + 1) % 3, -1)
    raw = rng.uniform(0.1, 1, (images, 3)) + 0.5 * np.eye(3)[first]
    shares = (raw / raw.sum(axis=1, keepdims=True)).round(2)
    rows = [(k, f) for k in range(images) for f in (first[k], second[k]) if f >= 0]
    image, finding = np.array(rows).T
    table = pd.DataFrame(
        {
            "image": [f"{k}.png" for k in image],
            "patient": [str(k // 2) for k in image],
            "finding": [FINDINGS[f] for f in finding],
            "part": "test",
        }
    )
    table[SHARES] = shares[image]
    return table


def run_of(
    table: pd.DataFrame, findings: tuple[str, ...] = FINDINGS, backbone: str = "chexnet"
) -> Run:
    parameters = Train.model_construct(backbone=backbone)
    return Run(Path(), parameters, pd.DataFrame(), table, {"findings": list(findings)})


# rows


def test_truth_by_boxes_and_by_images():
    """An image with two findings: two rows with one finding each, or one row with both."""
    table = pd.DataFrame(
        {"image": ["b", "a", "b", "c"], "finding": ["Mass", "Mass", "Effusion", "Hernia"]}
    )
    rows, truth = classification.truth(table, FINDINGS)
    assert rows is table
    assert truth.astype(int).tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]
    rows, truth = classification.truth(table, FINDINGS, "images")
    assert rows["image"].tolist() == ["b", "a", "c"]
    assert truth.astype(int).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


# ROC


@pytest.mark.parametrize("rows", ["boxes", "images"])
def test_roc_bands_agree_with_a_loop(rows):
    """scikit-learn's curve of every resample, read off on the grid: the same curve and band."""
    table = predictions()
    got = rates.roc_bands(table, FINDINGS, resamples=40, seed=3, rows=rows)
    used, truth = classification.truth(table, FINDINGS, rows)
    drawn = bootstrap.counts(used["patient"], 40, seed=3)
    curves = []
    for k, name in enumerate(FINDINGS):
        curve = [
            roc_curve(truth[:, k], used[PROBABILITY + name], sample_weight=w)[:2] for w in drawn
        ]
        curves.append([np.interp(rates.GRID, fpr, tpr) for fpr, tpr in curve])
    expected = np.concatenate([curves, np.mean(curves, axis=0)[None]])
    assert got["finding"].unique().tolist() == [*FINDINGS, MEAN]
    for name, own in zip((*FINDINGS, MEAN), expected, strict=True):
        part = got[got["finding"] == name]
        np.testing.assert_allclose(part["fpr"], rates.GRID)
        np.testing.assert_allclose(part["tpr"], own[0], atol=1e-12)
        ends = np.quantile(own[1:], [0.025, 0.975], axis=0)
        np.testing.assert_allclose(part[["low", "high"]].T, ends, atol=1e-12)


def test_roc_bands_by_hand():
    """Scores 4 to 1 of which the 1st and 3rd are true: up to 1/2, right to 1/2, up, right."""
    table = pd.DataFrame({"image": list("abcd"), "patient": list("abcd")})
    table["finding"] = ["Mass", "Nodule", "Mass", "Nodule"]
    table["p_Mass"] = [0.9, 0.8, 0.3, 0.1]
    got = rates.roc_bands(table, ["Mass"], resamples=20)
    curve = got[got["finding"] == "Mass"].set_index("fpr")["tpr"]
    assert curve.loc[[0.0, 0.49, 0.5, 1.0]].tolist() == [0.5, 0.5, 1, 1]
    assert (got[got["finding"] == MEAN]["tpr"].to_numpy() == curve.to_numpy()).all()


@given(st.integers(0, 10**6))
@settings(max_examples=15)
def test_roc_curves_rise_within_their_bands(seed):
    """A true-positive rate never falls with the false-positive rate, nor do the band's ends."""
    got = rates.roc_bands(predictions(20, seed), FINDINGS, resamples=30)
    for _, own in got.groupby("finding"):
        assert (own[["tpr", "low", "high"]].diff().iloc[1:] >= -1e-12).all().all()
        assert own["tpr"].iloc[-1] == pytest.approx(1)
        assert (own["low"] <= own["high"]).all()


def test_roc_bands_leave_out_what_has_no_curve():
    """A finding that no row or every row has, and a reader's single category, are left out."""
    table = predictions()
    some = table[table["finding"] != "Mass"]
    got = rates.roc_bands(some, FINDINGS, resamples=10)
    assert got["finding"].unique().tolist() == ["Effusion", "Nodule", MEAN]
    diverged = rates.roc_bands(table.assign(p_Mass=np.nan), FINDINGS, resamples=10)
    pd.testing.assert_frame_equal(
        diverged[diverged["finding"] == "Nodule"].reset_index(drop=True),
        rates.roc_bands(table, ["Nodule"], resamples=10).iloc[: len(rates.GRID)],
    )
    assert diverged["finding"].unique().tolist() == ["Effusion", "Nodule", MEAN]
    single = rates.roc_bands(table[table["finding"] == "Mass"], ["Mass"], resamples=10)
    assert single.empty and single.columns.tolist() == got.columns.tolist()


# calibration


def test_reliability_by_hand():
    """Two bins of two: accuracies 1/2 and 1 at confidences 0.45 and 0.8; ECE (0.05 + 0.2) / 2."""
    table = pd.DataFrame({"image": list("abcd"), "patient": list("abcd")})
    table["finding"] = ["Mass", "Nodule", "Nodule", "Mass"]
    table["p_Mass"] = [0.4, 0.5, 0.3, 0.9]
    table["p_Nodule"] = [0.3, 0.4, 0.7, 0.1]
    got = rates.reliability(table, ["Mass", "Nodule"], bins=2, resamples=50)
    assert got["confidence"].tolist() == pytest.approx([0.45, 0.8])
    assert got["accuracy"].tolist() == [0.5, 1]
    assert got["n"].tolist() == [2, 2]
    assert got.attrs["ece"] == pytest.approx(0.125)


@pytest.mark.parametrize("rows", ["boxes", "images"])
def test_reliability_agrees_with_a_loop(rows):
    """Bins of the data, resampled patients: accuracy and error of every resample by repetition."""
    table = predictions(80, seed=2)
    got = rates.reliability(table, FINDINGS, bins=4, resamples=40, rows=rows)
    used, truth = classification.truth(table, FINDINGS, rows)
    shares = used[SHARES].to_numpy()
    flat = pd.DataFrame({"confidence": shares.max(axis=1)})
    flat["right"] = [truth[k, row.argmax()] for k, row in enumerate(shares)]
    flat["bin"] = pd.qcut(flat["confidence"], 4, labels=False)
    accuracies, errors = [], []
    for w in bootstrap.counts(used["patient"], 40).astype(int):
        again = flat.loc[flat.index.repeat(w)]
        means = again.groupby("bin")[["confidence", "right"]].mean().reindex(range(4))
        gap = (means["right"] - means["confidence"]).abs()
        errors.append((gap * again["bin"].value_counts() / len(again)).sum())
        accuracies.append(means["right"])
    np.testing.assert_allclose(got["accuracy"], accuracies[0])
    assert got["n"].tolist() == flat["bin"].value_counts().sort_index().tolist()
    ends = np.quantile(accuracies[1:], [0.025, 0.975], axis=0).T
    np.testing.assert_allclose(got[["low", "high"]], ends)
    expected = (errors[0], *np.quantile(errors[1:], [0.025, 0.975]))
    assert [got.attrs[k] for k in ("ece", "ece_low", "ece_high")] == pytest.approx(expected)


def test_reliability_of_ties():
    """Rows of one confidence stay in one bin: a constant network has a single one."""
    table = predictions().assign(p_Effusion=0.5, p_Mass=0.3, p_Nodule=0.2)
    got = rates.reliability(table, FINDINGS, resamples=20)
    assert got["n"].tolist() == [len(table)]
    share = (table["finding"] == "Effusion").mean()
    assert got.attrs["ece"] == pytest.approx(abs(share - 0.5))


# confusion


def test_confusion_agrees_with_scikit_learn():
    """Counts of true by likeliest finding, also for findings never true or never called."""
    table = predictions().assign(p_Hernia=0.0)
    names = [*FINDINGS, "Hernia"]
    called = table[[PROBABILITY + f for f in names]].idxmax(axis=1).str.removeprefix(PROBABILITY)
    got = rates.confusion(table, names)
    np.testing.assert_array_equal(got, confusion_matrix(table["finding"], called, labels=names))
    assert got.index.tolist() == got.columns.tolist() == names
    assert got.to_numpy().sum() == len(table)


# Table 2


def test_classification_table():
    """Values are the metrics', the percentile interval is a loop's, sizes are those of the part."""
    table = pd.concat([predictions(), predictions(9).assign(part="train")], ignore_index=True)
    got = page.table(run_of(table), resamples=40).set_index("finding")
    rows = table[table["part"] == "test"]
    assert got["value"].to_dict() == pytest.approx(oracle.auc(rows, FINDINGS).to_dict())
    drawn = bootstrap.counts(rows["patient"], 40)[1:]
    loop = [
        [roc_auc_score(rows["finding"] == f, rows[PROBABILITY + f], sample_weight=w) for w in drawn]
        for f in FINDINGS
    ]
    ends = np.quantile([*loop, np.mean(loop, axis=0)], [0.025, 0.975], axis=1).T
    np.testing.assert_allclose(got[["low", "high"]], ends, atol=1e-12)
    assert got["n_true"].to_dict() == {**rows["finding"].value_counts(), MEAN: len(rows)}
    assert (got["n_boxes"] == len(rows)).all() and (got["n_images"] == 60).all()
    assert (got["n_patients"] == 30).all() and (got["undefined"] == 0).all()


def test_classification_bca_is_that_of_the_bootstrap():
    """BCa ends come from leaving out one patient, not one row; the mean's from the mean's."""
    table = predictions()
    got = page.table(run_of(table), resamples=300).set_index("finding")
    drawn, left = (
        np.stack(
            [bootstrap.auc(table["finding"] == f, table[PROBABILITY + f], counts) for f in FINDINGS]
        )
        for counts in (
            bootstrap.counts(table["patient"], 300),
            bca.jackknife_counts(table["patient"]),
        )
    )
    assert left.shape == (3, 30)
    for k, name in enumerate(FINDINGS):
        expected = bca.bca(drawn[k], left[k])
        assert got.loc[name, ["value", "bca low", "bca high"]].tolist() == pytest.approx(expected)
    expected = bca.bca(drawn.mean(axis=0), left.mean(axis=0))
    assert got.loc[MEAN, ["value", "bca low", "bca high"]].tolist() == pytest.approx(expected)


def test_classification_by_images():
    """With rows=images every boxed finding of an image counts as true at once."""
    table = predictions()
    got = page.table(run_of(table), IMAGES, resamples=10).set_index("finding")
    images = table.drop_duplicates("image")
    for name in FINDINGS:
        has = images["image"].isin(table.loc[table["finding"] == name, "image"])
        assert got.at[name, "value"] == pytest.approx(
            roc_auc_score(has, images[PROBABILITY + name])
        )
        assert got.at[name, "n_true"] == has.sum()


def test_several_findings_bar_an_auc_of_one():
    """A perfect ranking of images has AUC 1 by images, and less by boxes where they share one."""
    table = predictions()
    for name in FINDINGS:
        having = table.loc[table["finding"] == name, "image"]
        table[PROBABILITY + name] = table["image"].isin(having).astype(float)
    by_boxes = page.table(run_of(table), resamples=10)
    by_images = page.table(run_of(table), IMAGES, resamples=10)
    assert (by_images[["value", "low", "high", "bca low", "bca high"]] == 1).all().all()
    assert (by_boxes["value"] < 1).all()


def test_classification_beside_the_paper():
    """The paper's cell is that of the same backbone; whether it is inside is told where known."""
    table = predictions()
    got = page.table(run_of(table, backbone="xception"), resamples=30)
    printed = published.table2().query("method == 'CLN-Xception'").set_index("finding")["value"]
    each, mean = got.iloc[:-1], got.iloc[-1]
    assert each["paper"].tolist() == printed[list(FINDINGS)].tolist()
    inside = (each["low"] <= each["paper"]) & (each["paper"] <= each["high"])
    assert each["paper_inside"].tolist() == inside.tolist()
    assert np.isnan(mean["paper"]) and mean["paper_inside"] is pd.NA  # three findings, not eight
    own = table.rename(columns=dict(zip(SHARES, ["p_a", "p_b", "p_c"], strict=True)))
    own["finding"] = own["finding"].map(dict(zip(FINDINGS, "abc", strict=True)))
    got = page.table(run_of(own, ("a", "b", "c")), resamples=30).iloc[:-1]
    assert got["paper"].isna().all() and got["paper_inside"].isna().all()


def test_classification_shows_what_is_missing():
    """A finding without test boxes is a row of NaN, left out of the mean; no warning, no error."""
    table = predictions()
    some = table[table["finding"] != "Mass"]
    got = page.table(run_of(some), resamples=25).set_index("finding")
    assert got.loc["Mass", ["value", "low", "high", "bca low", "bca high"]].isna().all()
    assert got.at["Mass", "undefined"] == 25 and got.at["Mass", "n_true"] == 0
    assert got.at[MEAN, "value"] == pytest.approx(got.loc[["Effusion", "Nodule"], "value"].mean())
    shown = page.styled(got.reset_index(), "title")
    assert shown.data.loc["Mass", "AUC (percentile)"] == "–"
    single = page.table(run_of(some, ("Mass",)), resamples=5)
    assert single["value"].isna().all()


def test_styled_classification():
    """The page has every value with both intervals, the caption the sizes, headers a scope."""
    frame = page.table(run_of(predictions()), resamples=50)
    styled = page.styled(frame, "CLN-CheXNet")
    row = frame.iloc[0]
    shown = styled.data.iloc[0]
    assert shown["AUC (percentile)"] == f"{row['value']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
    assert shown["AUC (BCa)"].endswith(f"({row['bca low']:.2f}–{row['bca high']:.2f})")
    assert shown["paper"] == f"{row['paper']:.2f}"
    html = styled.to_html()
    assert "CLN-CheXNet: one-vs-rest AUC" in html and "60 images of 30 patients" in html
    assert html.count('scope="row"') == 4


def test_table2_holds_the_papers_rows_as_printed():
    """All 19 printed rows under ours; means to the three digits of the print."""
    table = predictions().assign(**{PROBABILITY + f: 0.0 for f in BOXED if f not in FINDINGS})
    frame = page.table(run_of(table, BOXED, "mobilenetv3small"), resamples=20)
    assert frame["paper"].iloc[-1] == 0.918
    shown = page.beside_table2({"ours": frame}).data
    assert shown.columns.tolist() == [*BOXED, MEAN]
    assert shown.index.get_level_values(0).tolist() == ["this study"] + ["paper"] * 19
    assert shown.loc[("paper", "CLN-MobileNetV3Small"), "Mass"] == "0.85"
    assert shown.loc[("paper", "CLN-MobileNetV3Small"), MEAN] == "0.918"
    assert shown.loc[("paper", "RGT (Han et al., 2023)"), "Effusion"] == "0.78"


def test_table2_of_a_readers_findings():
    """Where the paper knows some of the findings its mean over eight is left out; if none, all."""
    frame = page.table(run_of(predictions()), resamples=20)
    shown = page.beside_table2({"ours": frame}).data
    assert (shown.loc["paper", MEAN] == "–").all() and (shown.loc["paper", "Mass"] != "–").all()
    table = predictions().rename(columns={"p_Mass": "p_stone"})
    table["finding"] = "stone"
    frame = page.table(run_of(table, ("stone",)), resamples=5)
    shown = page.beside_table2({"ours": frame}).data
    assert shown.to_numpy().tolist() == [["–", "–"]]


def roc_frame(findings) -> pd.DataFrame:
    fpr = np.linspace(0, 1, 11)
    frames = [
        pd.DataFrame({"finding": f, "fpr": fpr, "tpr": fpr ** (0.2 + 0.05 * k),
                      "low": fpr ** (0.3 + 0.05 * k), "high": fpr ** (0.1 + 0.05 * k)})
        for k, f in enumerate(findings)
    ]  # fmt: skip
    return pd.concat(frames)


def test_roc(axes):
    """Each curve as given; looks tell eight findings apart; the mean is thick and has the band."""
    frame = roc_frame([*BOXED, "Mean"])
    page.roc(frame, axes)
    chance, *curves = axes.lines
    assert (list(chance.get_xdata()), list(chance.get_ydata())) == ([0, 1], [0, 1])
    assert [line.get_label() for line in curves] == [*BOXED, "Mean"]
    for line in curves:
        rows = frame[frame["finding"] == line.get_label()]
        assert line.get_xdata().tolist() == rows["fpr"].tolist()
        assert line.get_ydata().tolist() == rows["tpr"].tolist()
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in curves}
    assert len(looks) == 9
    assert curves[-1].get_linewidth() > max(line.get_linewidth() for line in curves[:-1])
    assert len(axes.collections) == 1
    mean = frame[frame["finding"] == "Mean"].iloc[5]
    assert band_at(axes, 0, 0.5) == pytest.approx((mean["low"], mean["high"]))
    assert not off_palette(axes)


def test_roc_of_one_finding(axes):
    """A finding alone has its own band."""
    page.roc(roc_frame(["Mass"]), axes)
    assert band_at(axes, 0, 0.5) == pytest.approx((0.5**0.3, 0.5**0.1))


def test_reliability(axes):
    """Points at confidence and accuracy, bars to the ends, area by number, the error in words."""
    frame = pd.DataFrame(
        {"confidence": [0.3, 0.8], "accuracy": [0.2, 0.9], "low": [0.1, 0.6], "high": [0.4, 1.0],
         "n": [10, 20]}
    )  # fmt: skip
    frame.attrs["ece"] = 0.1234
    page.reliability(frame, axes)
    bars, points = axes.collections
    np.testing.assert_allclose(points.get_offsets(), [[0.3, 0.2], [0.8, 0.9]])
    assert points.get_sizes()[1] == 2 * points.get_sizes()[0]
    np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[0.1, 0.4], [0.6, 1]])
    told = [text.get_text() for text in axes.texts]
    assert told == ["expected calibration\nerror 0.123"]
    assert not off_palette(axes)


def test_confusion(axes):
    """Counts in words, shares of the row in colour; a row without cases has none."""
    labels = ["Mass", "Nodule", "Hernia"]
    table = pd.DataFrame([[3, 1, 0], [0, 0, 0], [2, 2, 4]], labels, labels)
    page.confusion(table, axes)
    cells = axes.collections[0]
    shares = cells.get_array().reshape(3, 3)
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0.25, 0.5]])
    assert cells.get_clim() == (0, 1)
    at = {text.get_position(): text.get_text() for text in axes.texts}
    assert at == {(j + 0.5, i + 0.5): str(table.iloc[i, j]) for i in range(3) for j in range(3)}
    assert axes.yaxis_inverted()  # the first finding on top
    assert [t.get_text() for t in axes.get_yticklabels()] == labels
    assert [t.get_text() for t in axes.get_xticklabels()] == labels
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
