"""In what runs differ, what they are called, and which of them a page shows; serves all pages."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from clnbook.published import LAMBDAS, RECIPE, VARIANTS
from clnlib.defaults import PAPER
from clnlib.runs import Run


def differing(runs: Sequence[Run]) -> list[str]:
    """The parameters in which the trainings of any two runs differ, by name in alphabetical order.

    The study's name and whether a record was discarded change no training and are left out, and so
    is how a phantom would be drawn where the images are real.
    """
    values = [
        {
            name: value
            for name, value in run.parameters.model_dump(exclude={"study", "restart"}).items()
            if run.parameters.dataset == "phantom" or not name.startswith("phantom_")
        }
        for run in runs
    ]
    names = sorted({name for each in values for name in each})
    return [name for name in names if len({str(each.get(name)) for each in values}) > 1]


def grouped(runs: Sequence[Run], *parameters: str) -> dict[tuple[str, ...], list[Run]]:
    """Runs that agree in some parameters, by the values of these as text."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        values = tuple(str(getattr(run.parameters, name)) for name in parameters)
        groups.setdefault(values, []).append(run)
    return groups


def by_split(runs: Sequence[Run]) -> dict[str, Run]:
    """The first run of every split, by the split's name; runs of one share their blind boxes."""
    splits = grouped(runs, "dataset", "protocol", "split_seed", "fold")
    return {
        "{}, {} split, seed {}".format(*values) + f", fold {fold}" * (fold != "0"): group[0]
        for (*values, fold), group in splits.items()
    }


def paper_runs(runs: Sequence[Run]) -> list[Run]:
    """Each backbone's run nearest the paper: its λ, patients apart, stage 1, size, recipe."""

    def nearness(run: Run) -> tuple[bool, bool, bool, bool, int]:
        p = run.train
        kept = sum(getattr(p, name) == value for name, value in RECIPE.items())
        apart = p.protocol == "patient"
        staged, sized = is_stage1(p.weights), p.size == PAPER["image_size"]
        return p.lam == LAMBDAS.get(p.backbone), apart, staged, sized, kept

    return [max(peers, key=nearness) for peers in grouped(runs, "backbone").values()]


def labels(runs: Sequence[Run], among: Sequence[Run] = ()) -> list[str]:
    """A name for every run: variant, λ, the split where there are several kinds, what else differs.

    Other parameters are named only where runs would else share a name, each unless it is the
    paper's; the seed comes last, and a digest where nothing differs.

    Parameters
    ----------
    runs
        To be named.
    among
        The runs that the names must distinguish, `runs` among them; default `runs` alone.
    """
    among = among or runs
    names = _beginnings(among)
    for parameter in (*_others(among), "seed"):
        alike = {n: [r for r, m in zip(among, names, strict=True) if m == n] for n in names}
        parted = {name for name, group in alike.items() if parameter in differing(group)}
        names = [
            _with(name, parameter, run) if name in parted else name
            for run, name in zip(among, names, strict=True)
        ]
    times = Counter(names)
    whole = {
        id(run): name + (f" ({run.folder.name.rsplit('-', 1)[-1]})" if times[name] > 1 else "")
        for run, name in zip(among, names, strict=True)
    }
    return [whole[id(run)] for run in runs]


def settings(runs: Sequence[Run]) -> list[str]:
    """Whole names but for seeds: all in which any runs differ, where it is not the paper's."""
    names = _beginnings(runs)
    for parameter in _others(runs):
        names = [_with(name, parameter, run) for name, run in zip(names, runs, strict=True)]
    starts = [str(run.parameters.weights) for run in runs]
    several = Counter(name for name, _ in {*zip(names, starts, strict=True)})
    return [  # two runs of stage 1 have the same words
        f"{name} ({start.rpartition('-')[2]})" if several[name] > 1 else name
        for name, start in zip(names, starts, strict=True)
    ]


def _beginnings(runs: Sequence[Run]) -> list[str]:
    """The words that every name begins with."""
    several = "protocol" in differing(runs)
    return [
        f"{VARIANTS.get(p.backbone, p.backbone)}, λ = {p.lam:g}"
        + (f", {p.protocol} split" if several else "")
        for p in (run.train for run in runs)
    ]


def _others(runs: Sequence[Run]) -> list[str]:
    """In what runs differ besides the first words of a name and the seed; the order of naming."""
    names = set(differing(runs)) - {"backbone", "lam", "protocol", "seed"}
    return [*(name for name in _WORDS if name in names), *sorted(names - {*_WORDS})]


def _with(name: str, parameter: str, run: Run) -> str:
    """A name followed by the run's value of a parameter, which is left out where the paper's."""
    value = getattr(run.parameters, parameter)
    if parameter in RECIPE and value == RECIPE[parameter]:
        return name
    return f"{name}, {_WORDS.get(parameter, f'{parameter} {{}}'.format)(value)}"


def valued(parameter: str, run: Run) -> str:
    """A run's value of a parameter in words, whether it is the paper's or not."""
    value = getattr(run.parameters, parameter)
    return _SAID.get((parameter, value)) or _WORDS.get(parameter, f"{parameter} {{}}".format)(value)


def is_stage1(weights: str | None) -> bool:
    """Whether a run that starts from these weights starts from a stage 1."""
    return _STAGE_1.search(weights or "") is not None


def start(weights: str | None) -> str:
    """Where a training started: a stage 1, ImageNet, another file, or nowhere."""
    if weights is None:
        return "no pretraining"
    if named := _STAGE_1.search(weights):
        return "from stage 1" + f" on {named[1]} images" * bool(named[1])
    return "from ImageNet" if "imagenet" in weights else f"from {weights}"


_STAGE_1 = re.compile(r"-finetune(\d*)-seed\d")
_SAID: dict[tuple[str, object], str] = {
    ("augment", False): "not augmented",
    ("bn_momentum", None): "the backbone's own BatchNorm momentum",
    ("freeze", "batchnorm"): "BatchNorm frozen",
    ("freeze", "backbone"): "backbone frozen",
    ("loss", "giou"): "GIoU",
    ("loss", "ciou"): "CIoU",
    ("rate_rule", "plateau"): "rate halved on plateaus",
}
_WORDS: dict[str, Callable[..., str]] = {
    "lam": "λ = {:g}".format,
    "protocol": "{} split".format,
    "image_size": "{} pixels".format,
    "weights": start,
    "bn_momentum": "BatchNorm momentum {}".format,
    "augment": "augmented".format,
    "learning_rate": "rate {}".format,
    "patience": "patience {}".format,
    "box_unit": lambda unit: f"{unit.removesuffix('s')} units",
}
