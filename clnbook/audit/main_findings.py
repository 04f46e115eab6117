"""The five findings of the audit that matter most, each in a sentence."""

import pandas as pd

from clnbook.audit import decay, ledger, network, printed, significance
from clnbook.audit.dataset import counts
from clnbook.audit.verdicts import DIFFERS, QUALIFIED, REPRODUCED, WORDING
from clnbook.published import CLN

Finding = tuple[str, str, list[str]]


def compute(table: pd.DataFrame) -> list[Finding]:
    """Title, sentence and ids of the claims that it rests on, for each of the five.

    Parameters
    ----------
    table
        From `ledger.compute`.
    """
    tables = printed.read()
    return [
        _arithmetic_holds(table),
        _network(tables),
        _no_common_test_set(table),
        _significance(tables),
        _stability(table, tables),
    ]


def _arithmetic_holds(table: pd.DataFrame) -> Finding:
    number, answer = ledger.summary(table), table.set_index("id")["recomputed"]
    decided = int(number[[REPRODUCED, DIFFERS, WORDING, QUALIFIED]].sum())
    points = ledger.issues(table).sum()
    text = (
        f"Of {decided} claims that print or public tables decide, {number[REPRODUCED]} are "
        f"reproduced and {number[QUALIFIED]} qualified by the paper itself; the others raise "
        f"{points.sum()} points, {points['a conclusion']} of them about a conclusion. Printed "
        f"means fit their cells (Table 1: {answer['means-of-table1']}; Table 2: "
        f"{answer['means-of-table2']})."
    )
    return "Most of the printed arithmetic holds", text, ["means-of-table1", "means-of-table2"]


def _network(tables: printed.Printed) -> Finding:
    flat = [network.total(model, "flatten") / 1e6 for model in tables.size]
    text = (
        f"{len(network.fits(tables))} of 6 totals of Table 3 are those of Keras' bases with global "
        "average pooling before the flatten layer, which then changes nothing. Who follows the "
        "text, which names no pooling, and flattens the feature maps builds networks of "
        f"{min(flat):.1f} to {max(flat):.1f} million parameters."
    )
    ids = ["flatten", "flatten-stage-2", "flatten-finding"]
    return "Table 3 tells which network it was: one with global average pooling", text, ids


def _no_common_test_set(table: pd.DataFrame) -> Finding:
    answer = table.set_index("id")["recomputed"]
    text = (
        f"Of the class sizes that give Table 1's accuracies, {answer['test-subset']}; as a whole "
        f"test set {answer['split-80']} ({counts().multi_box} of {counts().boxed} boxed images "
        "have several boxed findings). Nearest, by simulation, is a test set drawn anew "
        "for each variant; one test set with rows grouped by predicted finding would need nearly "
        "all of them right."
    )
    ids = ["test-subset", "split-80", "single-label"]
    return "No one test set, by true finding, gives all variants' accuracies", text, ids


def _significance(tables: printed.Printed) -> Finding:
    tests, single, left = significance.auc_tests(tables)
    pooled, pairs = significance.iou_p(tables, printed.XCEPTION)
    text = (
        f"Of {tests} tests on Table 2 {single} have p < 0.05 one by one and {left} after "
        "Holm's adjustment, which no data whatever could pass here: eight pairs give no p "
        f"below 2/2⁸, and {tests} times that is {min(1, tests * 2 / 2**8):.2g}. On "
        "Table 1 CLN-CheXNet against CLN-Xception, where the text "
        f"finds no significance, has p = {pooled:.2g} over the {pairs} legible pairs, which the "
        "others can turn."
    )
    ids = ["auc-tests", f"iou-p-{printed.XCEPTION}", "pooled-thresholds"]
    return "Significance rests on single tests of eight findings", text, ids


def _stability(table: pd.DataFrame, tables: printed.Printed) -> Finding:
    least = {name: decay.decay(tables, name)[0] for name in tables.methods(CLN, 1)}
    name, low = printed.best(least)
    answer, said = table.set_index("id")["recomputed"], table.set_index("id")["printed"]
    text = (
        f"All variants decay less than all published methods ({answer['slower-rate']}), but "
        f"CLN-CheXNet loses {answer['decay-chexnet']} (printed: {said['decay-chexnet']}), {name}, "
        f"whose decay is not told, at least {low:.1f} %, and the best mean at T = 0.7 is "
        f"{answer['best-cln-0.7']} (printed: {said['best-cln-0.7']})."
    )
    ids = ["slower-rate", "decay-chexnet", "decay-resnet", "worst-decay", "best-cln-0.7"]
    return "Stability over thresholds holds, not all of its numbers do", text, ids
