"""Many submissions: workers take them from one queue, one at a time each, and survive each other's deaths."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course import plain_nbgrader
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.syllabus import Course, CourseError, Week
from grader.execution import provisioner
from grader.execution.gpus import Slots
from grader.execution.kernelspecs import must_exist, own_kernel, usual_kernel
from grader.execution.sandbox import free_memory, sweep
from grader.execution.workers import Worker, WorkerDied, scratch_folder
from grader.grading import gpu_memory
from grader.grading.environment import kernel_environment, libraries_of, sandbox_policy
from grader.grading.jobs import ENTRY
from grader.grading.options import Options
from grader.grading.verdicts import Result, not_gradable
from grader.records.grade import Grade, QuestionResult
from grader.submissions import loading


def ready(course: Course, week: Week, options: Options) -> Options:
    """The options with the kernel that a notebook of plain nbgrader runs in, once its tests are made.

    Raises CourseError for what would cost everybody points: no such kernel, no tests.
    """
    if not course.classic:
        return options
    options = replace(options, kernel=own_kernel(released_notebook(course, week), options.kernel))
    plain_nbgrader.instructor(course, week)
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

    options = options or Options()
    options = ready(course, week, options)
    if not options.cluster:  # else it is the nodes that need them
        must_exist(options.kernel)
        sandbox_policy(course, week, options)
    return run_jobs(course, week, jobs, options, on_done, on_start, kept, as_is)


def grade_file(
    notebook: Path, name: str = "", start: Path | None = None, student: str = "student", options: Options | None = None
) -> Result:
    """Grade one file, wherever it lies, in a worker process; `grader.grade` is this for others, and says the rest.

    name: of the week; "" for the one that the file's name speaks of.   start: in the course's tree. Raises CourseError.
    """
    course = find_course(start)
    if not name and not (name := loading.named_in(notebook.name, list(course.weeks))):
        weeks = ", ".join(course.weeks)
        raise CourseError(f"{notebook.name} does not say which week it is of; name it: one of {weeks}")
    week = course.week(name)
    if len(week.notebooks) > 1:  # an assignment of plain nbgrader
        stem = loading.named_in(notebook.name, week.parts)
        if not stem:
            raise CourseError(f"{notebook.name} is none of the notebooks of {week.slug}: {', '.join(week.parts)}")
        week = replace(week, notebook=stem)
    options = replace(options or Options(kernel=usual_kernel()), workers=1)
    return grade_many(course, week, [(student, notebook.absolute())], options)[0]


ATTEMPTS = 2
ALONE = 5  # times the usual patience for one that nothing else runs beside
SLACK = 300.0  # seconds a job may take beyond its cells and its checks: starting kernels, imports
ROOM = 3 << 29  # bytes of free memory with which another submission is begun while others run


def run_jobs(
    course: Course,
    week: Week,
    jobs: Sequence[tuple[str, Path | NotebookNode]],
    options: Options,
    on_done: Callable[[str, Result], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    kept: Mapping[str, Sequence[QuestionResult]] | None = None,
    as_is: bool = False,
) -> list[Result]:
    """Grade all jobs; see `grading.grade_many`. as_is: they are the course's own notebooks, see `grading.run_as_is`."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(jobs)):
        waiting.put(index)
    news: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    slots = None if options.cluster else gpu_memory.slots_for(options, week)
    if slots:
        options = replace(options, workers=min(options.workers, slots.total))
    scratch = scratch_folder()
    workers = [_worker(course, week, options, scratch) for _ in range(min(options.workers, len(jobs)))]
    stopping = threading.Event()
    running: set[int] = set()
    put_off: list[int] = []  # for when nothing else is running

    def serve(worker: Worker) -> None:
        while not stopping.is_set():
            while running and not options.cluster and free_memory() < ROOM:  # one always runs
                if stopping.wait(0.5):
                    return
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                break
            news.put((index, None))
            student, source = jobs[index]
            running.add(index)
            try:
                stands = (kept or {}).get(student, ())
                what: Any = _grade(course, week, student, source, options, worker, stands, as_is, slots)
            except BaseException as error:  # noqa: B036 - it is raised again where the caller waits
                what = error
            running.discard(index)
            news.put((index, what))

    threads = [threading.Thread(target=serve, args=[worker], daemon=True) for worker in workers]
    results: dict[int, Result] = {}
    try:
        for thread in threads:
            thread.start()
        while len(results) < len(jobs):
            if put_off and len(results) + len(put_off) == len(jobs):
                index, what = (
                    put_off[0],
                    _alone(course, week, jobs[put_off[0]], options, workers[0], kept, as_is, slots),
                )
                del put_off[0]
            else:
                index, what = news.get()
            if what is None:
                if on_start:
                    on_start(jobs[index][0])
            elif isinstance(what, WorkerDied):
                put_off.append(index)
            elif isinstance(what, BaseException):
                raise what
            else:
                results[index] = what
                if on_done:
                    on_done(jobs[index][0], what)
    finally:
        stopping.set()
        for worker in workers:
            worker.end()
        for worker, thread in zip(workers, threads, strict=True):
            worker.wait(thread)
        shutil.rmtree(scratch, ignore_errors=True)
        sweep()
    return [results[index] for index in range(len(jobs))]


