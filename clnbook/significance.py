"""Page `wilcoxon`: the paper's statements of significance, tested on its printed tables.

Sections 3.2 (on Table 1) and 3.3 (on Table 2); the tests are in `wilcoxon`, what pooling
thresholds does to them in `nested`.
"""

import numpy as np
import pandas as pd

from clnbook import published
from clnbook.audit.claims import load
from clnbook.nested import nested_level
from clnbook.style import Page, p_value, page
from clnbook.wilcoxon import compare
from clnlib.data import nih
from clnlib.metrics.localisation import MEAN, THRESHOLDS

BEST_AUC, BEST_ACCURACY = (published.VARIANTS[name] for name in ("mobilenetv3small", "chexnet"))
# A name for each way to count, and its column of `wilcoxon.compare`.
COUNTED = {
    "exact": "p_exact",
    "normal": "p_normal",
    "continuity": "p_normal_cc",
    "Pratt": "p_pratt",
    "Pratt, normal": "p_pratt_normal",
    "Holm": "p_holm",
}
SUSPECT_TOO = "suspect too"
NO_DIFFERENCE = "p > 0.05"
LEVELS = {"p < 0.01": 0.01, "p < 0.05": 0.05, "p ≪ 0.01": 0.001, NO_DIFFERENCE: 0.05}


def statements_classification() -> dict[str, str]:
    """Section 3.3: what is said of CLN-MobileNetV3Small against each method of Table 2."""
    return {
        str(claim.arguments["method"]): claim.printed
        for claim in load()
        if claim.function == "significance.auc_significance"
    }


def statements_localisation() -> dict[str, str]:
    """Section 3.2: what is said of CLN-CheXNet against each method of Table 1.

    The text says "the four compared state-of-the-art methods"; the table has five, and all five
    are taken.
    """
    methods = printed_accuracy().index.drop(BEST_ACCURACY)
    return {m: NO_DIFFERENCE if m.startswith("CLN-") else "p ≪ 0.01" for m in methods}


def printed_auc() -> pd.DataFrame:
    """Table 2 without its means: methods (in printed order) × findings."""
    table = published.table2()
    cells = table[table["finding"] != MEAN]
    wide = cells.pivot(index="method", columns="finding", values="value")
    return wide.reindex(cells["method"].unique())


def printed_accuracy(suspect: bool = False) -> pd.DataFrame:
    """Table 1 without its means: methods × (T, finding).

    Parameters
    ----------
    suspect
        False: legible rows only, the others are NaN; True: suspect rows too, with their
        near-certain corrections.
    """
    table = published.table1()
    cells = table[(table["finding"] != MEAN) & ~table["method"].str.startswith("UNASSIGNED")]
    value = cells["value"].where(cells["transcription"] == published.OK)
    if suspect:
        value = cells["corrected"].fillna(cells["value"])
    wide = cells.assign(value=value).pivot(index="method", columns=["T", "finding"], values="value")
    first = cells.sort_values("T", kind="stable")["method"].unique()
    return wide.reindex(first)


def auc_claims() -> pd.DataFrame:
    """The 18 statements on Table 2 beside the p-values of each way to count.

    Returns
    -------
    DataFrame
        Index `method`; `printed`, the numbers of `wilcoxon.compare`, and the names of
        `COUNTED` with their p-values.
    """
    compared = compare(printed_auc(), BEST_AUC)
    return _claims(compared, statements_classification())


def accuracy_claims() -> pd.DataFrame:
    """The statements on Table 1, thresholds pooled as in the paper, on its legible rows.

    Returns
    -------
    DataFrame
        As `auc_claims`, with a further way to count, `SUSPECT_TOO`.
    """
    compared = compare(printed_accuracy(), BEST_ACCURACY)
    more = compare(printed_accuracy(suspect=True), BEST_ACCURACY)
    claims = _claims(compared, statements_localisation())
    return claims.assign(**{SUSPECT_TOO: more["p_exact"]})


