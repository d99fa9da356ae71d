"""What is written to autograded/ holds nothing that a page would run, open or fetch; and honest text stays itself."""

import re
import time

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.filters.markdown_mistune import markdown2html_mistune as markdown2html

from grader.grading import harmless

PIXEL = "iVBORw0KGgo="


def active(html: str) -> list[str]:
    """What in a page would run, lead to code or fetch something."""
    found = []
    for tag in BeautifulSoup(html, "html.parser").find_all(True):
        if tag.name in ("script", "iframe", "object", "embed", "link", "meta", "base", "form", "svg", "style", "math"):
            found.append(f"<{tag.name}>")
        for name, value in tag.attrs.items():
            text = re.sub(r"[\s\x00-\x20]", "", " ".join(value) if isinstance(value, list) else value).lower()
            if name.startswith("on") or name in ("srcdoc", "formaction", "action", "data", "poster", "background"):
                found.append(f"{name}=")
            if name in ("href", "src", "xlink:href") and re.match(r"(java|vb)script:|data:text", text):
                found.append(f"{name}={text[:20]}")
            if name == "src" and not text.startswith(("data:image/", "data:audio/", "data:video/")):
                found.append(f"fetches {text[:30]}")
    return found


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<IMG\nSRC=x\tonError = alert(1) >",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php <img src=x onerror=alert(1)> ?>",
    "a <b onmouseover=alert(1)>bold</b> move",
    "<details open ontoggle=alert(1)>x</details>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\njavascript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\\script:alert(1))",
    "[x](vbscript:msgbox)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "![](http://elsewhere.example/pixel.png)",
    "![x][1]\n\n[1]: http://elsewhere.example/pixel.png",
    "![](/formgrader/api/assignments)",
    '![x" onerror="alert(1)](attachment:a.png)',
    '[x](http://a.example "t\\" onclick=alert(1) \\"")',
    "<iframe src=//elsewhere.example></iframe>",
    "<form action=/formgrader/api><input></form>",
    "<style>body{background:url(//elsewhere.example)}</style>",
    "<base href=//elsewhere.example>",
    "<meta http-equiv=refresh content='0;url=//elsewhere.example'>",
    "```mermaid\ngraph TD; a[<img src=x onerror=alert(1)>]\n```",
    "~~~\n<img src=x onerror=alert(1)>\n~~~\n<img src=x onerror=alert(1)>",
    "`` ` <img src=x onerror=alert(1)> ``",
    "$<img src=x onerror=alert(1)>$",
    "$$\n</script><img src=x onerror=alert(1)>\n$$",
    "    <img src=x onerror=alert(1)>\n\n<img src=x onerror=alert(1)>",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <img src=x onerror=alert(1)>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_runs_and_fetches_nothing(text):
    assert active(markdown2html(harmless.markdown(text))) == []
    assert active(markdown2html(harmless.markdown(harmless.markdown(text)))) == [], "also where it is done twice"


def test_most_of_these_are_active_as_they_are():
    def shown(text):
        try:
            return active(markdown2html(text))
        except Exception:
            return ["an error"]

    assert sum(bool(shown(text)) for text in HOSTILE) >= 20


PIECES = ["<", ">", "img src=x onerror=alert(1)", "script", "/", "!--", "-->", "](", "[x", ")", "javascript:", "`"]
PIECES += ["$", "\n", "\\", '"', "'", "&lt;", "&#60;", "data:text/html,", "b", "]: ", "!", "http://a.example/"]
PIECES += ["```", " ", "=", "svg", "attachment:a.png"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_no_text_made_of_such_pieces_does(text):
    assert active(markdown2html(harmless.markdown(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "**Bold**, *italics*, `code`, and <b>tags</b> with <br> and <sub>2</sub>.",
        "If $a < b$ and $b > 1$, then 3 < 4; see [the paper](https://arxiv.org/abs/2006.11239) and <https://example.org>.",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "$f[x](y + z) = \\left[ a \\right](b)$ and $\\alpha_t$".replace("[x](y", "[x] (y").replace("](b)", "] (b)"),
        "<details><summary>More</summary>\n\ntext\n\n</details>",
        "A note[^1] and a list:\n\n- one\n- two",
        "[section](#limits), [file](../README.md), [mail](mailto:a@example.org)",
    ],
)
def test_honest_text_stays_as_it_is(text):
    assert harmless.markdown(text) == text


def test_pictures_that_were_pasted_in_are_shown_and_no_others():
    text = "![my plot](attachment:my%20plot.png) ![gone](attachment:gone.png)"
    assert harmless.markdown(text, {"my plot.png"}) == text.replace("![gone]", "[gone]")


def test_a_comparison_before_a_letter_is_still_read_as_one():
    assert "a&lt;b" in markdown2html(harmless.markdown("where a<b holds")).replace("&amp;lt;", "&lt;")


OUTPUTS = {
    "text/html": "<b onclick=alert(1)>x</b><script>alert(1)</script><img src=//a.example><iframe src=//a.example>",
    "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "application/javascript": "alert(1)",
    "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
    "text/markdown": "<img src=x onerror=alert(1)>",
    "image/png": '"><img src=x onerror=alert(1)>',
    "text/latex": "$\\href{javascript:alert(1)}{x}$",
}


def notebook(**parts):
    cells = [nbformat.v4.new_markdown_cell("<img src=x onerror=alert(1)>"), nbformat.v4.new_code_cell("1")]
    for kind, value in parts.get("outputs", OUTPUTS).items():
        about = {"image/png": {"width": '1 onerror="alert(1)"', "height": 3, "alt": '"><b>'}}
        cells[1].outputs.append(nbformat.v4.new_output("display_data", {kind: value}, metadata=about))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"x": "</script><img src=x onerror=1>"}}
    made.cells[0].metadata = {"tags": ['x"><img src=x onerror=alert(1)>', "kept"], "slideshow": {"x": "<b>"}}
    made.cells[0].attachments = {
        "a.png": {"image/png": PIXEL},
        "b.html": {"text/html": "PGI+"},
        'c".png': {"image/png": PIXEL},
        "d.png": {"image/png": '"><b>'},
    }
    return made


def test_outputs_metadata_and_attachments():
    given_ = notebook()
    made = harmless.harmless(given_)
    nbformat.validate(made)
    data = [output.data for output in made.cells[1].outputs]
    assert data[0] == {"text/html": "<b>x</b><img>"}
    assert (
        data[1]["text/html"].startswith('<img src="data:image/svg+xml;base64,') and active(data[1]["text/html"]) == []
    )
    for kind in (2, 3, 5):
        assert list(data[kind]) == ["text/plain"] and "Left out here" in data[kind]["text/plain"]
    assert data[4] == {"text/markdown": "&lt;img src=x onerror=alert(1)>"}
    assert "\\href" not in data[6]["text/latex"]
    assert made.cells[1].outputs[0].metadata == {"image/png": {"height": 3, "alt": "&quot;&gt;&lt;b&gt;"}}
    assert made.cells[0].metadata == {"tags": ["kept"]} and "widgets" not in made.metadata
    assert made.cells[0].attachments == {"a.png": {"image/png": PIXEL}}
    assert given_ == notebook() or given_.cells[1].outputs == notebook().cells[1].outputs, "the one given is left alone"


def test_the_courses_own_text_stays_as_it_is():
    made = notebook()
    made.cells[0].source = own = '<div class="alert">Read <a href="x.html" onclick="ours()">this</a></div>'
    assert harmless.harmless(made, {own}).cells[0].source == own
    assert harmless.harmless(made).cells[0].source != own


def test_players_and_tables_are_shown():
    player = f'<audio controls=""><source src="data:audio/wav;base64,{PIXEL}" type="audio/wav"></audio>'
    assert harmless.page(player) == player
    table = '<table><tbody><tr><td colspan="2" style="text-align:right">1</td></tr></tbody></table>'
    assert "text-align" in harmless.page(table) and "<table>" in harmless.page(table)


@pytest.mark.parametrize(
    "text",
    ["<" * 3_000_000, "<div>" * 300_000, "](" * 1_000_000, "![" * 1_000_000, "\\href" * 500_000, "a" * 7_000_000],
)
def test_long_texts_take_no_longer_than_they_are(text):
    began = time.process_time()
    harmless.page(text)
    harmless.markdown(text)
    assert time.process_time() - began < 20
