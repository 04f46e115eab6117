"""Page `index`, the first: what is claimed, what the runs gave, what the audit says."""

from collections.abc import Sequence

import pandas as pd

from clnbook import names, published
from clnbook.audit import ledger
from clnbook.audit.verdicts import DIFFERS, REPRODUCED
from clnbook.summary import AUC, BLIND_BOX, MEAN_IOU, NETWORK, summary
from clnlib.metrics import bootstrap
from clnlib.runs import Run


def claimed() -> str:
    """The paper's best printed means, as a sentence."""
    auc = published.table2().query("finding == 'Mean' and family == 'cln'")
    auc = auc.loc[auc["value"].idxmax()]
    box = published.legible().query("finding == 'Mean' and family == 'cln' and T == 0.1")
    box = box.loc[box["value"].idxmax()]
    return (
        f"One network, trained on 880 radiographs with expert boxes, names the finding with a mean "
        f"AUC of up to {auc['value']:.3f} ({auc['method']}) and boxes it with a mean IoU accuracy "
        f"of up to {box['value']:.3f} at T = 0.1 ({box['method']}), ahead of all compared methods."
    )


def on_phantom(runs: Sequence[Run], resamples: int = bootstrap.RESAMPLES) -> str:
    """Each backbone's run with the paper's λ, and the blind box of the first, as a sentence."""
    chosen = names.paper_runs(runs)
    tables = [summary(run, resamples=resamples) for run in chosen]
    clauses = [
        f"{name}: {AUC} {_words(rows, AUC)}, {MEAN_IOU} {_words(rows, MEAN_IOU)}"
        for name, rows in zip(names.labels(chosen), tables, strict=True)
    ]
    blind = _words(tables[0], MEAN_IOU, BLIND_BOX)
    return f"{'; '.join(clauses)}; a box that never sees the image has mean IoU {blind}."


def on_real(runs: Sequence[Run], resamples: int = bootstrap.RESAMPLES) -> str:
    """The range over all runs of a study beside the blind box, as sentences."""
    tables = [summary(run, resamples=resamples) for run in runs]
    auc, box = (pd.DataFrame([table.loc[name] for table in tables]) for name in (AUC, MEAN_IOU))
    best = tables[int(box[NETWORK].argmax())]
    better = (box[f"{NETWORK} low"] > box[f"{BLIND_BOX} high"]).sum()
    worse = (box[f"{NETWORK} high"] < box[f"{BLIND_BOX} low"]).sum()
    return (
        f"{len(runs)} runs: mean AUC {auc[NETWORK].min():.3f} to {auc[NETWORK].max():.3f}, mean "
        f"IoU {box[NETWORK].min():.3f} to {box[NETWORK].max():.3f}. The best of them on these test "
        f"images has {_words(best, MEAN_IOU)}, the box that never sees the image "
        f"{_words(best, MEAN_IOU, BLIND_BOX)}; in {worse} of the {len(runs)} runs the interval "
        f"lies wholly below that box's, in {better} wholly above."
    )


def in_print() -> str:
    """The audit's counts, as a sentence."""
    table = ledger.compute()
    number = ledger.summary(table)
    return (
        f"Of {len(table)} statements, {number[REPRODUCED]} are reproduced from print or public "
        f"tables, {number[DIFFERS]} differ, the rest cannot be decided without the authors' data."
    )


def _words(table: pd.DataFrame, quantity: str, series: str = NETWORK) -> str:
    """A value of a `summary` with its interval."""
    value, low, high = table.loc[quantity, [series, f"{series} low", f"{series} high"]]
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
