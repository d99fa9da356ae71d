"""A class list, as an LMS or a spreadsheet wrote it: who there is, and what an LMS may call each of them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader.course.students import fault, key, tidy
from grader.course.syllabus import CourseError
from grader.course.text import clean

ID = (
    *("student id", "sis login id", "username", "user name", "login", "login id", "id", "id number", "sid"),
    *("org defined id", "orgdefinedid", "email address", "email", "identifier"),
)
CANVAS = ("canvas user id", "lms user id", "id")  # whose numbers are those in the names of Canvas' files
GROUP = re.compile(r"groups?|group name|teams?")
NOT_OF_ONE = re.compile(r"group|team|section|course|class\b")  # columns with what many share
OF_ONE = re.compile(r"\b(id|ids|sid|uid|orgdefinedid|login|user|user ?name|number|no|nr|identifier|canvas|lms)\b")
NAME = re.compile(r"name|^student$")
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
AS_CSV = "In Excel: File > Save as > CSV UTF-8 (Comma delimited)"


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a header, in the encodings and with the separators that spreadsheets write.

    Raises CourseError where it cannot be read for certain, with what to do.
    """
    text = _text(path)
    lines = text.lstrip("\r\n").splitlines(keepends=True)
    separator = ""
    if lines and (named := re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)):  # Excel's own
        separator = named[1]
        del lines[0]
    try:
        separator = separator or _separator(path, lines[0] if lines else "")
        reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator)
        header = [name.strip() for name in next(reader, [])]
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells[len(header) :]):
                raise CourseError(
                    f"the roster {path}, line {reader.line_num}, has more columns than the header: a value that holds "
                    f"{SEPARATORS.get(separator, separator)} needs quotes around it"
                )
            if any(cell.strip() for cell in cells):
                rows.append(dict(zip(header, [*cells, *[""] * len(header)], strict=False)))
    except csv.Error as error:
        raise CourseError(f"the roster {path} cannot be read: {error}. {AS_CSV}") from None
    return rows


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CourseError(f"the roster {path} cannot be read: {error.strerror}") from None
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise CourseError(f"the roster {path} is a workbook, not a CSV. {AS_CSV}")
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):  # Excel's: Unicode text, CSV UTF-8, CSV
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise CourseError(f"the roster {path} is not text in UTF-8, UTF-16 or Windows' own encoding. {AS_CSV}")


def _separator(path: Path, header: str) -> str:
    """The separator with which the header has a column that names a student."""

    def known(separator: str) -> int:
        return sum(_plain(name) in ID for name in next(csv.reader([header], delimiter=separator), []))

    best = max(SEPARATORS, key=known)
    if known(best):
        return best
    ids = "|".join(sorted(map(re.escape, ID), key=len, reverse=True))
    found = re.search(rf"(?<![a-z])(?:{ids})\"?\s*([^\w\s\"(-])", _plain(header)) if header else None
    seems = f" Its columns seem to be separated by {found[1]!r}." if found and found[1] not in SEPARATORS else ""
    raise CourseError(
        f"the roster {path} needs a column with the students' ids, called one of {', '.join(ID)}, in a header, with "
        f"commas, semicolons or tabs between the columns.{seems} Its first line is: "
        f"{clean(header).strip()[:80]!r}. {AS_CSV}"
    )


def _plain(name: str) -> str:
    """A column's name without capitals and underscores."""
    return " ".join(name.replace("_", " ").casefold().split())


