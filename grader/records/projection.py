"""nbgrader's gradebook as a projection of the records: made from them, and made again from them at any time.

Automatic scores come from the records. What people entered in formgrader (manual scores, extra credit, comments) is
never written here, and so survives every regrade.

Whether a row is up to date is looked up in the gradebook itself: its scores and comments must be the record's, and a
table of our own, `crossmodal_projected`, must say that they come from this submission (text that a person grades leaves
no other trace in it). Rows are written in one transaction with that table, so neither can be there without the other.
This module reads with sqlite3 and imports nbgrader, which takes seconds, only when there is something to write.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat

from grader.course import times
from grader.course.files import file_hash
from grader.course.questions import answer_digests, grade_id, is_answer, is_task, questions_in
from grader.course.syllabus import Course, CourseError, Week
from grader.records.assignment import save_assignment
from grader.records.database import GradebookError, damage, damaged, reading, upgrade_hint, url
from grader.records.grade import Grade
from grader.records.kept import put_back
from grader.records.late import late_settings, penalise, timestamp

if shutil.which("alembic") is None:  # nbgrader calls it by name, also where the environment is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

NO_RESPONSE = "No response."  # nbgrader's own comment on an answer that is as released
PROJECTED = "CREATE TABLE IF NOT EXISTS crossmodal_projected (id VARCHAR(32) PRIMARY KEY, digest VARCHAR(64))"


def project(course: Course, week: Week, grades: Sequence[Grade]) -> None:
    """Write grades to the gradebook, with the assignment, students and submissions they need.

    grades: where the week has several notebooks, of the whole; see `store.together`.
    What is up to date there is left alone. Where the release has other questions than the gradebook, what people
    entered goes with its question; see `kept`. Raises GradebookError.
    """
    if not grades:
        return
    if damage(course.gradebook):
        raise GradebookError(damaged(course))
    course.gradebook.parent.mkdir(parents=True, exist_ok=True)
    # "made": a gradebook from before tests were made here may hold some that were not
    made = ["made"] if course.classic else []
    release = " ".join([*made, *(file_hash(course.release(one)) for one in week.notebooks)])
    settings, answers = late_settings(course), _answers(course, week)
    asked = {
        one.prefix + q.cell
        for one in week.notebooks
        for q in questions_in(nbformat.read(course.release(one), 4), course.classic)
    }
    for grade in grades:
        if not asked >= {q.cell for q in grade.questions}:
            raise GradebookError(f"{grade.student}'s record has other questions than {week.slug} has now: grade again")
    with _clear_errors(course, week):
        rows = [_Row.of(course, week, grade, settings, answers) for grade in grades]
        book = _Book.read(course, week)
        stale = [row for row in rows if not book.has(row)]
        if book.release != release:
            save_assignment(course, week)
        if stale or book.release != release:
            _write(course, week, stale, release, book.digests)


@contextlib.contextmanager
def _clear_errors(course: Course, week: Week) -> Iterator[None]:
    """sqlite's errors, also as SQLAlchemy and nbgrader pass them on, as GradebookError."""
    try:
        yield
    except Exception as error:
        kind = type(error).__module__.partition(".")[0]
        if isinstance(error, CourseError) or kind not in ("sqlite3", "sqlalchemy", "nbgrader"):
            raise
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        reason += upgrade_hint(reason)
        raise GradebookError(
            f"{course.gradebook} cannot be written: {reason}. The records are complete; once it can be written, "
            f"run: grader rebuild {week.slug}"
        ) from error


# --- what should be there, and what is --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """What a record says of one student's submission, in nbgrader's terms: what SaveAutoGrades would write.

    scores: {grade cell: automatic score, None where a person must grade}.  comments: {answer cell: automatic comment}.
    work: {grade cell: digest of what a person who grades it goes by}.
    In a week with several notebooks the cells' names have the notebook before them.
    """

    student: str
    handed_in: bool
    scores: dict[str, float | None]
    comments: dict[str, str | None]
    work: dict[str, str]
    timestamp: str | None  # UTC, ISO 8601; or times.LATE, which is late without a time
    submission: str  # hash of what was handed in
    settings: str  # how lateness is punished

    @classmethod
    def of(cls, course: Course, week: Week, grade: Grade, settings: str, answers: Mapping[str, Sequence[str]]) -> _Row:
        """answers: see `_answers`."""
        answered, comments = {q.question: q.answered for q in grade.questions}, {}
        for prefix, names in answers.items():
            some = any(was for name, was in answered.items() if name.startswith(prefix))
            for name in names:  # of one that only tests look at, an old record says only whether any was
                was = answered.get(prefix + name, bool(grade.answers.get(prefix + name)) if grade.answers else some)
                comments[prefix + name] = None if was else NO_RESPONSE
        submission = grade.inputs.get("submission", "")
        return cls(
            student=grade.student,
            handed_in=grade.handed_in,
            # as nbgrader reads them from the check cells, whose output is the points with six digits
            scores={
                q.cell: None if q.status == "manual" and q.answered else float(f"{q.points:g}") for q in grade.questions
            },
            comments=comments,
            work={
                q.cell: _work(
                    q.cell, q.points if q.status != "manual" else None, q.max_points, grade.answers, submission
                )
                for q in grade.questions
            },
            timestamp=timestamp(course.submission(week, grade.student).parent),
            submission=hashlib.sha256(submission.encode()).hexdigest()[:16],
            settings=settings,
        )

    def digest(self, due: Any) -> str:
        """The submission's hash, and one of all the rest. due: what the gradebook says of the due date."""
        what = [self.scores, self.comments, self.timestamp, self.settings, due]
        rest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
        return f"{self.submission} {rest}"


