"""A week's checks: where they are, which judge which question, and the digest of what judges each."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from coursekit.checks import Check, checks_in
from grader.course import plain_nbgrader
from grader.course.questions import Question
from grader.course.syllabus import Course, CourseError, Week
from grader.grading import notebook_tests


@dataclass(frozen=True)
class Rubric:
    """A week's checks by question: (check, hidden) in the order they run, and the digest of what judges each."""

    checks: Mapping[str, list[tuple[Check, bool]]]
    digests: Mapping[str, str]

    @classmethod
    def load(cls, course: Course, week: Week) -> Rubric:
        """The visible checks of the week's helper package and the hidden ones of grader/rubrics/<slug>/checks/.

        Digests are of the very text that is run. Raises CourseError where one is missing or cannot be imported.
        """
        if course.classic:  # its tests are in the notebook
            return cls({}, digests(course, week))
        return _load(course.root, week, tuple(check_sources(course.root, week).items()))

    def must_cover(self, questions: list[Question], week: Week) -> None:
        """Raises CourseError for a question without a check: silence would be full or no marks for everyone."""
        bare = [q.name for q in questions if not (q.manual or q.inside) and not self.checks.get(q.name)]
        unknown = sorted(set(self.checks) - {q.name for q in questions})
        if bare:
            raise CourseError(f"{week.slug}: no check is defined for {', '.join(bare)}")
        if unknown:
            raise CourseError(f"{week.slug}: there are checks for {', '.join(unknown)}, which no question is called")


@lru_cache(maxsize=16)
def _load(root: Path, week: Week, sources: tuple[tuple[Path, str], ...]) -> Rubric:
    os.environ.setdefault("TQDM_DISABLE", "1")  # models that the checks load would draw bars into the grader's own
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is first imported; see kernel.environment
    if importlib.util.find_spec(week.helper) is None:
        sys.path.insert(0, str(root / "weeks" / week.slug))
        importlib.invalidate_caches()
    checks: dict[str, list[tuple[Check, bool]]] = defaultdict(list)
    package = f"{week.helper}.checks"
    with contextlib.suppress(Exception):  # the modules below may import it; what is wrong with it they will say
        importlib.import_module(package)
    texts = dict(sources)
    for path in references(root, week):  # which the checks import
        run_module(path, texts[path], package, path.stem)
    visible = visible_checks(root, week)
    modules = [(run_module(visible, texts[visible], package), False)]
    for path in hidden_checks(root, week):
        modules.append((run_rubric_module(path, texts[path], week), True))
    for module, hidden in modules:
        for one in checks_in(module):
            checks[one.question].append((one, hidden))
    return Rubric(dict(checks), question_digests(*texts.values()))


def run_rubric_module(path: Path, text: str, week: Week) -> ModuleType:
    """This text, run as the module at `path`, which is in `checks/` or `answers/` of the week's rubric.

    Only `shared` can be imported by others. Raises CourseError.
    """
    package = f"grader.rubrics.{week.slug}.{path.parent.name}"
    return run_module(path, text, package, "shared" if path.stem == "shared" else "")


