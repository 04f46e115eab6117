"""An executed notebook as a page of the book: without machine talk, with switch and receipt.

No radiograph's pixels come onto a page: a cell tagged `IMAGES` keeps its pictures only where the
notebook's own parameters say for sure that it read drawn images.
"""

import argparse
import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clnbook import jobs
from clnlib import io, paths, runs
from clnlib.errors import InputError

SITE = "site"  # the pages that belong to no study
SWITCH = "<!-- the same page of every study -->"  # filled in by clnbook.site
HIDDEN = {"parameters": "Parameters", "injected-parameters": "Parameters this page changes"}
IMAGES = "shows-images"  # tag of a cell whose pictures show the data set's images
CALLS = 4  # lines of code up to which a page shows a cell's code unasked
UNCOMPARED = "nbval-ignore-output"  # tag of a cell that nbval executes without comparing


def page(executed: Path, target: Path, study: str = SITE) -> Any:
    """The page of an executed notebook.

    Parameters
    ----------
    executed
        What papermill wrote.
    target
        Where the page will lie.
    study
        The study it shows, or "site" for a page of no study.

    Returns
    -------
    A notebook of nbformat 4: papermill's times and paths, progress and what went to stderr are
    gone, and so are pictures of radiographs that are not surely drawn; parameters and all code but
    short calls are folded, the study stands in the title, and a receipt with the page's files at
    the end. Where the links to the other studies come, `clnbook.site` finds `SWITCH`.

    Raises
    ------
    InputError
        The notebook was not executed to its end; the message names the error.
    """
    import nbformat

    book = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    name, drawn = target.stem, only_phantoms(book, target.parent)
    book.metadata = _dict({"kernelspec": book.metadata["kernelspec"]})
    for number, cell in enumerate(book.cells):
        tags = [t for t in cell.metadata.get("tags", []) if not t.startswith("papermill-")]
        kept = {"mystnb": cell.metadata["mystnb"]} if "mystnb" in cell.metadata else {}
        cell.metadata = _dict(kept | ({"tags": tags} if tags else {}))
        cell["id"] = f"cell-{number:02d}"
        if cell.cell_type == "code":
            prompts = [HIDDEN[tag] for tag in tags if tag in HIDDEN]
            is_long = len(cell.source.splitlines()) > CALLS
            if is_long and not prompts and "remove-input" not in tags:
                prompts = ["Code"]
            for prompt in prompts:
                cell.metadata["tags"] = [*tags, "hide-input"]
                cell.metadata["mystnb"] = kept.get("mystnb", {}) | {"code_prompt_show": prompt}
            wanted = [_clean(output, executed) for output in cell.outputs if _wanted(output)]
            cell.outputs = _joined(wanted)
            if IMAGES in tags and not drawn:
                _take_pictures(cell, executed)
    files = f"- {{download}}`the notebook of this page <{name}.ipynb>`"
    if csv(book):
        files += f"\n- {{download}}`its tables as text <{name}.csv>`"
    facts: list[str] = []
    if study != SITE:
        title = book.cells[0].source.split("\n", 1)
        book.cells[0].source = "\n".join([f"{title[0]} · {study}", *title[1:]])
        book.cells.insert(1, _markdown(SWITCH, "switch"))
        if name != "prepare":  # made before there is a run; it names its own hashes
            facts = receipt(study)
    lines = [":::{dropdown} Receipt", files, *facts, ":::"]
    book.cells.append(_markdown("\n".join(lines), "receipt"))
    nbformat.validate(book)
    return book


def csv(book: Any) -> str:
    """Every table among a notebook's outputs as CSV: its caption, its rows, an empty line.

    A header cell that spans several rows or columns is repeated in each.
    """
    import csv as writer
    import io

    from bs4 import BeautifulSoup

    text = io.StringIO()
    rows = writer.writer(text, lineterminator="\n")
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    for html in (o.get("data", {}).get("text/html", "") for o in outputs):
        for table in BeautifulSoup(html, "html.parser").find_all("table"):
            if table.caption:
                rows.writerow([table.caption.get_text(" ", strip=True)])
            rows.writerows([*_cells(table), []])
    return text.getvalue()


def _cells(table: Any) -> list[list[str]]:
    """The texts of an HTML table, row by row, spans filled."""
    lines = table.find_all("tr")
    held: list[dict[int, str]] = [{} for _ in lines]
    for y, line in enumerate(lines):
        x = 0
        for cell in line.find_all(["td", "th"]):
            while x in held[y]:
                x += 1
            down, across = int(cell.get("rowspan", 1)), int(cell.get("colspan", 1))
            for row in held[y : y + down]:
                row.update(dict.fromkeys(range(x, x + across), cell.get_text(" ", strip=True)))
            x += across
    return [[row[x] for x in sorted(row)] for row in held]


def only_phantoms(book: Any, folder: Path) -> bool:
    """Whether an executed notebook surely read no image but phantoms.

    Decided by what its parameters cells say: its data set, the records of its study, or its image
    files, all of which must carry the mark of `clnbook.jobs.draw`.

    Parameters
    ----------
    book
        Of nbformat 4.
    folder
        Where it was executed, if its parameters name image files by a relative path.
    """
    given = _parameters(book)
    if "images" in given:
        return jobs.are_drawn(folder / str(given["images"]))
    if "dataset" in given:
        return given["dataset"] == "phantom"
    found = _of_stage(str(given.get("study", "")), "train")
    return bool(found) and all(run.parameters.dataset == "phantom" for run in found)


