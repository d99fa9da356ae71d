"""From what an LMS or a shared folder gives to submitted/<student>/<week>/<week>.ipynb.

Nothing is ever unpacked to a path that an archive names: a name only says whose a file is, and where that is not clear
the file is listed and left alone. `grader collect` calls `collect`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from grader.course.files import write_atomically
from grader.course.students import key
from grader.course.syllabus import Course, CourseError, Week
from grader.course.times import LATE, STAMP, moment
from grader.submissions.archives import MAX_TOTAL, Entry, Refused, entries, litter
from grader.submissions.attribution import NUMBERED, Claim, around, is_called, lms_own, manifest_of, whose
from grader.submissions.loading import OBJECT, fault_of, named_in
from grader.submissions.roster import Roster

Outcome = (
    Literal["collected", "replaced", "already there", "older", "left out", "missing"]
    | Literal["not replaced", "unclear", "refused"]
)
IN_ORDER = ("collected", "replaced", "already there", "older", "left out")
# lists of the class, pages of an LMS
DATA = {".csv", ".tsv", ".txt", ".json", ".log", ".yml", ".yaml", ".html", ".htm"}


@dataclass(frozen=True)
class Row:
    """What became of one file. file: its path in the source.  student: "" where that is not clear."""

    file: str
    student: str
    status: Outcome
    note: str = ""


def collect(
    course: Course,
    week: Week,
    source: Path,
    roster: Path | None = None,
    replacing: bool = False,
    dry_run: bool = False,
) -> list[Row]:
    """Put each student's notebook of a folder or zip where grading looks for it, and say what became of each file.

    roster: a CSV of the class, see `Roster`.   replacing: also where another file is there, which is kept in replaced/.
    Raises CourseError where source or roster cannot be read at all.
    """
    submitted = course.work / "submitted"
    if source.resolve() == submitted.resolve():
        raise CourseError(f"{submitted} is where submissions belong: there is nothing to collect")
    class_list = Roster.read(roster) if roster else None
    with contextlib.ExitStack() as stack:
        return _collect(course, week, list(entries(source, stack)), class_list, replacing, dry_run)


def _collect(
    course: Course,
    week: Week,
    files: list[tuple[Entry, str]],
    roster: Roster | None,
    replacing: bool,
    dry_run: bool,
) -> list[Row]:
    rows, given, found = [], [], []
    for entry, why in files:
        if note := litter(entry.path):
            rows.append(Row(entry.name, "", "left out", note))
        else:
            given.append((entry, why))
    manifest = manifest_of([entry for entry, why in given if not why])
    outside = _outside([entry for entry, why in given if not why], manifest.listed)
    left = MAX_TOTAL
    for entry, why in given:
        path = entry.path[outside:]
        claims, unclear = whose(_as_notebook(path), week, roster, manifest)
        own = manifest.faults.get(entry.name) or lms_own(path)
        fault, left = (why, left) if why else _fault(entry, left)
        if entry.name.lower().endswith(".ipynb") and why:
            rows.append(Row(entry.name, "", "refused", why))
        elif fault:
            loose = len(path) == 1 and Path(path[0]).suffix.lower() in DATA
            if loose and not any(claim.lms or claim.ids for claim in claims):
                claims = []  # "readme.txt" is nobody
            found += [_File(entry, claim, own or fault, is_notebook=False) for claim in claims]
            if not claims:
                # what lies beside the students' files, or is the LMS's, needs nobody's attention
                beside = not why and (own or loose)
                status: Outcome = "left out" if beside and entry.name not in manifest.faults else "refused"
                rows.append(Row(entry.name, "", status, own or fault))
        else:
            found += [_File(entry, claim) for claim in claims]
            rows += [Row(entry.name, "", "unclear", unclear)] if unclear else []
    of_student, twofold = _by_person(found, week, course, known=roster is not None)
    rows += twofold
    taken = _alike([*of_student, *_present(course.work / "submitted")])
    for student, theirs in of_student.items():
        notebooks = [file for file in theirs if file.is_notebook]
        for file in theirs:
            if not file.is_notebook:
                aside = notebooks and not file.entry.name.lower().endswith(".zip")
                rows.append(Row(file.entry.name, student, "left out" if aside else "refused", file.note))
        if not notebooks:
            continue
        if rivals := [name for name in taken[key(student)] if name != student]:
            note = f"{student} and {rivals[0]} cannot be told apart in file names; name them in a roster"
            rows += [Row(file.entry.name, student, "unclear", note) for file in notebooks]
        else:
            rows += _take(course, week, student, notebooks, replacing, dry_run)
    if roster:
        seen = {row.student for row in rows}
        rows += [Row("", name, "missing", "nothing in this source") for name in roster.students if name not in seen]
    return sorted(rows, key=lambda row: (row.status in IN_ORDER, row.status == "left out", row.student, row.file))


@dataclass(frozen=True)
class _File:
    """One of a student's files. note: why it is no notebook.  digest: of its content, once it is read."""

    entry: Entry
    claim: Claim
    note: str = ""
    is_notebook: bool = True
    digest: bytes = b""


