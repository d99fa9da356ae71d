"""One submission -> one Grade, here or in worker processes.

`grade_notebook` is the whole of grading. A worker process, nbgrader's autograde and the audit all call it.
"""

from __future__ import annotations

import copy
import os
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from grader import beside, cache, classic, denied, devices, submission
from grader.beside import File
from grader.bindings import Bindings
from grader.course import Budget, Course, CourseError, Week
from grader.devices import Share
from grader.engine import NAME, Journal
from grader.figures import only_drawn
from grader.introspection import flags
from grader.judge import Judge, Rubric, not_judged
from grader.kernel import Kernel, environment, language_of, must_exist, own_kernel, usual_kernel
from grader.questions import answer_digests, answers_in, grade_id, is_answer, is_check, is_graded, is_task, questions_in
from grader.reconcile import reconcile
from grader.records import Grade, QuestionResult
from grader.sandbox import Policy, SandboxError, unavailable
from grader.submission import NotGradable

CHECKS = "checks"  # the folder of a helper package that holds its visible checks


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Options:
    """How to grade.

    workers: submissions at a time.  parameters: values for the notebook's parameters cell, injected by papermill.
    kernel: name of a kernelspec.  budget: in place of the week's.  seed: mixed into the seed of the checks' inputs.
    sandboxed: whether submissions run in a sandbox; CROSSMODAL_UNSANDBOXED=1 in the environment says no.
    repeat: how often a notebook that has run is judged, on other inputs each time; only the first is its grade.
    cluster: address of the Ray cluster to grade on, see `cluster.connect`; "" for this machine's own processes.
    With "cuda" or "cuda:1" as the parameter DEVICE: slots, submissions that share a GPU at a time, 0 for as many as its
    memory allows; gpu_memory, bytes of it for one, 0 for the week's limit; share, which the pool sets for each.
    """

    workers: int = field(default_factory=cores)
    parameters: dict[str, Any] = field(default_factory=dict)
    kernel: str = "python3"
    budget: Budget | None = None
    seed: str = ""
    sandboxed: bool = field(default_factory=lambda: os.environ.get("CROSSMODAL_UNSANDBOXED") != "1")
    repeat: int = 1
    cluster: str = ""
    slots: int = 0
    gpu_memory: int = 0
    share: Share | None = None

    @property
    def threads(self) -> int:
        """CPU threads for one submission."""
        return 1 if self.cluster else max(1, cores() // max(1, self.workers))


@dataclass(frozen=True)
class Result:
    """A Grade, and the executed notebook with the verdicts as the outputs of its check cells.

    notebook: None where the submission was not gradable.   crowded: the memory of a GPU that it shared ran out, which
    may be another's fault, so the grade does not count.   again: what the same work got on other inputs, without
    evidence; see Options.repeat.
    """

    grade: Grade
    notebook: NotebookNode | None = None
    crowded: bool = False
    again: Sequence[Grade] = ()


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
    inputs = cache.inputs(course, week, options) | beside.inputs(course, week, path)
    try:
        submitted = submission.load(notebook)
        rebuilt = reconcile(submitted.notebook, released, _other_weeks(course, week))
    except NotGradable as error:
        inputs["other releases"] = cache.other_releases(course, week)
        return Result(not_gradable(course, week, student, str(error), notebook, inputs))
    renamed = submission.other_name(week, path) if path else []
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
    inputs = cache.inputs(course, week, options) if path.is_file() else {}
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
    if devices.chosen(options.parameters) and options.share is None:
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
        classic.with_tests(executed, classic.instructor(course, week))

    def finish(kernel: Kernel) -> None:
        judge.finish(kernel)
        tested = classic.results(questions, journal, rubric.digests, any(answered.values()))
        by_name = {result.question: result for result in (*judge.results(), *tested)}
        results.extend(by_name[q.name] for q in questions)
        for turn in range(1, options.repeat):
            repeats.append(
                [replace(q, checks=[replace(c, evidence=[]) for c in q.checks]) for q in judge.results(turn)]
            )
        if options.share:
            told = kernel.evaluate(devices.REFUSALS, budget.check).expressions.get("r", {}).get("data", {})
            refused.append(str(told.get("text/plain", "0")) != "0")

    policy = _policy(course, week, options, graded=not as_is)
    try:
        executed = papermill.execute_notebook(
            executed,
            None,
            parameters=devices.parameters(options.parameters),
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
            skip=classic.is_skipped if course.classic else lambda cell: is_check(cell) or cell.source in drawn,
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
    classic.with_tests(executed, released)  # hidden tests stay hidden
    crowded = False
    told = [line for result in results for line in (result.note, *(c.message for c in result.checks if not c.passed))]
    # libraries catch a refusal too, and do with less: one that cost nothing is nothing to speak of
    short = devices.ran_out([*journal.log, *told]) or (lost and any(refused))
    if short and (share := options.share):
        crowded = not share.alone
        if share.alone:
            devices.must_have_been_free(share)
            line, results = devices.blame(results, share)
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
        repairs=[_printable(line) for line in repairs],
        log=[_printable(line) for line in (*journal.log, *judge.log)],
        denied=kinds,
        flags=[] if course.classic else [_printable(line) for line in flags(notebook, released, week.helper)],
        timings=_timings(journal, *began),
        inputs=inputs,
        versions=cache.versions(),
        graded_at=now(),
    )
    again = [replace(grade, questions=other, points=round(sum(q.points for q in other), 4)) for other in repeats]
    return Result(grade, executed, crowded, again)


def not_gradable(
    course: Course,
    week: Week,
    student: str,
    reason: str,
    source: Path | NotebookNode | None,
    inputs: dict[str, str] | None = None,
) -> Grade:
    """The record of a submission that could not be graded.

    inputs: what the reason depends on, where that is known; without them it is tried again the next time.
    """
    questions = questions_in(released_notebook(course, week), course.classic)
    inputs = dict(inputs or {"release": cache.file_hash(course.release(week))})
    if isinstance(source, Path) and source.is_file() and not source.is_symlink():
        inputs["submission"] = cache.file_hash(source)
    return Grade(
        week=week.name,
        student=student,
        outcome="not gradable",
        reason=_printable(reason),
        points=0.0,
        max_points=sum(q.points for q in questions),
        questions=[not_judged(q, "the submission could not be graded") for q in questions],
        inputs=inputs,
        versions=cache.versions(),
        graded_at=now(),
    )


def write_verdicts(notebook: NotebookNode, results: Sequence[QuestionResult]) -> None:
    """Make verdicts and evidence the outputs of the check cells, in the form in which nbgrader reads points.

    nbgrader takes a number as the last value for partial credit, and full marks where there is no output at all.
    """
    by_cell = {result.cell: result for result in results}
    for cell in notebook.cells:
        if not is_graded(cell):
            continue
        result = by_cell[grade_id(cell)]
        text, points = verdict_text(result), f"{result.points:g}"
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text=text + "\n"),
            *_evidence(result),
            nbformat.v4.new_output("execute_result", {"text/plain": points}, execution_count=None),
        ]


