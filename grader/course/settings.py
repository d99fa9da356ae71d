"""nbgrader's configuration of a course, read as nbgrader's own commands read it.

docs/grading.md has a table of every setting: honoured, without a meaning here, or refused by name. What would be
honoured only in part is refused, because then somebody's points would differ from what the configuration promises.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.course.syllabus import Budget, CourseError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config


NAME = "nbgrader_config"
UNLIMITED = 3600.0  # seconds of a cell, where the configuration sets no limit
CELLS = 20  # cells of the longest time that a notebook may have in all

# settings that are refused, with what to do instead, unless they have the value that is allowed
REFUSED: dict[str, tuple[Any, str]] = {
    "CourseDirectory.directory_structure": (
        "{nbgrader_step}/{student_id}/{assignment_id}",
        "submissions are looked for in submitted/STUDENT/ASSIGNMENT; `grader collect` sorts files into that",
    ),
    "CourseDirectory.student_id": ("*", "name the students on the command line: grader grade ASSIGNMENT STUDENT ..."),
    "CourseDirectory.notebook_id": ("*", "all notebooks of an assignment are graded together"),
    "Autograde.sanitize_preprocessors": (None, "nbgrader's own steps of autograding are not used here"),
    "Autograde.autograde_preprocessors": (None, "nbgrader's own steps of autograding are not used here"),
    "Autograde.exporter_class": (None, "submissions are read without an exporter here"),
    "Autograde.pre_convert_hook": (None, "run it yourself, before `grader grade`"),
    "Autograde.post_convert_hook": (None, "run it yourself, after `grader grade`"),
    "Execute.extra_arguments": ([], "put them into a kernelspec, and name that with --kernel"),
    "Execute.kernel_name": ("", "name the kernel with --kernel"),
    "Execute.timeout_func": (None, "one limit holds for all cells: Execute.timeout, or --cell-seconds"),
}


@dataclass(frozen=True)
class Settings:
    """config: all that is set.   directory: nbgrader's own view of the course's folders.

    digest: of the files in the course's folder that it came from.
    """

    config: Config
    directory: CourseDirectory
    digest: str

    def sets(self, name: str) -> bool:
        """Whether "Class.trait" is set, for that class or for one that it inherits settings from."""
        kind, _, trait = name.partition(".")
        return any(trait in self.config[parent.__name__] for parent in _named(kind).mro() if parent is not object)

    def value(self, name: str) -> Any:
        """The value of "Class.trait" with this configuration. Raises CourseError where it cannot be."""
        from traitlets import TraitError

        kind, _, trait = name.partition(".")
        if kind == "CourseDirectory":
            return getattr(self.directory, trait)
        try:
            return getattr(_named(kind)(config=self.config), trait)
        except (TraitError, ImportError) as error:
            raise CourseError(f"{NAME} sets {name} to what cannot be: {error}") from None

    def must_be_understood(self) -> None:
        """Raises CourseError, naming it, for a setting that would be honoured only in part."""
        for name, (allowed, instead) in REFUSED.items():
            if self.sets(name) and self.value(name) != allowed:
                raise CourseError(f"{NAME} sets {name} to {self.value(name)!r}, which is not for here: {instead}")

    @property
    def budget(self) -> Budget:
        """Seconds: by Execute.timeout, where that is set."""
        usual = Budget()
        if not self.sets("Execute.timeout"):
            return usual
        cell = self.value("Execute.timeout")
        cell = float(cell) if cell is not None and cell > 0 else UNLIMITED
        return Budget(cell, max(usual.notebook, cell * CELLS), usual.check)

    @property
    def database(self) -> Path | None:
        """The gradebook's file where CourseDirectory.db_url is set, else None. Raises CourseError for what is none."""
        if not self.sets("CourseDirectory.db_url"):
            return None
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.directory.db_url)
        except ArgumentError as error:
            raise CourseError(f"{NAME} sets CourseDirectory.db_url to what cannot be: {error}") from None
        if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
            raise CourseError(
                f"{NAME} sets CourseDirectory.db_url to {url.render_as_string()}: only gradebooks in a file, "
                "sqlite:///PATH, can be written here. `--work FOLDER` grades into a folder of its own"
            )
        return Path(self.directory.root, url.database)


def read(folder: Path) -> Settings:
    """The configuration that nbgrader's commands would have in this folder. Raises CourseError."""
    digest = hashlib.sha256()
    for path in (folder / f"{NAME}.py", folder / f"{NAME}.json"):
        if path.is_file():
            digest.update(path.read_bytes())
    return _read(folder, digest.hexdigest())


@functools.lru_cache(maxsize=8)
def _read(folder: Path, digest: str) -> Settings:
    from jupyter_core.application import JupyterApp
    from nbgrader.apps.baseapp import NbGrader
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Application

    said = Said(logging.CRITICAL)
    app = NbGrader(log=said.logger, raise_config_file_errors=True)
    try:
        with within(folder):
            app.coursedir = CourseDirectory(parent=app, root=str(folder))
            # as NbGrader.initialize does, which would read our command line too
            JupyterApp.load_config_file(app, suppress_errors=False)
            Application.load_config_file(app, NAME, str(folder))
            if app.coursedir.root != str(folder):
                Application.load_config_file(app, NAME, app.coursedir.root)
    except (Exception, SystemExit) as error:  # the latter for a value that cannot be
        why = "; ".join(said.lines) or f"{type(error).__name__}: {error}"
        raise CourseError(f"{folder / NAME}.py cannot be read: {why}") from None
    return Settings(app.config, app.coursedir, digest)


class Said(logging.Handler):
    """Keeps what is logged: nbgrader often raises without the reason, which it only logs.

    logger: one whose lines nobody else sees.
    """

    def __init__(self, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self.lines: list[str] = []
        self.logger = logging.Logger(__name__)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def within(folder: Path) -> Iterator[None]:
    """In this folder, with the modules that lie there, as nbgrader's commands run."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path[:] = before


def _named(kind: str) -> Any:
    from nbgrader import converters, coursedir, plugins, preprocessors

    return next(found for of in (coursedir, preprocessors, converters, plugins) if (found := getattr(of, kind, None)))
