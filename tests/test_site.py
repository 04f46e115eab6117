"""The site: its words and pictures, and every page in a real browser, opened as files."""

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from records import run_of

from clnbook import downloads
from clnbook import site as extension
from clnlib import runs
from clnlib.data import sources
from clnlib.parameters import Train

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("book/results/*/*.ipynb")])
WRITTEN = (*ROOT.glob("book/*.md"), *ROOT.glob("book/use/*.md"), *ROOT.glob("notebooks/*.py"))
WORDS = sorted(path for path in WRITTEN if path.name != "released.md")  # a command wrote that one
# Numbers with a decimal point that are settings or conventions, not results.
SETTINGS = {
    "method.md": {"0.001", "0.000001"},  # learning rates of the paper
    "train.py": {"0.001", "0.000001"},
    "losses.py": {"0.001", "0.1"},  # the paper's rate, and the λ of the runs shown
    "testsets.py": {"0.75"},  # an example the cell below computes with
    "complexity.py": {"0.5"},  # the width of a tolerance, in per cent
    "wilcoxon.py": {"0.05"},  # the level of the tests
}
NUMBER = r"\d+\.\d+"
TALLEST = {390: 20_000, 1280: 15_500, 1920: 15_500}  # pixels of a page on a phone and on a desk
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
LIST = rf"{NUMBER}(?:(?:,| and| to|, and) {NUMBER})*"
NO_RESULT = (  # what may stand in prose besides: references, versions, thresholds
    rf"[Ss]ections?\s(?:\d\.)?{LIST}(?:\.\d)?",
    r"\d+\.\d+\.\d+",
    rf"(?:T|λ|p)\s[=<≪]\s{LIST}",
)


def _prose(path):
    """The words of a page without code, formulas and tables."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        cells = [c.split("\n", 1)[1] for c in text.split("\n# %%") if "[markdown]" in c[:20]]
        text = re.sub(r"^# ?", "", "\n".join(cells), flags=re.M)
    for code in (r"```.*?```", r"\$\$.*?\$\$", r"\$[^$]*\$", r"`[^`]*`"):
        text = re.sub(code, "", text, flags=re.S)
    return re.sub(r"^\|.*$", "", text, flags=re.M)


@pytest.mark.parametrize("path", WORDS, ids=lambda p: p.name)
def test_prose_holds_no_result(path):
    """A number a command could print is printed by one, never typed."""
    text = _prose(path)
    for harmless in NO_RESULT:
        text = re.sub(harmless, "", text)
    assert set(re.findall(NUMBER, text)) <= SETTINGS.get(path.name, set())


def test_the_rule_on_prose_finds_a_result():
    """The rule is no sieve that lets everything through."""
    text = "Section 3.2: at T = 0.1, 0.3 and 0.5, version 1.2.3, the mean is 0.84"
    for harmless in NO_RESULT:
        text = re.sub(harmless, "", text)
    assert re.findall(NUMBER, text) == ["0.84"]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: "/".join(p.parts[-2:]))
def test_pictures_have_words(path):
    """Every picture of a page has an alternative text that says what is seen."""
    for cell in nbformat.read(path, as_version=4).cells:
        pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert not pictures or len(alt) > 20, cell.source


def test_notebooks_with_pictures_have_words():
    """A notebook's cell that draws has an alternative text before it is ever run."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            draws = cell.cell_type == "code" and re.search(r"\bfigures\.(?!style|save|[A-Z])\w+\(",
                                                           cell.source)  # fmt: skip
            if draws and path.stem != "predict":  # its pictures are files for the reader
                assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source