def _evidence(result: QuestionResult) -> Iterator[NotebookNode]:
    """The pictures that checks kept, each below its caption."""
    for picture in (picture for check in result.checks for picture in check.evidence):
        yield nbformat.v4.new_output("stream", name="stdout", text=f"\n{picture.caption}\n")
        yield nbformat.v4.new_output("display_data", {"image/png": picture.png})


def verdict_text(result: QuestionResult) -> str:
    """What `check` prints, for the visible and the hidden checks together."""
    right = sum(check.passed for check in result.checks)
    if result.status == "not judged":
        lines = [f"{result.question}   not judged: {result.note}"]
    else:
        done = right == len(result.checks)
        lines = [f"{result.question}   {right} of {len(result.checks)}" + ("   all right" if done else "")]
    lines += [f"  ok    {c.claim}" if c.passed else f"  no    {c.check}: {c.message}" for c in result.checks]
    # formgrader cuts off what is wider
    return "\n".join(textwrap.fill(one, 100, subsequent_indent=8 * " ") for line in lines for one in line.split("\n"))


def placeholder(course: Course, week: Week, grade: Grade) -> NotebookNode:
    """The notebook that stands for a submission that was not gradable: the release with the reason on top."""
    notebook = copy.deepcopy(released_notebook(course, week))
    write_verdicts(notebook, grade.questions)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"**Not gradable.** {grade.reason}", id="not-gradable"))
    return notebook


def ready(course: Course, week: Week, options: Options) -> Options:
    """The options with the kernel that a notebook of plain nbgrader runs in, once its tests are made.

    Raises CourseError for what would cost everybody points: no such kernel, no tests.
    """
    if not course.classic:
        return options
    options = replace(options, kernel=own_kernel(released_notebook(course, week), options.kernel))
    classic.instructor(course, week)
    return options


