"""The options that decide how submissions run, and what they come to as `grading.options.Options`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from grader.cli.base import errors
from grader.course.syllabus import GB, Budget, CourseError, Week
from grader.execution.gpus import chosen

Workers = Annotated[
    int | None, typer.Option(min=1, help="Submissions at a time.", show_default="the cores, here or of the cluster")
]

Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a value of the parameters cell; repeatable."),
]

Kernel = Annotated[
    str | None,
    typer.Option(help="The Jupyter kernel to run in.", show_default="crossmodal-warm where installed, else python3"),
]

CellSeconds = Annotated[
    float | None, typer.Option(min=1, help="Seconds one cell may take.", show_default="course.toml's")
]

Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        help="cpu; cuda, for all NVIDIA GPUs here; cuda:1, for that one alone; auto, for cuda where there is a GPU.",
        show_default="no GPU",
    ),
]

Profile = Annotated[
    Literal["", "tiny", "full"],
    typer.Option(
        metavar="PROFILE", help="tiny, the models the course ships; full, those of the Hub.", show_default="tiny"
    ),
]

GpuSlots = Annotated[
    int | None,
    typer.Option("--slots", min=1, help="Submissions on one GPU at a time.", show_default="as its memory allows"),
]

GpuMemory = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory",
        min=0.1,
        metavar="GB",
        help="GPU memory for one, in GB (2^30 bytes).",
        show_default="course.toml's",
    ),
]

Unsandboxed = Annotated[
    bool, typer.Option("--unsandboxed", help="Run submissions as yourself. Only for files you trust.")
]

Cluster = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Grade on this Ray cluster; `local` for one of this machine alone."),
]


def parameters(assignments: list[str] | None) -> dict[str, Any]:
    """["SEED=3", "PROFILE=full"] as {"SEED": 3, "PROFILE": "full"}: numbers, true and false; the rest is text."""
    import yaml

    found = {}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise CourseError(f"--parameter {assignment!r} is not of the form NAME=VALUE")
        try:
            found[name] = yaml.safe_load(value) if value else ""
        except yaml.YAMLError:
            found[name] = value
        if not isinstance(found[name], str | int | float | bool):
            found[name] = value
    return found


def options(  # each parameter is an option of the command
    week: Week,
    workers: int | None,
    assignments: list[str] | None = None,
    kernel: str | None = None,
    cell_seconds: float | None = None,
    unsandboxed: bool = False,
    cluster: str = "",
    device: str = "",
    profile: str = "",
    slots: int | None = None,
    gpu_memory: float | None = None,
) -> Any:
    """The command line's settings as grading's. Without a sandbox, says so."""
    from grader.execution.kernelspecs import usual_kernel
    from grader.grading.options import Options

    usual = week.budget
    budget = Budget(cell_seconds, max(usual.notebook, cell_seconds), usual.check) if cell_seconds else None
    values = parameters(assignments)
    for name, value in (("PROFILE", profile), ("DEVICE", _device(device, cluster))):
        if value and values.setdefault(name, value) != value:
            raise CourseError(f"--{name.lower()} {value} and --parameter {name}={values[name]} differ; give one")
    given: dict[str, Any] = {"cluster": cluster, "slots": slots or 0, "gpu_memory": int((gpu_memory or 0) * GB)}
    if not chosen(values) and (slots or gpu_memory):
        raise CourseError("--slots and --gpu-memory are for --device cuda")
    if cluster and not workers:
        from grader.grading.cluster import connect

        workers = connect(cluster)
    if workers:
        given["workers"] = workers
    if unsandboxed:
        given["sandboxed"] = False
    settings = Options(parameters=values, kernel=kernel or usual_kernel(), budget=budget, **given)
    if not settings.sandboxed:
        errors().print(
            Text("NO SANDBOX: ", "bold red")
            + Text(
                "submissions run as you. They can read and change all that you can, solutions, gradebook and other "
                "students' work included. Every record will say so."
            )
        )
    return settings


def _device(name: str, cluster: str) -> str:
    """What `--device` names, as the parameter DEVICE. Raises CourseError."""
    from grader.execution.gpus import best

    if not re.fullmatch(r"|cpu|auto|cuda(:\d+)?", name):
        raise CourseError(f"--device {name!r} is none of cpu, cuda, cuda:NUMBER, auto")
    if name == "auto" and cluster:
        raise CourseError("--device auto is for this machine: with --cluster it is cpu or cuda")
    return best() if name == "auto" else name