def run_module(path: Path, text: str, package: str, name: str = "") -> ModuleType:
    """This text, run as the module at `path`. name: under which others import it from `package`. Raises CourseError."""
    digest = hashlib.sha256(f"{path}{text}".encode()).hexdigest()[:8]
    module = ModuleType(f"{package}.{name}" if name else f"crossmodal_rubric_{path.stem}_{digest}")
    module.__file__, module.__package__ = str(path), package
    sys.modules[module.__name__] = module  # dataclasses and typing look a module up by its name
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    except Exception as error:
        del sys.modules[module.__name__]
        raise CourseError(
            f"the {path.parent.name} in {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module


# --- the checks of a question -----------------------------------------------------------------------------------------


def hidden_checks(root: Path, week: Week) -> list[Path]:
    """The modules of the week's hidden checks, in the order in which they run. Raises CourseError.

    First `shared`, which the others import; then a module for each question.
    """
    folder = root / "grader" / "rubrics" / week.slug / "checks"
    if not folder.is_dir():
        raise CourseError(f"{week.slug} has no rubric: its hidden checks are expected in {folder}")
    return rubric_modules(folder)


def rubric_modules(folder: Path) -> list[Path]:
    """The modules in a rubric's folder in the order in which they run: `shared` first, the others by name."""
    modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
    return sorted(modules, key=lambda path: (path.stem != "shared", path.stem))


def visible_checks(root: Path, week: Week) -> Path:
    """The module of the week's visible checks, in a folder that a graded notebook finds empty."""
    return root / "weeks" / week.slug / week.helper / "checks" / "__init__.py"


def references(root: Path, week: Week) -> list[Path]:
    """The modules beside the visible checks: what answers are compared with."""
    visible = visible_checks(root, week)
    return sorted(path for path in visible.parent.glob("*.py") if path != visible)


def check_sources(root: Path, week: Week) -> dict[Path, str]:
    """{file: its text} of the visible checks, of the hidden ones, and of the `references`, in this order.

    Raises CourseError where there are no checks.
    """
    visible = visible_checks(root, week)
    if not visible.is_file():
        raise CourseError(f"{week.slug} has no rubric: its visible checks are expected in {visible}")
    files = [visible, *hidden_checks(root, week), *references(root, week)]
    return {path: path.read_text(encoding="utf-8") for path in files}


def digests(course: Course, week: Week) -> Mapping[str, str]:
    """{question: sha256 of what judges it}, checks or tests. Raises CourseError."""
    if course.classic:
        return notebook_tests.digests(plain_nbgrader.instructor(course, week))
    return question_digests(*check_sources(course.root, week).values())


@lru_cache(maxsize=16)
def question_digests(*sources: str) -> Mapping[str, str]:
    """{question: sha256 of the code that judges it}, from the text of the modules that hold a week's checks.

    A question's digest covers all of the modules but the check functions of other questions. A function is left out
    only where it can be nothing else: `@check("name", ...)` is its one decorator, it stands at the top of its module,
    and its name is written nowhere else. Comments and layout do not count. Under "" is the digest of all the code, for
    questions whose checks are made in another way. Raises CourseError.
    """
    try:
        trees = [ast.parse(source) for source in sources]
    except SyntaxError as error:
        raise CourseError(f"the checks cannot be read: {error.msg} in line {error.lineno}: {error.text}") from None
    words = Counter(word for tree in trees for word in _words(tree))
    owners = {
        (module, place): question
        for module, tree in enumerate(trees)
        for place, statement in enumerate(tree.body)
        if (question := _question_of(statement))
        and isinstance(statement, ast.FunctionDef)
        and words[statement.name] == 1
    }
    dumps = [[ast.dump(statement) for statement in tree.body] for tree in trees]
    named = {q for tree in trees for statement in ast.walk(tree) if (q := _question_of(statement))}

    def digest(question: str) -> str:
        kept = [
            [
                text
                for place, text in enumerate(dump)
                if not question or owners.get((module, place), question) == question
            ]
            for module, dump in enumerate(dumps)
        ]
        return hashlib.sha256(json.dumps(kept).encode()).hexdigest()

    return {question: digest(question) for question in ("", *sorted(named))}


def digest_of(question: str, digests: Mapping[str, str]) -> str:
    """The digest of what judges a question; "" where that is not known."""
    return digests.get(question) or digests.get("", "")


def _question_of(statement: ast.AST) -> str | None:
    """The question whose check this statement defines, in the one form that is understood."""
    match statement:
        case ast.FunctionDef(
            decorator_list=[ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str(question)), *_])]
        ):
            return question
    return None


def _words(tree: ast.AST) -> list[str]:
    """Every name, attribute and text in a module that could mean one of its functions."""
    found = []
    for node in ast.walk(tree):
        for value in (getattr(node, field, None) for field in ("id", "name", "attr", "value", "asname")):
            if isinstance(value, str):
                found.append(value)
        if isinstance(node, ast.Global | ast.Nonlocal):
            found += node.names
    return found
