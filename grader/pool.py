"""Worker processes that take submissions from one queue, one at a time each, and survive each other's deaths.

Workers are forks of the same warm server as the kernels (see `forkserver`), so they too start with the libraries
imported, but on the judge's side: they hold the rubric, and the kernel their submission runs in. One line of JSON is a
job, one line is its answer, over a socket; nothing is pickled, and a worker that dies is seen as the end of answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode

from grader import devices, imports, provisioner
from grader.course import Budget, Course, CourseError, Week
from grader.devices import Share, Slots
from grader.forkserver import LIBRARIES
from grader.grading import Options, Result, grade_notebook, kernel_environment, not_gradable, run_as_is
from grader.kernel import WARM, KernelStartError, must_exist
from grader.provisioner import ForkServerClient, ForkServerDied
from grader.records import Grade, QuestionResult, question_from
from grader.sandbox import SandboxError, free_memory, sweep

ATTEMPTS = 2
ALONE = 5  # times the usual patience for one that nothing else runs beside
SLACK = 300.0  # seconds a job may take beyond its cells and its checks: starting kernels, imports
ROOM = 3 << 29  # bytes of free memory with which another submission is begun while others run
SCRATCH = "xm-"  # folders of this name and a pid in /tmp are ours


class WorkerDied(RuntimeError):
    """The worker's process ended before it answered. The text says how.

    slow: because this machine was too busy to start or keep it, which is not its job's fault.
    memory: because the system ended it to free memory.
    """

    def __init__(self, how: str, slow: bool = False, memory: bool = False) -> None:
        super().__init__(how)
        self.slow, self.memory = slow, memory


class Worker:
    """One worker process, forked when it is first given a job."""

    def __init__(self, env: dict[str, str], libraries: Sequence[str], threads: int, scratch: Path) -> None:
        self.env, self.libraries, self.threads, self.scratch = env, libraries, threads, scratch
        self.pid = 0
        self.server: ForkServerClient | None = None
        self.socket: socket.socket | None = None
        self.stream: Any = None
        self.ending = False
        self.patience = float(provisioner.START_SECONDS)  # for the server it is forked from

    def do(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Give the worker a job and wait for its answer, at most `seconds`. Raises WorkerDied."""
        if self.ending:  # the end of a worker is not to be answered by another one
            raise WorkerDied("grading was stopped")
        kills, overdue = memory_kills(), threading.Event()
        try:
            if self.socket is None:
                self._start()
            watchdog = threading.Timer(seconds, lambda: [overdue.set(), self.signal(signal.SIGKILL)])
            watchdog.daemon = True
            watchdog.start()
            try:
                self.stream.write(json.dumps(job) + "\n")
                self.stream.flush()
                line = self.stream.readline()
            finally:
                watchdog.cancel()
        except ForkServerDied as error:
            self._drop()
            raise WorkerDied(str(error), slow=error.slow) from None
        except (OSError, ValueError):
            line = ""
        if not line.endswith("\n"):
            died = WorkerDied(f"it was ended after {seconds:g} s") if overdue.is_set() else self._how_it_ended(kills)
            self._drop()
            raise died
        return json.loads(line)

    def _how_it_ended(self, kills: int) -> WorkerDied:
        """What can be known of a process that is gone. kills: `memory_kills` before it went."""
        code, what = None, "it"
        for _ in range(100):  # its socket closes before its exit status is there
            if self.server is None:
                break
            if self.server.slow:
                return WorkerDied("the fork server did not answer in time", slow=True)
            if self.server.process is not None and (code := self.server.process.poll()) is not None:
                what = "the fork server"
                break
            with contextlib.suppress(ForkServerDied, RuntimeError, OSError):
                code = self.server.ask("poll", pid=self.pid)["exit"]
            if code is not None:
                break
            time.sleep(0.02)
        if code == -signal.SIGKILL and memory_kills() > kills:
            return WorkerDied(f"memory ran out on this machine, and the system ended {what}", memory=True)
        if code is not None and code < 0:
            return WorkerDied(f"{what} was ended by {signal.Signals(-code).name}")
        return WorkerDied(f"{what} ended without an answer" + ("" if code is None else f", with exit status {code}"))

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.server = provisioner.server_for(self.env, self.libraries, self.patience)
                self.pid = self.server.ask("worker", [theirs.fileno()], threads=self.threads)["pid"]
        except BaseException:
            ours.close()
            raise
        self.socket, self.stream = ours, ours.makefile("rw", encoding="utf-8", newline="\n")
        # so that its kernels come from the same server; its own environment is none of the server's business
        kernels = {"env": self.env, "libraries": list(self.libraries)}
        own = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # the judge takes no room on a GPU
        self.stream.write(json.dumps({"environment": own, "kernels": kernels}) + "\n")

    def signal(self, signum: int) -> None:
        """Send the process a signal, if it is still there."""
        with contextlib.suppress(ForkServerDied, RuntimeError, OSError):
            if self.server is not None and self.server.alive:  # not another, started for this alone
                self.server.ask("signal", pid=self.pid, signum=int(signum))

    def end(self) -> None:
        """Ask the process to end; it ends its kernel first. It gets no other job."""
        self.ending = True
        self.signal(signal.SIGTERM)

    def wait(self, user: threading.Thread) -> None:
        """Wait until the process that was asked to end has done so, and end it where it does not.

        user: the thread that gives the worker its jobs. It alone reads the socket as long as it runs.
        """
        if user.ident is not None:  # it was started
            user.join(10)
        if not user.is_alive() and self.socket is not None:  # it had nothing to do
            self.socket.settimeout(10)
            with contextlib.suppress(OSError, ValueError):
                while self.socket.recv(1 << 16):
                    pass
        self.signal(signal.SIGKILL)
        if user.ident is not None:
            user.join(5)
        if not user.is_alive():
            self._drop()

    def _drop(self) -> None:
        connection, self.socket = self.socket, None
        if connection is not None:
            with contextlib.suppress(OSError, ValueError):
                self.stream.close()
            connection.close()


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
    slots = None if options.cluster else devices.slots_for(options, week)
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
        from grader.cluster import RemoteWorker

        return RemoteWorker(course, week, options, scratch)
    libraries = libraries_of(options.kernel, course, week)
    return Worker(kernel_environment(course, week, options), libraries, options.threads, scratch)


