"""The ledger quotes the paper, links to code, and its numbers follow from the tables."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import yaml

from clnbook import published
from clnbook.audit import (
    ablation,
    claims,
    explanations,
    ledger,
    main_findings,
    network,
    printed,
    significance,
)
from clnbook.audit.localisation import wins
from clnbook.audit.verdicts import (
    ACCUSING,
    DIFFERS,
    NEEDS_DATA,
    NOT_CHECKABLE,
    QUALIFIED,
    REPRODUCED,
    VERDICTS,
    WORDING,
)
from clnlib.defaults import PAPER as RECIPE
from clnlib.errors import InputError
from clnlib.metrics.localisation import MEAN
from clnlib.parameters import Train

ROOT = Path(__file__).resolve().parents[1]
PAPER = Path(__file__).with_name("data") / "paper.md"


@pytest.fixture(scope="module")
def table():
    """The ledger."""
    return ledger.compute()


def words(text):
    """Text with every run of blanks as one blank."""
    return " ".join(text.split())


def test_form(table):
    """All columns are text, ids unique, verdicts known, and most of the paper is covered."""
    assert tuple(table.columns) == ledger.COLUMNS
    assert table.map(lambda cell: isinstance(cell, str)).all().all()
    assert table["id"].is_unique
    assert set(table["verdict"]) == set(VERDICTS)
    assert set(table["section"]) == set(claims.SECTIONS)
    assert len(table) >= 130
    for column in ("quote", "claim", "evidence", "function", "line"):
        assert (table[column] != "").all()


def test_order(table):
    """Rows come in the order of the paper's sections."""
    places = [claims.SECTIONS.index(section) for section in table["section"]]
    assert places == sorted(places)


def test_quotes_are_the_papers(table):
    """Every quote has at most 12 words and stands in the paper's text."""
    text = words(PAPER.read_text(encoding="utf-8"))
    for row in table.itertuples():
        assert len(row.quote.split()) <= 12, row.id
        assert words(row.quote) in text, row.id


def test_notes_are_one_thought(table):
    """Notes fit a table's cell, and what cannot be reproduced always has one."""
    assert table["note"].str.len().max() <= 260
    noted = table["verdict"].isin([DIFFERS, WORDING, QUALIFIED, NOT_CHECKABLE])
    assert (table.loc[noted, "note"] != "").all()


def test_what_differs_says_what_it_changes(table):
    """An accusation names its weight; what is no accusation has none."""
    assert ((table["changes"] != "") == table["verdict"].isin(ACCUSING)).all()


def test_a_point_counts_once(table):
    """Two sentences that say the same are one point, counted at the first."""
    rows = table.set_index("id")
    assert rows.loc["flops-caption", "issue"] == "flops-per-second"
    assert rows.loc["decay-chexnet", "issue"] == "decay-chexnet"
    points = ledger.issues(table)
    accusing = table[table["verdict"].isin(ACCUSING)]
    assert points.to_numpy().sum() == accusing["issue"].nunique() < len(accusing)
    assert ledger.meanings(table)["statements"].sum() == len(table)


def test_needs_names_a_notebook(table):
    """Only claims that need data say which notebook has it."""
    needed = table["verdict"] == NEEDS_DATA
    assert (table["needs"] != "").eq(needed).all()
    assert set(table.loc[needed, "needs"]) <= {"prepare", "ablation", "gradcam", "complexity"}


def test_rows_link_to_code(table):
    """The dotted name resolves, and the line is that of the function's `def`."""
    for name, line in set(zip(table["function"], table["line"], strict=True)):
        module, function = name.rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), function))
        file, number = line.rsplit(":", 1)
        source = (ROOT / file).read_text(encoding="utf-8").splitlines()
        assert source[int(number) - 1].startswith(f"def {function}(")


