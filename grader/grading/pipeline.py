"""One submission -> one Grade, here or in worker processes.

`grade_notebook` is the whole of grading. A worker process, nbgrader's autograde and the audit all call it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from grader.analysis.bindings import Bindings
from grader.analysis.figures import only_drawn
from grader.analysis.introspection import flags
from grader.course import plain_nbgrader
from grader.course.notebooks import released_notebook
from grader.course.questions import (
    answer_digests,
    answers_in,
    grade_id,
    is_answer,
    is_check,
    is_task,
    questions_in,
)
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import LONGEST, printable
from grader.execution import gpus
from grader.execution.engine import NAME, Journal
from grader.execution.kernel import File, Kernel
from grader.execution.kernelspecs import language_of, own_kernel
from grader.grading import denied, fingerprints, gpu_memory, notebook_tests
from grader.grading.environment import kernel_environment, sandbox_policy
from grader.grading.judge import Judge
from grader.grading.options import Options
from grader.grading.rubric import Rubric
from grader.grading.verdicts import Result, not_gradable, now, write_verdicts
from grader.records.grade import Grade, QuestionResult
from grader.submissions import beside, loading
from grader.submissions.loading import NotGradable
from grader.submissions.reconcile import reconcile


def grade_notebook(
    course: Course,
    week: Week,
    notebook: Path | NotebookNode,
    student: str = "",
    options: Options | None = None,
    *,
    kept: Sequence[QuestionResult] = (),
    scratch: Path | None = None,
) -> Result:
    """Grade one submission. Whatever is wrong with it is in the Grade; CourseError means the course is at fault.

    kept: results that still stand; see `judge`.   scratch: where the kernel's folders are made.
    """
    began, options = (time.monotonic(), time.process_time()), options or Options()
    released = released_notebook(course, week)
    rubric = Rubric.load(course, week)
    if course.classic:
        options = replace(options, kernel=own_kernel(released, options.kernel))
    rubric.must_cover(questions_in(released, course.classic), week)
    path = notebook if isinstance(notebook, Path) else None
    inputs = fingerprints.inputs(course, week, options) | beside.inputs(course, week, path)
    try:
        submitted = loading.load(notebook)
        rebuilt = reconcile(submitted.notebook, released, _other_weeks(course, week))
    except NotGradable as error:
        inputs["other releases"] = fingerprints.other_releases(course, week)
        return Result(not_gradable(course, week, student, str(error), notebook, inputs))
    renamed = loading.other_name(week, path) if path else []
    repairs = [*renamed, *submitted.notes, *rebuilt.repairs]
    inputs["submission"] = submitted.sha256
    files, left_out = beside.files(course, week, path) if course.classic else ([], [])
    rebuilt = rebuilt.notebook
    return _execute(
        course,
        week,
        rebuilt,
        released,
        rubric,
        student,
        options,
        repairs,
        inputs,
        began,
        scratch,
        kept,
        files,
        left_out,
    )


def run_as_is(
    course: Course,
    week: Week,
    notebook: NotebookNode,
    options: Options | None = None,
    *,
    scratch: Path | None = None,
) -> Result:
    """Execute and judge a notebook of the course's own, such as the instructor's, without rebuilding it.

    All its cells run, figures too.
    """
    began, options = (time.monotonic(), time.process_time()), options or Options()
    rubric = Rubric.load(course, week)
    rubric.must_cover(questions_in(notebook), week)
    path = course.release(week)
    released = released_notebook(course, week) if path.is_file() else notebook
    inputs = fingerprints.inputs(course, week, options) if path.is_file() else {}
    return _execute(
        course, week, notebook, released, rubric, "instructor", options, [], inputs, began, scratch, as_is=True
    )


def _execute(
    course: Course,
    week: Week,
    notebook: NotebookNode,
    released: NotebookNode,
    rubric: Rubric,
    student: str,
    options: Options,
    repairs: list[str],
    inputs: dict[str, str],
    began: tuple[float, float],
    scratch: Path | None,
    kept: Sequence[QuestionResult] = (),
    files: Sequence[File] = (),
    left_out: Sequence[str] = (),
    as_is: bool = False,
) -> Result:
    if gpus.chosen(options.parameters) and options.share is None:
        raise CourseError("a GPU has to be shared out first: grade by `grade_many`, which does")
    budget = options.budget or week.budget
    questions = questions_in(notebook, course.classic)
    answered = _mark_unanswered(notebook, released)
    journal, results, repeats, refused = Journal(log=list(left_out)), [], [], []
    # other inputs for every file that is handed in: what feedback told of the last ones is of no use for the next
    seed = f"{options.seed}/{inputs.get('submission', '')}"
    outside = [q for q in questions if not q.inside]
    bindings = Bindings(notebook, released)
    judge = Judge(outside, rubric, answered, budget, bindings, seed, kept, options.repeat)
    executed = copy.deepcopy(notebook)
    drawn = set() if as_is or course.classic else only_drawn(notebook, released)
    if course.classic:
        notebook_tests.with_tests(executed, plain_nbgrader.instructor(course, week))

    def finish(kernel: Kernel) -> None:
        judge.finish(kernel)
        tested = notebook_tests.results(questions, journal, rubric.digests, any(answered.values()))
        by_name = {result.question: result for result in (*judge.results(), *tested)}
        results.extend(by_name[q.name] for q in questions)
        for turn in range(1, options.repeat):
            repeats.append(
                [replace(q, checks=[replace(c, evidence=[]) for c in q.checks]) for q in judge.results(turn)]
            )
        if options.share:
            told = kernel.evaluate(gpu_memory.REFUSALS, budget.check).expressions.get("r", {}).get("data", {})
            refused.append(str(told.get("text/plain", "0")) != "0")

    policy = sandbox_policy(course, week, options, graded=not as_is)
    try:
        executed = papermill.execute_notebook(
            executed,
            None,
            parameters=gpus.parameters(options.parameters),
            engine_name=NAME,
            kernel_name=options.kernel,
            language=language_of(notebook) or "python",
            progress_bar=False,
            budget=budget,
            env=kernel_environment(course, week, options, graded=not as_is),
            policy=policy,
            scratch=scratch,
            files=files,
            gpu=options.share,
            skip=notebook_tests.is_skipped if course.classic else lambda cell: is_check(cell) or cell.source in drawn,
            judged=any(not q.manual for q in outside),
            at=judge.at,
            after=finish,
            journal=journal,
        )
    except PapermillExecutionError:  # raised once everything has run, because a cell failed; the journal has it all
        executed = remove_error_markers(journal.notebook)
    executed = _tidy(executed)
    lost = any(result.status != "manual" and result.points < result.max_points for result in results)
    kinds, lines = denied.find(executed, results, policy, lost) if policy else ([], [])
    journal.log += lines
    notebook_tests.with_tests(executed, released)  # hidden tests stay hidden
    crowded = False
    told = [line for result in results for line in (result.note, *(c.message for c in result.checks if not c.passed))]
    # libraries catch a refusal too, and do with less: one that cost nothing is nothing to speak of
    short = gpu_memory.ran_out([*journal.log, *told]) or (lost and any(refused))
    if short and (share := options.share):
        crowded = not share.alone
        if share.alone:
            gpu_memory.must_have_been_free(share)
            line, results = gpu_memory.blame(results, share)
            journal.log.append(line)
    write_verdicts(executed, results)
    grade = Grade(
        week=week.name,
        student=student,
        outcome="graded",
        reason="",
        points=round(sum(r.points for r in results), 4),
        max_points=sum(q.points for q in questions),
        questions=results,
        answers=answer_digests(notebook, released),
        repairs=[printable(line, LONGEST) for line in repairs],
        log=[printable(line, LONGEST) for line in (*journal.log, *judge.log)],
        denied=kinds,
        flags=[] if course.classic else [printable(line, LONGEST) for line in flags(notebook, released, week.helper)],
        timings=_timings(journal, *began),
        inputs=inputs,
        versions=fingerprints.versions(),
        graded_at=now(),
    )
    again = [replace(grade, questions=other, points=round(sum(q.points for q in other), 4)) for other in repeats]
    return Result(grade, executed, crowded, again)


def _other_weeks(course: Course, week: Week) -> dict[str, NotebookNode]:
    others = [one for one in course.notebooks if one.name != week.name and course.release(one).is_file()]
    return {
        f"week {one.number}, {one.title}" + (f", {one.file}" if one.parts else ""): released_notebook(course, one)
        for one in others
    }


def _mark_unanswered(notebook: NotebookNode, released: NotebookNode) -> dict[str, bool]:
    """{question: whether its answer differs from the release}. One that differs in white space around it only is put
    back as released, so that nbgrader, which compares checksums, says the same.
    """
    stubs, answered = answers_in(released), {}
    for cell in filter(is_answer, notebook.cells):
        stub = stubs.get(grade_id(cell), "")
        answered[grade_id(cell)] = cell.source.strip() != stub.strip()
        if not answered[grade_id(cell)]:
            cell.source = stub
    return answered | {grade_id(cell): True for cell in notebook.cells if is_task(cell)}


def _timings(journal: Journal, began: float, cpu: float) -> dict[str, float]:
    """began, cpu: of this process's clocks when the submission was taken up."""
    found = {name: journal.seconds.get(name, 0.0) for name in ("start", "start_cpu", "cells", "cells_cpu")}
    found |= {name: journal.seconds.get(name, 0.0) for name in ("judge", "judge_cpu")}
    found["judge_grader_cpu"] = journal.seconds.get("judge_own_cpu", 0.0)
    found |= {"total": time.monotonic() - began, "grader_cpu": time.process_time() - cpu}
    return {name: round(value, 3) for name, value in found.items()}


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Without papermill's notes on times, which would make two gradings of one submission differ."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    return notebook
