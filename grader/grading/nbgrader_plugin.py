"""What nbgrader_config.py sets, so that `nbgrader autograde` grades as `grader grade` does.

nbgrader reads a submission, sanitises, executes and saves it, each in steps that a configuration may replace. Here its
reading and sanitising do next to nothing, and one step grades the file that was handed in, writes the record, and gives
back the notebook with the verdicts in its check cells. nbgrader's own steps then read the points from it.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Dict, Int, Unicode

from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.syllabus import CourseError
from grader.execution.scratch import sweep_folders
from grader.grading import gpu_memory
from grader.grading.harmless import harmless
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.grading.verdicts import Result, not_gradable, placeholder
from grader.records import store
from grader.submissions import loading
from grader.submissions.loading import NotGradable


class SubmissionExporter(NotebookExporter):
    """Opens nothing: `GradeSubmission` reads the submission itself, through the one way in for a stranger's files."""

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        exported: tuple[NotebookNode, dict[str, Any]]
        empty = nbformat.v4.new_notebook()
        exported = self.from_notebook_node(empty, resources=resources, **kwargs)  # type: ignore[no-untyped-call]
        return exported


class Harmless(Preprocessor):
    """What nbgrader's pages and its feedback show of a notebook, whoever wrote it to autograded/."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """See `harmless.harmless`. The course is the one of the folder that nbgrader works in."""
        released: set[str] = set()
        with contextlib.suppress(CourseError, OSError):
            course = find_course(Path.cwd(), Path.cwd())
            for week in course.notebooks:
                if course.release(week).is_file():
                    released |= {cell.source for cell in released_notebook(course, week).cells}
        return harmless(nb, released), resources


class GradeSubmission(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Grade what was handed in, in place of nbgrader's Execute."""

    kernel = Unicode("python3", help="Kernelspec to run submissions in.").tag(config=True)
    workers = Int(1, help="How many submissions are graded at a time elsewhere; CPU threads are shared.").tag(
        config=True
    )
    parameters = Dict({}, help="Values for the notebook's parameters cell.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Replace `nb` by the graded notebook and write the record."""
        here, names = Path.cwd(), resources["nbgrader"]  # nbgrader works in the folder of its course
        course = find_course(here, here)
        whole, student = course.week(names["assignment"]), names["student"]
        week = next((one for one in whole.notebooks if one.stem == names["notebook"]), whole)
        sweep_folders()
        options = Options(workers=self.workers, parameters=dict(self.parameters), kernel=self.kernel)
        try:
            path = loading.find(course, week, student)
            slots = gpu_memory.slots_for(options, week)
            with slots.taken(alone=True) if slots else contextlib.nullcontext() as share:
                result = grade_notebook(course, week, path, student, replace(options, share=share))
        except NotGradable as error:
            result = Result(not_gradable(course, week, student, str(error), None))
        store.write(result.grade, course.record(week, student))
        if result.notebook is None:
            self.log.warning("%s: not gradable: %s", student, result.grade.reason)
        return result.notebook or placeholder(course, week, result.grade), resources
