"""Grades that need not be made again: a record stands as long as everything it depends on is what it was.

A record says what it depends on: `inputs` (hashes and settings), `versions`, and for each question the digest of the
checks that judged it. The same is computed from the files as they are now. Where all of it is equal, the record is the
grade. Where only some questions' checks differ, the notebook runs again and those questions alone are judged again.

Everything is told by content, never by a time stamp: clocks jump, and copies keep old times. Nothing here imports the
rubric, torch or a notebook, so a class of a thousand is looked through in seconds.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from grader import classic
from grader.course import Course, CourseError, Week
from grader.devices import cap, chosen
from grader.records import Grade, QuestionResult

if TYPE_CHECKING:
    from grader.grading import Options

PACKAGES = ("torch", "transformers", "diffusers", "open_clip_torch", "numpy", "crossmodal", "nbgrader", "papermill")

# the grader's own modules whose change could change a score or a flag; pages and reports cannot
DECISIVE = (
    *("beside", "bindings", "cache", "classic", "confine", "devices", "engine", "figures", "forkserver", "grading"),
    *("introspection", "judge", "kernel", "outputs", "provisioner", "questions", "reconcile", "sandbox", "scopes"),
    *("settings", "sources", "submission"),
)


# --- what a grade depends on ------------------------------------------------------------------------------------------


def inputs(course: Course, week: Week, options: Options) -> dict[str, str]:
    """What a grade depends on besides the submission and the checks of its questions."""
    gpu = {"gpu": json.dumps([options.slots, cap(options, week)])} if chosen(options.parameters) else {}
    readable = {"readable": json.dumps([str(path) for path in week.readable])} if week.readable else {}
    return (
        gpu
        | readable
        | {
            "release": file_hash(course.release(week)),
            "code": code_hash(course.root, week),
            "parameters": json.dumps(options.parameters, sort_keys=True),
            "budget": json.dumps(asdict(options.budget or week.budget), sort_keys=True),
            "seed": options.seed,
            "sandbox": "bubblewrap" if options.sandboxed else "none",
        }
    )


def other_releases(course: Course, week: Week) -> str:
    """sha256 over the other notebooks' releases: a notebook may be refused because it is one of those."""
    paths = [course.release(other) for other in course.notebooks if other.name != week.name]
    return _hash([path for path in paths if path.is_file()])


@lru_cache(maxsize=16)
def code_hash(root: Path, week: Week) -> str:
    """sha256 over what runs besides notebook and checks: the course's packages, its checkpoints, and the grader.

    Once a process: code that changes while it grades was imported before, and the record must not claim the new one.
    """
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in DECISIVE]
    for folder in (root / "weeks" / "coursekit", root / "weeks" / week.slug, root / "datasets"):
        files += [p for p in folder.rglob("*") if p.suffix in (".py", ".json", ".safetensors") and p.is_file()]
    return _hash(sorted(set(files) - {visible_checks(root, week), *references(root, week)}))


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of Python and of the packages that can move a score."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def file_hash(path: Path) -> str:
    """sha256 of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


# --- the checks of a question -----------------------------------------------------------------------------------------


def hidden_checks(root: Path, week: Week) -> Path:
    """The module of the week's hidden checks."""
    return root / "grader" / "rubrics" / f"{week.slug}.py"


def visible_checks(root: Path, week: Week) -> Path:
    """The module of the week's visible checks, in a folder that a graded notebook finds empty."""
    return root / "weeks" / week.slug / week.helper / "checks" / "__init__.py"


def references(root: Path, week: Week) -> list[Path]:
    """The modules beside the visible checks: what answers are compared with."""
    visible = visible_checks(root, week)
    return sorted(path for path in visible.parent.glob("*.py") if path != visible)


def check_sources(root: Path, week: Week) -> tuple[str, ...]:
    """The text of the modules of the visible checks, of the hidden ones, and of the `references`, in this order.

    Raises CourseError where there are no checks.
    """
    texts = []
    for path in (visible_checks(root, week), hidden_checks(root, week), *references(root, week)):
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CourseError(f"{week.slug} has no rubric: its checks are expected in {path}") from None
    return tuple(texts)


def digests(course: Course, week: Week) -> Mapping[str, str]:
    """{question: sha256 of what judges it}, checks or tests. Raises CourseError."""
    if course.classic:
        return classic.digests(classic.instructor(course, week))
    return question_digests(*check_sources(course.root, week))


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
        if (question := _question_of(statement)) and words[statement.name] == 1
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


# --- does a record stand? ---------------------------------------------------------------------------------------------


def stands(grade: Grade, inputs: Mapping[str, str], versions: Mapping[str, str], digests: Mapping[str, str]) -> bool:
    """Whether grading again would only repeat this record.

    inputs: the present ones, with the submission's hash, and with the other releases' for a grade "not gradable".
    digests: the present ones of the questions' checks.
    """
    if (grade.inputs, grade.versions) != (inputs, versions):
        return False
    if grade.outcome != "graded":
        return True
    return all(q.status == "manual" or _stands(q, digests) for q in grade.questions)


def kept(
    grade: Grade, inputs: Mapping[str, str], versions: Mapping[str, str], digests: Mapping[str, str]
) -> list[QuestionResult]:
    """The results that need not be judged again although others must be; none where more than checks has changed."""
    if grade.outcome != "graded" or (grade.inputs, grade.versions) != (inputs, versions):
        return []
    return [q for q in grade.questions if _stands(q, digests)]


def _stands(result: QuestionResult, digests: Mapping[str, str]) -> bool:
    return result.status == "judged" and bool(result.rubric) and result.rubric == digest_of(result.question, digests)
