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
from typing import Any, Literal, Protocol

import nbformat
from nbformat import NotebookNode

from grader.course.syllabus import Budget
from grader.execution.gpus import Share
from grader.execution.kernel import PATIENCE, File, Kernel, Ran, RunStatus, environment
from grader.execution.provisioner import START_SECONDS
from grader.execution.sandbox import Policy

NAME = "crossmodal"
RESTARTS = 2  # kernels the cells of one notebook may cost beyond its first; a question may cost one besides


@dataclass(frozen=True)
class CellRan:
    """Evidence of one code cell. "not run": time was up, the kernel gone, or the cell is not for running."""

    index: int
    status: RunStatus | Literal["not run"]
    seconds: float = 0.0


@dataclass
class Journal:
    """What happened while a notebook ran.

    seconds: start, cells, judge (the functions called meanwhile and at the end); of CPU time the kernel's in each,
    start_cpu and so on, and judge_own_cpu, this process's while the functions ran.
    busy: why it cannot count, where this machine did not get through it in time.
    """

    cells: list[CellRan] = field(default_factory=list)
    log: list[str] = field(default_factory=list)  # for the record, in plain words
    seconds: dict[str, float] = field(default_factory=dict)
    notebook: NotebookNode = field(default_factory=NotebookNode)  # that ran
    busy: str = ""

    def add(self, name: str, seconds: float) -> None:
        """Count these seconds under a name."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def spent(self, name: str) -> float:
        """Seconds counted under a name so far."""
        return self.seconds.get(name, 0.0)


@dataclass(frozen=True)
class Plan:
    """How a notebook is run.

    budget: seconds a cell and the notebook may cost, see `usage`.
    env: the kernel's environment, see `kernel.environment`.
    policy: of its sandbox, None for no sandbox.   scratch: for its folders where it has none.   files: beside the
    notebook.   gpu: what it may have of one.
    skip: cells that are not for running.   judged: whether the kernel can be asked, see `Kernel.ask`.
    at: called at each skipped cell with the living kernel, whose state is that of a run up to there.
    after: called with the living (or dead) kernel once the cells have run.
    """

    budget: Budget = Budget()
    env: dict[str, str] | None = None
    policy: Policy | None = None
    scratch: Path | None = None
    files: Sequence[File] = ()
    gpu: Share | None = None
    skip: Callable[[NotebookNode], bool] = lambda cell: False
    judged: bool = False
    at: Callable[[NotebookNode, Kernel], None] = lambda cell, kernel: None
    after: Callable[[Kernel], None] = lambda kernel: None


class Manager(Protocol):
    """What is used of papermill's NotebookExecutionManager. It writes times into the notebook."""

    nb: NotebookNode

    def cell_start(self, cell: NotebookNode, cell_index: int) -> None: ...
    def cell_exception(self, cell: NotebookNode, cell_index: int) -> None: ...
    def cell_complete(self, cell: NotebookNode, cell_index: int) -> None: ...


def run_notebook(
    manager: Manager, kernel_name: str, plan: Plan, journal: Journal, start_seconds: float = START_SECONDS
) -> None:
    """Run all cells of `manager.nb`; what happens goes into the journal. Raises KernelStartError or SandboxError."""
    journal.notebook = manager.nb
    env = environment([], threads=1) if plan.env is None else plan.env
    run = _Run(manager, plan, journal)
    restarts = 0
    while True:
        began = time.monotonic()
        with Kernel(
            kernel_name, env, plan.policy, plan.scratch, start_seconds, plan.files, plan.gpu, plan.judged
        ) as kernel:
            journal.add("start", time.monotonic() - began)
            journal.add("start_cpu", kernel.cpu_seconds())
            logged = len(journal.log)
            culprit = run.cells(kernel)
            if culprit is not None:
                restarts += not plan.skip(manager.nb.cells[culprit])
                if restarts <= RESTARTS and run.goes_on:
                    del journal.log[logged:-1]  # the other cells will report again
                    journal.log.append("The kernel was started again, and the other cells run once more without it.")
                    continue
            with _judging(journal, kernel):
                plan.after(kernel)
            return


