"""What several test files share: a small finished run, axes, and the reader's images."""

import os
import sys
from pathlib import Path

import hypothesis
import matplotlib
import pytest
from small import SMALL

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
matplotlib.use("Agg")

# A busy machine is no failure: no test asserts a time.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished stage-2 run of three epochs on 60 small phantoms, in a home of its own."""
    from clnlib.model.training import train
    from clnlib.parameters import Train

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLN_HOME", str(tmp_path_factory.mktemp("home")))
        return train(Train.check(SMALL))


@pytest.fixture
def small_run(trained, monkeypatch):
    """The run `trained`; CLN_HOME is its folder while the test runs, and not longer."""
    monkeypatch.setenv("CLN_HOME", str(trained.folder.parents[2]))
    return trained


@pytest.fixture
def axes():
    """Axes as wide as a column, in the pages' style."""
    import matplotlib.pyplot as plt

    from clnbook import style

    with plt.rc_context(style.rc()):
        yield plt.subplots(figsize=(3.5, 2.8), layout="constrained")[1]


@pytest.fixture(autouse=True)
def closed():
    """No figure outlives its test."""
    yield
    if plt := sys.modules.get("matplotlib.pyplot"):
        plt.close("all")


@pytest.fixture
def nih_folder():
    """The reader's NIH folder; the test is skipped where there is none."""
    folder = os.environ.get("CLN_NIH_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the NIH images: set CLN_NIH_DIR")
    return Path(folder)
