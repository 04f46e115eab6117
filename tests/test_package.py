"""The package as a whole: light to import, rooms in order, nothing private committed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The rooms of both packages in the order in which data walks through them; a module imports only
# from rooms at or before its own, and the instrument knows nothing of the book.
ROOMS = (
    ("clnlib.code", "clnlib.errors", "clnlib.lock", "clnlib.progress"),
    ("clnlib.findings", "clnlib.parameters", "clnlib.paths"),
    ("clnlib.runs",),
    ("clnlib.data",),
    ("clnlib.model", "clnlib.metrics"),
    ("clnbook.published", "clnbook.studies", "clnbook.by_lambda", "clnbook.compared"),
    ("clnbook.wilcoxon", "clnbook.kerascv"),
    ("clnbook.nested",),
    ("clnbook.audit",),
    ("clnbook.tables", "clnbook.figures"),
    ("clnbook.jobs", "clnbook.pages", "clnbook.site", "clnbook.explore", "clnbook.publish"),
)
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
            keras = ("clnlib.model", "clnbook.kerascv")
            assert own in keras or parts[1:] == ("data", "feed"), f"{path.name} imports {name}"


def test_importing_is_light():
    """Neither the package nor what reads records loads Keras or matplotlib."""
    light = "clnlib, clnlib.runs, clnbook.studies, clnlib.metrics.localisation, clnbook.tables"
    code = f"import {light}, clnbook.figures, sys; print([m.split('.')[0] for m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"keras", "tensorflow", "jax", "matplotlib"}


def test_nothing_private_is_committed():
    """No radiograph, no weight file, no absolute path of a machine, no package index."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
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
