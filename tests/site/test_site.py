"""The course as pages: whole, quiet about what students must not see, and fit for every reader."""

import gzip
import http.server
import json
import re
import subprocess
import sys
import threading
import tomllib
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from support import browser, turns

from grader.course.discovery import find_course
from grader.course.questions import is_answer

ROOT = Path(__file__).parents[2]
COURSE = find_course(ROOT)
WEEKS = [week for week in COURSE.weeks.values() if not week.draft]
SITE = ROOT / "docs" / "site"
LONG = 24  # letters of a line of code that is nobody else's


def build(folder):
    """The pages, with notebooks as they are handed out: executing them is what `make site` takes its time for."""
    command = [sys.executable, str(SITE / "build.py"), "--unexecuted", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return build(tmp_path_factory.mktemp("site") / "html")


@pytest.fixture(scope="session")
def pages(site):
    """{path from the site's root: its soup}."""
    return {
        path.relative_to(site).as_posix(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts  # the theme's own pieces
    }


def test_every_week_is_a_page_with_its_buttons(pages, site):
    for week in WEEKS:
        soup = pages[f"weeks/{week.slug}.html"]
        links = {link.get_text(): link["href"] for link in soup.select(".facts a")}
        assert links["Open in Colab"].endswith(f"/weeks/{week.slug}/{week.slug}.ipynb")
        handed_out = (site / "weeks" / links["Get the notebook"]).resolve()
        assert nbformat.read(handed_out, 4) == nbformat.read(COURSE.release(week), 4)
        text = soup.get_text()
        assert f"{week.points:g} points" in text and "Read on" in text and "Builds on" in text
        assert f"weeks/{week.slug}.html" in {link["href"] for link in pages["index.html"].select(".sd-card a")}


# --- what must not be told --------------------------------------------------------------------------------------------


def lines_of(text):
    return {line.strip() for line in text.splitlines() if len(line.strip()) >= LONG}


def secrets():
    """Lines of code of solutions, hidden checks and known answers that stand nowhere in what students get."""
    told = [(ROOT / "grader" / "README.md").read_text(encoding="utf-8")]
    for path in [*(ROOT / "weeks").rglob("*"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "datasets").rglob("*.py")]:
        if path.suffix in {".py", ".md"}:
            told.append(path.read_text(encoding="utf-8"))
        elif path.suffix == ".ipynb":
            told += [cell.source for cell in nbformat.read(path, 4).cells]
    open_, found = "\n".join(told), set()
    for week in WEEKS:
        for cell in filter(is_answer, nbformat.read(COURSE.solution(week), 4).cells):
            found |= lines_of(cell.source)
        for path in (ROOT / "grader" / "rubrics" / week.slug).rglob("*"):
            if path.suffix in {".py", ".md"}:
                found |= lines_of(path.read_text(encoding="utf-8"))
    # of what rubrics share with all modules, such as imports, nothing is secret
    return {line for line in found if not line.startswith(("from ", "import ", "#")) and line not in open_}


def test_no_solution_rubric_or_known_answer_is_on_it(site):
    hidden = secrets()
    assert len(hidden) > 1000
    for path in sorted(site.rglob("*")):
        if path.suffix in {".html", ".js", ".json", ".txt", ".inv", ".ipynb"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            if path.suffix == ".html":
                text = unescape(re.sub(r"<[^>]+>", "", text))
            assert "CROSSMODAL-RUBRIC" not in text and "### BEGIN HIDDEN" not in text, path
            found = [line for line in hidden if line in text]
            assert not found, (path, found[:3])


def test_a_secret_would_be_found(pages):
    """A line of a solution, as a page would show it."""
    line = next(line for line in sorted(secrets()) if "<" not in line and "return" in line)
    shown = "".join(f'<span class="n">{word}</span> ' for word in line.split(" ")).strip()
    assert line in unescape(re.sub(r"<[^>]+>", "", shown))


# --- whole ------------------------------------------------------------------------------------------------------------


def test_every_link_leads_somewhere(pages, site):
    ids = {name: {tag["id"] for tag in soup.select("[id]")} for name, soup in pages.items()}
    lost = []
    for name, soup in pages.items():
        for tag in soup.select("[href], [src]"):
            link = tag.get("href") or tag.get("src")
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//") or not (parts.path or parts.fragment):
                continue
            target = (site / name).parent / unquote(parts.path) if parts.path else site / name
            inside = target.resolve().relative_to(site.resolve()).as_posix()
            if not target.exists() or (parts.fragment and inside in ids and unquote(parts.fragment) not in ids[inside]):
                lost.append((name, link))
    assert lost == []


def test_videos_are_links_that_can_be_followed():
    videos = tomllib.loads((SITE / "videos.toml").read_text(encoding="utf-8"))
    assert set(videos) <= {week.slug for week in COURSE.weeks.values()}
    for video in (video for listed in videos.values() for video in listed):
        parts = urlsplit(video["url"])
        assert parts.scheme == "https" and parts.netloc and all(video[name].strip() for name in ("title", "who", "why"))


def test_only_what_changed_is_made_again(site):
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*.html")}
    build(site)
    again = [path for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert len(again) <= 3, again  # the search page, the index of names


# --- for every reader -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served, on this machine."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.func.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sent(site, url):
    """Bytes of a file on their way to a reader: whoever serves pages compresses text."""
    path = site / unquote(urlsplit(url).path).lstrip("/")
    content = path.read_bytes() if path.is_file() else b""
    return len(gzip.compress(content)) if path.suffix in {".html", ".css", ".js", ".svg"} else len(content)


@pytest.fixture(scope="module")
def visits(site, pages, address, pytestconfig):
    """What a browser that reaches nothing else sees of every page: requests, bytes, width, and what axe finds.

    Pages take turns by day, the first one is there always.
    """
    if why := browser.missing():
        pytest.skip(why)
    from axe_playwright_python.sync_playwright import Axe

    axe, seen = Axe(), {}
    rules = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    with browser.browser(viewport={"width": 390, "height": 800}) as window:
        page = window.new_page()
        asked, size = [], {}
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: size.update({answer.url: sent(site, answer.url)}))
        names = list(pages)
        if pytestconfig.getoption("take_turns"):
            names = sorted({"index.html", *turns.share(names, turns.PAGES, turns.today())})
        for name in names:
            asked.clear()
            size.clear()
            page.goto(f"{address}/{name}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            found = axe.run(page, options=rules).response["violations"]
            serious = [
                (one["id"], [node["html"][:120] for node in one["nodes"][:2]])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            strange = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
            seen[name] = {"strange": strange, "bytes": sum(size.values()), "wide": wide, "serious": serious}
    return seen


def test_no_page_asks_anybody_else(visits):
    assert {name: seen["strange"] for name, seen in visits.items() if seen["strange"]} == {}


def test_the_first_page_is_light(visits):
    assert visits["index.html"]["bytes"] < 1_000_000


def test_every_page_fits_a_phone(visits):
    assert {name: seen["wide"] for name, seen in visits.items() if seen["wide"] > 390} == {}


def test_axe_finds_nothing_serious(visits):
    assert json.dumps({name: seen["serious"] for name, seen in visits.items() if seen["serious"]}, indent=1) == "{}"


def test_a_figure_has_the_words_that_it_came_with(tmp_path):
    """And not the name of its file, which axe takes for words."""
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    shown = nbformat.v4.new_output("display_data", {"image/png": pixel}, metadata={"image/png": {"alt": "A red star"}})
    cell = nbformat.v4.new_code_cell("show()", outputs=[shown])
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Week"), cell]), tmp_path / "a.ipynb"
    )
    (tmp_path / "index.md").write_text("# All\n\n```{toctree}\na\n```\n")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-c",
        str(SITE),
        "-q",
        str(tmp_path),
        str(tmp_path / "html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    soup = BeautifulSoup((tmp_path / "html" / "a.html").read_text(encoding="utf-8"), "html.parser")
    assert [image["alt"] for image in soup.select("div.cell_output img")] == ["A red star"]
