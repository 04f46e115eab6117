"""One schema for every parameter: what is not in it is refused, and in one line."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from clnbook.notebooks import cell
from clnbook.studies import Study, load_study, planned
from clnlib.errors import InputError
from clnlib.parameters import (
    BACKBONES,
    Finetune,
    Predict,
    Prepare,
    Train,
)

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))

# defaults


@pytest.mark.parametrize("schema", [Train, Finetune])
def test_defaults_are_the_papers(schema):
    """Adam at 1e-3, batches of 16, halved every 4 epochs to 1e-6, patience 20 (section 2.3)."""
    p = schema()
    assert (p.learning_rate, p.batch_size) == (None, 16)
    filled = Train(dataset="nih880").filled()
    assert (filled.halve_every, filled.learning_rate, filled.first_rate) == (4, 1e-3, 1e-3)
    assert (p.min_learning_rate, p.patience) == (1e-6, 20)
    assert (p.pooling, p.weights, p.freeze, p.flip) == ("avg", None, "nothing", False)


def test_defaults_of_train():
    """λ = 0.4, Eq. 3's loss, no patient in two parts, the whole phantom."""
    p = Train()
    assert (p.lam, p.loss, p.monitor) == (0.4, "iou", "val_loss")
    assert (p.protocol, p.split_seed, p.dataset) == ("patient", 0, "phantom")
    assert p.phantom_images == 880


def test_the_papers_six_come_first():
    """Six backbones, in the order of Table 3; others follow."""
    assert BACKBONES[:6] == (
        "resnet50v2",
        "mobilenetv3small",
        "efficientnetb4",
        "inceptionv3",
        "xception",
        "chexnet",
    )


def test_filled_by_data_set():
    """None stands for the paper's setting on real images, for a quick one on phantoms."""
    names = ("image_size", "epochs", "learning_rate", "halve_every", "augment", "bn_momentum")

    def filled(**values: Any) -> list[Any]:
        return [getattr(Train(**values).filled(), name) for name in names]

    assert filled(dataset="nih880") == [224, 100, 1e-3, 4, False, None]
    assert filled(dataset="boxes.json") == [224, 100, 1e-3, 4, False, None]
    assert filled(dataset="phantom") == [80, 24, 1e-3, 8, True, 0.9]
    assert filled(dataset="phantom", backbone="chexnet") == [80, 10, 3e-4, 8, False, 0.9]
    assert filled(dataset="phantom", backbone="inceptionv3") == [80, 16, 3e-4, 8, False, 0.9]
    assert Finetune(dataset="nih14").filled().epochs == 100


def test_filled_keeps_what_is_given():
    """A given value, even a false one, is not replaced."""
    p = Train(
        image_size=64, epochs=1, learning_rate=1.0, halve_every=1, augment=False, bn_momentum=0.0
    )
    assert p.filled() == p
    assert (p.size, p.most_epochs) == (64, 1)


def test_parameters_are_frozen():
    """Nothing changes a parameter after the check."""
    with pytest.raises(ValueError, match="frozen"):
        Train().lam = 0.1


# errors


@pytest.mark.parametrize(
    ("schema", "values", "message"),
    [
        (Train, {"lamda": 0.4}, "^unknown parameter 'lamda' of train; did you mean 'lam'\\?$"),
        (Finetune, {"learn_rate": 1}, "'learn_rate' of finetune; did you mean 'learning_rate'"),
        (Prepare, {"qqq": 1}, "^unknown parameter 'qqq' of prepare$"),
        (Finetune, {"lam": 0.4}, "unknown parameter 'lam' of finetune"),
        (Train, {"lam": 1.5}, r"lam=1\.5: input should be less than or equal to 1 \(λ of Eq\. 4"),
        (Train, {"lam": math.nan}, "lam=nan"),
        (Train, {"learning_rate": 0}, "learning_rate=0: .*greater than 0"),
        (Train, {"learning_rate": math.inf}, "learning_rate=inf"),
        (Train, {"seed": 1.5}, r"seed=1\.5: .*integer"),
        (Train, {"image_size": 31}, "image_size=31: .* 32"),
        (Train, {"backbone": "resnet50"}, "backbone='resnet50': .*; did you mean 'resnet50v2'"),
        (Train, {"backbone": "CheXNeXt"}, "did you mean 'chexnet'"),
        (Train, {"pooling": "flat"}, "pooling='flat': .*; did you mean 'flatten'"),
        (
            Train,
            {"dataset": "phantm"},
            "dataset: 'phantm' is not one of .*; did you mean 'phantom'",
        ),
        (
            Train,
            {"dataset": "nih14"},
            "dataset: 'nih14' is not one of phantom, nih880, <path>.json",
        ),
        (Finetune, {"dataset": "nih880"}, "'nih880' is not one of .*; did you mean 'nih14'"),
        (Finetune, {"dataset": "boxes.json"}, "'boxes.json' is not one of phantom, nih14"),
        (Train, {"study": "a/b"}, "study='a/b'"),
        (Train, {"study": ".."}, r"study='\.\.'"),
        (Study, {}, "^parameter name: missing"),
    ],
)
def test_refused(schema, values, message):
    """What cannot be used is told in one line: the name, the value, the way out."""
    with pytest.raises(InputError, match=message) as caught:
        schema.check(values)
    assert "\n" not in str(caught.value)


