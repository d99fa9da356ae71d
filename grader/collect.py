"""From what an LMS or a shared folder gives to submitted/<student>/<week>/<week>.ipynb.

Nothing is ever unpacked to a path that an archive names: a name only says whose a file is, and where that is not clear
the file is listed and left alone. `grader collect` is `command`.

Sources: Canvas, lib/content_zipper.rb of canvas-lms; Moodle, mod/assign/classes/downloader.php; Blackboard,
the example of nbgrader's zip_collect; Google Classroom, "Student - title" for the copy made for each student.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from grader import names, pages
from grader.course import Course, CourseError, Week
from grader.submission import MAX_BYTES

MAX_ENTRIES = 20_000
MAX_TOTAL = 8 * 2**30  # bytes read from one source
MAX_RATIO = 400  # of a file of more than a megabyte to what it takes in the zip: a notebook's is below 50
MAX_DEPTH = 8
LITTER = {"__MACOSX", ".ipynb_checkpoints", "__pycache__"}
RECEIPTS = {".txt", ".html", ".htm", ".csv", ".yml", ".json", ".log"}  # what an LMS adds of its own

Status = Literal["collected", "replaced", "already there", "older", "not replaced", "unclear", "refused", "missing"]
IN_ORDER = ("collected", "replaced", "already there", "older")


@dataclass(frozen=True)
class Row:
    """What became of one file. file: its path in the source.  student: "" where that is not clear."""

    file: str
    student: str
    status: Status
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """A file of a source. path: its parts, as the source names it.  read: its bytes; raises Refused."""

    path: tuple[str, ...]
    read: Callable[[], bytes]

    @property
    def name(self) -> str:
        return "/".join(self.path)


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


class Refused(Exception):
    """A file that is not taken. The text says why."""


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
    rows, of_student = [], defaultdict(list)
    for entry, why in _entries(source):
        if why:
            rows.append(Row(entry.name, "", "refused", why))
            continue
        claim, why = _whose(entry, week, class_list, _wrapper(source))
        if claim is None:
            rows.append(Row(entry.name, "", "unclear", why))
        else:
            of_student[claim.student].append((entry, claim))
    taken = _alike([*of_student, *_present(submitted)])
    for student, files in of_student.items():
        if rivals := [name for name in taken[names.key(student)] if name != student]:
            note = f"{student} and {rivals[0]} cannot be told apart in file names; name them in a roster"
            rows += [Row(entry.name, student, "unclear", note) for entry, _ in files]
        else:
            rows += _take(course, week, student, files, replacing, dry_run)
    if class_list:
        found = {row.student for row in rows}
        rows += [
            Row("", name, "missing", "nothing in this source") for name in class_list.students if name not in found
        ]
    return sorted(rows, key=lambda row: (row.status in IN_ORDER, row.student, row.file))


def _present(submitted: Path) -> list[str]:
    return [path.name for path in submitted.iterdir() if path.is_dir()] if submitted.is_dir() else []


def _alike(students: list[str]) -> dict[str, set[str]]:
    """Names by what makes them the same on some file systems."""
    found = defaultdict(set)
    for name in students:
        found[names.key(name)].add(name)
    return found


# --- sources ----------------------------------------------------------------------------------------------------------


def _entries(source: Path) -> Iterator[tuple[Entry, str]]:
    """The files of a folder or a zip that could be submissions, each with why it is refused, or ""."""
    if source.is_dir():
        found = _files(source)
    elif source.is_file():
        found = _zipped(source)
    else:
        raise CourseError(f"{source} is neither a folder nor a zip")
    for number, (entry, why) in enumerate(found):
        if number >= MAX_ENTRIES:
            yield Entry(("…",), lambda: b""), f"more than {MAX_ENTRIES} files; the rest was not looked at"
            return
        last = entry.path[-1] if entry.path else ""
        suffix = Path(last).suffix.lower()
        if LITTER & set(entry.path) or last.startswith("._") or last == ".DS_Store":
            continue
        if suffix == ".zip":
            why = why or "a zip inside; unpack it, or have the notebook itself handed in"
        elif suffix != ".ipynb":
            if not why and (suffix in RECEIPTS or last.startswith(".")):
                continue
            why = why or "not a notebook"
        yield entry, why


def _files(folder: Path) -> Iterator[tuple[Entry, str]]:
    def walk(place: Path, parts: tuple[str, ...]) -> Iterator[tuple[Entry, str]]:
        try:
            inside = sorted(os.scandir(place), key=lambda item: item.name)
        except OSError as error:
            yield Entry(parts, lambda: b""), f"cannot be read: {error.strerror}"
            return
        for item in inside:
            path = (*parts, item.name)
            if item.is_symlink():
                yield Entry(path, lambda: b""), "a link, which is not followed"
            elif item.is_dir(follow_symlinks=False):
                if len(path) > MAX_DEPTH:
                    yield Entry(path, lambda: b""), "too many folders within each other"
                elif item.name not in LITTER:
                    yield from walk(Path(item.path), path)
            elif item.is_file(follow_symlinks=False):
                yield Entry(path, lambda real=Path(item.path): _read(real)), ""
            else:
                yield Entry(path, lambda: b""), "not a regular file"

    return walk(folder, ())


def _read(path: Path) -> bytes:
    try:
        # what was a file a moment ago may be a link or a pipe now
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused("not a regular file")
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise Refused(f"larger than {MAX_BYTES >> 20} MB")
    return content


def _zipped(path: Path) -> Iterator[tuple[Entry, str]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CourseError(f"{path} cannot be read as a zip: {error}. Download it again.") from None
    with archive:
        left = MAX_TOTAL
        for info in archive.infolist():
            name = _zip_name(info)
            if name.endswith("/"):
                continue
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            why = _zip_fault(info, name, parts)
            if not why and name.lower().endswith(".ipynb"):
                left -= info.file_size
                why = "" if left >= 0 else f"the zip holds more than {MAX_TOTAL >> 30} GB of notebooks"
            yield Entry(parts or (name or "(no name)",), lambda info=info: _unzip(path, info)), why


def _zip_name(info: zipfile.ZipInfo) -> str:
    """An entry's name with slashes. Without the flag for UTF-8, zipfile takes the bytes for those of old DOS."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _zip_fault(info: zipfile.ZipInfo, name: str, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return "its path leads out of the zip"
    if "\x00" in name:
        return "its name holds a zero byte"
    if kind == stat.S_IFLNK:
        return "a link, which is not followed"
    if kind not in (0, stat.S_IFREG):
        return "not a regular file"
    if info.flag_bits & 0x1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in a way that is not read here; zip it as usual"
    if info.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MB"
    if info.file_size > 2**20 and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return "a zip bomb: nearly nothing in the zip, and megabytes once unpacked"
    return ""


