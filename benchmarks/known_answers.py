"""Grade every known answer of the weeks and keep the records, for compare_records.py.

    python benchmarks/known_answers.py FOLDER [WEEK ...] [--workers 1]

For a change of the grader that must not move a score: run this with the code before and after it, into two folders,
then `python benchmarks/compare_records.py BEFORE/week01_clip AFTER/week01_clip`. A notebook is one of the audit's, with
an answer to every question. What a folder holds already is not graded again, so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from grader.authoring import audit
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.grading.verdicts import Result
from grader.records import store


def grade_answers(course: Course, week: Week, folder: Path, options: Options) -> int:
    """Write a record for each notebook of the week's audit that `folder` has none of yet. Returns how many."""
    plan = audit.plan(course, week)
    places = {batch.name: folder / f"{batch.name.replace(' ', '-').replace('/', '_')}.json" for batch in plan.batches}
    jobs = [
        (batch.name, audit.substitute(plan.base, {name: answer.source for name, answer in batch.answers.items()}))
        for batch in plan.batches
        if not places[batch.name].exists()
    ]

    def keep(name: str, result: Result) -> None:
        store.write(result.grade, places[name])
        print(f"{week.slug}: {name}, {result.grade.points:g} points", flush=True)

    if jobs:
        grade_many(course, week, jobs, options, on_done=keep)
    return len(jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weeks", nargs="*", metavar="WEEK", help="by number or name; all where none is given")
    parser.add_argument("--workers", type=int, default=1, help="submissions at a time (default 1)")
    asked = parser.parse_args()
    course = find_course()
    for week in [course.week(name) for name in asked.weeks] or list(course.weeks.values()):
        done = grade_answers(course, week, asked.folder / week.slug, Options(workers=asked.workers))
        print(f"{week.slug}: {done} notebooks graded")


if __name__ == "__main__":
    main()
