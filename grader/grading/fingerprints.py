"""Grades that need not be made again: a record stands as long as everything it depends on is what it was.

A record says what it depends on: `inputs` (hashes and settings), `versions`, and for each question the digest of the
checks that judged it. The same is computed from the files as they are now. Where all of it is equal, the record is the
grade. Where only some questions' checks differ, the notebook runs again and those questions alone are judged again.

Changes are found by content, never by a time stamp: clocks jump, and copies keep old times. Nothing here imports the
rubric, torch or a notebook, so a class of a thousand is looked through in seconds.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from grader.course.files import GRADER, file_hash
from grader.course.syllabus import Course, Week
from grader.execution.gpus import chosen
from grader.grading.gpu_memory import cap
from grader.grading.options import Options
from grader.grading.rubric import digest_of, references, visible_checks
from grader.records.grade import Grade, QuestionResult

PACKAGES = ("torch", "transformers", "diffusers", "open_clip_torch", "numpy", "crossmodal", "nbgrader", "papermill")

# The packages of the grader that have a part in a Grade, whole. What only reads Grades (reporting, cli), or only makes
# notebooks and known answers (authoring), can move no score.
DECISIVE = ("course", "analysis", "records", "execution", "submissions", "grading")


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
    return _hash([path for path in paths if path.is_file()], course.root)


@lru_cache(maxsize=16)
def code_hash(root: Path, week: Week) -> str:
    """sha256 over what runs besides notebook and checks: the course's packages, its checkpoints, and the grader.

    Once a process: code that changes while it grades was imported before, and the record must not claim the new one.
    """
    own = [GRADER / "__init__.py", *(path for name in DECISIVE for path in sorted((GRADER / name).rglob("*.py")))]
    files: list[Path] = []
    for folder in (root / "weeks" / "coursekit", root / "weeks" / week.slug, root / "datasets"):
        files += [p for p in folder.rglob("*") if p.suffix in (".py", ".json", ".safetensors") and p.is_file()]
    theirs = sorted(set(files) - {visible_checks(root, week), *references(root, week)})
    both = _hash(own, GRADER.parent) + _hash(theirs, root)
    return hashlib.sha256(both.encode()).hexdigest()


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


def _hash(files: list[Path], root: Path) -> str:
    """sha256 over the files' contents and their paths below `root`."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


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
