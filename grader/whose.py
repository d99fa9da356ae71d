"""Whose a file is, going by the names that an LMS, a folder or a student gave it, and by a roster.

Sources: Canvas, lib/content_zipper.rb of canvas-lms; Moodle, mod/assign/classes/downloader.php; Blackboard, the example
of nbgrader's zip_collect; Google Classroom, "Student - title" for the copy made for each student.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from grader import names, pages
from grader.course import CourseError, Week


@dataclass(frozen=True)
class Claim:
    """Whose a file seems to be.

    student: the name to use where no roster tells.  known_as: what a roster may know the student by.
    file: the file's own name, without what was added to it.  order: greater is newer, by the LMS's own marker.
    when: the time it was handed in, "2026-11-01 12:34:56", in the LMS's time zone; "" where not known.
    """

    student: str
    known_as: tuple[str, ...]
    file: str
    order: tuple | None = None
    when: str = ""


CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
CANVAS_ANONYMOUS = re.compile(r"(?:LATE_)?(?P<name>anon_[^_]+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<id>\d+)_assignsubmission_file(?:_(?P<file>.*))?", re.DOTALL)
BLACKBOARD = re.compile(r"(?P<before>.+?)_attempt_(?P<when>\d{4}(?:-\d\d){5})_(?P<file>.+)", re.DOTALL)
EXCHANGE = re.compile(r"(?P<name>.+?)\+(?P<slug>[^+]+)\+(?P<when>[^+]+)(?:\+.*)?", re.DOTALL)  # nbgrader's inbound/
NUMBERED = re.compile(r"\s*\(\d+\)$|-\d+$")  # a second file of the same name: "(1)" of browsers, "-1" of Canvas
NO_NAMES = re.compile(
    r"(untitled|notebook|homework|assignment|exercise|submissions?|submitted|solution|answers?|final|copy|download|work|"
    r"week|hw|nb|ipynb|file|new|test|draft|version|v|no ?name)?[\W_\d]*",
    re.IGNORECASE,
)


def whose(path: tuple[str, ...], week: Week, roster: Roster | None) -> tuple[Claim | None, str]:
    """Whose a file is; or None, and why it is not clear."""
    claims = claims_of(path, week)
    if not claims:
        return None, "its name does not say whose it is"
    if roster is None:
        if len({names.key(claim.student) for claim in claims}) > 1:
            return None, f"could be of {' or '.join(claim.student for claim in claims)}; a roster would tell"
        claim = claims[0]
    else:
        found = {student: claim for claim in claims for student in roster.of(claim.known_as)}
        if len(found) != 1:
            who = " or ".join(sorted(found)) or "nobody in the roster"
            return None, f"could be of {who}, going by {' or '.join(claim.known_as[0] for claim in claims)}"
        (student, claim), *_ = found.items()
        claim = replace(claim, student=student)
    if why := names.fault(claim.student):
        return None, f"the student's name {pages.clean(claim.student)[:60]!r} {why}"
    return claim, ""


def claims_of(path: tuple[str, ...], week: Week) -> list[Claim]:
    """Whose a file may be, going by its path without what stands around all. Several where it says different things.

    What an LMS wrote comes first in a path, what a student chose comes behind it: so the outermost folder and the
    beginning of a file's name are believed, and nothing within them that looks like another LMS's.
    """
    *folders, file = path
    outer = folders[0] if folders else file
    if match := MOODLE.fullmatch(outer):
        return [Claim(names.tidy(match["name"]), (match["name"],), file if folders else match["file"] or file)]
    if folders and (match := EXCHANGE.fullmatch(outer)) and match["slug"] == week.slug:
        return [Claim(names.tidy(match["name"]), (match["name"],), file, (match["when"],), match["when"])]
    if folders[1:2] == [week.slug]:  # <student>/<week>/<week>.ipynb
        return [Claim(names.tidy(outer), (outer,), file)]
    found = _lms_claims(file)
    found += [Claim(names.tidy(name), (name,), file) for name in folders if _without(name, week)]
    return found if _lms_claims(file) else found + _plain_claims(file, week, alone=not found)


def _lms_claims(file: str) -> list[Claim]:
    """Whose a file is by what Canvas or Blackboard made of its name."""
    found = []
    if match := CANVAS_ANONYMOUS.fullmatch(file):
        found.append(Claim(match["name"], (match["name"],), match["file"], (int(match["upload"]),)))
    if match := CANVAS.fullmatch(file):
        name = f"{match['name']}_{match['id']}"  # two students may have one name
        found.append(Claim(names.tidy(name), (match["id"], match["name"]), match["file"], (int(match["upload"]),)))
    if match := BLACKBOARD.fullmatch(file):
        words = match["before"].split("_")
        tails = ["_".join(words[n:]) for n in range(max(1, len(words) - 4), len(words))] or words  # "_" in a title
        day, clock = match["when"][:10], match["when"][11:].replace("-", ":")
        found.append(Claim(names.tidy(tails[-1]), tuple(tails), match["file"], (match["when"],), f"{day} {clock}"))
    return found


def _plain_claims(file: str, week: Week, alone: bool) -> list[Claim]:
    """Whose a file may be where no LMS named it: "Ada Bell - week01", "ada_week01", or just "ada" where that stands
    alone, without a folder that has a name.
    """
    stem, found = file[: -len(".ipynb")], []
    left, dash, right = stem.partition(" - ")
    if dash:
        sides = [_without(NUMBERED.sub("", side), week) for side in (left, right)]
        found += [side for side in sides if side]  # where neither is the week's, there are two
    elif (rest := _without(stem, week)) and (rest != stem or alone):
        found.append(_without(NUMBERED.sub("", rest), week))
    return [Claim(names.tidy(name), (name,), file) for name in found if name]


def around(paths: list[tuple[str, ...]]) -> int:
    """How many outer folders hold everything, and so name no student.

    A folder around all is one where what is in it, folders or files named by an LMS, tells at least two students apart.
    """
    common = os.path.commonprefix([path[:-1] for path in paths])
    for depth in range(len(common), 0, -1):
        below = [path[depth:] for path in paths]
        claims = [_lms_claims(rest[-1]) for rest in below]
        if all(len(rest) > 1 for rest in below) and len({rest[0] for rest in below}) > 1:
            return depth
        if all(claims) and len({claim[0].student for claim in claims}) > 1:
            return depth
    return 0


def _without(text: str, week: Week) -> str:
    """A name without the week's, or that of one of its notebooks: "ada" of "ada_Week 1"; "" where nothing is left that
    could name a person.
    """
    spelled = [
        [rf"0*{int(part)}" if part.isdigit() else part for part in re.findall(r"[a-z]+|\d+", name.lower())]
        for name in (week.slug, *week.parts)
    ]
    either = [r"[\W_]*".join(words) for words in (spelled[0], spelled[0][:2], *spelled[1:]) if words]
    rest = re.sub(rf"(?i)(?<![^\W_])({'|'.join(either)})(?![^\W_])", " ", text)
    if rest == text:
        return "" if NO_NAMES.fullmatch(text) else text
    rest = re.sub(r"(?i)^\s*copy of\b", " ", NUMBERED.sub("", rest.strip())).strip(" -.,_")
    return "" if NO_NAMES.fullmatch(rest) else rest


@dataclass(frozen=True)
class Roster:
    """A class: whom an LMS may call what.

    students: their names in submitted/.  aliases: what they are known by, as `_spelling`s, to all who are so called.
    """

    students: list[str]
    aliases: dict[str, set[str]]

    ID = (
        "student_id",
        "sis login id",
        "username",
        "user name",
        "login",
        "login id",
        "id",
        "id number",
        "email address",
    )

    @classmethod
    def read(cls, path: Path) -> Roster:
        """A CSV with a header. The student's name in submitted/ is in the first of the columns `ID` that there is; what
        stands in the others (names, e-mail addresses, the LMS's ids) is what the student may be known by. Exports of
        Canvas' gradebook, of Moodle's participants and of nbgrader fit as they are. Raises CourseError.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CourseError(f"the roster {path} cannot be read: {error}") from None
        columns = {(name or "").strip().casefold(): name for name in (rows[0] if rows else {})}
        chosen = next((columns[name] for name in cls.ID if name in columns), None)
        if chosen is None:
            raise CourseError(
                f"the roster {path} needs a column with the students' ids, called one of {', '.join(cls.ID)}"
            )
        students, aliases = [], defaultdict(set)
        for number, row in enumerate(rows, 2):
            student = names.tidy(row[chosen] or "")
            if not student:
                continue  # Canvas puts the points possible below its header
            if why := names.fault(student):
                raise CourseError(f"the roster {path}, line {number}: the name {pages.clean(student)[:60]!r} {why}")
            students.append(student)
            values = {name: value for name, value in row.items() if isinstance(value, str) and isinstance(name, str)}
            parts = [v for name, v in values.items() if re.search("name", name, re.I) and name != chosen]
            for known in (*values.values(), " ".join(parts)):
                for spelling in _spellings(known):
                    aliases[spelling].add(student)
            if "@" in (email := next((v for v in values.values() if "@" in v), "")):
                aliases[_spelling(email.split("@")[0])].add(student)
        if twice := [name for name, count in Counter(map(names.key, students)).items() if count > 1]:
            raise CourseError(f"the roster {path} has {twice[0]} more than once")
        return cls(students, dict(aliases))

    def of(self, known_as: tuple[str, ...]) -> set[str]:
        """Who is known by the first of these that anyone is known by."""
        for known in known_as:
            if who := self.aliases.get(_spelling(known)):
                return who
        return set()


def _spelling(text: str) -> str:
    """What is left of a name where an LMS has dropped blanks, commas and capitals."""
    return re.sub(r"[\W_]+", "", names.key(text))


def _spellings(text: str) -> set[str]:
    """A name with its parts in each order that keeps them together: "Ada Bell", "Bell, Ada", "bellada"."""
    words = [word for word in re.split(r"[\s,]+", text) if word][:6]
    return {spelling for n in range(len(words)) if (spelling := _spelling("".join(words[n:] + words[:n])))}