def _alone(
    course: Course,
    week: Week,
    job: tuple[str, Path | NotebookNode],
    options: Options,
    worker: Any,
    kept: Mapping[str, Sequence[QuestionResult]] | None,
    as_is: bool,
    slots: Slots | None,
) -> Result:
    """The result of a job for which this machine was too busy, now that nothing else runs. Raises CourseError."""
    student, source = job
    worker.patience = ALONE * provisioner.START_SECONDS
    try:
        return _grade(course, week, student, source, options, worker, (kept or {}).get(student, ()), as_is, slots, True)
    except WorkerDied as error:
        raise CourseError(
            f"this machine is too busy to grade {student}, also alone ({error}). What was finished is kept: end other "
            "programs, or use --workers 1, and the same command does the rest"
        ) from None


def _worker(course: Course, week: Week, options: Options, scratch: Path) -> Any:
    if options.cluster:
        from grader.grading.cluster import RemoteWorker

        return RemoteWorker(course, week, options, scratch)
    libraries = libraries_of(options.kernel, course, week)
    return Worker(ENTRY, kernel_environment(course, week, options), libraries, options.threads, scratch)


def _grade(
    course: Course,
    week: Week,
    student: str,
    source: Path | NotebookNode,
    options: Options,
    worker: Any,
    kept: Sequence[QuestionResult],
    as_is: bool,
    slots: Slots | None,
    alone: bool = False,
) -> Result:
    """alone: nothing else is running. Raises WorkerDied where this machine was too busy, CourseError."""
    job = {
        "root": str(course.root),
        "work": str(course.work),
        "week": week.name,
        "student": student,
        "path": str(source) if isinstance(source, Path) else None,
        "notebook": None if isinstance(source, Path) else source,
        "options": asdict(options),
        "kept": [asdict(result) for result in kept],
        "as_is": as_is,
        "scratch": str(worker.scratch),
        "alone": False,
    }
    budget = options.budget or week.budget
    seconds = (1 + options.repeat) * budget.notebook + SLACK  # to run, and to judge each time
    deaths: list[WorkerDied] = []
    while True:
        try:
            said = _on_a_gpu(worker, job, seconds, slots)
            if said.get("crowded"):  # who took the memory of the GPU that it shared? alone on one, only it can have
                said = _on_a_gpu(worker, job | {"alone": True}, seconds, slots)
        except WorkerDied as error:
            if error.slow:
                raise
            deaths.append(error)
            if len(deaths) < ATTEMPTS:
                continue
            return Result(not_gradable(course, week, student, _obituary(deaths), source))
        if "fault" in said:
            raise CourseError(said["fault"])
        if said.get("busy") and not alone:
            raise WorkerDied(said["error"], slow=True)
        if "error" in said:
            reason = f"The grader failed on this submission ({said['error']}). Please report it to the course."
            if said.get("busy"):
                reason = (
                    f"This could not be run here, also alone ({said['error']}). That is no fault of the notebook's: "
                    "it is tried again the next time this is graded."
                )
            return Result(not_gradable(course, week, student, reason, source))
        notebook = said["notebook"]
        executed = nbformat.from_dict(notebook) if notebook else None
        return Result(Grade.from_json(said["grade"]), executed, again=[Grade.from_json(one) for one in said["again"]])


def _obituary(deaths: Sequence[WorkerDied]) -> str:
    """What to say of a submission whose worker died each time."""
    how = "; then ".join(dict.fromkeys(map(str, deaths)))
    if any(death.memory for death in deaths):
        what = "Grade it again with fewer workers (--workers 1), or look at what the notebook returns to its checks."
    else:
        what = "Grade it again; if that does not help, please report it with the notebook."
    return f"The grader's own process died twice while grading this ({how}). {what}"


def _on_a_gpu(worker: Any, job: dict[str, Any], seconds: float, slots: Slots | None) -> dict[str, Any]:
    """The worker's answer to a job, which has a slot of a GPU meanwhile where slots are given out here."""
    if slots is None:
        return worker.do(job, seconds)
    with slots.taken(job["alone"]) as share:
        return worker.do(job | {"options": job["options"] | {"share": asdict(share)}}, seconds)
