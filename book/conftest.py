"""Which pages `pytest --nbval` executes again, and which records their kernels see.

Committed pages are compared with committed records only: no kernel sees a run or an image store of
this machine, whatever lies there and whatever the tests before have set. A page that reads records
is executed everywhere, and so are `prepare` and `train` of the phantom, whose images are drawn and
whose run is trained in minutes: these two share a home of their own. Pages that need other images,
or weights, are left out.

A cell whose output the machine decides is tagged `nbval-ignore-output` in its notebook.
"""

import os
import tempfile
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

NEEDS = ("prepare", "finetune", "train", "predict")  # images, or weights
MADE = ("phantom/prepare", "phantom/train")
HOME = pytest.StashKey[Path]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the pages that need what a checkout does not hold."""
    if not config.option.nbval or collection_path.suffix != ".ipynb":
        return None
    left_out = collection_path.stem in NEEDS and _name(collection_path) not in _made()
    return left_out or None


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave a table's CSV, which lies beside the page, out of the comparison of the page."""
    if isinstance(collector, IPyNbFile):
        collector.skip_compare += ("text/csv",)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> object:
    """Start the kernel of a page in a home without runs, or with those that the page makes."""
    if HOME not in item.config.stash:
        folder = tempfile.TemporaryDirectory(prefix="clnlib-")
        item.config.add_cleanup(folder.cleanup)
        item.config.stash[HOME] = Path(folder.name)
    kind = "made" if _name(item.path) in _made() else "empty"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLN_HOME", str(item.config.stash[HOME] / kind))
        return (yield)


def _made() -> tuple[str, ...]:
    """The pages that make what they need; the pilot's first where its images are at hand."""
    return (*MADE, "nih880-pilot/prepare") if os.environ.get("CLN_NIH_DIR") else MADE


def _name(page: Path) -> str:
    return f"{page.parent.name}/{page.stem}"