def grade_many(
    course: Course,
    week: Week,
    jobs: Sequence[tuple[str, Path | NotebookNode]],
    options: Options | None = None,
    on_done: Callable[[str, Result], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    kept: Mapping[str, Sequence[QuestionResult]] | None = None,
    as_is: bool = False,
) -> list[Result]:
    """Grade (name, notebook) pairs in worker processes; results in the order of `jobs`.

    kept: by name, results that still stand; see `judge`.

    A job that fails, and a worker that dies, is that submission's "not gradable"; the others go on.
    `on_start` and `on_done` are called in this thread. as_is: see `run_as_is`. Raises CourseError where the course or
    this machine is at fault.
    """
    from grader.pool import run_jobs

    options = options or Options()
    options = ready(course, week, options)
    if not options.cluster:  # else it is the nodes that need them
        must_exist(options.kernel)
        _policy(course, week, options)
    return run_jobs(course, week, jobs, options, on_done, on_start, kept, as_is)


def grade_file(
    notebook: Path, name: str = "", start: Path | None = None, student: str = "student", options: Options | None = None
) -> Result:
    """Grade one file, wherever it lies, in a worker process; `grader.grade` is this for others, and says the rest.

    name: of the week; "" for the one that the file's name speaks of.   start: in the course's tree. Raises CourseError.
    """
    course = Course.find(start)
    if not name and not (name := submission.named_in(notebook.name, list(course.weeks))):
        weeks = ", ".join(course.weeks)
        raise CourseError(f"{notebook.name} does not say which week it is of; name it: one of {weeks}")
    week = course.week(name)
    if len(week.notebooks) > 1:  # an assignment of plain nbgrader
        stem = submission.named_in(notebook.name, week.parts)
        if not stem:
            raise CourseError(f"{notebook.name} is none of the notebooks of {week.slug}: {', '.join(week.parts)}")
        week = replace(week, notebook=stem)
    options = replace(options or Options(kernel=usual_kernel()), workers=1)
    return grade_many(course, week, [(student, notebook.absolute())], options)[0]


# --- what a grade depends on ------------------------------------------------------------------------------------------


def released_notebook(course: Course, week: Week) -> NotebookNode:
    """The week's released notebook. Raises CourseError where there is none. Not to be changed: it is shared."""
    path = course.release(week)
    if not path.is_file():
        how = "nbgrader generate_assignment" if course.classic else "grader release"
        raise CourseError(f"{path} is not there: run `{how} {week.slug}` first")
    return _parse(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=32)
def _parse(text: str) -> NotebookNode:
    return nbformat.reads(text, as_version=4)


def _other_weeks(course: Course, week: Week) -> dict[str, NotebookNode]:
    others = [one for one in course.notebooks if one.name != week.name and course.release(one).is_file()]
    return {
        f"week {one.number}, {one.title}" + (f", {one.file}" if one.parts else ""): released_notebook(course, one)
        for one in others
    }


def kernel_environment(course: Course, week: Week, options: Options, graded: bool = True) -> dict[str, str]:
    """The environment of the kernels of this week. graded: not for the course's own notebooks, which may check."""
    weeks = course.root / "weeks"
    full = options.parameters.get("PROFILE") == "full"
    offline = options.sandboxed or not full  # there is no network in a sandbox to wait for
    env = environment([weeks, weeks / week.slug, course.root / "datasets"], options.threads, offline)
    env |= devices.environment(options.share)
    if week.helper:
        # an answer that is compiled is judged by what it does, not by how long a compiler takes
        env |= {"CROSSMODAL_HELPER": week.helper, "TORCHDYNAMO_DISABLE": "1"}
        env |= {"CROSSMODAL_GRADED": "1"} if graded else {}
    if course.classic:
        env["NBGRADER_EXECUTION"] = "autograde"  # as in stock nbgrader, whose NBGRADER_VALIDATING is not set then
    return env | {"HF_HUB_CACHE": str(_hub_cache())} if full else env


def _hub_cache() -> Path:
    """Where models from the Hub are, by its library's own rules. A token may lie beside them, so no more is shown."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def _policy(course: Course, week: Week, options: Options, graded: bool = True) -> Policy | None:
    """What notebooks of this week can see and use, or None for no sandbox. Raises SandboxError.

    graded: not for the course's own notebooks, whose figures may draw what the checks compare with.
    """
    if not options.sandboxed:
        return None
    if why := unavailable():
        raise SandboxError(f"no sandbox, so nothing is graded: {why}")
    readable = [course.root / "weeks", course.root / "datasets", *_student_packages()]
    if options.parameters.get("PROFILE") == "full":
        readable.append(_hub_cache())
    for path in week.readable:
        if not path.exists():
            raise CourseError(f"{path}, which the course names under readable, is not there")
        readable.append(path)
    hidden = [course.root, course.work, Path(__file__).parent, *(_answers(course) if graded else ())]
    return Policy(tuple(readable), tuple(hidden), week.limits, devices.files(options.share))


def _answers(course: Course) -> list[Path]:
    """Folders of the student's side in which answers are, of all weeks: the visible checks with their references, the
    recipes of the models, and bytecode of modules that are gone."""
    labs = [course.root / "weeks" / week.slug / week.helper for week in course.weeks.values() if week.helper]
    labs += _installed(*(week.helper for week in course.weeks.values() if week.helper))  # perhaps elsewhere
    worlds = [course.root / "datasets" / "tinyworld", *_installed("tinyworld")]
    found = [*(lab / CHECKS for lab in labs), *(world / "train" for world in worlds)]
    for lab in labs:
        modules = {path.stem for path in lab.glob("*.py")}
        if any(path.name.partition(".")[0] not in modules for path in lab.glob("__pycache__/*.pyc")):
            found.append(lab / "__pycache__")
    return [path for path in dict.fromkeys(found) if path.is_dir()]


def _student_packages() -> list[Path]:
    """Where the student's side is installed, which can be another place than this course's tree."""
    return _installed("coursekit", "tinyworld")


def _installed(*packages: str) -> list[Path]:
    """The folders of those packages that this Python finds."""
    return [Path(place) for spec in map(find_spec, packages) if spec for place in spec.submodule_search_locations or ()]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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


def _printable(text: str) -> str:
    return text[:4000].encode("utf-8", "replace").decode()
