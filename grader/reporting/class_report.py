"""The class report: how it went, which question failed most and with which mistake, who needs help."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from grader.course.files import write_atomically
from grader.course.syllabus import Course, Week
from grader.course.text import number
from grader.grading import denied
from grader.records.grade import CheckResult, Grade, QuestionResult, automatic_points, passed, standing
from grader.reporting import html
from grader.reporting.titles import question_titles, words

TEACH_AGAIN = 8  # the most frequent failing checks that the report names
MOST_BINS = 12


@dataclass(frozen=True)
class Bin:
    """A bar of the histogram: submissions with low <= points < high (the last bar includes high)."""

    low: float
    high: float
    count: int


class QuestionRow(NamedTuple):
    """How the class did on one question. full, part, none, empty are shares of the graded submissions."""

    title: str
    question: str
    manual: bool
    max_points: float
    success: float  # mean share of the points
    full: float
    part: float
    none: float
    empty: float


@dataclass(frozen=True)
class Failure:
    """A check that failed: how many submissions, of how many that answered, and what it most often said."""

    title: str
    question: str
    check: CheckResult
    count: int
    answered: int
    message: str
    students: list[str]


class Help(NamedTuple):
    """Someone who needs help. share: of the automatic points.  empty, wrong: titles of questions without an answer, and
    of those that earned nothing.  why: of a submission that was not graded, or in part only."""

    grade: Grade
    link: str
    share: float
    empty: list[str]
    wrong: list[str]
    why: str


class StudentRow(NamedTuple):
    grade: Grade
    link: str
    share: float
    cells: list[tuple[str, str]]  # (tone, points) by question
    seconds: float


def write(course: Course, week: Week, grades: Sequence[Grade]) -> Path:
    """Write the report of these records. Returns its path."""
    path = course.report(week)
    write_atomically(path, page(course, week, grades))
    return path


def page(course: Course, week: Week, grades: Sequence[Grade]) -> str:
    """The report as HTML."""
    grades = sorted(grades, key=lambda g: g.student)
    graded = [g for g in grades if g.outcome == "graded"]
    titles = question_titles(course, week)
    points = [g.points for g in graded]
    whole = [g for g in graded if not g.reason] or graded  # elsewhere what a person would have graded is lost too
    automatic = max((automatic_points(g) for g in whole), default=week.points)
    bins = histogram(points, automatic)
    questions, again = question_rows(graded, titles), failures(graded, titles)
    return html.render(
        "report.html",
        course=course,
        week=week,
        automatic=automatic,
        by_hand=week.points - automatic,
        grades=grades,
        graded=graded,
        failed=[g for g in grades if g.outcome != "graded"],
        in_part=[g for g in graded if g.reason and passed(g)],  # of the others, why they need help says it
        passed=sum(map(passed, graded)),
        mean=statistics.mean(points) if points else 0,
        median=statistics.median(points) if points else 0,
        denied=denied.summary(grades),
        bins=bins,
        tallest=max((b.count for b in bins), default=0),
        questions=questions,
        hardest=hardest(questions),
        failures=again[:TEACH_AGAIN],
        slip=slip(hardest(questions), again),
        help=in_need(course, week, grades, titles),
        flagged=[(g, _link(course, week, g)) for g in grades if g.flags],
        students=[_student_row(course, week, g, graded) for g in grades],
        columns=[titles.get(q.question, q.question) for q in graded[0].questions] if graded else [],
        seconds=_spread([g.timings.get("total", 0) for g in graded]),
        cpu=_spread([g.timings["cells_cpu"] for g in graded if "cells_cpu" in g.timings]),
        versions=_common([g.versions for g in graded]),
        graded_at=max((g.graded_at for g in grades), default=""),
    )


def histogram(points: Sequence[float], highest: float) -> list[Bin]:
    """Equal bins of whole points from 0 to the highest possible."""
    if not points or highest <= 0:
        return []
    width = next(w for w in (1, 2, 2.5, 3, 4, 5, 10, 20, 50, 100, highest) if highest / w <= MOST_BINS)
    count = int(-(-highest // width))
    counts = Counter(min(int(p // width), count - 1) for p in points)
    return [Bin(i * width, min((i + 1) * width, highest), counts[i]) for i in range(count)]


def question_rows(graded: Sequence[Grade], titles: dict[str, str]) -> list[QuestionRow]:
    """The questions in their order in the notebook."""
    by_question: dict[str, list[QuestionResult]] = {}
    for grade in graded:
        for q in grade.questions:
            by_question.setdefault(q.question, []).append(q)
    rows = []
    for name, results in by_question.items():
        kinds = Counter(map(standing, results))
        n = len(results)
        rows.append(
            QuestionRow(
                title=titles.get(name) or words(name),
                question=name,
                manual=kinds["manual"] > 0,
                max_points=max(q.max_points for q in results),
                success=sum(q.points / q.max_points if q.max_points else 0 for q in results) / n,
                full=kinds["full"] / n,
                part=kinds["part"] / n,
                none=(kinds["none"] + kinds["unjudged"]) / n,
                empty=kinds["empty"] / n,
            )
        )
    return rows


def failures(graded: Sequence[Grade], titles: dict[str, str]) -> list[Failure]:
    """The checks that failed most often among those who answered, most frequent first."""
    answered: Counter[str] = Counter()
    failed: dict[tuple[str, str], list[tuple[str, CheckResult]]] = {}
    for grade in graded:
        for q in grade.questions:
            if q.status != "judged" or not q.answered:
                continue
            answered[q.question] += 1
            for check in q.checks:
                if not check.passed:
                    failed.setdefault((q.question, check.check), []).append((grade.student, check))
    rows = [
        Failure(
            title=titles.get(question) or words(question),
            question=question,
            check=found[0][1],
            count=len(found),
            answered=answered[question],
            message=Counter(check.message for _, check in found).most_common(1)[0][0],
            students=[student for student, _ in found],
        )
        for (question, _), found in failed.items()
    ]
    return sorted(rows, key=lambda row: (-row.count, row.title))


def hardest(rows: Sequence[QuestionRow]) -> QuestionRow | None:
    """The question that earned the smallest share of its points; None where none lost any."""
    lost = [row for row in rows if not row.manual and row.success < 1]
    return min(lost, key=lambda row: row.success, default=None)


def slip(question: QuestionRow | None, rows: Sequence[Failure]) -> Failure | None:
    """The most frequent mistake in a question; None where it only was not answered."""
    return next((row for row in rows if question and row.question == question.question), None)


def in_need(course: Course, week: Week, grades: Sequence[Grade], titles: dict[str, str]) -> list[Help]:
    """Those who did not earn half of the automatic points, and those who could not be graded, the least first."""
    rows = []
    for grade in grades:
        if passed(grade):
            continue
        kinds: dict[str, list[str]] = {}
        for q in grade.questions if grade.outcome == "graded" else []:
            kinds.setdefault(standing(q), []).append(titles.get(q.question) or words(q.question))
        automatic = automatic_points(grade)
        rows.append(
            Help(
                grade=grade,
                link=_link(course, week, grade),
                share=grade.points / automatic if automatic else 0.0,
                empty=kinds.get("empty", []),
                wrong=[*kinds.get("none", []), *kinds.get("unjudged", [])],
                why=grade.reason,
            )
        )
    return sorted(rows, key=lambda row: (row.share, row.grade.student))


def _student_row(course: Course, week: Week, grade: Grade, graded: Sequence[Grade]) -> StudentRow:
    automatic = automatic_points(grade)
    return StudentRow(
        grade=grade,
        link=_link(course, week, grade),
        share=grade.points / automatic if automatic else 0.0,
        cells=[(standing(q), "by hand" if q.status == "manual" else number(q.points)) for q in grade.questions],
        seconds=grade.timings.get("total", 0.0),
    )


def _link(course: Course, week: Week, grade: Grade) -> str:
    relative = course.feedback(week, grade.student).relative_to(course.report(week).parent)
    return "/".join(quote(part, safe="") for part in relative.parts)


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Sum, median and largest of some seconds."""
    if not values:
        return None
    return {"sum": sum(values), "median": statistics.median(values), "max": max(values)}


def _common(versions: Sequence[dict[str, str]]) -> dict[str, str]:
    """The versions that were graded with; where submissions differ, all of them."""
    names = {name: None for row in versions for name in row}
    return {name: ", ".join(sorted({row[name] for row in versions if name in row})) for name in names}
