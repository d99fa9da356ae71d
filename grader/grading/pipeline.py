"""The way of one submission: load, reconcile, run, judge, Grade.

`grade_notebook` is the whole of grading: worker processes, nbgrader's autograde and nodes of a cluster all call it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
    Question,
    answer_digests,
    answers_in,
    is_answer,
    is_check,
    is_task,
    name_of,
    questions_in,
)
from grader.course.syllabus import Budget, Course, CourseError, Week
from grader.course.text import LONGEST, printable
from grader.execution import gpus
from grader.execution.engine import NAME, Journal, Plan
from grader.execution.kernel import File, Kernel
from grader.execution.kernelspecs import language_of, own_kernel
from grader.execution.sandbox import Policy
from grader.grading import denied, fingerprints, gpu_memory, notebook_tests
from grader.grading.environment import kernel_environment, sandbox_policy
from grader.grading.harmless import harmless
from grader.grading.judge import Judge
from grader.grading.options import Options
from grader.grading.rubric import Rubric
from grader.grading.verdicts import Result, not_gradable, now, write_verdicts
from grader.records.grade import Denied, Grade, QuestionResult
from grader.submissions import beside, loading
from grader.submissions.loading import NotGradable
from grader.submissions.reconcile import reconcile


@dataclass(frozen=True)
class _Stopwatch:
    """Seconds since a submission was taken up: on the clock, and of CPU time in this process."""

    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.process_time)

    def read(self) -> dict[str, float]:
        return {"total": time.monotonic() - self.wall, "grader_cpu": time.process_time() - self.cpu}


@dataclass(frozen=True)
class _Prepared:
    """A notebook that can be run, and all that its Grade depends on.

    notebook: as it is run.  repairs: what had to be done to it.  files, left_out: what lies beside it, and lines on
    what does not.  graded: whether it is a student's; the course's own may check and draw what they like.
    """

    course: Course
    week: Week
    student: str
    notebook: NotebookNode
    released: NotebookNode
    rubric: Rubric
    options: Options
    inputs: dict[str, str]
    scratch: Path | None
    repairs: Sequence[str] = ()
    kept: Sequence[QuestionResult] = ()
    files: Sequence[File] = ()
    left_out: Sequence[str] = ()
    graded: bool = True

    @property
    def budget(self) -> Budget:
        return self.options.budget or self.week.budget

    @property
    def questions(self) -> list[Question]:
        return questions_in(self.notebook, self.course.classic)


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

    kept: results that still stand; see `judge.Judge`.   scratch: where the kernel's folders are made.
    """
    stopwatch, options = _Stopwatch(), options or Options()
    released = released_notebook(course, week)
    rubric = Rubric.load(course, week)
    if course.classic:
        options = replace(options, kernel=own_kernel(released, options.kernel))
    rubric.must_cover(questions_in(released, course.classic), week)
    path = notebook if isinstance(notebook, Path) else None
    inputs = fingerprints.inputs(course, week, options) | beside.inputs(course, week, path)
    try:
        submitted = loading.load(notebook, course.submitted)
        rebuilt = reconcile(submitted.notebook, released, _other_weeks(course, week))
    except NotGradable as error:
        inputs["other releases"] = fingerprints.other_releases(course, week)
        return Result(not_gradable(course, week, student, str(error), notebook, inputs))
    inputs["submission"] = submitted.sha256
    renamed = loading.other_name(week, path) if path else []
    repairs = [*renamed, *submitted.notes, *rebuilt.repairs]
    files, left_out = beside.files(course, week, path) if course.classic else ([], [])
    prepared = _Prepared(
        course=course,
        week=week,
        student=student,
        notebook=rebuilt.notebook,
        released=released,
        rubric=rubric,
        options=options,
        inputs=inputs,
        scratch=scratch,
        repairs=repairs,
        kept=kept,
        files=files,
        left_out=left_out,
    )
    return _run_and_judge(prepared, stopwatch)


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
    stopwatch, options = _Stopwatch(), options or Options()
    rubric = Rubric.load(course, week)
    rubric.must_cover(questions_in(notebook), week)
    is_released = course.release(week).is_file()
    released = released_notebook(course, week) if is_released else notebook
    inputs = fingerprints.inputs(course, week, options) if is_released else {}
    prepared = _Prepared(course, week, "instructor", notebook, released, rubric, options, inputs, scratch, graded=False)
    return _run_and_judge(prepared, stopwatch)


def _run_and_judge(this: _Prepared, stopwatch: _Stopwatch) -> Result:
    """Run the notebook, judge it on the way, and write down what came of it. Raises CourseError."""
    if gpus.chosen(this.options.parameters) and this.options.share is None:
        raise CourseError("a GPU has to be shared out first: grade by `grade_many`, which does")
    answered = _mark_unanswered(this.notebook, this.released)
    answered = answered if this.graded else dict.fromkeys(answered, True)
    judge = _judge(this, answered)
    policy = sandbox_policy(this.course, this.week, this.options, this.graded)
    journal, results, refusals = Journal(log=list(this.left_out)), list[QuestionResult](), list[bool]()

    def finish(kernel: Kernel) -> None:
        judge.finish(kernel)
        tested = notebook_tests.results(this.questions, journal, this.rubric.digests, any(answered.values()))
        by_name = {result.question: result for result in (*judge.results(), *tested)}
        results.extend(by_name[question.name] for question in this.questions)
        refusals.append(this.options.share is not None and gpu_memory.was_refused(kernel, this.budget.check))

    executed = _run(this, policy, judge, finish, journal)
    lost = any(result.status != "manual" and result.points < result.max_points for result in results)
    kinds, lines = denied.find(executed, results, policy, lost) if policy else ([], [])
    journal.log += lines
    notebook_tests.with_tests(executed, this.released)  # hidden tests stay hidden
    crowded = False
    if (share := this.options.share) and gpu_memory.ran_out_in(results, journal.log, refused=lost and any(refusals)):
        crowded = not share.alone
        if share.alone:
            gpu_memory.must_have_been_free(share)
            line, results = gpu_memory.blame(results, share)
            journal.log.append(line)
    write_verdicts(executed, results)
    grade = _grade(this, results, journal, judge.log, kinds, stopwatch)
    busy = journal.busy or judge.channel.busy
    if this.graded:
        executed = harmless(executed, {cell.source for cell in this.released.cells})
    return Result(grade, executed, crowded, _repeats(grade, judge, this.options.repeat), busy)


