"""The meaning of our code: which modules a module reaches, and a hash of each that prose leaves."""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clnlib", "clnbook")  # ours; installed packages are known by their versions


def modules(*names: str) -> dict[str, str]:
    """Every module of ours that some modules reach by their imports, with the hash of its meaning.

    Parameters
    ----------
    names
        Dotted names, e.g. "clnlib.model.training".

    Returns
    -------
    dict
        Dotted name → the first 12 hexadecimal digits of `meaning`, sorted by name.
    """
    reached: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if file.is_file() and name not in reached:
            reached[name] = meaning(file)[:12]
            waiting += [name.rpartition(".")[0] or name, *imported(file)]
    return dict(sorted(reached.items()))


def digest(*names: str) -> str:
    """One hash of the meaning of all modules that some modules reach (`modules`)."""
    return hashlib.sha256(repr(modules(*names)).encode()).hexdigest()


@functools.cache
def meaning(file: Path) -> str:
    """The sha256 of a Python file's syntax tree without docstrings, comments and layout.

    Each file is read once per process, so that a long one does not note edits it never executed.
    """
    return hashlib.sha256(repr(_shape(ast.parse(file.read_bytes()))).encode()).hexdigest()


def imported(file: Path) -> list[str]:
    """The modules of ours that a Python file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from a import b` may mean the module `a.b`.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]


def _file(module: str) -> Path:
    path = _ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _shape(node: object) -> object:
    """Nested tuples of a syntax tree; what Python versions write differently is left out."""
    if isinstance(node, list):
        return tuple(map(_shape, node))
    if not isinstance(node, ast.AST):
        return node
    return type(node).__name__, tuple(_fields(node))


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list):
            value = [line for line in value if not _is_text(line)]
        if name not in ("kind", "type_comment") and value not in (None, []):
            yield name, _shape(value)


def _is_text(line: ast.AST) -> bool:
    """Whether a statement is a bare text: a docstring, of a module's constant too."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
