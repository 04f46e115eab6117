"""How well radiologists agree: pairs by hand, the printed table, intervals, the task's ceiling."""

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clnbook import experts
from clnbook.experts import BEST, MEAN_BOX, ONE, RSNA, UNSEEN, VINDR
from clnlib.errors import InputError
from clnlib.findings import BOXED
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, THRESHOLDS, mean_iou
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "experts_agreement.py"
SPEC = importlib.util.spec_from_file_location("experts_agreement", SCRIPT)
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)

BOX = ["x1", "y1", "x2", "y2"]


def bar(image: str, reader: str, x1: float, x2: float, finding: str = "Atelectasis"):
    """A reader's box that differs from others in its ends alone."""
    return [image, finding, reader, x1, 0, x2, 10]


def agreed(rows, readers) -> dict[str, list[tuple]]:
    """Each convention's (image, reader, other, IoU)."""
    boxes = pd.DataFrame(rows, columns=["image", "finding", "reader", *BOX])
    table = script.among_readers(boxes, pd.DataFrame(readers, columns=["image", "reader"]))
    table = table.sort_values(["image", "reader", "other", "iou"], ignore_index=True)
    names = ["image", "reader", "other", "iou"]
    return {
        name: list(rows[names].itertuples(index=False, name=None))
        for name, rows in table.groupby("convention")
    }


def test_pairs_of_readers_by_hand():
    """Three readers, who drew one box, two boxes and none, by every convention."""
    rows = [bar("i", "A", 0, 10), bar("i", "B", 0, 5), bar("i", "B", 90, 99)]
    rows += [bar("j", "A", 0, 10), bar("j", "C", 5, 10), bar("j", "C", 5, 9, "Nodule/Mass")]
    got = agreed(rows, [(image, reader) for image in "ij" for reader in "ABC"])
    assert got[ONE] == [("j", "A", "C", 0.5)]
    best = [("i", "A", "B", 0.5), ("i", "B", "A", 0.0), ("i", "B", "A", 0.5)]
    best += [("j", "A", "C", 0.5), ("j", "C", "A", 0.5)]
    assert got[BEST] == best
    # In i reader C drew none; in j reader B drew none, and A and B no Nodule/Mass.
    unseen = [("i", "A", "C"), ("i", "B", "C"), ("i", "B", "C"), ("j", "A", "B"), ("j", "C", "A")]
    unseen += [("j", "C", "B"), ("j", "C", "B")]
    assert sorted(got[UNSEEN]) == sorted([*best, *((*who, 0.0) for who in unseen)])
    assert MEAN_BOX not in got


def test_the_mean_box_of_others():
    """A reader is held against the mean of the two others, each of whom drew a single box."""
    rows = [bar("i", "A", 0, 10), bar("i", "B", 0, 8), bar("i", "C", 0, 4)]
    rows += [bar("j", "A", 0, 10), bar("j", "B", 0, 8)]  # two are too few
    got = agreed(rows, [(image, reader) for image in "ij" for reader in "ABC"])[MEAN_BOX]
    assert [place[:2] for place in got] == [("i", "A"), ("i", "B"), ("i", "C")]
    assert [place[3] for place in got] == pytest.approx([6 / 10, 7 / 8, 4 / 9])
    assert all(pd.isna(place[2]) for place in got)


def test_boxes_of_nih_by_hand():
    """NIH's box meets the best of RSNA's; no box there is a miss, no such image no row."""
    names = ["image", "finding", "reader", *BOX]
    nih = [bar("i", "", 0, 10, "Pneumonia"), bar("j", "", 0, 10, "Infiltration")]
    nih += [bar("k", "", 0, 10, "Pneumonia"), bar("l", "", 0, 10, "Pneumonia")]
    nih += [bar("i", "", 0, 10, "Cardiomegaly")]  # not what RSNA's readers looked for
    rsna = [bar("i", "", 0, 2), bar("i", "", 0, 6), bar("j", "", 0, 5)]
    boxes = pd.DataFrame([*rsna, ["k", "", "", *[np.nan] * 4]], columns=names)
    table = script.against_nih(boxes[["image", *BOX]], pd.DataFrame(nih, columns=names))
    got = {name: dict(zip(t["image"], t["iou"], strict=True))
           for name, t in table.groupby("convention")}  # fmt: skip
    assert got == {ONE: {"j": 0.5}, BEST: {"i": 0.6, "j": 0.5},
                   UNSEEN: {"i": 0.6, "j": 0.5, "k": 0.0}}  # fmt: skip


