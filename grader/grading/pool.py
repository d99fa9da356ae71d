"""Many submissions: workers take them from one queue, one at a time each, and survive each other's deaths."""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import nbformat
from nbformat import NotebookNode

from grader.course import plain_nbgrader
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.syllabus import Course, CourseError, Week
from grader.execution import gpus, provisioner
from grader.execution.gpus import Slots
from grader.execution.kernel import PATIENCE
from grader.execution.kernelspecs import must_exist, own_kernel, usual_kernel
from grader.execution.sandbox import free_memory, sweep
from grader.execution.scratch import scratch_folder, sweep_folders
from grader.execution.workers import Worker, WorkerDied, memory_for
from grader.grading import gpu_memory
from grader.grading.environment import kernel_environment, libraries_of, sandbox_policy
from grader.grading.jobs import ENTRY
from grader.grading.options import Options
from grader.grading.verdicts import Result, not_gradable
from grader.records.grade import Grade, QuestionResult
from grader.submissions import loading

ATTEMPTS = 2
SERVERS = 3  # that may end under a job before it is put off until nothing else runs
ALONE = 5  # times the usual patience for one that nothing else runs beside
SLACK = 300.0  # seconds a job may take beyond its cells and its checks: starting kernels, imports
ROOM = 3 << 29  # bytes of free memory with which another submission is begun while others run

Job = tuple[str, Path | NotebookNode]  # whose it is, and what is handed in


class AnyWorker(Protocol):
    """A `workers.Worker`, or one in its place that does its jobs on a cluster."""

    scratch: Path
    patience: float

    def do(self, job: dict[str, Any], seconds: float) -> dict[str, Any]: ...
    def end(self) -> None: ...
    def wait(self, user: threading.Thread) -> None: ...


@dataclass(frozen=True)
class _Grading:
    """What all jobs have in common. kept: by student, results that still stand.  slots: of GPUs, where one is used."""

    course: Course
    week: Week
    options: Options
    kept: Mapping[str, Sequence[QuestionResult]]
    as_is: bool
    slots: Slots | None

    @property
    def seconds(self) -> float:
        """That a worker has for one by the clock: to run it, and to judge it each time."""
        budget = self.options.budget or self.week.budget
        return PATIENCE * (1 + self.options.repeat) * budget.notebook + SLACK

    def job(self, student: str, source: Path | NotebookNode, scratch: Path) -> dict[str, Any]:
        """One of them as data that can cross between processes; `jobs.answer` reads it."""
        return {
            "root": str(self.course.root),
            "work": str(self.course.work),
            "week": self.week.name,
            "student": student,
            "path": str(source) if isinstance(source, Path) else None,
            "notebook": None if isinstance(source, Path) else source,
            "options": asdict(self.options),
            "kept": [asdict(result) for result in self.kept.get(student, ())],
            "as_is": self.as_is,
            "scratch": str(scratch),
            "alone": False,
        }


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
    jobs: Sequence[Job],
    options: Options | None = None,
    on_done: Callable[[str, Result], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    kept: Mapping[str, Sequence[QuestionResult]] | None = None,
    as_is: bool = False,
) -> list[Result]:
    """Grade (name, notebook) pairs in worker processes; results in the order of `jobs`.

    kept: by name, results that still stand; see `judge.Judge`.

    A job that fails, and a worker that dies, is that submission's "not gradable"; the others go on.
    `on_start` and `on_done` are called in this thread. as_is: see `pipeline.run_as_is`.
    Raises CourseError where the course or this machine is at fault.
    """
    options = ready(course, week, options or Options())
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