KNOWN = {
    # the data set
    "images": ("112,120", REPRODUCED),
    "patients": ("30,805", REPRODUCED),
    "boxes": ("984", REPRODUCED),
    "boxed-images": ("880", REPRODUCED),
    "one-or-more": ("60,361 images are labelled No Finding", WORDING),
    "single-label": ("93 of 880 have several boxed findings, 624 several of the 14 labels",
                     WORDING),
    "split-90": ("634 + 70 + 176 images or 708 + 79 + 197 boxes", NOT_CHECKABLE),
    "no-other-boxes": ("RSNA Pneumonia (2018): 1, VinDr-CXR (2020): 7, ChestX-Det10 (2020): 5; "
                       "together 8 of 8",
                       WORDING),
    # the network
    "total-CLN-ResNet50V2": ("24,795,020 (+0)", REPRODUCED),
    "total-CLN-EfficientNetB4": ("18,770,923 (+7)", REPRODUCED),
    "trainable-CLN-EfficientNetB4": ("18,645,716 (+0)", REPRODUCED),
    "flops-CLN-Xception": ("9.137 G (+0.007)", REPRODUCED),
    "flatten": ("pooled, then flattened: 6 of 6 totals fit", REPRODUCED),
    "base-trains": ("trainable parameters include the base's in 6 of 6", REPRODUCED),
    "learning-rate": ("floor after 10 halvings, 40 epochs", NOT_CHECKABLE),
    "lambda-ends": ("λ = 0: localisation, λ = 1: classification", WORDING),
    "lambda-images": ("2 of 6 ranges end at a test AUC of Table 2: CLN-EfficientNetB4 0.831, "
                       "CLN-ResNet50V2 0.893", NOT_CHECKABLE),
    "lambda-critical": ("mean AUC moves by 0.060 to 0.182 over λ", NOT_CHECKABLE),
    "backbone-and-lambda": ("3 λ: 0.1 (2), 0.2 (1), 0.4 (3)", NOT_CHECKABLE),
    # localisation
    "improvement-0.2": ("14.7 %", REPRODUCED),
    "improvement-0.3": ("33.3 %", REPRODUCED),
    "improvement-0.4": ("63.7 %", REPRODUCED),
    "improvement-0.5": ("118.2 %", REPRODUCED),
    "improvement-0.6": ("160.8 %", REPRODUCED),
    "improvement-0.7": ("246.7 % from the two quoted means, 258.7 % from Table 1", REPRODUCED),
    "best-cln-0.7": ("0.538 (CLN-MobileNetV3Small)", DIFFERS),
    "wins-0.1": ("6 of 8 better by 0.08 or more; 1 equal (Cardiomegaly); 1 worse (Effusion)",
                 QUALIFIED),
    "wins-0.2": ("7 of 8 better by 0.01 or more; 1 equal (Cardiomegaly)", REPRODUCED),
    "wins-0.3": ("7 of 8 better by 0.21 or more; 1 equal (Cardiomegaly)", QUALIFIED),
    "wins-0.4": ("7 of 8 better by 0.11 or more; 1 equal (Cardiomegaly)", QUALIFIED),
    "wins-0.5": ("7 of 8 better by 0.08 or more; 1 open (Cardiomegaly)", NOT_CHECKABLE),
    "wins-0.6": ("8 of 8 better by 0.03 or more", REPRODUCED),
    "wins-0.7": ("8 of 8 better by 0.13 or more", REPRODUCED),
    "max-iou": ("0.855 (CLN-CheXNet at T = 0.1)", REPRODUCED),
    "all-variants": ("31 of 31 legible means", REPRODUCED),
    "four-compared": ("5: ViT-based, Wang et al., RGT, Li et al., Ouyang et al.", WORDING),
    "means-of-table1": ("62 of 72 printed rows fit", REPRODUCED),
    "larger-than-t": ("1 of 408 steps rise", NOT_CHECKABLE),
    "decay-ouyang": ("81.7 %", REPRODUCED),
    "decay-vit": ("99.8 %", REPRODUCED),
    "decay-chexnet": ("47.4 %", DIFFERS),
    "decay-resnet": ("36.7 %", REPRODUCED),
    "worst-decay": ("lowest of 2 legible means at T = 0.1: CLN-ResNet50V2; largest decay: "
                    "CLN-Xception, 61.3 % or more", NOT_CHECKABLE),
    "newer-methods": ("above Wang et al.: RGT 5 of 5, Ouyang et al. 4 of 4 means", REPRODUCED),
    "superior": ("AUC 0.918 against 0.839 (RGT); 4 of 6 variants; IoU accuracy at 7 of 7 T",
                 REPRODUCED),
    "fourteen-names": ("14 of 14 names of the table", REPRODUCED),
    "first-localisation": ("first at 3 of 7 T", NOT_CHECKABLE),
    # classification
    "max-auc": ("0.918 (CLN-MobileNetV3Small)", REPRODUCED),
    "above-maximum": ("0.918 at the selected λ", QUALIFIED),
    "wang-auc": ("71.8% in Table 2", NOT_CHECKABLE),
    "all-auc": ("7 of 8 better, 1 equal", QUALIFIED),
    "seven-additional": ("8", DIFFERS),
    "fourth-auc": ("0.849, place 4 of 19", REPRODUCED),
    "auc-p-Rajpurkar et al.": ("p = 0.0312", REPRODUCED),
    "auc-p-CLN-CheXNet": ("p = 0.0547", REPRODUCED),
}  # fmt: skip


