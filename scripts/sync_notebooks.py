"""Write every notebook's parameters cell from its schema and its .ipynb from its .py.

    python scripts/sync_notebooks.py [--check]

`--check` writes nothing and exits with 1 where something would change.
"""

import sys
from pathlib import Path

import jupytext

from clnbook.notebooks import SCHEMAS, cell

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def synced(source: Path) -> tuple[str, str]:
    """The .py with its parameters cell from the schema, and the output-free .ipynb of it."""
    book = jupytext.read(source)
    schema = SCHEMAS.get(source.stem)
    for number, each in enumerate(book.cells):
        # Ids from the position: jupytext's are random, and a notebook must not change by itself.
        each["id"] = f"cell-{number:02d}"
        if schema and "parameters" in each.metadata.get("tags", []):
            each.source = cell(schema)
    book.metadata["kernelspec"] = KERNEL
    names = book.metadata["jupytext"]["cell_metadata_filter"].split(",")
    # jupytext keeps these in a set, whose order changes from process to process.
    book.metadata["jupytext"]["cell_metadata_filter"] = ",".join(sorted(names, reverse=True))
    script = jupytext.writes(book, fmt="py:percent")
    return script, jupytext.writes(book, fmt="ipynb").rstrip("\n") + "\n"


def main() -> None:
    stale = []
    for source in sorted(NOTEBOOKS.glob("*.py")):
        for path, text in zip((source, source.with_suffix(".ipynb")), synced(source), strict=True):
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
                if "--check" not in sys.argv:
                    path.write_text(text, encoding="utf-8")
    print(f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale) or 'none'}")
    sys.exit(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