def _outside(files: list[Entry], listed: bool) -> int:
    """How many outer folders name no student. listed: where Gradescope's list lies, the submissions' folders begin."""
    if listed:
        return min(len(entry.path) for entry in files) - 1
    return around([entry.path for entry in files if not lms_own(entry.path)])


def _fault(entry: Entry, left: int) -> tuple[str, int]:
    """Why a file is no notebook, whatever its name; "" for one. left: bytes that may still be read to find that out.

    What is called as a notebook is taken for one: what is wrong with it is for grading to say.
    """
    name = entry.name.lower()
    if name.endswith(".ipynb"):
        return "", left
    if name.endswith(".zip"):
        return "a zip inside; unpack it, or have the notebook itself handed in", left
    try:
        head = entry.read(4096)
        if not OBJECT.match(head):
            return "not a notebook", left
        if left <= 0:
            return f"not looked into: more than {MAX_TOTAL >> 30} GB of such files", left
        raw = entry.read()
    except Refused as error:
        return str(error), left
    return "not a notebook" if fault_of(raw) else "", left - len(raw)


def _by_person(files: list[_File], week: Week, course: Course, known: bool) -> tuple[dict[str, list[_File]], list[Row]]:
    """Files by student; and those of people who have one name but two numbers, where that is not to be solved.

    known: that a roster named the students. Without one, the number is added to such people's names.
    """
    of_student: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        of_student[file.claim.student].append(file)
    people, rows = {}, []
    for student, theirs in of_student.items():
        numbers = sorted({file.claim.number for file in theirs if file.claim.number})
        if len(numbers) < 2:
            people[student] = theirs
            continue
        there = any(course.submission(one, student).exists() for one in week.notebooks)
        if known or there or any(not file.claim.number for file in theirs):
            which = f"two people, with the numbers {' and '.join(numbers)}, could be {student}"
            rows += [
                Row(f.entry.name, "", "unclear", f"{which}; a roster with these numbers would tell") for f in theirs
            ]
            continue
        note = f"two are called {student}, so the LMS's number is added"
        for number in numbers:
            people[f"{student}_{number}"] = [
                replace(f, claim=replace(f.claim, notes=(*f.claim.notes, note)))
                for f in theirs
                if f.claim.number == number
            ]
    return people, rows