@pytest.mark.parametrize("id", KNOWN)
def test_known_answers(table, id):
    """Answers worked out by hand from the printed page."""
    row = table.set_index("id").loc[id]
    assert (row["recomputed"], row["verdict"]) == KNOWN[id]


def test_doubtful_readings_are_told_apart(table):
    """What an illegible cell would give stands in the note, marked, not in the answer."""
    notes = table.set_index("id")["note"]
    assert "doubtful 0.850 CLN-Xception's is 66.1 %" in notes["worst-decay"]
    assert "0.99 in a row with another label" in notes["wins-0.5"]


def test_significance_statements(table):
    """All 18 statements on Table 2 hold one by one; none is left under Holm's adjustment."""
    rows = table[table["id"].str.startswith("auc-p-")]
    assert len(rows) == 18 and (rows["verdict"] == REPRODUCED).all()
    family = table.set_index("id").loc["auc-tests"]
    assert family["recomputed"] == "18 tests, 16 with p < 0.05, 0 after Holm's adjustment"


def test_illegible_pairs_can_leave_a_p_open(table):
    """A p over part of Table 1's pairs decides only if no reading of the others turns it."""
    rows = table[table["id"].str.startswith("iou-p-")].set_index("id")["verdict"]
    assert list(rows[rows == NOT_CHECKABLE].index) == [
        f"iou-p-{name}" for name in (printed.INCEPTION, printed.XCEPTION)
    ]
    assert (rows.drop(rows.index[rows == NOT_CHECKABLE]) == REPRODUCED).all()
    tables = printed.read()
    for name in (printed.INCEPTION, printed.XCEPTION):
        worst, at_best = significance.iou_p_bounds(tables, name)
        assert worst > 0.05 > at_best


def test_the_test_set_is_judged_no_further_than_print_goes(table):
    """What was split, and how rows are grouped, stays open."""
    verdicts = table.set_index("id")["verdict"]
    assert verdicts["share-of-images"] == REPRODUCED  # within a finding a box is an image
    assert verdicts["split-80"] == verdicts["test-subset"] == NOT_CHECKABLE


def test_sizes_by_hand():
    """The heads on 1,024 pooled features: 8,200 and 524,800 + 131,328 + 32,896 + 516."""
    assert network.heads(1024) == 8_200 + 524_800 + 131_328 + 32_896 + 516
    assert network.total(printed.RESNET, "flatten") == 75_913_100
    assert network.total(printed.MOBILENET, "flatten") == 15_780_860