def test_old_runs_say_their_unit():
    """A study says which of its runs counted in units of the side; one in pixels says nothing."""
    new, old = (run_of(unit, box_unit=unit) for unit in ("pixels", "relative"))
    assert extension.of_old_unit([new, new], "method.html") == ""
    assert "1 of the 2 runs of this study" in extension.of_old_unit([new, old], "method.html")
    text = extension.of_old_unit([old], "../../method.html")
    assert "All runs" in text and 'href="../../method.html"' in text


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site: `CLN_SITE` names one, else it is built, where any warning is an error.

    Nothing may import Keras meanwhile: that takes long, and TensorFlow would talk.
    """
    if given := os.environ.get("CLN_SITE"):
        return Path(given).resolve()
    out = tmp_path_factory.mktemp("site")
    words = ["build", "-W", "-n", "--keep-going", "--path-output", str(out), "book/"]
    command = shutil.which("jupyter-book", path=f"{Path(sys.executable).parent}")
    without = tmp_path_factory.mktemp("without")
    for name in ("keras", "tensorflow"):
        (without / f"{name}.py").write_text(f"raise SystemExit('{name} is not wanted')")
    env = {**os.environ, "PYTHONPATH": str(without)}
    done = subprocess.run([command, *words], capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out / "_build" / "html"


def _html(site):
    """The pages of the contents (not the listings of the code)."""
    skipped = ("_modules", "_static", "_downloads", "genindex", "search", "py-modindex")
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    return [name for name in names if not name.startswith(skipped)]


@pytest.mark.slow
def test_links_lead_somewhere(site):
    """Every link inside the site leads to a file, and to a place in it."""
    ids = {}
    soups = {name: BeautifulSoup((site / name).read_text(), "html.parser") for name in _html(site)}

    def anchors(path):
        if path not in ids:
            soup = BeautifulSoup(path.read_text(), "html.parser")
            ids[path] = {tag["id"] for tag in soup.find_all(id=True)}
        return ids[path]

    broken = []
    for name, soup in soups.items():
        for link in soup.find_all("a", href=True):
            href, place = urldefrag(unquote(link["href"]))
            if re.match(r"(https?|mailto|javascript):", href):
                continue
            target = (site / name).parent / href if href else site / name
            target = target.resolve()
            lost = not target.is_file() or (
                place and target.suffix == ".html" and place not in anchors(target)
            )
            if lost and link["href"] != "#":
                broken.append(f"{name}: {link['href']}")
    assert not broken


@pytest.mark.slow
def test_the_ledger_leads_to_the_code(site):
    """Every line of the ledger links the line of code that computed it."""
    soup = BeautifulSoup((site / "ledger.html").read_text(), "html.parser")
    rows = soup.select_one("table.ledger").tbody.find_all("tr")
    links = [row.find("a", href=re.compile("_modules/")) for row in rows]
    assert len(rows) > 200 and all(links)
    for link in links[::20]:
        file, line = link.get_text().split(":")
        assert link["href"].endswith(f"#line-{line}")
        assert (ROOT / file).read_text().splitlines()[int(line) - 1].startswith("def ")


def _print_book():
    """The script that prints the book, as a module."""
    spec = importlib.util.spec_from_file_location("print_book", ROOT / "scripts" / "print_book.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser():
    """Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        path = _print_book().chromium(running.chromium.executable_path)
        if path is None:
            pytest.skip("needs Chromium")
        yield running.chromium.launch(executable_path=path, args=["--no-sandbox"])


def _open(browser, site, width, theme):
    """A browser window whose pages report every error and every request that leaves the site."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(
        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
    )
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on("console", lambda m: m.type in ("error", "warning")
            and troubles.append(f"{page.url}: {m.text}"))  # fmt: skip
    page.on("request", lambda r: not r.url.startswith((site.as_uri(), "data:", "blob:"))
            and troubles.append(f"{page.url}: asks for {r.url}"))  # fmt: skip
    return page, troubles


def _violations(page, rules):
    """What axe-core calls serious or critical on a page by these rules, as rule and element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    # Rows, and entries of the API, that are like those before them would take minutes.
    alike = ["table tbody tr:nth-child(n+4)", "dl.py ~ dl.py ~ dl.py"]
    options = {
        "resultTypes": ["violations"],
        "preload": False,  # asks for style sheets, which a page opened as a file may not
        "runOnly": rules,
    }
    given = [{"exclude": [[each] for each in alike]}, options]
    run = "async (given) => (await axe.run(...given)).violations"
    grave = [v for v in page.evaluate(run, given) if v["impact"] in ("serious", "critical")]
    return {(v["id"], node["target"][0]) for v in grave for node in v["nodes"]}


