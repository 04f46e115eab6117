"""Table 1 holds the metrics' numbers, patients' intervals, and printed values."""

import numpy as np
import oracle
import pandas as pd
import pytest
from records import EVERY, FINDINGS, run_of

from clnbook import blind_boxes, localisation, published
from clnlib.findings import BOXED
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, PAPER, THRESHOLDS
from clnlib.parameters import Conventions
from clnlib.runs import PREDICTED_BOX, Run

QUANTITIES = 9  # seven thresholds, mean IoU, MaxBoxAcc
ALL = Conventions(rows="images", group="predicted", gated=True, several="best")


def several(table: pd.DataFrame, quantity: str, t: float, column: str, *names) -> list[float]:
    rows = table[(table["quantity"] == quantity) & ((table["T"] == t) | np.isnan(t))]
    return rows.set_index("finding").loc[list(names or EVERY), column].tolist()


@pytest.mark.parametrize("convention", [PAPER, ALL])
def test_points(convention):
    """Every value is the metric's, of the network and of the blind box, under any convention."""
    run = run_of()
    got = localisation.table(run, convention, resamples=20)
    assert len(got) == QUANTITIES * len(EVERY)
    blind = blind_boxes.blind(run.predictions).loc[run.part("test").index]
    ungated = convention.model_copy(update={"group": "true", "gated": False})
    test = run.part("test")
    for column, rows, how in (("value", test, convention), ("blind box", blind, ungated)):
        accuracy = metrics.iou_accuracy(rows, FINDINGS, convention=how)
        for t in THRESHOLDS:
            expected = accuracy.loc[t, EVERY].tolist()
            assert several(got, "IoU accuracy", t, column) == pytest.approx(expected)
        for quantity, metric in (
            ("mean IoU", metrics.mean_iou),
            ("MaxBoxAcc", oracle.max_box_acc),
        ):
            expected = metric(rows, FINDINGS, convention=how)[EVERY].tolist()
            assert several(got, quantity, np.nan, column) == pytest.approx(expected)


@pytest.mark.parametrize("convention", [PAPER, Conventions(rows="images", several="best")])
def test_intervals_by_a_loop(convention):
    """Low and high are quantiles over resampled patients, one resample after the other."""
    run = run_of()
    rows = run.part("test")
    values = []
    for drawn in bootstrap.counts(rows["patient"], 20)[1:].astype(int):
        # A patient drawn twice is two patients: the images of the second are others.
        copies = [rows[drawn > k].assign(image=rows["image"] + f"-{k}") for k in range(drawn.max())]
        again = pd.concat(copies)
        values.append(metrics.iou_accuracy(again, FINDINGS, (0.3,), convention).loc[0.3, EVERY])
    expected = np.nanquantile(np.array(values, dtype=float), [0.025, 0.975], axis=0)
    got = localisation.table(run, convention, resamples=20)
    assert several(got, "IoU accuracy", 0.3, "low") == pytest.approx(expected[0].tolist())
    assert several(got, "IoU accuracy", 0.3, "high") == pytest.approx(expected[1].tolist())


def test_beside_the_paper():
    """Printed cells of the same variant; doubtful ones are no evidence; others have none."""
    got = localisation.table(run_of(findings=(*BOXED[:-1], "crack")), resamples=20)
    at = got.set_index(["quantity", "T", "finding"]).sort_index()
    printed = published.table1().query("method == 'CLN-CheXNet' and T == 0.3")
    printed = printed.set_index("finding")
    for finding in ("Cardiomegaly", "Mass"):
        row = at.loc[("IoU accuracy", 0.3, finding)]
        assert row["paper"] == printed.loc[finding, "value"]
        assert row["paper_status"] == "ok"
        assert row["paper_inside"] == (row["low"] <= row["paper"] <= row["high"])
    assert at.loc[("IoU accuracy", 0.2, "Mass"), "paper_status"] == "suspect"
    assert pd.isna(at.loc[("IoU accuracy", 0.2, "Mass"), "paper_inside"])
    assert at.xs("crack", level="finding")["paper"].isna().all()
    # A mean over other findings than the paper's eight stands beside no printed mean.
    assert at.xs(MEAN, level="finding")["paper"].isna().all()
    eight = localisation.table(run_of(findings=BOXED), resamples=20)
    assert several(eight, "IoU accuracy", 0.3, "paper", MEAN) == [printed.loc[MEAN, "value"]]
    assert got.loc[got["quantity"] != "IoU accuracy", "paper"].isna().all()
    other = localisation.table(run_of(backbone="a-reader's"), resamples=20)
    assert other["paper"].isna().all()
    assert (localisation.styled(other, "own").data.xs("paper", level=1) == "–").all().all()


def test_sizes():
    """Boxes, images and patients of each finding and of all; by images every image counts once."""
    run = run_of()
    rows = run.part("test")
    got = localisation.table(run, resamples=20)
    for finding in EVERY:
        own = rows if finding == MEAN else rows[rows["finding"] == finding]
        sizes = got.loc[got["finding"] == finding, ["n_boxes", "n_images", "n_patients"]]
        expected = [len(own), own["image"].nunique(), own["patient"].nunique()]
        assert (sizes == expected).all().all()
    got = localisation.table(run, Conventions(rows="images"), resamples=20)
    total = got[got["finding"] == MEAN].iloc[0]
    assert total["n_boxes"] == total["n_images"] == rows["image"].nunique()