def test_bounds_of_illegible_cells():
    """A cell that is not legible lies between the accuracies at higher and at lower T."""
    tables = printed.read()
    tables = tables._replace(
        iou={(0.2, "A", "Mass"): 0.8, (0.4, "A", "Mass"): 0.3}, family={"A": published.CLN}
    )
    assert (tables.at_least(0.3, "A", "Mass"), tables.at_most(0.3, "A", "Mass")) == (0.3, 0.8)
    assert (tables.at_least(0.1, "A", "Mass"), tables.at_most(0.1, "A", "Mass")) == (0.8, 1.0)
    assert (tables.at_least(0.7, "A", "Mass"), tables.at_most(0.7, "A", "Mass")) == (0.0, 0.3)


def test_wins_by_hand():
    """Better, equal at 1, worse and open are told apart."""
    values = {"Mass": (0.5, 0.4), "Nodule": (1.0, 1.0), "Effusion": (0.2, 0.3)}
    iou = {}
    for finding, (ours, theirs) in values.items():
        iou[0.1, "ours", finding], iou[0.1, "theirs", finding] = ours, theirs
    iou |= {(0.1, name, MEAN): 0.5 for name in ("ours", "theirs")}
    family = {"ours": published.CLN, "theirs": published.SOTA}
    tables = printed.read()._replace(iou=iou, family=family)
    above, level, below = wins(tables, 0.1)
    assert above == {"Mass": pytest.approx(0.1)}
    assert (level, below) == (["Nodule"], ["Effusion"])


def test_summary(table):
    """Counts by verdict add up."""
    number = ledger.summary(table)
    assert list(number.index) == list(VERDICTS) and number.sum() == len(table)
    assert number[DIFFERS] == (table["verdict"] == DIFFERS).sum()


def test_main_findings(table):
    """Six findings, each with numbers, whose claims are in the ledger."""
    findings = main_findings.compute(table, explanations.explanations(draws=100))
    assert len(findings) == 6
    for title, text, ids in findings:
        assert title and text.endswith(".") and re.search(r"\d", text)
        assert set(ids) <= set(table["id"])


def test_decided_counts_claims_once(table):
    """Every decided claim is in one of the sentence's numbers, however often the paper says it."""
    text = main_findings.decided(table)
    every, hold, qualified, numbers, words, _ = map(int, re.findall(r"\d+", text))
    assert every == hold + qualified + numbers + words


def test_auc_beside_its_ranges():
    """Table 2's mean AUC lies in each printed range over λ; it is the upper end of two."""
    beside = ablation.beside_ranges(printed.read())
    least, most = beside["least over λ"], beside["most over λ"]
    assert beside["Table 2"].between(least, most).all()
    top = beside.index[beside["Table 2"] == most]
    assert set(top) == {published.VARIANTS["efficientnetb4"], published.VARIANTS["resnet50v2"]}


@pytest.fixture
def axes():
    """Empty axes, closed after the test."""
    _, axes = plt.subplots()
    yield axes
    plt.close("all")


def test_verdicts_are_drawn_as_counted(table, axes):
    """A bar is as long as its verdict has claims."""
    counts = ledger.summary(table)
    ledger.draw_summary(counts, axes)
    assert [bar.get_width() for bar in axes.patches] == counts.tolist()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(VERDICTS)


def test_sections_are_drawn_as_counted(table, axes):
    """The parts of a section's bar touch and end at the number of its claims."""
    ledger.draw_by_section(table, axes)
    ends = {}
    for bars in axes.containers:
        for section, bar in zip(claims.SECTIONS, bars, strict=True):
            assert bar.get_x() == ends.get(section, 0)
            ends[section] = bar.get_x() + bar.get_width()
    assert ends == table["section"].value_counts().to_dict()


