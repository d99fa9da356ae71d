"""The class report and a student's page in a real browser: legible, narrow enough for a phone, usable by keyboard."""

import base64
import io

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from support import browser

from grader.course.discovery import find_course
from grader.records.grade import CheckResult, Evidence, Grade, QuestionResult
from grader.reporting import class_report, feedback, similarity

# the text whose contrast with what is behind it is below what WCAG 2.2 asks at level AA (1.4.3), as [text, ratio]
FAINT = """() => {
  const rgb = colour => colour.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor)
      if (colour.length < 4 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  const faint = []
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim()
    if (!text || !node.getClientRects().length) continue
    const style = getComputedStyle(node), large = parseFloat(style.fontSize) >= 24
    const [a, b] = [light(rgb(node.closest('svg') ? style.fill : style.color)), light(behind(node))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < (large ? 3 : 4.5)) faint.push([text, ratio])
  }
  return faint
}"""
# what people who do not see the page, or have no mouse, would miss
MISSING = """() => [
  ...[...document.querySelectorAll('img:not([alt]), img[alt=""]')].map(() => 'an image without a text'),
  ...[...document.querySelectorAll('svg')].filter(one => one.ariaHidden !== 'true' && !one.ariaLabel)
    .map(() => 'a drawing without a label'),
  ...[...document.querySelectorAll('a, summary')].filter(one => !one.textContent.trim()).map(() => 'an empty link'),
  ...[...document.querySelectorAll('a[href^="#"]')].filter(one => !document.querySelector(one.hash))
    .map(one => 'a link to nowhere: ' + one.hash),
  ...[...document.querySelectorAll('th:not([scope])')].map(() => 'a heading of a table without a scope'),
  ...[...document.querySelectorAll('.scroll:not([tabindex])')].map(() => 'a table that only a mouse can scroll'),
  ...(document.documentElement.lang ? [] : ['no language']),
  ...['main', 'h1'].filter(one => document.querySelectorAll(one).length !== 1).map(one => 'not one ' + one),
  ...[...document.querySelectorAll('h1, h2, h3')].map(one => Number(one.tagName[1]))
    .filter((level, i, all) => i && level > all[i - 1] + 1).map(level => 'a heading of level ' + level + ' too deep'),
]"""
OUTLINED = (
    "getComputedStyle(document.activeElement).outlineStyle !== 'none' && document.activeElement !== document.body"
)