def test_without_a_finding():
    """A finding the test part lacks is missing in every column, and the mean leaves it out."""
    run = run_of(drop="Mass")
    got = localisation.table(run, resamples=30)
    mass = got[got["finding"] == "Mass"]
    assert mass[["value", "low", "high", "blind box"]].isna().all().all()
    assert (mass["n_boxes"] == 0).all() and (mass["undefined"] == 30).all()
    two = metrics.mean_iou(run.part("test"), ("Cardiomegaly", "crack"))[MEAN]
    assert several(got, "mean IoU", np.nan, "value")[-1] == pytest.approx(two)
    assert "nan" not in localisation.styled(got, "run").to_html()


def test_undefined_is_counted():
    """A finding of a single patient is absent from the resamples that do not draw it."""
    run = run_of()
    rows = run.part("test").assign(finding="Mass")
    rows.iloc[0, rows.columns.get_loc("finding")] = "crack"
    alone = run.predictions.copy()
    alone.loc[rows.index, "finding"] = rows["finding"]
    run = Run(run.folder, run.parameters, run.history, alone, run.provenance)
    got = localisation.table(run, resamples=200)
    drawn = bootstrap.counts(rows["patient"], 200)[1:, 0]
    lost = got.loc[got["finding"] == "crack", "undefined"]
    assert (lost == (drawn == 0).sum()).all() and lost.iloc[0] > 20


def test_wilson_beside_single_cells():
    """Every finding's accuracy has Wilson's interval; where all miss, the page shows that one."""
    run = run_of()
    run.predictions[PREDICTED_BOX] = 0.0
    frame = localisation.table(run, resamples=20)
    cell = frame[(frame["T"] == 0.1) & (frame["finding"] == "Mass")].iloc[0]
    n, z2 = cell["n_boxes"], 1.959964**2
    assert (cell["value"], cell["low"], cell["high"]) == (0, 0, 0)
    assert cell["wilson low"] == pytest.approx(0, abs=1e-12)
    assert cell["wilson high"] == pytest.approx(z2 / (n + z2), abs=1e-6)
    assert frame.loc[frame["finding"] == "Mean", "wilson high"].isna().all()
    assert f"(0.00–{cell['wilson high']:.2f})" in localisation.styled(frame, "x").to_html()


def test_styled():
    """A page's table: caption with sizes, scoped heads, dashes, doubtful cells marked."""
    frame = localisation.table(run_of(), resamples=20)
    page = localisation.styled(frame, "CLN-CheXNet")
    html, total = page.to_html(), frame[frame["finding"] == MEAN].iloc[0]
    assert html == localisation.styled(frame.copy(), "CLN-CheXNet").to_html()
    assert f"{total['n_boxes']} boxes in {total['n_images']} images" in html
    assert f"of {total['n_patients']} patients" in html
    heads = html.split("<th ")[1:]
    assert all('scope="' in head or 'class="blank' in head for head in heads)
    first = page.data.loc[("T = 0.1", "network"), "Mass"]
    row = frame.set_index(["T", "finding"]).loc[(0.1, "Mass")]
    assert first == f"{row['value']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
    paper = page.data.xs("paper", level=1)
    assert paper.index.tolist() == [f"T = {t}" for t in THRESHOLDS]
    assert (paper["crack"] == "–").all()
    assert paper.loc["T = 0.2", "Mass"].endswith("?")
    assert paper.loc["T = 0.3", "Mass"] == "0.77"
    assert first in repr(page) and "0x" not in repr(page)


def test_convention_effects():
    """Every switch alone and all together, each with its change on the same resamples."""
    run = run_of()
    got = localisation.effects(run, resamples=50).set_index(["convention", "quantity", "T"])
    paper = got.loc["as the paper words it"]
    assert (paper[["change", "change low", "change high"]] == 0).all().all()
    rows = run.part("test")
    for words in ("rows=images", "several=best", "group=predicted", "gated=yes", "clipped=no"):
        how = oracle.conventions(words)
        accuracy = metrics.iou_accuracy(rows, FINDINGS, convention=how)[MEAN]
        for t in (0.1, 0.3, 0.5, 0.7):
            row = got.loc[(words, "IoU accuracy", t)]
            assert row["value"] == pytest.approx(accuracy[t])
            assert row["change"] == pytest.approx(
                accuracy[t] - paper.loc["IoU accuracy", t]["value"]
            )
            assert row["n_rows"] == len(metrics.rows(rows, FINDINGS, how))
    gated = got.loc[[name in ("gated=yes",) for name in got.index.get_level_values(0)]]
    assert (gated["change high"] <= 0).all() and (gated["change low"] < 0).any()
    assert "all together" in localisation.styled_effects(got.reset_index(), "run").to_html()
