"""Worker processes that grade, one submission at a time each, and may die without harm to the others.

A worker is `python -m grader.pool`: it reads a job as one line of JSON and answers with one. So nothing is pickled, a
worker needs nothing of the process that started it, and one that dies is seen as the end of its output.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course import Budget, Course, CourseError, Week
from grader.grading import Options, Result, grade_notebook, not_gradable
from grader.kernel import KernelStartError
from grader.records import Grade

ATTEMPTS = 2
SLACK = 300.0  # seconds a job may take beyond its cells and its checks: starting kernels, imports


class WorkerDied(RuntimeError):
    """The worker's process ended before it answered."""


class Worker:
    """One worker process, started when it is first given a job."""

    def __init__(self, threads: int, scratch: Path) -> None:
        self.threads, self.scratch = threads, scratch
        self.process: subprocess.Popen[str] | None = None

    def do(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Give the worker a job and wait for its answer, at most `seconds`. Raises WorkerDied."""
        if self.process is None:
            threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
            self.process = subprocess.Popen(
                [sys.executable, "-m", "grader.pool"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env={**os.environ, **threads},
                start_new_session=True,  # Ctrl-C is for the one who gives the jobs
            )
        watchdog = threading.Timer(seconds, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        finally:
            watchdog.cancel()
        if not line.endswith("\n"):
            status = self.process.wait()
            self.process = None
            raise WorkerDied(f"exit status {status}")
        return json.loads(line)

    def stop(self) -> None:
        """End the process; it ends its kernel first."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


def run_jobs(
    course: Course,
    week: Week,
    jobs: Sequence[tuple[str, Path | NotebookNode]],
    options: Options,
    on_done: Callable[[str, Result], None] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> list[Result]:
    """Grade all jobs; see `grading.grade_many`."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(jobs)):
        waiting.put(index)
    news: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    scratch = Path(tempfile.mkdtemp(prefix="crossmodal-"))
    workers = [Worker(options.threads, scratch) for _ in range(min(options.workers, len(jobs)))]
    stopping = threading.Event()

    def serve(worker: Worker) -> None:
        while not stopping.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                break
            news.put((index, None))
            try:
                news.put((index, _grade(course, week, *jobs[index], options, worker)))
            except BaseException as error:  # noqa: B036 - it is raised again where the caller waits
                news.put((index, error))

    threads = [threading.Thread(target=serve, args=[worker], daemon=True) for worker in workers]
    results: dict[int, Result] = {}
    try:
        for thread in threads:
            thread.start()
        while len(results) < len(jobs):
            index, what = news.get()
            if what is None:
                if on_start:
                    on_start(jobs[index][0])
            elif isinstance(what, BaseException):
                raise what
            else:
                results[index] = what
                if on_done:
                    on_done(jobs[index][0], what)
    finally:
        stopping.set()
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(5)
        shutil.rmtree(scratch, ignore_errors=True)
    return [results[index] for index in range(len(jobs))]


def _grade(
    course: Course, week: Week, student: str, source: Path | NotebookNode, options: Options, worker: Worker
) -> Result:
    job = {
        "root": str(course.root),
        "work": str(course.work),
        "week": week.slug,
        "student": student,
        "path": str(source) if isinstance(source, Path) else None,
        "notebook": None if isinstance(source, Path) else source,
        "options": asdict(options),
        "scratch": str(worker.scratch),
    }
    budget = options.budget or week.budget
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = worker.do(job, 2 * budget.notebook + SLACK)
        except WorkerDied as error:
            if attempt < ATTEMPTS:
                continue
            reason = (
                f"The grader's own process died twice while grading this ({error}). Most often memory ran out: "
                "grade it again with fewer workers, or look at the notebook."
            )
            return Result(not_gradable(course, week, student, reason, source))
        if "fault" in answer:
            raise CourseError(answer["fault"])
        if "error" in answer:
            reason = f"The grader failed on this submission ({answer['error']}). Please report it to the course."
            return Result(not_gradable(course, week, student, reason, source))
        notebook = answer["notebook"]
        return Result(Grade.from_json(answer["grade"]), nbformat.from_dict(notebook) if notebook else None)
    raise AssertionError("unreachable")


# --- in the worker ----------------------------------------------------------------------------------------------------


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    options = Options(
        **{**job["options"], "budget": Budget(**job["options"]["budget"]) if job["options"]["budget"] else None}
    )
    try:
        course = Course.find(Path(job["root"]), Path(job["work"]))
        source = Path(job["path"]) if job["path"] else nbformat.from_dict(job["notebook"])
        week = course.week(job["week"])
        result = grade_notebook(course, week, source, job["student"], options, scratch=Path(job["scratch"]))
    except KernelStartError as error:  # the name was looked up before: this machine is short of something
        return {"error": str(error)}
    except CourseError as error:
        return {"fault": str(error)}
    except Exception as error:  # a bug of ours must cost one submission, not the class
        import traceback

        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}
    return {"grade": result.grade.to_json(), "notebook": result.notebook}


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Answer jobs until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a rubric prints must not be taken for an answer
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the `with` that ends the kernel
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    for line in os.fdopen(os.dup(0), encoding="utf-8"):
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
