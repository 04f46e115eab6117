"""The audit's ledger: the paper's claims, a row each, computed again."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clnbook.audit import printed
from clnbook.audit.claims import FUNCTIONS, SECTIONS, load
from clnbook.audit.verdicts import ACCUSING, MEANING, VERDICTS
from clnbook.style import BLIND, OTHER, PREDICTED, TINY, TRUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "id", "section", "quote", "claim", "printed", "recomputed", "verdict", "note", "changes",
    "issue", "evidence", "function", "line", "needs",
)  # fmt: skip
COLOURS = dict(
    zip(VERDICTS, (TRUE, PREDICTED, "#CC79A7", "#E69F00", BLIND, "#CCCCCC"), strict=True)
)


def compute() -> pd.DataFrame:
    """The ledger: a row per claim, in the paper's order of sections.

    Returns
    -------
    DataFrame
        Text columns: `id`; `section`; `quote` (verbatim, at most 12 words); `claim` (the
        statement in plain words); `printed` (the value in the paper, empty for a statement
        without a value); `recomputed`; `verdict` (of `verdicts.VERDICTS`); `note`; `changes` (what
        a differing answer changes: "nothing", "a detail", "a conclusion"); `issue` (the id of the
        first row that says the same); `evidence`; `function` (dotted name of the function that
        computed the row) and `line` (its `file:line`); `needs` (the notebook that has the data,
        for "needs data").

    Raises
    ------
    InputError
        A row of `claims.yaml` cannot be used.
    """
    tables = printed.read()
    rows, first = [], dict[str, str]()
    for claim in sorted(load(), key=lambda claim: SECTIONS.index(claim.section)):
        answer = claim.compute(tables)
        function, line = _place(claim.function)
        issue = first.setdefault(claim.says, claim.id)
        rows.append(
            (claim.id, claim.section, claim.quote, claim.says, claim.printed, answer.recomputed,
             answer.verdict, answer.note, claim.changes, issue, claim.evidence, function, line,
             answer.needs)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _place(name: str) -> tuple[str, str]:
    """The dotted name of a claim's function and the file and line of its `def`."""
    function = FUNCTIONS[name]
    module = function.__module__
    line = function.__code__.co_firstlineno
    return f"{module}.{function.__name__}", f"{module.replace('.', '/')}.py:{line}"


def summary(table: pd.DataFrame) -> pd.Series:
    """Number of claims by verdict, in the order of `verdicts.VERDICTS`."""
    return table["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)


def meanings(table: pd.DataFrame) -> pd.DataFrame:
    """What each verdict means: index the verdicts, columns `meaning`, `statements` and `claims`.

    A sentence that several sections repeat is one claim.
    """
    rows = table.groupby("verdict")
    return (
        pd.DataFrame(
            {"meaning": MEANING, "statements": rows.size(), "claims": rows["issue"].nunique()}
        )
        .reindex(list(VERDICTS))
        .fillna({"statements": 0, "claims": 0})
    )


def issues(table: pd.DataFrame) -> pd.DataFrame:
    """Points that the accusing rows raise, each once however many sentences repeat it.

    Returns
    -------
    DataFrame
        Index `verdicts.ACCUSING`, columns "nothing", "a detail", "a conclusion": numbers of
        different issues by what they change.
    """
    rows = table[table["verdict"].isin(ACCUSING)].drop_duplicates("issue")
    counts = pd.crosstab(rows["verdict"], rows["changes"])
    return counts.reindex(
        index=list(ACCUSING), columns=["nothing", "a detail", "a conclusion"], fill_value=0
    )


def html(table: pd.DataFrame) -> str:
    """The ledger as an HTML table: five columns, the rest of a row in a part that opens.

    A row has its id, so that `ledger.html#<id>` leads to it, and its verdict as `data-group`, by
    which the page's script filters.
    """
    heads = ("verdict", "§", "the paper's words", "printed → recomputed", "note")
    rows = "".join(
        _row({k: escape(str(v)) for k, v in row.items()}) for row in table.to_dict("records")
    )
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        '<table class="ledger sortable dataframe">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(row: dict[str, str]) -> str:
    """A line of the ledger from escaped texts."""
    colour = COLOURS[row["verdict"]]
    more = {"In plain words": row["claim"], "Rests on": row["evidence"], "Code": row["line"]}
    more |= {"It changes": row["changes"]} if row["changes"] else {}
    more |= {"Notebook with the data": row["needs"]} if row["needs"] else {}
    opened = "<br>".join(f"<b>{name}:</b> {text}" for name, text in more.items())
    cells = (
        f'<span class="chip" style="border-color: {colour}">{row["verdict"]}</span><br>'
        f'<a href="#{row["id"]}">{row["id"]}</a>',
        row["section"],
        f"“{row['quote']}”<details><summary>more</summary>{opened}</details>",
        " → ".join(filter(None, (row["printed"], row["recomputed"]))),
        row["note"],
    )
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr id="{row["id"]}" data-group="{row["verdict"]}">{inner}</tr>'


def draw_summary(counts: pd.Series, axes: "Axes") -> "Axes":
    """Number of claims by verdict, as bars with their numbers.

    Parameters
    ----------
    counts
        From `summary`.
    axes
        Where to draw.
    """
    bars = axes.barh(list(counts.index), counts.to_numpy(), color=list(COLOURS.values()))
    axes.bar_label(bars, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("statements")
    return axes


def draw_by_section(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Number of statements of each section, stacked by verdict.

    Parameters
    ----------
    table
        From `compute`.
    axes
        Where to draw.
    """
    sections = list(dict.fromkeys(table["section"]))
    counts = pd.crosstab(table["section"], table["verdict"]).reindex(
        index=sections, columns=list(VERDICTS), fill_value=0
    )
    left = np.zeros(len(counts))
    for verdict, colour in COLOURS.items():
        axes.barh(sections, counts[verdict], left=left, color=colour, label=verdict)
        left += counts[verdict].to_numpy()
    axes.invert_yaxis()
    axes.set(xlabel="statements", ylabel="section")
    axes.figure.legend(fontsize=TINY, loc="outside lower center", ncols=2)
    return axes


def printed_beside(table: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    """Printed beside recomputed numbers of claims with a number on either side.

    Parameters
    ----------
    table
        From `compute`.
    ids
        Some of its rows.

    Returns
    -------
    DataFrame
        Index the ids; `printed`, `recomputed`: the first number of each text, NaN without a
        number.
    """
    rows = table.set_index("id").loc[ids, ["printed", "recomputed"]]
    plain = rows.apply(lambda texts: texts.str.replace(",", ""))
    return plain.apply(lambda texts: texts.str.extract(r"(\d+(?:\.\d+)?)")[0].astype(float))


def draw_beside(table: pd.DataFrame, axes: "Axes") -> "Axes":
    """Values of several columns beside one another, a line between them.

    Parameters
    ----------
    table
        Index the labels, columns the names of the legend; the first column, the printed values
        mostly, is drawn hollow, every other column filled.
    axes
        Where to draw.
    """
    places = np.arange(len(table))
    axes.hlines(places, table.min(axis=1), table.max(axis=1), color=BLIND, lw=0.8)
    for number, column in enumerate(table):
        colour = (OTHER, PREDICTED, TRUE)[number % 3]
        axes.plot(table[column], places, "os^"[number % 3], color=colour, ms=7 - 2 * number,
                  fillstyle="none" if number == 0 else "full", ls="", label=column)  # fmt: skip
    axes.set_yticks(places, list(table.index))
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.figure.legend(loc="outside lower center", ncols=3)
    return axes
