"""What a worker process does: it answers jobs, one line of JSON each, until they end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import nbformat

from grader.course.discovery import find_course
from grader.course.syllabus import Budget, CourseError
from grader.execution import provisioner
from grader.execution.gpus import Share
from grader.execution.kernelspecs import KernelStartError
from grader.execution.sandbox import SandboxError
from grader.grading import gpu_memory
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook, run_as_is
from grader.records.grade import question_from

ENTRY = "grader.grading.jobs:work"  # by this name the fork server finds it, see `workers.Worker`


def work(jobs: socket.socket, link: socket.socket) -> None:
    """Answer jobs until they end. link: to the server that this process was forked from, for kernels."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the `with` that ends the kernel
    with jobs.makefile("rw", encoding="utf-8", newline="\n") as stream:
        first = json.loads(stream.readline())
        os.environ.clear()
        os.environ.update(first["environment"])
        provisioner.use_server(link, **first["kernels"])
        for line in stream:
            stream.write(json.dumps(answer(json.loads(line))) + "\n")
            stream.flush()


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a job, as data that can cross between processes: a grade, or whose fault it is."""
    options = options_from(job["options"])
    try:
        course = find_course(Path(job["root"]), Path(job["work"]))
        source = Path(job["path"]) if job["path"] else nbformat.from_dict(job["notebook"])
        week = next((one for one in course.notebooks if one.name == job["week"]), None) or course.week(job["week"])
        scratch = Path(job["scratch"])
        if job["as_is"]:
            result = run_as_is(course, week, nbformat.from_dict(job["notebook"]), options, scratch=scratch)
        else:
            kept = [question_from(raw) for raw in job["kept"]]
            result = grade_notebook(course, week, source, job["student"], options, kept=kept, scratch=scratch)
        if result.busy:
            return {"error": result.busy, "busy": True}
        return {
            "grade": result.grade.to_json(),
            "notebook": result.notebook,
            "crowded": result.crowded,
            "again": [grade.to_json() for grade in result.again],
        }
    except SandboxError as error:  # no submission's fault
        return {"fault": str(error)}
    except KernelStartError as error:  # the name was looked up before: this machine is short of something
        short = gpu_memory.ran_out([str(error)])
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
