"""A study: a set of stage-2 runs (and the stage-1 runs they start from), as `configs/*.yaml`."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from clnlib.data.identity import data_sha256, named, weights_identity
from clnlib.errors import InputError
from clnlib.parameters import Finetune, Images, Parameters, Train


class Study(Parameters):
    """A set of runs: every combination of each grid, over what all of them share."""

    name: str = Field(description="name of the study, as in runs/<name>/", pattern=r"^\w[\w.-]*$")
    title: str = Field("", description="what a reader calls it; empty: its name")
    compares: Literal["runs", "changes", "folds"] = Field(
        "runs",
        description="what its pages set side by side: runs | settings that change one thing each "
        "of a recipe: changes | settings over all folds of a split: folds",
    )
    train: dict[str, Any] = Field({}, description="parameters of train that all runs share")
    grids: list[dict[str, list[Any]]] = Field(
        [{}],
        description="parameters of train to lists of values; weights: stage1 is `finetune`'s run, "
        "stage1-300 the same with train_images 300",
    )
    finetune: dict[str, Any] | None = Field(
        None, description="parameters of the stage-1 runs, one per backbone; None: no stage 1"
    )

    @model_validator(mode="after")
    def _runs_are_valid(self) -> Self:
        if not all(values for grid in [*self.grids, {"": self.grids}] for values in grid.values()):
            raise ValueError("grids: an empty list stands for no run at all")
        if self.finetune is not None:
            if "backbone" in self.finetune:
                raise ValueError("finetune: backbone follows from the runs that start from it")
            Finetune.check(self.finetune)
        for name, given in (("train", [self.train, *self.grids]), ("finetune", [self.finetune])):
            if any("study" in values for values in given if values):
                raise ValueError(f"{name}: study is set by the study's own name")
        self.finetunes()
        runs = [Train.check(values).filled() for values in self._combinations()]
        if repeated := [run for run, times in Counter(runs).items() if times > 1]:
            values = repeated[0].model_dump(exclude_unset=True)
            first = ", ".join(f"{name} {value}" for name, value in values.items())
            raise ValueError(f"grids: {len(repeated)} runs more than once, one is {first}")
        return self

    def trainings(self) -> list[Train]:
        """The parameters of every run, in the order of the grids."""
        starts = self._starts()
        names = dict(zip(starts, planned(list(starts.values())), strict=True))
        trainings = []
        for values in self._combinations():
            if (start := (values["backbone"], values.get("weights"))) in names:
                values = {**values, "weights": f"{self.name}/{names[start]}"}
            trainings.append(Train.check(values))
        return trainings

    def finetunes(self) -> list[Finetune]:
        """The parameters of every stage-1 run that some run starts from."""
        return list(self._starts().values())

    def with_imagenet(self, file: str) -> Self:
        """The same study with a weight file wherever it says `imagenet`."""
        return type(self).check(_replaced(self.model_dump(), "imagenet", file))

    def _starts(self) -> dict[tuple[str, str], Finetune]:
        """Backbone and what stands for a stage 1 (`stage1`, `stage1-300`) → its parameters."""
        found = {}
        for values in self._combinations():
            word, dash, number = str(values.get("weights")).partition("-")
            if word == "stage1":
                own = {"backbone": values["backbone"]} | ({"train_images": number} if dash else {})
                found[values["backbone"], values["weights"]] = self._stage1(own)
        return found

    def _combinations(self) -> list[dict[str, Any]]:
        """The values of every run as they are written, `stage1` among them."""
        rows = []
        for grid in self.grids:
            for chosen in itertools.product(*grid.values()):
                values = {**self.train, **dict(zip(grid, chosen, strict=True)), "study": self.name}
                values.setdefault("backbone", Train.model_fields["backbone"].default)
                rows.append(values)
        return rows

    def _stage1(self, own: dict[str, Any]) -> Finetune:
        if self.finetune is None:
            raise InputError("weights: stage1 needs the study's key finetune")
        return Finetune.check({**self.finetune, "study": self.name, **own})


def _replaced(value: Any, old: str, new: str) -> Any:
    """A copy of nested dicts and lists with one value replaced."""
    if isinstance(value, dict):
        return {key: _replaced(held, old, new) for key, held in value.items()}
    if isinstance(value, list):
        return [_replaced(held, old, new) for held in value]
    return new if value == old else value


def planned(study: Sequence[Train | Finetune]) -> list[str]:
    """The names of runs that are still to be made, on this machine or on another.

    Images or weights that are not here are hashed as "missing", so that a study can be looked at
    without them; with them the same runs have other names.
    """
    data: dict[str, str] = {}
    names = []
    for p in study:
        own = {"image_folder", "resolution", "train_images"}
        key = type(p).__name__ + p.model_dump_json(include={*Images.model_fields, *own})
        if key not in data:  # many runs share a data set, which may have 112,120 images
            data[key] = _or_missing(data_sha256, p)
        names.append(named(p, data[key], _or_missing(weights_identity, p.weights)).name)
    return names


def _or_missing(hashed: Callable[[Any], str], given: object) -> str:
    try:
        return hashed(given)
    except InputError:
        return "missing"


def load_study(path: Path) -> Study:
    """Read `configs/<study>.yaml`; an error names the file."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise InputError("not a mapping of names to values")
        return Study.check(values)
    except (OSError, yaml.YAMLError, InputError) as error:
        raise InputError(f"study {path}: {' '.join(str(error).split())}") from None