def run_jobs(
    course: Course,
    week: Week,
    jobs: Sequence[Job],
    options: Options,
    on_done: Callable[[str, Result], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    kept: Mapping[str, Sequence[QuestionResult]] | None = None,
    as_is: bool = False,
) -> list[Result]:
    """Grade all jobs; see `grade_many`. as_is: they are the course's own notebooks, see `pipeline.run_as_is`."""
    slots = None if options.cluster else gpu_memory.slots_for(options, week)
    if slots:
        options = replace(options, workers=min(options.workers, slots.total))
    if sweep_folders():  # something of ours was killed
        sweep()
    scratch = scratch_folder()
    workers = [_worker(course, week, options, scratch) for _ in range(min(options.workers, len(jobs)))]
    crew = _Crew(_Grading(course, week, options, kept or {}, as_is, slots), jobs, workers)
    results: dict[int, Result] = {}
    try:
        for event in crew.work():
            name = jobs[event.index][0]
            if isinstance(event.outcome, Result):
                results[event.index] = event.outcome
                if on_done:
                    on_done(name, event.outcome)
            elif on_start:
                on_start(name)
    finally:
        crew.end()
        shutil.rmtree(scratch, ignore_errors=True)
        sweep()
    return [results[index] for index in range(len(jobs))]


def begin(course: Course, week: Week, options: Options) -> None:
    """Start the server that workers are forked from, and do not wait for it: it imports while others still read.

    What goes wrong is said by the first worker, which needs one.
    """

    def start() -> None:
        with contextlib.suppress(CourseError, OSError):
            libraries = libraries_of(options.kernel, course, week)
            provisioner.begin_server(kernel_environment(course, week, options), libraries)

    if not options.cluster and not gpus.chosen(options.parameters):  # how many workers share one is not known yet
        threading.Thread(target=start, daemon=True).start()


@dataclass(frozen=True)
class _Event:
    """Something has happened to the job of this number. outcome: None where it has only begun."""

    index: int
    outcome: Result | BaseException | None = None


class _Crew:
    """Workers, each with a thread that gives it jobs from one queue."""

    def __init__(self, grading: _Grading, jobs: Sequence[Job], workers: Sequence[AnyWorker]) -> None:
        self.grading, self.jobs, self.workers = grading, jobs, workers
        self.threads = [threading.Thread(target=self._serve, args=[worker], daemon=True) for worker in workers]
        self.waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(jobs)):
            self.waiting.put(index)
        self.news: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self.running: set[int] = set()
        self.stopping = threading.Event()

    def work(self) -> Iterator[_Event]:
        """Begin, and yield what happens until every job has a result. Raises CourseError.

        Those for which this machine was too busy are put off until nothing else runs.
        """
        for thread in self.threads:
            thread.start()
        put_off: list[int] = []
        done = 0
        while done + len(put_off) < len(self.jobs):
            event = self.news.get()
            if isinstance(event.outcome, WorkerDied):
                put_off.append(event.index)
            elif isinstance(event.outcome, BaseException):
                raise event.outcome
            else:
                done += event.outcome is not None
                yield event
        for index in put_off:
            yield _Event(index, self._alone(*self.jobs[index]))

    def _serve(self, worker: AnyWorker) -> None:
        """Give a worker jobs while there are any: what a thread of its own does."""
        while not self.stopping.is_set():
            while self.running and not self.grading.options.cluster and free_memory() < ROOM:  # one always runs
                if self.stopping.wait(0.5):
                    return
            try:
                index = self.waiting.get_nowait()
            except queue.Empty:
                return
            self.news.put(_Event(index))
            self.running.add(index)
            outcome: Result | BaseException
            try:
                outcome = _grade(self.grading, *self.jobs[index], worker)
            except BaseException as error:  # noqa: B036 - it is raised again where the caller waits
                outcome = error
            self.running.discard(index)
            self.news.put(_Event(index, outcome))

    def _alone(self, student: str, source: Path | NotebookNode) -> Result:
        """The result of a job for which this machine was too busy, now that nothing else runs. Raises CourseError."""
        worker = self.workers[0]
        worker.patience = ALONE * provisioner.START_SECONDS
        try:
            return _grade(self.grading, student, source, worker, alone=True)
        except WorkerDied as error:
            raise CourseError(
                f"this machine is too busy to grade {student}, also alone ({error}). What was finished is kept: end "
                "other programs, or use --workers 1, and the same command does the rest"
            ) from None

    def end(self) -> None:
        """End the workers and wait until they have."""
        self.stopping.set()
        for worker in self.workers:
            worker.end()
        for worker, thread in zip(self.workers, self.threads, strict=True):
            worker.wait(thread)