@dataclass(frozen=True)
class Roster:
    """A class: its students, and the names and numbers that an LMS may give each of them.

    students: their names in submitted/.
    aliases: what they are known by, as `spelling`s, to all who are so called.  logins: of these ids and addresses.
    numbers: {LMS: {its number of a student: students}}, of the LMSs whose numbers the roster has.
    groups: {spelling of a group's name: members}.  alone: who is in none of them.
    """

    students: list[str]
    aliases: dict[str, set[str]]
    logins: dict[str, set[str]] = field(default_factory=dict)
    numbers: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> Roster:
        """A CSV with a header. The student's name in submitted/ is in the first of the columns `ID` that there is; what
        stands in the others (names, e-mail addresses, the LMS's ids) is what the student may be known by. Exports of
        Canvas' gradebook or groups, of Moodle's participants or grading worksheet, and of nbgrader fit as they are.
        Raises CourseError.
        """
        rows = [{_plain(name): value.strip() for name, value in row.items()} for row in table(path)]
        columns = list(rows[0]) if rows else []
        chosen = next((name for name in ID if name in columns), None)
        if chosen is None:
            raise CourseError(f"the roster {path} lists nobody: it needs a row for each student below its header")
        of_canvas = next((n for n in CANVAS if n in columns and _all_numbers(row[n] for row in rows)), None)
        students, canvas, moodle = [], defaultdict(set), defaultdict(set)
        aliases, logins, groups = defaultdict(set), defaultdict(set), defaultdict(set)
        grouped: set[str] = set()
        for number, row in enumerate(rows, 2):
            student = tidy(_bare(row[chosen]))
            if not student:
                continue  # Canvas puts the points possible below its header
            if re.fullmatch(r"\d[.,]\d+E\+?\d+", student):
                raise CourseError(
                    f"the roster {path}, row {number}: {student} is what Excel makes of a long number; "
                    "give the column the format Text, and export it again"
                )
            if why := fault(student):
                raise CourseError(f"the roster {path}, line {number}: the name {clean(student)[:60]!r} {why}")
            students.append(student)
            for name, value in row.items():
                if not value:
                    continue
                if GROUP.fullmatch(name):
                    for group in {spelling(one) for one in (value, *re.split(r"[,;]", value))} - {""}:
                        groups[group].add(student)
                    grouped.add(student)
                of_one = name == chosen or OF_ONE.search(name)
                if NOT_OF_ONE.search(name) or not (of_one or NAME.search(name) or any(map(str.isalpha, value))):
                    continue  # shared by many, or points
                for one in spellings(_bare(value)):
                    aliases[one].add(student)
                if of_one or "@" in value:
                    logins[spelling(_bare(value))].add(student)
                if of_canvas in (None, name) and value.isdigit() and of_one:
                    canvas[value].add(student)
                if name == "identifier" and (found := re.fullmatch(r"\D*(\d+)", value)):  # "Participant 3001"
                    moodle[found[1]].add(student)
            parts = [value for name, value in row.items() if NAME.search(name) and name != chosen and value]
            parts = [v for v in parts if v != student] if len(parts) > 1 else parts
            for one in spellings(" ".join(parts)):
                aliases[one].add(student)
            if "@" in (email := next((v for v in row.values() if "@" in v), "")):
                for known in (aliases, logins):
                    known[spelling(email.split("@")[0])].add(student)
        if not students:
            raise CourseError(f"the roster {path} has nobody in its column {chosen!r}")
        if twice := [name for name, count in Counter(map(key, students)).items() if count > 1]:
            raise CourseError(f"the roster {path} has {twice[0]} more than once")
        numbers = {"canvas": dict(canvas), "moodle": dict(moodle)}
        alone = frozenset(students) - grouped if groups else frozenset()
        return cls(students, dict(aliases), dict(logins), {k: v for k, v in numbers.items() if v}, dict(groups), alone)

    def of(self, known_as: Iterable[str], logins: bool = False) -> set[str]:
        """The students known by the first of these names that is in the roster; of two spelled alike, the exact one.

        logins: only by ids and addresses, not by names.
        """
        for known in known_as:
            if who := (self.logins if logins else self.aliases).get(spelling(known)):
                same = {student for student in who if key(student) == key(tidy(known))}
                return same or who
        return set()


def _all_numbers(values: Iterable[str]) -> bool:
    given = [value for value in values if value]
    return bool(given) and all(value.isdigit() for value in given)


def _bare(value: str) -> str:
    """Without the # that Brightspace puts before ids."""
    return value.removeprefix("#")


def spelling(text: str) -> str:
    """What is left of a name where an LMS has dropped blanks, commas and capitals."""
    return re.sub(r"[\W_]+", "", key(text))


def spellings(text: str) -> set[str]:
    """A name with its parts in each order that keeps them together: "Ada Bell", "Bell, Ada", "bellada"."""
    words = [word for word in re.split(r"[\s,]+", text) if word][:6]
    return {one for n in range(len(words)) if (one := spelling("".join(words[n:] + words[:n])))}
