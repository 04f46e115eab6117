"""`make publish`: the one way in which records and pages get into results/ and book/.

A committed page follows from committed records. The pages that only read records are executed here,
where no run of this machine is seen. Those that need images or weights are what the study's jobs
executed, from the records that are published with them.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from clnbook import explore, jobs, pages
from clnlib import io, paths, runs
from clnlib.errors import InputError

Pages = dict[tuple[str, str], Path]  # (study, name of its page) to the executed notebook


def publish(study: str, imagenet: str | None = None) -> None:
    """Publish a study's records and pages, and what tells of every study.

    Without a run of the study on this machine its committed records stay, and of its pages those
    are made again that only read records. Each file is written whole or not at all.

    Parameters
    ----------
    study
        Its name.
    imagenet
        The weight file that `make study` was given for `imagenet`.

    Raises
    ------
    InputError
        No such study, or `make study` has not finished it.
    """
    executed: Pages = {}
    if any((paths.runs() / study).glob("*/done")):
        plan = jobs.plan(study, imagenet)
        executed = _executed_by_jobs(plan)
        for name in plan.runs:
            published(runs.read(paths.runs() / study / name), paths.results() / study)
        if study == "phantom":
            _export(plan)
    with _committed_records_alone():
        reading = [(study, name) for name in _reading(study)]
        telling = [(pages.SITE, name) for name in jobs.TELLING]
        _write(_execute([*reading, *telling]) | executed)


def published(run: runs.Run, folder: Path) -> Path:
    """Copy a record without its weights into `folder`, e.g. `results/<study>`; returns the copy."""
    target = folder / run.folder.name
    shutil.rmtree(target, ignore_errors=True)
    values = json.loads((run.folder / "parameters.json").read_text(encoding="utf-8"))
    # Where files lay on one machine is no business of others; their hashes are in the record.
    short = {k: Path(v).name for k, v in values.items() if Path(str(v)).is_absolute()}
    io.write_json(target / "parameters.json", values | short)
    names = ("history.csv", "predictions.parquet", "provenance.json", "done")
    extras = sorted(path.name for path in run.folder.glob("*.parquet") if path.name not in names)
    for name in (*extras, *names):
        io.write_atomically(target / name, functools.partial(shutil.copy, run.folder / name))
    return target


def _export(plan: jobs.Plan) -> None:
    """The network of the page "network": the phantom's MobileNetV3Small of the smallest λ."""
    from clnbook import exported

    made = [runs.read(paths.runs() / plan.study.name / name) for name in plan.trained]
    small = [run for run in made if run.parameters.backbone == "mobilenetv3small"]
    run = min(small, key=lambda run: run.train.lam)
    file = paths.CHECKOUT / "book" / "extra" / "network-data.js"
    exported.main([str(file), str(run.folder)])


def publish_site() -> None:
    """Make the pages that belong to no study again, from committed records."""
    with _committed_records_alone():
        _write(_execute([(pages.SITE, name) for name in jobs.SITE]))


def _reading(study: str) -> list[str]:
    """The pages that follow from records: Grad-CAM's too, but for pictures of drawn images."""
    config = jobs.configured(study)
    if config and config.compares != "runs":
        return [config.compares]
    records = runs.study(study)
    has_maps = any(runs.attached(run, "gradcam") is not None for run in records)
    shows_images = any(run.parameters.dataset == "phantom" for run in records)
    return [*jobs.EVALUATION, *(["gradcam"] if has_maps and not shows_images else [])]


def _executed_by_jobs(plan: jobs.Plan) -> Pages:
    """The notebooks of the pages that need images or weights, if all of the study is finished."""
    study = plan.study.name
    folder = paths.CHECKOUT / jobs.EXECUTED / study
    shown = {page: f"runs/{run}" for page, run in plan.shown.items()}
    names = [page for page in plan.pages if page not in (*jobs.EVALUATION, *jobs.OF_SETTINGS)]
    files = {(study, page): folder / f"{shown.get(page, page)}.ipynb" for page in names}
    needed = [paths.runs() / study / run / "done" for run in plan.runs]
    if missing := [file for file in (*needed, *files.values()) if not file.exists()]:
        raise InputError(f"{missing[0]}: not there; make study STUDY={study} first")
    return files


@contextmanager
def _committed_records_alone() -> Iterator[None]:
    """Let this process, and those it starts, see no records but those under results/."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as home:
        os.environ["CLN_HOME"] = home
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _execute(reading: Sequence[tuple[str, str]]) -> Pages:
    """Execute the notebooks of pages, as many side by side as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(reading, pool.map(_papermill, reading), strict=True))


def _papermill(page: tuple[str, str]) -> Path:
    study, name = page
    out = paths.CHECKOUT / jobs.EXECUTED / "published" / study / f"{name}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    given = [] if study == pages.SITE else ["-p", "study", study]
    words = [sys.executable, "-m", "papermill", "--no-progress-bar", f"notebooks/{name}.ipynb"]
    subprocess.run([*words, str(out), *given], check=True, cwd=paths.CHECKOUT)
    return out


def _write(executed: Pages) -> None:
    """Write pages into book/, and the data of its page "explore"."""
    book = paths.CHECKOUT / "book"
    for (study, name), file in executed.items():
        records = [] if name == "prepare" else pages.finished_runs(study)
        folder = book if study == pages.SITE else book / "results" / study
        pages.write(pages.page(file, name, study, records), folder / f"{name}.ipynb")
    explore.main([str(book / "extra" / "explore-data.js"), *jobs.published()])
    # This machine's pages stand beside committed ones that are no more.
    shutil.rmtree(paths.CHECKOUT / jobs.FRESH, ignore_errors=True)


def main() -> None:
    """`python -m clnbook.publish STUDY [WEIGHTS]`, `python -m clnbook.publish site`."""
    match sys.argv[1:]:
        case [pages.SITE]:
            publish_site()
        case [study] | [study, _]:
            publish(study, *sys.argv[2:])
        case _:
            raise SystemExit(main.__doc__)


if __name__ == "__main__":
    main()
