"""Gradescope: a Grade as its results.json, and an autograder to upload that runs this very grader.

The formats are those of https://gradescope-autograders.readthedocs.io/en/latest/specs/: a zip with setup.sh and
run_autograder at its root, which is unpacked in /autograder/source; run_autograder finds the student's files in
/autograder/submission and writes /autograder/results/results.json. Points given by a person stay in Gradescope's own
manual grading, so only automatic questions are tests there.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from grader.course import text
from grader.course.discovery import find_course
from grader.course.files import GRADER, write_atomically
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import clean
from grader.execution.kernelspecs import usual_kernel
from grader.execution.sandbox import unavailable
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.grading.rubric import hidden_checks
from grader.grading.verdicts import not_gradable, verdict_text
from grader.records.grade import Grade
from grader.reporting.csv_export import automatic, titles
from grader.submissions.loading import NotGradable, in_folder

Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]
VISIBILITIES = get_args(Visibility)
HERE = Path(__file__).parent
SETTINGS = "autograder.json"  # in the bundle: which week, and what the instructor chose
AT_THE_ROOT = ("setup.sh", "run_autograder")
INSTALLED = ("pyproject.toml", "setup.py", "requirements.lock", "README.md", "LICENSE")
LEFT_OUT = {"README.md", "pictures", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the zip, so that the same course makes the same bytes


# --- a Grade as results.json ------------------------------------------------------------------------------------------


def results(course: Course, week: Week, grade: Grade, visibility: Visibility = "visible") -> dict[str, Any]:
    """What Gradescope shows of a Grade: a test for each automatic question. visibility: of all tests."""
    headings = titles(course, week, grade)
    shown = automatic(course, week, grade)
    by_hand = grade.max_points - sum(q.max_points for q in shown)
    said = [grade.reason] if grade.reason else []
    said += [f"Put right before it ran, at no cost: {repair}" for repair in grade.repairs]
    said += [f"While it ran: {line}" for line in grade.log[:20]]
    if by_hand:
        said.append(f"{text.number(by_hand)} more points are given by a person.")
    return {
        "output": clean("\n".join(said)) or "All of it ran.",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "execution_time": round(grade.timings.get("total", 0)),
        "tests": [
            {
                "name": clean(headings[q.question]),
                "number": str(number),
                "score": round(q.points, 4),
                "max_score": q.max_points,
                "status": "passed" if q.points >= q.max_points - 1e-9 else "failed",
                "output": clean(verdict_text(q)),
                "tags": [q.question],
            }
            for number, q in enumerate(shown, 1)
        ],
        "extra_data": {
            "week": grade.week,
            "submission": grade.inputs.get("submission", ""),
            "sandbox": grade.inputs.get("sandbox", ""),
            "graded_at": grade.graded_at,
        },
    }


# --- the bundle -------------------------------------------------------------------------------------------------------


def bundle(
    course: Course, week: Week, path: Path, visibility: Visibility = "visible", unsandboxed: bool = False
) -> list[str]:
    """Write the autograder of a week as a zip. Returns the names in it.

    It holds this grader, the week with its hidden checks, the shared runtime and the models; no solutions, no other
    week, no known answers. unsandboxed: where Gradescope's container allows no sandbox, grade without one all the same.
    Raises CourseError.
    """
    if course.classic:
        raise CourseError("only a week with checks can be graded on Gradescope; this is a course of plain nbgrader")
    if not course.release(week).is_file():
        raise CourseError(f"{course.release(week)} is not there: run `grader release {week.slug}` first")
    settings = {"week": week.slug, "visibility": visibility, "unsandboxed": unsandboxed}
    content = {name: (HERE / "bundles" / name).read_bytes() for name in AT_THE_ROOT}
    content[SETTINGS] = json.dumps(settings, indent=1).encode() + b"\n"
    content |= {f"course/{name}": place.read_bytes() for name, place in sorted(_course_files(course, week).items())}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = (0o100755 if name in AT_THE_ROOT else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    write_atomically(path, out.getvalue(), hidden_checks(course.root, week))
    return list(content)


def _course_files(course: Course, week: Week) -> dict[str, Path]:
    """{name in the course's tree: file} of all that grading this week takes."""
    found = {"weeks/course.toml": course.root / "weeks" / "course.toml"}
    found |= _tree(course.root / "weeks" / week.slug, f"weeks/{week.slug}")
    found |= _tree(_package(course.root / "weeks", "coursekit"), "weeks/coursekit")
    found |= _tree(_package(course.root / "datasets", "tinyworld"), "datasets/tinyworld")
    found |= {name: file for name, file in _tree(GRADER, "grader").items() if not name.startswith("grader/rubrics/")}
    found["grader/rubrics/__init__.py"] = GRADER / "rubrics" / "__init__.py"
    found |= {file.relative_to(course.root).as_posix(): file for file in hidden_checks(course.root, week)}
    for name in INSTALLED:
        found[name] = next((p for p in (course.root / name, GRADER.parent / name) if p.is_file()), GRADER.parent / name)
    if missing := [str(place) for place in found.values() if not place.is_file()]:
        raise CourseError(f"not there, and needed to grade {week.slug}: {', '.join(missing)}")
    return found


def _package(folder: Path, name: str) -> Path:
    """A package's folder in the course's tree; where that has none, of the installed one."""
    if (folder / name).is_dir():
        return folder / name
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CourseError(f"the package {name} is neither in {folder} nor installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _tree(folder: Path, prefix: str) -> dict[str, Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    relative = {path.relative_to(folder): path for path in files}
    return {f"{prefix}/{name.as_posix()}": path for name, path in relative.items() if not LEFT_OUT & set(name.parts)}


# --- in Gradescope's container ----------------------------------------------------------------------------------------


def run(root: Path) -> dict[str, Any]:
    """Grade what is in `root`/submission, and write `root`/results/results.json, whatever happens. Returns it."""
    try:
        made = _graded(root)
    except Exception as error:  # without results.json a student sees nothing but "failed to execute"
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # Gradescope shows it to instructors
        sorry = "The autograder could not grade this, which is not your fault. Tell your instructor."
        made = {"score": 0, "output": sorry, "visibility": "visible", "stdout_visibility": "hidden", "tests": []}
    write_atomically(root / "results" / "results.json", json.dumps(made, indent=1))
    return made


def _graded(root: Path) -> dict[str, Any]:
    settings = json.loads((root / "source" / SETTINGS).read_text(encoding="utf-8"))
    course = find_course(root / "source" / "course")
    week = course.week(settings["week"])
    options = Options(workers=1, kernel=os.environ.get("AUTOGRADER_KERNEL") or usual_kernel())
    if why := unavailable() if options.sandboxed else "":
        if not settings["unsandboxed"]:
            raise CourseError(
                f"no sandbox in this container, so nothing is graded: {why} To grade without one, make the bundle with "
                "--unsandboxed; a student's code can then read the hidden checks and write its own results."
            )
        options = dataclasses.replace(options, sandboxed=False)
        print(f"NO SANDBOX: {why}", file=sys.stderr)
    try:
        path = in_folder(_files(root / "submission"), week)
    except NotGradable as error:
        return results(course, week, not_gradable(course, week, "student", str(error), None), settings["visibility"])
    (result,) = grade_many(course, week, [("student", path)], options)
    print("\n\n".join([*result.grade.log, *map(verdict_text, result.grade.questions)]))
    return results(course, week, result.grade, settings["visibility"])


def _files(submission: Path) -> Path:
    """Where the student's files are: a folder that was uploaded as one is looked into."""
    inside = [p for p in submission.iterdir() if not p.name.startswith((".", "__"))] if submission.is_dir() else []
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink() else submission


if __name__ == "__main__":
    run(Path(sys.argv[1]))
