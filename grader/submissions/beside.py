"""Files beside a notebook of plain nbgrader: what lies in the working folder while it runs, and what does not, and why.

The instructor's own files are trusted: links are followed, however large what they lead to. Small files are copied for
each submission, which may write to them as in stock nbgrader; what is larger is shown where it belongs, read-only, and
takes no room. A student's files are copied too, up to caps, and their links are never followed.

Notebooks come from the release, never from source/: there they hold solutions and hidden tests.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

import nbformat

from grader.course.questions import is_answer, is_graded
from grader.course.syllabus import Course, Week
from grader.execution.kernel import File
from grader.submissions.archives import MAX_BYTES

COPIED, COPIED_BYTES = 1_000, 50_000_000  # of the course's files, the smallest first; the others are shared
FEW = 20  # files shown one by one in a folder; of more the folder is shown as a whole, where it can be
SHOWN = 300  # files and folders shown in all: the system takes its time for each
FILES, FILE_BYTES = 1_000, 200_000_000  # of a student's
LOOKED_AT = 20_000  # of what a student handed in
HISTORY = (".git", ".hg", ".svn")  # of version control, where solutions are too
NAMED = 5  # files that a line about several names


@dataclass(frozen=True)
class Given:
    """The course's own files for one notebook. contents: every file by its name in the working folder.  refused: what
    cannot be there, each with the reason."""

    files: tuple[File, ...]
    contents: dict[str, Path]
    refused: tuple[str, ...]


def files(course: Course, week: Week, submission: Path | None) -> tuple[list[File], list[str]]:
    """What lies beside the notebook of a submission, and what of the student's files was left out, in plain words.

    Where two have the same name the course's file wins, as in stock nbgrader. The student's wins if it is a notebook
    that asks for answers, or a file that nbgrader's exclude_overwriting names. A notebook that asks for answers is only
    there if the graded one mentions it.
    """
    own, hidden, left_out = _merged(course, week, submission)
    return [*own, *(file for file in course_files(course, week).files if file.name not in hidden)], left_out


def refused(course: Course, week: Week) -> list[str]:
    """What lies beside the course's notebook and cannot be given to submissions: one line each, for the instructor."""
    return list(course_files(course, week).refused) if course.classic else []


def inputs(course: Course, week: Week, submission: Path | None) -> dict[str, str]:
    """What a grade depends on besides notebook and tests: the content of what lies beside them."""
    if not course.classic:
        return {}
    own, hidden, _ = _merged(course, week, submission)
    found = {name: path for name, path in course_files(course, week).contents.items() if name not in hidden}
    found |= {file.name: file.path for file in own}
    digest = hashlib.sha256()
    for name, path in sorted(found.items()):
        digest.update(f"{name}\0{_hash(path)}\n".encode("utf-8", "surrogateescape"))
    return {"files": digest.hexdigest()}


def _merged(course: Course, week: Week, submission: Path | None) -> tuple[list[File], set[str], list[str]]:
    """The student's files, the names of the course's files that make way for them, and what was left out."""
    given = course_files(course, week)
    answered = {name for name, path in given.contents.items() if name.endswith(".ipynb") and _asks(path)}
    unused = answered - _named(answered, course.solution(week), submission)
    own, left_out = _of_student(course, given, answered | set(week.theirs), submission)
    own = [file for file in own if file.name not in unused]
    return own, unused | {file.name for file in own}, left_out


def _named(notebooks: Iterable[str], *paths: Path | None) -> set[str]:
    """Those of the notebooks whose name stands anywhere in these files."""
    found = [path for path in paths if path is not None and path.is_file() and path.stat().st_size <= MAX_BYTES]
    texts = [path.read_bytes() for path in found] if notebooks else []
    return {
        name
        for name in notebooks
        for stem in (PurePosixPath(name).stem,)
        if any(stem.encode() in text or json.dumps(stem)[1:-1].encode() in text for text in texts)
    }


def _hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path, about.st_size, about.st_mtime_ns, about.st_ino)


@lru_cache(maxsize=200_000)
def _hash_of(path: Path, *_: int) -> str:
    """sha256 of a file, read once a process while it is the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- the course's own -------------------------------------------------------------------------------------------------


@dataclass
class _Node:
    """A file or folder of the course's. whole: it can be shown as it is; a folder with a link or a notebook cannot."""

    path: Path
    name: str
    size: int = 0
    inner: list[_Node] | None = None
    whole: bool = True

    def all(self) -> Iterator[_Node]:
        """The files in it, or itself."""
        if self.inner is None:
            yield self
        for node in self.inner or ():
            yield from node.all()