VINDR_CSV = """image_id,class_name,rad_id,x_min,y_min,x_max,y_max
v9,Atelectasis,R3,0,0,10,10
v9,Atelectasis,R8,0,0,5,10
v9,No finding,R9,,,,
v1,Aortic enlargement,R3,0,0,5,5
"""
RSNA_CSV = """patientId,x,y,width,height,Target
p,100,100,50,50,1
q,,,,,0
"""
MAPPING = """rsna_patientId,nih_image,match_mse,rsna_class
p,{},0.5,Lung Opacity
q,00000001_000.png,0.5,Normal
"""


def pneumonia() -> str:
    boxes = script.load_boxes()
    return boxes.loc[boxes["finding"] == "Pneumonia", "image"].iloc[0]


@pytest.fixture
def given(tmp_path):
    """A wheel with two tiny tables, and the mapping."""
    return wheel_of(tmp_path, VINDR_CSV, RSNA_CSV), mapping_of(tmp_path, MAPPING)


def wheel_of(folder: Path, vindr: str, rsna: str) -> Path:
    packed = {}
    for name, text, packing in (
        (script.VINDR_FILE, vindr, "gzip"),
        (script.RSNA_FILE, rsna, "zip"),
    ):
        buffer = io.BytesIO()
        pd.read_csv(io.StringIO(text)).to_csv(buffer, index=False, compression=packing)
        packed[name] = buffer.getvalue()
    with zipfile.ZipFile(folder / "a.whl", "w") as archive:
        for name, data in packed.items():
            archive.writestr(name, data)
    return folder / "a.whl"


def mapping_of(folder: Path, text: str) -> Path:
    path = folder / "rsna_to_nih.csv"
    path.write_text(text.format(pneumonia()), encoding="utf-8")
    return path


def test_the_script_on_a_tiny_wheel(given, tmp_path, monkeypatch):
    """It writes overlaps under numbers: nothing of the names and coordinates it read."""
    monkeypatch.setattr(script, "TABLE", tmp_path / "experts.csv.gz")
    monkeypatch.setattr("sys.argv", ["", *map(str, given)])
    script.main()
    table = pd.read_csv(tmp_path / "experts.csv.gz")
    assert list(table.columns) == script.COLUMNS
    one = table.query("source == @VINDR and convention == @ONE")
    assert one[["finding", "image", "reader", "other", "iou"]].to_numpy().tolist() == [
        ["Atelectasis", 1, 1, 2, 0.5]
    ]
    numbers = table.groupby(["source", "convention"]).size().to_dict()
    assert numbers == {(VINDR, ONE): 1, (VINDR, BEST): 2, (VINDR, UNSEEN): 4,
                       (RSNA, ONE): 1, (RSNA, BEST): 1, (RSNA, UNSEEN): 1}  # fmt: skip
    before = (tmp_path / "experts.csv.gz").read_bytes()
    script.main()
    assert (tmp_path / "experts.csv.gz").read_bytes() == before


def test_the_script_refuses_other_files(given, tmp_path, monkeypatch):
    """A file that is no wheel, a wheel or a table without what is needed, a mapping of nothing."""
    wheel, mapping = given
    with pytest.raises(InputError, match=r"rsna_to_nih\.csv: not a wheel .*get it with pip"):
        script.made(mapping, mapping)
    with pytest.raises(InputError, match=r"none\.whl: not a wheel with .*No such file"):
        script.made(tmp_path / "none.whl", mapping)
    with pytest.raises(InputError, match=r"none\.csv: cannot be read \(No such file"):
        script.made(wheel, tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"print_book\.css: not a table"):
        script.made(wheel, SCRIPT.with_name("print_book.css"))
    other = tmp_path / "other.csv"
    other.write_text("a,match_mse\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column rsna_patientId, nih_image; the header has a,"):
        script.made(wheel, other)
    far = mapping_of(tmp_path, MAPPING.replace("0.5", "10.5"))
    with pytest.raises(InputError, match="matches no image"):
        script.made(wheel, far)
    with pytest.raises(InputError, match=r"vinbigdata-train\.csv\.gz holds no box of Atel"):
        script.made(wheel_of(tmp_path, VINDR_CSV.replace("Atelectasis", "ILD"), RSNA_CSV), mapping)
    with pytest.raises(InputError, match="no column rad_id"):
        script.made(wheel_of(tmp_path, VINDR_CSV.replace("rad_id", "who"), RSNA_CSV), mapping)
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr("a.txt", "")
    monkeypatch.setattr("sys.argv", ["", str(tmp_path / "b.whl"), str(mapping)])
    with pytest.raises(SystemExit, match=r"b\.whl: not a wheel with torchxrayvision/data/vinbigd"):
        script.main()


