"""The meaning of our code: the modules that a module reaches, and hashes that no prose changes."""

import ast
import functools
import hashlib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clnlib", "clnbook")  # ours; installed packages are known by their versions


def modules(*names: str) -> dict[str, str]:
    """Every module of ours that some modules reach by their imports, to see whether code changed.

    From dotted names, such as "clnlib.model.training", to a dictionary, sorted by dotted name, of
    the first 12 hexadecimal digits of each module's `meaning`.
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
    """A single hash of the meaning of all modules that some modules reach (`modules`)."""
    return hashlib.sha256(repr(modules(*names)).encode()).hexdigest()


@functools.cache
def meaning(file: Path) -> str:
    """The sha256 of a Python file's syntax tree without docstrings, comments and layout.

    A process reads each file once, so that it does not note edits that it never executed.
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
    """Nested tuples of a syntax tree, without bare texts: docstrings, of constants too."""
    if isinstance(node, list):
        return tuple(_shape(line) for line in node if not _is_text(line))
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, _shape(value)) for name, value in ast.iter_fields(node))
    # Python's versions differ in their empty fields, and in the two that are named.
    kept = (f for f in fields if f[1] not in (None, ()) and f[0] not in ("kind", "type_comment"))
    return type(node).__name__, tuple(kept)


def _is_text(line: object) -> bool:
    return isinstance(line, ast.Expr) and isinstance(getattr(line.value, "value", None), str)
