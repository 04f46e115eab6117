"""Cross-validation: which runs belong together, and numbers over every box once."""

import numpy as np
import pandas as pd
import pytest
from records import changed, run_of

from clnbook import experts, folds, summary, yardsticks
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import mean_iou
from clnlib.runs import PREDICTED_BOX, Run


def fold_of(run: Run, fold: int, seed: int = 0, **parameters) -> Run:
    """The record as if its test part were one fifth of its rows; another seed moves its boxes."""
    rows = run.predictions.copy()
    place = pd.factorize(rows["patient"])[0] % folds.FOLDS
    rows["part"] = np.where(place == fold, "test", "train")
    rows[PREDICTED_BOX] += 0.01 * seed
    made = changed(run, fold=fold, seed=seed, **parameters)
    return Run(made.folder, made.parameters, made.history, rows, made.provenance)


def five(seed: int = 0, **parameters) -> list[Run]:
    return [fold_of(run_of(), fold, seed, **parameters) for fold in range(folds.FOLDS)]


def test_complete_leaves_out_what_lacks_a_fold():
    """Only whole seeds count; settings are told apart by what differs but seed and fold."""
    runs = [*five(1)[::-1], *five(0), *five(2)[:4], *five(0, lam=0.1)[1:], *five(0, lam=0.9)]
    found = folds.complete(runs)
    assert [len(seeds) for seeds in found.values()] == [2, 1]
    assert ["0.4" in name for name in found] == [True, False] and "0.9" in [*found][1]
    for seeds in found.values():
        assert [[run.train.fold for run in each] for each in seeds] == [[*range(5)]] * len(seeds)
    assert [each[0].train.seed for each in next(iter(found.values()))] == [0, 1]


def test_the_same_stage_1_under_another_study_is_the_same_start():
    """A run is known by its name, not by the folder of the study that it was copied from."""
    first, *others = (
        changed(run, weights=f"{study}/xception-finetune-seed0-1")
        for run, study in zip(five(), "abbbb", strict=True)
    )
    ((seeds, *_),) = folds.complete([first, *others]).values()
    assert len(seeds) == folds.FOLDS


def test_every_box_once():
    """The five test parts are the whole table, and each box has the score its own run gave it."""
    runs = five()
    found = folds.out_of_fold(runs, (0.3,))
    whole = runs[0].predictions
    assert len(found.rows) == len(whole)
    keys = ["image", "finding", "x1", "y1"]
    assert not found.rows.duplicated(keys).any()
    for run in runs:
        scored = yardsticks.scores(run, (0.3,))
        for (_, row), values in zip(run.part("test").iterrows(), scored, strict=True):
            at = (found.rows[keys] == row[keys]).all(axis=1).to_numpy()
            np.testing.assert_array_equal(found.scored[at][0], values)


def test_numbers_are_means_over_seeds():
    """Mean IoU and AUC of the pooled rows by the one metric path, averaged over two seeds."""
    seeds = [five(0), five(3)]
    found = folds.table(seeds, (0.3,), resamples=50).set_index(["series", "quantity"])
    pooled = [pd.concat([run.part("test") for run in each]) for each in seeds]
    findings = seeds[0][0].findings
    iou = np.mean([mean_iou(rows, findings)["Mean"] for rows in pooled])
    area = np.mean([mean_auc(rows, findings) for rows in pooled])
    assert found.loc[(summary.NETWORK, "mean IoU"), "value"] == pytest.approx(iou)
    assert found.loc[(summary.NETWORK, "mean AUC"), "value"] == pytest.approx(area)


def test_seeds_widen_the_interval():
    """Two seeds of very different boxes give a wider interval than one of them twice."""
    alike, apart = [five(0), five(0)], [five(0), five(60)]
    widths = []
    for seeds in (alike, apart):
        line = folds.table(seeds, (), resamples=400).set_index(["series", "quantity"])
        low, high = line.loc[(summary.NETWORK, "mean IoU"), ["low", "high"]]
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_styled_has_a_row_per_setting():
    """Boxes and seeds are counted, and every yardstick has its difference."""
    (said,) = folds.told(folds.complete(five() + five(1)), resamples=50)
    assert all(name in said for name in ("mean AUC", "mean IoU", *yardsticks.YARDSTICKS.values()))
    settings = folds.complete(five() + five(1))
    numbers = folds.tables(settings, resamples=50)
    text = folds.styled(settings, numbers).to_html()
    assert ">150<" in text and ">2<" in text
    assert all(f"{name}</th>" in text for name in (experts.AMONG_THEMSELVES, experts.PERFECT))
    worth = folds.styled_worth(numbers).to_html()
    assert all(f"less {name}" in worth for name in yardsticks.YARDSTICKS)
