"""The few numbers of the first page: what is claimed, what the runs gave, what the audit says."""

from collections.abc import Sequence

import pandas as pd

from clnbook import published
from clnbook.audit import ledger
from clnbook.audit.verdicts import DIFFERS, REPRODUCED
from clnbook.tables.names import labels
from clnbook.tables.summary import paper_runs, summary
from clnlib.metrics import bootstrap
from clnlib.runs import Run


def claimed() -> str:
    """The paper's best printed means, as a sentence."""
    auc = published.table2().query("finding == 'Mean' and family == 'cln'")
    auc = auc.loc[auc["value"].idxmax()]
    box = published.table1().query("finding == 'Mean' and family == 'cln' and T == 0.1")
    box = box[box["transcription"] == published.OK]
    box = box.loc[box["value"].idxmax()]
    return (
        f"One network, trained on 880 radiographs with expert boxes, names the finding with a mean "
        f"AUC of up to {auc['value']:.3f} ({auc['method']}) and boxes it with a mean IoU accuracy "
        f"of up to {box['value']:.3f} at T = 0.1 ({box['method']}), ahead of all compared methods."
    )


def found_on_phantom(runs: Sequence[Run], resamples: int = bootstrap.RESAMPLES) -> str:
    """Each backbone's run with the paper's λ, and the blind box of the first, as a sentence."""
    chosen = paper_runs(runs)
    tables = [summary(run, resamples=resamples) for run in chosen]
    told = [
        f"{name}: mean AUC {_told(rows.loc['mean AUC'])}, mean IoU {_told(rows.loc['mean IoU'])}"
        for name, rows in zip(labels(chosen), tables, strict=True)
    ]
    blind = _blind(tables[0].loc["mean IoU"])
    return f"{'; '.join(told)}; a box that never sees the image has mean IoU {blind}."


def found_on_real(runs: Sequence[Run], resamples: int = bootstrap.RESAMPLES) -> str:
    """The range over all runs of a study beside the blind box, as sentences."""
    tables = [summary(run, resamples=resamples) for run in runs]
    auc = pd.Series([table.loc["mean AUC", "network"] for table in tables])
    box = pd.Series([table.loc["mean IoU", "network"] for table in tables])
    best = tables[int(box.argmax())].loc["mean IoU"]
    better = sum(t.loc["mean IoU", "low"] > t.loc["mean IoU", "blind high"] for t in tables)
    worse = sum(t.loc["mean IoU", "high"] < t.loc["mean IoU", "blind low"] for t in tables)
    return (
        f"{len(runs)} runs: mean AUC {auc.min():.3f} to {auc.max():.3f}, mean "
        f"IoU {box.min():.3f} to {box.max():.3f}. The best of them on these test images has "
        f"{_told(best)}, the box that never sees the image {_blind(best)}; in {worse} of the "
        f"{len(runs)} runs the interval lies wholly below that box's, in {better} wholly above."
    )


def found_in_print() -> str:
    """The audit's counts, as a sentence."""
    table = ledger.compute()
    number = ledger.summary(table)
    return (
        f"Of {len(table)} statements, {number[REPRODUCED]} are reproduced from print or public "
        f"tables, {number[DIFFERS]} differ, the rest cannot be decided without the authors' data."
    )


def _told(row: pd.Series) -> str:
    return f"{row['network']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _blind(row: pd.Series) -> str:
    return f"{row['blind box']:.3f} ({row['blind low']:.3f} to {row['blind high']:.3f})"
