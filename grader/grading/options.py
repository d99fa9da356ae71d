"""What a grading can be asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from grader.course.syllabus import Budget
from grader.execution.gpus import Share


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
    With "cuda" or "cuda:1" as the parameter DEVICE: slots, submissions on a GPU at a time, 0 for as many as its memory
    allows; gpu_memory, bytes of it for one, 0 for the week's limit; share, of a GPU, which the pool sets for each.
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