def course_files(course: Course, week: Week) -> Given:
    """The course's own files for this notebook. Looked up once a process, until `forget`."""
    private = (
        *(course.root / course.folders.solutions, course.work / course.folders.submitted),
        *(course.work / course.folders.autograded, course.work / "records", course.gradebook),
    )
    room = min(COPIED_BYTES, week.limits.disk // 4) if week.limits.disk else COPIED_BYTES
    return _course_files(
        course.solution(week).parent, course.release(week).parent, week.file, private, course.folders.ignore, room
    )


def forget() -> None:
    """Look at the course's files anew the next time."""
    _course_files.cache_clear()


@lru_cache(maxsize=32)
def _course_files(
    source: Path, release: Path, notebook: str, private: tuple[Path, ...], ignore: tuple[str, ...], room: int
) -> Given:
    tree = _Look(source, release, notebook, [path.resolve() for path in private], ignore)
    top = tree.folder(source, "", (source.resolve(),))
    placed = list(_placed(top, _copied(top, room)))
    shown = [file for file in placed if file.shared]
    for file in shown[SHOWN:]:
        tree.refuse(
            file.name, f"there are more than {SHOWN} links and large files; put them into one folder and link that"
        )
    beyond = {file.name for file in shown[SHOWN:]}
    kept = tuple(file for file in placed if file.name not in beyond)
    contents = {node.name: node.path for node in top.all() if node.name not in beyond}
    return Given(kept, contents, tuple(tree.refused))


class _Look:
    """Goes through the folder of an assignment, following links."""

    def __init__(
        self, source: Path, release: Path, notebook: str, private: list[Path], ignore: tuple[str, ...]
    ) -> None:
        self.source, self.release, self.notebook, self.private, self.ignore = source, release, notebook, private, ignore
        self.refused: list[str] = []

    def refuse(self, name: str, why: str) -> None:
        line = f"{self.source / name} is left out: {why}"
        self.refused.append(line.encode("utf-8", "replace").decode())  # names of files need not be text

    def folder(self, path: Path, name: str, above: tuple[Path, ...]) -> _Node:
        """above: the folders that lead here, as they really are."""
        inner: list[_Node] = []
        node = _Node(path, name, inner=inner)
        try:
            entries = sorted(path.iterdir())
        except OSError as error:
            self.refuse(name, f"it cannot be read ({error.strerror})")
            return node
        for entry in entries:
            found = (
                None
                if _matches(entry.name, self.ignore)
                else self._entry(entry, f"{name}/{entry.name}".lstrip("/"), above)
            )
            if found is None or not found.whole or entry.is_symlink() or entry.suffix == ".ipynb":
                node.whole = False
            if found is not None:
                inner.append(found)
        return node

    def _entry(self, entry: Path, name: str, above: tuple[Path, ...]) -> _Node | None:
        try:
            real = entry.resolve(strict=True)
            about = real.stat()
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            missing = entry.is_symlink() and isinstance(error, FileNotFoundError)
            why = (
                "it is a link that leads nowhere"
                if missing
                else f"it cannot be read ({getattr(error, 'strerror', '') or error})"
            )
            self.refuse(name, why)
            return None
        if entry.suffix == ".ipynb" and stat.S_ISREG(about.st_mode):
            return self._notebook(name)
        if any(secret.is_relative_to(real) for secret in self.private) or any(
            real.is_relative_to(secret) for secret in self.private[1:]
        ):
            self.refuse(name, "it leads to solutions, submissions or grades")
            return None
        if stat.S_ISDIR(about.st_mode):
            if entry.name in HISTORY:
                self.refuse(name, "it is the history of this folder, in which solutions are too")
                return None
            if real in above:
                self.refuse(name, "it is a link to a folder around it")
                return None
            return self.folder(real, name, (*above, real))
        if not stat.S_ISREG(about.st_mode):
            self.refuse(name, "it is neither a file nor a folder")
            return None
        if not os.access(real, os.R_OK):
            self.refuse(name, "it cannot be read (Permission denied)")
            return None
        return _Node(real, name, about.st_size)

    def _notebook(self, name: str) -> _Node | None:
        """Another notebook of the assignment, as it was released."""
        if name == self.notebook:
            return None
        path = self.release / name
        if not path.is_file():
            self.refuse(
                name, f"notebooks are given as released, and there is no {path}; run `nbgrader generate_assignment`"
            )
            return None
        return _Node(path, name, path.stat().st_size)


def _copied(top: _Node, room: int) -> set[str]:
    """The names of the files of which each submission has a copy."""
    found, size = set(), 0
    for node in sorted(_few(top), key=lambda node: (node.size, node.name))[:COPIED]:
        size += node.size
        if size > room:
            break
        found.add(node.name)
    return found


def _few(node: _Node) -> Iterator[_Node]:
    """The files in a folder, but for those of a folder with so many that it is shown as a whole."""
    if node.inner is None or node.whole and node.name and sum(1 for _ in node.all()) > COPIED:
        yield from () if node.inner else (node,)
        return
    for inner in node.inner:
        yield from _few(inner)


def _placed(node: _Node, copied: set[str]) -> Iterable[File]:
    """How what is in a folder gets into the working folder."""
    if node.inner is None:
        return [File(node.path, node.name, node.name not in copied)]
    found = [file for inner in node.inner for file in _placed(inner, copied)]
    many = sum(file.shared for file in found) > FEW
    return [File(node.path, node.name, True)] if many and node.whole and node.name else found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


# --- a student's ------------------------------------------------------------------------------------------------------


@dataclass
class _LeftOut:
    """Names of files that were left out, by the reason."""

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, why: str) -> None:
        self.reasons.setdefault(why, []).append(name)

    def lines(self) -> list[str]:
        found = []
        for why, names in self.reasons.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            found.append(f"Not in the working folder: {', '.join(names[:NAMED])}{more} ({why}).")
        return found


