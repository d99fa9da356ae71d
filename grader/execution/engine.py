"""A papermill engine for work that nobody has checked: `papermill.execute_notebook(..., engine_name="crossmodal")`.

Every cell runs, even after one that failed. A cell over its budget is interrupted; one that kills the kernel, or has to
be killed with it, is left out in a second run, so that it hides nothing else. What really ran is kept in a `Journal`,
and whoever wants to ask the living kernel something, at a cell that is skipped or at the end, passes a function.

papermill imports this module, by its entry point, while papermill itself is being imported; so papermill's base class
is fetched only when the engine is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode

from grader.course.syllabus import Budget
from grader.execution.gpus import Share
from grader.execution.kernel import File, Kernel, Ran, environment
from grader.execution.sandbox import Policy

NAME = "crossmodal"
RESTARTS = 2  # kernels the cells of one notebook may cost beyond its first; a question may cost one besides


@dataclass(frozen=True)
class CellRan:
    """Evidence of one code cell. "not run": time was up, the kernel gone, or the cell is not for running."""

    index: int
    status: Literal["ok", "error", "timeout", "dead", "not run"]
    seconds: float = 0.0


@dataclass
class Journal:
    """What happened while a notebook ran.

    seconds: start, cells, judge (the functions called meanwhile and at the end); of CPU time the kernel's in each,
    start_cpu and so on, and judge_own_cpu, this process's while the functions ran.
    """

    cells: list[CellRan] = field(default_factory=list)
    log: list[str] = field(default_factory=list)  # for the record, in plain words
    seconds: dict[str, float] = field(default_factory=dict)
    notebook: NotebookNode | None = None


def run_notebook(
    manager: Any,
    kernel_name: str,
    *,
    budget: Budget | None = None,
    env: dict[str, str] | None = None,
    policy: Policy | None = None,
    scratch: Path | None = None,
    files: Sequence[File] = (),
    gpu: Share | None = None,
    skip: Callable[[NotebookNode], bool] = lambda cell: False,
    judged: bool = False,
    at: Callable[[NotebookNode, Kernel], None] | None = None,
    after: Callable[[Kernel], None] | None = None,
    journal: Journal | None = None,
    start_timeout: float = 120,
    **_: Any,
) -> None:
    """Run all cells of `manager.nb`, a papermill NotebookExecutionManager.

    budget: seconds a cell and the notebook may take.   env: the kernel's environment.   policy: of its sandbox, None
    for no sandbox.   scratch: for its folders where it has none.   files: beside the notebook.
    gpu: what it may have of one.
    skip: cells that are not for running.   judged: whether the kernel can be asked, see `Kernel.ask`.
    at: called at each skipped cell with the living kernel, whose state is that of a run up to there.
    after: called with the living (or dead) kernel once the cells have run.   Raises KernelStartError.
    """
    budget, journal = budget or Budget(), journal if journal is not None else Journal()
    journal.notebook = manager.nb
    deadline = None  # once the first kernel is there
    deadly: set[int] = set()
    restarts = 0
    while True:
        began = time.monotonic()
        with Kernel(
            kernel_name, env or environment([], threads=1), policy, scratch, start_timeout, files, gpu, judged
        ) as kernel:
            _add(journal, "start", time.monotonic() - began)
            _add(journal, "start_cpu", kernel.cpu_seconds())
            deadline = deadline or time.monotonic() + budget.notebook
            journal.cells.clear()
            logged = len(journal.log)
            culprit = _run_cells(manager, kernel, budget, deadline, deadly, skip, at, journal)
            if culprit is not None:
                deadly.add(culprit)
                restarts += not skip(manager.nb.cells[culprit])
                if restarts <= RESTARTS and _left(deadline, journal) > 0:
                    del journal.log[logged:-1]  # the other cells will report again
                    journal.log.append("The kernel was started again, and the other cells run once more without it.")
                    continue
            if after is not None:
                with _judging(journal, kernel):
                    after(kernel)
            return


def _left(deadline: float, journal: Journal) -> float:
    """Seconds that are left for cells: judging takes none of them."""
    return deadline + journal.seconds.get("judge", 0.0) - time.monotonic()


@contextlib.contextmanager
def _judging(journal: Journal, kernel: Kernel) -> Iterator[None]:
    began, cpu, own = time.monotonic(), kernel.cpu_seconds(), time.process_time()
    yield
    _add(journal, "judge_own_cpu", time.process_time() - own)
    _add(journal, "judge", time.monotonic() - began)
    _add(journal, "judge_cpu", max(0.0, kernel.cpu_seconds() - cpu))


def _run_cells(
    manager: Any,
    kernel: Kernel,
    budget: Budget,
    deadline: float,
    deadly: set[int],
    skip: Callable[[NotebookNode], bool],
    at: Callable[[NotebookNode, Kernel], None] | None,
    journal: Journal,
) -> int | None:
    """Run the cells; the index of the one that cost the kernel its life, if one did."""
    began, culprit = time.monotonic(), None
    cpu = used = kernel.cpu_seconds()
    judged = {name: journal.seconds.get(name, 0.0) for name in ("judge", "judge_cpu")}
    for index, cell in enumerate(manager.nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        left = _left(deadline, journal)
        if index in deadly or skip(cell) or not kernel.alive or left <= 0:
            if left <= 0 and kernel.alive and not skip(cell) and not any("time was up" in line for line in journal.log):
                journal.log.append(
                    f"After {budget.notebook:g} s time was up; cell {index + 1} and later ones did not run."
                )
            if at is not None and skip(cell) and kernel.alive and index not in deadly:
                with _judging(journal, kernel):
                    at(cell, kernel)
                used = max(used, kernel.cpu_seconds())
                if not kernel.alive:
                    culprit = index
                    journal.log.append(f"{_where(cell, index)}: the kernel ended while this question was judged.")
            journal.cells.append(CellRan(index, "dead" if index in deadly else "not run"))
            continue
        manager.cell_start(cell, index)
        ran = kernel.run(cell.source, min(budget.cell, left))
        used = max(used, kernel.cpu_seconds())  # 0 once it is dead
        if ran.status == "dead":
            culprit = index
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
        _note(journal, cell, index, ran, min(budget.cell, left))
        if ran.status != "ok":
            manager.cell_exception(cell, index)
        manager.cell_complete(cell, index)
    judged = {name: journal.seconds.get(name, 0.0) - before for name, before in judged.items()}
    _add(journal, "cells", time.monotonic() - began - judged["judge"])
    _add(journal, "cells_cpu", max(0.0, used - cpu - judged["judge_cpu"]))
    return culprit


def _where(cell: NotebookNode, index: int) -> str:
    name = (cell.metadata.get("nbgrader") or {}).get("grade_id")
    return f"Cell {index + 1}" + (f" ({name})" if name else "")


def _note(journal: Journal, cell: NotebookNode, index: int, ran: Ran, allowed: float) -> None:
    where = _where(cell, index)
    journal.cells.append(CellRan(index, ran.status, round(ran.seconds, 4)))
    match ran.status:
        case "error":
            journal.log.append(f"{where}: {ran.error}")
            if not any(output.output_type == "error" for output in cell.outputs):  # kernels may only reply so
                kind, _, value = ran.error.partition(": ")
                cell.outputs.append(nbformat.v4.new_output("error", ename=kind or "Error", evalue=value, traceback=[]))
        case "timeout":
            journal.log.append(f"{where}: {ran.why or f'it took longer than {allowed:.3g} s'}, and was interrupted.")
        case "dead":
            journal.log.append(f"{where}: {ran.why}.")
            cell.outputs.append(
                nbformat.v4.new_output(
                    "error", ename="KernelDied", evalue=ran.why, traceback=[f"KernelDied: {ran.why}"]
                )
            )


def _add(journal: Journal, name: str, seconds: float) -> None:
    journal.seconds[name] = journal.seconds.get(name, 0.0) + seconds


@functools.cache
def _engine() -> type:
    from papermill.engines import Engine

    class CrossmodalEngine(Engine):
        """Runs notebooks with `run_notebook`, whose keyword arguments papermill.execute_notebook passes on."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
            run_notebook(nb_man, kernel_name, **kwargs)

    return CrossmodalEngine


def __getattr__(name: str) -> Any:
    if name == "CrossmodalEngine":
        return _engine()
    raise AttributeError(name)