def test_the_pages_of_this_machine_lie_over_the_committed_ones(tmp_path):
    """Only what differs is written, so Sphinx reads no more; what went is gone, the book is not."""
    committed, fresh, made = tmp_path / "book", tmp_path / "fresh", tmp_path / "made"
    texts = {committed / "index.md": "old", committed / "a/x.md": "a", fresh / "index.md": "new"}
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (committed / "_toc.yml").symlink_to("index.md")

    def read():
        files = [file for file in made.rglob("*") if file.is_file()]
        return {file.relative_to(made).as_posix(): file.read_text() for file in files}

    extension.assemble([committed, fresh], made)
    assert read() == {"index.md": "new", "a/x.md": "a", "_toc.yml": "old"}
    assert not (made / "_toc.yml").is_symlink()
    before = (made / "a/x.md").stat().st_mtime_ns
    (committed / "a/x.md").touch()
    (fresh / "index.md").unlink()
    extension.assemble([committed, fresh], made)
    assert read()["index.md"] == (committed / "index.md").read_text() == "old"
    assert (made / "a/x.md").stat().st_mtime_ns == before
    (committed / "a/x.md").unlink()
    extension.assemble([committed, fresh], made)
    assert set(read()) == {"index.md", "_toc.yml"}


@pytest.fixture
def small_site(tmp_path, monkeypatch):
    """A function that builds a site of two pages beside a folder of downloads: page to its soup."""
    from sphinx.testing.util import SphinxTestApp

    (tmp_path / "book").mkdir()
    for name in ("conf.py", "other.rst"):
        (tmp_path / "book" / name).write_text("" if name == "conf.py" else "Other\n=====\n")
    (tmp_path / "book" / "index.rst").write_text("First\n=====\n\n.. toctree::\n\n   other\n")
    monkeypatch.setattr(downloads, "MADE", tmp_path / "build")
    # The listings of the code are another test's.
    monkeypatch.setattr(extension, "sources", lambda app: [])

    def build():
        app = SphinxTestApp(
            srcdir=tmp_path / "book", confoverrides={"extensions": ["clnbook.site"]}
        )
        app.build()
        html = Path(app.outdir)
        app.cleanup()
        return html, BeautifulSoup((html / "index.html").read_text(), "html.parser")

    return build


def _offered(soup):
    return [link["href"] for link in soup.select("#downloads a")]


def test_downloads_are_linked_only_where_they_exist(tmp_path, small_site):
    """No PDF, no link; made, it is linked, copied and updated; gone, both are gone again."""
    html, soup = small_site()
    assert soup.h1 and not soup.select("#downloads") and not (html / "_downloads").exists()

    pdf, report = (
        tmp_path / "build" / "cln-companion.pdf",
        tmp_path / "build" / "report" / "a&b.html",
    )
    report.parent.mkdir(parents=True)
    pdf.write_bytes(b"%PDF")
    report.write_text(f"ran {ROOT}/clnlib/site.py in {ROOT}/")
    html, soup = small_site()
    assert _offered(soup) == ["_downloads/cln-companion.pdf", "_downloads/a&b.html"]
    assert (html / "_downloads" / "cln-companion.pdf").read_bytes() == b"%PDF"
    assert (html / "_downloads" / "a&b.html").read_text() == "ran clnlib/site.py in "
    assert "a&b" in soup.select_one("#downloads").get_text()
    other = BeautifulSoup((html / "other.html").read_text(), "html.parser")
    assert not other.select("#downloads")

    pdf.unlink()
    report.write_text("newer")
    html, soup = small_site()
    assert _offered(soup) == ["_downloads/a&b.html"]
    assert [file.name for file in (html / "_downloads").iterdir()] == ["a&b.html"]
    assert (html / "_downloads" / "a&b.html").read_text() == "newer"


