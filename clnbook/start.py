"""Pages `index`, the first, and `report`: what is claimed, what the runs gave, what print says."""

from collections.abc import Sequence

import pandas as pd

from clnbook import experts, leaderboard, names, published, yardsticks
from clnbook.audit import ledger
from clnbook.audit.verdicts import ACCUSING, QUALIFIED, REPRODUCED
from clnbook.blind_boxes import AGNOSTIC, MEDOID
from clnbook.style import RUN, Page, page
from clnbook.summary import AUC, BLIND_BOX, MEAN_IOU, NETWORK, dead_coordinates, summary
from clnbook.yardsticks import PREDICTED, SHUFFLED
from clnlib.metrics import bootstrap
from clnlib.metrics.classification import mean_auc
from clnlib.runs import Run

BEATEN = {
    SHUFFLED: "are better than the same boxes shuffled over the images, so use the image",
    PREDICTED: "than a fixed box for the finding that the network itself predicts",
    AGNOSTIC: "than a fixed box for all images",
    MEDOID: "than a fixed box for the true finding, which the network is not told",
}

REAL = tuple(f"nih880-{name}" for name in ("pilot", "trials", "xception", "study"))
"""The studies of real images with a test part of the paper's size; `nih880-folds` tests all."""

UNTESTED = "untested"
CHANCE = 0.5  # the AUC of a coin


def claimed() -> str:
    """The paper's best printed means, as a sentence."""
    auc = published.table2().query("finding == 'Mean' and family == 'cln'")
    auc = auc.loc[auc["value"].idxmax()]
    box = published.legible().query("finding == 'Mean' and family == 'cln' and T == 0.1")
    box = box.loc[box["value"].idxmax()]
    return (
        "Six variants of a network, fine-tuned on ChestX-ray14, then trained on 880 radiographs "
        f"with expert boxes, name the finding with a mean AUC of up to {auc['value']:.3f} "
        f"({auc['method']}) and box it with a mean IoU accuracy of up to {box['value']:.3f} at "
        f"T = 0.1 ({box['method']}): the best of them lead all compared methods."
    )


def claims(real: Sequence[Run], released: Run) -> Page:
    """The paper's main claims, each with the best number in print and that of a network of ours.

    Parameters
    ----------
    real
        Finished runs on the real images, for `leaderboard.compute`.
    released
        The network that comes with the repository, which validation chose.
    """
    table = leaderboard.compute({"": real})
    of = {group: rows.set_index("name") for group, rows in table.groupby("group")}
    variants = of[leaderboard.PRINT].filter(like=RUN, axis=0)
    ours = leaderboard.compute({"": [released]}).iloc[0]
    bounds = of[leaderboard.BOUND]
    lines, best = {}, []
    for name, column, ceiling in (
        ("IoU accuracy, T = 0.1", "T = 0.1", experts.AMONG_THEMSELVES),
        ("IoU accuracy, T = 0.7", "T = 0.7", experts.AMONG_THEMSELVES),
        (AUC, AUC, experts.PERFECT),
    ):
        floor = CHANCE if column == AUC else bounds.at[leaderboard.TOLD, column]
        numbers = variants[column].max(), ours[column], floor, bounds.at[ceiling, column]
        lines[name] = dict(zip(("Paper", "Ours", "Floor", "Ceiling"), numbers, strict=True))
        best.append(f"{of[leaderboard.REAL][column].max():.3f}")
    return page(
        pd.DataFrame.from_dict(lines, orient="index").assign(State=UNTESTED),
        "Means over findings. Paper: the best of six variants on each line, so flattered. Ours: "
        "the small network that comes with this repository, chosen by validation; the best of the "
        f"{len(real)} runs on the leaderboard reach {', '.join(best)}, each another one. Floor: a "
        "box that never sees the image but is told the finding; chance. Ceiling: radiologists' "
        "boxes compared with each other on other images, a mark and no bound, for a network can "
        "learn one reader's habits; one finding named per image.",
    )


def seen(real: Sequence[Run], stage1: Sequence[Run]) -> str:
    """How many runs had a stage 1, and from how many images it learnt, of how many, in words."""
    numbers = [len(run.part("train")) for run in stage1]
    staged = sum(names.is_stage1(run.train.weights) for run in real)
    listed = published.official_lists().loc["train_val_list.txt", "images"]
    return (
        f"{len(real) - staged} of {len(real)} skipped stage 1, that of the others saw "
        f"{min(numbers):,} to {max(numbers):,} of the {listed:,} listed images"
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
    """What some runs reach, and how many of them beat boxes that see less, as sentences.

    A run beats a yardstick where the 95 % interval of their paired difference in mean IoU over the
    test patients lies above 0.
    """
    areas = [mean_auc(run.part("test"), run.findings) for run in runs]
    tables = [yardsticks.table(run, (), resamples).set_index("series") for run in runs]
    values = [table.loc[NETWORK, "value"] for table in tables]
    dead = sum(dead_coordinates(run) > 0 for run in runs)
    clauses = [
        f"{sum(table.loc[series, 'low'] > 0 for table in tables)} {words}"
        for series, words in BEATEN.items()
    ]
    return (
        f"{len(runs)} runs, {dead} of them with a box coordinate that is 0 on every test image: "
        f"mean AUC {min(areas):.3f} to {max(areas):.3f}, mean IoU {min(values):.3f} to "
        f"{max(values):.3f}. Of their boxes, compared by mean IoU on the same patients, "
        f"{', '.join(clauses)}."
    )


def about_conclusions(table: pd.DataFrame) -> str:
    """The claims that differ and bear a conclusion, in the paper's words, each with its row."""
    rows = table[table["verdict"].isin(ACCUSING) & (table["changes"] == "a conclusion")]
    return "; ".join(
        f'“{row.quote}” (<a href="ledger.html#{row.id}">its row</a>)'
        for row in rows.drop_duplicates("issue").itertuples()
    )


def in_print() -> str:
    """The audit's counts, as a sentence."""
    table = ledger.compute()
    number, points = ledger.summary(table), ledger.issues(table)
    return (
        f"Of {len(table)} statements, {number[REPRODUCED]} are reproduced from print or public "
        f"tables; {number[list(ACCUSING)].sum()} differ in a number or in words, which are "
        f"{points.to_numpy().sum()} different claims, {points['a conclusion'].sum()} of them about "
        f"a conclusion; {number[QUALIFIED]} the paper qualifies itself; the rest print does not "
        "decide, or only images or trained networks would."
    )


def _words(table: pd.DataFrame, quantity: str, series: str = NETWORK) -> str:
    """A value of a `summary` with its interval."""
    value, low, high = table.loc[quantity, [series, f"{series} low", f"{series} high"]]
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
