"""The pages of a training draw its history, and its test's and labels' numbers are right."""

import numpy as np
import pandas as pd
import pytest
from records import run_of
from sklearn.metrics import roc_auc_score

from clnbook import training
from clnlib.metrics import localisation as metrics
from clnlib.runs import LABEL, PROBABILITY

FINDINGS = ("Effusion", "Mass", "Nodule")


def test_learning_curves_draw_the_columns_that_exist(axes):
    """Training thin, validation thick, absent columns left out, the kept epoch marked."""
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [3.0, 2, 1],
            "val_loss": [3, 2.5, 2.75],
            "box_iou": [0, 0.1, 0],
        }
    )
    assert training.learning_curves(history, ["loss", "box_iou", "accuracy"], 2, axes) is axes
    *curves, kept = axes.lines
    assert [line.get_label() for line in curves] == ["loss", "val_loss", "box_iou"]
    for line in curves:
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata().tolist() == history[line.get_label()].tolist()
    assert [line.get_linewidth() for line in curves] == [1, 2.5, 1]
    assert curves[0].get_color() == curves[1].get_color() != curves[2].get_color()
    assert list(kept.get_xdata()) == [2, 2]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["loss", "val_loss", "box_iou"]


def test_accuracy_curves(axes):
    """Both lines go through the table's accuracies at their T, in bands of their intervals."""
    t = list(metrics.THRESHOLDS)
    names = ["mean AUC", "mean IoU", *(f"IoU accuracy, T = {k}" for k in t)]
    columns = [
        "network",
        "network low",
        "network high",
        "blind box",
        "blind box low",
        "blind box high",
    ]
    table = pd.DataFrame(np.arange(54).reshape(9, 6) / 100, index=names, columns=columns)
    training.accuracy(table, axes)
    for line, band, name in zip(
        axes.lines, axes.collections, ["network", "blind box"], strict=True
    ):
        assert line.get_label() == name
        assert line.get_xdata().tolist() == t
        assert line.get_ydata().tolist() == table[name].iloc[2:].tolist()
        ends = table.iloc[2:, columns.index(name) + 1 : columns.index(name) + 3]
        corners = band.get_paths()[0].vertices
        for k, row in zip(t, ends.to_numpy(), strict=True):
            at_t = corners[np.isclose(corners[:, 0], k), 1]
            assert (at_t.min(), at_t.max()) == pytest.approx(tuple(row))


def test_label_auc():
    """A stage-1 run's AUCs are scikit-learn's; NaN where a part has a label never or always."""
    run = run_of(findings=FINDINGS)
    table, rng = run.predictions, np.random.default_rng(5)
    for name in FINDINGS:
        table[LABEL + name] = rng.integers(0, 2, len(table)).astype(np.uint8)
    table.loc[table["part"] == "test", LABEL + "Mass"] = 0
    got = training.label_auc(run, resamples=100)
    assert got.index.tolist() == [*FINDINGS, "Mean"]
    assert got.columns.tolist() == [
        *("validation", "validation low", "validation high"),
        *("test", "test low", "test high"),
    ]
    for part in ("validation", "test"):
        rows = run.part(part)
        for name in FINDINGS if part == "validation" else ("Effusion", "Nodule"):
            expected = roc_auc_score(rows[LABEL + name], rows[PROBABILITY + name])
            assert got.at[name, part] == pytest.approx(expected)
            assert got.at[name, part + " low"] < expected < got.at[name, part + " high"]
        assert got.at["Mean", part] == pytest.approx(got.loc[list(FINDINGS), part].mean())
    assert got.loc["Mass", "test":].isna().all()
    assert got.loc["Mean"].notna().all()


def test_label_auc_of_an_empty_part():
    """Labels that a part never has leave a table of NaN, not a warning."""
    run = run_of(findings=FINDINGS)
    run.predictions[[LABEL + name for name in FINDINGS]] = 0
    assert training.label_auc(run, resamples=10).isna().all().all()


def test_styled_label_auc():
    """Both parts with their intervals; a dash where a part has one kind of image only."""
    columns = ["validation", "validation low", "validation high", "test", "test low", "test high"]
    table = pd.DataFrame([[0.7, 0.6, 0.8, np.nan, np.nan, np.nan]], ["Hernia"], columns)
    assert training.styled_label_auc(table).data.loc["Hernia"].tolist() == [
        "0.700 (0.600–0.800)",
        "–",
    ]