def test_tables_are_one_csv_each():
    """Each table of a page's CSV reads with pandas; captions, with commas too, lie beside them."""
    text = '"Of all, ""7"""\n,a,b\nx,1,2\n\n,c\ny,"3, 4"\n\nPlain.\nname,d\nz,5\n\n'
    made = downloads.of_page("p/q", text)
    tables = [
        pd.read_csv(io.BytesIO(made[f"p/q-{k}.csv"]), index_col=0).to_dict("index")
        for k in (1, 2, 3)
    ]
    assert tables == [{"x": {"a": 1, "b": 2}}, {"y": {"c": "3, 4"}}, {"z": {"d": 5}}]
    captions = made["p/q-captions.txt"].decode().splitlines()
    assert captions == ['1: "Of all, ""7"""', "2: ", "3: Plain."]


def test_every_table_and_record_is_packed(tmp_path):
    """The archives hold every committed record and table, to the same bytes each time."""
    downloads.pack(tmp_path)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with zipfile.ZipFile(tmp_path / "records.zip") as records:
        done = {Path(name).parent for name in records.namelist() if name.endswith("/done")}
    assert len(done) == len(list((ROOT / "results").glob("*/*/done")))
    with zipfile.ZipFile(tmp_path / "tables.zip") as tables:
        for name in tables.namelist():
            if name.endswith(".csv"):
                assert len(pd.read_csv(tables.open(name))), name
    downloads.pack(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first


@pytest.mark.slow
def test_drawn_pictures_have_captions(site):
    """A picture that a cell draws says in a caption what a reader without it hears."""
    for page in ("audit.html", "results/phantom/localisation.html"):
        soup = BeautifulSoup((site / page).read_text(), "html.parser")
        drawn = soup.select(".cell_output img")
        assert drawn
        for image in drawn:
            caption = image.find_parent("figure").figcaption.get_text(strip=True)
            assert caption.rstrip("#") == image["alt"]


@pytest.mark.slow
def test_the_foot_of_a_page(site):
    """Every page says its version, and how to cite it as CITATION.cff has it."""
    work = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    commit = runs.environment()["commit"]
    for page in ("index.html", "audit.html", "results/phantom/localisation.html"):
        foot = BeautifulSoup((site / page).read_text(), "html.parser").select_one(".extra_footer")
        assert f"Version {work['version']}" in foot.p.get_text()
        assert work["title"] in foot.pre.get_text()
        assert commit is None or commit[:7] in foot.p.get_text()


@pytest.mark.slow
def test_the_site_offers_what_was_made(site):
    """The first page's links are the files there are, no more and no fewer."""
    soup = BeautifulSoup((site / "index.html").read_text(), "html.parser")
    copied = [file for file in (site / "_downloads").glob("*.*") if file.is_file()]
    assert set(_offered(soup)) == {f"_downloads/{file.name}" for file in copied}


SINGLE = """<html data-theme="dark"><head><script src="_static/tables.js"></script>
<script src="_static/mathjax/tex-chtml.js"></script></head><body>
<div id="jb-print-docs-body"><h1>The book</h1><nav><a href="#document-one">One</a></nav></div>
<article><h1>The book</h1><p>A companion to Something (Someone, 2025): more.</p>
<section id="document-one"><p id="id1">Words [<a href="index.html#id1">Ref</a>], see
<a href="_images/big.svg">a picture</a> and <a href="https://example.org">the web</a>.</p>
<details class="hide"><summary><p class="collapsed t">Parameters</p><p class="expanded">Hide</p>
</summary><pre>lam = 0.4</pre></details>
<details><summary>Receipt</summary><ul>
<li><a class="download" href="_downloads/x.csv">x</a></li></ul></details>
<div id="explore"><select></select></div></section>
<section id="document-references"><div id="id1">Ref, in full.</div></section>
</article></body></html>
"""


def test_the_book_on_paper():
    """A cover; everything unfolded; nothing that needs a screen, nor a link that leads nowhere."""
    soup = BeautifulSoup(_print_book().on_paper(SINGLE), "html.parser")
    assert soup.html["data-theme"] == "light"
    assert [script["src"] for script in soup.find_all("script")] == ["_static/mathjax/tex-chtml.js"]
    cover = soup.select_one(".cover")
    assert cover.h1.get_text() == "The book" and cover.p.get_text() == "A companion to Something"
    links = [link["href"] for link in soup.find_all("a")]
    assert links == ["#document-one", "#last-id1", "https://example.org"]
    assert soup.find(id="last-id1").get_text() == "Ref, in full."
    (folded,) = soup.find_all("details")
    assert folded.has_attr("open") and folded.summary.get_text(strip=True) == "Parameters"
    assert "collapsed" not in folded.summary.p["class"]
    assert not soup.find(id="explore") and not soup.find("select")
    assert "interactive" in soup.find(id="document-one").get_text()


def test_a_machine_without_chromium(monkeypatch):
    """No Chromium is said in one line, which says how to get one."""
    script = _print_book()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert script.chromium("/no/such/file") is None
    assert script.chromium(sys.executable) == Path(sys.executable)
    assert "playwright install chromium" in script.NO_CHROMIUM and "\n" not in script.NO_CHROMIUM


@pytest.mark.slow
def test_a_pdf_is_printed(browser, tmp_path):
    """Cover, text and an outline, A4; a table wider than the page is made to fit."""
    script = _print_book()
    page, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    cells = "".join(f"<td>column{n:02d}</td>" for n in range(16))
    text = SINGLE.replace("</article>", f"<table><tr>{cells}</tr></table></article>")
    page.write_text(script.on_paper(text), encoding="utf-8")
    script.write_pdf(browser, page, pdf)
    written = pdf.read_bytes()
    assert written.startswith(b"%PDF") and b"/Outlines" in written
    assert len(re.findall(rb"/Type /Page\b", written)) == 2
    assert re.search(rb"/MediaBox \[0 0 59[45]\.\d+ 84[12]\.\d+\]", written)
    tab = browser.contexts[-1].pages[-1]
    assert tab.evaluate("document.querySelector('table').style.zoom") < "1"


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_in_a_browser(site, browser, theme):
    """Whole, quiet, self-contained and accessible, on a desk and in the hand, by day and night.

    By night the colours alone are others, and on a wide desk alone the place.
    """
    rules = EVERY_RULE if theme == "light" else OF_COLOURS
    # First a phone, where more has to scroll: the theme sees to that while a page loads.
    page, troubles = _open(browser, site, min(TALLEST), theme)
    for name in _html(site):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        if page.evaluate("[...document.images].some(i => i.complete && !i.naturalWidth)"):
            troubles.append(f"{name}: a picture is missing")
        for width, tallest in TALLEST.items():
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                troubles.append(f"{name}: wider than {width} pixels")
            found = sorted(_violations(page, rules)) if width < 1920 else []
            troubles += [f"{name}, {width}: {rule}: {element}" for rule, element in found]
            if (height := page.evaluate("document.documentElement.scrollHeight")) > tallest:
                troubles.append(f"{name}, {width}: {height} pixels high")
        page.set_viewport_size({"width": min(TALLEST), "height": 900})
    assert not troubles, "\n".join(troubles)


@pytest.mark.slow
def test_search_finds_a_page(site, browser):
    """One search field on a desk; a word of the method's page leads to it, without a server."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("softmax")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=softmax*")
    page.wait_for_selector("#search-results a[href*='method']")
    assert not troubles


@pytest.mark.slow
def test_the_explorer_follows_the_reader(site, browser):
    """What is chosen decides the table, the curve and which boxes count as found."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "explore.html").as_uri())
    data = page.evaluate("window.clnExplore")
    for name, study in data.items():
        drawn_images = all(run.train.dataset == "phantom" for run in runs.study(name))
        page.select_option("select[name=study]", name)
        page.select_option("select[name=finding]", study["findings"][0])
        shown = page.inner_text(".explore-numbers caption").removesuffix(", drawn radiographs")
        run = next(run for run in study["runs"] if run["label"] == shown)
        for at in (0, len(study["thresholds"]) - 1):
            page.fill("input[name=threshold]", str(at))
            numbers = page.inner_text(".explore-numbers table")
            value = run["accuracy"][0][at][0]
            assert f"T = {study['thresholds'][at]:g}" in numbers
            assert value is None or f"{value + 1e-9:.2f}" in numbers
        drawn = page.evaluate("document.querySelector('.explore-chart').data.map((d) => d.y)")
        assert drawn[5] == [row[0] for row in run["accuracy"][0]]  # after two edges of its band
        beside = [
            study["paper"][run["backbone"]][0],
            *([study["experts"][0]] * bool(study["experts"])),
        ]
        assert all(values in drawn for values in beside if any(v is not None for v in values))
        area, where = study["paperAuc"][run["backbone"]][0], ", real radiographs" * drawn_images
        assert (f"paper{where}\t{area:.2f}\t" if area else "paper\t–\t") in numbers
        points = page.locator(".explore-chart path.point").count()
        assert points == sum(v is not None for values in (drawn[2], *drawn[5:]) for v in values)
        told = page.locator(".explore-examples.shown figcaption").all_inner_texts()
        assert told and all(study["findings"][0] in text for text in told)
        images = page.locator(".explore-examples.shown image").count()
        assert images == (len(told) if drawn_images else 0)
    assert not troubles


@pytest.mark.slow
def test_the_explorer_shows_a_box_learn(site, browser):
    """The slider's epoch decides where validation's boxes lie; older records have no slider."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "explore.html").as_uri())
    data = page.evaluate("window.clnExplore")
    assert not all(run["learning"] for study in data.values() for run in study["runs"])
    study = data["phantom"]
    label = page.inner_text(".explore-numbers caption").removesuffix(", drawn radiographs")
    told = next(run["learning"] for run in study["runs"] if run["label"] == label)
    drawn = page.locator(".explore-learning rect.network")
    for epoch in (told["kept"], len(told["boxes"])):
        page.fill("input[name=epoch]", str(epoch))
        boxes = [b for b in told["boxes"][epoch - 1] if b[2] > b[0] and b[3] > b[1]]
        lefts = drawn.evaluate_all("(all) => all.map((r) => Number(r.getAttribute('x')))")
        assert lefts == pytest.approx([100 * b[0] for b in boxes])
        assert f"epoch {epoch} of {len(told['boxes'])}" in page.inner_text(".explore-learning p")
    page.fill("input[name=epoch]", "2")
    again, _ = _open(browser, site, 1280, "light")
    again.goto(page.url)
    assert again.input_value("input[name=epoch]") == "2"
    page.select_option("select[name=study]", "nih880-xception")
    assert page.locator("input[name=epoch]").is_hidden()
    assert page.locator(".explore-learning").is_hidden() and not troubles


@pytest.mark.slow
def test_a_view_of_the_explorer_can_be_sent(site, browser):
    """It opens on a living run, says of a dead one why, and its address brings a choice back."""
    page, troubles = _open(browser, site, 390, "dark")
    page.goto((site / "explore.html").as_uri())
    data = page.evaluate("window.clnExplore")
    assert page.locator(".explore-dead").is_hidden()
    study, run = next((s, r) for s, each in data.items() for r in each["runs"] if r["dead"])
    page.select_option("select[name=study]", study)
    page.select_option("select[name=backbone]", run["backbone"])
    page.select_option("select[name=lam]", str(run["lam"]))
    if page.locator("select[name=run]").is_visible():
        page.select_option("select[name=run]", label=run["label"])
    other = next(r for r in data[study]["runs"] if r is not run)
    page.select_option("select[name=beside]", label=other["label"])
    assert f"{run['dead']} of its 4 coordinates" in page.inner_text(".explore-dead")
    seen = page.inner_text(".explore-numbers")
    assert run["label"] in seen and "second run" in seen
    again, more = _open(browser, site, 1280, "light")
    again.goto(page.url)
    assert again.inner_text(".explore-numbers") == seen
    assert not troubles and not more


@pytest.mark.slow
def test_the_dragged_boxes_have_the_losses_of_the_package(site, browser):
    """Values and gradients in the browser are Keras' whether boxes overlap or not."""
    from clnlib.model import losses

    page, troubles = _open(browser, site, 390, "light")
    page.goto((site / "playground.html").as_uri())
    true = np.array([[0.3, 0.3, 0.7, 0.6]] * 5, "float32")
    box = np.array(
        [[0.2, 0.4, 0.55, 0.8], [0.8, 0.7, 0.9, 0.95], [0.35, 0.35, 0.6, 0.5], [0.1, 0.1, 0.9, 0.9],
         [0.6, 0.4, 0.5, 0.55]], "float32"
    )  # fmt: skip
    words = {"iou": "1 − IoU", "giou": "GIoU", "ciou": "CIoU"}
    call = "([w, a, b]) => [clnLosses.value(w, a, b), ...clnLosses.gradient(w, a, b)]"
    for name, word in words.items():
        pairs = zip(true.tolist(), box.tolist(), strict=True)
        got = [page.evaluate(call, [word, *pair]) for pair in pairs]
        value, slope = _value_and_gradient(losses.BOX_LOSSES[name], true, box)
        assert np.allclose(got, np.column_stack([value, slope]), atol=2e-3), name
    page.fill("input[name=predicted-2]", "0.1")
    assert "The predicted box is empty" in page.inner_text("#playground p[aria-live]")
    handle = page.locator("#playground rect.true").bounding_box()
    page.mouse.move(handle["x"] + 20, handle["y"] + 20)
    page.mouse.down()
    page.mouse.move(handle["x"] + 50, handle["y"] + 20)
    page.mouse.up()
    assert float(page.input_value("input[name=true-0]")) > 0.3
    assert not troubles


def _value_and_gradient(loss, true, box):
    """A box loss and its derivatives by the predicted box, by TensorFlow."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(moved := tf.constant(box))
        value = loss(tf.constant(true), moved)
    return value.numpy(), tape.gradient(value, moved).numpy()


@pytest.mark.slow
def test_the_network_in_the_page_is_keras_network(site, browser):
    """On fifty drawings boxes within 0.01 and probabilities within 0.03 of Keras' outputs."""
    source = sources.boxed(Train().filled())
    page, troubles = _open(browser, site, 1280, "dark")
    page.goto((site / "network.html").as_uri())
    checks = page.evaluate("clnNetwork.checks")
    assert len(checks) == 50
    for each in checks:
        pixels, _ = source.read(each["image"])
        out = page.evaluate("(pixels) => clnTryout.see(pixels)", pixels.ravel().tolist())
        assert np.allclose(out["box"], each["box"], atol=0.01), each["image"]
        assert np.allclose(out["finding"], each["finding"], atol=0.03), each["image"]
        assert np.argmax(out["finding"]) == np.argmax(each["finding"])
    assert not troubles


@pytest.mark.slow
def test_a_finding_can_be_dragged_before_the_network(site, browser):
    """Undragged, the page's drawing is the phantom's to the byte; the outputs follow the box."""
    from clnlib.data import phantom

    page, troubles = _open(browser, site, 390, "light")
    page.goto((site / "network.html").as_uri())
    drawn = page.evaluate(
        """() => clnTryout.chests.map((chest) => [chest.image, Object.entries(chest.findings).map(
        ([name, { box }]) => [name, box, [...clnTryout.film(chest, name, box, 1)]])])"""
    )
    for image, findings in drawn:
        for finding, box, pixels in findings:
            film = phantom.draw(image, [(finding, tuple(box))], 80, phantom.MAX_CONTRAST)
            assert film.ravel().tolist() == pixels, (image, finding)
    before = page.inner_text("#tryout p[aria-live]")
    assert "Likeliest: " in before and " ms" in before
    at = page.locator("#tryout rect.network").bounding_box()
    page.locator("input[name=across]").fill("0.2")
    assert page.locator("#tryout rect.network").bounding_box() != at
    assert len(page.locator("#tryout tbody tr").all()) == len(drawn[0][1])
    page.get_by_role("button", name="Move it across and down").click()
    page.wait_for_function("document.querySelector('#tryout .chart').ariaLabel")
    for way in ("across", "down"):
        points = page.get_attribute(f"#tryout .chart polyline.{way}", "points").split()
        assert len(points) == 13 and len(set(points)) == 13
    assert not troubles


@pytest.mark.slow
def test_the_leaderboard_sorts_the_best_to_the_top(site, browser):
    """Numbers from the largest at the first click, words from A; dashes stay below either way."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "leaderboard.html").as_uri())

    def sorted_by(head):
        page.locator("table.leaderboard th button", has_text=head).first.click()
        heads = page.locator("table.leaderboard thead th").all_inner_texts()
        column = next(k for k, text in enumerate(heads) if head in text.replace("\n", " "))
        cells = page.locator(f"table.leaderboard tbody tr > :nth-child({column + 1})")
        return [text.strip() for text in cells.all_inner_texts()]

    for falling in (True, False):
        areas = sorted_by("mean AUC")
        known = [float(text) for text in areas if text != "–"]
        assert known == sorted(known, reverse=falling) and {*areas[len(known) :]} == {"–"}
    names = sorted_by("run or method")
    assert names[0].casefold() < names[-1].casefold()
    assert not troubles


@pytest.mark.slow
def test_the_ledger_can_be_searched_and_sorted(site, browser):
    """The field leaves the rows with all its words, a chip those of a verdict; a head sorts."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "ledger.html").as_uri())
    rows = page.locator("table.ledger tbody tr:visible")
    every = rows.count()
    page.get_by_label("Search this table").first.fill("flatten network")
    assert 0 < rows.count() < every
    assert all("flatten" in text.lower() for text in rows.all_inner_texts())
    page.get_by_label("Search this table").first.fill("")
    chip = page.locator(".table-groups button", has_text="number differs")
    chip.click()
    chosen = rows.locator(".chip").all_inner_texts()
    assert set(chosen) == {"number differs"} and chip.inner_text().endswith(f" {len(chosen)}")
    chip.click()
    assert rows.count() == every
    for way in ("ascending", "descending"):
        page.locator("table.ledger th button", has_text="verdict").first.click()
        assert page.locator("table.ledger th").first.get_attribute("aria-sort") == way
        verdicts = page.locator("table.ledger .chip").all_inner_texts()
        first, last = (verdicts[0], verdicts[-1])[:: 1 if way == "ascending" else -1]
        assert first < last and len(verdicts) == every
    page.goto((site / "ledger.html").as_uri() + "#decay-chexnet")
    grounds = "(row) => getComputedStyle(row.cells[0]).backgroundColor"
    chosen = page.locator("tr:target").evaluate(grounds)
    assert chosen != page.locator("tr:target + tr").evaluate(grounds)
    assert not troubles
