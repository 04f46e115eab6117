"""The examples of docstrings run, and print what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("clnlib", "clnbook")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name, tmp_path, monkeypatch):
    """Each example of the module gives the output that stands below it."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(import_module(name)).failed == 0