def _of_student(
    course: Course, given: Given, theirs: set[str], submission: Path | None
) -> tuple[list[File], list[str]]:
    """A student's own files, where they may lie in the working folder; a line for each reason why some may not.

    theirs: names of the course's files of which the student's version stands.
    """
    if submission is None or not submission.parent.is_dir():
        return [], []
    ours = _taken(given)
    shown = {file.name for file in given.files if file.shared}
    kept: list[File] = []
    size, out = 0, _LeftOut()
    for path, why in _walk(submission.parent, course.folders.ignore):
        name = path.relative_to(submission.parent).as_posix()
        if path == submission or (name in given.contents and name not in theirs):
            continue
        if why:
            out.add(name, why)
        elif name in ours and name not in given.contents:
            out.add(name, "the course has a folder of this name")
        elif any(str(parent) in given.contents or str(parent) in shown for parent in PurePosixPath(name).parents):
            out.add(name, "the course has something of the same name there")
        elif len(kept) == FILES:
            out.add(name, f"there are more than {FILES} files")
        elif size + path.stat().st_size > FILE_BYTES:
            out.add(name, f"together the files have more than {FILE_BYTES // 10**6} MB")
        else:
            size += path.stat().st_size
            kept.append(File(path, name))
    return kept, out.lines()


def _taken(given: Given) -> set[str]:
    """The names of the course's files, and of the folders that they lie in."""
    return {str(place) for name in given.contents for place in (name, *PurePosixPath(name).parents)}


def _walk(folder: Path, ignore: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """What a student handed in: (path, why it must be left out or "")."""
    seen = 0
    for place, folders, names in os.walk(folder):
        at = Path(place)
        for name in sorted(folders):
            settings = name.startswith(".") and at == folder  # the working folder is the home of what runs in it
            if _matches(name, ignore) or settings or (at / name).is_symlink():
                folders.remove(name)
                if not _matches(name, ignore):
                    yield at / name, "a hidden folder" if settings else "a link"
        folders.sort()
        for name in sorted(names):
            seen += 1
            if seen > LOOKED_AT:
                yield at / name, f"there are more than {LOOKED_AT} files"
                return
            path = at / name
            if not _matches(name, ignore):
                about = path.lstat()
                link, file = stat.S_ISLNK(about.st_mode), stat.S_ISREG(about.st_mode)
                yield path, "a link" if link else "" if file else "not a file"


def _asks(path: Path) -> bool:
    """Whether there is anything for students to write in a released notebook."""
    about = path.stat()
    return _asks_for_answers(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _asks_for_answers(path: Path, *_: int) -> bool:
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:  # nbformat raises nearly anything for a file that is no notebook
        return True
    return any(is_answer(cell) or is_graded(cell) for cell in cells)
