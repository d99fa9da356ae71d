"""A week's scores for other systems: a plain CSV, and the CSV that Canvas' gradebook imports.

What Canvas reads is settled in app/models/gradebook_importer.rb of canvas-lms: the columns Student, ID, SIS User ID,
SIS Login ID and Section, then assignments, whose "Title (id)" names one that exists; a row whose first cell holds
"Points Possible" comes before the students. A student is looked up by ID, else by SIS User ID, SIS Login ID, name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from grader.course import text
from grader.course.notebooks import released_notebook
from grader.course.questions import questions_in
from grader.course.students import tidy
from grader.course.syllabus import Course, CourseError, Week
from grader.records.grade import Grade, QuestionResult
from grader.records.scores import Score
from grader.records.store import recorded, records_of
from grader.reporting.titles import question_titles, words
from grader.submissions.roster import Roster, table

CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
# A formula begins with one of these, full-width and small forms too, after what spreadsheets pass over; and anywhere
# behind what may separate cells: which sign does so is chosen when the file is opened (OWASP, CSV injection).
SIGNS = "=+\\-@" + "\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u207b\u207c\u208a\u208b\u208c\u2212"
FORMULA = re.compile(rf"(^|[,;|\t\n\"])([\s'\u200b-\u200d\u2060\ufeff]*)(?=[{SIGNS}])")


def grades_of(course: Course, week: Week) -> list[Grade]:
    """Everyone's record, by student. Raises CourseError where there is none, or one that cannot be read."""
    grades, damaged = records_of(course, week, recorded(course, week))
    if damaged:
        raise CourseError(str(damaged[0]))
    if not grades:
        place = course.record(week, "STUDENT").parent
        raise CourseError(f"there are no records of {week.slug} in {place}: run `grader grade {week.slug}` first")
    return grades


def titles(course: Course, week: Week, grade: Grade) -> dict[str, str]:
    """{question: its heading}, for every question of a record."""
    known = question_titles(course, week)
    return {q.question: known.get(q.question) or words(q.question) for q in grade.questions}


def automatic(course: Course, week: Week, grade: Grade) -> list[QuestionResult]:
    """A record's questions without those that a person grades, which one of a refused file does not tell itself."""
    notebooks = [(one.prefix, released_notebook(course, one)) for one in week.notebooks]
    manual = {
        prefix + q.name for prefix, notebook in notebooks for q in questions_in(notebook, course.classic) if q.manual
    }
    return [q for q in grade.questions if q.question not in manual]


def plain_csv(scores: Sequence[Score]) -> str:
    """One row a student: the final score, what it is made of, and the points by question."""
    questions = list(dict.fromkeys(name for score in scores for name in score.questions))
    head = ["student", "last_name", "first_name", "email", "week", "outcome", "points", "max_points", "extra_credit"]
    rows = [[*head, "late_penalty", "to_grade_by_hand", *questions, "reason", "graded_at"]]
    for score in scores:
        grade, person = score.grade, score.person
        who = [grade.student, person.last_name, person.first_name, person.email, grade.week, grade.outcome]
        numbers = [score.points, grade.max_points, score.extra, score.penalty]
        by_question = [score.questions.get(name) for name in questions]
        rows.append(
            [
                *map(_text, who),
                *map(_number, numbers),
                _text(" ".join(score.waiting)),
                *map(_number, by_question),
                _text(grade.reason),
                grade.graded_at,
            ]
        )
    return _csv(rows)


def canvas_csv(
    week: Week, scores: Sequence[Score], roster: Path | None = None, column: str = ""
) -> tuple[str, list[str]]:
    """What Canvas' gradebook imports, and the students that the roster does not know, who are not in it.

    roster: Canvas' own export of the gradebook, with which every student is found for certain. Without it a student is
    who has this SIS Login ID, or the number that Canvas put into the name of the file. Left out too is who would not be
    found by an id that a spreadsheet takes for a formula.
    column: the assignment as Canvas' export calls it, "Week 1 (4242)". Without it, the one of the roster that is called
    as the week is; else a new assignment of that name. Who handed in nothing has an empty cell, which changes nothing.
    """
    rows, unknown = [], []
    known = _Canvas(roster) if roster else None
    column = column or (known.column(week) if known else "") or week.title
    for score in scores:
        who = known.who(score.student) if known else _without_roster(score)
        if who is None or not _still_found(who):
            unknown.append(score.student)
            continue
        rows.append([*map(_text, who), _number(score.points) if score.grade.handed_in else ""])
    most = max((score.grade.max_points for score in scores), default=week.points)
    points = ["    Points Possible", "", "", "", "", _number(most)]
    return _csv([[*CANVAS, _text(column)], points, *rows]), unknown


