"""nbgrader's own pages on hostile notebooks, in a real browser: nothing runs, nothing is fetched, no score changes."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from support import browser, formgrader
from support.plain import nbgrader
from support.toy import RIGHT
from typer.testing import CliRunner

from grader.cli.main import app
from grader.course.discovery import find_course

WEEK = "week01_toy"
# gives itself points in formgrader, and tells a stranger
DOES = (
    "document.querySelectorAll('.score').forEach(box => {{ box.value = 85; box.dispatchEvent(new Event('change')) }});"
    "new Image().src = '{host}/{name}'"
)


def attacks(host):
    """{name: HTML that a page would run}."""

    def does(name):
        return DOES.format(host=host, name=name)

    return {
        "image": f'<img src="{host}/nothing.png" onerror="{does("image")}">',
        "svg": f'<svg onload="{does("svg")}"><script>{does("svgscript")}</script></svg>',
        "script": f"<script>{does('script')}</script>",
        "details": f'<details open ontoggle="{does("details")}">x</details>',
        "frame": f"<iframe srcdoc=\"<script>new Image().src='{host}/frame'</script>\"></iframe>",
        "remote": f"![]({host}/remote.png)",
        "style": f"<style>body {{ background: url({host}/style.png) }}</style>",
    }


def hostile(notebook, host):
    """The notebook with attacks in Markdown, outputs, metadata and attachments."""
    bad = attacks(host)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = "\n\n".join(["It is even.", *bad.values()]) if name == "why" else RIGHT.get(name, cell.source)
    svg = bad["svg"].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    png = '"><img src=x onerror="' + DOES.format(host=host, name="png")
    lines = ["from IPython.display import HTML, SVG, Javascript, Markdown, display"]
    lines += [f"display(HTML({text!r}), Markdown({text!r}))" for text in bad.values()]
    lines += [f"display(SVG({svg!r}))", f"display({{'image/png': {png!r}}}, raw=True)"]
    lines += [f"display(Javascript({DOES.format(host=host, name='javascript')!r}))"]
    shown = nbformat.v4.new_code_cell("\n".join(lines))
    notebook.cells.insert(1, shown)
    text = nbformat.v4.new_markdown_cell(bad["image"])
    text.metadata["tags"] = [f'x"><img src=x onerror="{DOES.format(host=host, name="tag")}"']
    notebook.cells += [text, nbformat.v4.new_raw_cell(bad["image"])]
    return notebook


def scores(gradebook):
    with closing(sqlite3.connect(gradebook)) as book:
        return sorted(book.execute("SELECT auto_score, manual_score, extra_credit FROM grade").fetchall(), key=str)


@pytest.fixture(scope="module")
def course(toy_tree, empty_gradebook, tmp_path_factory):
    if why := browser.missing():
        pytest.skip(why)
    root = tmp_path_factory.mktemp("hostile") / "course"
    shutil.copytree(toy_tree.root, root)
    shutil.copy(empty_gradebook, root)
    shutil.copy(Path(__file__).parents[2] / "nbgrader_config.py", root)
    return find_course(root, root)


@pytest.fixture(scope="module")
def walk(course, tmp_path_factory):
    """What formgrader and the feedback asked of a stranger's host; and the scores before and after."""
    week = course.week("1")
    with browser.listener() as (host, asked), browser.browser(viewport={"width": 1200, "height": 900}) as window:
        for student in ("mallory", "stock"):
            path = course.submission(week, student)
            path.parent.mkdir(parents=True)
            nbformat.write(hostile(nbformat.read(course.release(week), as_version=4), host), path)
        done = CliRunner().invoke(app, ["grade", "1", "--kernel", "python3", "--course", str(course.root)])
        assert done.exit_code == 0, done.output
        raw = nbformat.read(course.submission(week, "stock"), as_version=4)  # as another tool would have written it
        raw.cells[1].outputs = [
            nbformat.v4.new_output("display_data", {kind: text})
            for text in attacks(host).values()
            for kind in ("text/html", "text/markdown")
        ]
        nbformat.write(raw, course.autograded(week, "stock"))
        before, puts = scores(course.gradebook), []
        window.on("request", lambda request: puts.append(request.url) if request.method != "GET" else None)
        with browser.jupyter(course.root, tmp_path_factory.mktemp("jupyter")) as at:
            page = window.new_page()
            for notebook in formgrader.submissions(course.gradebook, WEEK).values():
                formgrader.open_submission(page, at, notebook)
                page.wait_for_timeout(1500)
                assert "It is even." in page.inner_text("#notebook")
        nbgrader(course.root, "generate_feedback", WEEK)
        for student in ("mallory", "stock"):
            page.goto((course.root / "feedback" / student / WEEK / f"{WEEK}.html").as_uri())
            page.wait_for_timeout(1500)
        found = list(asked)
        control = tmp_path_factory.mktemp("control") / "page.html"
        control.write_text(HTMLExporter(template_name="classic").from_notebook_node(raw)[0], encoding="utf-8")
        page.goto(control.as_uri())
        page.wait_for_timeout(1500)
        return {"asked": found, "puts": puts, "before": before, "control": asked[len(found) :]}


def test_nothing_of_a_hostile_notebook_runs_or_is_fetched_in_nbgraders_pages(walk):
    assert walk["asked"] == []


def test_no_score_changes_by_opening_a_page(walk, course):
    assert walk["puts"] == [] and scores(course.gradebook) == walk["before"]


def test_the_attacks_are_real(walk):
    """Without what nbgrader_config.py sets the same notebook does all that."""
    reached = {path.strip("/").partition(".")[0] for path in walk["control"]}
    assert {"image", "script", "details", "remote", "style", "svg"} <= reached
