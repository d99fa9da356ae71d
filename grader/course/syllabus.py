"""Where things are: the syllabus (`weeks/course.toml`) and the folders of the course, as values."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.course.students import no_record, shown

GB = 1 << 30


class CourseError(Exception):
    """The course's tree or the command's arguments are not as they should be. The text says what to do."""


@dataclass(frozen=True)
class Budget:
    """Seconds one submission may cost: a cell, all cells, one request of the judge.

    CPU time of the kernel and of all it started, and time in which these only wait; see `execution.usage`.
    """

    cell: float = 60
    notebook: float = 300
    check: float = 30


@dataclass(frozen=True)
class Limits:
    """What one submission may use in its sandbox. 0 means no limit.

    memory: bytes beyond what the libraries take; of each process by the system, of all together by the grader's watch.
    gpu_memory: bytes of tensors on a GPU; see docs/gpu.md.
    processes, files: how many at a time.   disk: bytes in each of /tmp, the home folder and shared memory, and of one
    file.   cpu: seconds of one process.
    """

    memory: int = 4 * GB
    processes: int = 128
    files: int = 1024
    disk: int = GB
    cpu: int = 0
    gpu_memory: int = 8 * GB


def limits_from(table: dict[str, float]) -> Limits:
    """From course.toml, where memory, gpu_memory and disk are in GB. Raises TypeError, or ValueError for no number."""
    sizes = {name: GB for name in ("memory", "gpu_memory", "disk")}
    return Limits(**{name: int(float(value) * sizes.get(name, 1)) for name, value in table.items()})


def readable_from(listed: Any, root: Path) -> tuple[Path, ...]:
    """The folders and files that `readable = [...]` names, relative ones as seen from the course. Raises CourseError.

    Whether they exist is looked at when a sandbox is to show them: other machines may have only the course.
    """
    if listed is None:
        return ()
    if not isinstance(listed, list | tuple) or not all(isinstance(path, str | Path) and str(path) for path in listed):
        raise CourseError(f'readable is {listed!r}; it is a list of folders and files, as in readable = ["/data/maps"]')
    found = [Path(os.path.abspath(root / Path(path).expanduser())) for path in listed]
    for path in found:
        if len(path.parts) == 1 or path.parts[1] in ("proc", "dev", "sys", "run"):
            raise CourseError(f"readable names {path}, which is not for submissions; name the folder that they need")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Week:
    """One row of the syllabus. `slug` names the folder, the notebook and nbgrader's assignment.

    An assignment of plain nbgrader may have several notebooks. Then `notebooks` has a Week for each, to which its files
    and records belong; gradebook, pages and report are of the whole.
    """

    slug: str
    number: int
    title: str
    helper: str  # the week's helper package, whose module `checks` holds the visible checks
    points: float
    minutes: int
    summary: str  # what it is about, in a line
    budget: Budget
    limits: Limits = Limits()
    notebook: str = ""  # the file's name without .ipynb, where it is not the slug
    parts: tuple[str, ...] = ()  # the notebooks' names, where there are several
    theirs: tuple[str, ...] = ()  # files beside the notebook of which a student's own version stands
    readable: tuple[Path, ...] = ()  # what sandboxes show besides, read-only, at its own place
    builds: str = ""  # what a student builds by hand, in a line
    library: str = ""  # and what is used for the same then
    draft: bool = False  # in the making: not yet in the tables that students see

    @property
    def notebooks(self) -> list[Week]:
        """This week once for each of its notebooks; just itself where it has one, or is one of several."""
        return [replace(self, notebook=part) for part in self.parts] if self.parts and not self.notebook else [self]

    @property
    def prefix(self) -> str:
        """What stands before names in one of several notebooks, where they would be mixed: "problem1/"; else ""."""
        return f"{self.notebook}/" if self.parts and self.notebook else ""

    @property
    def name(self) -> str:
        """What records call it: the slug, of one of several notebooks "ps1/problem1"."""
        return f"{self.slug}/{self.prefix}".rstrip("/")

    @property
    def stem(self) -> str:
        """The notebook's name in nbgrader."""
        return self.notebook or self.slug

    @property
    def file(self) -> str:
        """The notebook's file name."""
        return f"{self.stem}.ipynb"


