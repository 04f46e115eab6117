"""Which files of the package a module depends on, and their hash."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clnlib", "clnbook")  # ours; what others wrote is told by its version


def files(*modules: str) -> list[Path]:
    """Our files that modules reach by their imports, wherever in the files these stand.

    Parameters
    ----------
    modules
        Dotted names, e.g. "clnlib.model.training".

    Returns
    -------
    Sorted absolute paths, the modules' own among them.
    """
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _ROOT / Path(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.exists() and file not in found:
            found.add(file)
            waiting += [name.rpartition(".")[0] or name, *imported(file)]
    return sorted(found)


def sha256(*modules: str) -> str:
    """One hash of all the files that modules reach, names and bytes."""
    return digest(files(*modules))


def digest(files: Iterable[Path]) -> str:
    """One hash of files of the checkout, their names in it and their bytes, in any order."""
    h = hashlib.sha256()
    for file in sorted(files):
        h.update(f"{file.relative_to(_ROOT).as_posix()}\n".encode())
        h.update(hashlib.sha256(file.read_bytes()).digest())
    return h.hexdigest()


def imported(file: Path) -> list[str]:
    """The package's modules a Python file imports; `from a import b` may mean the module `a.b`."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]
