"""What a grading changed: whose score moved, who was graded again, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from grader.course.text import number, plural
from grader.records.grade import Grade, QuestionResult

NAMES = {
    "submission": "another submission",
    "release": "another release",
    "code": "other code of the course or the grader",
    "parameters": "other parameters",
    "budget": "another time budget",
    "seed": "another seed",
    "sandbox": "another kind of sandbox",
    "files": "other files beside the notebook",
    "readable": "other folders that it may read",
    "gpu": "another share of a GPU",
    "other releases": "other releases of other weeks",
}


@dataclass(frozen=True)
class Moved:
    """One student whose score is another now. questions, causes: a line each."""

    student: str
    before: float
    after: float
    questions: list[str]
    causes: list[str]


def moved(before: Mapping[str, Grade], after: Sequence[Grade]) -> list[Moved]:
    """Those of `after` whose points, outcome or points of a question differ from their earlier record's."""
    found = []
    for grade in after:
        old = before.get(grade.student)
        if old and (lines := _questions(old, grade)):
            found.append(Moved(grade.student, old.points, grade.points, lines, _causes(old, grade)))
    return found


def report(before: Mapping[str, Grade], after: Sequence[Grade]) -> list[str]:
    """The changes as lines for a console."""
    found = moved(before, after)
    new = [grade for grade in after if grade.student not in before]
    lines = []
    for one in found:
        lines.append(f"{one.student}: {number(one.before)} -> {number(one.after)} points")
        lines += [f"  {line}" for line in one.questions]
        lines.append(f"  because of: {'; '.join(one.causes) or 'nothing that is on record'}")
    compared = len(after) - len(new)
    if compared and not found:
        lines.append(f"No score moved, of {compared} that were graded before.")
    lines += _graded_again(before, after, {one.student for one in found})
    if new:
        lines.append(f"{plural(len(new), 'student')} had no earlier record to compare with.")
    return lines


def _graded_again(before: Mapping[str, Grade], after: Sequence[Grade], moved: Set[str]) -> list[str]:
    """Of those whose score is what it was: how many were graded again, for each of the causes."""
    earlier = [(before[grade.student], grade) for grade in after if grade.student in before]
    again = [(old, new) for old, new in earlier if old.graded_at != new.graded_at and new.student not in moved]
    counts = Counter("; ".join(_causes(old, new)) or "it was asked for" for old, new in again)
    return [f"Graded again with the same score: {count}, because of: {cause}" for cause, count in counts.items()]


def _questions(old: Grade, new: Grade) -> list[str]:
    lines = []
    if old.outcome != new.outcome:
        lines.append(f"{old.outcome} -> {new.outcome}" + (f": {new.reason}" if new.reason else ""))
    earlier = {q.question: q for q in old.questions}
    for q in new.questions:
        was = earlier.pop(q.question, None)
        if was is None:
            lines.append(f"{q.question}: new, {_points(q)}")
        elif (was.points, was.max_points) != (q.points, q.max_points):
            lines.append(
                f"{q.question}: {_points(was)} -> {_points(q)}" + "".join(f"; {line}" for line in _flips(was, q))
            )
    return lines + [f"{name}: {_points(was)} -> no longer asked" for name, was in earlier.items()]


def _points(q: QuestionResult) -> str:
    return f"{number(q.points)} of {number(q.max_points)}"


def _flips(was: QuestionResult, now: QuestionResult) -> list[str]:
    """The checks that no longer say what they said, with their message."""
    if now.status == "not judged":
        return [f"not judged: {now.note}"]
    before = {check.check: check.passed for check in was.checks}
    lines = []
    for check in now.checks:
        if before.pop(check.check, None) is not check.passed:
            lines.append(f"{check.check} passes now" if check.passed else f"{check.check} fails now: {check.message}")
    return lines + [f"{name} is no longer asked" for name in before]


def _causes(old: Grade, new: Grade) -> list[str]:
    causes = [words for name, words in NAMES.items() if old.inputs.get(name) != new.inputs.get(name)]
    digests = {q.question: q.rubric for q in old.questions}
    other = [q.question for q in new.questions if q.rubric and digests.get(q.question) not in ("", None, q.rubric)]
    if other:
        causes.append(f"other checks of {', '.join(other)}")
    for name in sorted(old.versions.keys() | new.versions.keys()):
        if old.versions.get(name) != new.versions.get(name):
            causes.append(f"{name} {old.versions.get(name, 'missing')} -> {new.versions.get(name, 'missing')}")
    if not causes and "not judged" in {q.status for q in (*old.questions, *new.questions)}:
        causes.append("a question that was not judged to its end")
    return causes