def _work(cell: str, score: float | None, points: float, answers: Mapping[str, str], submission: str) -> str:
    """What a person who grades a cell goes by: the answer in it and its points. Of a test, which does not say what it
    is about, all answers and what they earned; of a task, the whole of what was handed in.
    """
    if cell in answers:
        about: Any = answers[cell]
    else:
        about = submission if score is None else [sorted(answers.items()), score]
    return hashlib.sha256(json.dumps([about, points]).encode()).hexdigest()


@dataclass
class _Book:
    """What a gradebook holds of one week. release: hash of the one its cells come from."""

    release: str = ""
    students: set[str] = field(default_factory=set)
    submissions: dict[str, tuple[str, Any]] = field(default_factory=dict)  # student: id, due date and extension
    digests: dict[str, str] = field(default_factory=dict)  # id of the submission: what it was projected from
    scores: dict[str, dict[str, float | None]] = field(default_factory=lambda: defaultdict(dict))
    comments: dict[str, dict[str, str | None]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def read(cls, course: Course, week: Week) -> _Book:
        found = cls()
        if not course.gradebook.is_file():
            return found
        with contextlib.closing(sqlite3.connect(course.gradebook)) as book:
            found.students = {row[0] for row in book.execute("SELECT id FROM student")}
            if book.execute("SELECT 1 FROM sqlite_master WHERE name = 'crossmodal_projected'").fetchone():
                found.digests = dict(book.execute("SELECT id, digest FROM crossmodal_projected"))
            assignment = book.execute("SELECT id, duedate FROM assignment WHERE name = ?", [week.slug]).fetchone()
            if assignment is None:
                return found
            found.release = found.digests.get(assignment[0], "")
            rows = book.execute(
                "SELECT student_id, id, extension FROM submitted_assignment WHERE assignment_id = ?", assignment[:1]
            )
            found.submissions = {student: (key, [assignment[1], extension]) for student, key, extension in rows}
            prefixes = {one.stem: one.prefix for one in week.notebooks}
            for table, column, kept in (
                ("grade", "auto_score", found.scores),
                ("comment", "auto_comment", found.comments),
            ):
                rows = book.execute(
                    f"SELECT n.assignment_id, b.name, c.name, t.{column} FROM {table} t "
                    "JOIN base_cell c ON c.id = t.cell_id JOIN submitted_notebook n ON n.id = t.notebook_id "
                    "JOIN notebook b ON b.id = n.notebook_id "
                    "JOIN submitted_assignment a ON a.id = n.assignment_id WHERE a.assignment_id = ?",
                    assignment[:1],
                )
                for submission, notebook, cell, value in rows:
                    if notebook in prefixes:
                        kept[submission][prefixes[notebook] + cell] = value
        return found

    def has(self, row: _Row) -> bool:
        """Whether all of this is there already."""
        if not row.handed_in:
            return row.student in self.students
        submission, due = self.submissions.get(row.student, ("", None))
        return (
            row.student in self.students
            and bool(submission)
            and self.digests.get(submission) == row.digest(due)
            and self.scores[submission] == row.scores
            and self.comments[submission] == row.comments
        )


def _answers(course: Course, week: Week) -> dict[str, list[str]]:
    """{prefix of a notebook: its cells that have a comment in nbgrader: answers, and tasks}."""
    found = {}
    for one in week.notebooks:
        cells = nbformat.read(course.release(one), as_version=4).cells
        found[one.prefix] = [grade_id(cell) or "" for cell in cells if is_answer(cell) or is_task(cell)]
    return found


def remember(course: Course, week: Week) -> None:
    """Note what work people have graded that only nbgrader's own autograding has written so far.

    To be called while its autograded notebooks are still there: who hands in the same again stays graded then.
    Raises GradebookError.
    """
    if not course.gradebook.is_file() or damage(course.gradebook):
        return
    notebooks = {one.stem: one for one in week.notebooks}
    known = _Book.read(course, week).digests
    with reading(course) as book, book:
        rows = book.execute(
            "SELECT s.student_id, s.id, b.name, c.name, g.id, g.auto_score "
            "FROM grade g JOIN base_cell c ON c.id = g.cell_id JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN notebook b ON b.id = n.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id JOIN assignment a ON a.id = s.assignment_id "
            "WHERE a.name = ? AND g.manual_score IS NOT NULL",
            [week.slug],
        ).fetchall()
        if rows := [row for row in rows if row[1] not in known]:
            book.execute(PROJECTED)
        for student, _, notebook, cell, key, score in rows:
            one = notebooks.get(notebook)
            if one is None:
                continue
            try:
                graded = nbformat.read(course.autograded(one, student), as_version=4)
            except Exception:  # nbformat raises nearly anything for a file that is no notebook
                continue
            released = nbformat.read(course.release(one), as_version=4)
            points = {q.cell: q.points for q in questions_in(released, course.classic)}
            if cell in points:
                answers = {one.prefix + name: digest for name, digest in answer_digests(graded, released).items()}
                work = _work(one.prefix + cell, score, points[cell], answers, "")
                book.execute("INSERT OR IGNORE INTO crossmodal_projected (id, digest) VALUES (?, ?)", [key, work])


# --- through nbgrader -------------------------------------------------------------------------------------------------


def _write(course: Course, week: Week, rows: Sequence[_Row], release: str, digests: Mapping[str, str]) -> None:
    """Write rows, in one transaction, as nbgrader's add_submission, SaveAutoGrades and AssignLatePenalties do.

    digests: {id of a submission or grade: what it was projected from}. Where that is the same file, a person's grade
    stands; nbgrader would have everyone's looked at again, also when only a rubric changed.
    """
    from nbgrader.api import Comment, Grade, Gradebook

    with Gradebook(url(course)) as book, warnings.catch_warnings(action="ignore"):
        assignment = book.find_assignment(week.slug)
        notebooks = {one.prefix: book.find_notebook(one.stem, week.slug) for one in week.notebooks}
        _add_students(book, [row.student for row in rows])
        rows = [row for row in rows if row.handed_in]
        submissions = _add_submissions(book, assignment, rows, digests)
        ids = {row.student: submissions[row.student].id for row in rows}
        submitted = _add_notebooks(book, list(ids.values()), [one.id for one in notebooks.values()])

        graded = {prefix: (one.id, [*one.grade_cells, *one.task_cells]) for prefix, one in notebooks.items()}
        answered = {prefix: (one.id, [*one.solution_cells, *one.task_cells]) for prefix, one in notebooks.items()}
        grades = _Table(book, Grade, graded, ids, submitted)
        comments = _Table(book, Comment, answered, ids, submitted)
        for row in rows:
            same_file = digests.get(ids[row.student], "").startswith(f"{row.submission} ")
            for name, score in row.scores.items():
                earlier = grades.earlier(row.student, name)
                same = same_file or earlier is not None and digests.get(earlier.id) == row.work[name]
                manual = _needs_manual_grade(earlier, score, same)
                grades.put(row.student, name, {"auto_score": score, "needs_manual_grade": manual})
            for name, comment in row.comments.items():
                comments.put(row.student, name, {"auto_comment": comment})
        grades.write()
        comments.write()

        put_back(book.db.connection().connection.dbapi_connection, {ids[row.student]: row.submission for row in rows})
        own = [
            (submissions[row.student], submitted[ids[row.student], one.id])
            for row in rows
            for one in notebooks.values()
        ]
        penalise(course, book, own)
        work = {grades.ids[row.student, name]: digest for row in rows for name, digest in row.work.items()}
        whole = {ids[row.student]: row.digest(_due(book, ids[row.student])) for row in rows}
        _mark(book, {assignment.id: release, **work, **whole})
        book.db.commit()


def _add_students(book: Any, students: Sequence[str]) -> None:
    from nbgrader.api import Student

    there = {student for (student,) in book.db.query(Student.id)}
    book.db.bulk_insert_mappings(Student, [{"id": student} for student in students if student not in there])


def _add_submissions(book: Any, assignment: Any, rows: Sequence[_Row], digests: Mapping[str, str]) -> dict[str, Any]:
    """{student: submission} of the assignment, with one for each row, and with the row's time."""
    from nbgrader.api import SubmittedAssignment, new_uuid

    found = {one.student_id: one for one in book.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id)}
    for row in rows:
        if row.student not in found:
            made = SubmittedAssignment(id=new_uuid(), assignment_id=assignment.id, student_id=row.student)
            book.db.add(made)
            found[row.student] = made
        submission = found[row.student]
        time = _time(row.timestamp, assignment.duedate)
        if time or submission.id in digests:  # what stands there is ours, perhaps of an earlier file
            submission.timestamp = time
    book.db.flush()
    return found