def _worker(course: Course, week: Week, options: Options, scratch: Path) -> AnyWorker:
    if options.cluster:
        from grader.grading.cluster import RemoteWorker

        return RemoteWorker(course, week, options, scratch)
    libraries = libraries_of(options.kernel, course, week)
    env, memory = kernel_environment(course, week, options), memory_for(week.limits)
    return Worker(ENTRY, env, libraries, options.threads, scratch, memory)


def _grade(
    grading: _Grading, student: str, source: Path | NotebookNode, worker: AnyWorker, alone: bool = False
) -> Result:
    """alone: nothing else is running. Raises WorkerDied where this machine was too busy, CourseError."""
    job = grading.job(student, source, worker.scratch)
    deaths: list[WorkerDied] = []
    fallen = 0  # servers, whose end is no job's doing
    while len(deaths) < ATTEMPTS:
        try:
            answer = _on_a_gpu(worker, job, grading.seconds, grading.slots)
            if answer.get("crowded"):  # who took the memory of the GPU that it shared? alone on one, only it can have
                answer = _on_a_gpu(worker, job | {"alone": True}, grading.seconds, grading.slots)
        except WorkerDied as error:
            if error.slow:
                raise
            if not error.server:
                deaths.append(error)
                continue
            fallen += 1
            if fallen == SERVERS and alone:
                return Result(not_gradable(grading.course, grading.week, student, _failure(str(error), True), source))
            if fallen == SERVERS:
                raise WorkerDied(str(error), slow=True) from None
            continue
        if "fault" in answer:
            raise CourseError(answer["fault"])
        if "error" not in answer:
            return _result(answer)
        why, busy = answer["error"], answer.get("busy", False)
        if busy and not alone:
            raise WorkerDied(why, slow=True)
        return Result(not_gradable(grading.course, grading.week, student, _failure(why, busy), source))
    return Result(not_gradable(grading.course, grading.week, student, _obituary(deaths), source))


def _result(answer: Mapping[str, Any]) -> Result:
    """What a worker made of a submission."""
    executed = nbformat.from_dict(answer["notebook"]) if answer["notebook"] else None
    return Result(Grade.from_json(answer["grade"]), executed, again=[Grade.from_json(one) for one in answer["again"]])


def _failure(error: str, busy: bool) -> str:
    """What to say of a submission on which the grader failed. busy: because this machine was, also with it alone."""
    if busy:
        return (
            f"This could not be run here, also alone ({error}). That is no fault of the notebook's: it is tried again "
            "the next time this is graded."
        )
    return f"The grader failed on this submission ({error}). Please report it to the course."


def _obituary(deaths: Sequence[WorkerDied]) -> str:
    """What to say of a submission whose worker died each time."""
    how = "; then ".join(dict.fromkeys(map(str, deaths)))
    if any(death.memory for death in deaths):
        what = "Grade it again with fewer workers (--workers 1), or look at what the notebook returns to its checks."
    else:
        what = "Grade it again; if that does not help, please report it with the notebook."
    return f"The grader's own process died twice while grading this ({how}). {what}"


def _on_a_gpu(worker: AnyWorker, job: dict[str, Any], seconds: float, slots: Slots | None) -> dict[str, Any]:
    """The worker's answer to a job, which has a slot of a GPU meanwhile where slots are given out here."""
    if slots is None:
        return worker.do(job, seconds)
    with slots.taken(job["alone"]) as share:
        return worker.do(job | {"options": job["options"] | {"share": asdict(share)}}, seconds)
