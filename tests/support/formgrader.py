"""What an instructor does in nbgrader's pages, in a page of Playwright's. at: an address of `browser.jupyter`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

Address = Callable[[str], str]


def submissions(gradebook: Path, week: str) -> dict[str, str]:
    """{student: the id by which formgrader calls the notebook}. Its own pages hide the names."""
    with closing(sqlite3.connect(gradebook)) as book:
        rows = book.execute(
            "SELECT s.student_id, n.id FROM submitted_notebook n JOIN submitted_assignment s ON s.id = n.assignment_id "
            "JOIN assignment a ON a.id = s.assignment_id WHERE a.name = ?",
            [week],
        )
        return dict(rows.fetchall())


def open_submission(page: Any, at: Address, notebook: str) -> None:
    """Open a student's notebook and wait until scores and comments are there."""
    page.goto(at(f"formgrader/submissions/{notebook}/"))
    page.wait_for_function("['grades', 'comments'].every(kind => formgrader[kind] && formgrader[kind].loaded)")


def give(page: Any, question: str, score: float, extra: float | None = None, comment: str = "") -> None:
    """Type a score, extra credit and a comment where they are not there, and wait until each is saved."""
    typed = {f"{question}": f"{score:g}"}
    typed |= {f"{question}_extra_credit": f"{extra:g}"} if extra is not None else {}
    typed |= {f"{question}-comment": comment} if comment else {}
    for name, text in typed.items():
        if page.locator(f"[id='{name}']").input_value() == text:
            continue
        kind = "comment" if name.endswith("-comment") else "grade"
        with page.expect_response(lambda r, kind=kind: f"/api/{kind}/" in r.url and r.request.method == "PUT") as saved:
            page.locator(f"[id='{name}']").fill(text)
            page.locator(f"[id='{name}']").blur()
        assert saved.value.ok, f"{name}: {saved.value.status}"


def open_toolbar(page: Any, at: Address, notebook: str) -> None:
    """Open a notebook in JupyterLab, with nbgrader's Create Assignment beside it."""
    page.goto(at(f"lab/tree/{notebook}?reset"))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.locator(".jp-SideBar .lm-TabBar-tab", has_text="Create Assignment").click()
    page.locator(".nbgrader-CellWidget").first.wait_for()


def set_points(page: Any, grade_id: str, points: float) -> None:
    """In Create Assignment, give a cell other points. Nothing is saved yet."""
    ids = page.eval_on_selector_all(".nbgrader-CellId input", "all => all.map(one => one.value)")
    box = page.locator(".nbgrader-CellWidget").nth(ids.index(grade_id)).locator(".nbgrader-CellPoints input")
    box.fill(f"{points:g}")
    box.blur()


def save(page: Any) -> None:
    """Save the notebook that is open in JupyterLab, and wait until that is done."""
    with page.expect_response(lambda r: "/api/contents/" in r.url and r.request.method == "PUT") as saved:
        page.locator(".jp-Notebook .jp-Cell").first.click()
        page.keyboard.press("Control+s")
    assert saved.value.ok, saved.value.status