def _add_notebooks(book: Any, submissions: Sequence[str], notebooks: Sequence[str]) -> dict[tuple[str, str], Any]:
    """{(id of a submission, id of a notebook): the submitted notebook}, with each of these submissions."""
    from nbgrader.api import SubmittedNotebook, new_uuid

    query = book.db.query(SubmittedNotebook).filter(SubmittedNotebook.notebook_id.in_(notebooks))
    found = {(one.assignment_id, one.notebook_id): one for one in query}
    for key in [(submission, notebook) for submission in submissions for notebook in notebooks]:
        if key not in found:
            found[key] = SubmittedNotebook(id=new_uuid(), assignment_id=key[0], notebook_id=key[1])
            book.db.add(found[key])
    book.db.flush()
    return found


class _Table:
    """One of nbgrader's tables with a row for each cell of each student: the one of grades, or the one of comments.

    cells: {prefix of a notebook: its id, and its cells that have such a row}.   submissions: {student: id}.
    submitted: see `_add_notebooks`.   ids: {(student, name of a cell): id of the row that was put}.
    """

    def __init__(
        self,
        book: Any,
        table: Any,
        cells: Mapping[str, tuple[str, list[Any]]],
        submissions: Mapping[str, str],
        submitted: Mapping[tuple[str, str], Any],
    ) -> None:
        self.db, self.table, self.submissions, self.submitted = book.db, table, submissions, submitted
        self.cells = {
            prefix + cell.name: (notebook, cell.id) for prefix, (notebook, own) in cells.items() for cell in own
        }
        query = self.db.query(table).filter(table.cell_id.in_([cell for _, cell in self.cells.values()]))
        self.old = {(one.notebook_id, one.cell_id): one for one in query}
        self.ids: dict[tuple[str, str], str] = {}
        self.added: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []

    def _place(self, student: str, name: str) -> tuple[str, str]:
        """Ids of the submitted notebook and of the cell."""
        notebook, cell = self.cells[name]
        return self.submitted[self.submissions[student], notebook].id, cell

    def earlier(self, student: str, name: str) -> Any:
        """The row that is there; None where there is none."""
        return self.old.get(self._place(student, name))

    def put(self, student: str, name: str, values: dict[str, Any]) -> None:
        """Note these values for the row of a student's cell, to be written by `write`."""
        from nbgrader.api import new_uuid

        earlier = self.earlier(student, name)
        if earlier is None:
            notebook, cell = self._place(student, name)
            key = new_uuid()
            self.added.append({"id": key, "notebook_id": notebook, "cell_id": cell, **values})
        else:
            key = earlier.id
            self.changed.append({"id": key, **values})
        self.ids[student, name] = key

    def write(self) -> None:
        self.db.bulk_insert_mappings(self.table, self.added)
        self.db.bulk_update_mappings(self.table, self.changed)