def _judge(this: _Prepared, answered: dict[str, bool]) -> Judge:
    """The judge of the questions that have checks, or that a person grades."""
    # other inputs for every file that is handed in: what feedback said of the last ones is of no use for the next
    seed = f"{this.options.seed}/{this.inputs.get('submission', '')}"
    questions = [question for question in this.questions if not question.inside]
    bindings = Bindings(this.notebook, this.released)
    return Judge(questions, this.rubric, answered, this.budget, bindings, seed, this.kept, this.options.repeat)


def _run(
    this: _Prepared, policy: Policy | None, judge: Judge, finish: Callable[[Kernel], None], journal: Journal
) -> NotebookNode:
    """The executed notebook. finish: called with the kernel once the cells have run."""
    classic = this.course.classic
    notebook = copy.deepcopy(this.notebook)
    if classic:
        notebook_tests.with_tests(notebook, plain_nbgrader.instructor(this.course, this.week))
    drawn = only_drawn(this.notebook, this.released) if this.graded and not classic else set()
    plan = Plan(
        budget=this.budget,
        env=kernel_environment(this.course, this.week, this.options, this.graded),
        policy=policy,
        scratch=this.scratch,
        files=this.files,
        gpu=this.options.share,
        skip=notebook_tests.is_skipped if classic else lambda cell: is_check(cell) or cell.source in drawn,
        judged=any(not (question.manual or question.inside) for question in this.questions),
        at=judge.at,
        after=finish,
    )
    try:
        executed = papermill.execute_notebook(
            notebook,
            None,
            parameters=gpus.parameters(this.options.parameters),
            engine_name=NAME,
            kernel_name=this.options.kernel,
            language=language_of(this.notebook) or "python",
            progress_bar=False,
            plan=plan,
            journal=journal,
        )
    except PapermillExecutionError:  # raised once everything has run, because a cell failed; the journal has it all
        executed = remove_error_markers(journal.notebook)
    return _tidy(executed)


def _grade(
    this: _Prepared,
    results: list[QuestionResult],
    journal: Journal,
    log: Sequence[str],
    kinds: list[Denied],
    stopwatch: _Stopwatch,
) -> Grade:
    """The record. log: the judge's.  kinds: of what the sandbox denied."""
    found = [] if this.course.classic else flags(this.notebook, this.released, this.week.helper)
    return Grade(
        week=this.week.name,
        student=this.student,
        outcome="graded",
        reason="",
        points=_sum(results),
        max_points=sum(question.points for question in this.questions),
        questions=results,
        answers=answer_digests(this.notebook, this.released),
        repairs=_lines(this.repairs),
        log=_lines([*journal.log, *log]),
        denied=kinds,
        flags=_lines(found),
        timings=_timings(journal, stopwatch),
        inputs=this.inputs,
        versions=fingerprints.versions(),
        graded_at=now(),
    )


def _repeats(grade: Grade, judge: Judge, repeat: int) -> list[Grade]:
    """The Grade on the other inputs that the same run was judged on, without evidence."""
    grades = []
    for turn in range(1, repeat):
        bare = [replace(q, checks=[replace(c, evidence=[]) for c in q.checks]) for q in judge.results(turn)]
        grades.append(replace(grade, questions=bare, points=_sum(bare)))
    return grades


def _sum(results: Sequence[QuestionResult]) -> float:
    return round(sum(result.points for result in results), 4)


def _lines(texts: Sequence[str]) -> list[str]:
    return [printable(text, LONGEST) for text in texts]


def _other_weeks(course: Course, week: Week) -> dict[str, NotebookNode]:
    others = [one for one in course.notebooks if one.name != week.name and course.release(one).is_file()]
    return {
        f"week {one.number}, {one.title}" + (f", {one.file}" if one.parts else ""): released_notebook(course, one)
        for one in others
    }


def _mark_unanswered(notebook: NotebookNode, released: NotebookNode) -> dict[str, bool]:
    """{question: whether its answer differs from the release}.

    One that differs only in white space around it is put back as released, so that nbgrader, which compares checksums,
    says the same.
    """
    stubs = answers_in(released)
    answered: dict[str, bool] = {}
    for cell in filter(is_answer, notebook.cells):
        name = name_of(cell)
        stub = stubs.get(name, "")
        answered[name] = cell.source.strip() != stub.strip()
        if not answered[name]:
            cell.source = stub
    return answered | {name_of(cell): True for cell in notebook.cells if is_task(cell)}


def _timings(journal: Journal, stopwatch: _Stopwatch) -> dict[str, float]:
    found = {
        name: journal.seconds.get(name, 0.0)
        for name in ("start", "start_cpu", "cells", "cells_cpu", "judge", "judge_cpu")
    }
    found["judge_grader_cpu"] = journal.seconds.get("judge_own_cpu", 0.0)
    return {name: round(value, 3) for name, value in (found | stopwatch.read()).items()}


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Without papermill's notes on times, which would make two gradings of one submission differ."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    return notebook
