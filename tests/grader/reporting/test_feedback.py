"""Pages made from submissions: honest figures, and nothing a submission says ever becomes markup."""

import base64
import hashlib
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image, PngImagePlugin

from coursekit import audio
from grader.course.discovery import find_course
from grader.records.by_hand import ByHand, Person
from grader.records.grade import CheckResult, Evidence, Grade, QuestionResult
from grader.records.scores import Score
from grader.reporting import class_report, feedback, html

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{ 7*7 }}\x1b[31m\u202eevil"
BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
SYLLABUS = Path(__file__).resolve().parents[3] / "weeks" / "course.toml"


def png(size=(64, 64), colour="red", **save) -> str:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG", **save)
    return base64.b64encode(data.getvalue()).decode()


def check(name="rows", passed=True, message="", hidden=False, weight=1.0, evidence=()):
    return CheckResult(name, f"{name} are right", weight, passed, message, hidden, 0.01, list(evidence))


def question(name="cosine", points=1.0, max_points=2.0, status="judged", answered=True, checks=None, note=""):
    checks = [check(), check("columns", False, "found 3", hidden=True)] if checks is None else checks
    return QuestionResult(name, f"check_{name}", max_points, points, status, answered, note, checks)


def grade(student="ada", questions=None, **kwargs):
    questions = [question()] if questions is None else questions
    points = sum(q.points for q in questions)
    most = sum(q.max_points for q in questions)
    return Grade("week01_clip", student, "graded", "", points, most, questions, **kwargs)


@pytest.fixture
def course(tmp_path):
    (tmp_path / "weeks" / "week01_clip").mkdir(parents=True)
    (tmp_path / "weeks" / "course.toml").write_text(SYLLABUS.read_text(encoding="utf-8"), encoding="utf-8")
    cells = [
        new_markdown_cell("## 3 · Which *caption* fits?\n\nText."),
        new_code_cell("...", metadata={"nbgrader": {"grade_id": "cosine", "solution": True, "grade": False}}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "weeks" / "week01_clip" / "week01_clip.ipynb")
    return find_course(tmp_path)


class Parsed(HTMLParser):
    """The tags and attributes a browser would see."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


def assert_harmless(page):
    parsed = Parsed(page)
    assert not {"script", "iframe", "object", "embed", "form", "base", "link", "foreignobject"} & set(parsed.tags)
    for tag, name, value in parsed.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style"
        if name == "src":
            assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", value)
        if name == "href":
            assert value.startswith(("#q", "students/")) or value in ("#help", "#repairs"), value
    assert "\x1b" not in page and "\u202e" not in page
    return parsed


def test_hostile_text_stays_text_everywhere(course):
    evil = Evidence(HOSTILE, png())
    checks = [CheckResult(HOSTILE, HOSTILE, 1.0, False, HOSTILE, True, 0.1, [evil])]
    one = QuestionResult(HOSTILE, HOSTILE, 2.0, 0.0, "judged", True, HOSTILE, checks)
    all_bad = grade(HOSTILE, [one], repairs=[HOSTILE], log=[HOSTILE], versions={HOSTILE: HOSTILE}, graded_at=HOSTILE)
    notebook = new_notebook(
        cells=[new_code_cell(HOSTILE, metadata={"nbgrader": {"grade_id": HOSTILE, "solution": True}})]
    )
    week = course.week("1")
    parsed = assert_harmless(feedback.page(course, week, all_bad, notebook))
    assert "<script>alert(1)</script>" in "".join(parsed.text), "it is shown, as text"
    assert "{{ 7*7 }}" in "".join(parsed.text)
    refused = Grade("week01_clip", HOSTILE + "2", "not gradable", HOSTILE, 0, 30)
    assert_harmless(feedback.page(course, week, refused))
    assert_harmless(class_report.page(course, week, [all_bad, refused]))


def test_policy_allows_this_style_sheet_and_nothing_else(course):
    page = feedback.page(course, course.week("1"), grade())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "http" not in style and "url(" not in style


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not base64!",
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 50).decode(),
        png()[:100],
        None,
        42,
    ],
)
def test_what_is_no_png_is_no_picture(data):
    assert html.picture(data) is None


def test_a_jpeg_and_a_picture_too_large_are_refused(monkeypatch):
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "JPEG")
    assert html.picture(base64.b64encode(data.getvalue()).decode()) is None
    monkeypatch.setattr(html, "MAX_PIXELS", 63 * 64)
    assert html.picture(png()) is None


def test_pictures_are_written_anew():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "<script>smuggled</script>")
    shown = html.picture(png(pnginfo=info) + "\n", "a caption")
    decoded = base64.b64decode(shown.src.partition(",")[2])
    assert b"smuggled" not in decoded
    assert np.asarray(Image.open(io.BytesIO(decoded)))[0, 0].tolist() == [255, 0, 0]
    assert (shown.width, shown.height, shown.caption) == (64, 64, "a caption")


def test_a_large_picture_reaches_the_page_whole(course):
    noise = np.random.default_rng(0).integers(0, 256, size=(200, 300, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "PNG")
    shown = Evidence("noise", base64.b64encode(data.getvalue()).decode())
    page = Parsed(feedback.page(course, course.week("1"), grade("ada", [question(checks=[check(evidence=[shown])])])))
    (src,) = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    with Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2], validate=True))) as image:
        assert (np.asarray(image) == noise).all()


def test_a_sound_has_a_player_below_its_spectrogram(course):
    sound = audio.sound(np.sin(np.arange(4000)))
    shown = Evidence("a hum", png((480, 120)), base64.b64encode(sound.wav()).decode())
    page = feedback.page(course, course.week("1"), grade("ada", [question(checks=[check(evidence=[shown])])]))
    (src,) = [value for tag, name, value in Parsed(page).attributes if (tag, name) == ("audio", "src")]
    assert base64.b64decode(src.removeprefix("data:audio/wav;base64,")) == sound.wav()
    assert "media-src data:;" in page


def test_backticks_set_code_and_nothing_else():
    assert html.code("`a<b` is not `c`, said `d") == "<code>a&lt;b</code> is not <code>c</code>, said `d"
    assert html.code("`<i>") == "`&lt;i&gt;" and html.code("") == ""


def test_page_tells_points_claims_messages_and_marks(course):
    questions = [
        question(checks=[check(weight=1), check("columns", False, "found 3. Are images the rows?", True, weight=3)]),
        question("gap", 0, 3, answered=False, checks=[check("gap", False, "not answered yet.")]),
        question("essay", 0, 2, status="manual", checks=[]),
        question("late", 0, 1, status="not judged", checks=[], note="the kernel had ended"),
    ]
    text = " ".join(Parsed(feedback.page(course, course.week("1"), grade("ada", questions))).text)
    text = " ".join(text.split())
    assert "3 · Which caption fits?" in text, "the heading of the released notebook"
    assert "found 3. Are images the rows?" in text and "columns are right" in text
    assert "1.5 points, weight 3 of 4 · a check your notebook does not have" in text
    assert "0.5 points, weight 1 of 4 · also in your notebook" in text
    assert "1 of 6 points" in text, "the points a person gives are not in the sum"
    assert "2 more points are given by a person who reads your text: Essay." in text
    assert "the kernel had ended" in text
    assert "1 question is partly right, 1 is not answered yet and 1 is not judged." in text


def test_page_has_what_a_person_gave(course):
    essay, other = (question(name, 0, 2, status="manual", checks=[]) for name in ("essay", "other"))
    graded = grade("ada", [question(), question("gap", 0, 3), essay, other])
    entered = ByHand(
        manual={"check_gap": 2.5, "check_essay": 1.5, "check_other": 1.0},
        extra={"check_essay": 0.25},
        waiting={"check_other"},
        comments={"essay": f"Well argued. {HOSTILE}"},
        penalty=1.0,
    )
    points = {"cosine": 1.0, "gap": 2.5, "essay": 1.75, "other": 1.0}
    score = Score(graded, Person(), 5.25, points, 0.25, 1.0, ["other"], entered)
    parsed = assert_harmless(feedback.page(course, course.week("1"), graded, score=score))
    text = " ".join(" ".join(parsed.text).split())
    assert "4.25 of 7 points" in text, "1 + 2.5 + 1.75 - 1: the text that has to be read again does not count yet"
    assert "2 more points are given by a person who reads your text: Other." in text
    assert "0.25 of the points are extra credit." in text and "1 point is taken off because this was handed" in text
    assert "A person looked at this and set the score. The checks had given 0." in text
    assert "1.75 of 2" in text and "Well argued. " in text
    path = feedback.write(course, course.week("1"), graded)
    before = path.read_bytes()
    feedback.write(course, course.week("1"), graded, score)
    assert path.read_bytes() != before, "what a person gives makes another page"


def test_evidence_stands_with_its_check_and_is_no_figure_of_the_students(course):
    shown = new_output("display_data", {"image/png": png()})
    judged = {"nbgrader": {"grade_id": "check_one", "grade": True, "solution": False}}
    cells = [new_code_cell("1", metadata={"nbgrader": {"grade_id": "one", "solution": True}})]
    cells.append(new_code_cell("check('one')", metadata=judged, outputs=[shown]))
    assert feedback.answers_and_figures(new_notebook(cells=cells), {"one"}) == {"one": ("1", [])}


def test_report_says_who_needs_help_and_which_mistake_was_the_usual_one(course):
    week = course.week("1")
    half = question(points=1, checks=[check(), check("columns", False, "found 3")])
    none = question(points=0, checks=[check(passed=False, message="no"), check("columns", False, "found 3")])
    empty = question(points=0, answered=False, checks=[check(passed=False)])
    refused = Grade("week01_clip", "f", "not gradable", "The file is empty.", 0, 2)
    grades = [grade("a", [half]), grade("b", [none]), grade("c", [empty]), grade("d", [half]), refused]
    rows = class_report.question_rows(grades[:4], {})
    assert class_report.hardest(rows).question == "cosine" and class_report.hardest([]) is None
    usual = class_report.slip(class_report.hardest(rows), class_report.failures(grades[:4], {}))
    assert (usual.check.check, usual.count, usual.answered) == ("columns", 3, 3)
    found = {
        row.grade.student: (row.wrong, row.empty, row.why) for row in class_report.in_need(course, week, grades, {})
    }
    assert found == {"b": (["Cosine"], [], ""), "c": ([], ["Cosine"], ""), "f": ([], [], "The file is empty.")}
    all_right = [grade("a", [question(points=2, checks=[check(), check("columns")])])]
    assert "Nobody lost a point" in class_report.page(course, week, all_right)


def test_figures_and_answers_come_from_their_own_section():
    def drawn(colour):
        return new_output("display_data", {"image/png": png(colour=colour) + "\n"})

    def cell(name, **kwargs):
        return new_code_cell(name, metadata={"nbgrader": {"grade_id": name, "solution": True}}, **kwargs)

    notebook = new_notebook(
        cells=[
            new_code_cell("intro", outputs=[drawn("black")]),
            cell("one", outputs=[drawn("red")]),
            new_code_cell("plot", outputs=[drawn("lime"), new_output("stream", text="hello")]),
            new_markdown_cell("## The next section"),
            new_code_cell("the course's figure", outputs=[drawn("black")]),
            cell("two"),
        ]
    )
    found = feedback.answers_and_figures(notebook, {"one", "two"})
    assert {name: (source, len(figures)) for name, (source, figures) in found.items()} == {
        "one": ("one", 2),
        "two": ("two", 0),
    }


def test_a_student_called_index_does_not_overwrite_the_report(course):
    week = course.week("1")
    assert feedback.write(course, week, grade("index")) != class_report.write(course, week, [grade("index")])
    assert 'href="students/index.html"' in course.report(week).read_text(encoding="utf-8")


def test_links_lead_to_the_pages_of_odd_names(course):
    week = course.week("1")
    for name in ["javascript:alert(1)", "zoë müller", "a%2Fb", "#q1"]:
        path = feedback.write(course, week, grade(name))
        page = Parsed(class_report.page(course, week, [grade(name)]))
        links = [value for tag, attribute, value in page.attributes if (tag, attribute) == ("a", "href")]
        links = [value for value in links if not value.startswith("#")]
        assert [course.report(week).parent / unquote(link) for link in links] == [path]


def test_report_counts(course):
    right = question(points=2, checks=[check(), check("columns")])
    empty = question(points=0, answered=False, checks=[check(passed=False), check("columns", False)])
    grades = [
        grade("a", [right]),
        grade("b"),
        grade("c", [question(checks=[check(), check("columns", False, "found 4")])]),
        grade("d", [question(checks=[check(), check("columns", False, "found 3")])]),
        grade("e", [empty]),
    ]
    (row,) = class_report.question_rows(grades, {})
    assert (row.full, row.part, row.none, row.empty, row.success) == (0.2, 0.6, 0.0, 0.2, 0.5)
    (failure,) = class_report.failures(grades, {})
    assert (failure.count, failure.answered, failure.message) == (3, 4, "found 3"), "the unanswered one is no mistake"
    bins = class_report.histogram([0, 1, 1.99, 2], 2)
    assert [(b.low, b.count) for b in bins] == [(0, 1), (1, 3)], "full points fall into the last bar"


@pytest.mark.parametrize("highest", [0.5, 1, 7, 12, 28, 30, 100, 1000, 5000])
def test_histogram_holds_everyone_in_few_bars(highest):
    points = list(np.linspace(0, highest, 57))
    bins = class_report.histogram(points, highest)
    assert sum(b.count for b in bins) == 57 and len(bins) <= class_report.MOST_BINS and bins[-1].high == highest


def test_report_of_nobody_and_of_nothing_gradable(course):
    week = course.week("1")
    assert "how the class did" in class_report.page(course, week, [])
    refused = Grade("week01_clip", "eve", "not gradable", "The file is empty.", 0, 30)
    assert "The file is empty." in class_report.page(course, week, [refused])


def test_page_is_written_without_an_executed_notebook_or_with_a_broken_one(course):
    week = course.week("1")
    broken = course.autograded(week, "ada")
    broken.parent.mkdir(parents=True)
    broken.write_text("{", encoding="utf-8")
    assert feedback.write(course, week, grade()).is_file()
    assert feedback.write(course, week, replace(grade("bob"), questions=[])).is_file()


@pytest.mark.skipif(not BROWSER, reason="no chromium here; `grader doctor` says how to get it")
def test_a_browser_shows_the_pictures_and_the_style(course, tmp_path):
    """The policy must let through what is ours: in a real browser, for only there is it enforced."""
    week = course.week("1")
    shown = [question(checks=[check(evidence=[Evidence("a red square", png((200, 200)))])])]
    path = feedback.write(course, week, grade("ada", shown))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    flags += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=800,1400"]
    command = [BROWSER, *flags, f"--screenshot={tmp_path / 'page.png'}", path.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(tmp_path / "page.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels[2, 2].tolist() == [0xFB, 0xFA, 0xF7], "the style sheet's paper"
    assert (pixels == [255, 0, 0]).all(axis=-1).sum() > 190 * 190


def contrast(one, other):
    """WCAG 2.2's contrast ratio of two colours, each as #rrggbb or #rgb."""

    def light(colour):
        digits = colour.lstrip("#") if len(colour) == 7 else "".join(2 * c for c in colour.lstrip("#"))
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print", "print of dark"])
def test_what_a_meter_shows_stands_out(theme):
    """3 to 1, as WCAG 2.2 asks of what has to be seen (1.4.11), against all that it lies on."""
    style = (html.TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark, printed = (
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{([^}]*)", style)
    )
    colours = {
        "light": light,
        "dark": light | dark,
        "print": light | printed,
        "print of dark": light | dark | printed,
    }[theme]
    fills = dict(re.findall(r"\.(\w+)-fill \{ fill: var\(--([\w-]+)\)", style))
    assert set(fills) == {"full", "part", "none", "empty", "accent"}
    for name in fills.values():
        for ground in ("wash", "paper", "card"):
            assert contrast(colours[name], colours[ground]) >= 3, (name, ground)
    assert contrast("#fff", "#000000") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("caption", ["", " ", "\x1b[31m", "\u202e\n", "a fox"])
def test_every_picture_has_a_text(course, caption):
    sound = audio.Sound(np.sin(np.arange(8000) / 8), 8000)
    shown = Evidence(caption, png((480, 120)), base64.b64encode(sound.wav()).decode())
    own = new_code_cell("1", metadata={"nbgrader": {"grade_id": "cosine", "solution": True, "grade": False}})
    own.outputs = [new_output("display_data", {"image/png": png((90, 60), "teal")})]
    notebook = new_notebook(cells=[own])
    grades = [grade(questions=[question(checks=[check(evidence=[shown])])]), grade("bob")]
    page = feedback.page(course, course.week("1"), grades[0], notebook) + class_report.page(
        course, course.week("1"), grades
    )
    parsed = Parsed(page)
    texts = [value for tag, name, value in parsed.attributes if (tag, name) == ("img", "alt")]
    assert len(texts) == parsed.tags.count("img") == 2 and all(text.strip() for text in texts)
    assert texts[0] == (caption if caption == "a fox" else "A figure of your notebook")
    labels = [value for tag, name, value in parsed.attributes if name == "aria-label" and tag in ("svg", "audio")]
    hidden = [tag for tag, name, _ in parsed.attributes if name == "aria-hidden"]
    assert len(labels) + len(hidden) == parsed.tags.count("svg") + parsed.tags.count("audio")
    assert all(label.strip() for label in labels)
