"""Links in pages and notebooks: files that are there, headings that are there, addresses that are well-formed."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from grader.authoring.tables import BADGE
from grader.course.discovery import find_course

ROOT = Path(__file__).parents[2]
COURSE = find_course(ROOT)
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("grader/*.md"),
    *ROOT.glob("datasets/*.md"),
    *ROOT.glob("weeks/**/*.md"),
    *ROOT.glob("weeks/*/*.ipynb"),
    *ROOT.glob("solutions/*/*.ipynb"),
]
LINK = re.compile(r"(?<!\\)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
BARE = re.compile(r"(?<![(<\"'\w])https?://[^\s)>\]\"'`]+")
HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


@cache
def text_of(path):
    """A page's text, a notebook's markdown cells, without what is set as code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


@cache
def anchors(path):
    """The headings of a page, as GitHub makes anchors of them."""
    heads = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def fault(path, link):
    """What is wrong with a link that stands on a page; "" where nothing is."""
    parts = urlsplit(link)
    if parts.scheme:
        if parts.scheme not in ("http", "https", "mailto"):
            return f"the scheme {parts.scheme}"
        if parts.scheme == "mailto":
            return ""
        if parts.scheme == "http" or not HOST.fullmatch(parts.hostname or ""):
            return "not https, or no host"
        return "a dot at its end" if link.endswith((".", ",")) else ""
    target = path.parent / unquote(parts.path) if parts.path else path
    if not target.exists():
        return "no such file"
    if ROOT not in target.resolve().parents and target.resolve() != ROOT:
        return "leads out of the tree"
    if parts.fragment and target.suffix == ".md" and unquote(parts.fragment) not in anchors(target):
        return "no such heading"
    return ""


def links(path):
    text = text_of(path)
    return LINK.findall(text) + BARE.findall(LINK.sub("](x)", text))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_are_well_formed(path):
    wrong = [f"{link}: {why}" for link in links(path) if (why := fault(path, link))]
    assert not wrong


def test_faults_are_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "a.md").write_text(
        "# One, two\n[1](a.md#one-two) [2](#one-two) [3](https://x.org/a_(b)) [4](b.md) [5](a.md#three) "
        "[6](http://x.org) [7](https://localhost/x) [8](../../etc) [9](ftp://x.org) and https://y.org/z. `[10](no)`"
    )
    found = {link: fault(tmp_path / "a.md", link) for link in links(tmp_path / "a.md")}
    good = ["a.md#one-two", "#one-two", "https://x.org/a_(b)"]
    assert [link for link, why in found.items() if not why] == good
    assert len(found) == 10 and found["b.md"] == "no such file" and found["a.md#three"] == "no such heading"


def test_students_copies_link_to_nothing_that_they_lack():
    """Pages that students get must not lead into what .gitattributes keeps back."""
    kept = [
        ROOT / line.split()[0].strip("/")
        for line in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
        if line.endswith("export-ignore")
    ]
    for path in PAGES:
        if any(place == path or place in path.parents for place in kept):
            continue
        for link in links(path):
            target = (path.parent / unquote(urlsplit(link).path)).resolve()
            assert urlsplit(link).scheme or not any(place == target or place in target.parents for place in kept), (
                f"{path.relative_to(ROOT)} links to {link}"
            )


@pytest.mark.parametrize("week", COURSE.weeks.values(), ids=lambda week: week.slug)
def test_every_week_has_its_badge(week):
    address = (
        f"https://colab.research.google.com/github/{COURSE.repository}/blob/{COURSE.branch}"
        f"/weeks/{week.slug}/{week.file}"
    )
    badge = f"[![Open in Colab]({BADGE})]({address})"
    first = nbformat.read(COURSE.release(week), as_version=4).cells[0].source
    assert first.startswith(badge), "at the top of the notebook"
    assert (ROOT / "colab_links.md").read_text(encoding="utf-8").count(badge) == (not week.draft)
    assert (ROOT / "weeks" / week.slug / week.file).is_file(), "and where it leads there is the notebook"
