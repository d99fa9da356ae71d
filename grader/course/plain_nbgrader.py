"""Courses of plain nbgrader: no syllabus of ours, and tests that are cells of the notebook.

Any folder with nbgrader's source/ is such a course, and each folder in it an assignment. Here its configuration becomes
a `Course`; how its tests are judged is in `grading.notebook_tests`.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from grader.course import settings
from grader.course.files import write_atomically
from grader.course.settings import Said, Settings
from grader.course.syllabus import Course, CourseError, Folders, Limits, Week, limits_from, readable_from

TESTS = ".grader.tests"  # the folder of notebooks whose tests took running the instructor's to make
WRITTEN = ("records", "autograded", "reports", TESTS, ".grader.lock")  # by grading


def is_course(folder: Path) -> bool:
    """Whether a folder looks like a course: it has nbgrader's configuration, or assignments in source/."""
    configured = any((folder / f"{settings.NAME}.{kind}").is_file() for kind in ("py", "json"))
    return configured or any(folder.glob("source/*/*.ipynb"))


def at(folder: Path, work: Path | None = None) -> Course | None:
    """The course whose nbgrader commands are run in this folder, or None.

    Raises CourseError where its configuration cannot be read, or sets what is not for here.
    """
    found = settings.read(folder)
    root, named = Path(found.directory.root), found.directory
    if not (root / named.source_directory).is_dir():
        return None
    found.must_be_understood()
    folders = Folders(
        str(root / named.source_directory),
        str(root / named.release_directory),
        named.submitted_directory,
        named.autograded_directory,
        tuple(named.ignore),
    )
    return Course(
        folder,
        work or root,
        root.name,
        "",
        "",
        _assignments(root / named.source_directory, root, found),
        folders,
        classic=True,
        database=found.database if work in (None, root) else None,
        excluded=frozenset(filter(None, named.student_id_exclude.split(","))),
    )


def _limits(config: Config) -> Limits:
    """What a submission may use, as in weeks/course.toml: c.Crossmodal.limits = {"memory": 8}."""
    given = config.Crossmodal.get("limits", {})
    try:
        return limits_from(dict(given))
    except (TypeError, ValueError):
        raise CourseError(
            f"c.Crossmodal.limits is {given!r} in {settings.NAME}; it is numbers by name, as in "
            '{"memory": 8, "disk": 2}: memory and disk in GB, processes, files'
        ) from None


def _assignments(source: Path, root: Path, found: Settings) -> dict[str, Week]:
    limits, readable = _limits(found.config), readable_from(found.config.Crossmodal.get("readable"), root)
    theirs = found.value("Autograde.exclude_overwriting")
    weeks = {}
    for number, folder in enumerate(sorted(p for p in source.iterdir() if p.is_dir()), 1):
        notebooks = sorted(p.stem for p in folder.glob("*.ipynb") if not p.name.startswith("."))
        if not notebooks:
            continue
        weeks[folder.name] = Week(
            slug=folder.name,
            number=number,
            title=folder.name,
            helper="",
            points=0,
            minutes=0,
            summary="",
            budget=found.budget,
            limits=limits,
            notebook=notebooks[0] if len(notebooks) == 1 else "",
            parts=tuple(notebooks) if len(notebooks) > 1 else (),
            theirs=tuple(theirs.get(folder.name, ())),
            readable=readable,
        )
    return weeks


def instructor(course: Course, week: Week) -> NotebookNode:
    """The instructor's notebook as `nbgrader generate_assignment` enters it in the gradebook, to be read only.

    That is with header and footer, AUTOTEST lines made into tests, solutions cleared, and hidden tests still there.
    Making tests takes running the notebook, so what came of it is kept. Raises CourseError.
    """
    path, found = course.solution(week), settings.read(course.root)
    digest = hashlib.sha256(found.digest.encode())
    for one in (path, *_of_tests(path, found), *map(Path, filter(None, _around(found)))):
        try:
            digest.update(hashlib.sha256((Path(found.directory.root) / one).read_bytes()).digest())
        except OSError as error:
            raise CourseError(f"{one} cannot be read: {error.strerror}") from None
    return _instructor(
        path, course.root, course.work / TESTS, f"{week.name.replace('/', '.')}-{digest.hexdigest()[:20]}"
    )


def _around(found: Settings) -> list[str]:
    return [found.value("IncludeHeaderFooter.header"), found.value("IncludeHeaderFooter.footer")]


def _of_tests(notebook: Path, found: Settings) -> list[Path]:
    """The autotests.yml that nbgrader takes: the assignment's, else the course's; none where there is none."""
    name = found.value("InstantiateTests.autotest_filename")
    places = (folder / name for folder in (notebook.parent, Path(found.directory.root)))
    return [path for path in places if path.is_file()][:1]


@functools.lru_cache(maxsize=32)
def _instructor(path: Path, root: Path, kept: Path, name: str) -> NotebookNode:
    found, cached = settings.read(root), kept / f"{name}.ipynb"
    notebook: NotebookNode
    if cached.is_file():
        notebook = nbformat.read(cached, as_version=4)
        return notebook
    from nbconvert.exporters import NotebookExporter
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import CheckCellMetadata, ClearHiddenTests, SaveCells
    from traitlets.utils.importstring import import_item

    said = Said()
    exporter = NotebookExporter(config=found.config, default_preprocessors=[], log=said.logger)
    names = {"student": ".", "assignment": path.parent.name, "notebook": path.stem}
    resources = {"nbgrader": names | {"db_url": found.directory.db_url}, "unique_key": path.stem}
    try:
        with settings.within(Path(found.directory.root)):
            for step in GenerateAssignment(coursedir=found.directory, config=found.config).preprocessors:
                step = import_item(step) if isinstance(step, str) else step
                if step in (SaveCells, ClearHiddenTests):
                    break
                if step is not CheckCellMetadata:  # nothing is changed by it, and old metadata can be read here
                    exporter.register_preprocessor(step)
            text = str(exporter.from_filename(str(path), resources=resources)[0])
    except Exception as error:
        lines = (" ".join(line.split("\n")[:3])[:300] for line in said.lines)
        why = "; ".join(lines) or f"{type(error).__name__}: {error}"
        raise CourseError(f"{path}: `nbgrader generate_assignment` would fail: {why}") from None
    finally:
        for step in exporter._preprocessors:
            if client := getattr(step, "kc", None):  # the kernel in which tests were being made
                client.shutdown()
    notebook = nbformat.reads(text, as_version=4)
    mark = found.value("InstantiateTests.autotest_delimiter")
    if mark in path.read_text(encoding="utf-8", errors="replace"):
        write_atomically(cached, text)
    return notebook


def open_to_group(course: Course) -> None:
    """Let the group change what grading has written, where CourseDirectory.groupshared is set."""
    if not settings.read(course.root).directory.groupshared:
        return
    written = [course.gradebook, *(course.work / name for name in WRITTEN)]
    for path in (one for top in written if top.exists() for one in (top, *top.rglob("*"))):
        mode = path.stat().st_mode
        wanted = mode | (0o2770 if path.is_dir() else 0o660)
        if mode != wanted and path.stat().st_uid == os.geteuid():
            path.chmod(wanted)