def test_printed_beside_recomputed(table, axes):
    """The first number on either side, thousands and all, joined by a line from least to most."""
    beside = ledger.printed_beside(table, ["decay-chexnet", "images", "simpler"])
    assert beside.loc["decay-chexnet"].tolist() == [48.8, 47.4]
    assert beside.loc["images"].tolist() == [112_120, 112_120]
    assert beside.loc["simpler"].isna().all()
    ledger.draw_beside(beside.iloc[:1], axes)
    assert [line.get_xdata().tolist() for line in axes.lines] == [[48.8], [47.4]]
    (segment,) = axes.collections[0].get_segments()
    assert segment[:, 0].tolist() == [47.4, 48.8]


def test_light():
    """The ledger needs neither Keras nor a plotting library."""
    code = "import clnbook.audit.ledger as a, sys; a.compute(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"keras", "tensorflow", "jax", "matplotlib", "sklearn"}


# The rows of claims.yaml.

GOOD = {
    "id": "a-row",
    "section": "3.3",
    "quote": "achieving a mean AUC of 0.918",
    "says": "CLN-MobileNetV3Small has the best mean AUC.",
    "printed": "0.918",
    "evidence": "Table 2",
    "function": "classification.largest_auc",
    "arguments": {"method": "CLN-MobileNetV3Small", "value": 0.918},
}


def written(tmp_path, *rows):
    """A file as claims.yaml, with these rows."""
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(list(rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"section": 3.3}, "section=3.3: .* did you mean '3.3'\\? .*in quotes"),
        ({"section": "Abstrakt"}, "section='Abstrakt': input should be .* mean 'Abstract'"),
        ({"printed": 0.820}, "printed=0.82: input should be a valid string .*in quotes"),
        ({"qoute": "mean AUC"}, "unknown parameter 'qoute' of claim; did you mean 'quote'"),
        ({"quote": "a " * 13}, "quote='a .*': 13 words, at most 12"),
        ({"function": "classification.largest_acu"}, "function='classification.largest_acu': no "
         "such function in clnbook/audit; did you mean 'classification.largest_auc'"),
        ({"function": "printed.best"}, "function='printed.best': no such function"),
        ({"arguments": {"methods": "CAN", "value": 0.9}},
         "unknown parameter 'methods' of classification.largest_auc; did you mean 'method'"),
        ({"arguments": {"value": 0.918}},
         "method: missing .argument of classification.largest_auc"),
        ({"arguments": {"method": "CAN", "value": "0.9"}},
         "value='0.9': input should be a valid number"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_refused(tmp_path, change, message):
    """One line names the row, the key and the value, and the nearest value there is."""
    with pytest.raises(InputError, match=rf"^claims.yaml, row 2 \(a-row\): .*{message}"):
        claims.load(written(tmp_path, {**GOOD, "id": "another"}, GOOD | change))


@pytest.mark.parametrize("key", ["id", "section", "quote", "says", "evidence", "function"])
def test_a_row_without_a_key_is_refused(tmp_path, key):
    """Every key is needed but the printed number, arguments and note; the message explains it."""
    row = {name: value for name, value in GOOD.items() if name != key}
    meaning = claims.Claim.model_fields[key].description
    with pytest.raises(InputError, match=re.escape(f"{key}: missing ({meaning})")):
        claims.load(written(tmp_path, row))


def test_ids_are_not_repeated(tmp_path):
    """Two rows of one id are refused, with the number of the second."""
    with pytest.raises(InputError, match=r"row 2 \(a-row\): id='a-row' stands twice"):
        claims.load(written(tmp_path, GOOD, GOOD))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("decay.decrease", {"method": "RTG", "percent": 1.0}, "method: 'RTG' .* mean 'RGT'"),
        ("ablation.less_affected", {"models": ["CLN-X"]}, "models: 'CLN-X' is not one of CLN-"),
        ("localisation.cardiomegaly", {"t": 0.45}, "t: 0.45 is not one of 0.1, .* mean '0.5'"),
        ("dataset.count", {"quantity": "boxs", "number": 1}, "quantity: 'boxs' .* mean 'boxes'"),
    ],
)
def test_a_name_that_does_not_exist_is_refused(tmp_path, function, arguments, message):
    """A method, variant, threshold or count that there is not stops with row, key and value."""
    row = GOOD | {"function": function, "arguments": arguments}
    (claim,) = claims.load(written(tmp_path, row))
    with pytest.raises(InputError, match=f"^claims.yaml, row a-row: arguments: {message}"):
        claim.compute(printed.read())


