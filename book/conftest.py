"""Which pages `pytest --nbval` executes again, and where they keep what they make.

A page that follows from records alone is executed anywhere. One that reads images or weights is
executed where these are, so that it makes none; but `prepare` and `train` of the phantom, whose
images are drawn and whose run is trained in minutes, are executed everywhere. What they need and
do not find they make in a folder of their own: a record of one run under runs/ would hide the
published ones from all other pages.

A cell whose output the machine decides is tagged `nbval-ignore-output` in its notebook.
"""

import functools
import tempfile
from pathlib import Path

import pytest

from clnbook import jobs
from clnlib import paths
from clnlib.errors import InputError

READS = ("prepare", "finetune", "train", "predict", "gradcam")  # images, or weights
MADE = ("phantom/prepare", "phantom/train")
NEW_HOME = pytest.StashKey[str]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A page that would have to make what takes hours, or what is not at hand, is left out."""
    if not config.option.nbval or collection_path.suffix != ".ipynb":
        return None
    return None if _name(collection_path) in MADE or _finds_all(collection_path) else True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> object:
    """Start the kernel of a page that makes what it needs in a new home."""
    with pytest.MonkeyPatch.context() as patch:
        if _name(item.path) in MADE and not _finds_all(item.path):
            if NEW_HOME not in item.config.stash:
                folder = tempfile.TemporaryDirectory(prefix="clnlib-")
                item.config.add_cleanup(folder.cleanup)
                item.config.stash[NEW_HOME] = folder.name
            patch.setenv("CLN_HOME", item.config.stash[NEW_HOME])
        return (yield)


def _name(page: Path) -> str:
    return f"{page.parent.name}/{page.stem}"


@functools.cache
def _finds_all(page: Path) -> bool:
    """Whether the images, records and weights that a page reads are there."""
    study = page.parent.name
    if page.stem not in READS:
        return True
    try:
        plan = jobs.plan(study)
    except InputError:
        return False
    data = Path(plan.study.trainings()[0].dataset).expanduser()
    if data.suffix and not data.is_absolute():
        return False  # relative to the checkout; the kernel starts in the page's folder
    needed = [paths.stores() / f"{study}.ready"]
    if page.stem in plan.shown:
        needed.append(paths.runs() / study / plan.shown[page.stem] / "done")
    if page.stem in ("predict", "gradcam"):
        needed += [paths.runs() / study / run / "model.weights.h5" for run in plan.trained]
    if page.stem == "predict":
        needed.append(jobs.drawn(study))
    return all(path.exists() for path in needed)