def _unzip(path: Path, info: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(info) as file:
            content = file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, NotImplementedError, zlib.error) as error:
        raise Refused(f"damaged in the zip: {error}") from None
    if len(content) > MAX_BYTES:
        raise Refused(f"larger than {MAX_BYTES >> 20} MB")
    return content


def _wrapper(source: Path) -> str:
    """What stands around a folder's or a zip's entries is no student: the name of the source itself."""
    return source.name.removesuffix(".zip")


# --- whose is it ------------------------------------------------------------------------------------------------------

CANVAS = re.compile(r"(?P<name>.+?)_(?:LATE_)?(?P<id>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
CANVAS_ANONYMOUS = re.compile(r"(?:LATE_)?(?P<name>anon_[^_]+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<id>\d+)_assignsubmission_file(?:_(?P<file>.*))?", re.DOTALL)
BLACKBOARD = re.compile(r"(?P<before>.+)_attempt_(?P<when>\d{4}(?:-\d\d){5})_(?P<file>.+)", re.DOTALL)
EXCHANGE = re.compile(r"(?P<name>.+?)\+(?P<slug>[^+]+)\+(?P<when>[^+]+)(?:\+.*)?", re.DOTALL)  # nbgrader's inbound/
NUMBERED = re.compile(r"\s*\(\d+\)$|-\d+$")  # a second file of the same name: "(1)" of browsers, "-1" of Canvas
NO_NAMES = re.compile(
    r"(untitled|notebook|homework|assignment|exercise|submission|submitted|solution|answers?|final|copy|download|work|"
    r"week|hw|nb|ipynb|file|new|test|draft|version|v|no ?name)?[\W_\d]*",
    re.IGNORECASE,
)


def _whose(entry: Entry, week: Week, roster: Roster | None, wrapper: str) -> tuple[Claim | None, str]:
    """Whose a file is, and how that is known; or None, and why it is not clear."""
    claims = claims_of(entry.path, week, wrapper)
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


def claims_of(path: tuple[str, ...], week: Week, wrapper: str = "") -> list[Claim]:
    """Whose a file may be, going by its path. Several where its folder and its own name say different things."""
    *folders, file = path
    stem = file[: -len(".ipynb")]
    if match := CANVAS_ANONYMOUS.fullmatch(file):
        return [Claim(match["name"], (match["name"],), match["file"], (int(match["upload"]),))]
    if match := BLACKBOARD.fullmatch(file):
        words = match["before"].split("_")
        tails = tuple(
            "_".join(words[n:]) for n in range(max(1, len(words) - 4), len(words))
        )  # a title may have "_" too
        day, clock = match["when"][:10], match["when"][11:].replace("-", ":")
        known = tails or (match["before"],)
        return [Claim(names.tidy(known[-1]), known, match["file"], (match["when"],), f"{day} {clock}")]
    for place, part in enumerate([*folders, file]):
        if match := MOODLE.fullmatch(part):
            named = match["file"] if part == file else file
            return [Claim(names.tidy(match["name"]), (match["name"],), named or file)]
        if part != file and (match := EXCHANGE.fullmatch(part)) and match["slug"] == week.slug:
            return [Claim(names.tidy(match["name"]), (match["name"],), file, (match["when"],), match["when"])]
        if part == week.slug and 0 < place < len(folders):  # <student>/<week>/<week>.ipynb
            return [Claim(names.tidy(folders[place - 1]), (folders[place - 1],), file)]
    if match := CANVAS.fullmatch(file):
        name = f"{match['name']}_{match['id']}"  # two students may have one name
        return [Claim(names.tidy(name), (match["id"], match["name"]), match["file"], (int(match["upload"]),))]
    return _plain_claims(folders, stem, week, wrapper)


def _plain_claims(folders: list[str], stem: str, week: Week, wrapper: str) -> list[Claim]:
    """Whose a file may be where no LMS named it: "Ada Bell - week01", "ada_week01", "ada", or a folder "ada"."""
    found = []
    left, dash, right = stem.partition(" - ")
    if dash:
        sides = [_without(NUMBERED.sub("", side), week) for side in (left, right)]
        found += [side for side in sides if side]  # where neither is the week's, there are two
    elif (rest := _without(stem, week)) and rest != stem:
        found.append(rest)
    inner = [folder for folder in folders if folder != wrapper and _without(folder, week)]
    if inner:
        found.append(inner[-1])
    elif not found:
        found.append(_without(NUMBERED.sub("", stem), week))
    return [Claim(names.tidy(name), (name,), f"{stem}.ipynb") for name in found if name]


def _without(text: str, week: Week) -> str:
    """A name without the week's: "ada" of "ada_Week 1"; "" where nothing is left that could name a person."""
    parts = re.findall(r"[a-z]+|\d+", week.slug.lower())
    spelled = [rf"0*{int(part)}" if part.isdigit() else part for part in parts]
    whole, short = (r"[\W_]*".join(words) for words in (spelled, spelled[:2]))
    rest = re.sub(rf"(?i)(?<![^\W_])({whole}|{short})(?![^\W_])", " ", text)
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


# --- taking -----------------------------------------------------------------------------------------------------------


def _take(
    course: Course, week: Week, student: str, files: list[tuple[Entry, Claim]], replacing: bool, dry_run: bool
) -> list[Row]:
    """Choose a student's file and write it."""
    rows, contents = [], {}
    for entry, claim in files:
        try:
            contents[entry.name] = (entry, claim, entry.read())
        except Refused as error:
            rows.append(Row(entry.name, student, "refused", str(error)))
    chosen, others, why = _choose(list(contents.values()), week)
    if chosen is None:
        return rows + [Row(entry.name, student, "unclear", why) for entry, *_ in others]
    rows += [Row(entry.name, student, "older", f"taken instead: {chosen[0].name}") for entry, *_ in others]
    entry, claim, content = chosen
    status, note = _write(course, week, student, content, claim.when, replacing, dry_run)
    return [*rows, Row(entry.name, student, status, note)]


def _choose(
    files: list[tuple[Entry, Claim, bytes]], week: Week
) -> tuple[tuple[Entry, Claim, bytes] | None, list[tuple[Entry, Claim, bytes]], str]:
    """The one of a student's files that counts, the others, and why where none can be told."""
    if not files:
        return None, [], ""
    named = [one for one in files if _base(one[1].file) == week.slug] or files
    if len({one[1].order is None for one in named}) == 1 and named[0][1].order is not None:
        same = len({_base(one[1].file) for one in named}) == 1
        best = max(named, key=lambda one: one[1].order)
        if same and sum(one[1].order == best[1].order for one in named) == 1:
            return best, [one for one in files if one is not best], ""
    if len({hashlib.sha256(content).digest() for *_, content in named}) == 1:
        return named[0], [one for one in files if one is not named[0]], ""
    listed = " and ".join(entry.name for entry, *_ in named)
    return None, files, f"several files, and nothing says which is the newest: {listed}"


def _base(file: str) -> str:
    """A file's name without its ending, and without the number of a second file of that name."""
    return NUMBERED.sub("", file[: -len(".ipynb")] if file.lower().endswith(".ipynb") else file).strip().lower()


def _write(
    course: Course, week: Week, student: str, content: bytes, when: str, replacing: bool, dry_run: bool
) -> tuple[Status, str]:
    path = course.submission(week, student)
    status: Status = "collected"
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
        aside = course.work / "replaced" / student / week.slug / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.ipynb"
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, aside)
        note = f"the other is kept as {aside.relative_to(course.work)}"
    write_atomically(path, content)
    stamp = path.parent / "timestamp.txt"
    if when:
        write_atomically(stamp, when.encode())
    else:
        stamp.unlink(missing_ok=True)  # it was the other file's
    return status, note


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file through a temporary one beside it, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# --- the command ------------------------------------------------------------------------------------------------------

