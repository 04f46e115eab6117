"""Print the whole book as one PDF with a headless Chromium, without LaTeX.

python scripts/print_book.py build/cln-companion.pdf
"""

import datetime
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bs4 import BeautifulSoup

import clnlib

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 665  # CSS pixels between the margins of `print_book.css`: 176 mm
NO_CHROMIUM = (
    "no PDF: Chromium prints it, and there is none; get it from your system's packages "
    "or by: python -m playwright install chromium"
)
NOT_ON_PAPER = (
    "On the site this page is interactive: choose a run, a threshold and a finding. "
    "The results pages of this book hold the same numbers."
)
# A table wider than the page shrinks; below half its size nobody could read it.
FIT = """width => document.querySelectorAll('table:not(.ledger)').forEach(table => {
    const wide = table.scrollWidth
    if (wide > width) table.style.zoom = Math.max(0.5, width / wide)
})"""


def chromium(own: str) -> Path | None:
    """The system's Chromium, else Playwright's `own`, else None."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    path = Path(next(filter(None, found), own))
    return path if path.exists() else None


def on_paper(html: str) -> str:
    """Make the book on one page, as Sphinx's `singlehtml` writes it, ready for paper.

    It gets a cover; what is folded is opened; what only works on a screen goes: scripts except the
    formulas', the explorer, links into the site's folders.
    """
    soup = BeautifulSoup(html, "html.parser")
    soup.html["data-theme"] = "light"
    for script in soup.find_all("script"):
        if "mathjax" not in f"{script.get('src')}{script.string}".lower():
            script.decompose()
    for folded in soup.find_all("details"):
        _unfold(folded)
    if explorer := soup.find("div", id="explore"):
        explorer.replace_with(_paragraph(soup, NOT_ON_PAPER))
    for link in soup.find_all("a", href=True):
        _lead(soup, link)
    _cover(soup)
    return str(soup)


def _unfold(folded) -> None:
    """Open it, without its downloads and the words "Hide …"; nothing left: drop it."""
    folded["open"] = ""
    for item in folded.find_all("li"):
        if item.find("a", class_="download"):
            item.decompose()
    for title in folded.select("summary .expanded"):
        title.decompose()
    for title in folded.select("summary .collapsed"):
        title["class"].remove("collapsed")
    if not folded.find(["li", "pre"]):
        folded.decompose()


def _lead(soup: BeautifulSoup, link) -> None:
    """Let a link lead to a place in the book or to the web, else make it plain text."""
    page, _, place = link["href"].partition("#")
    if page == "index.html":
        # The writer names the references so; their numbers are not theirs alone, but they are last.
        same = soup.find_all(id=[place, f"last-{place}"])
        if same:
            same[-1]["id"] = f"last-{place}"
            link["href"] = f"#last-{place}"
    elif page and not re.match(r"(https?|mailto):", page):
        link.unwrap()


def _paragraph(soup: BeautifulSoup, text: str):
    tag = soup.new_tag("p")
    tag.string = text
    return tag


def _cover(soup: BeautifulSoup) -> None:
    """Logo, title, the first page's words up to the citation, version and date."""
    inside = soup.find(id="jb-print-docs-body")
    first = soup.select_one("article p").get_text()
    today = datetime.date.today()
    cover = soup.new_tag("div", attrs={"class": "cover"})
    cover.append(soup.new_tag("img", src="_static/logo.svg", alt=""))
    cover.append(inside.h1.extract())
    cover.append(_paragraph(soup, first.partition("(")[0].strip()))
    cover.append(_paragraph(soup, f"Version {clnlib.__version__}, {today.day} {today:%B %Y}"))
    cover.append(_paragraph(soup, "Research software, not for clinical use"))
    inside.insert_before(cover)


def write_pdf(browser, page: Path, pdf: Path) -> None:
    """Print an HTML file."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    tab.emulate_media(media="print", color_scheme="light")
    tab.goto(page.as_uri(), wait_until="load")
    tab.add_style_tag(path=Path(__file__).with_suffix(".css"))
    tab.evaluate("async () => { if (window.MathJax) await MathJax.startup.promise }")
    tab.evaluate(FIT, WIDTH)
    # The outline is made of the tags a screen reader needs as well.
    tab.pdf(path=pdf, prefer_css_page_size=True, print_background=True, tagged=True, outline=True)


def main() -> None:
    from playwright.sync_api import sync_playwright

    pdf = Path(sys.argv[1])
    with sync_playwright() as running:
        path = chromium(running.chromium.executable_path)
        if path is None:
            raise SystemExit(NO_CHROMIUM)
        subprocess.run([sys.executable, "-m", "clnbook.site"], check=True, cwd=ROOT)
        command = [Path(sys.executable).parent / "jupyter-book", "build", "--builder", "singlehtml"]
        options = ["-W", "-n", "--keep-going", "--path-output", ".", "build/book/"]
        subprocess.run([*command, *options], check=True, cwd=ROOT)
        book = ROOT / "_build" / "singlehtml" / "index.html"
        page = book.with_name("paper.html")
        page.write_text(on_paper(book.read_text(encoding="utf-8")), encoding="utf-8")
        pdf.parent.mkdir(parents=True, exist_ok=True)
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        write_pdf(browser, page, pdf)
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
