"""The meaning of code: prose keeps its hash, any other change in a module reached does not."""

import os
import subprocess
import sys

import pytest

from clnlib import code

BEFORE = '''"""A module."""
import numpy

RATE = 0.5
"""What it is."""

def f(x):
    """Double."""
    # why
    return 2 * x + RATE
'''


@pytest.fixture
def meaning(tmp_path):
    """The hash of a text as a module; each text is another file, as hashes are kept."""

    def of(text: str) -> str:
        file = tmp_path / f"m{len(list(tmp_path.iterdir()))}.py"
        file.write_text(text)
        return code.meaning(file)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A module."""', '"""Another word."""'),
        ('"""A module."""', ""),
        ('    """Double."""\n', ""),
        ('"""What it is."""\n', ""),
        ("    # why\n", ""),
        ("2 * x + RATE", "(2 * x) + RATE  # a comment"),
        ("\n\n", "\n\n\n"),
    ],
)
def test_prose_and_layout_change_nothing(meaning, old, new):
    """Docstrings, comments, blank lines and brackets are not the meaning."""
    assert old in BEFORE
    assert meaning(BEFORE.replace(old, new)) == meaning(BEFORE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.5", "0.25"), ("2 * x", "x * 2"), ("f(x)", "g(x)"), ("import numpy", "import scipy"),
     ("return", "yield"), ("x + RATE", "x - RATE")],
)  # fmt: skip
def test_any_other_change_counts(meaning, old, new):
    """Constants, names, operators and imports are."""
    assert meaning(BEFORE.replace(old, new)) != meaning(BEFORE)


def test_code_hash_changes_with_what_a_module_reaches(tmp_path, monkeypatch):
    """Each file a module reaches changes its hash, by any form of import; another does not."""
    texts = {
        "clnlib/__init__.py": "",
        "clnlib/a.py": "from clnlib import b\nimport numpy\n",
        "clnlib/b.py": "def f():\n    from clnlib.room.c import g\n",
        "clnlib/room/__init__.py": "",
        "clnlib/room/c.py": "import clnlib.d\n",
        "clnlib/d.py": "import clnbook.e\n",
        "clnbook/__init__.py": "",
        "clnbook/e.py": "",
        "clnlib/other.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "_ROOT", tmp_path)

    def digest():
        code.meaning.cache_clear()
        return code.digest("clnlib.a")

    before = digest()
    (tmp_path / "clnlib/other.py").write_text("changed = 1\n")
    assert digest() == before
    seen = {before}
    for name in set(texts) - {"clnlib/other.py"}:
        (tmp_path / name).write_text(texts[name] + "changed = 1\n")
        seen.add(digest())
    assert len(seen) == len(texts)


def test_the_hash_is_the_same_in_another_process():
    """It does not depend on the process, its folder or its hash seed."""
    printed = subprocess.run(
        [sys.executable, "-c", "from clnlib import code; print(code.digest('clnlib.runs'))"],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == code.digest("clnlib.runs")