def test_the_head_explains_every_key_and_its_example_works(tmp_path):
    """The head names the keys in their order; its example, copied as it says, is computed."""
    head = claims.FILE.read_text(encoding="utf-8").split("\n\n")[0]
    keys = re.findall(r"^#   (\w+)  +\w", head, flags=re.MULTILINE)
    assert keys == list(claims.Claim.model_fields)
    example = head[head.index("# - id:") :].replace("# ", "", 1).replace("\n# ", "\n")
    path = tmp_path / "claims.yaml"
    path.write_text(claims.FILE.read_text(encoding="utf-8") + example, encoding="utf-8")
    claim = claims.load(path)[-1]
    assert claim.compute(printed.read())[:2] == ("0.918 (CLN-MobileNetV3Small)", REPRODUCED)


def test_every_function_has_a_row():
    """No function of the topics is left over, and each says in a sentence what it computes."""
    assert set(claims.FUNCTIONS) == {claim.function for claim in claims.load()}
    assert all(function.__doc__ for function in claims.FUNCTIONS.values())


def test_numbers_of_table_3_stand_in_the_rows_as_in_the_table():
    """The rows on sizes quote `published.table3`, those on ranges `published.lambda_ranges`."""
    rows = {claim.id: claim.printed for claim in claims.load()}
    for model, row in published.table3().iterrows():
        assert rows[f"total-{model}"] == f"{row['total']:,.0f}"
        assert rows[f"trainable-{model}"] == f"{row['trainable']:,.0f}"
        assert rows[f"flops-{model}"] == f"{row['gflops']:.2f} G"
    for backbone, row in published.lambda_ranges().iterrows():
        model = published.VARIANTS[backbone]
        assert rows[f"range-{model}"] == f"{row['auc_low']:.3f} to {row['auc_high']:.3f}"
        assert rows[f"sigma-{model}"] == f"{row['auc_sd']:.3f}"


def test_a_row_computes_with_the_number_it_prints():
    """`number`, `percent` and `value` among the arguments are printed, shares as per cent."""
    for claim in claims.load():
        printed_numbers = re.findall(r"\d+(?:\.\d+)?", claim.printed.replace(",", ""))
        shown = {float(number) for number in printed_numbers}
        names = ("number", "percent", "value") if "." in claim.printed else ("number", "percent")
        for name in names:
            if (number := claim.arguments.get(name)) is not None:
                assert shown & {number, round(100 * number, 6)}, claim.id


def test_the_recipe_is_the_default_of_training():
    """What section 2.3 is quoted with is what `train` does unless it is asked otherwise."""
    rows = {claim.id: claim.arguments for claim in claims.load()}
    halve_every = RECIPE["halve_every"]
    assert rows["learning-rate"] == {
        "first": RECIPE["learning_rate"], "floor": Train().min_learning_rate,
        "halve_every": halve_every,
    }  # fmt: skip
    assert rows["batch-size"] == {"size": Train().batch_size}
    assert rows["early-stopping"] == {"patience": Train().patience, "halve_every": halve_every}


# Mutations: every printed cell altered once.

READERS = {"Table 1": "table1", "Table 2": "table2", "Table 3": "table3"}
# These search class sizes and are looked at below.
SLOW = {"split.cells_are_of_images", "split.fifth_is_of_images", "split.one_subset"}


