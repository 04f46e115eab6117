"""An executed notebook as a page of the book: without machine talk, with switch and receipt."""

import argparse
import re
from pathlib import Path
from typing import Any

from clnlib import runs
from clnlib.errors import InputError

SITE = "site"  # the pages that belong to no study
HIDDEN = ("parameters", "injected-parameters")


def page(executed: Path, study: str, folder: Path) -> Any:
    """The page of an executed notebook.

    Parameters
    ----------
    executed
        What papermill wrote.
    study
        The study it shows, or "site" for a page of no study.
    folder
        Where the page will lie; other studies' pages are looked for beside it.

    Returns
    -------
    A notebook of nbformat 4: papermill's times and paths and what went to stderr are gone, the
    parameters are folded, the study stands in the title, a receipt at the end.

    Raises
    ------
    InputError
        The notebook was not executed to its end; the message names the error.
    """
    import nbformat

    book = nbformat.read(executed, as_version=4)
    book.metadata = nbformat.from_dict({"kernelspec": book.metadata["kernelspec"]})
    for number, cell in enumerate(book.cells):
        tags = [t for t in cell.metadata.get("tags", []) if not t.startswith("papermill-")]
        kept = {"mystnb": cell.metadata["mystnb"]} if "mystnb" in cell.metadata else {}
        cell.metadata = nbformat.from_dict(kept | ({"tags": tags} if tags else {}))
        cell["id"] = f"cell-{number:02d}"
        if cell.cell_type == "code":
            if set(tags) & set(HIDDEN):
                cell.metadata["tags"] = [*tags, "hide-input"]
            cell.outputs = [_clean(output, executed) for output in cell.outputs if _wanted(output)]
    if study != SITE:
        title = book.cells[0].source.split("\n", 1)
        book.cells[0].source = "\n".join([f"{title[0]} · {study}", *title[1:]])
        book.cells.insert(1, _markdown(switch(executed.stem, folder), "switch"))
        book.cells.append(_markdown(receipt(study), "receipt"))
    nbformat.validate(book)
    return book


def _wanted(output: Any) -> bool:
    return not (output.output_type == "stream" and output.name == "stderr")


def _clean(output: Any, executed: Path) -> Any:
    """An output without machine talk; an error stops."""
    if output.output_type == "error":
        raise InputError(f"{executed}: stopped with {output.ename}: {output.evalue}")
    output.get("metadata", {}).clear()
    return output


def _markdown(text: str, name: str) -> Any:
    import nbformat

    return nbformat.v4.new_markdown_cell(text, id=name)


def switch(name: str, folder: Path) -> str:
    """Links to the same page of every study, the present one marked."""
    studies = sorted({p.parent.name for p in folder.parent.glob(f"*/{name}.ipynb")} | {folder.name})
    links = [
        f"**{study}**" if study == folder.name else f"[{study}](../{study}/{name}.ipynb)"
        for study in studies
    ]
    return "Study: " + " · ".join(links)


def receipt(study: str) -> str:
    """Where a study's numbers come from: code, data, split, versions, device, seconds per run."""
    stages = [run for stage in ("finetune", "train") for run in _of_stage(study, stage)]
    facts = [run.provenance for run in stages]

    def told(key: str) -> str:
        values = dict.fromkeys(str(fact.get(key, "")) for fact in facts)
        return ", ".join(f"`{value[:12] if 'sha' in key else value}`" for value in values)

    versions = facts[-1]["versions"]
    dirty = ", with uncommitted changes" if any(fact.get("dirty") for fact in facts) else ""
    lines = [
        ":::{dropdown} Receipt",
        f"- commit {told('commit')}{dirty}; code sha256 {told('code_sha256')}",
        f"- data set {told('dataset')}, data sha256 {told('data_sha256')}, "
        f"split sha256 {told('split_sha256')}",
        "- " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
        f"- device: {told('device')}",
        "",
        "| run | seconds | best epoch |",
        "|---|---|---|",
        *(f"| `{r.folder.name}` | {r.provenance['seconds']:.0f} | {r.provenance['best_epoch']} |"
          for r in stages),
        ":::",
    ]  # fmt: skip
    return "\n".join(lines)


def _of_stage(study: str, stage: str) -> list[runs.Run]:
    try:
        return runs.study(study, stage=stage)
    except InputError:
        return []


def main() -> None:
    """`python -m clnlib.pages EXECUTED PAGE --study NAME`."""
    import nbformat

    words = argparse.ArgumentParser(description=main.__doc__)
    words.add_argument("executed", type=Path)
    words.add_argument("page", type=Path)
    words.add_argument("--study", default=SITE)
    given = words.parse_args()
    book = page(given.executed, given.study, given.page.parent)
    text = re.sub(r"0x[0-9a-f]{8,}", "0x…", nbformat.writes(book)) + "\n"
    runs.write_atomically(given.page, lambda p: p.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
