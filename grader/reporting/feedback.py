"""A student's page: what each answer earned, which mistake the rest looks like, and what shows or sounds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from grader.course.files import file_hash
from grader.course.questions import grade_id, is_graded
from grader.course.syllabus import Course, Week
from grader.course.text import plural
from grader.records.by_hand import ByHand
from grader.records.grade import CheckResult, Grade, QuestionResult, standing
from grader.records.scores import Score
from grader.reporting import html
from grader.reporting.titles import question_titles, words

FIGURES_A_QUESTION = 4
LARGEST_NOTEBOOK = 64 * 2**20  # bytes; an executed notebook beyond it is not searched for figures

STANDING = {
    "full": "all right",
    "part": "partly right",
    "none": "not right yet",
    "empty": "not answered yet",
    "manual": "a person grades this",
    "unjudged": "not judged",
    "graded": "graded by a person",
}
TONE = {"full": "ok", "part": "part", "none": "no", "empty": "soft", "manual": "soft", "unjudged": "no", "graded": "ok"}


class ShownCheck(NamedTuple):
    """A check as the page shows it. worth: the points it stands for."""

    result: CheckResult
    worth: float
    pictures: list[html.Picture]


class Section(NamedTuple):
    """One question on the page. points: with what a person gave, of which `extra` is extra credit; None: to come."""

    title: str
    result: QuestionResult
    points: float | None
    extra: float
    by_person: bool
    comment: str
    standing: str
    tone: str
    checked: str
    empty: bool
    weights: float
    checks: list[ShownCheck]
    figures: list[html.Picture]
    source: str


def write(course: Course, week: Week, grade: Grade, score: Score | None = None) -> Path:
    """Write the page of one Grade, with the figures of the executed notebooks where there are any. Returns its path.

    score: the same with what people entered in the gradebook. A page that is up to date is left as it is.
    """
    path = course.feedback(week, grade.student)
    notebooks = [course.autograded(one, grade.student) for one in week.notebooks]
    figures = grade.notebook or " ".join(file_hash(place) for place in notebooks if place.is_file())
    entered = (score.points, score.questions, score.waiting, score.entered) if score else None
    source = [grade.to_json(), figures, repr((course.title, week, question_titles(course, week), entered))]
    html.keep(path, "\n".join(source), lambda: page(course, week, grade, *map(executed, notebooks), score=score))
    return path


def page(course: Course, week: Week, grade: Grade, *notebooks: Any, score: Score | None = None) -> str:
    """The page as HTML. notebooks: the week's, executed, or None, for the student's own figures and answers."""
    titles = question_titles(course, week)
    work: dict[str, tuple[str, list[html.Picture]]] = {}
    for one, notebook in zip(week.notebooks, notebooks, strict=False):
        if notebook:
            own = {q.question.removeprefix(one.prefix) for q in grade.questions if q.question.startswith(one.prefix)}
            work |= {one.prefix + name: found for name, found in answers_and_figures(notebook, own).items()}
    shown = grade.questions if grade.outcome == "graded" else []
    sections = [_section(q, titles, score, *work.get(q.question, ("", []))) for q in shown]
    manual = [s for s in sections if s.points is None]
    to_come = sum(s.result.max_points for s in manual)
    given = [s for s in sections if s.points is not None]
    penalty = score.penalty if score else 0.0
    return html.render(
        "feedback.html",
        course=course,
        week=week,
        grade=grade,
        points=max(0.0, sum(s.points or 0.0 for s in given) - penalty),
        most=grade.max_points - to_come,
        extra=sum(s.extra for s in given),
        penalty=penalty,
        to_come=to_come,
        manual=[s.title for s in manual],
        summary=_summary(grade),
        sections=sections,
        times=_times(grade.timings),
    )


def executed(path: Path) -> Any:
    """The executed notebook at `path`, or None where there is none that can be read."""
    try:
        if path.stat().st_size > LARGEST_NOTEBOOK:
            return None
        return nbformat.read(path, as_version=4)
    except Exception:  # the page does without figures rather than not be written
        return None


def answers_and_figures(notebook: Any, questions: set[str]) -> dict[str, tuple[str, list[html.Picture]]]:
    """{question: (source of its answer, figures)}. A figure belongs to the question whose section it is drawn in."""
    found: dict[str, tuple[str, list[html.Picture]]] = {}
    current = ""
    for cell in notebook.cells:
        name = grade_id(cell)
        if name in questions:
            current = name
            found[current] = (cell.source, [])
        elif cell.cell_type == "markdown" and cell.source.lstrip().startswith("#"):
            current = ""  # a heading: the next section
        if not current or cell.cell_type != "code" or is_graded(cell):  # evidence stands with its check
            continue
        figures = found[current][1]
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            if png and len(figures) < FIGURES_A_QUESTION:
                figures.extend(html.pictures([("", png if isinstance(png, str) else "")]))
    return found


def _section(
    q: QuestionResult, titles: dict[str, str], score: Score | None, source: str, figures: list[html.Picture]
) -> Section:
    weights = sum(c.weight for c in q.checks)
    entered = score.entered if score else ByHand()
    by_person = q.cell in entered.manual and q.cell not in entered.waiting
    kind = "graded" if by_person else standing(q)
    shown = [
        ShownCheck(
            result=check,
            worth=q.max_points * check.weight / weights if weights else 0.0,
            pictures=html.pictures((e.caption, e.png, e.wav) for e in check.evidence),
        )
        for check in q.checks
    ]
    right = sum(c.passed for c in q.checks)
    return Section(
        title=titles.get(q.question) or words(q.question),
        result=q,
        points=None if kind == "manual" else score.questions[q.question] if score else q.points,
        extra=entered.extra.get(q.cell, 0.0),
        by_person=by_person,
        comment=entered.comments.get(q.question, ""),
        standing=STANDING[kind],
        tone=TONE[kind],
        checked=f"{right} of {plural(len(q.checks), 'check')}" if q.checks and kind != "empty" else "",
        empty=kind == "empty",
        weights=weights,
        checks=shown,
        figures=figures,
        source=source,
    )


def _summary(grade: Grade) -> str:
    """One sentence of where the whole stands: "6 questions are all right, 2 partly right, 1 is not answered yet."""
    kinds = [standing(q) for q in grade.questions if q.status != "manual"]
    if not kinds:
        return ""
    if all(kind == "full" for kind in kinds):
        return f"All {len(kinds)} questions are right. Well done."
    parts: list[str] = []
    for kind in ("full", "part", "none", "empty", "unjudged"):
        if count := kinds.count(kind):
            noun = f"{'question' if count == 1 else 'questions'} " if not parts else ""
            parts.append(f"{count} {noun}{'is' if count == 1 else 'are'} {STANDING[kind]}")
    sentence = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    return sentence + "."


def _times(timings: dict[str, float]) -> str:
    names = {"start": "start", "cells": "cells", "judge": "checks"}
    parts = [f"{name} {timings[key]:.1f} s" for key, name in names.items() if key in timings]
    total = f"It took {timings['total']:.1f} s" if "total" in timings else ""
    return f"{total} ({', '.join(parts)})." if total and parts else total and total + "."