def distinct(name, slow):
    """One claim of each computation that rests on a table, and all ids that share it."""
    found = {}
    for claim in claims.load():
        if claim.evidence.startswith(name) and (claim.function in SLOW) == slow:
            found.setdefault((claim.function, repr(claim.arguments)), []).append(claim)
    return [(same[0], [claim.id for claim in same]) for same in found.values()]


def answers(chosen):
    """What the claims say now, without their notes."""
    tables = printed.read()
    said = {}
    for claim, _ in chosen:
        try:
            answer = claim.compute(tables)
            said[claim.id] = (answer.recomputed, answer.verdict)
        except (ValueError, ZeroDivisionError) as error:
            said[claim.id] = (repr(error), "")
    return said


def altered(frames, name, column, row):
    """The frame of a table with one cell altered: shares by one half, counts by a tenth."""
    frame = frames[name].copy()
    value = frame[column].iloc[row]
    shift = value / 10 if name == "Table 3" else 0.5 if value <= 0.5 else -0.5
    column_values = frame[column].to_list()
    column_values[row] = type(value)(value + shift)
    frame[column] = column_values
    return frame


@pytest.fixture
def frames(monkeypatch):
    """The three tables, read once; what is put in here is what the ledger reads."""
    kept = {name: getattr(published, reader)() for name, reader in READERS.items()}
    live = dict(kept)
    for name, reader in READERS.items():
        monkeypatch.setattr(published, reader, lambda name=name: live[name])
    return kept, live


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_every_row_notices_its_table(frames, name):
    """Each row that names a table notices an altered cell, each legible cell has such a row."""
    kept, live = frames
    chosen = distinct(name, slow=False)
    before = answers(chosen)
    frame = kept[name]
    columns = {"Table 3": ["total", "trainable", "gflops"]}.get(name, ["value"])
    rows = range(len(frame))
    if name == "Table 1":
        rows = [k for k in rows if frame["transcription"].iloc[k] == published.OK]
    noticed = {}
    for column in columns:
        for row in rows:
            live[name] = altered(kept, name, column, row)
            after = answers(chosen)
            noticed[column, row] = [ids for c, ids in chosen if after[c.id] != before[c.id]]
    seen = {id for found in noticed.values() for ids in found for id in ids}
    blind = [id for _, ids in chosen for id in ids if id not in seen]
    share = sum(bool(found) for found in noticed.values()) / len(noticed)
    most = sum(len(ids) for found in noticed.values() for ids in found) / len(noticed)
    print(f"{name}: {share:.1%} of {len(noticed)} cells noticed, by {most:.1f} rows on average")
    assert not blind
    assert share == 1


@pytest.mark.slow
def test_class_sizes_notice_their_table(frames):
    """So do the rows that search for class sizes."""
    kept, live = frames
    chosen = distinct("Table 1", slow=True)
    before = answers(chosen)
    frame = kept["Table 1"]
    use = (frame["family"] == "cln") & (frame["transcription"] == published.OK)
    left = {claim.id for claim, _ in chosen}
    for row in [k for k in range(len(frame)) if use.iloc[k]]:
        live["Table 1"] = altered(kept, "Table 1", "value", row)
        after = answers(chosen)
        left -= {id for id in left if after[id] != before[id]}
        if not left:
            break
    assert not left


def test_doubtful_cells_are_no_evidence(frames):
    """Whatever the illegible rows of Table 1 are read as, no answer changes.

    But for the rows that say they count every printed row, or every row whose mean fits.
    """
    kept, live = frames
    chosen = [
        (claim, ids)
        for slow in (False, True)
        for claim, ids in distinct("Table 1", slow=slow)
        if not re.search("every printed row|rows whose mean fits", claim.evidence)
    ]
    before = answers(chosen)
    frame = kept["Table 1"].copy()
    doubtful = frame["transcription"] != published.OK
    for reading in (0.0, 0.99):
        live["Table 1"] = frame.assign(
            value=frame["value"].mask(doubtful, reading),
            corrected=frame["corrected"].mask(doubtful, reading),
        )
        assert answers(chosen) == before
