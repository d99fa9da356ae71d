"""What people entered in the gradebook: points, extra credit and comments, as nbgrader keeps them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from grader.course.syllabus import Course, Week
from grader.records import kept
from grader.records.database import GradebookError, damage, damaged, reading


@dataclass
class ByHand:
    """What the gradebook holds of one student's week besides automatic scores. Cells as records name them.

    manual: scores that replace automatic ones.  extra: extra credit.  waiting: cells that a person has still to grade.
    comments: by answer cell.  penalty: points taken off for lateness.
    """

    manual: dict[str, float] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    comments: dict[str, str] = field(default_factory=dict)
    penalty: float = 0.0


@dataclass(frozen=True)
class Person:
    """What the gradebook knows of a student; "" where it knows nothing."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""


def people(course: Course) -> dict[str, Person]:
    """Everyone in the gradebook. Raises GradebookError."""
    if not course.gradebook.is_file():
        return {}
    if damage(course.gradebook):
        raise GradebookError(damaged(course))
    with reading(course) as book:
        rows = book.execute("SELECT id, first_name, last_name, email FROM student").fetchall()
    return {student: Person(*(value or "" for value in rest)) for student, *rest in rows}


def read(course: Course, week: Week) -> dict[str, ByHand] | None:
    """{student: what people gave}, of those with a submission; None without a gradebook. Raises GradebookError."""
    if not course.gradebook.is_file():
        return None
    if damage(course.gradebook):
        raise GradebookError(damaged(course))
    found: dict[str, ByHand] = defaultdict(ByHand)
    prefixes = {one.stem: one.prefix for one in week.notebooks}
    submitted = (
        "FROM submitted_notebook n JOIN notebook b ON b.id = n.notebook_id "
        "JOIN submitted_assignment s ON s.id = n.assignment_id JOIN assignment a ON a.id = s.assignment_id "
    )
    with reading(course) as book:
        for student, penalty in book.execute(
            f"SELECT s.student_id, n.late_submission_penalty {submitted} WHERE a.name = ?", [week.slug]
        ):
            found[student].penalty += penalty or 0.0
        rows = book.execute(
            f"SELECT s.student_id, b.name, c.name, g.manual_score, g.extra_credit, g.needs_manual_grade {submitted} "
            "JOIN grade g ON g.notebook_id = n.id JOIN base_cell c ON c.id = g.cell_id WHERE a.name = ?",
            [week.slug],
        )
        for student, notebook, cell, manual, extra, waiting in rows:
            name = prefixes.get(notebook, "") + cell
            if manual is not None:
                found[student].manual[name] = manual
            if extra:
                found[student].extra[name] = extra
            if waiting:
                found[student].waiting.add(name)
        rows = book.execute(
            f"SELECT s.student_id, b.name, c.name, t.manual_comment {submitted} "
            "JOIN comment t ON t.notebook_id = n.id JOIN base_cell c ON c.id = t.cell_id WHERE a.name = ?",
            [week.slug],
        )
        for student, notebook, cell, comment in rows:
            if comment and comment.strip():
                found[student].comments[prefixes.get(notebook, "") + cell] = comment
    return dict(found)


def without_question(course: Course, week: Week) -> list[str]:
    """What people entered for questions that the week has no more, a line each. Raises GradebookError."""
    if not course.gradebook.is_file():
        return []
    with reading(course) as book:
        return kept.listed(book, week.slug)