def test_all_errors_at_once():
    """Two mistakes are told together."""
    with pytest.raises(InputError, match=r"lam=2: .*; unknown parameter 'sed' .*'seed'"):
        Train.check({"lam": 2, "sed": 1})


def test_any_spelling_of_a_json_file():
    """A COCO file may have a folder, blanks and capital letters in its name."""
    assert Train.check({"dataset": "my data/Boxes.JSON"}).dataset == "my data/Boxes.JSON"


# notebooks


def kernel(*cells: str, start_up: str = "") -> dict[str, Any]:
    """The globals of an IPython kernel after a start-up file and some cells."""
    namespace: dict[str, Any] = {"In": [""], "Out": {}, "exit": "exit"}
    exec(start_up, namespace)
    for source in cells:
        namespace["In"].append(source)
        if not source.startswith("%"):
            exec(source, namespace)
    return namespace


OWN, INJECTED = cell(Train), "# Parameters\nlam = 0.2\n"


def test_from_notebook_takes_what_the_parameters_cells_assign():
    """The notebook's own cell, then papermill's; what a start-up file defines is no parameter."""
    names = kernel("%load_ext x", OWN, INJECTED, start_up="me, lamda = 'a name', 3; import math")
    assert Train.from_notebook(names) == Train(lam=0.2)


def test_from_notebook_again_in_one_kernel():
    """In JupyterLab a reader changes a cell and runs on; what later cells left is no parameter."""
    later = "run, columns, seed_of, names = None, ['a'], 3, {}"
    names = kernel(OWN, INJECTED, later, INJECTED.replace("0.2", "0.9"), later)
    assert Train.from_notebook(names) == Train(lam=0.9)
    own = OWN.replace("\nseed: int = 0", "\nseed: int = 5")
    assert Train.from_notebook(kernel(OWN, INJECTED, later, own)) == Train(seed=5)


@pytest.mark.parametrize(
    "cells", [(OWN, INJECTED + "lamda = 1\n"), (OWN + "\nlamda = 1", INJECTED)]
)
def test_from_notebook_refuses_a_misspelt_name_of_either_cell(cells):
    """A name that no field has is refused wherever it was typed, also when run again."""
    with pytest.raises(InputError, match="'lamda' of train; did you mean 'lam'"):
        Train.from_notebook(kernel(*cells, "x = 1", *cells))


def test_from_notebook_where_cells_are_not_kept():
    """A program that runs cells without a history still has its parameters read."""
    names = kernel() | {"lam": 0.3}
    assert Train.from_notebook(names) == Train(lam=0.3)


def test_a_number_for_a_word_names_papermills_way_out():
    """`-p study 001` arrives as the number 1; `-r` leaves it as it is typed."""
    with pytest.raises(InputError, match=r"study=1: .*; papermill -p makes a number .* -r study"):
        Train.check({"study": 1})


@pytest.mark.parametrize("value", [0.2, 1, "a", None, True, [], {}, ()])
def test_from_notebook_refuses_an_injected_name(value):
    """papermill only warns of an unknown `-p lamda 0.2`; the schema stops it."""
    with pytest.raises(InputError, match="'lamda' of train; did you mean 'lam'"):
        Train.from_notebook(kernel(OWN, f"# Parameters\nlamda = {value!r}\n"))


@pytest.mark.parametrize("schema", [Prepare, Finetune, Train, Predict])
def test_cell_is_the_defaults(schema):
    """The `parameters` cell, executed, is the schema: the same names, order and values."""
    source = cell(schema)
    namespace: dict[str, Any] = {}
    exec(source, {}, namespace)
    del namespace["__annotations__"]
    assert list(namespace.items()) == [(k, f.default) for k, f in schema.model_fields.items()]
    assert schema.from_notebook(namespace) == schema()
    lines = source.splitlines()
    assert len(lines) == len(schema.model_fields)
    assert all(re.fullmatch(r'\w+: (\w+|"\w+ or None") = .+  # \S.+', line) for line in lines)


# studies


def test_study_is_the_product_of_each_grid():
    """Grids one after the other; within a grid the last key runs fastest."""
    study = Study(
        name="s",
        train={"epochs": 1, "lam": 0.9},
        grids=[{"lam": [0.1, 0.2], "seed": [0, 1]}, {"backbone": ["chexnet"]}],
    )
    runs = study.trainings()
    assert [(r.backbone, r.lam, r.seed) for r in runs] == [
        ("mobilenetv3small", 0.1, 0),
        ("mobilenetv3small", 0.1, 1),
        ("mobilenetv3small", 0.2, 0),
        ("mobilenetv3small", 0.2, 1),
        ("chexnet", 0.9, 0),
    ]
    assert all((r.study, r.epochs) == ("s", 1) for r in runs)
    assert study.finetunes() == []


