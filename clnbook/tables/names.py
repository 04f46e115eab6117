"""Names of runs in tables and figures: as short as tells them apart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from clnbook import published
from clnlib.parameters import Train
from clnlib.runs import Run

RECIPE = {"augment": False, "bn_momentum": None, "learning_rate": 0.001, "patience": 20}
"""What section 2.3 says, and what it does not mention as Keras has it."""

_WORDS = {
    "bn_momentum": "BatchNorm momentum {}",
    "augment": "augmented",
    "learning_rate": "rate {}",
    "patience": "patience {}",
}
_FIRST = ("backbone", "lam", "protocol")
_NEVER = ("seed", "stage", "study", "restart")  # the last three are no part of what was trained


def labels(runs: Sequence[Run], among: Sequence[Run] = ()) -> list[str]:
    """A name for every run: variant, λ, the split where there are several kinds, what else differs.

    Of the other parameters only those are named that tell apart runs which would else share a
    name, each where it is not the paper's; the seed comes last, and a digest where nothing differs.

    Parameters
    ----------
    runs
        To be named.
    among
        The runs from which the names tell them apart, `runs` among them; default `runs` alone.
    """
    among = among or runs
    names = [_first(run.train, among) for run in among]
    for parameter in (*_others(), "seed"):
        values = [getattr(run.parameters, parameter) for run in among]
        kinds = Counter(name for name, _ in {*zip(names, map(str, values), strict=True)})
        names = [
            _with(name, parameter, value) if kinds[name] > 1 else name
            for name, value in zip(names, values, strict=True)
        ]
    times = Counter(names)
    found = {
        id(run): name + (f" ({run.folder.name.rsplit('-', 1)[-1]})" if times[name] > 1 else "")
        for run, name in zip(among, names, strict=True)
    }
    return [found[id(run)] for run in runs]


def settings(runs: Sequence[Run]) -> list[str]:
    """Whole names but for seeds: all in which any runs differ, where it is not the paper's."""
    names = [_first(run.train, runs) for run in runs]
    for parameter in _others():
        values = [getattr(run.parameters, parameter) for run in runs]
        if len({*map(str, values)}) > 1:
            names = [_with(n, parameter, value) for n, value in zip(names, values, strict=True)]
    return names


def _others() -> list[str]:
    """The parameters a name may hold besides its first words and the seed."""
    first = ("weights", *_WORDS)
    never = {*first, *_FIRST, *_NEVER}
    return [*first, *(name for name in sorted(Train.model_fields) if name not in never)]


def _first(parameters: Train, among: Sequence[Run]) -> str:
    """What every name begins with."""
    name = published.VARIANTS.get(parameters.backbone, parameters.backbone)
    several = len({run.train.protocol for run in among}) > 1
    split = f", {parameters.protocol} split" if several else ""
    return f"{name}, λ = {parameters.lam:g}{split}"


def _with(name: str, parameter: str, value: Any) -> str:
    return ", ".join(filter(None, [name, _said(parameter, value)]))


def _said(parameter: str, value: Any) -> str:
    """A value in words; nothing where it is the paper's."""
    if parameter == "weights":
        return _start(value)
    if parameter in RECIPE and value == RECIPE[parameter]:
        return ""
    return _WORDS.get(parameter, f"{parameter} {{}}").format(value)


def _start(weights: str | None) -> str:
    """Where a training started: a stage 1, ImageNet, another file, or nowhere."""
    if weights is None:
        return "no pretraining"
    if "-finetune-" in weights:
        return "from stage 1"
    return "from ImageNet" if "imagenet" in weights else f"from {weights}"
