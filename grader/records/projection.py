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
import copy
import hashlib
import json
import logging
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
from nbformat import NotebookNode

from grader.course import plain_nbgrader, times
from grader.course import settings as settings_
from grader.course.files import file_hash
from grader.course.questions import answer_digests, grade_id, is_answer, is_task, nbgrader, questions_in
from grader.course.syllabus import Course, CourseError, Week
from grader.records.database import GradebookError, damage, damaged, reading, upgrade_hint, url
from grader.records.grade import Grade
from grader.records.kept import cells_of, make_way, note, put_back
from grader.records.late import late_settings, penalise

if shutil.which("alembic") is None:  # nbgrader calls it by name, also where the environment is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
logger = logging.getLogger(__name__)
logger.setLevel(logging.ERROR)

NO_RESPONSE = "No response."  # nbgrader's own comment on an answer that is as released
PROJECTED = "CREATE TABLE IF NOT EXISTS crossmodal_projected (id VARCHAR(32) PRIMARY KEY, digest VARCHAR(64))"


def project(course: Course, week: Week, grades: Sequence[Grade]) -> None:
    """Write grades to the gradebook, with the assignment, students and submissions they need.

    grades: where the week has several notebooks, of the whole; see `classes.together`.
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
            _save_assignment(course, week)
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
            timestamp=_timestamp(course.submission(week, grade.student).parent),
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
        found[one.prefix] = [grade_id(cell) for cell in cells if is_answer(cell) or is_task(cell)]
    return found


def _timestamp(folder: Path) -> str | None:
    """When it was handed in, where that was left there and can be read; times.LATE where it is just late."""
    time, _ = times.stamp(folder)
    if time:
        return time.isoformat()
    return times.LATE if (folder / times.LATE).is_file() else None


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
            try:
                graded = nbformat.read(course.autograded(one, student), as_version=4) if one else None
            except Exception:  # nbformat raises nearly anything for a file that is no notebook
                graded = None
            if graded is None:
                continue
            released = nbformat.read(course.release(one), as_version=4)
            points = {q.cell: q.points for q in questions_in(released, course.classic)}
            if cell in points:
                answers = {one.prefix + name: digest for name, digest in answer_digests(graded, released).items()}
                work = _work(one.prefix + cell, score, points[cell], answers, "")
                book.execute("INSERT OR IGNORE INTO crossmodal_projected (id, digest) VALUES (?, ?)", [key, work])


# --- through nbgrader -------------------------------------------------------------------------------------------------


def _save_assignment(course: Course, week: Week) -> None:
    """The assignment's row and its notebooks with their cells, as `nbgrader generate_assignment` writes them.

    In plain nbgrader they hold the hidden tests, which the release does not, so there they come from the source, and
    what nbgrader has written already stays as it is: its own autograding goes by that.
    """
    from nbgrader.api import Gradebook

    new = not course.gradebook.exists()
    if course.classic:
        opened = Gradebook(url(course), settings_.read(course.root).directory.course_id)
    else:
        opened = Gradebook(url(course))
    with opened as book:
        if new:  # sqlite leaves the group's right to write out, whatever the umask says
            os.chmod(course.gradebook, 0o666 & ~_umask())
        book.update_or_create_assignment(week.slug)
    wanted = {one.stem: cells_of(_released(course, one)) for one in week.notebooks}
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        make_way(book, week.slug, wanted)
    for one in week.notebooks:
        _save_cells(course, one)
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        note(book, week.slug, wanted)


def _umask() -> int:
    """This process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _released(course: Course, week: Week) -> NotebookNode:
    """The notebook whose cells nbgrader's own commands would write down; one's own copy."""
    if course.classic:
        return copy.deepcopy(plain_nbgrader.instructor(course, week))
    return nbformat.read(course.release(week), as_version=4)


def _save_cells(course: Course, week: Week) -> None:
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.preprocessors import ComputeChecksums

    released = _released(course, week)
    mark = settings_.read(course.root).value("InstantiateTests.autotest_delimiter") if course.classic else ""
    with Gradebook(url(course)) as book, contextlib.suppress(MissingEntry):
        there = book.find_notebook(week.stem, week.slug)
        if course.classic and _as_nbgrader_has_it(there, released, mark):
            return
        if kernelspec := json.loads(there.kernelspec or "null"):
            released.metadata.kernelspec = kernelspec
    resources = {"nbgrader": {"student": ".", "assignment": week.slug, "notebook": week.stem, "db_url": url(course)}}
    for step in (*([] if course.classic else [ComputeChecksums()]), _cell_saver()):
        step.log = logger
        released, resources = step.preprocess(released, resources)


def _cell_saver() -> Any:
    """nbgrader's SaveCells, which also adds cells to a notebook that has submissions; by itself it refuses."""
    from nbgrader.preprocessors import SaveCells

    class AddsCells(SaveCells):
        def _create_notebook(self, nb: Any) -> None:
            assignment = self.gradebook.find_assignment(self.assignment_id)
            if any(one.name == self.notebook_id and one.submissions for one in assignment.notebooks):
                for kind in ("grade", "solution", "task", "source"):
                    save = getattr(self.gradebook, f"update_or_create_{kind}_cell")
                    for name, values in getattr(self, f"new_{kind}_cells").items():
                        save(name, self.notebook_id, self.assignment_id, **values)
            super()._create_notebook(nb)

    return AddsCells()


