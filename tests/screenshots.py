"""Take the pictures of grader/README.md: the sample class of `grader demo` in formgrader, JupyterLab and our own pages.

    grader demo && python tests/screenshots.py

What it types into formgrader stays in the sample class's gradebook.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from support import browser, formgrader

from grader.authoring import demo
from grader.cli.grade import write_pages
from grader.course.notebooks import released_notebook
from grader.course.questions import questions_in
from grader.course.syllabus import Course
from grader.records.store import recorded, records_of

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "grader" / "pictures"
SIZE = {"width": 1100, "height": 760}
LARGEST = 120_000  # bytes: there are several, and the whole course is to stay small
COLOURS = 96
COMMENT = "Right, and well put. How would you measure it? One sentence more would have done."


def keep(name: str, shot: bytes) -> None:
    """Write a screenshot with few colours, which is a third of its size and looks the same."""
    image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path = PICTURES / f"{name}.png"
    image.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {image.width} x {image.height}  {path.stat().st_size // 1000} kB")
    assert path.stat().st_size <= LARGEST, f"{path} is too large to ship"


def around(page: Any, cell: str, above: int, height: int) -> bytes:
    """The page from a little above the cell with this grade_id."""
    page.evaluate("window.scrollTo(0, 0)")
    top = page.locator(f"[id='{cell}']").bounding_box()["y"] - above
    return page.screenshot(full_page=True, clip={"x": 0, "y": max(0, top), "width": 1100, "height": height})


def in_formgrader(course: Course, page: Any, at: formgrader.Address) -> None:
    week = course.week("1")
    ids = formgrader.submissions(course.gradebook, week.slug)
    page.goto(at(f"formgrader/gradebook/{week.slug}/{week.stem}"))
    page.wait_for_function("document.querySelectorAll('#main-table tr').length > 1")
    keep("list", page.screenshot(clip={"x": 0, "y": 0, "width": 1100, "height": 460}))
    formgrader.open_submission(page, at, ids["chiara"])
    page.add_style_tag(content="nav.navbar-fixed-top { position: absolute !important; }")
    keep("evidence", around(page, "check_modality_gap", 60, 620))
    manual = next(q.cell for q in questions_in(released_notebook(course, week)) if q.manual)
    formgrader.give(page, manual, 1.5, extra=0.5, comment=COMMENT)
    page.wait_for_timeout(1500)  # its marks of saving fade
    keep("reflection", around(page, manual, 60, 330))


def in_the_toolbar(page: Any, at: formgrader.Address) -> None:
    formgrader.open_toolbar(page, at, "week01_clip/week01_clip.ipynb")
    page.add_style_tag(content=".Toastify { display: none; }")  # a question about news
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab").first.click()  # the files make room
    ids = page.eval_on_selector_all(".nbgrader-CellId input", "all => all.map(one => one.value)")
    page.locator(".nbgrader-CellWidget").nth(ids.index("cosine_similarity")).locator(".nbgrader-CellHeader").click()
    page.locator(".jp-Notebook .jp-Cell.jp-mod-active").scroll_into_view_if_needed()
    page.wait_for_timeout(3000)  # while both sides scroll
    keep("toolbar", page.screenshot())


def our_pages(course: Course, page: Any) -> None:
    week = course.week("1")
    page.goto(course.report(week).as_uri())
    keep("report", page.screenshot(clip={"x": 0, "y": 0, "width": 1100, "height": 760}))
    page.goto(course.feedback(week, "chiara").as_uri())
    keep("feedback", page.screenshot(clip={"x": 0, "y": 0, "width": 1100, "height": 760}))


def main() -> None:
    course = demo.course(ROOT)
    week = course.week("1")
    grades, _ = records_of(course, week, recorded(course, week))
    if not grades:
        sys.exit("there is no sample class: run `grader demo` first")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, browser.browser(viewport=SIZE) as window:
        page = window.new_page()
        with browser.jupyter(course.work, Path(place) / "formgrader") as at:
            in_formgrader(course, page, at)
        with browser.jupyter(ROOT / "solutions", Path(place) / "lab") as at:
            in_the_toolbar(page, at)
        write_pages(course, week, grades)
        our_pages(course, page)


if __name__ == "__main__":
    if why := browser.missing():
        sys.exit(why)
    main()
