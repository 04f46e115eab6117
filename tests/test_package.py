"""The package as a whole: light to import, rooms in order, nothing private committed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clnlib

ROOT = Path(__file__).resolve().parents[1]
# The rooms of both packages in the order in which data walks through them; a module imports only
# from rooms at or before its own, and the instrument knows nothing of the book.
ROOMS = (
    ("clnlib.backend", "clnlib.cells", "clnlib.code", "clnlib.defaults", "clnlib.errors"),
    ("clnlib.findings", "clnlib.parameters", "clnlib.paths"),
    ("clnlib.io",),
    ("clnlib.runs",),
    ("clnlib.data",),
    ("clnlib.model", "clnlib.metrics"),
    ("clnbook.published", "clnbook.studies", "clnbook.compared", "clnbook.style", "clnbook.fonts"),
    ("clnbook.blind_boxes", "clnbook.notebooks", "clnbook.bca", "clnbook.saliency"),
    ("clnbook.cams",),
    ("clnbook.names", "clnbook.images", "clnbook.paired", "clnbook.wilcoxon"),
    ("clnbook.heatmaps", "clnbook.rates", "clnbook.costs"),
    ("clnbook.summary", "clnbook.nested"),
    ("clnbook.experts", "clnbook.yardsticks"),
    ("clnbook.thresholds", "clnbook.audit"),
    (
        "clnbook.data",
        "clnbook.losses",
        "clnbook.training",
        "clnbook.complexity",
        "clnbook.by_heart",
    ),
    ("clnbook.localisation", "clnbook.classification", "clnbook.baselines", "clnbook.gradcam"),
    ("clnbook.ablation", "clnbook.significance"),
    ("clnbook.folds", "clnbook.changes", "clnbook.exported", "clnbook.pairs"),
    ("clnbook.start", "clnbook.explore", "clnbook.leaderboard"),
    ("clnbook.downloads",),
    ("clnbook.jobs", "clnbook.pages", "clnbook.site", "clnbook.publish", "clnbook.release"),
)
KERAS = ("cams", "costs", "exported", "losses", "saliency")  # modules of the book that import it
ROOM = {name: place for place, names in enumerate(ROOMS) for name in names}
MODULES = sorted(p for p in ROOT.glob("cln*/**/*.py") if p.name != "__init__.py")


def _imports(path):
    """The modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module in ("clnlib", "clnbook"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _room(name):
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_rooms(path):
    """Arrows go down only, model and metrics know nothing of one another, Keras stays put."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    own = _room(".".join(parts))
    for name in _imports(path):
        if name.startswith(("clnlib.", "clnbook.")):
            other = _room(name)
            assert ROOM[other] <= ROOM[own], f"{path.name} imports {name}"
            assert {other, own} != {"clnlib.model", "clnlib.metrics"}, f"{path.name} imports {name}"
        if name.split(".")[0] in ("keras", "tensorflow", "jax"):
            # Through the backend; TensorFlow and JAX themselves where one of them is meant.
            theirs = name.split(".")[0] != "keras" and own in (
                "clnlib.model",
                "clnbook.costs",
                "clnbook.saliency",
            )
            assert own == "clnlib.backend" or theirs, f"{path.name} imports {name}"
        if name.startswith("clnlib.backend"):
            keras = ("clnlib.model", *(f"clnbook.{name}" for name in KERAS))
            assert own in keras or parts[1:] == ("data", "feed"), f"{path.name} imports {name}"


def test_importing_is_light():
    """Neither the package nor what reads records loads Keras or matplotlib."""
    book = (path.stem for path in (ROOT / "clnbook").glob("[a-z]*.py"))
    light = ", ".join(f"clnbook.{name}" for name in book if name not in KERAS)
    code = (
        f"import clnlib, clnlib.runs, {light}, sys; print([m.split('.')[0] for m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"keras", "tensorflow", "jax", "matplotlib"}


def test_importing_clnlib_is_quick():
    """`import clnlib` loads no package but the standard library's; its face loads what is asked."""
    code = "import clnlib, sys; print([m.split('.')[0] for m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ast.literal_eval(done.stdout)) & {"numpy", "pandas", "pydantic", "scipy"}


@pytest.mark.parametrize("name", clnlib.__all__)
def test_the_face_of_the_package(name):
    """Everything that the package offers is there, is named so, and has an example."""
    offered = getattr(clnlib, name)
    assert offered.__name__ == name and name in dir(clnlib)
    assert "Examples\n" in offered.__doc__


def test_an_unknown_name_of_the_package():
    """It is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'prediction'"):
        _ = clnlib.prediction


def test_the_instrument_is_thin():
    """All of clnlib, docstrings included, can be read in an evening; modules fit a sitting."""
    lines = {
        path: len(path.read_text("utf-8").splitlines()) for path in ROOT.glob("clnlib/**/*.py")
    }
    assert sum(lines.values()) <= 6035
    assert max(lines.values()) <= 330


def test_nothing_private_is_committed():
    """No radiograph, no weight file, no absolute path of a machine, no package index."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if name != "models/mobilenetv3small/model.weights.h5":  # it has its tests
            assert not re.search(r"\.(h5|keras|npz|npy|dcm|dicom)$", name), name
        assert not re.search(r"\d{8}_\d{3}\.(png|jpe?g)$", name), name
        path = ROOT / name
        if path.suffix in {
            ".py",
            ".md",
            ".yml",
            ".yaml",
            ".toml",
            ".in",
            ".lock",
            ".ipynb",
            ".json",
        }:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"index-url[ =]+\w+:", text), name
            assert not re.search(r"(?<![\w.$~])/(home|root|Users)/\w", text), name
