"""Page `significance`: the runs of a study in pairs, as `paired.compare_runs` compares them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clnbook.names import labels
from clnbook.style import MISSING, Page, p_value, page
from clnlib.data.splits import PROTOCOLS
from clnlib.runs import Run

LEVEL = 0.05
ABOVE, BELOW = "mean AUC", "mean IoU accuracy"  # of the diagonal of `matrix`


def in_words(compared: pd.DataFrame, level: float = LEVEL) -> str:
    """What `compare_runs` gives, in words: a line per quantity, or that one run has no other."""
    if compared.empty:
        return "one run: nothing to compare"
    lines = []
    for quantity, pairs in compared.groupby("quantity", sort=False):
        known = pairs.dropna(subset="p")
        apart, holm = ((known[column] < level).sum() for column in ("p", "p_holm"))
        line = f"{quantity}: {apart} of {len(known)} pairs of runs differ at p < {level:g}, "
        left = len(pairs) - len(known)
        names = f"; {left} pair{'s' * (left > 1)} left out, the test rows differ" if left else ""
        lines.append(f"{line}{holm} under Holm{names}")
    return "\n".join(lines)


def matrix(compared: pd.DataFrame, runs: Sequence[Run]) -> Page:
    """All pairs at a glance: the row's run less the column's, in hundredths.

    Above the diagonal stands the difference of mean AUC, below it that of mean IoU accuracy; a star
    where p < 0.05 after Holm's adjustment, a dash where the runs share no test rows. Runs of one
    protocol stand together; the shade grows with the difference.
    """
    runs = sorted(runs, key=lambda run: PROTOCOLS.index(run.train.protocol))
    place = {run.folder.name: k for k, run in enumerate(runs)}
    texts = np.full((len(runs), len(runs)), MISSING, dtype=object)
    np.fill_diagonal(texts, "")
    for quantity, a, b, difference, p in compared[
        ["quantity", "a", "b", "difference", "p_holm"]
    ].itertuples(index=False):
        i, j = sorted((place[a], place[b]), reverse=quantity == BELOW)
        if not np.isnan(difference):
            sign = 1 if place[a] == i else -1
            whole = round(100 * sign * difference)
            number = f"{whole:+d}".replace("-", "−") if whole else "0"
            texts[i, j] = number + "*" * bool(p < LEVEL)
    numbers = range(1, len(runs) + 1)
    index = pd.MultiIndex.from_arrays([labels(runs), numbers])
    table = page(
        pd.DataFrame(texts, index, list(numbers)),
        f"The row's run less the column's, in hundredths: {ABOVE} above the diagonal, {BELOW} "
        f"below it; * p < {LEVEL:g} under Holm; {MISSING} other test rows.",
    )
    return table.map(_shade)


def _shade(text: str) -> str:
    """A ground behind a difference in hundredths: blue above 0, orange below, full at 25."""
    number = text.rstrip("*").replace("−", "-").lstrip("+")
    if not number.lstrip("-").isdigit():
        return ""
    red, green, blue = (0, 114, 178) if int(number) > 0 else (213, 94, 0)
    return f"background: rgba({red}, {green}, {blue}, {min(abs(int(number)) / 25, 1) * 0.5:.2f})"


def styled(compared: pd.DataFrame, runs: Sequence[Run], caption: str) -> Page:
    """Every pair with its interval and p: one line per quantity and pair."""
    names = dict(zip((run.folder.name for run in runs), labels(runs), strict=True))
    named = compared.assign(a=compared["a"].map(names), b=compared["b"].map(names))
    named = named.dropna(subset="p")  # other test rows: no comparison
    heads = {"a": "first", "b": "second", "value_a": "of the first", "value_b": "of the second"}
    shown = named.rename(columns=heads | {"p_holm": "p (Holm)"})
    shown = shown.set_index(["quantity", "first", "second"])
    signed = ["difference", "low", "high"]
    shown[signed] = shown[signed].map(lambda x: MISSING if np.isnan(x) else f"{x:+.3f}")
    shown[["p", "p (Holm)"]] = shown[["p", "p (Holm)"]].map(p_value)
    return page(shown, caption)
