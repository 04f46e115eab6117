"""Runs are told apart by what differs between them, and the paper's are known."""

from dataclasses import replace

from records import changed, run_of

from clnbook import names
from clnbook.published import RECIPE
from clnlib.parameters import Finetune


def test_differing():
    """All parameters in which any two runs differ, alphabetically; where a record lies is none."""
    first = run_of("a-1", weights=None)
    runs = [first, changed(first, weights="imagenet"), changed(first, seed=1, lam=0.1)]
    assert names.differing(runs) == ["lam", "seed", "weights"]
    assert names.differing([first, changed(first, study="other", restart=True)]) == []
    assert names.differing([first]) == names.differing([]) == []
    stage1 = [replace(first, parameters=Finetune(epochs=epochs)) for epochs in (1, 2)]
    assert names.differing(stage1) == ["epochs"]


def test_by_split():
    """The first run of each data set, kind of split and seed, by these."""
    runs = [run_of("a-1"), run_of("a-2", lam=0.1), run_of("a-3", protocol="box")]
    splits = names.by_split([*runs, run_of("a-4", protocol="box", split_seed=3)])
    assert {title: run.folder.name for title, run in splits.items()} == {
        "nih880, patient split, seed 0": "a-1",
        "nih880, box split, seed 0": "a-3",
        "nih880, box split, seed 3": "a-4",
    }


def test_labels():
    """As short as tells runs apart: variant and λ, the seed; a digest where nothing differs."""
    runs = [run_of("a-1"), run_of("a-2", lam=0.1), run_of("a-3", lam=0.1, seed=1)]
    runs[2] = changed(runs[2], seed=1)
    assert names.labels(runs) == [
        "CLN-CheXNet, λ = 0.4",
        "CLN-CheXNet, λ = 0.1, seed 0",
        "CLN-CheXNet, λ = 0.1, seed 1",
    ]
    assert names.labels([run_of("a-1"), run_of("a-2", backbone="own"), run_of("a-3")]) == [
        "CLN-CheXNet, λ = 0.4 (1)",
        "own, λ = 0.4",
        "CLN-CheXNet, λ = 0.4 (3)",
    ]


def test_labels_name_the_split_where_it_differs():
    """Runs under several protocols are told apart by it, not by a digest."""
    runs = [run_of("a-1"), run_of("a-2", protocol="box"), run_of("a-3", lam=0.1)]
    assert names.labels(runs) == [
        "CLN-CheXNet, λ = 0.4, patient split",
        "CLN-CheXNet, λ = 0.4, box split",
        "CLN-CheXNet, λ = 0.1, patient split",
    ]
    assert [run.folder.name for run in names.paper_runs(runs[::-1])] == ["a-1"]
    assert names.labels(runs[1:2], runs) == ["CLN-CheXNet, λ = 0.4, box split"]


def test_labels_say_what_was_changed():
    """Runs of one λ are told apart by what differs between them, the paper's own values unsaid."""
    start = {"weights": "mobilenet_imagenet.h5", "freeze": "nothing", **RECIPE}
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
    assert [name.removeprefix("CLN-CheXNet, λ = 0.4, ") for name in names.labels(runs)] == [
        "from ImageNet",
        "no pretraining",
        "from stage 1",
        "from ImageNet, BatchNorm momentum 0.9",
        "from ImageNet, BatchNorm momentum 0.9, augmented, seed 0",
        "from ImageNet, BatchNorm momentum 0.9, augmented, seed 1",
        "from ImageNet, freeze backbone",
    ]


def test_how_phantoms_are_drawn_is_no_matter_of_real_images():
    """Runs of radiographs do not differ in the contrast of phantoms; runs of phantoms do."""
    for dataset, expected in (("nih880", []), ("phantom", ["phantom_contrast"])):
        runs = [run_of("1", dataset=dataset, phantom_contrast=c) for c in (1.0, 2.0)]
        assert names.differing(runs) == expected


def test_settings_are_named_whole():
    """Where any two runs differ every setting says what it has, but for the paper's values."""
    runs = [run_of("a-1"), run_of("a-2"), run_of("a-3", lam=0.1), run_of("a-4", lam=0.1)]
    differing: list[dict] = [{}, {"seed": 1}, {"patience": 8}, {"weights": None}]
    runs = [
        changed(run, **{"weights": "imagenet", **RECIPE, **given})
        for run, given in zip(runs, differing, strict=True)
    ]
    assert names.settings(runs) == [
        "CLN-CheXNet, λ = 0.4, from ImageNet",
        "CLN-CheXNet, λ = 0.4, from ImageNet",
        "CLN-CheXNet, λ = 0.1, from ImageNet, patience 8",
        "CLN-CheXNet, λ = 0.1, no pretraining",
    ]


def test_paper_runs_prefer_the_papers_recipe():
    """Among runs of one λ and split the one with the paper's recipe is shown, else the first."""
    recipe = {"augment": False, "bn_momentum": None, "learning_rate": 0.001, "patience": 20}
    runs = [run_of("1", **recipe | {"patience": 8}), run_of("2", **recipe), run_of("3", **recipe)]
    assert [run.folder.name for run in names.paper_runs(runs)] == ["2"]
    staged = run_of("4", **recipe | {"patience": 8}, weights="runs/s/chexnet-finetune-seed0-1")
    assert [run.folder.name for run in names.paper_runs([*runs, staged])] == ["4"]


def test_a_stage_1_on_fewer_images_is_another_start():
    """The number of its images is in a stage-1 run's name, and in the words for the start."""
    whole, fewer = "s/chexnet-finetune-seed0-1a", "s/chexnet-finetune300-seed0-2b"
    assert names.start(whole) == "from stage 1"
    assert names.start(fewer) == "from stage 1 on 300 images"
    assert names.is_stage1(whole) and names.is_stage1(fewer) and not names.is_stage1("imagenet")


def test_paper_runs_prefer_the_papers_size():
    """Of two runs of one λ the one with 224 pixels is shown, and the names say the pixels."""
    runs = [run_of(str(size), image_size=size) for size in (80, 224)]
    assert [run.folder.name for run in names.paper_runs(runs)] == ["224"]
    ours = "CLN-CheXNet, λ = 0.4"
    assert names.labels(runs) == [f"{ours}, 80 pixels", f"{ours}, 224 pixels"]


def test_paper_runs():
    """One run per backbone: the λ of the paper where the study has it, else the first."""
    runs = [
        run_of("1", backbone="xception", lam=0.1),
        run_of("2", backbone="xception", lam=0.2),
        run_of("3", backbone="xception", lam=0.2),
        run_of("4", backbone="chexnet", lam=0.9),
        run_of("5", backbone="own", lam=0.3),
    ]
    assert [run.folder.name for run in names.paper_runs(runs)] == ["2", "4", "5"]