def accuracy_by_threshold() -> pd.DataFrame:
    """The same at each T alone: eight pairs, legible rows.

    Returns
    -------
    DataFrame
        Methods × T, exact p; NaN where one of the two rows is not legible.
    """
    table = printed_accuracy()
    p = {t: compare(table[t], BEST_ACCURACY)["p_exact"] for t in THRESHOLDS}
    return pd.DataFrame(p).rename_axis(columns="T")


def _claims(compared: pd.DataFrame, said: dict[str, str]) -> pd.DataFrame:
    counted = {name: compared[column] for name, column in COUNTED.items()}
    numbers = compared[["n", "zeros", "plus", "minus", "effect", "median", "smallest_p"]]
    return numbers.assign(**counted).assign(printed=pd.Series(said))


def claim_verdicts(claims: pd.DataFrame) -> pd.DataFrame:
    """Whether each statement holds under each way to count.

    "p ≪ 0.01" is read as p < 0.001.

    Returns
    -------
    DataFrame
        Methods × ways to count, boolean; missing where there is no p.
    """
    p = claims[[name for name in (*COUNTED, SUSPECT_TOO) if name in claims]]
    level = claims["printed"].map(LEVELS).to_numpy()[:, None]
    none = (claims["printed"] == NO_DIFFERENCE).to_numpy()[:, None]
    holds = pd.DataFrame(np.where(none, p > level, p < level), p.index, p.columns)
    return holds.astype("boolean").where(p.notna())


def claims_tally(claims: pd.DataFrame) -> pd.DataFrame:
    """How many statements hold under each way to count.

    Returns
    -------
    DataFrame
        One row per way; `difference holds`, `no difference holds` and how many there are `of`
        each, after which the column is named.
    """
    holds = claim_verdicts(claims)
    none = claims["printed"] == NO_DIFFERENCE
    parts = {}
    for name, chosen in (("difference", holds[~none]), ("no difference", holds[none])):
        parts[f"{name} holds"] = chosen.sum()
        parts[f"{name} of"] = chosen.notna().sum()
    return pd.DataFrame(parts)


def nested_thresholds() -> pd.DataFrame:
    """`nested_level` for test sets and accuracies like the paper's.

    A fifth of each finding's boxes is tested (section 3.1's 80/20), and the chance of an IoU
    above T is CLN-CheXNet's printed mean accuracy, interpolated where it is not legible.
    """
    sizes = (0.2 * nih.load_boxes()["finding"].value_counts()).round().astype(int)
    known = published.legible().query("method == @BEST_ACCURACY and finding == @MEAN")
    accuracy = np.interp(THRESHOLDS, known["T"], known["value"])
    return nested_level(accuracy, sizes)


def styled_claims(claims: pd.DataFrame, caption: str) -> Page:
    """The statements and p-values for a page; ✗ marks a p under which the statement fails."""
    holds = claim_verdicts(claims)
    shown = claims[["printed", "n", "zeros", "effect"]].rename(columns={"printed": "paper"})
    shown["effect"] = shown["effect"].map("{:+.2f}".format)
    for way in holds:
        marks = holds[way].map({True: "", False: " ✗"}).fillna("")
        shown[way] = claims[way].map(p_value) + marks.astype(str)
    unbroken = [column for column in shown if shown[column].dtype in ("object", "str")]
    shown[unbroken] = shown[unbroken].map(lambda text: text.replace(" ", "\N{NO-BREAK SPACE}"))
    return page(shown, caption)


def styled_by_threshold(p: pd.DataFrame, caption: str) -> Page:
    """Exact p-values, methods × T, for a page."""
    return page(p.map(p_value).rename(columns="T = {:g}".format), caption)


def styled_nested(rates: pd.DataFrame, caption: str) -> Page:
    """`nested_thresholds` for a page."""
    shown = rates.assign(error=rates["error"].map("{:.4f}".format))
    return page(shown.assign(times=rates["times"].map("{:.1f}".format)), caption)