def _still_found(who: Sequence[str]) -> bool:
    """Whether Canvas finds a student whose row is made harmless, by the first id that there is, else by the name."""
    name, *ids, _ = who
    key = next((one for one in ids if one), name)
    return bool(key) and _text(key) == key


def other_points(week: Week, scores: Sequence[Score], roster: Path, column: str = "") -> str:
    """How the points possible of the assignment in Canvas differ from the week's; "" where they do not.

    roster, column: see `canvas_csv`.
    """
    known = _Canvas(roster)
    column = column or known.column(week)
    most = max((score.grade.max_points for score in scores), default=week.points)
    there = next((value for row in known.rows if (value := _possible(row, column))), "")
    try:
        if not there or abs(float(there.replace(",", ".")) - most) < 1e-6:
            return ""
    except ValueError:
        pass
    return (
        f"{column} has {there} points possible in {roster}, and {week.slug} has {_number(most)}: Canvas would show "
        "scores out of other points. Set the assignment's points there first, or its scores are off"
    )


def _possible(row: dict[str, str], column: str) -> str:
    """What Canvas' row of points possible says of a column; "" in another row, or of a column that is not there."""
    first = (row.get("Student") or "").strip().casefold()
    return (row.get(column) or "").strip() if first.startswith("points possible") else ""


class _Canvas:
    """Canvas' export of a gradebook, read as a roster."""

    def __init__(self, path: Path) -> None:
        self.roster = Roster.read(path)  # says what is wrong with the file
        self.rows = table(path)
        missing = [name for name in ("Student", "ID", "Section") if name not in self.rows[0]]
        if missing:
            raise CourseError(f"{path} is no export of Canvas' gradebook: it has no column {', '.join(missing)}")
        by = next(name for name in ("SIS Login ID", "ID") if name in self.rows[0])
        self.by_id = {tidy(row[by]): [row.get(name) or "" for name in CANVAS] for row in self.rows if row.get(by)}

    def column(self, week: Week) -> str:
        """The column of the assignment that is called as the week is, with its id; "" where not exactly one is."""
        names = {week.title.casefold(), week.slug.casefold(), f"week {week.number}"}
        found = [name for name in self.rows[0] if name and re.sub(r"\s*\(\d+\)$", "", name).casefold() in names]
        return found[0] if len(found) == 1 else ""

    def who(self, student: str) -> list[str] | None:
        if student in self.by_id:
            return self.by_id[student]
        number = re.search(r"_(\d+)$", student)  # as `grader collect` names students of Canvas' zip without a roster
        known = self.roster.numbers.get("canvas", {})
        found = known.get(number[1], set()) if number else self.roster.of((student,))
        return self.by_id.get(tidy(next(iter(found)))) if len(found) == 1 else None


def _without_roster(score: Score) -> list[str]:
    person = score.person
    name = f"{person.last_name}, {person.first_name}".strip(", ") or score.student
    if number := re.search(r"_(\d+)$", score.student):
        return [name, number[1], "", "", ""]
    return [name, "", "", score.student, ""]


def _number(value: float | None) -> str:
    return "" if value is None else text.number(value, 4)


def _text(value: str) -> str:
    """Text as a spreadsheet may open it: on one line, controls written out, and no part of it a formula."""
    value = re.sub(r"[\t\n\r]+", " ", value[: text.MAX_TEXT])
    return FORMULA.sub(r"\1\2'", text.NOT_TEXT.sub(lambda found: f"\\x{ord(found[0]):02x}", value))


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
