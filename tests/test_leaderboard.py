"""The leaderboard has every run once, beside print, floor and ceiling, with the pages' numbers."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from clnbook import experts, leaderboard, names, published, summary
from clnlib import runs
from clnlib.metrics.localisation import MEAN

RESULTS = Path(__file__).resolve().parents[1] / "results"


@pytest.fixture(scope="module")
def studies():
    return {name: runs.study(str(RESULTS / name)) for name in ("nih880-pilot", "phantom")}


@pytest.fixture(scope="module")
def table(studies):
    return leaderboard.compute(studies)


def test_a_run_has_the_numbers_of_its_page(studies, table):
    """AUC, IoU and accuracies are those of `summary`; drawn and real images are told apart."""
    mine = table[table["study"] != ""]
    assert len(mine) == sum(map(len, studies.values()))
    assert set(mine[mine["study"] == "phantom"]["group"]) == {leaderboard.DRAWN}
    assert set(mine[mine["study"] == "nih880-pilot"]["group"]) == {leaderboard.REAL}
    run = studies["phantom"][0]
    (name,) = names.labels([run], studies["phantom"])
    row = mine[(mine["study"] == "phantom") & (mine["name"] == name)].iloc[0]
    page = summary.summary(run, resamples=1)["network"]
    assert row[["mean AUC", "mean IoU"]].tolist() == pytest.approx(page.iloc[:2].tolist())
    assert row[leaderboard.ACCURACIES].tolist() == pytest.approx(page.iloc[2:].tolist())


def test_print_floor_and_ceiling(studies, table):
    """A printed method once, from legible cells; the blind box is the runs' own floor."""
    rows = table.set_index("name")
    assert rows.at["CLN-MobileNetV3Small, λ = 0.4", "mean AUC"] == 0.918
    assert rows.at["CLN-MobileNetV3Small, λ = 0.4", "T = 0.7"] == 0.538
    assert (table["group"] == leaderboard.PRINT).sum() == published.table2()["method"].nunique()
    told = rows.loc["a blind box per finding, told the true one", leaderboard.ACCURACIES]
    floor = summary.summary(studies["nih880-pilot"][0], resamples=1)["blind box"].iloc[2:]
    assert told.tolist() == pytest.approx(floor.tolist())
    experts_row = rows.loc["radiologists among themselves, other images"]
    assert experts_row["T = 0.1"] == experts.ceilings().loc[MEAN, 0.1]


def test_rows_of_a_kind_by_mean_iou(table):
    """Real radiographs first, drawn ones last; within a kind the best on top, dashes below."""
    kinds = [leaderboard.REAL, leaderboard.BOUND, leaderboard.PRINT, leaderboard.DRAWN]
    assert list(dict.fromkeys(table["group"])) == kinds
    for _, rows in table.groupby("group"):
        known = rows["mean IoU"].dropna()
        assert known.is_monotonic_decreasing and rows["mean IoU"].notna().iloc[: len(known)].all()


def test_a_study_around_a_recipe_names_what_was_changed():
    """A row has the word of its line on the study's page, its λ once, and its seed."""
    study = runs.study(str(RESULTS / "nih880-study"))
    found = leaderboard.compute({"nih880-study": study})["name"].tolist()
    assert len(set(found)) == len(found)
    assert "CLN-MobileNetV3Small, λ = 0.4, the study's recipe, seed 0" in found
    assert "CLN-MobileNetV3Small, λ = 0.4, backbone frozen, seed 1" in found
    assert "CLN-MobileNetV3Small, λ = 0.1, seed 2" in found


def test_as_a_table(table):
    """Every row is of a group, its name heads it, and a run's study is a link."""
    soup = BeautifulSoup(leaderboard.html(table), "html.parser")
    lines = soup.tbody.find_all("tr")
    assert len(lines) == len(table)
    assert [line["data-group"] for line in lines] == table["group"].tolist()
    assert [line.th.get_text() for line in lines] == table["name"].tolist()
    assert lines[0].a["href"] == "results/nih880-pilot/localisation.html"
    assert not any("nan" in line.get_text().lower() for line in lines)
