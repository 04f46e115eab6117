"""The Sphinx extension of the book: what only its build can know (named in `_config.yml`).

The switch between studies, the pages of source code the ledger's lines point to, the buttons that
need the repository's address, the downloads that have been made, and the explorer's library.

As a command, `python -m clnbook.site` assembles the folder from which `make site` builds.
"""

import filecmp
import functools
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import signature, stringify_signature

from clnbook import downloads, jobs
from clnbook.pages import SWITCH
from clnlib import io, paths, runs
from clnlib.errors import InputError
from clnlib.runs import Run

LINE = re.compile(r"\b((?:clnlib|clnbook)/[\w/]+)\.py:(\d+)")  # as the ledger names a line of code
SIBLING = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb\)")
LINKED = ("ledger",)  # pages whose lines of code are links
SOURCE = "_modules/"


def assemble(layers: Sequence[Path], target: Path) -> None:
    """Make a folder of all files of some folders; where two have a file of one name, the later's.

    A file whose content is the same already stays as it is, so that Sphinx reads again only what
    has changed; whatever else lies in the folder goes.

    Parameters
    ----------
    layers
        The committed book and, over it, the pages of this machine.
    target
        The folder to make.
    """
    wanted = {
        file.relative_to(layer): file
        for layer in layers
        for file in sorted(layer.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    }
    for old in [file for file in target.rglob("*") if file.is_file()]:
        if old.relative_to(target) not in wanted:
            old.unlink()
    for name, file in wanted.items():
        if not (target / name).exists() or not filecmp.cmp(file, target / name, shallow=False):
            io.write_atomically(target / name, functools.partial(shutil.copyfile, file))


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this."""
    app.setup_extension("sphinx.ext.autodoc")  # has one of the events
    app.add_config_value("companion_foot", "", "html")  # another one: every page is written again
    app.connect("config-inited", buttons)
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", switched)
    app.connect("autodoc-process-signature", constructed)
    app.connect("doctree-resolved", captioned)
    app.connect("html-page-context", linked)
    app.connect("html-page-context", unit_said)
    app.connect("html-page-context", downloads.linked)
    app.connect("html-page-context", foot)
    app.connect("html-page-context", without_thebe, priority=900)
    app.connect("html-collect-pages", sources)
    app.connect("html-collect-pages", plotting)
    for name in ("keras", "keras.utils"):  # else autodoc imports them to read their source
        ModuleAnalyzer.cache["module", name] = PycodeError("not read")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def buttons(app: Any, config: Any) -> None:
    """Launch and source buttons: all of them with `repository.url`, none without."""
    options = config.html_theme_options
    has_address = bool(options.get("repository_url"))
    for name in ("use_repository_button", "use_source_button", "use_issues_button"):
        options[name] = has_address
    if not has_address:
        options["launch_buttons"] = {}
    config.companion_foot = version_and_citation(options.get("repository_url", ""))


def outdated(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> Any:
    """Results pages are read again when one of them came or went; the first page always.

    It says what there is for download, of which Sphinx knows nothing.
    """
    moved = any(name.startswith("results/") for name in added | removed)
    results = [name for name in env.found_docs if moved and name.startswith("results/")]
    return [*results, app.config.root_doc]


def constructed(app: Any, what: str, name: str, obj: Any, options: Any, *said: Any) -> Any:
    """The arguments of a class whose base stands for Keras', which is not imported here."""
    if what == "class" and said[0] == "(*args, **kwargs)":
        return stringify_signature(
            signature(obj.__init__, bound_method=True), show_annotation=False
        ), said[1]
    return None


def switched(app: Any, name: str, source: list[str]) -> None:
    """Fill in `SWITCH`; what links to a page the study does not have becomes plain text."""
    pages = app.env.found_docs
    if name.startswith("results/"):
        folder = name.rpartition("/")[0]
        tabs = json.dumps(links(name, pages), ensure_ascii=False)[1:-1]  # into a notebook's text
        text = source[0].replace(SWITCH, tabs)
        source[0] = SIBLING.sub(lambda m: m[0] if f"{folder}/{m[2]}" in pages else m[1], text)


def links(name: str, pages: set[str]) -> str:
    """Tabs on a results page to the same page of the other studies, in Markdown.

    Parameters
    ----------
    name
        `results/<study>/<page>`.
    pages
        Names of all pages of the book.
    """
    _, own, page = name.split("/")
    studies = sorted(p.split("/")[1] for p in pages if re.fullmatch(f"results/[^/]+/{page}", p))
    tabs = [
        f"**{jobs.title(s)}**" if s == own else f"[{jobs.title(s)}](../{s}/{page}.ipynb)"
        for s in studies
    ]
    return "\n".join([":::{container} study-tabs", *tabs, ":::"])


def captioned(app: Any, doctree: Any, name: str) -> None:
    """Give every picture that a cell draws its words as a caption, for those who see it, too."""
    last = ""  # said once of several pictures in a row
    for number, image in enumerate(list(doctree.findall(nodes.image))):
        if image.get("alt") not in ("", None, last) and _is_drawn(image):
            last = image["alt"]
            # With an id and no number of Sphinx', for the headings have the paper's.
            parts = image.deepcopy(), nodes.caption("", image["alt"])
            image.replace_self(nodes.figure("", *parts, ids=[f"picture-{number}"]))


def _is_drawn(node: Any) -> bool:
    """Whether a node lies in the output of a cell."""
    while node is not None and "cell_output" not in node.get("classes", []):
        node = node.parent
    return node is not None


def linked(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Make the lines of code a page names links to the source."""
    if name in LINKED and "body" in context:
        to = context["pathto"]
        context["body"] = LINE.sub(
            lambda m: f'<a href="{to(SOURCE + m[1])}#line-{m[2]}">{m[0]}</a>', context["body"]
        )


def unit_said(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Say above a study's pages which of its runs were trained with relative box outputs."""
    if name.startswith("results/") and "body" in context:
        with suppress(InputError):  # no record of stage 2 is there
            said = of_old_unit(_study(name.split("/")[1]), context["pathto"]("method"))
            context["body"] = context["body"].replace("</h1>", f"</h1>{said}", 1)


_study = functools.cache(runs.study)


def of_old_unit(study: Sequence[Run], method: str) -> str:
    """A note, in HTML, for a study with runs in relative units; nothing for any other.

    Parameters
    ----------
    study
        Runs of stage 2.
    method
        Address of the page that says what the unit does.
    """
    old = [run for run in study if run.train.box_unit == "relative"]
    if not old:
        return ""
    which = "All" if len(old) == len(study) else f"{len(old)} of the {len(study)}"
    return (
        '<div class="admonition warning"><p class="admonition-title">Relative units</p>'
        f"<p>{which} runs of this study had their box head count in units of the image's side, a "
        "choice of ours that the paper does not make: such heads may die. "
        f'New runs count in pixels (<a href="{method}">method</a>).'
        "</p></div>"
    )


def foot(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Say below every page which version it shows, and how to cite it."""
    context["theme_extra_footer"] = app.config.companion_foot


def version_and_citation(address: str) -> str:
    """Version, commit, licence and a folded BibTeX entry, in HTML, from `CITATION.cff` and git.

    Parameters
    ----------
    address
        Of the repository; where it is empty the entry has none.
    """
    work = yaml.safe_load((paths.CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    made = runs.environment()
    commit = f", commit {made['commit'][:7]}" if made["commit"] else ""
    commit += " with changes" if made["dirty"] else ""
    where = f"  url = {{{address}}},\n" if address else ""
    authors = " and ".join(f"{{{author['name']}}}" for author in work["authors"])
    version = f"{work['version']}{commit}"
    entry = (
        "@software{cln-companion,\n"
        f"  title = {{{work['title']}}},\n  author = {{{authors}}},\n"
        f"  year = {{{work['date-released'].year}}},\n  version = {{{version}}},\n{where}}}\n"
    )
    bibliography = (paths.CHECKOUT / "book" / "references.bib").read_text(encoding="utf-8")
    entry += bibliography[: bibliography.index("\n}") + 2]  # the paper's stands first
    return (
        f"<p>Version {escape(version)} · {escape(work['license'])} licence</p>"
        f"<details><summary>Cite this</summary><p>{escape(work['message'])}</p>"
        f"<pre>{escape(entry)}</pre></details>"
    )


def without_thebe(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Drop the theme's scripts for live code: nothing uses them, and one, given twice, fails."""
    files = context.get("script_files", [])
    context["script_files"] = [file for file in files if "thebe" not in str(file).lower()]


def sources(app: Any) -> Any:
    """A page of every file of the package, its lines numbered."""
    for file in sorted(paths.CHECKOUT.glob("cln*/**/*.py")):
        place = file.relative_to(paths.CHECKOUT).with_suffix("").as_posix()
        block = app.builder.highlighter.highlight_block(
            file.read_text(encoding="utf-8"), "python", linenos="inline", lineanchors="line"
        )
        body = f"<h1>{place}.py</h1>\n{block}"
        yield SOURCE + place, {"title": f"{place}.py", "body": body, "parents": []}, "page.html"


def plotting(app: Any) -> Any:
    """Copy plotly's script from its package, so that the explorer asks no other server."""
    script = files("plotly") / "package_data" / "plotly.min.js"
    Path(app.outdir, script.name).write_bytes(script.read_bytes())
    return []


if __name__ == "__main__":
    assemble([paths.CHECKOUT / "book", paths.CHECKOUT / jobs.FRESH], downloads.MADE / "book")
    downloads.pack(downloads.MADE)