@pytest.fixture(scope="module")
def table():
    return experts.agreement()


# Pairs of boxes, mean IoU, shares above 0.1, 0.5 and 0.7, counted once with other code.
KNOWN = {
    (VINDR, "Cardiomegaly"): (4389, 0.73, 1.00, 0.96, 0.64),
    (VINDR, "Pleural effusion"): (1150, 0.52, 0.97, 0.57, 0.23),
    (VINDR, "Infiltration"): (232, 0.58, 0.91, 0.73, 0.37),
    (VINDR, "Atelectasis"): (93, 0.52, 0.98, 0.61, 0.32),
    (VINDR, "Nodule/Mass"): (456, 0.72, 0.96, 0.92, 0.68),
    (VINDR, "Pneumothorax"): (121, 0.73, 0.99, 0.85, 0.66),
    (RSNA, "Pneumonia"): (38, 0.50, 0.97, 0.58, 0.16),
    (RSNA, "Infiltration"): (26, 0.47, 0.96, 0.42, 0.15),
}


def test_the_printed_agreement(table):
    """The committed overlaps give the numbers of an independent count, to two digits."""
    main = table[table["convention"] == table["source"].map(experts.MAIN)]
    got = {place: rows.set_index("T") for place, rows in main.groupby(["source", "finding"])}
    assert got.keys() == KNOWN.keys()
    for place, (pairs, *values) in KNOWN.items():
        rows = got[place]
        assert (rows["pairs"] == pairs).all()
        shown = rows.loc[[np.nan, 0.1, 0.5, 0.7], "value"].round(2).tolist()
        assert shown == pytest.approx(values), place


def test_intervals_hold_the_values(table):
    """Each lies inside its interval; readers are drawn where they are known."""
    assert table["value"].between(table["low"], table["high"]).all()
    known = (table["source"] == VINDR) & (table["convention"] != MEAN_BOX)
    assert (table["readers low"].notna() == known).all()
    assert table.loc[known, "value"].between(
        table.loc[known, "readers low"], table.loc[known, "readers high"]
    ).all()  # fmt: skip
    assert not table.duplicated(["source", "convention", "finding", "T"]).any()
    assert len(table) == 8 * (4 * 6 + 3 * 2)


def pairs_of(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "reader", "other", "iou"]).assign(finding="Mass")


def test_above_a_threshold_is_strict():
    """An IoU of T itself is not above T."""
    value = experts.samples(pairs_of((1, 1, 2, 0.5), (2, 1, 2, 0.500001)), 3)["Mass"].images[0]
    assert value.tolist() == pytest.approx([0.5, 1, 1, 1, 1, 0.5, 0, 0], abs=1e-6)


def test_images_and_readers_are_drawn_together():
    """All pairs of an image are drawn or none; with readers a pair counts as often as both."""
    rows = pairs_of((1, 1, 2, 0.0), (1, 1, 3, 0.0), (2, 1, 2, 1.0))
    got = experts.samples(rows, 400)["Mass"]
    assert got.images[0, 0] == got.both[0, 0] == pytest.approx(1 / 3)
    # Of two images: twice the first, both, or twice the second.
    assert set(got.images[:, 0].round(6)) == {0, round(1 / 3, 6), 1}
    # Readers 1 and 2 without 3 leave one pair in each image; one reader alone leaves none.
    assert {0, 0.5, 1} <= set(got.both[~np.isnan(got.both[:, 0]), 0])
    assert np.isnan(got.both[:, 0]).any()
    unknown = experts.samples(rows.assign(reader=np.nan, other=np.nan), 5)["Mass"]
    assert unknown.both is None


