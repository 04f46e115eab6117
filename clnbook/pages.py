"""An executed notebook as a page of the book: without machine talk, with switch and receipt.

No radiograph's pixels come onto a page: a cell tagged `IMAGES` keeps its pictures only where the
notebook's own parameters say for sure that it read drawn images.
"""

import argparse
import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clnbook import compared, jobs
from clnbook.names import differing
from clnlib import io, paths, runs
from clnlib.errors import InputError

SITE = "site"  # the pages that belong to no study
SWITCH = "<!-- the same page of every study -->"  # filled in by clnbook.site
HIDDEN = {"parameters": "Parameters", "injected-parameters": "Parameters this page changes"}
IMAGES = "shows-images"  # tag of a cell whose pictures show the data set's images
CHECK = ".from_notebook(globals())"  # in the cell that checks the parameters
CALLS = 4  # lines of code up to which a page shows a cell's code unasked
UNCOMPARED = "nbval-ignore-output"  # tag of a cell that nbval executes without comparing


def page(executed: Path, name: str, study: str = SITE, records: Sequence[runs.Run] = ()) -> Any:
    """The page of an executed notebook.

    Parameters
    ----------
    executed
        What papermill wrote.
    name
        The page's file name without its ending.
    study
        The study it shows, or "site" for a page of no study.
    records
        The runs that its receipt lists.

    Returns
    -------
    A notebook of nbformat 4: papermill's times and paths and what went to stderr are gone, and so
    are pictures of radiographs that are not surely drawn; parameters and all code but short calls
    are folded, the study stands in the title, and a receipt with the page's files at the end.
    Where the links to the other studies come, `clnbook.site` finds `SWITCH`.

    Raises
    ------
    InputError
        The notebook was not executed to its end; the message names the error.
    """
    import nbformat

    book = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    drawn = only_phantoms(book)
    book.metadata = _dict({"kernelspec": book.metadata["kernelspec"]})
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number:02d}"
        _fold(cell)
        if cell.cell_type == "code":
            cell.outputs = _joined([_clean(o, executed) for o in cell.outputs if _wanted(o)])
            if IMAGES in cell.metadata.get("tags", []) and not drawn:
                _take_pictures(cell, executed)
    files = f"- {{download}}`the notebook of this page <{name}.ipynb>`"
    if csv(book):
        files += f"\n- {{download}}`its tables as text <{name}.csv>`"
    if study != SITE:
        title = book.cells[0].source.split("\n", 1)
        book.cells[0].source = "\n".join([f"{title[0]} · {study}", *title[1:]])
        book.cells.insert(1, _markdown(SWITCH, "switch"))
    facts = receipt(records) if records else []
    book.cells.append(_folded("Receipt", [files, *facts], "receipt"))
    nbformat.validate(book)
    return book


def csv(book: Any) -> str:
    """The tables among a notebook's outputs as CSV, an empty line after each."""
    tables = [data["text/csv"] for data in _shown(book) if "text/csv" in data]
    return "".join(f"{table}\n" for table in tables)


def _shown(book: Any) -> list[Any]:
    """What a notebook's cells display, each by MIME type."""
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    return [output.data for output in outputs if "data" in output]


def only_phantoms(book: Any) -> bool:
    """Whether an executed notebook surely read no image but phantoms.

    Decided by what its parameters cells say: its data set, the records of its study, or its image
    files, all of which must carry the mark of `clnbook.jobs.draw`.
    """
    given = _parameters(book)
    if "images" in given:
        return jobs.are_drawn(Path(str(given["images"])))
    if "dataset" in given:
        return given["dataset"] == "phantom"
    finished = finished_runs(str(given.get("study", "")))
    return bool(finished) and all(run.parameters.dataset == "phantom" for run in finished)


def _parameters(book: Any) -> dict[str, Any]:
    """Names and values of a notebook's parameters cells, the injected ones over the others."""
    cells = [cell for cell in book.cells if set(cell.metadata.get("tags", [])) & set(HIDDEN)]
    given: dict[str, Any] = {}
    for line in [line for cell in cells for line in ast.parse(cell.source).body]:
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value:
            names = line.targets if isinstance(line, ast.Assign) else [line.target]
            given |= dict.fromkeys(map(ast.unparse, names), ast.literal_eval(line.value))
    return given


def _fold(cell: Any) -> None:
    """Leave a cell the metadata that a page needs; fold its parameters, or its code if long.

    The cell that checks the parameters says nothing to a reader: it is left out of sight.
    """
    tags = [t for t in cell.metadata.get("tags", []) if not t.startswith("papermill-")]
    if CHECK in cell.source and not cell.get("outputs"):
        tags = [*tags, "remove-cell"]
    shown = cell.metadata.get("mystnb", {})
    prompt = next((HIDDEN[tag] for tag in tags if tag in HIDDEN), None)
    is_long = cell.cell_type == "code" and len(cell.source.splitlines()) > CALLS
    if prompt or (is_long and not {"remove-input", "remove-cell"} & {*tags}):
        tags, shown = [*tags, "hide-input"], shown | {"code_prompt_show": prompt or "Code"}
    if "injected-parameters" in tags:  # of a path, the file's name: as in a published record
        cell.source = re.sub(r"""(["'])/[^"'\n]*/([^"'/\n]+)\1""", r"\1\2\1", cell.source)
    kept = {"mystnb": shown, "tags": tags}
    cell.metadata = _dict({name: value for name, value in kept.items() if value})


