"""GPU memory of submissions: how much each may take, and whose fault it is when it runs out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from grader.course.syllabus import GB, CourseError, Week
from grader.execution.gpus import Share, Slots, chosen, every_gpu, gpus, room
from grader.execution.kernel import Kernel
from grader.grading.options import Options
from grader.records.grade import QuestionResult

FREED_SECONDS = 5.0  # after which the memory of a process that ended is free again
OUT_OF_MEMORY = re.compile(
    "OutOfMemoryError|CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
)
# how often torch's allocator had to refuse, also where the notebook caught the error
REFUSALS = "__import__('torch').cuda.memory_stats().get('num_ooms', 0)"


def cap(options: Options, week: Week) -> int:
    """Bytes of GPU memory that the tensors of one submission may take."""
    return options.gpu_memory or week.limits.gpu_memory


def slots_for(options: Options, week: Week) -> Slots | None:
    """The slots on this machine, or None where no GPU is asked for. Raises CourseError."""
    device = chosen(options.parameters)
    return Slots(gpus(device), cap(options, week), options.slots) if device else None


def share_here(options: Options, week: Week, alone: bool) -> Share:
    """The share of a task on a node of a cluster, of the GPU to which Ray bound this process. Raises CourseError."""
    gpu, slots = gpus()[0], options.slots or 1
    return Share.of(gpu, room(gpu.total, cap(options, week), slots)[1], alone or slots == 1)


# --- out of memory ----------------------------------------------------------------------------------------------------


def ran_out(lines: Iterable[str]) -> bool:
    """Whether one of these lines of a record speaks of GPU memory that ran out."""
    return any(OUT_OF_MEMORY.search(line) for line in lines)


def ran_out_in(results: Iterable[QuestionResult], log: Sequence[str], refused: bool) -> bool:
    """Whether memory ran out in a run, by its results and log.

    refused: whether torch refused some and points were lost. Libraries catch a refusal too, and do with less; one that
    cost nothing is nothing to speak of.
    """
    notes = [line for one in results for line in (one.note, *(c.message for c in one.checks if not c.passed))]
    return ran_out([*log, *notes]) or refused


def was_refused(kernel: Kernel, seconds: float) -> bool:
    """Whether torch refused memory in this kernel, which has `seconds` to answer."""
    answer = kernel.evaluate(REFUSALS, seconds).expressions.get("r", {}).get("data", {})
    return str(answer.get("text/plain", "0")) != "0"


def must_have_been_free(given: Share) -> None:
    """Raises CourseError where other programs left less of a GPU than the cap of the one submission that was on it.

    Then this machine is at fault, and not the submission.
    """
    deadline = time.monotonic() + FREED_SECONDS
    while True:
        free = next((gpu.free for gpu in every_gpu() if gpu.uuid == given.uuid), 0)
        if free >= given.memory:
            return
        if time.monotonic() > deadline:
            raise CourseError(
                f"GPU {given.uuid} has {free / GB:.3g} GB free; one submission may use {given.memory / GB:.3g} GB: end "
                "the other programs that `nvidia-smi` lists, or choose a smaller --gpu-memory, and grade again"
            )
        time.sleep(0.2)


def blame(results: Iterable[QuestionResult], given: Share) -> tuple[str, list[QuestionResult]]:
    """A line for the log of a submission that ran out of memory alone on its GPU, and its results that say the same."""
    why = f"its own use passed the cap of {given.memory / GB:.3g} GB of GPU memory for one submission"
    said = []
    for result in results:
        checks = [
            replace(one, message=f"{one.message} ({why})") if not one.passed and ran_out([one.message]) else one
            for one in result.checks
        ]
        said.append(replace(result, checks=checks))
    return f"GPU memory ran out: {why}. No other submission was on that GPU.", said
