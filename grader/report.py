"""The class report: how it went, which question failed most and with which mistake, who needs help."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from grader import pages
from grader.course import Course, Week
from grader.feedback import question_titles, words
from grader.records import CheckResult, Grade, write_atomically

TEACH_AGAIN = 8  # the most frequent failing checks that the report names
MOST_BINS = 12


class Bin(NamedTuple):
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


class Failure(NamedTuple):
    """A check that failed: how many submissions, of how many that answered, and what it most often said."""

    title: str
    check: CheckResult
    count: int
    answered: int
    message: str
    students: list[str]


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
    automatic = max((pages.automatic_points(g) for g in whole), default=week.points)
    bins = histogram(points, automatic)
    return pages.render(
        "report.html",
        course=course,
        week=week,
        automatic=automatic,
        by_hand=week.points - automatic,
        grades=grades,
        graded=graded,
        failed=[g for g in grades if g.outcome != "graded"],
        in_part=[g for g in graded if g.reason],
        passed=sum(map(pages.passed, graded)),
        mean=statistics.mean(points) if points else 0,
        median=statistics.median(points) if points else 0,
        bins=bins,
        tallest=max((b.count for b in bins), default=0),
        questions=question_rows(graded, titles),
        failures=failures(graded, titles),
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
    by_question: dict[str, list] = {}
    for grade in graded:
        for q in grade.questions:
            by_question.setdefault(q.question, []).append(q)
    rows = []
    for name, results in by_question.items():
        kinds = Counter(map(pages.standing, results))
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
            check=found[0][1],
            count=len(found),
            answered=answered[question],
            message=Counter(check.message for _, check in found).most_common(1)[0][0],
            students=[student for student, _ in found],
        )
        for (question, _), found in failed.items()
    ]
    return sorted(rows, key=lambda row: (-row.count, row.title))[:TEACH_AGAIN]


def _student_row(course: Course, week: Week, grade: Grade, graded: Sequence[Grade]) -> StudentRow:
    relative = course.feedback(week, grade.student).relative_to(course.report(week).parent)
    automatic = pages.automatic_points(grade)
    return StudentRow(
        grade=grade,
        link="/".join(quote(part, safe="") for part in relative.parts),
        share=grade.points / automatic if automatic else 0.0,
        cells=[
            (pages.standing(q), "by hand" if q.status == "manual" else pages.number(q.points)) for q in grade.questions
        ],
        seconds=grade.timings.get("total", 0.0),
    )


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Sum, median and largest of some seconds."""
    if not values:
        return None
    return {"sum": sum(values), "median": statistics.median(values), "max": max(values)}


def _common(versions: Sequence[dict[str, str]]) -> dict[str, str]:
    """The versions that were graded with; where submissions differ, all of them."""
    names = {name: None for row in versions for name in row}
    return {name: ", ".join(sorted({row[name] for row in versions if name in row})) for name in names}
