"""What the first page offers for download: records, tables, the book's PDF, Snakemake's reports."""

import re
import shutil
import zipfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from clnlib import io, paths

MADE = paths.CHECKOUT / "build"  # where the workflow, `make site` and `make pdf` write
OFFERED = {
    "records.zip": "Every published record: parameters, history, predictions, provenance",
    "tables.zip": "Every table of the book, a CSV each",
    "cln-companion.pdf": "This book as a PDF",
}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every file in an archive: equal files, equal bytes


def pack(folder: Path) -> None:
    """Write `records.zip`, of what lies under results/, and `tables.zip`, of the book's pages."""
    records = {
        file.relative_to(paths.results().parent).as_posix(): file.read_bytes()
        for file in sorted(paths.results().glob("*/*/*"))
    }
    _zip(folder / "records.zip", records)
    pages = sorted((paths.CHECKOUT / "book").glob("**/*.csv"))
    tables: dict[str, bytes] = {}
    for page in pages:
        name = page.relative_to(paths.CHECKOUT / "book").with_suffix("").as_posix()
        tables |= of_page(name, page.read_text(encoding="utf-8"))
    _zip(folder / "tables.zip", tables)


def of_page(name: str, text: str) -> dict[str, bytes]:
    """The tables of a page's CSV, `<name>-<number>.csv` each, and their captions as a text file.

    A caption is a line of a single cell before the table, which a reader of CSV would take for
    its head.
    """
    tables, captions = {}, []
    for number, lines in enumerate(filter(None, text.split("\n\n")), start=1):
        first, _, rest = lines.strip("\n").partition("\n")
        is_caption = bool(re.fullmatch(r'"(?:[^"]|"")*"|[^",]*', first)) and bool(rest)
        captions.append(f"{number}: {first if is_caption else ''}\n")
        table = rest if is_caption else lines.strip("\n")
        tables[f"{name}-{number}.csv"] = f"{table}\n".encode()
    return tables | {f"{name}-captions.txt": "".join(captions).encode()}


def _zip(target: Path, files: Mapping[str, bytes]) -> None:
    def write(file: Path) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)

    target.parent.mkdir(parents=True, exist_ok=True)
    io.write_atomically(target, write)


def linked(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Copy what has been made for download into the site; the first page links it."""
    if name != app.config.root_doc or app.builder.name != "html":
        return
    folder = Path(app.outdir, "_downloads")
    made = made_for_download(MADE)
    for old in folder.glob("*.*"):  # Sphinx' own lie in folders
        if old.is_file() and old.name not in {file.name for file in made}:
            old.unlink()
    for file in made:
        folder.mkdir(exist_ok=True)
        if file.suffix == ".html":  # Snakemake writes down where the checkout was
            text = file.read_text(encoding="utf-8").replace(f"{paths.CHECKOUT}/", "")
            (folder / file.name).write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(file, folder / file.name)
    links = [
        f'<li><a href="_downloads/{escape(file.name)}">{escape(words)}</a>'
        f" ({file.stat().st_size / 1e6:.1f} MB)</li>"
        for file, words in made.items()
    ]
    if links:
        listed = "\n".join(links)
        context["body"] += f'<section id="downloads"><h2>Downloads</h2><ul>{listed}</ul></section>'


def made_for_download(folder: Path) -> dict[Path, str]:
    """The files there are, each with its link's words.

    Parameters
    ----------
    folder
        Holds the files of `OFFERED` and `report/<study>.html`, or any or none of them.
    """
    made = {folder / name: words for name, words in OFFERED.items() if (folder / name).is_file()}
    for report in sorted(folder.glob("report/*.html")):
        made[report] = f"Snakemake's report of the study {report.stem}: jobs, run times, parameters"
    return made
