"""Final scores: the records' automatic points and what people entered in the gradebook, added up as nbgrader does.

A manual score takes the place of an automatic one, extra credit comes on top, lateness comes off, nothing is below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.course.syllabus import Course, Week
from grader.records import by_hand
from grader.records.by_hand import ByHand, Person
from grader.records.grade import Grade


@dataclass(frozen=True)
class Score:
    """One student's week.

    points: the final score.   questions: {question: points}, with manual scores and extra credit.
    extra, penalty: extra credit in it, and points off for lateness.   waiting: questions that a person has still to
    grade; until then they count 0, or what they earned automatically.   entered: what people gave, cell by cell.
    """

    grade: Grade
    person: Person
    points: float
    questions: dict[str, float]
    extra: float
    penalty: float
    waiting: list[str]
    entered: ByHand

    @property
    def student(self) -> str:
        return self.grade.student


def scores(course: Course, week: Week, grades: Sequence[Grade]) -> list[Score]:
    """The final scores of these Grades, in their order. Raises GradebookError."""
    people, entered = by_hand.people(course), by_hand.read(course, week)
    return [_score(g, people.get(g.student, Person()), (entered or {}).get(g.student)) for g in grades]


def _score(grade: Grade, person: Person, entered: ByHand | None) -> Score:
    if entered is None:  # not projected yet: what waits is what the record says a person must grade
        manual = {q.cell for q in grade.questions if q.status == "manual" and q.answered and grade.outcome == "graded"}
        entered = ByHand(waiting=manual)
    questions = {
        q.question: entered.manual.get(q.cell, q.points) + entered.extra.get(q.cell, 0.0) for q in grade.questions
    }
    return Score(
        grade=grade,
        person=person,
        points=round(max(0.0, sum(questions.values()) - entered.penalty), 4),
        questions=questions,
        extra=sum(entered.extra.values()),
        penalty=entered.penalty,
        waiting=[q.question for q in grade.questions if q.cell in entered.waiting],
        entered=entered,
    )


def beyond(found: Sequence[Score], extra: float = 0.0) -> list[str]:
    """What no question offers, a line each: more points than it has, and more extra credit in all than `extra`.

    A person may have typed it; so may a notebook that was opened in formgrader without what nbgrader_config.py sets.
    """
    lines = []
    for score in found:
        for q in score.grade.questions:
            given = score.entered.manual.get(q.cell, q.points)
            if given > q.max_points + 1e-9:
                lines.append(f"{score.student}: {q.question} has {given:g} of {q.max_points:g} points")
        if score.extra > extra + 1e-9:
            cells = ", ".join(sorted(cell for cell, points in score.entered.extra.items() if points))
            lines.append(f"{score.student}: {score.extra:g} points of extra credit ({cells}), of {extra:g} offered")
    return lines