def test_study_without_grids_is_one_run():
    """What all runs share is a study by itself."""
    assert Study(name="s", train={"seed": 4}).trainings() == [Train(study="s", seed=4)]


def test_stage1_is_the_backbones_own_run():
    """`weights: stage1` becomes the folder of the stage-1 run of the same backbone, once each."""
    study = Study(
        name="s",
        finetune={"epochs": 2},
        grids=[
            {"weights": ["stage1", None], "backbone": ["chexnet", "xception"], "seed": [0, 1]},
            {"weights": ["imagenet"], "backbone": ["inceptionv3"]},
        ],
    )
    stage1 = study.finetunes()
    assert stage1 == [
        Finetune(study="s", epochs=2, backbone=backbone) for backbone in ("chexnet", "xception")
    ]
    names = zip(stage1, planned(stage1), strict=True)
    folders = {p.backbone: f"s/{name}" for p, name in names}
    for run in study.trainings()[:4]:
        assert run.weights == folders[run.backbone]
    assert [run.weights for run in study.trainings()[4:]] == [None] * 4 + ["imagenet"]


def test_stage1_on_fewer_images_is_a_start_of_its_own():
    """`weights: stage1-300` is the stage 1 of the study on 300 training images, known by name."""
    grids = [{"weights": ["stage1", "stage1-300"], "seed": [0, 1]}]
    study = Study(name="s", finetune={"epochs": 2}, grids=grids)
    whole, fewer = study.finetunes()
    assert (whole.train_images, fewer.train_images) == (None, 300) and fewer.epochs == 2
    assert planned([fewer])[0].startswith("mobilenetv3small-finetune300-seed0-")
    starts = [run.weights for run in study.trainings()]
    assert starts == [f"s/{name}" for name in planned([whole, fewer]) for _ in range(2)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"grids": [{"lamda": [1]}]}, "unknown parameter 'lamda' of train; did you mean 'lam'"),
        ({"grids": [{"lam": [0.1, 2]}]}, "lam=2: "),
        ({"grids": [{"seed": 0}]}, "grids.0.seed=0: .*list"),
        ({"grid": []}, "unknown parameter 'grid' of study; did you mean 'grids'"),
        ({"train": {"study": "t"}}, "train: study is set by the study's own name"),
        ({"finetune": {"study": "t"}}, "finetune: study is set by the study's own name"),
        ({"grids": [{"weights": ["stage1"]}]}, "stage1 needs the study's key finetune"),
        (
            {"grids": [{"weights": ["stage1-few"]}], "finetune": {}},
            "parameter train_images='few': ",
        ),
        (
            {"grids": [{"weights": ["stage1"]}], "finetune": {"epoch": 1}},
            "unknown parameter 'epoch' of finetune; did you mean 'epochs'",
        ),
    ],
)
def test_study_is_checked_when_read(values, message):
    """A study with any mistake in any run is refused before the first run starts."""
    with pytest.raises(InputError, match=message):
        Study.check({"name": "s", **values})


@pytest.mark.parametrize(
    "grids",
    [
        [{"seed": [0, 0]}],
        [{"seed": [0]}, {"lam": [0.4]}],
        [{"image_size": [None, 80]}],  # None stands for 80
    ],
)
def test_the_same_run_twice_is_refused(grids):
    """Two runs of one folder would overwrite each other; the error says which."""
    with pytest.raises(InputError, match=r"grids: 1 runs more than once, one is \w+"):
        Study.check({"name": "s", "grids": grids})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: s\ntrain: {lamda: 1}", "unknown parameter 'lamda'"),
        ("- a list", "not a mapping"),
        ("", "not a mapping"),
        ("name: [", "while parsing"),
    ],
)
def test_load_study_names_the_file(tmp_path, text, message):
    """Whatever is wrong with a study's file, one line says which file and what."""
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"study {path}: ")
    assert "\n" not in str(caught.value)


def test_load_study_without_a_file(tmp_path):
    """A missing file is named."""
    with pytest.raises(InputError, match=r"study .*absent.yaml: .*No such file"):
        load_study(tmp_path / "absent.yaml")


def test_load_study_reads_numbers_as_people_write_them(tmp_path):
    """YAML 1.1 takes `1e-3` for a text; the schema takes it for the number."""
    path = tmp_path / "s.yaml"
    path.write_text("name: s\ntrain: {learning_rate: 3e-4}", encoding="utf-8")
    assert load_study(path).trainings()[0].learning_rate == 3e-4


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_committed_studies_load(path):
    """Every study in `configs/` is valid, has runs and the name of its file."""
    study = load_study(path)
    assert study.name == path.stem
    assert study.trainings()


def test_there_are_committed_studies():
    """The glob above finds something."""
    assert CONFIGS