def _take_pictures(cell: Any, executed: Path) -> None:
    """Leave a code cell its printed text, and one sentence where there were pictures."""
    pictures = [o for o in cell.outputs if o.output_type != "stream"]
    cell.outputs = [o for o in cell.outputs if o.output_type == "stream"]
    # A new execution, where the images are, shows what is missing here.
    cell.metadata["tags"] = list(dict.fromkeys([*cell.metadata["tags"], UNCOMPARED]))
    if pictures:
        whole = executed.resolve()
        inside = whole.is_relative_to(paths.CHECKOUT)
        place = whole.relative_to(paths.CHECKOUT).as_posix() if inside else executed.name
        text = (
            "This picture shows patients' radiographs, which this book does not contain: they "
            "come from their owner, under the owner's terms (ChestX-ray14: NIH). It is in the "
            f"executed notebook, `{place}`."
        )
        data = {"text/markdown": f"*{text}*", "text/plain": text}
        told = {"output_type": "display_data", "data": data, "metadata": {}}
        cell.outputs.append(_dict(told))


def _wanted(output: Any) -> bool:
    """Whether an output is a result: what goes to stderr, progress too, is machine talk."""
    return not (output.output_type == "stream" and output.name == "stderr")


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with what was printed in a row as one; what went to stderr had parted it."""
    joined: list[Any] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def _clean(output: Any, executed: Path) -> Any:
    """An output without machine talk; an error stops."""
    if output.output_type == "error":
        raise InputError(f"{executed}: stopped with {output.ename}: {output.evalue}")
    output.get("metadata", {}).clear()
    return output


def _dict(value: dict[str, Any]) -> Any:
    import nbformat

    return nbformat.from_dict(value)  # type: ignore[no-untyped-call]


def _markdown(text: str, name: str) -> Any:
    return _dict({"cell_type": "markdown", "id": name, "metadata": {}, "source": text})


def _folded(title: str, lines: Sequence[str], name: str) -> Any:
    return _markdown("\n".join([f":::{{dropdown}} {title}", *lines, ":::"]), name)


def receipt(records: Sequence[runs.Run]) -> list[str]:
    """Where numbers come from: code, data, split, versions, device, seconds per run.

    Returns
    -------
    Lines of Markdown: a list, then a table with a row per run.
    """
    facts = [run.provenance | {"code": _code(run.provenance)} for run in records]

    def noted(key: str) -> str:
        values = dict.fromkeys(str(fact.get(key, "")) for fact in facts)
        return ", ".join(f"`{value[:12] if 'sha' in key else value}`" for value in values)

    versions = dict.fromkeys(
        f"{name} {version}" for fact in facts for name, version in sorted(fact["versions"].items())
    )
    dirty = ", with uncommitted changes" if any(fact.get("dirty") for fact in facts) else ""
    return [
        f"- commit {noted('commit')}{dirty}; training code {noted('code')}",
        f"- data set {noted('dataset')}, data sha256 {noted('data_sha256')}, "
        f"split sha256 {noted('split_sha256')}",
        "- " + ", ".join(versions),
        f"- device: {noted('device')}",
        "",
        "| run | what runs differ in | seconds | best epoch |",
        "|---|---|---|---|",
        *(_line(run, [peer for peer in records if peer.stage == run.stage]) for run in records),
    ]


def _code(provenance: Mapping[str, Any]) -> str:
    """A short name of the code that trained a run, of a record of any version."""
    modules = provenance.get("code")
    return (io.digest([modules]) if modules else str(provenance.get("code_sha256")))[:12]


def _line(run: runs.Run, stage: Sequence[runs.Run]) -> str:
    """A run's row, with the parameters in which runs of its stage differ."""
    p = run.parameters
    values = [f"{name} {Path(str(getattr(p, name))).name}" for name in differing(stage)]
    facts = run.provenance
    cells = (f"`{run.folder.name}`", ", ".join(values) or "–", f"{facts['seconds']:.0f}")
    return f"| {' | '.join(cells)} | {facts['best_epoch']} |"


def finished_runs(study: str) -> list[runs.Run]:
    """The finished runs of a study, those of stage 1 first; none where there is no such study."""
    finished: list[runs.Run] = []
    for stage in ("finetune", "train"):
        try:
            finished += runs.study(study, stage=stage)
        except InputError:
            continue
    return finished


def write(book: Any, path: Path) -> None:
    """Write a page and, beside it, its tables as CSV; no folder of this machine is in them."""
    import nbformat

    tables = csv(book)
    for data in _shown(book):
        data.pop("text/csv", None)  # Sphinx warns of a type that it cannot show
    text = re.sub(r"0x[0-9a-f]{8,}", "0x…", nbformat.writes(book)) + "\n"  # type: ignore[no-untyped-call]
    for folder, short in ((paths.CHECKOUT, ""), (Path.home(), "~/")):
        if folder != Path(folder.anchor):  # a home of "/" would match every address
            text = text.replace(f"{folder.as_posix()}/", short)
    for file, content in ((path, text), (path.with_suffix(".csv"), tables)):
        if content:
            io.write_text(file, content)
        else:
            file.unlink(missing_ok=True)


def main() -> None:
    """`python -m clnbook.pages EXECUTED PAGE --study NAME --runs FILE...`: a page of this machine.

    Each FILE lies in the folder of a run that the page was made from; the page shows their numbers
    beside those of the committed records.
    """
    words = argparse.ArgumentParser(description=main.__doc__)
    words.add_argument("executed", type=Path)
    words.add_argument("page", type=Path)
    words.add_argument("--study", default=SITE)
    words.add_argument("--runs", type=Path, nargs="+", default=[])
    given = words.parse_args()
    records = [runs.read(file.parent) for file in given.runs]
    book = page(given.executed, given.page.stem, given.study, records)
    if records:
        lines = compared.beside(records)
        book.cells.insert(2, _folded("Beside the committed numbers", lines, "compared"))
    write(book, given.page)


if __name__ == "__main__":
    main()
