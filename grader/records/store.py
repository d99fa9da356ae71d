"""Grades as files: one JSON record for each submission, under records/<week>/, written whole or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat

from grader.course.files import file_hash, write_atomically
from grader.course.syllabus import Course, Week
from grader.records.errors import RecordError
from grader.records.grade import Grade, QuestionResult


def write(grade: Grade, path: Path) -> None:
    """Write the record so that a reader sees the old one or the new one, never half of one. Raises RecordError."""
    text = grade.to_json()
    Grade.from_json(text, where=str(path))  # nothing is written that could not be read
    try:
        write_atomically(path, text)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> RecordError:
    """What to say where a result cannot be kept."""
    return RecordError(
        f"{path} cannot be written: {error.strerror or error}. What was finished before it is kept: put that right, "
        "and the same command does the rest"
    )


def read(path: Path) -> Grade:
    """Read a record. Raises RecordError, or FileNotFoundError."""
    return Grade.from_json(path.read_bytes(), where=str(path))


def read_all(paths: Iterable[Path]) -> Iterator[Grade | RecordError]:
    """Each file's record, or what is wrong with it. Files that are not there are passed over."""
    for path in paths:
        try:
            yield read(path)
        except FileNotFoundError:
            continue
        except RecordError as error:
            yield error


def together(week: Week, grades: Sequence[Grade]) -> Grade:
    """A student's Grade of a week, from the records of its notebooks in their order: of one notebook, that record.

    Of several the points are added up, names of questions and cells have the notebook before them, and `reason` says of
    which there are no points because it could not be graded; the week is not gradable where that is all of them. Such a
    Grade is made to be shown, and never written.
    """
    if len(week.notebooks) == 1:
        return grades[0]
    questions: list[QuestionResult] = []
    answers: dict[str, str] = {}
    inputs: dict[str, dict[str, None]] = defaultdict(dict)
    lines: dict[str, list[str]] = {"reason": [], "repairs": [], "log": []}
    timings: dict[str, float] = defaultdict(float)
    for one, grade in zip(week.notebooks, grades, strict=True):
        graded = grade.outcome == "graded"
        for q in grade.questions:
            note = q.note if graded else f"{one.file} could not be graded"
            questions.append(replace(q, question=one.prefix + q.question, cell=one.prefix + q.cell, note=note))
        answers |= {one.prefix + name: digest for name, digest in grade.answers.items()}
        if grade.questions and not graded:  # who does not hand in a notebook without questions misses nothing
            lines["reason"].append(f"{one.file}: {grade.reason}")
        for name in ("repairs", "log"):
            lines[name] += [f"{one.file}: {line}" for line in getattr(grade, name)]
        for name, seconds in grade.timings.items():
            timings[name] = round(timings[name] + seconds, 3)
        for name, value in grade.inputs.items():
            inputs[name][value] = None  # once, where it is the same for all
    return Grade(
        week=week.slug,
        student=grades[0].student,
        outcome="graded" if any(g.outcome == "graded" for g in grades) else "not gradable",
        reason=" ".join(lines["reason"]),
        points=round(sum(g.points for g in grades), 4),
        max_points=sum(g.max_points for g in grades),
        questions=questions,
        answers=answers,
        repairs=lines["repairs"],
        log=lines["log"],
        denied=list(dict.fromkeys(kind for g in grades for kind in g.denied)),
        timings=dict(timings),
        inputs={name: " ".join(values) for name, values in inputs.items()},
        versions={name: version for g in grades for name, version in g.versions.items()},
        graded_at=max(g.graded_at for g in grades),
    )


def recorded(course: Course, week: Week) -> list[str]:
    """Who has a record, sorted."""
    return sorted({path.stem for one in week.notebooks for path in course.record(one, "x").parent.glob("*.json")})


def records_of(course: Course, week: Week, students: Iterable[str]) -> tuple[list[Grade], list[RecordError]]:
    """The Grades of these students, of those that have records, and what is wrong with records that cannot be read.

    Of a week with several notebooks, see `together`, only of those that have a record of each.
    """
    grades, damaged = [], []
    for student in students:
        found = list(read_all(course.record(one, student) for one in week.notebooks))
        damaged += [one for one in found if isinstance(one, RecordError)]
        sound = [one for one in found if isinstance(one, Grade)]
        if len(sound) == len(week.notebooks):
            grades.append(together(week, sound))
    return grades, damaged


def notebook_is_whole(course: Course, week: Week, grade: Grade) -> bool:
    """Whether the autograded notebook that goes with a record is there as it was written."""
    path = course.autograded(week, grade.student)
    try:
        if grade.notebook:
            return file_hash(path) == grade.notebook
        return bool(nbformat.read(path, as_version=4).cells)  # nbgrader wrote it, and its hash is not known
    except Exception:  # nbformat raises nearly anything for a file that is no notebook
        return False