def a_class(course):
    """Ten students: some right, some with the same mistake, one who did little, one refused file."""
    data = io.BytesIO()
    Image.new("RGB", (320, 200), "teal").save(data, "PNG")
    seen = [Evidence("what your function found", base64.b64encode(data.getvalue()).decode())]
    slip = "found 48.2; a cosine stays within [-1, 1]. Did you divide by both lengths?"
    found = []
    for i, name in enumerate(["amina", "ben", "chiara", "daniel", "emeka", "fatima", "goran", "hana", "ivan"]):
        wrong, empty = i % 3 == 1, name == "emeka"
        checks = [CheckResult("rows", "Rows are images", 1, not empty, "", False, 0.1)]
        checks.append(CheckResult("bounded", "Within [-1, 1]", 1, not wrong and not empty, slip, True, 0.1, seen))
        earned = 4 * sum(check.passed for check in checks) / 2
        questions = [
            QuestionResult("cosine", "check_cosine", 4.0, earned, "judged", not empty, "", checks),
            QuestionResult("gap", "check_gap", 6.0, 0.0 if empty else 6.0, "judged", not empty, "", checks[:1]),
            QuestionResult("essay", "essay", 2.0, 0.0, "manual", True, "", []),
        ]
        repairs = ["`check_gap` was put back as released"] if name == "ivan" else []
        points = sum(q.points for q in questions)
        found.append(Grade("week01_clip", name, "graded", "", points, 12.0, questions, repairs=repairs))
    return [*found, Grade("week01_clip", "keiko", "not gradable", "The file is cut off.", 0.0, 12.0)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The pages of a class: {"report": path, "feedback": path}."""
    course = find_course(browser.ROOT, tmp_path_factory.mktemp("class"))
    week, grades = course.week("1"), a_class(course)
    return {"report": class_report.write(course, week, grades), "feedback": feedback.write(course, week, grades[1])}


@pytest.fixture(scope="module")
def window():
    if why := browser.missing():
        pytest.skip(why)
    with browser.browser() as opened:
        yield opened


@pytest.fixture
def page(window):
    opened = window.new_page()
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("name", ["report", "feedback"])
def test_text_stands_out(page, written, name, scheme):
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", media="print" if scheme == "print" else None
    )
    page.goto(written[name].as_uri())
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("name", ["report", "feedback"])
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_sticks_out_to_the_side(page, written, name, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(written[name].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["report", "feedback"])
def test_nobody_misses_anything(page, written, name):
    page.goto(written[name].as_uri())
    assert page.evaluate(MISSING) == []
    stops = page.locator("a, summary, [tabindex]").count()
    assert stops
    for _ in range(min(stops, 12)):
        page.keyboard.press("Tab")
        assert page.evaluate(OUTLINED), "where the keyboard is can be seen"


def test_nothing_that_a_submission_says_is_fetched(page, tmp_path):
    """In no page of the grader's; the same texts as they are would be, which shows that the listener hears."""
    with browser.listener() as (host, asked):
        texts = browser.traps(host)
        checks = [CheckResult(text, text, 1.0, False, text, True, 0.1) for text in texts]
        one = QuestionResult("cosine", "cosine", 2.0, 0.0, "judged", True, texts[0], checks)
        grade = Grade("week01_clip", "ada", "graded", texts[1], 0, 2, [one], repairs=texts, log=texts)
        course = find_course(browser.ROOT, tmp_path)
        week = course.week("1")
        cell = new_code_cell("\n".join(texts), metadata={"nbgrader": {"grade_id": "cosine", "solution": True}})
        lines = [similarity.Line(text, True) for text in texts]
        match = similarity.Match("cosine", texts[0], 1.0, 50.0, (lines, lines))
        found = similarity.Findings(texts[:2], [similarity.Pair((texts[0], texts[1]), 1.0, [match])], [1.0], texts)
        pages = [
            similarity.page(course, week, found),
            feedback.page(course, week, grade, new_notebook(cells=[cell])),
            class_report.page(course, week, [grade, Grade("week01_clip", texts[0], "not gradable", texts[1], 0, 2)]),
        ]
        for i, text in enumerate(pages):
            (tmp_path / f"{i}.html").write_text(text, encoding="utf-8")
            page.goto((tmp_path / f"{i}.html").as_uri(), wait_until="load")
            assert host in page.content(), "what was said is there, as text"
        page.wait_for_timeout(500)
        assert asked == []
        (tmp_path / "bare.html").write_text("<!DOCTYPE html>" + "".join(texts), encoding="utf-8")
        page.goto((tmp_path / "bare.html").as_uri(), wait_until="load")
        page.wait_for_timeout(500)
        assert "/html.png" in asked and "/css.png" in asked


def test_these_tests_see_what_is_wrong(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.set_content(
        "<h1>One</h1><h3>Deep</h3><p style='color: #999; background: #fff'>faint</p><p style='color: #111'>dark</p>"
        "<img src='data:,'><svg></svg><a href='#no'></a><table><th>x</th></table><div style='width: 500px'>wide</div>"
    )
    assert [text for text, _ in page.evaluate(FAINT)] == ["faint"]
    assert len(page.evaluate(MISSING)) == 8
    assert page.evaluate("document.documentElement.scrollWidth") > 390


def test_the_report_answers_at_a_glance(page, written):
    """How it went, the hardest question with its mistake, who needs help, and repairs, on a phone's first screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(written["report"].as_uri())
    glance = page.inner_text(".glance")
    assert "8 of 9 earned at least half of the points. 1 submission could not be graded." in glance
    assert "Hardest: Cosine" in glance and "earned 78 % of its points" in glance
    assert "2 of 8 times: found 48.2; a cosine stays within [-1, 1]." in glance
    assert "To help: emeka, keiko." in glance and "Put right: 1 notebook" in glance
    assert page.locator(".glance").bounding_box()["y"] < 844
    needs = page.inner_text(".help")
    assert "0 of 10 points" in needs and "Not answered: Cosine; Gap" in needs and "The file is cut off." in needs