def _as_nbgrader_has_it(there: Any, notebook: NotebookNode, mark: str) -> bool:
    """Whether a gradebook's notebook has the cells and points of this one, and no test that was never made.

    mark: of tests that nbgrader makes.
    """
    points = {
        grade_id(c): float(nbgrader(c)["points"]) for c in notebook.cells if nbgrader(c).get("points") is not None
    }
    marked = {cell.name for cell in there.source_cells if "AUTOTEST" in cell.source}
    return (
        {cell.name: cell.max_score for cell in (*there.grade_cells, *there.task_cells)} == points
        and {cell.name for cell in there.solution_cells} == {grade_id(c) for c in notebook.cells if is_answer(c)}
        and marked <= {grade_id(cell) for cell in notebook.cells if mark in cell.source}
    )


def _write(course: Course, week: Week, rows: Sequence[_Row], release: str, digests: Mapping[str, str]) -> None:
    """Write rows, in one transaction, as nbgrader's add_submission, SaveAutoGrades and AssignLatePenalties do.

    digests: what is there was projected from, by submission. Where that is the same file, a person's grade stands;
    nbgrader would have everyone's looked at again, also when only a rubric changed.
    """
    from nbgrader.api import Comment, Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook, new_uuid
    from sqlalchemy import text

    with Gradebook(url(course)) as book, warnings.catch_warnings(action="ignore"):
        assignment = book.find_assignment(week.slug)
        notebooks = {one.prefix: book.find_notebook(one.stem, week.slug) for one in week.notebooks}
        cells: dict[Any, dict[str, tuple]] = {Grade: {}, Comment: {}}  # {name in a row: (notebook's id, cell's id)}
        for prefix, of in notebooks.items():
            for table, own in ((Grade, of.grade_cells), (Comment, of.solution_cells)):
                cells[table] |= {prefix + cell.name: (of.id, cell.id) for cell in (*own, *of.task_cells)}
        there = {student for (student,) in book.db.query(Student.id)}
        new = [{"id": row.student} for row in rows if row.student not in there]
        book.db.bulk_insert_mappings(Student, new)

        rows = [row for row in rows if row.handed_in]
        submissions = {
            s.student_id: s for s in book.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id)
        }
        for row in rows:
            if row.student not in submissions:
                made = SubmittedAssignment(id=new_uuid(), assignment_id=assignment.id, student_id=row.student)
                book.db.add(made)
                submissions[row.student] = made
            submission = submissions[row.student]
            time = _time(row.timestamp, assignment.duedate)
            if time or submission.id in digests:  # what stands there is ours, perhaps of an earlier file
                submission.timestamp = time
        book.db.flush()
        ids = [of.id for of in notebooks.values()]
        submitted = {
            (n.assignment_id, n.notebook_id): n
            for n in book.db.query(SubmittedNotebook).filter(SubmittedNotebook.notebook_id.in_(ids))
        }
        for key in [(submissions[row.student].id, notebook) for row in rows for notebook in ids]:
            if key not in submitted:
                submitted[key] = SubmittedNotebook(id=new_uuid(), assignment_id=key[0], notebook_id=key[1])
                book.db.add(submitted[key])
        book.db.flush()

        marks = [{"id": assignment.id, "digest": release}]
        for table, places in cells.items():
            old = {
                (one.notebook_id, one.cell_id): one
                for one in book.db.query(table).filter(table.cell_id.in_([cell for _, cell in places.values()]))
            }
            added, changed = [], []
            for row in rows:
                for name, value in (row.scores if table is Grade else row.comments).items():
                    notebook, cell = places[name]
                    place = submitted[submissions[row.student].id, notebook].id
                    earlier = old.get((place, cell))
                    values: dict[str, Any] = {"auto_score" if table is Grade else "auto_comment": value}
                    if table is Grade:  # what a person graded is looked at again when the answer may be another
                        graded = earlier is not None and earlier.manual_score is not None
                        same = digests.get(submissions[row.student].id, "").startswith(f"{row.submission} ")
                        same = same or earlier is not None and digests.get(earlier.id) == row.work[name]
                        values["needs_manual_grade"] = (
                            earlier.needs_manual_grade if graded and same else graded or value is None
                        )
                    key = new_uuid() if earlier is None else earlier.id
                    if earlier is None:
                        added.append({"id": key, "notebook_id": place, "cell_id": cell, **values})
                    else:
                        changed.append({"id": key, **values})
                    if table is Grade:
                        marks.append({"id": key, "digest": row.work[name]})
            book.db.bulk_insert_mappings(table, added)
            book.db.bulk_update_mappings(table, changed)
        now = {submissions[row.student].id: row.submission for row in rows}
        put_back(book.db.connection().connection.dbapi_connection, now)
        handed_in = [submissions[row.student] for row in rows]
        penalise(course, book, [(one, submitted[one.id, notebook]) for one in handed_in for notebook in ids])

        book.db.execute(text(PROJECTED))
        for row in rows:
            # as sqlite gives them back, because that is what the next run compares
            due = book.db.execute(
                text(
                    "SELECT b.duedate, a.extension FROM submitted_assignment a "
                    "JOIN assignment b ON b.id = a.assignment_id WHERE a.id = :id"
                ),
                {"id": submissions[row.student].id},
            ).one()
            marks.append({"id": submissions[row.student].id, "digest": row.digest(list(due))})
        book.db.execute(text("INSERT OR REPLACE INTO crossmodal_projected (id, digest) VALUES (:id, :digest)"), marks)
        book.db.commit()


def _time(timestamp: str | None, due: datetime | None) -> datetime | None:
    """A row's time for nbgrader. What is late by nobody knows how much is so by the least there is."""
    if timestamp == times.LATE:
        return due + timedelta(seconds=1) if due else None
    return datetime.fromisoformat(timestamp) if timestamp else None