COLOURS = {"collected": "green", "replaced": "green", "already there": "dim", "older": "dim", "missing": "yellow"}


def table(rows: list[Row]) -> Table:
    """What became of each file, what needs a person first."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for column in ("student", "file", "", ""):
        shown.add_column(column, overflow="fold")
    for row in rows:
        cells = [row.student, row.file, row.status, row.note]
        style = COLOURS.get(row.status, "red")
        shown.add_row(*(Text(_shown(text), style if n == 2 else "") for n, text in enumerate(cells)))
    return shown


def _shown(text: str) -> str:
    """Text from a file name, for a terminal: no control characters, no bytes that are no text, not endless."""
    return pages.clean(text.encode("utf-8", "replace").decode()).replace("\n", " ")[:300]


def command(
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    source: Annotated[Path, typer.Argument(help="A folder of notebooks, or the zip an LMS gives.")],
    roster: Annotated[Path | None, typer.Option(help="A CSV of the class: ids, and names or addresses.")] = None,
    replacing: Annotated[bool, typer.Option("--replace", help="Also where another file is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    course: Annotated[Path | None, typer.Option("--course", help="The course's folder.", show_default=False)] = None,
    work: Annotated[Path | None, typer.Option("--work", help="Where submitted/ is; else the course's folder.")] = None,
) -> None:
    """Collect what was handed in into submitted/: from Canvas, Moodle, Blackboard, Google Classroom or a folder.

    Whose a file is must be clear from its name, its folder or the roster; what is not clear is listed and left alone.
    Exit code 1 where something needs a look.

    Example: [bold]grader collect week01 submissions.zip --roster class.csv[/]
    """
    from grader.progress import console

    here = Course.find(course, work)
    rows = collect(here, here.week(week), source, roster, replacing, dry_run)
    out = console()
    if not rows:
        out.print("There is no notebook in it.")
        raise typer.Exit(1)
    out.print(table(rows))
    counted = Counter(row.status for row in rows)
    out.print("\n" + ", ".join(f"{count} {status}" for status, count in counted.items()) + ".")
    if any(row.status not in (*IN_ORDER, "missing") for row in rows):
        raise typer.Exit(1)