def scratch_folder() -> Path:
    """A folder for what kernels need outside their sandboxes. Those of graders that were killed are removed.

    Directly in /tmp, because the path of a unix socket must be short.
    """
    base = Path("/tmp")
    for old in base.glob(f"{SCRATCH}[0-9]*-*"):
        pid = old.name.removeprefix(SCRATCH).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
            sweep()
    return Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-", dir=base))


def libraries_of(kernel: str, course: Course, week: Week) -> list[str]:
    """What the server of this kernelspec imports: what it lists, else what the weeks of ours or the notebooks of a
    plain course need; nothing, where the kernelspec is not one of ours. Raises KernelStartError."""
    must_exist(kernel)
    chosen = KernelSpecManager().get_kernel_spec(kernel).metadata.get("kernel_provisioner", {})
    if chosen.get("provisioner_name") != WARM:
        return []
    listed = chosen.get("config", {}).get("libraries")
    if listed is None:
        return imports.libraries(course, week) if course.classic else list(LIBRARIES)
    return list(listed)


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


def memory_kills() -> int:
    """How often the system has ended a process here to free memory; it only ever grows. 0 where that is not told."""
    total = 0
    for path in ("/proc/vmstat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            told = dict(line.split() for line in Path(path).read_text(encoding="ascii").splitlines())
            total += int(told.get("oom_kill", 0))
    return total


def _on_a_gpu(worker: Any, job: dict[str, Any], seconds: float, slots: Slots | None) -> dict[str, Any]:
    """The worker's answer to a job, which has a slot of a GPU meanwhile where slots are given out here."""
    if slots is None:
        return worker.do(job, seconds)
    with slots.taken(job["alone"]) as share:
        return worker.do(job | {"options": job["options"] | {"share": asdict(share)}}, seconds)


# --- in the worker ----------------------------------------------------------------------------------------------------


def work(jobs: socket.socket, link: socket.socket) -> None:
    """Answer jobs until they end. link: to the server that this process was forked from, for kernels."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the `with` that ends the kernel
    with jobs.makefile("rw", encoding="utf-8", newline="\n") as stream:
        first = json.loads(stream.readline())
        os.environ.clear()
        os.environ.update(first["environment"])
        provisioner.share(link, **first["kernels"])
        for line in stream:
            stream.write(json.dumps(answer(json.loads(line))) + "\n")
            stream.flush()


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a job, as data that can cross between processes: a grade, or whose fault it is."""
    options = options_from(job["options"])
    try:
        course = Course.find(Path(job["root"]), Path(job["work"]))
        source = Path(job["path"]) if job["path"] else nbformat.from_dict(job["notebook"])
        week = next((one for one in course.notebooks if one.name == job["week"]), None) or course.week(job["week"])
        scratch = Path(job["scratch"])
        if job["as_is"]:
            result = run_as_is(course, week, source, options, scratch=scratch)
        else:
            kept = [question_from(raw) for raw in job["kept"]]
            result = grade_notebook(course, week, source, job["student"], options, kept=kept, scratch=scratch)
        return {
            "grade": result.grade.to_json(),
            "notebook": result.notebook,
            "crowded": result.crowded,
            "again": [grade.to_json() for grade in result.again],
        }
    except SandboxError as error:  # no submission's fault
        return {"fault": str(error)}
    except KernelStartError as error:  # the name was looked up before: this machine is short of something
        short = devices.ran_out([str(error)])
        return {
            "error": str(error),
            "busy": not short,
            "crowded": short and options.share is not None and not options.share.alone,
        }
    except CourseError as error:
        return {"fault": str(error)}
    except Exception as error:  # a bug of ours must cost one submission, not the class
        import traceback

        with contextlib.suppress(OSError, ValueError):  # nobody may be there to read it
            traceback.print_exc()
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def options_from(data: dict[str, Any]) -> Options:
    """Options that crossed between processes as data."""
    budget, share = data["budget"], data["share"]
    both = {"budget": Budget(**budget) if budget else None, "share": Share(**share) if share else None}
    return Options(**data | both)
