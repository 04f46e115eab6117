"""The first page's sentences tell the paper's, the runs' and the audit's numbers."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from clnbook import names, published, start, summary
from clnbook.audit import ledger
from clnlib import runs
from clnlib.metrics.localisation import MEAN, iou_accuracy
from clnlib.runs import PREDICTED_BOX

RESULTS = Path(__file__).resolve().parents[1] / "results"


@pytest.fixture(scope="module")
def real():
    return runs.study(str(RESULTS / "nih880-trials"))


def test_claimed_is_the_best_printed_mean_of_each_table():
    """The largest mean of a CLN variant in Table 2, and of a legible row of Table 1 at T = 0.1."""
    auc = published.table2().query("finding == 'Mean' and method.str.startswith('CLN')")["value"]
    box = published.table1().query("finding == 'Mean' and T == 0.1 and transcription == 'ok'")
    box = box.loc[box["method"].str.startswith("CLN"), "value"]
    text = start.claimed()
    assert f"AUC of up to {auc.max():.3f} (" in text
    assert f"accuracy of up to {box.max():.3f} at T = 0.1 (" in text


def test_on_phantom_tells_every_backbone(real):
    """One clause per backbone, with its own numbers; the blind box once, at the end."""
    run, *others = real
    own = run.train.model_copy(update={"backbone": "a-reader's", "lam": 0.3})
    both = [run, replace(run, parameters=own), *others]
    text = start.on_phantom(both, resamples=20)
    first, second, blind = text.split("; ")
    chosen = names.paper_runs(both)
    for clause, one in zip((first, second), chosen, strict=True):
        row = summary.summary(one, resamples=20).loc["mean IoU"]
        value, low, high = row[["network", "network low", "network high"]]
        assert clause.endswith(f"{value:.3f} ({low:.3f} to {high:.3f})")
    assert second.startswith("a-reader's, λ = 0.3: mean AUC 0.")
    assert blind.startswith("a box that never sees the image has mean IoU 0.")


def test_on_real_counts_runs_above_every_yardstick(real):
    """A run whose boxes are the true ones beats every yardstick, one without boxes none."""
    run = real[0]
    true = run.predictions.assign(**{p: run.predictions[p[1:]] for p in PREDICTED_BOX})
    none = run.predictions.assign(**dict.fromkeys(PREDICTED_BOX, 0.0))
    pair = [replace(run, predictions=table) for table in (true, none)]
    text = start.on_real(pair, resamples=20)
    assert text.startswith("2 runs, 1 of them with a box coordinate that is 0 on every test image")
    assert "mean IoU 0.000 to 1.000. " in text
    assert all(f"1 {words}" in text for words in start.BEATEN.values())


def test_claims_are_the_best_in_print_and_a_network_of_ours(real):
    """The paper's best, the network that validation chose, floor and ceiling; all untested."""
    released = runs.read(RESULTS.parent / "models" / "mobilenetv3small")
    page = start.claims(real, released)
    boxes = page.data.loc["IoU accuracy, T = 0.7"]
    own = iou_accuracy(released.part("test"), released.findings).loc[0.7, MEAN]
    assert (boxes["Paper"], boxes["Ours"]) == (0.538, pytest.approx(own))
    assert boxes["Floor"] < boxes["Ceiling"] and page.data.loc["mean AUC", "Paper"] == 0.918
    assert {*page.data["State"]} == {start.UNTESTED}
    best = max(iou_accuracy(run.part("test"), run.findings).loc[0.7, MEAN] for run in real)
    assert f"the best of the {len(real)} runs on the leaderboard reach" in page.caption
    assert f", {best:.3f}, " in page.caption


def test_seen_counts_training_images():
    """The images that stage 1 was trained on, not those it was validated or tested on."""
    stage1 = runs.study(str(RESULTS / "nih880-xception"), stage="finetune")
    counted = sorted((run.predictions["part"] == "train").sum() for run in stage1)
    real = runs.study(str(RESULTS / "nih880-xception"))
    without = sum("finetune" not in (run.train.weights or "") for run in real)
    text = start.seen(real, stage1)
    assert text.startswith(f"{without} of {len(real)} skipped stage 1")
    assert f"{counted[0]:,} to {counted[-1]:,} of the 86,524" in text


def test_in_print_counts_claims():
    """The counts are the audit's: reproduced and differing claims are among all of them."""
    table = start.ledger.compute()
    number = start.ledger.summary(table)
    text = start.in_print()
    assert text.startswith(f"Of {len(table)} statements, {number[start.REPRODUCED]} are reproduced")
    assert f"{number[list(start.ACCUSING)].sum()} differ" in text
    assert f"{number[start.QUALIFIED]} the paper qualifies itself" in text


def test_about_conclusions_names_each_point_once():
    """One row of the ledger per accusing point that bears a conclusion, with its link."""
    table = ledger.compute()
    text = start.about_conclusions(table)
    points = ledger.issues(table)["a conclusion"].sum()
    ids = re.findall(r'href="ledger\.html#([\w-]+)"', text)
    assert len(ids) == points
    told = table.set_index("id").loc[ids]
    assert all(f"“{quote}”" in text for quote in told["quote"])
    assert not set(told["verdict"]) & {"reproduced"}