@contextlib.contextmanager
def _judging(journal: Journal, kernel: Kernel) -> Iterator[None]:
    began, cpu, own = time.monotonic(), kernel.cpu_seconds(), time.process_time()
    yield
    journal.add("judge_own_cpu", time.process_time() - own)
    journal.add("judge", time.monotonic() - began)
    journal.add("judge_cpu", max(0.0, kernel.cpu_seconds() - cpu))


class _Run:
    """The cells of one notebook, run in one kernel after another.

    deadly: indices of the cells that cost a kernel its life, which are left out from then on.
    """

    def __init__(self, manager: Manager, plan: Plan, journal: Journal) -> None:
        self.manager, self.plan, self.journal = manager, plan, journal
        self.left = float(plan.budget.notebook)  # seconds for cells: judging takes none of them
        self.clock_left = PATIENCE * self.left  # and by the clock
        self.deadly: set[int] = set()

    @property
    def goes_on(self) -> bool:
        """Whether there is time for another cell."""
        return self.left > 0 and self.clock_left > 0

    def cells(self, kernel: Kernel) -> int | None:
        """Run the cells; the index of the one that cost the kernel its life, if one did."""
        self.journal.cells.clear()
        began, before = time.monotonic(), dict(self.journal.seconds)
        cpu = used = kernel.cpu_seconds()
        culprit = None
        for index, cell in enumerate(self.manager.nb.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            died = self._cell(kernel, index, cell)
            culprit = index if died else culprit
            used = max(used, kernel.cpu_seconds())  # 0 once it is dead
        judged, judged_cpu = (self.journal.spent(name) - before.get(name, 0.0) for name in ("judge", "judge_cpu"))
        self.journal.add("cells", time.monotonic() - began - judged)
        self.journal.add("cells_cpu", max(0.0, used - cpu - judged_cpu))
        if culprit is not None:
            self.deadly.add(culprit)
        return culprit

    def _cell(self, kernel: Kernel, index: int, cell: NotebookNode) -> bool:
        """Run one code cell, or leave it out; whether it cost the kernel its life."""
        skipped = self.plan.skip(cell)
        if index not in self.deadly and kernel.alive and not skipped and self.goes_on:
            allowed = min(self.plan.budget.cell, self.left)
            self.manager.cell_start(cell, index)
            ran = kernel.run(cell.source, allowed)
            self.left -= ran.cost
            self.clock_left -= ran.seconds
            if ran.busy:
                self.journal.busy = self.journal.busy or f"{_where(cell, index)}: {ran.why}"
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
            _note(self.journal, cell, index, ran, allowed)
            if ran.status != "ok":
                self.manager.cell_exception(cell, index)
            self.manager.cell_complete(cell, index)
            return ran.status == "dead"
        died = False
        if skipped and kernel.alive and index not in self.deadly:
            with _judging(self.journal, kernel):
                self.plan.at(cell, kernel)
            died = not kernel.alive
        elif not skipped and kernel.alive and not self.goes_on:
            self._note_time_was_up(index)
        if died:
            self.journal.log.append(f"{_where(cell, index)}: the kernel ended while this question was judged.")
        self.journal.cells.append(CellRan(index, "dead" if index in self.deadly else "not run"))
        return died

    def _note_time_was_up(self, index: int) -> None:
        if self.left > 0:
            self.journal.busy = self.journal.busy or f"this busy machine did not get to cell {index + 1} in time"
        if not any("time was up" in line for line in self.journal.log):
            took = f"{self.plan.budget.notebook:g} s"
            self.journal.log.append(f"After {took} time was up; cell {index + 1} and later ones did not run.")


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


@functools.cache
def _engine() -> type:
    from papermill.engines import Engine

    class CrossmodalEngine(Engine):  # type: ignore[misc]  # papermill has no types
        """Runs notebooks with `run_notebook`; papermill.execute_notebook passes its own keyword arguments on."""

        @classmethod
        def execute_managed_notebook(
            cls,
            nb_man: Manager,
            kernel_name: str,
            *,
            plan: Plan | None = None,
            journal: Journal | None = None,
            start_timeout: float = START_SECONDS,
            **_: object,  # what papermill passes to its other engines
        ) -> None:
            run_notebook(nb_man, kernel_name, plan or Plan(), journal or Journal(), start_timeout)

    return CrossmodalEngine


def __getattr__(name: str) -> Any:
    if name == "CrossmodalEngine":
        return _engine()
    raise AttributeError(name)
