"""The audit's ledger: every claim of the paper, computed again. Arithmetic, no motives."""

import inspect
import linecache
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

from clnbook.audit.claims import decay, ledger, printed, significance, sizes
from clnbook.audit.claims.dataset import counts

COLUMNS = (
    "id", "section", "quote", "claim", "printed", "recomputed", "verdict", "note", "evidence",
    "function", "line", "needs",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def claims() -> pd.DataFrame:
    """The ledger, one row per claim, in the paper's order of sections.

    Returns
    -------
    DataFrame
        Text columns: `id`; `section`; `quote` (verbatim, at most 12 words); `claim` (what is
        said); `printed` (the value in the paper, empty for a statement without one);
        `recomputed`; `verdict` (one of `ledger.VERDICTS`); `note` (innocent explanations first);
        `evidence`; `function` (dotted name of what computed the row) and `line` (its
        `file:line`); `needs` (the notebook that has the data, for "needs data").
    """
    tables = printed.read()
    rows = []
    for entry in sorted(ledger.CLAIMS, key=lambda c: ledger.SECTIONS.index(c.row.section)):
        answer, row = ledger.compute(entry, tables), entry.row
        name, line = _place(entry.function)
        rows.append(
            (row.id, row.section, row.quote, row.says, row.printed, answer.recomputed,
             answer.verdict, answer.note, entry.evidence, name, line, answer.needs)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


@cache
def _place(function: Callable[..., ledger.Answer]) -> tuple[str, str]:
    """The dotted name of a claim's function and the file and line of its `def`."""
    file = inspect.getfile(function)
    # the code object's own first line is that of the decorator
    line = inspect.unwrap(function).__code__.co_firstlineno
    while not linecache.getline(file, line).startswith("def "):
        line += 1
    place = Path(file).resolve().relative_to(ROOT).as_posix()
    return f"{function.__module__}.{function.__name__}", f"{place}:{line}"


def summary(table: pd.DataFrame) -> pd.Series:
    """Number of claims by verdict, in the order of `ledger.VERDICTS`."""
    return table["verdict"].value_counts().reindex(list(ledger.VERDICTS), fill_value=0)


def main_findings(table: pd.DataFrame | None = None) -> list[tuple[str, str, list[str]]]:
    """The five findings that matter most: a title, one sentence and the claims it rests on.

    Parameters
    ----------
    table
        The ledger of `claims`; None computes it.
    """
    table = claims() if table is None else table
    tables = printed.read()
    return [
        _arithmetic_holds(table),
        _another_network(tables),
        _no_common_test_set(table),
        _significance(tables),
        _stability(table, tables),
    ]


Finding = tuple[str, str, list[str]]


def _arithmetic_holds(table: pd.DataFrame) -> Finding:
    number, found = summary(table), table.set_index("id")["recomputed"]
    decided = int(number[ledger.REPRODUCED] + number[ledger.DIFFERS])
    text = (
        f"Of {decided} claims that print or public tables decide, {number[ledger.REPRODUCED]} are "
        f"reproduced; printed means fit their cells (Table 1: {found['means-of-table1']}; "
        f"Table 2: {found['means-of-table2']})."
    )
    return "Most of the printed arithmetic holds", text, ["means-of-table1", "means-of-table2"]


def _another_network(tables: printed.Printed) -> Finding:
    flat = [sizes.total(model, "flatten") / 1e6 for model in tables.size]
    text = (
        f"{len(sizes.fits(tables))} of 6 totals of Table 3 are those of a network with global "
        f"average pooling; the flatten layer of the text would give {min(flat):.1f} to "
        f"{max(flat):.1f} million parameters."
    )
    ids = ["flatten", "flatten-stage-2", "flatten-finding"]
    return "Table 3 counts another network than the text describes", text, ids


def _no_common_test_set(table: pd.DataFrame) -> Finding:
    found = table.set_index("id")["recomputed"]
    text = (
        f"Of the class sizes that give Table 1's accuracies, {found['test-subset']}; as a whole "
        f"test set {found['split-80']} ({counts().multi_box} of {counts().boxed} boxed images have "
        "several boxed findings); rows grouped by predicted finding would leave one test set "
        "possible."
    )
    ids = ["test-subset", "split-80", "share-of-images", "single-label"]
    return "No one test set, by true finding, gives all variants' accuracies", text, ids


def _significance(tables: printed.Printed) -> Finding:
    methods = [m for m in dict.fromkeys(m for m, _ in tables.auc) if m != printed.MOBILENET]
    values = [significance.auc_p(tables, m) for m in methods]
    single = sum(p < 0.05 for p in values)
    left = significance.left_after_holm(values)
    pooled, pairs = significance.iou_p(tables, printed.XCEPTION)
    text = (
        f"Of {len(values)} tests on Table 2 {single} have p < 0.05 one by one and {left} after "
        f"Holm's adjustment; on Table 1 CLN-CheXNet against CLN-Xception, where the text "
        f"finds no significance, has p = {pooled:.2g} over the {pairs} legible pairs, which the "
        f"others can turn."
    )
    ids = ["auc-tests", f"iou-p-{printed.XCEPTION}", "pooled-thresholds"]
    return "Significance rests on single tests of eight findings", text, ids


def _stability(table: pd.DataFrame, tables: printed.Printed) -> Finding:
    least = {name: decay.decay(tables, name)[0] for name in tables.methods(printed.CLN, 1)}
    name, low = printed.best(least)
    found, told = table.set_index("id")["recomputed"], table.set_index("id")["printed"]
    text = (
        f"All variants decay less than all published methods ({found['slower-rate']}), but "
        f"CLN-CheXNet loses {found['decay-chexnet']} (printed: {told['decay-chexnet']}), {name}, "
        f"whose decay is not told, at least {low:.1f} %, and the best mean at T = 0.7 is "
        f"{found['best-cln-0.7']} (printed: {told['best-cln-0.7']})."
    )
    ids = ["slower-rate", "decay-chexnet", "decay-resnet", "worst-decay", "best-cln-0.7"]
    return "Stability over thresholds holds, not all of its numbers do", text, ids
