"""The same grading on a Ray cluster: each submission is a task, on whichever node has room for it.

Every node has the course's tree at the same path, with its environment (a shared file system, or one image), and a
bubblewrap of its own. What crosses is a submission one way and its Grade the other; records are written here, once,
as the Grades arrive. A task whose node dies is run again on another one, by Ray.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.course.discovery import find_course
from grader.course.files import file_hash
from grader.course.syllabus import Course, CourseError, Week
from grader.execution.gpus import chosen
from grader.execution.kernelspecs import KernelStartError
from grader.execution.scratch import scratch_folder, sweep_folders
from grader.execution.workers import Worker, WorkerDied, memory_for
from grader.grading import fingerprints, gpu_memory, rubric
from grader.grading.environment import kernel_environment, libraries_of
from grader.grading.jobs import ENTRY, answer, options_from
from grader.grading.options import Options, cores
from grader.submissions.loading import NotGradable, read

LOCAL = "local"  # in place of an address: a cluster of this machine alone
RETRIES = 3  # times a task is run again because its node or its process died


def connect(address: str) -> int:
    """Join the cluster at an address, once; the CPUs that it has. Raises CourseError."""
    try:
        import ray
    except ModuleNotFoundError:
        raise CourseError('--cluster needs Ray: pip install "crossmodal[cluster]"') from None
    if not ray.is_initialized():
        settings: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
        where = {"num_cpus": cores()} if address == LOCAL else {"address": address}
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's wish; said here, it is not printed
        try:
            ray.init(**where, **settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            start = "`ray start --head` starts one, `ray start --address=HEAD:6379` adds a node"
            raise CourseError(f"no cluster at {address} ({str(error).splitlines()[0][:200]}); {start}") from None
    return int(ray.cluster_resources().get("CPU", 1))


class RemoteWorker:
    """In place of a `workers.Worker`: does its jobs as tasks of the cluster, one at a time."""

    def __init__(self, course: Course, week: Week, options: Options, scratch: Path) -> None:
        import ray

        connect(options.cluster)
        if course.classic:
            raise CourseError("--cluster grades weeks with checks; this is a course of plain nbgrader")
        self.ray, self.scratch = ray, scratch
        self.patience = 0.0  # Ray's own is used
        self.ending = False
        self.task: Any = None  # the one that is running
        self.expected = _version(course, week)
        device = chosen(options.parameters)
        if device not in ("", "cuda"):
            raise CourseError(f"--device {device} numbers the GPUs of one machine: with --cluster it is cpu or cuda")
        if device and not ray.cluster_resources().get("GPU"):  # else its tasks would wait for ever
            raise CourseError(
                "no node of the cluster has a GPU: `ray status` lists what they have; --device cpu needs none"
            )
        self.gpus = 1 / (options.slots or 1) if device else 0  # a task's part of one
        self.remote = ray.remote(num_cpus=options.threads, max_retries=RETRIES)(grade_here)

    def do(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """See `workers.Worker.do`."""
        if self.ending:
            raise WorkerDied("grading was stopped")
        content = None
        if job["path"]:
            try:
                content = read(Path(job["path"]))
            except NotGradable:  # a folder, a link, nothing there: a verdict that needs no kernel
                return answer(job)
        try:
            gpus = 1 if job["alone"] and self.gpus else self.gpus
            self.task = self.remote.options(num_gpus=gpus).remote(job, content, self.expected, seconds)
            answered: dict[str, Any] = self.ray.get(self.task)
            return answered
        except self.ray.exceptions.RayTaskError as error:  # ours, raised over there
            died = error.cause if isinstance(error.cause, WorkerDied) else WorkerDied(str(error.cause))
            raise died from None
        except self.ray.exceptions.RayError as error:
            raise WorkerDied(f"{type(error).__name__} on the cluster") from None

    def end(self) -> None:
        """Cancel the task that is running. It gets no other job."""
        self.ending = True
        if self.task is not None:
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.ray.cancel(self.task, force=True)

    def wait(self, user: threading.Thread) -> None:
        """Wait for the thread that gives the jobs."""
        if user.ident is not None:
            user.join(15)


# --- on a node --------------------------------------------------------------------------------------------------------

_workers: dict[tuple[Any, ...], Worker] = {}  # of this process, which Ray keeps for the next tasks


def _version(course: Course, week: Week) -> str:
    """Of all that can move a score: nodes that differ in it would grade differently."""
    what = [
        fingerprints.code_hash(course.root, week),
        file_hash(course.release(week)),
        *rubric.check_sources(course.root, week).values(),
    ]
    return hashlib.sha256(repr([*what, fingerprints.versions()]).encode()).hexdigest()


def grade_here(job: dict[str, Any], content: bytes | None, expected: str, seconds: float) -> dict[str, Any]:
    """One job, in a worker of this node. content: of the submitted file, which lies elsewhere. Raises WorkerDied."""
    root, node = Path(job["root"]), os.uname().nodename
    try:
        course = find_course(root, root)
        week = course.week(job["week"])
        if _version(course, week) != expected:
            raise CourseError(f"{root} holds another version of the course, of the grader or of their packages")
        options = options_from(job["options"])
        env, libraries = kernel_environment(course, week, options), libraries_of(options.kernel, course, week)
        share = gpu_memory.share_here(options, week, job["alone"]) if chosen(options.parameters) else None
        job = {**job, "options": {**job["options"], "share": share and asdict(share)}}
    except (CourseError, KernelStartError) as error:
        return {"fault": f"on node {node}: {error}"}
    key = (*libraries, *sorted(env.items()))
    if key not in _workers:
        sweep_folders()
        scratch = scratch_folder()
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        _workers[key] = Worker(ENTRY, env, libraries, options.threads, scratch, memory_for(week.limits))
    worker = _workers[key]
    with tempfile.TemporaryDirectory(prefix="crossmodal-") as folder:
        job = {**job, "work": folder, "scratch": str(worker.scratch)}
        if content is not None:
            path = Path(folder) / Path(job["path"]).name
            path.write_bytes(content)
            job["path"] = str(path)
        return worker.do(job, seconds)
