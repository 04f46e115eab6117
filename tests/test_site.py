"""The site: its words and pictures, and every page in a real browser, opened as files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("book/*.ipynb"), *ROOT.glob("book/results/*/*.ipynb")])
WORDS = sorted([*ROOT.glob("book/*.md"), *ROOT.glob("book/use/*.md"), *ROOT.glob("notebooks/*.py")])
# Numbers with a decimal point that are settings or conventions, not results.
SETTINGS = {
    "method.md": {"0.001", "0.000001"},  # learning rates of the paper
    "train.py": {"0.001", "0.000001"},
    "audit.py": {"0.75"},  # an example the cell below computes with
    "complexity.py": {"0.5"},  # the width of a tolerance, in per cent
    "significance.py": {"0.05"},  # the level of the tests
}
NUMBER = r"\d+\.\d+"
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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site: `CLN_SITE` names one, else it is built, where any warning is an error."""
    if given := os.environ.get("CLN_SITE"):
        return Path(given).resolve()
    out = tmp_path_factory.mktemp("site")
    words = ["build", "-W", "-n", "--keep-going", "--path-output", str(out), "book/"]
    command = shutil.which("jupyter-book", path=f"{Path(sys.executable).parent}")
    done = subprocess.run([command, *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out / "_build" / "html"


def _html(site):
    """The pages of the contents (not the listings of the code)."""
    skipped = ("_modules", "_static", "genindex", "search", "py-modindex")
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
    soup = BeautifulSoup((site / "audit.html").read_text(), "html.parser")
    rows = soup.select_one("table.ledger").tbody.find_all("tr")
    links = [row.find("a", href=re.compile("_modules/")) for row in rows]
    assert len(rows) > 200 and all(links)
    for link in links[::20]:
        file, line = link.get_text().split(":")
        assert link["href"].endswith(f"#line-{line}")
        assert (ROOT / file).read_text().splitlines()[int(line) - 1].startswith("def ")


@pytest.fixture(scope="module")
def browser():
    """Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    with playwright.sync_playwright() as running:
        own = Path(running.chromium.executable_path)
        path = next((name for name in found if name), own if own.exists() else None)
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
    page.on("console", lambda m: m.type == "error" and troubles.append(f"{page.url}: {m.text}"))
    page.on("request", lambda r: not r.url.startswith((site.as_uri(), "data:", "blob:"))
            and troubles.append(f"{page.url}: asks for {r.url}"))  # fmt: skip
    return page, troubles


def _violations(page):
    """What axe-core calls serious or critical on a page, as rule and element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Rows, and entries of the API, that are like those before them would take minutes.
    alike = ["table tbody tr:nth-child(n+4)", "dl.py ~ dl.py ~ dl.py"]
    options = {
        "resultTypes": ["violations"],
        "preload": False,  # asks for style sheets, which a page opened as a file may not
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }
    found = axe.run(page, context={"exclude": [[each] for each in alike]}, options=options)
    grave = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    return {(v["id"], node["target"][0]) for v in grave for node in v["nodes"]}


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_in_a_browser(site, browser, width, theme):
    """Whole, quiet, self-contained and accessible, on a desk and in the hand, by day and night."""
    page, troubles = _open(browser, site, width, theme)
    known = json.loads((Path(__file__).parent / "browser" / "theme_violations.json").read_text())
    for name in _html(site):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        if page.evaluate("document.documentElement.scrollWidth") > width:
            troubles.append(f"{name}: wider than {width} pixels")
        if page.evaluate("[...document.images].some(i => i.complete && !i.naturalWidth)"):
            troubles.append(f"{name}: a picture is missing")
        for rule, element in sorted(_violations(page)):
            if not any(re.search(pattern, element) for pattern in known.get(rule, [])):
                troubles.append(f"{name}: {rule}: {element}")
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
        page.select_option("select[name=study]", name)
        page.select_option("select[name=finding]", study["findings"][0])
        shown = page.inner_text(".explore-numbers caption")
        run = next(run for run in study["runs"] if run["label"] == shown)
        for at in (0, len(study["thresholds"]) - 1):
            page.fill("input[name=threshold]", str(at))
            numbers = page.inner_text(".explore-numbers tbody")
            value = run["accuracy"][0][at][0]
            assert f"T = {study['thresholds'][at]:g}" in numbers
            assert value is None or f"{value + 1e-9:.2f}" in numbers
        told = page.locator(".explore-examples figcaption").all_inner_texts()
        assert told and all(study["findings"][0] in text for text in told)
        images = page.locator(".explore-examples image").count()
        assert images == (len(told) if name == "phantom" else 0)
    assert not troubles


@pytest.mark.slow
def test_the_ledger_can_be_searched_and_sorted(site, browser):
    """The field leaves the rows with all its words; a head's button sorts, and says so."""
    page, troubles = _open(browser, site, 1280, "light")
    page.goto((site / "audit.html").as_uri())
    rows = page.locator("table.ledger tbody tr:visible")
    every = rows.count()
    page.get_by_label("Search this table").first.fill("flatten network")
    assert 0 < rows.count() < every
    assert all("flatten" in text.lower() for text in rows.all_inner_texts())
    page.get_by_label("Search this table").first.fill("")
    for way in ("ascending", "descending"):
        page.locator("table.ledger th button", has_text="id").first.click()
        assert page.locator("table.ledger th").first.get_attribute("aria-sort") == way
        ids = page.locator("table.ledger tbody tr td:first-child").all_inner_texts()
        first, last = (ids[0], ids[-1])[:: 1 if way == "ascending" else -1]
        assert first[0] <= last[0] and len(ids) == every
    assert not troubles