@dataclass(frozen=True)
class Folders:
    """The names of nbgrader's four folders. ignore: patterns of names in them that are nobody's files."""

    solutions: str = "solutions"
    releases: str = "weeks"
    submitted: str = "submitted"
    autograded: str = "autograded"
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Course:
    """A course tree at `root`, and the folder `work` that holds submitted/, autograded/, records/ and the gradebook.

    `work` is `root` for a real class; the demo and the tests use folders of their own.
    """

    root: Path
    work: Path
    title: str
    repository: str
    branch: str
    weeks: dict[str, Week]
    folders: Folders = Folders()
    classic: bool = False  # a course of plain nbgrader; see `plain_nbgrader`
    database: Path | None = None  # the gradebook, where it is not `work`/gradebook.db
    excluded: frozenset[str] = frozenset()  # students who are not graded
    hand_in: str = ""  # how students hand in, in a sentence, for the end of each notebook

    @classmethod
    def read(cls, root: Path, work: Path) -> Course:
        """The course whose syllabus is root/weeks/course.toml. Raises CourseError, OSError."""
        path = root / "weeks" / "course.toml"
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            course, usual = table["course"], table["course"]["budget"]
            weeks = {
                slug: Week(
                    slug=slug,
                    number=row["number"],
                    title=row["title"],
                    helper=row["helper"],
                    points=row["points"],
                    minutes=row["minutes"],
                    summary=row["summary"],
                    budget=Budget(**{**usual, **row.get("budget", {})}),
                    limits=limits_from({**course.get("limits", {}), **row.get("limits", {})}),
                    readable=readable_from(course.get("readable"), root) + readable_from(row.get("readable"), root),
                    builds=row.get("builds", ""),
                    library=row.get("library", ""),
                    draft=row.get("draft", False),
                )
                for slug, row in table["weeks"].items()
            }
            named = (course["title"], course["repository"], course["branch"])
            return cls(root, work, *named, weeks, hand_in=course.get("hand_in", ""))
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise CourseError(f"{path} cannot be read: {type(error).__name__}: {error}") from None

    def week(self, name: str) -> Week:
        """A week by slug ("week01_clip"), number ("1") or unique beginning ("week01").

        Assignments of plain nbgrader have no numbers, but names may be some.
        """
        if name in self.weeks:
            return self.weeks[name]
        found = [w for w in self.weeks.values() if name == str(w.number) and not self.classic]
        found = found or [w for w in self.weeks.values() if w.slug.startswith(name)]
        if len(found) != 1:
            raise CourseError(f"{name!r} names no one week; there are: {', '.join(self.weeks)}")
        return found[0]

    @property
    def notebooks(self) -> list[Week]:
        """The weeks, those of several notebooks once for each."""
        return [one for week in self.weeks.values() for one in week.notebooks]

    def solution(self, week: Week) -> Path:
        return self.root / self.folders.solutions / week.slug / week.file

    def release(self, week: Week) -> Path:
        return self.root / self.folders.releases / week.slug / week.file

    @property
    def submitted(self) -> Path:
        return self.work / self.folders.submitted

    def submission(self, week: Week, student: str) -> Path:
        return self.submitted / student / week.slug / week.file

    def autograded(self, week: Week, student: str) -> Path:
        return self.work / self.folders.autograded / student / week.slug / week.file

    def record(self, week: Week, student: str) -> Path:
        return self.work / "records" / week.name / f"{student}.json"

    def feedback(self, week: Week, student: str) -> Path:
        """A student's page. In a folder of its own, for a student may be called index; feedback/ is nbgrader's."""
        return self.work / "reports" / week.slug / "students" / f"{student}.html"

    def report(self, week: Week) -> Path:
        return self.work / "reports" / week.slug / "index.html"

    @property
    def gradebook(self) -> Path:
        return self.database or self.work / "gradebook.db"

    def students(self, week: Week) -> list[str]:
        """Who handed in anything for this week, or has a folder for it: sorted names of folders in submitted/."""
        return [name for name in self._folders(week) if not no_record(name)]

    def misnamed(self, week: Week) -> list[str]:
        """Folders in submitted/ for this week that no record can be called after, each with the reason."""
        return [f"{shown(name)[:80]}: {why}" for name in self._folders(week) if (why := no_record(name))]

    def _folders(self, week: Week) -> list[str]:
        folder = self.submitted
        found = {p.name for p in folder.iterdir() if (p / week.slug).is_dir()} if folder.is_dir() else set()
        return sorted(found - self.excluded)

    def must_have_checks(self, what: str, instead: str) -> None:
        """Raises CourseError in a course of plain nbgrader. what: a command that is not for it, and what to do."""
        if self.classic:
            raise CourseError(
                f"`grader {what}` is for courses with checks, and {self.root} is one of plain nbgrader: {instead}"
            )