def _parameters(book: Any) -> dict[str, Any]:
    """Names and values of a notebook's parameters cells, the injected ones over the others."""
    cells = [cell for cell in book.cells if set(cell.metadata.get("tags", [])) & set(HIDDEN)]
    given: dict[str, Any] = {}
    for line in [line for cell in cells for line in ast.parse(cell.source).body]:
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value:
            names = line.targets if isinstance(line, ast.Assign) else [line.target]
            given |= dict.fromkeys(map(ast.unparse, names), ast.literal_eval(line.value))
    return given


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
    """Whether an output is a result; stderr and progress (`clnlib.progress`) are machine talk."""
    if output.output_type == "stream":
        return output.name != "stderr"
    return not (output.output_type == "display_data" and set(output.data) == {"text/plain"})


def _joined(outputs: list[Any]) -> list[Any]:
    """Outputs with what was printed in a row as one; progress between had parted it."""
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


def receipt(study: str) -> list[str]:
    """Where a study's numbers come from: code, data, split, versions, device, seconds per run.

    Returns
    -------
    Lines of Markdown: a list, then a table with a row per run.
    """
    stages = [run for stage in ("finetune", "train") for run in _of_stage(study, stage)]
    facts = [run.provenance for run in stages]

    def told(key: str) -> str:
        values = dict.fromkeys(str(fact.get(key, "")) for fact in facts)
        return ", ".join(f"`{value[:12] if 'sha' in key else value}`" for value in values)

    versions = dict.fromkeys(
        f"{name} {version}" for fact in facts for name, version in sorted(fact["versions"].items())
    )
    dirty = ", with uncommitted changes" if any(fact.get("dirty") for fact in facts) else ""
    return [
        f"- commit {told('commit')}{dirty}; code sha256 {told('code_sha256')}",
        f"- data set {told('dataset')}, data sha256 {told('data_sha256')}, "
        f"split sha256 {told('split_sha256')}",
        "- " + ", ".join(versions),
        f"- device: {told('device')}",
        "",
        "| run | what runs differ in | parameters sha256 | seconds | best epoch |",
        "|---|---|---|---|---|",
        *(_line(run, stages) for run in stages),
    ]


def _line(run: runs.Run, study: list[runs.Run]) -> str:
    """A run's row; values that all runs of its stage share are left out."""
    p = run.parameters.model_dump() | {"stage": run.stage}
    peers = [r.parameters.model_dump() | {"stage": r.stage} for r in study if r.stage == run.stage]
    differing = [name for name in sorted(p) if len({str(peer[name]) for peer in peers}) > 1]
    told = ", ".join(f"{name} {Path(str(p[name])).name}" for name in differing) or "–"
    digest = io.digest([io.as_json(p)])[:12]
    facts = run.provenance
    cells = (f"`{run.folder.name}`", told, f"`{digest}`", f"{facts['seconds']:.0f}")
    return f"| {' | '.join(cells)} | {facts['best_epoch']} |"


def _of_stage(study: str, stage: str) -> list[runs.Run]:
    try:
        return runs.study(study, stage=stage)
    except InputError:
        return []


def sources(files: Iterable[Path | str]) -> str:
    """One hash of what a page is made from: names and bytes, not times.

    Parameters
    ----------
    files
        In the checkout. A record's `done` stands for all of its files.
    """
    named = [Path(file).resolve() for file in files]
    whole = [[*file.parent.iterdir()] if file.name == "done" else [file] for file in named]
    found = sorted({file for part in whole for file in part if file.is_file()})
    return io.digest(f"{file.name} {content}" for file, content in io.content_sha256(found).items())


def made_from(page: Path | str) -> str | None:
    """The `sources` a page notes; None where there is no page, or one that notes none."""
    try:
        noted = json.loads(Path(page).read_text(encoding="utf-8"))["metadata"].get("sources_sha256")
    except (OSError, ValueError, KeyError):
        return None
    return str(noted) if noted else None


def main() -> None:
    """`python -m clnbook.pages EXECUTED PAGE --study NAME`: PAGE and the CSV of its tables.

    With `--sources FILE...` the page notes their hash, so that it is not made again for files that
    are only newer, as all are in a fresh clone.
    """
    import nbformat

    words = argparse.ArgumentParser(description=main.__doc__)
    words.add_argument("executed", type=Path)
    words.add_argument("page", type=Path)
    words.add_argument("--study", default=SITE)
    words.add_argument("--sources", type=Path, nargs="+")
    given = words.parse_args()
    book = page(given.executed, given.page, given.study)
    if given.sources:
        book.metadata["sources_sha256"] = sources(given.sources)
    text = re.sub(r"0x[0-9a-f]{8,}", "0x…", nbformat.writes(book)) + "\n"  # type: ignore[no-untyped-call]
    for folder, short in ((paths.CHECKOUT, ""), (Path.home(), "~/")):
        if folder != Path(folder.anchor):  # a home of "/" would match every address
            text = text.replace(f"{folder.as_posix()}/", short)
    files = {given.page: text, given.page.with_suffix(".csv"): csv(book)}
    for path, content in files.items():
        if content:
            jobs.write_text(path, content)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