def _as_notebook(path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a student's notebook would be in place of this file: it says whose an essay is, or a zip."""
    *folders, file = path or ("",)
    stem = file if file.lower().endswith(".ipynb") else Path(file).stem
    return (*folders, stem if stem.lower().endswith(".ipynb") else f"{stem}.ipynb")  # "week01.ipynb.txt"


def _present(submitted: Path) -> list[str]:
    return [path.name for path in submitted.iterdir() if path.is_dir()] if submitted.is_dir() else []


def _alike(students: list[str]) -> dict[str, set[str]]:
    """Names by what makes them the same on some file systems."""
    found = defaultdict(set)
    for name in students:
        found[key(name)].add(name)
    return found


def _take(course: Course, week: Week, student: str, files: list[_File], replacing: bool, dry_run: bool) -> list[Row]:
    """Choose a student's file, of several notebooks one for each, and write it."""
    rows, readable, chosen = [], defaultdict(list), {}
    for file in files:
        entry, one = file.entry, _stands_for(week, file.claim.file)
        if one is None:
            why = f"its name is that of none of the notebooks: {', '.join(week.parts)}"
            rows.append(Row(entry.name, student, "unclear", why))
            continue
        try:
            read = replace(file, digest=hashlib.sha256(entry.read()).digest())
        except Refused as error:
            rows.append(Row(entry.name, student, "refused", str(error)))
            continue
        readable[one].append(read)
    for one, found in readable.items():
        newest = _newest(found, one)
        if newest is None:
            listed = " and ".join(file.entry.name for file in found)
            why = f"several files, and nothing says which is the newest: {listed}"
            rows += [Row(file.entry.name, student, "unclear", why) for file in found]
        else:
            chosen[one] = newest
            note = f"taken instead: {newest.entry.name}"
            rows += [Row(file.entry.name, student, "older", note) for file in found if file is not newest]
    # nbgrader has one time for all of them
    times = [file.claim.when for file in chosen.values() if file.claim.when]
    when = max(times, key=lambda one: moment(one) or datetime.min, default="")
    late = any(file.claim.late for file in chosen.values())
    for one, file in chosen.items():
        content = file.entry.read()
        status, note = _write(course, one, student, content, when, late, replacing, dry_run)
        notes = [*dict.fromkeys(file.claim.notes), *_oddities(file, content), note]
        rows.append(Row(file.entry.name, student, status, "; ".join(filter(None, notes))))
    return rows


def _oddities(file: _File, content: bytes) -> list[str]:
    """What a person should know of a notebook that was taken."""
    if fault := fault_of(content):
        return [f"does not read as a notebook: {fault}"]
    return [] if file.entry.name.lower().endswith(".ipynb") else ["a notebook under another name"]


def _stands_for(week: Week, file: str) -> Week | None:
    """The week, or the one of its several notebooks that a file's name speaks of."""
    if not week.parts:
        return week
    return next((one for one in week.notebooks if one.notebook == named_in(file, week.parts)), None)


def _newest(files: list[_File], week: Week) -> _File | None:
    """The one that counts: called as the week is, and of those the newest by the LMS's own marker. None if unclear."""
    own = [file for file in files if any(is_called(file.claim.file, name) for name in (week.slug, week.stem))]
    named = own or files
    alike = own or all(is_called(file.claim.file, _base(files[0].claim.file)) for file in files)
    if all(file.claim.order is not None for file in named) and alike:
        newest = max(file.claim.order or () for file in named)
        named = [file for file in named if file.claim.order == newest]
    return named[0] if len({file.digest for file in named}) == 1 else None


def _base(file: str) -> str:
    """A file's name without its ending, and without the number of a second file of that name."""
    return NUMBERED.sub("", file[: -len(".ipynb")] if file.lower().endswith(".ipynb") else file).strip()


def _write(
    course: Course, week: Week, student: str, content: bytes, when: str, late: bool, replacing: bool, dry_run: bool
) -> tuple[Outcome, str]:
    path = course.submission(week, student)
    status: Outcome = "collected"
    if path.is_symlink() or path.parent.is_symlink() or path.parent.parent.is_symlink():
        return "refused", f"{path} is a link, or in a folder that is one"
    if path.exists():
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return "already there", ""
        if not replacing:
            return "not replaced", "another file is there; --replace takes this one, and keeps that one in replaced/"
        status = "replaced"
    if dry_run:
        return status, "dry run: nothing written"
    note = ""
    if status == "replaced":
        aside = course.work / "replaced" / student / week.name / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.ipynb"
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, aside)
        note = f"the other is kept as {aside.relative_to(course.work)}"
    write_atomically(path, content)
    for name, text in ((STAMP, when), (LATE, "marked as late by the LMS, which does not say when it came\n" * late)):
        if text:
            write_atomically(path.parent / name, text)
        else:
            (path.parent / name).unlink(missing_ok=True)  # it was the other file's
    return status, note