def test_ceiling(table):
    """The mean over the paper's eight findings, each from its source; it falls with T."""
    assert {*experts.CEILING} == {*BOXED}
    got = experts.ceilings().loc[MEAN]
    assert tuple(got.index) == THRESHOLDS
    seven = {place: values[-1] for place, values in KNOWN.items()}
    assert got[0.7] == pytest.approx(
        np.mean([seven[place] for place in experts.CEILING.values()]), abs=0.005
    )
    assert got.is_monotonic_decreasing
    assert experts.ceiling_samples().shape == (1 + experts.RESAMPLES, len(THRESHOLDS))


def test_tables_of_a_page(table):
    """Findings down with both intervals; every convention once."""
    shown = experts.styled(table).data
    assert len(shown) == 8 + 6
    assert shown.loc[("Cardiomegaly (VinDr-CXR)", "over images"), "pairs"] == "4,389"
    assert shown.loc[("Cardiomegaly (VinDr-CXR)", "over images"), "T = 0.7"].startswith("0.64 (")
    assert shown.loc[("Cardiomegaly (VinDr-CXR)", "images, readers"), "pairs"] == ""
    other = experts.styled_conventions(table).data
    assert list(other.columns) == [ONE, BEST, UNSEEN, MEAN_BOX] and len(other) == 16
    task = experts.styled_task({"a split": tiny()}).data
    assert task.index.tolist() == ["a split"]


def tiny() -> pd.DataFrame:
    """Two findings in an image; the smaller box covers half of the other."""
    rows = [("a", "Mass", 0.0, 0.0, 0.5, 0.5), ("a", "Nodule", 0.0, 0.0, 0.5, 0.25)]
    rows += [("b", "Mass", 0.0, 0.0, 1.0, 1.0), ("c", "Nodule", 0.0, 0.0, 1.0, 1.0)]
    rows += [("d", "Mass", 0.0, 0.0, 1.0, 1.0)]
    return pd.DataFrame(rows, columns=["image", "finding", *TRUE_BOX])


def test_the_ceiling_of_the_task_by_hand():
    """Image a gets one finding and one box, of the rarer finding, which counts more in the mean."""
    got = experts.perfect(tiny())
    assert got.loc[:1, PREDICTED_BOX].to_numpy().tolist() == [[0.0, 0.0, 0.5, 0.25]] * 2
    assert got[[f"{PROBABILITY}Mass", f"{PROBABILITY}Nodule"]].to_numpy().tolist() == [
        [0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]
    ]  # fmt: skip
    values = experts.task_ceiling(tiny())
    assert experts.task_ceiling(got.assign(p_Mass=0.1, px1=0.2)).equals(values)  # a run's rows
    # Of the 3 × 2 pairs of a Mass and another row one is tied, for Nodule likewise.
    assert values["mean AUC"] == pytest.approx(5.5 / 6)
    assert values["top-1 accuracy"] == 4 / 5
    assert values["mean IoU"] == pytest.approx((2.5 / 3 + 2 / 2) / 2)


def test_nothing_beats_the_ceiling_of_the_task():
    """Random probabilities and boxes, the same for all rows of an image, stay at or below it."""
    rng = np.random.default_rng(0)
    rows = tiny()
    best, findings = experts.perfect(rows), ["Mass", "Nodule"]
    image = pd.factorize(rows["image"])[0]
    for _ in range(200):
        other = best.copy()
        other[[PROBABILITY + f for f in findings]] = rng.dirichlet([1, 1], 4)[image]
        other[PREDICTED_BOX] = np.sort(rng.uniform(0, 1, (4, 2, 2)), axis=1).reshape(4, 4)[image]
        assert mean_auc(other, findings) <= mean_auc(best, findings)
        other.loc[2:, PREDICTED_BOX] = best.loc[2:, PREDICTED_BOX]  # nor in image a alone
        assert (mean_iou(other, findings) <= mean_iou(best, findings) + 1e-12)["Mean"]


def test_the_ceiling_of_the_published_boxes():
    """The 984 boxes in 880 images: not all rows can be right."""
    values = experts.task_ceiling(script.load_boxes())
    assert values.round(3).tolist() == [0.996, 0.894, 0.934]