def _needs_manual_grade(earlier: Any, score: float | None, same: bool) -> bool:
    """What a person graded is looked at again when the answer may be another. same: that it is not."""
    graded = earlier is not None and earlier.manual_score is not None
    if graded and same:
        return bool(earlier.needs_manual_grade)
    return graded or score is None


def _due(book: Any, submission: str) -> list[Any]:
    """Due date and extension as sqlite gives them back, because that is what the next run compares."""
    from sqlalchemy import text

    query = (
        "SELECT b.duedate, a.extension FROM submitted_assignment a "
        "JOIN assignment b ON b.id = a.assignment_id WHERE a.id = :id"
    )
    return list(book.db.execute(text(query), {"id": submission}).one())


def _mark(book: Any, digests: Mapping[str, str]) -> None:
    """Note what these rows were projected from, {id: digest}."""
    from sqlalchemy import text

    marks = [{"id": key, "digest": digest} for key, digest in digests.items()]
    book.db.execute(text(PROJECTED))
    book.db.execute(text("INSERT OR REPLACE INTO crossmodal_projected (id, digest) VALUES (:id, :digest)"), marks)


def _time(timestamp: str | None, due: datetime | None) -> datetime | None:
    """A row's time for nbgrader. What is late by nobody knows how much is so by the least there is."""
    if timestamp == times.LATE:
        return due + timedelta(seconds=1) if due else None
    return datetime.fromisoformat(timestamp) if timestamp else None
