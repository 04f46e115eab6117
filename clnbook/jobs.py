"""A study as jobs: what `workflow/Snakefile` asks, checked before anything runs."""

import functools
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from clnbook.studies import Study, load_study, planned
from clnlib import code, io, paths, runs
from clnlib.data import phantom, sources
from clnlib.errors import InputError, nearest
from clnlib.parameters import Parameters, Prepare

EVALUATION = ("localisation", "classification", "baselines", "ablation", "significance")
OF_SETTINGS = ("folds", "changes")  # in their place where a study compares settings, not runs
SITE = (
    "index",
    "report",
    "leaderboard",
    "data",
    "audit",
    "ledger",
    "testsets",
    "wilcoxon",
    "losses",
    "complexity",
    "benchmarks",
)  # pages of no study
TELLING = ("index", "report", "leaderboard")  # those of them that tell of every study's records
EXECUTED = Path("build/notebooks")  # in the checkout: notebooks as papermill leaves them
FRESH = Path("build/pages")  # in the checkout: this machine's pages, in folders as those of book/
DRAWN = 12  # phantoms on the page about predicting
DRAWN_SIZE = 256  # their pixels per side: more than a run was trained on, as a reader's files have
MARK = ("Source", "clnlib phantom")  # the PNG text by which a drawn file is known


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
    """

    study: Study
    runs: dict[str, Job]
    prepare: str

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
        # Predicting shows nothing but images, and no page shows a radiograph.
        images = ["predict"] if self.is_phantom else []
        of_runs = [*EVALUATION, "gradcam"]
        compared = of_runs if self.study.compares == "runs" else [self.study.compares]
        return ["prepare", *self.shown, *compared, *images]

    @property
    def is_phantom(self) -> bool:
        """Whether every image of stage 2 is a drawn one."""
        return all(run.dataset == "phantom" for run in self.study.trainings())


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
    stage1, stage2 = study.finetunes(), study.trainings()
    names = planned([*stage1, *stage2])
    jobs = {name: Job("finetune", words(run)) for name, run in zip(names, stage1, strict=False)}
    for name, run in zip(names[len(stage1) :], stage2, strict=True):
        start = (run.weights or "").rpartition("/")[2]
        jobs[name] = Job("train", words(run), (start,) if start in jobs else ())
    first = stage2[0]
    shared = Prepare.check({name: getattr(first, name) for name in Prepare.model_fields})
    return Plan(study, jobs, words(shared))


def title(study: str) -> str:
    """What a reader calls a study: the title in its config, or its name."""
    config = configured(study)
    return (config.title if config else "") or study


@functools.cache
def configured(study: str) -> Study | None:
    """A study's config; None where it was published from a config of somebody else's."""
    try:
        return load_study(_config(study))
    except InputError:
        return None


def words(parameters: Parameters) -> str:
    """papermill's `-p name value` for every value that is not its default, for a shell."""
    fields = type(parameters).model_fields
    given = {k: v for k, v in parameters.model_dump().items() if v != fields[k].default}
    return shlex.join(word for k, v in given.items() for word in ("-p", k, str(v)))


def published() -> list[str]:
    """The studies with committed records; the phantom first, whose images can be shown."""
    studies = {file.parents[1].name for file in paths.results().glob("*/*/done")}
    return sorted(studies, key=lambda study: (study != "phantom", study))


def modules_of(notebook: Path) -> list[str]:
    """The modules that a page follows from: those its cells import, and the maker of pages."""
    return [*code.imported(notebook.with_suffix(".py")), "clnbook.pages"]


def code_of(*modules: str) -> str:
    """One digest of all the code of ours that modules reach by their imports."""
    return code.digest(*modules)


def _config(name: str) -> Path:
    folder = paths.CHECKOUT / "configs"
    for file in (folder / f"{name}.yaml", Path(name)):
        if file.is_file():
            return file
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"there are {', '.join(known)}"
    raise InputError(f"study {name!r}: no configs/{name}.yaml; {hint}")


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


def draw(run: runs.Run, folder: Path) -> list[Path]:
    """Draw phantoms of a run's test part as PNG files: images that it was not trained on.

    Parameters
    ----------
    run
        A stage-2 record on the phantom.
    folder
        Where the files go, `drawn_<image>`.

    Returns
    -------
    The files, `DRAWN` or as many as there are, the findings in turn.
    """
    from PIL import Image, PngImagePlugin

    boxes = run.predictions
    other = set(boxes.loc[boxes["part"] != "test", "image"])  # by box, an image has several parts
    test = boxes[~boxes["image"].isin(other)]
    turns = test.assign(turn=test.groupby("finding").cumcount())
    chosen = turns.sort_values(["turn", "finding"], kind="stable")["image"].unique()[:DRAWN]
    told = PngImagePlugin.PngInfo()
    told.add_text(*MARK)
    files = []
    for image in chosen:
        rows = test[test["image"] == image]
        found = [(r.finding, (r.x1, r.y1, r.x2, r.y2)) for r in rows.itertuples()]
        pixels = phantom.draw(image, found, DRAWN_SIZE, run.parameters.phantom_contrast)
        save = functools.partial(Image.fromarray(pixels).save, pnginfo=told)
        files.append(folder / f"drawn_{image}")
        io.write_atomically(files[-1], save)
    return files


def are_drawn(images: Path) -> bool:
    """Whether an image file, or every file of a folder, is one that `draw` made."""
    files = sorted(images.iterdir()) if images.is_dir() else [images]
    return bool(files) and all(map(_is_drawn, files))


def _is_drawn(file: Path) -> bool:
    from PIL import Image

    name, value = MARK
    try:
        with Image.open(file, formats=["PNG"]) as image:
            return bool(image.info.get(name) == value)
    except OSError:  # not there, or no PNG
        return False


def main(words: list[str]) -> None:
    """`images STUDY READY` or `draw RUN FOLDER`.

    `images` decodes a study's images and writes their hashes to the file READY; `draw` draws
    phantoms of a run's test part.
    """
    match words:
        case ["images", study, ready]:
            io.write_text(Path(ready), "".join(f"{sha256}\n" for sha256 in decode(study)))
        case ["draw", run, folder]:
            draw(runs.read(run), Path(folder))
        case _:
            raise SystemExit(main.__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
