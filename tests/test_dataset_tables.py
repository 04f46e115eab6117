"""The data card's tables and the first page's sentences hold what can be counted by hand."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from clnbook import published, tables
from clnbook.tables import dataset, start
from clnlib import runs
from clnlib.data import nih
from clnlib.runs import PREDICTED_BOX, TRUE_BOX

RESULTS = Path(__file__).resolve().parents[1] / "results"


@pytest.fixture(scope="module")
def boxes():
    return nih.load_boxes()


@pytest.fixture(scope="module")
def labels():
    return nih.load_labels()


@pytest.fixture(scope="module")
def real():
    return runs.study(str(RESULTS / "nih880-trials"))


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
    got = dataset.composition(*few())
    assert got["all images"].tolist() == [4, 3, 0.5, 0.5, 0.5, 30.5, 0.5]
    assert got["boxed images"].tolist() == pytest.approx([3, 2, 2 / 3, 2 / 3, 2 / 3, 11, 1 / 3])


def test_composition_of_the_real_tables(boxes, labels):
    """880 of 112,120 images, 726 of 30,805 patients; no share is beyond 0 and 1."""
    got = dataset.composition(boxes, labels)
    assert got.loc["images"].tolist() == [112_120, 880]
    assert got.loc["patients"].tolist() == [30_805, 726]
    shares = got[got.index.str.endswith("share")]
    assert len(shares) == 4 and shares.stack().between(0, 1).all()


def test_box_statistics_by_hand():
    """Areas, distances from the mean centre, labels that agree, boxes with company."""
    got = dataset.box_statistics(*few())
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
    got = dataset.box_statistics(boxes, labels)
    assert got["boxes"].sum() == 984
    assert got.loc[["Atelectasis", "Nodule"], "boxes"].tolist() == [180, 79]
    assert got["spread"].idxmin() == "Cardiomegaly" and got["area"].idxmin() == "Nodule"
    assert (got["area 5 %"] < got["area"]).all() and (got["area"] < got["area 95 %"]).all()


def test_findings_per_image(boxes):
    """93 of 880 images have two to four boxed findings, and the counts add up to the boxes."""
    got = dataset.findings_per_image(boxes)
    assert dataset.findings_per_image(few()[0]).to_dict() == {1: 2, 2: 1}
    assert got.index.tolist() == [1, 2, 3, 4]
    assert (got.sum(), got.loc[2:].sum(), (got.index * got).sum()) == (880, 93, 984)


def test_claimed_is_the_best_printed_mean_of_each_table():
    """The largest mean of a CLN variant in Table 2, and of a legible row of Table 1 at T = 0.1."""
    auc = published.table2().query("finding == 'Mean' and method.str.startswith('CLN')")["value"]
    box = published.table1().query("finding == 'Mean' and T == 0.1 and transcription == 'ok'")
    box = box.loc[box["method"].str.startswith("CLN"), "value"]
    text = start.claimed()
    assert f"AUC of up to {auc.max():.3f} (" in text
    assert f"accuracy of up to {box.max():.3f} at T = 0.1 (" in text


def test_found_on_phantom_tells_every_backbone(real):
    """One clause per backbone, with its own numbers; the blind box once, at the end."""
    run, *others = real
    own = {**run.parameters, "backbone": "a-reader's", "lam": 0.3}
    both = [run, replace(run, parameters=own), *others]
    text = start.found_on_phantom(both, resamples=20)
    first, second, blind = text.split("; ")
    chosen = tables.paper_runs(both)
    for clause, one in zip((first, second), chosen, strict=True):
        row = tables.summary(one, resamples=20).loc["mean IoU"]
        assert clause.endswith(f"{row['network']:.3f} ({row['low']:.3f} to {row['high']:.3f})")
    assert second.startswith("a-reader's, λ = 0.3: mean AUC 0.")
    assert blind.startswith("a box that never sees the image has mean IoU 0.")


def test_found_on_real_counts_runs_above_the_blind_box(real):
    """A run whose boxes are the true ones lies above the blind box, one without boxes below."""
    run = real[0]
    true = run.predictions.assign(**{p: run.predictions[p[1:]] for p in PREDICTED_BOX})
    none = run.predictions.assign(**dict.fromkeys(PREDICTED_BOX, 0.0))
    pair = [replace(run, predictions=table) for table in (true, none)]
    text = start.found_on_real(pair, resamples=20)
    assert "2 runs: mean AUC" in text and "mean IoU 0.000 to 1.000" in text
    assert "has 1.000 (1.000 to 1.000)" in text and "in 1 of the 2 runs" in text
    assert text.endswith("wholly below that box's, in 1 wholly above.")


def test_found_in_print_counts_claims():
    """The counts are the audit's: reproduced and differing claims are among all of them."""
    table = start.ledger.compute()
    number = start.ledger.summary(table)
    text = start.found_in_print()
    assert text.startswith(f"Of {len(table)} statements, {number[start.REPRODUCED]} are reproduced")
    assert f"{number[start.DIFFERS]} differ" in text
