"""A study as jobs: what `workflow/Snakefile` asks, checked before anything runs."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from clnlib import code, paths, runs
from clnlib.data import sources
from clnlib.errors import InputError, nearest
from clnlib.parameters import Parameters, Prepare, Train
from clnlib.studies import Study, load_study

EVALUATION = ("localisation", "classification", "baselines", "ablation", "significance")
PUBLISHED = ("nih880-trials",)  # studies whose pages are made from their published records alone
SITE = ("index", "data", "audit", "losses", "complexity")  # pages that belong to no study


@dataclass(frozen=True)
class Job:
    """One training: its stage, papermill's `-p` words, and the runs it starts from."""

    stage: str
    words: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything a study makes.

    Attributes
    ----------
    study
        The checked study.
    runs
        Run name → its job; stage 1 first.
    prepare
        papermill's words for the page about the data.
    data
        A digest of the images' names, sizes and options; "missing" where they are not there.
    """

    study: Study
    runs: dict[str, Job]
    prepare: str
    data: str

    @property
    def trained(self) -> list[str]:
        """The stage-2 runs, in the order of the study."""
        return [name for name, job in self.runs.items() if job.stage == "train"]

    @property
    def shown(self) -> dict[str, str]:
        """The run each stage's page shows: the stage's first."""
        return {job.stage: name for name, job in reversed(self.runs.items())}

    @property
    def pages(self) -> list[str]:
        """Names of the study's pages."""
        return ["prepare", *self.shown, *EVALUATION, "gradcam"]


def plan(name: str, imagenet: str | None = None) -> Plan:
    """Read and check `configs/<name>.yaml` (or the file of that path).

    Parameters
    ----------
    name
        Of the study.
    imagenet
        A weight file to take wherever the study says `imagenet`; None: Keras' official one.

    Raises
    ------
    InputError
        No such study (the nearest is named), or anything in it the schemas refuse.
    """
    study = load_study(_config(name))
    if imagenet:
        study = study.with_imagenet(imagenet)
    jobs: dict[str, Job] = {}
    for stage1 in study.finetunes():
        jobs[stage1.run_name()] = Job("finetune", words(stage1))
    for run in study.trainings():
        start = (run.weights or "").rpartition("/")[2]
        jobs[run.run_name()] = Job("train", words(run), (start,) if start in jobs else ())
    first = study.trainings()[0]
    shared = Prepare.check({name: getattr(first, name) for name in Prepare.model_fields})
    return Plan(study, jobs, words(shared), _data(first))


def words(parameters: Parameters) -> str:
    """papermill's `-p name value` for every value that is not its default, for a shell."""
    fields = type(parameters).model_fields
    given = {k: v for k, v in parameters.model_dump().items() if v != fields[k].default}
    return shlex.join(word for k, v in given.items() for word in ("-p", k, str(v)))


def code_of(notebook: Path) -> list[Path]:
    """The package's files that a notebook's cells reach."""
    return code.files(*code.imported(notebook.with_suffix(".py")))


def _config(name: str) -> Path:
    folder = paths.CHECKOUT / "configs"
    for file in (folder / f"{name}.yaml", Path(name)):
        if file.is_file():
            return file
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"there are {', '.join(known)}"
    raise InputError(f"study {name!r}: no configs/{name}.yaml; {hint}")


def _data(parameters: Train) -> str:
    try:
        source = sources.boxed(parameters)
    except InputError:
        return "missing"
    return runs.digest([*source.rows["image"], *sorted(source.options.items())])[:16]


def decode(name: str) -> list[str]:
    """Decode every image a study reads, each store once; the stores' sha256."""
    study = load_study(_config(name))
    stores = [
        sources.decode(sources.labelled(run), run.size, run.exclude_unreadable)
        for run in study.finetunes()
    ]
    # Opening a store that is there takes no time, so runs that share one may ask again.
    stores += [sources.prepared(run)[2] for run in study.trainings()]
    return list(dict.fromkeys(store.sha256 for store in stores))


def main(words: list[str]) -> None:
    """`images STUDY READY`, or `publish RUNS/<run>/done RESULTS/<run>/done`.

    `images` decodes a study's images and writes their hashes to the file READY; `publish` copies a
    record without its weights.
    """
    match words:
        case ["images", study, ready]:
            told = "".join(f"{sha256}\n" for sha256 in decode(study))
            runs.write_atomically(Path(ready), lambda p: p.write_text(told, encoding="utf-8"))
        case ["publish", done, copy]:
            runs.publish(runs.read(Path(done).parent), Path(copy).parents[1])
        case _:
            raise SystemExit(main.__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
