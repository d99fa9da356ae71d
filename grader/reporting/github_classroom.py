"""GitHub Classroom: a Grade as the result that its reporter reads, and the workflow that makes one at every push.

The result is that of the graders of github.com/classroom-resources: base64 of {"version": 1, "status", "max_score",
"tests": [{"name", "status", "score", "message", ...}]}, given to autograding-grading-reporter as <STEP>_RESULTS in its
environment; what it adds up are the scores of the tests and the max_score of the whole.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import jinja2

from grader.course.discovery import find_course
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import clean
from grader.execution.kernelspecs import usual_kernel
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.grading.verdicts import not_gradable, verdict_text
from grader.records.grade import Grade
from grader.reporting.csv_export import automatic, titles
from grader.submissions.loading import NotGradable, in_folder

WORKFLOW = Path(__file__).parent / "bundles" / "classroom.yml"
MESSAGE = 2000  # characters of one test: all of it must fit into one environment variable


def result(course: Course, week: Week, grade: Grade) -> dict[str, Any]:
    """What the reporter reads: a test for each automatic question."""
    headings, shown = titles(course, week, grade), automatic(course, week, grade)
    tests = [
        {
            "name": clean(headings[q.question]),
            "status": _status(grade, q.points >= q.max_points - 1e-9),
            "score": round(q.points, 4),
            "message": clean(grade.reason or verdict_text(q))[:MESSAGE],
            "test_code": f'check("{q.question}")',
            "filename": week.file,
            "line_no": 0,
            "duration": round(1000 * sum(check.seconds for check in q.checks)),
        }
        for q in shown
    ]
    whole = _status(grade, all(test["status"] == "pass" for test in tests))
    return {"version": 1, "status": whole, "max_score": sum(q.max_points for q in shown), "tests": tests}


def _status(grade: Grade, right: bool) -> str:
    return "error" if grade.outcome != "graded" else "pass" if right else "fail"


def encoded(result: dict[str, Any]) -> str:
    """A result as the value of an environment variable."""
    return base64.b64encode(json.dumps(result).encode()).decode()


def workflow(week: Week, repository: str, branch: str = "main") -> str:
    """.github/workflows/classroom.yml of an assignment.

    repository: OWNER/NAME of the tree with the grader, read with the secret COURSE_TOKEN. Raises CourseError.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise CourseError(f"--grader-repository {repository!r} is not of the form OWNER/NAME")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(WORKFLOW.read_text(encoding="utf-8"))
    return template.render(repository=json.dumps(repository), branch=json.dumps(branch), week=week.slug)


def main(arguments: list[str] | None = None) -> int:
    """Grade the week's notebook in a folder, show it, and append `result=...` to the file $GITHUB_OUTPUT.

    Exits with 0 also for a wrong answer, which is for the reporter to tell, and with 2 where nothing can be graded.
    """
    parser = argparse.ArgumentParser(prog="python -m grader.reporting.github_classroom", description=main.__doc__)
    parser.add_argument("week", help="a week by number or name")
    parser.add_argument("folder", type=Path, help="the student's repository")
    parser.add_argument("--course", type=Path, help="the course's folder")
    given = parser.parse_args(arguments)
    try:
        course = find_course(given.course)
        week = course.week(given.week)
        try:
            path = in_folder(_folder(given.folder, week), week)
            job = ("student", path)
            grade = grade_many(course, week, [job], Options(workers=1, kernel=usual_kernel()))[0].grade
        except NotGradable as error:
            grade = not_gradable(course, week, "student", str(error), None)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = result(course, week, grade)
    print("\n\n".join(f"{test['name']}: {test['message']}" for test in found["tests"]))
    if place := os.environ.get("GITHUB_OUTPUT"):
        with open(place, "a", encoding="utf-8") as file:
            file.write(f"result={encoded(found)}\n")
    return 0


def _folder(repository: Path, week: Week) -> Path:
    """Where the notebook is: in the repository's own folder, or where the published course has it."""
    within = repository / "weeks" / week.slug
    return within if within.is_dir() else repository


if __name__ == "__main__":
    sys.exit(main())
