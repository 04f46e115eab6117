"""The tables of localisation hold the metrics' numbers, patients' intervals, and printed values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clnbook import published, tables
from clnbook.tables import names, style
from clnlib.findings import BOXED
from clnlib.metrics import baselines, bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.metrics.localisation import MEAN, PAPER, THRESHOLDS, Conventions
from clnlib.parameters import Train
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, Run

FINDINGS = ("Cardiomegaly", "Mass", "crack")  # two of the paper's and a reader's own
EVERY = [*FINDINGS, MEAN]
QUANTITIES = 9  # seven thresholds, mean IoU, MaxBoxAcc


def run_of(name: str = "run-1", seed: int = 0, drop: str = "", findings=FINDINGS, **parameters):
    """A run's record: patients with several boxes, images with two, boxes of any overlap."""
    number = 150
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 1, (number, 2, 2)), axis=1).reshape(number, 4)
    image = np.arange(number) // 2
    table = pd.DataFrame({"image": [f"{k}.png" for k in image]})
    table["patient"] = (image // 2).astype(str)
    table["finding"] = rng.choice(findings, number)
    table["part"] = np.array(["train", "validation", "test"])[image // 2 % 3]
    jitter = (corners + rng.normal(0, 0.08, (number, 4))).clip(0, 1)
    table[TRUE_BOX], table[PREDICTED_BOX] = corners, jitter[image * 2]
    for finding in findings:
        chance = rng.uniform(0, 1, number)[image * 2]
        table[PROBABILITY + finding] = chance
    table = table[~((table["part"] == "test") & (table["finding"] == drop))]
    given = Train.model_construct(**{"backbone": "chexnet", "dataset": "nih880", **parameters})
    return Run(Path(name), given, pd.DataFrame(), table, {"findings": list(findings)})


def changed(run: Run, **parameters) -> Run:
    return replace(run, parameters=run.parameters.model_copy(update=parameters))


def of_test(run: Run) -> pd.DataFrame:
    return run.part("test")


def several(table: pd.DataFrame, quantity: str, t: float, column: str, *names) -> list[float]:
    rows = table[(table["quantity"] == quantity) & ((table["T"] == t) | np.isnan(t))]
    return rows.set_index("finding").loc[list(names or EVERY), column].tolist()


@pytest.mark.parametrize("convention", [PAPER, Conventions("images", "predicted", True, "best")])
def test_localisation_points(convention):
    """Every value is the metric's, of the network and of the blind box, under any convention."""
    run = run_of()
    got = tables.localisation(run, convention, resamples=20)
    assert len(got) == QUANTITIES * len(EVERY)
    blind = baselines.blind(run.predictions).loc[of_test(run).index]
    ungated = Conventions(convention.rows, "true", False, convention.several)
    for column, rows, how in (("value", of_test(run), convention), ("blind", blind, ungated)):
        accuracy = metrics.iou_accuracy(rows, FINDINGS, convention=how)
        for t in THRESHOLDS:
            expected = accuracy.loc[t, EVERY].tolist()
            assert several(got, "IoU accuracy", t, column) == pytest.approx(expected)
        for quantity, metric in (
            ("mean IoU", metrics.mean_iou),
            ("MaxBoxAcc", metrics.max_box_acc),
        ):
            expected = metric(rows, FINDINGS, convention=how)[EVERY].tolist()
            assert several(got, quantity, np.nan, column) == pytest.approx(expected)


@pytest.mark.parametrize("convention", [PAPER, Conventions("images", several="best")])
def test_localisation_intervals_by_a_loop(convention):
    """Low and high are quantiles over resampled patients, one resample after the other."""
    run = run_of()
    rows = of_test(run)
    values = []
    for drawn in bootstrap.counts(rows["patient"], 20, seed=3)[1:].astype(int):
        # A patient drawn twice is two patients: the images of the second are others.
        copies = [rows[drawn > k].assign(image=rows["image"] + f"-{k}") for k in range(drawn.max())]
        again = pd.concat(copies)
        values.append(metrics.iou_accuracy(again, FINDINGS, (0.3,), convention).loc[0.3, EVERY])
    expected = np.nanquantile(np.array(values, dtype=float), [0.025, 0.975], axis=0)
    got = tables.localisation(run, convention, resamples=20, seed=3)
    assert several(got, "IoU accuracy", 0.3, "low") == pytest.approx(expected[0].tolist())
    assert several(got, "IoU accuracy", 0.3, "high") == pytest.approx(expected[1].tolist())


def test_localisation_beside_the_paper():
    """Printed cells of the same variant; doubtful ones are no evidence; others have none."""
    got = tables.localisation(run_of(findings=(*BOXED[:-1], "crack")), resamples=20)
    at = got.set_index(["quantity", "T", "finding"]).sort_index()
    printed = published.table1().query("method == 'CLN-CheXNet' and T == 0.3")
    printed = printed.set_index("finding")
    for finding in ("Cardiomegaly", "Mass"):
        row = at.loc[("IoU accuracy", 0.3, finding)]
        assert row["paper"] == printed.loc[finding, "value"]
        assert row["paper_status"] == "ok"
        assert row["paper_inside"] == (row["low"] <= row["paper"] <= row["high"])
    assert at.loc[("IoU accuracy", 0.2, "Mass"), "paper_status"] == "suspect"
    assert pd.isna(at.loc[("IoU accuracy", 0.2, "Mass"), "paper_inside"])
    assert at.xs("crack", level="finding")["paper"].isna().all()
    # A mean over other findings than the paper's eight stands beside no printed mean.
    assert at.xs(MEAN, level="finding")["paper"].isna().all()
    eight = tables.localisation(run_of(findings=BOXED), resamples=20)
    assert several(eight, "IoU accuracy", 0.3, "paper", MEAN) == [printed.loc[MEAN, "value"]]
    assert got.loc[got["quantity"] != "IoU accuracy", "paper"].isna().all()
    other = tables.localisation(run_of(backbone="a-reader's"), resamples=20)
    assert other["paper"].isna().all()
    assert (tables.styled(other, "own").data.xs("paper", level=1) == "–").all().all()


def test_localisation_sizes():
    """Boxes, images and patients of each finding and of all; by images every image counts once."""
    run = run_of()
    rows = of_test(run)
    got = tables.localisation(run, resamples=20)
    for finding in EVERY:
        own = rows if finding == MEAN else rows[rows["finding"] == finding]
        sizes = got.loc[got["finding"] == finding, ["n_boxes", "n_images", "n_patients"]]
        expected = [len(own), own["image"].nunique(), own["patient"].nunique()]
        assert (sizes == expected).all().all()
    got = tables.localisation(run, Conventions("images"), resamples=20)
    total = got[got["finding"] == MEAN].iloc[0]
    assert total["n_boxes"] == total["n_images"] == rows["image"].nunique()


def test_localisation_without_a_finding():
    """A finding the test part lacks is missing in every column, and the mean leaves it out."""
    run = run_of(drop="Mass")
    got = tables.localisation(run, resamples=30)
    mass = got[got["finding"] == "Mass"]
    assert mass[["value", "low", "high", "blind"]].isna().all().all()
    assert (mass["n_boxes"] == 0).all() and (mass["undefined"] == 30).all()
    two = metrics.mean_iou(of_test(run), ("Cardiomegaly", "crack"))[MEAN]
    assert several(got, "mean IoU", np.nan, "value")[-1] == pytest.approx(two)
    assert "nan" not in tables.styled(got, "run").to_html()


def test_undefined_is_counted():
    """A finding of a single patient is absent from the resamples that do not draw it."""
    run = run_of()
    rows = of_test(run).assign(finding="Mass")
    rows.iloc[0, rows.columns.get_loc("finding")] = "crack"
    alone = run.predictions.copy()
    alone.loc[rows.index, "finding"] = rows["finding"]
    run = Run(run.folder, run.parameters, run.history, alone, run.provenance)
    got = tables.localisation(run, resamples=200, seed=5)
    drawn = bootstrap.counts(rows["patient"], 200, 5)[1:, 0]
    lost = got.loc[got["finding"] == "crack", "undefined"]
    assert (lost == (drawn == 0).sum()).all() and lost.iloc[0] > 20


def test_wilson_beside_single_cells():
    """Every finding's accuracy has Wilson's interval; where all miss, the page shows that one."""
    run = run_of()
    run.predictions[PREDICTED_BOX] = 0.0
    frame = tables.localisation(run, resamples=20)
    cell = frame[(frame["T"] == 0.1) & (frame["finding"] == "Mass")].iloc[0]
    n, z2 = cell["n_boxes"], 1.959964**2
    assert (cell["value"], cell["low"], cell["high"]) == (0, 0, 0)
    assert cell["wilson_low"] == pytest.approx(0, abs=1e-12)
    assert cell["wilson_high"] == pytest.approx(z2 / (n + z2), abs=1e-6)
    assert frame.loc[frame["finding"] == "Mean", "wilson_high"].isna().all()
    assert f"(0.00–{cell['wilson_high']:.2f})" in tables.styled(frame, "x").to_html()


def test_styled():
    """A page's table: caption with sizes, scoped heads, dashes, doubtful cells marked."""
    frame = tables.localisation(run_of(), resamples=20)
    page = tables.styled(frame, "CLN-CheXNet")
    html, total = page.to_html(), frame[frame["finding"] == MEAN].iloc[0]
    assert html == tables.styled(frame.copy(), "CLN-CheXNet").to_html()
    assert f"{total['n_boxes']} boxes in {total['n_images']} images" in html
    assert f"of {total['n_patients']} patients" in html
    heads = html.split("<th ")[1:]
    assert all('scope="' in head or 'class="blank' in head for head in heads)
    first = page.data.loc[("T = 0.1", "network"), "Mass"]
    row = frame.set_index(["T", "finding"]).loc[(0.1, "Mass")]
    assert first == f"{row['value']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
    paper = page.data.xs("paper", level=1)
    assert paper.index.tolist() == [f"T = {t}" for t in THRESHOLDS]
    assert (paper["crack"] == "–").all()
    assert paper.loc["T = 0.2", "Mass"].endswith("?")
    assert paper.loc["T = 0.3", "Mass"] == "0.77"
    assert first in repr(page) and "0x" not in repr(page)


def test_a_table_in_a_notebook_is_html_text_and_csv():
    """The CSV has the caption and every cell as shown, a spanning head in each place it spans."""
    columns = pd.MultiIndex.from_tuples([("T", "0.1"), ("T", "0.3"), ("n, all", "")])
    index = pd.MultiIndex.from_tuples([("a", "run"), ("a", "blind")], names=["method", "box"])
    cells = [["0.51 (0.42–0.60)", 0.25, 3], [np.nan, "–", 4]]
    page = style.page(pd.DataFrame(cells, index, columns), 'Of 7, "all"')
    bundle = page._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/html"] == page.to_html() and bundle["text/plain"] == repr(page)
    assert bundle["text/csv"].splitlines() == [
        '"Of 7, ""all"""',
        ',,T,T,"n, all"',
        ",,0.1,0.3,",
        "method,box,,,",
        "a,run,0.51 (0.42–0.60),0.250,3",
        "a,blind,–,–,4",
    ]
    bare = style.page(pd.DataFrame({"x": [1]}), "")
    assert bare.to_csv() == ",x\n0,1\n" and "<caption>" not in bare.to_html()


def test_curves():
    """Ours and the blind box are `localisation`'s means; the paper's are its legible ones."""
    run = run_of(findings=BOXED)
    got = tables.curves(run, resamples=20)
    assert list(got.columns) == ["series", "kind", "T", "value", "low", "high"]
    table = tables.localisation(run, resamples=20)
    means = table[(table["finding"] == MEAN) & (table["quantity"] == "IoU accuracy")]
    for kind, columns in (
        ("ours", ["value", "low", "high"]),
        ("baseline", ["blind", "blind_low", "blind_high"]),
    ):
        own = got[got["kind"] == kind]
        assert own["series"].nunique() == 1
        np.testing.assert_allclose(own[["value", "low", "high"]], means[columns])
    paper = got[got["kind"] == "paper"]
    assert paper["series"].nunique() == 11
    printed = published.table1().query("finding == 'Mean' and transcription == 'ok'")
    both = paper.merge(printed, left_on=["series", "T"], right_on=["method", "T"])
    assert len(both) == len(paper) == len(printed)
    assert (both["value_x"] == both["value_y"]).all()
    assert paper[["low", "high"]].isna().all().all()
    assert "paper" not in set(tables.curves(run_of(), resamples=5)["kind"])  # other findings


def test_curves_have_a_blind_box_per_split():
    """Runs of one split share it; another split has its own, named."""
    runs = [run_of("a-1", lam=0.1), run_of("a-2", lam=0.4), run_of("a-3", seed=1, split_seed=1)]
    names = tables.curves(runs[:2], resamples=5).query("kind == 'baseline'")["series"].unique()
    assert list(names) == ["blind box"]
    names = tables.curves(runs, resamples=5).query("kind == 'baseline'")["series"].unique()
    assert [name.split(", ", 1)[1] for name in names] == [
        f"nih880, patient split, seed {k}" for k in (0, 1)
    ]


def test_decay():
    """Decrease in % of T = 0.1, with quantiles of each resample's own decrease."""
    run = run_of()
    got = tables.decay(run, resamples=30).query("kind == 'ours'").set_index("T")
    values = tables.curves(run, resamples=30).query("kind == 'ours'").set_index("T")["value"]
    expected = 100 * (1 - values / values[0.1])
    assert got["value"].tolist() == pytest.approx(expected.tolist())
    rows = of_test(run)
    falls = []
    for drawn in bootstrap.counts(rows["patient"], 30)[1:].astype(int):
        again = rows.loc[rows.index.repeat(drawn)]
        mean = metrics.iou_accuracy(again, FINDINGS, (0.1, 0.7))[MEAN]
        falls.append(100 * (1 - mean[0.7] / mean[0.1]))
    ends = np.quantile(falls, [0.025, 0.975])
    assert got.loc[0.7, ["low", "high"]].tolist() == pytest.approx(ends.tolist())


def test_decay_of_the_paper():
    """Section 4's 81.7, 99.8 and 36.7 %; no series without a legible mean at T = 0.1."""
    got = tables.decay(run_of(findings=BOXED), resamples=5).query("kind == 'paper'")
    last = got[got["T"] == 0.7].set_index("series")["value"].round(1)
    assert last[["Ouyang et al.", "ViT-based", "CLN-ResNet50V2"]].tolist() == [81.7, 99.8, 36.7]
    legible = published.table1().query("finding == 'Mean' and T == 0.1 and transcription == 'ok'")
    assert set(got["series"]) == set(legible["method"])


def test_decay_of_nothing():
    """A run that finds nothing at T = 0.1 has no decrease, and is left out without a warning."""
    run = run_of()
    run.predictions[PREDICTED_BOX] = [0.0, 0.0, 0.0, 0.0]
    assert "ours" not in set(tables.decay(run, resamples=5)["kind"])


def test_convention_effects():
    """Every switch alone and all together, each with its change on the same resamples."""
    run = run_of()
    got = tables.convention_effects(run, resamples=50).set_index(["convention", "quantity", "T"])
    paper = got.loc["as the paper words it"]
    assert (paper[["change", "change_low", "change_high"]] == 0).all().all()
    rows = of_test(run)
    for words in ("rows=images", "several=best", "group=predicted", "gated=yes"):
        how = metrics.conventions(words)
        accuracy = metrics.iou_accuracy(rows, FINDINGS, convention=how)[MEAN]
        for t in (0.1, 0.3, 0.5, 0.7):
            row = got.loc[(words, "IoU accuracy", t)]
            assert row["value"] == pytest.approx(accuracy[t])
            assert row["change"] == pytest.approx(
                accuracy[t] - paper.loc["IoU accuracy", t]["value"]
            )
            assert row["n_rows"] == len(metrics.rows(rows, FINDINGS, how))
    gated = got.loc[[name in ("gated=yes",) for name in got.index.get_level_values(0)]]
    assert (gated["change_high"] <= 0).all() and (gated["change_low"] < 0).any()
    assert "all together" in tables.styled_effects(got.reset_index(), "run").to_html()


def test_blind_accuracy():
    """Every baseline's accuracy is the metric's; best-per-threshold has another box at every T."""
    run = run_of()
    got = tables.blind_accuracy(run, resamples=20)
    got = got.set_index(["series", "T", "finding"])["value"].sort_index()
    for name in baselines.BASELINES:
        for t in (0.1, 0.5):
            rows = baselines.predict(name, run.predictions, t).loc[of_test(run).index]
            expected = metrics.iou_accuracy(rows, FINDINGS, (t,)).loc[t, EVERY]
            assert got[name, t][EVERY].tolist() == pytest.approx(expected.tolist())
    network = metrics.iou_accuracy(of_test(run), FINDINGS).loc[0.3, EVERY]
    assert got["network", 0.3][EVERY].tolist() == pytest.approx(network.tolist())
    html = tables.styled_blind(tables.blind_accuracy(run, resamples=5), "run").to_html()
    assert "best-per-threshold" in html and "nan" not in html


def test_beaten_by_hand():
    """Legible cells that a box exceeds: a box with 0.8 everywhere beats the cells below 0.8."""
    lines = [("always", t, f, 0.8) for t in THRESHOLDS for f in ("Cardiomegaly", "Mass", "crack")]
    frame = pd.DataFrame(lines, columns=["series", "T", "finding", "value"])
    got = tables.beaten(frame).set_index("T")
    printed = published.table1().query("finding in ['Cardiomegaly', 'Mass']")
    printed = printed[printed["transcription"] == "ok"]
    cln = printed[printed["family"] == "cln"]
    assert got.loc[0.7, "cln_cells"] == 12  # six variants, two findings
    # Of Table 1's rows at T = 0.7: 0.74, 0.77 of Cardiomegaly, and all six of Mass.
    assert got.loc[0.7, "cln_beaten"] == 8
    last = got.iloc[-1]
    assert (last["cln_beaten"], last["cln_cells"]) == ((cln["value"] < 0.8).sum(), len(cln))
    assert last["published_cells"] == (printed["family"] == "sota").sum()
    assert "all T" in tables.styled_beaten(tables.beaten(frame), "a").to_html()


def test_beaten_without_the_papers_findings():
    """A reader's own findings have no printed cell: none of none, shown as a dash."""
    frame = pd.DataFrame({"series": "always", "T": 0.1, "finding": ["crack"], "value": 1.0})
    got = tables.beaten(frame)
    assert (got["cln_cells"] == 0).all() and got["cln_share"].isna().all()
    assert (tables.styled_beaten(got, "a").data == "–").all().all()


def test_blind_boxes():
    """The picture's boxes are the fitted ones, by baseline and finding."""
    run = run_of()
    got = tables.blind_boxes(run)
    assert list(got) == ["class-medoid", "class-median", "class-agnostic",
                         "best-per-threshold, T = 0.5"]  # fmt: skip
    medoids = baselines.fitted("class-medoid", run.predictions)
    assert got["class-medoid"] == {f: medoids.loc[f].tolist() for f in FINDINGS}


def test_labels():
    """As short as tells runs apart: variant and λ, the seed; a digest where nothing differs."""
    runs = [run_of("a-1"), run_of("a-2", lam=0.1), run_of("a-3", lam=0.1, seed=1)]
    runs[2] = changed(runs[2], seed=1)
    assert tables.labels(runs) == [
        "CLN-CheXNet, λ = 0.4",
        "CLN-CheXNet, λ = 0.1, seed 0",
        "CLN-CheXNet, λ = 0.1, seed 1",
    ]
    assert tables.labels([run_of("a-1"), run_of("a-2", backbone="own"), run_of("a-3")]) == [
        "CLN-CheXNet, λ = 0.4 (1)",
        "own, λ = 0.4",
        "CLN-CheXNet, λ = 0.4 (3)",
    ]


def test_labels_name_the_split_where_it_differs():
    """Runs under several protocols are told apart by it, not by a digest."""
    runs = [run_of("a-1"), run_of("a-2", protocol="box"), run_of("a-3", lam=0.1)]
    assert tables.labels(runs) == [
        "CLN-CheXNet, λ = 0.4, patient split",
        "CLN-CheXNet, λ = 0.4, box split",
        "CLN-CheXNet, λ = 0.1, patient split",
    ]
    assert [run.folder.name for run in tables.paper_runs(runs[::-1])] == ["a-1"]
    assert tables.labels(runs[1:2], runs) == ["CLN-CheXNet, λ = 0.4, box split"]


def test_labels_say_what_was_changed():
    """Runs of one λ are told apart by what differs between them, the paper's own values unsaid."""
    start = {"weights": "mobilenet_imagenet.h5", "freeze": "nothing", **names.RECIPE}
    settings = [
        start,
        start | {"weights": None, "patience": 8},
        start | {"weights": "s/xception-finetune-seed0-12345678"},
        start | {"bn_momentum": 0.9},
        start | {"bn_momentum": 0.9, "augment": True, "learning_rate": 0.0003},
        start | {"bn_momentum": 0.9, "augment": True, "learning_rate": 0.0003, "seed": 1},
        start | {"freeze": "backbone"},
    ]
    runs = [changed(run_of(f"a-{k}"), **given) for k, given in enumerate(settings)]
    assert [name.removeprefix("CLN-CheXNet, λ = 0.4, ") for name in tables.labels(runs)] == [
        "from ImageNet, freeze nothing",
        "no pretraining",
        "from stage 1",
        "from ImageNet, BatchNorm momentum 0.9",
        "from ImageNet, BatchNorm momentum 0.9, augmented, seed 0",
        "from ImageNet, BatchNorm momentum 0.9, augmented, seed 1",
        "from ImageNet, freeze backbone",
    ]


def test_settings_are_named_whole():
    """Where any two runs differ every setting says what it has, but for the paper's values."""
    runs = [run_of("a-1"), run_of("a-2"), run_of("a-3", lam=0.1), run_of("a-4", lam=0.1)]
    differing: list[dict] = [{}, {"seed": 1}, {"patience": 8}, {"weights": None}]
    runs = [
        changed(run, **{"weights": "imagenet", **names.RECIPE, **given})
        for run, given in zip(runs, differing, strict=True)
    ]
    assert names.settings(runs) == [
        "CLN-CheXNet, λ = 0.4, from ImageNet",
        "CLN-CheXNet, λ = 0.4, from ImageNet",
        "CLN-CheXNet, λ = 0.1, from ImageNet, patience 8",
        "CLN-CheXNet, λ = 0.1, no pretraining",
    ]


def test_by_setting():
    """Seeds of one setting share a line: their means, the ends, and the blind box of the split."""
    runs = [run_of("a-1", seed=1), run_of("a-2", seed=2), run_of("a-3", lam=0.1)]
    runs = [changed(run, seed=number) for number, run in enumerate(runs)]
    for number, run in enumerate(runs):
        run.provenance["best_epoch"] = number + 1
        history = {"epoch": [1, 2, 3], "val_box_empty": [0.0, 0.5, 1.0]}
        run.history[list(history)] = pd.DataFrame(history)
    got = tables.by_setting(runs)
    assert [*got.index] == ["CLN-CheXNet, λ = 0.4", "CLN-CheXNet, λ = 0.1",
                            "blind box, nih880, patient split, seed 0"]  # fmt: skip
    first = got.iloc[0]
    assert (first["seeds"], first["best epoch"], first["empty"]) == (2, 1.5, 0.25)
    areas = [metrics.auc(of_test(run), FINDINGS)[MEAN] for run in runs]
    assert first["mean AUC"] == pytest.approx(np.mean(areas[:2]))
    assert first["mean AUC lowest"] == pytest.approx(min(areas[:2]))
    assert first["mean AUC highest"] == pytest.approx(max(areas[:2]))
    hits = [metrics.iou_accuracy(of_test(run), FINDINGS).loc[0.7, MEAN] for run in runs]
    assert got["T = 0.7"].tolist()[:2] == pytest.approx([np.mean(hits[:2]), hits[2]])
    blind = baselines.blind(runs[0].predictions).loc[of_test(runs[0]).index]
    assert got["mean IoU"].iloc[-1] == pytest.approx(metrics.mean_iou(blind, FINDINGS)[MEAN])
    shown = tables.styled_settings(got).data
    assert shown["mean AUC"].tolist() == [
        style.cell(np.mean(areas[:2]), min(areas[:2]), max(areas[:2])),
        f"{areas[2]:.2f}",
        "–",
    ]
    assert shown["empty"].tolist()[:2] == ["25%", "100%"]


def test_paper_runs_prefer_the_papers_recipe():
    """Among runs of one λ and split the one with the paper's recipe is shown, else the first."""
    recipe = {"augment": False, "bn_momentum": None, "learning_rate": 0.001, "patience": 20}
    runs = [run_of("1", **recipe | {"patience": 8}), run_of("2", **recipe), run_of("3", **recipe)]
    assert [run.folder.name for run in tables.paper_runs(runs)] == ["2"]


def test_paper_runs():
    """One run per backbone: the λ of the paper where the study has it, else the first."""
    runs = [
        run_of("1", backbone="xception", lam=0.1),
        run_of("2", backbone="xception", lam=0.2),
        run_of("3", backbone="xception", lam=0.2),
        run_of("4", backbone="chexnet", lam=0.9),
        run_of("5", backbone="own", lam=0.3),
    ]
    assert [run.folder.name for run in tables.paper_runs(runs)] == ["2", "4", "5"]


def test_styled_summary():
    """Network and blind box with their intervals to three decimals; no AUC for a blind box."""
    table = tables.summary(run_of(), resamples=30)
    got = tables.styled_summary(table).data
    auc, box = table.loc["mean AUC"], table.loc["mean IoU"]
    assert got.loc["mean AUC"].tolist() == [
        f"{auc['network']:.3f} ({auc['low']:.3f}–{auc['high']:.3f})", "–",
    ]  # fmt: skip
    blind = f"{box['blind box']:.3f} ({box['blind low']:.3f}–{box['blind high']:.3f})"
    assert got.loc["mean IoU", "blind box"] == blind


def test_styled_label_auc():
    """Both parts with their intervals; a dash where a part has one kind of image only."""
    columns = ["validation", "validation low", "validation high", "test", "test low", "test high"]
    table = pd.DataFrame([[0.7, 0.6, 0.8, np.nan, np.nan, np.nan]], ["Hernia"], columns)
    assert tables.styled_label_auc(table).data.loc["Hernia"].tolist() == [
        "0.700 (0.600–0.800)",
        "–",
    ]


def test_overview():
    """A line per run with its own and the blind box's means, as `summary` has them."""
    runs = [run_of("a-1"), run_of("a-2", lam=0.1, drop="Mass")]
    got = tables.overview(runs, resamples=30).data
    for name, run in zip(tables.labels(runs), runs, strict=True):
        expected = tables.summary(run, resamples=30).loc["IoU accuracy, T = 0.5"]
        for line, columns in (
            ("network", ["network", "low", "high"]),
            ("blind box", ["blind box", "blind low", "blind high"]),
        ):
            assert got.loc[(name, line), "T = 0.5"] == style.cell(*expected[columns])
    assert (got.xs("blind box", level=1)["mean AUC"] == "–").all()


def test_summary_honours_conventions():
    """Under another convention the summary's means are that convention's, by images the AUC too."""
    run = run_of()
    gated = Conventions(gated=True)
    got = tables.summary(run, resamples=5, convention=gated)["network"]
    expected = metrics.iou_accuracy(of_test(run), FINDINGS, convention=gated)[MEAN]
    assert got.filter(like="IoU accuracy").tolist() == pytest.approx(expected.tolist())
    images = Conventions("images")
    table = tables.classification(run, images, resamples=5).set_index("finding")
    got = tables.summary(run, resamples=5, convention=images)["network"]
    assert got["mean AUC"] == pytest.approx(table.at[MEAN, "value"])


def test_cells():
    """Values, intervals and changes as a page prints them."""
    assert style.cell(0.514, 0.4, 0.6) == "0.51 (0.40–0.60)"
    assert (style.cell(0.5), style.cell(np.nan)) == ("0.50", "–")
    assert style.change(0.04, -0.001, 0.1) == "+0.04 (0.00 to +0.10)"
    assert style.change(-0.04, -0.1, 0.004) == "−0.04 (−0.10 to 0.00)"
    html = style.page(pd.DataFrame({"a": ["0.51 (0.40–0.60)", None, 0.25, 3]}), "c").to_html()
    assert '0.51<br><span class="aside">(0.40–0.60)</span>' in html
    assert ">–<" in html and ">0.250<" in html and ">3<" in html
