"""What could lie behind six sets of class sizes with 197 rows each, put to the test.

The class sizes that fit lie close to 20 % of each finding's boxes, though no two variants have the
same. Each explanation that arithmetic alone does not exclude is simulated, and has to come as
close (`distance`).

Variants that are trained and tested on the same images err on the same boxes. Errors in common
move all class sizes alike: they leave the distance from 20 % as large on average but let it vary
more, so that a small one is likelier than with independent errors. Rows say which is simulated.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import published
from clnbook.audit import testsets
from clnlib.data import nih
from clnlib.data.sources import published_labels
from clnlib.findings import BOXED

Sizes = NDArray[np.int64]
Row = tuple[str, str, float, str]

UNLIKELY = 0.01
"""An explanation under which the fitted sizes are rarer than this does not fit."""

PREDICTIONS = ((0.7, 0.0), (0.8, 0.0), (0.9, 0.0), (0.95, 0.0), (0.7, 0.8), (0.9, 0.8))
"""Accuracy of the predicted finding, and share of boxes that all variants answer alike."""


class Units(NamedTuple):
    """What a test set is drawn from: boxes or images, as rows of the box table."""

    findings: Sizes  # (units, 8) boxes of each finding
    strata: Sizes  # (units,) numbers from 0
    drawn: int  # how many units make a test set


def distance(sizes: Sizes) -> NDArray[np.float64]:
    """χ² of class sizes from 20 % of each finding's boxes, summed over variants and findings.

    Parameters
    ----------
    sizes
        (..., variants, 8).

    Returns
    -------
    (...) float64.
    """
    boxes = testsets.boxes_per_finding()
    expected = boxes * testsets.BOXES / boxes.sum()
    return ((sizes - expected) ** 2 / expected).sum(axis=(-2, -1))


def explanations(draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """What could lie behind six sets of class sizes with 197 rows each, and what speaks for it.

    Parameters
    ----------
    draws
        Simulated sets of six test sets per explanation.
    seed
        Of the generator.

    Returns
    -------
    DataFrame
        Index the explanation; `expects` and `found` (text), `probability` (of what was found
        under the explanation, where it is a chance: of a `distance` as short; where images are
        drawn, times that of 197 rows in every variant that admits no other total near 20 % of
        each finding; else NaN) and `fits` ("no" | "open").

    Notes
    -----
    A box whose finding is not predicted right goes to another finding in proportion to that
    finding's boxes; a rule with favourites moves the sizes away from 20 %. Errors are independent
    between variants where no row says otherwise, which makes the probabilities of those rows a
    little too low: variants that see the same images have errors in common.
    """
    rng = np.random.default_rng(seed)
    rows = {**_certain(), **_grouped_by_prediction(rng, draws), **_drawn_anew(rng, draws)}
    columns = ["expects", "found", "probability", "fits"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("explanation")


def _fitted() -> Sizes:
    """(variants, 8) the class sizes that fit."""
    return testsets.sizes_of_boxes()[list(BOXED)].to_numpy(np.int64)


def _certain() -> dict[str, Row]:
    """The rows of `explanations` that arithmetic decides."""
    total, shared, sizes = testsets.totals(), testsets.common(), _fitted()
    common = int((shared["sizes"].map(len) > 0).sum())
    apart = int(np.ptp(sizes, axis=0).max())
    return {
        "one row per image": (
            f"{testsets.IMAGES} rows",
            f"{int(total['admits_176'].sum())} of {len(total)} variants admit so few",
            np.nan,
            _fits(total["admits_176"].all()),
        ),
        "one test set, rows grouped by true finding": (
            "one size per finding",
            f"{common} of {len(BOXED)} findings have a size that all variants admit",
            np.nan,
            _fits(common == len(BOXED)),
        ),
        "197 boxes drawn anew for each variant, stratified by finding": (
            "sizes that differ by 1 at most",
            f"sizes differ by up to {apart}",
            np.nan,
            _fits(apart <= 1),
        ),
    }


def _fits(possible: bool) -> str:
    return "open" if possible else "no"


def _grouped_by_prediction(rng: np.random.Generator, draws: int) -> dict[str, Row]:
    """One test set of 197 boxes, its rows grouped by what each variant predicts."""
    found = distance(_fitted())
    auc = published.table2()
    least = auc.loc[auc["family"] == published.CLN, "value"].min()
    rows = {}
    for right, alike in PREDICTIONS:
        each = distance(predicted(rng, draws, right, alike))
        chance = _chance(each <= found)
        name = f"one test set, rows grouped by predicted finding, {100 * right:.0f} % of them right"
        rows[name + (f", {100 * alike:.0f} % of boxes answered alike" if alike else "")] = (
            f"χ² around {np.median(each):.1f}",
            f"{found:.1f}; AUCs in print down to {least:.2f}",
            chance,
            _fits(chance > UNLIKELY),
        )
    return rows


def predicted(rng: np.random.Generator, draws: int, right: float, alike: float) -> Sizes:
    """Class sizes of one test set whose rows are grouped by predicted finding.

    Parameters
    ----------
    rng
        Generator.
    draws
        How often six variants predict.
    right
        Share of boxes whose finding is predicted right. Others go to another finding in
        proportion to its boxes.
    alike
        Share of boxes for which all variants give the same answer, right or wrong.

    Returns
    -------
    (draws, variants, 8) int, each row 197 in all.
    """
    boxes = testsets.boxes_per_finding()
    truth = np.repeat(np.arange(len(BOXED)), allotted(boxes, testsets.BOXES))
    others = np.tile(boxes.astype(np.float64), (len(BOXED), 1))
    np.fill_diagonal(others, 0)
    chances = (1 - right) * others / others.sum(axis=1, keepdims=True)
    np.fill_diagonal(chances, right)
    bounds = chances.cumsum(axis=1)[truth]
    drawn = rng.random((draws, len(_fitted()), len(truth)))
    drawn = np.where(rng.random((draws, 1, len(truth))) < alike, drawn[:, :1], drawn)
    # All lie below the last bound, which rounding could leave below 1.
    below = [(drawn < bound).sum(axis=-1) for bound in bounds.T[:-1]]
    below.append(np.full_like(below[0], len(truth)))
    return np.diff(np.stack(below, axis=-1), axis=-1, prepend=0)


def _drawn_anew(rng: np.random.Generator, draws: int) -> dict[str, Row]:
    """A test set of its own for each variant, drawn by box or by image in three ways."""
    sizes, near = _fitted(), testsets.totals()["near_totals"]
    found, only = distance(sizes), int((near == (testsets.BOXES,)).sum())
    rows = {}
    for how, strata in _strata().items():
        for unit in ("boxes", "images"):
            units = _units(unit, strata)
            made = drawn_sizes(rng, units, (draws, len(sizes)))
            each, name = distance(made), f"{units.drawn} {unit} drawn anew for each variant, {how}"
            chance, expects, seen = _chance(each <= found), f"χ² around {np.median(each):.1f}", ""
            if unit == "images":
                totals = float((made.sum(axis=-1) == testsets.BOXES).mean())
                chance *= totals**only
                expects += f", {testsets.BOXES} rows in {100 * totals:.0f} % of draws"
                seen = f", {testsets.BOXES} rows alone near 20 % in {only} of {len(sizes)} variants"
            rows[name] = (expects, f"{found:.1f}{seen}", chance, _fits(chance > UNLIKELY))
    return rows


def _chance(as_found: NDArray[np.bool_]) -> float:
    """How often draws are as found; the table itself counts as a draw, so no chance is nought."""
    return float((as_found.sum() + 1) / (as_found.size + 1))


def _strata() -> dict[str, pd.Series]:
    """How a test set can be stratified: image to its stratum, an integer."""
    boxes = nih.load_boxes()
    labels = published_labels().set_index("image")["findings"].loc[boxes["image"].unique()]
    boxed = boxes.groupby("image")["finding"].agg(set)
    listed = labels.str.split("|")
    first = pd.Series(
        [next(f for f in row if f in boxed[image]) for image, row in listed.items()], listed.index
    )
    named = {
        "not stratified": labels.str[:0],
        "stratified by the image's first label": listed.str[0],
        "stratified by the image's first boxed finding": first,
    }
    return {how: pd.Series(pd.factorize(s)[0], s.index) for how, s in named.items()}


def _units(unit: str, strata: pd.Series) -> Units:
    """The boxes, or the images, of NIH's table with their strata."""
    boxes = nih.load_boxes()
    if unit == "images":
        table = pd.crosstab(boxes["image"], boxes["finding"])[list(BOXED)]
        return Units(table.to_numpy(np.int64), strata.loc[table.index].to_numpy(), testsets.IMAGES)
    own = boxes["finding"].to_numpy()[:, None] == np.array(BOXED)
    return Units(own.astype(np.int64), strata.loc[boxes["image"]].to_numpy(), testsets.BOXES)


def allotted(available: Sizes, total: int) -> Sizes:
    """`total` divided in proportion to what is available, by largest remainders.

    Of equal remainders the first wins.
    """
    exact = total * available / available.sum()
    whole = np.floor(exact).astype(np.int64)
    most = np.argsort(whole - exact, kind="stable")[: total - whole.sum()]
    whole[most] += 1
    return whole


def drawn_sizes(rng: np.random.Generator, units: Units, shape: tuple[int, ...]) -> Sizes:
    """Class sizes of test sets that are drawn without replacement, in proportion to strata.

    Returns
    -------
    (*shape, 8) int.
    """
    sizes = np.zeros((*shape, units.findings.shape[1]), dtype=np.int64)
    for stratum, number in enumerate(allotted(np.bincount(units.strata), units.drawn)):
        members = np.flatnonzero(units.strata == stratum)
        keys = rng.random((*shape, len(members)))
        order = keys.argpartition(max(number - 1, 0), axis=-1)[..., :number]
        sizes += units.findings[members[order]].sum(axis=-2)
    return sizes
