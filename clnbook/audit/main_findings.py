"""The findings of the audit that matter most, each in a few sentences."""

import pandas as pd

from clnbook.audit import (
    decay,
    explanations,
    ledger,
    network,
    printed,
    rounding,
    significance,
    testsets,
)
from clnbook.audit.verdicts import DIFFERS, QUALIFIED, REPRODUCED, WORDING
from clnbook.published import CLN

Finding = tuple[str, str, list[str]]


def compute(table: pd.DataFrame, explained: pd.DataFrame) -> list[Finding]:
    """Title, sentence and ids of the claims that it rests on, for each finding.

    Parameters
    ----------
    table
        From `ledger.compute`.
    explained
        From `explanations.explanations`, which takes seconds.
    """
    tables = printed.read()
    return [
        _arithmetic_holds(table),
        _network(tables),
        _no_common_test_set(table, explained),
        _lambda(table),
        _significance(table, tables),
        _stability(table, tables),
    ]


def decided(table: pd.DataFrame) -> str:
    """How many different claims of `ledger.compute` hold, and how many do not, as a sentence."""
    number, points = ledger.summary(table.drop_duplicates("issue")), ledger.issues(table)
    numbers, words = points.loc[DIFFERS].sum(), points.loc[WORDING].sum()
    return (
        f"Of {number[[REPRODUCED, DIFFERS, WORDING, QUALIFIED]].sum()} different claims that print "
        f"or public tables decide, {number[REPRODUCED]} hold and {number[QUALIFIED]} the paper "
        f"qualifies itself; in {numbers} a number differs, in {words} the wording, "
        f"{points['a conclusion'].sum()} of these about a conclusion."
    )


def _arithmetic_holds(table: pd.DataFrame) -> Finding:
    answer = table.set_index("id")["recomputed"]
    text = (
        f"{decided(table)} Printed means fit their cells: of Table 2 in "
        f"{answer['means-of-table2']}; of Table 1 {answer['means-of-table1']}, the others came to "
        "us damaged."
    )
    return "Most of the printed arithmetic holds", text, ["means-of-table2", "means-of-table1"]


def _network(tables: printed.Printed) -> Finding:
    flat = [network.total(model, "flatten") / 1e6 for model in tables.size]
    text = (
        f"{len(network.fits(tables))} of 6 totals of Table 3 are those of Keras' bases, "
        f"EfficientNetB4's to within {network.NORMALISATION} weights, with global "
        "pooling, average or maximum, before the flatten layer, which then changes nothing. Who "
        "follows the text, which names no pooling, and flattens the feature maps builds networks "
        f"of {min(flat):.1f} to {max(flat):.1f} million parameters."
    )
    ids = ["flatten", "flatten-stage-2", "flatten-finding"]
    return "Table 3 tells that one value per channel reached the heads", text, ids


def _no_common_test_set(table: pd.DataFrame, explained: pd.DataFrame) -> Finding:
    answer, loose = table.set_index("id")["recomputed"], testsets.common("any")
    possible = explained.query("fits == 'open'")["probability"]
    open_ = "; ".join(f"{name} (p = {p:.1g})" for name, p in possible.items())
    text = (
        f"Of class sizes up to {rounding.SIZES[-1]} that give Table 1's accuracies, "
        f"{answer['test-subset']}. If each cell may be rounded in its own way, one number fits in "
        f"{int((loose['sizes'].map(len) > 0).sum())} findings and {loose['misread'].sum()} cells "
        f"stay unexplained. As a whole test set {answer['split-80']}. Open at p > "
        f"{explanations.UNLIKELY}: {open_}. Arithmetic does not choose among them, and other "
        "procedures were not tried."
    )
    ids = ["test-subset", "split-80", "single-label"]
    return "No one test set, by true finding, gives all variants' accuracies", text, ids


def _lambda(table: pd.DataFrame) -> Finding:
    answer = table.set_index("id")["recomputed"]
    text = (
        f"λ was selected by a figure over λ. {answer['lambda-images']}. Unless that is a "
        "coincidence, the figure shows test images, and a λ selected by it was selected on the "
        "images whose results are printed; of which images it is the text does not tell. Table 1 "
        f"and Table 2 compare variants at {answer['backbone-and-lambda']}."
    )
    ids = ["lambda-images", "backbone-and-lambda", "above-maximum"]
    return "On which images λ was selected cannot be read from print", text, ids


def _significance(table: pd.DataFrame, tables: printed.Printed) -> Finding:
    held = table.loc[table["id"].str.startswith("auc-p-"), "verdict"] == REPRODUCED
    tests, single, left = significance.auc_tests(tables)
    text = (
        f"{held.sum()} of {len(held)} statements on Table 2 are reproduced by the exact test, one "
        f"by one: {single} of {tests} comparisons have p < 0.05. {left} are left after Holm's "
        "adjustment, which no data whatever could pass here: eight pairs give no p below 2/2⁸, and "
        f"{tests} times that is {min(1, tests * 2 / 2**8):.2g}."
    )
    return "The tests on Table 2 have eight pairs each and are unadjusted", text, ["auc-tests"]


def _stability(table: pd.DataFrame, tables: printed.Printed) -> Finding:
    least = {name: decay.decay(tables, name)[0] for name in tables.methods(CLN, 1)}
    name, low = printed.best(least)
    answer, said = table.set_index("id")["recomputed"], table.set_index("id")["printed"]
    text = (
        f"All variants decay less than all published methods ({answer['slower-rate']}), but "
        f"CLN-CheXNet loses {answer['decay-chexnet']} (printed: {said['decay-chexnet']}), {name}, "
        f"whose decay the text does not tell, at least {low:.1f} %, and the best mean at T = 0.7 "
        f"is {answer['best-cln-0.7']} (printed: {said['best-cln-0.7']}): both printed "
        "numbers understate CLN."
    )
    ids = ["slower-rate", "decay-chexnet", "decay-resnet", "worst-decay", "best-cln-0.7"]
    return "Stability over thresholds holds; two of its numbers are better than printed", text, ids
