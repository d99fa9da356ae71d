"""NVIDIA GPUs: which there are, how many submissions share one, and what each of them has of it.

The grader itself never uses a GPU. It hands out slots, and binds each submission's kernel to one GPU (docs/gpu.md).
CUDA does not survive a fork, so nothing may use it before the kernel's own process is there.

What there is, `nvidia-smi` says: the driver always brings that program, and a program needs no further dependency, as
the library nvidia-ml-py would be one for every machine, most of which have no GPU.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.course.syllabus import GB, CourseError

CONTEXT = GB  # bytes that CUDA and its libraries take for a process besides its tensors
LEAST = GB // 2  # bytes of tensors with which a slot is of any use
SMI_SECONDS = 20
FIRST_PIDS = 0xEFFFFFFC  # linux/proc_ns.h: inode of the first process namespace, in whose numbers NVIDIA counts
GPUS = "index,uuid,pci.bus_id,memory.total,memory.free,name"
PROCESSES = "gpu_uuid,pid,used_memory"
EACH = {  # of every kernel that uses a GPU
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS may add in another order each time
    "NVIDIA_TF32_OVERRIDE": "0",  # matrix products in all of float32's 24 bits, also in libraries other than torch
}


@dataclass(frozen=True)
class Gpu:
    """One GPU as nvidia-smi sees it. bus: its PCI address.  total, free: bytes of memory."""

    index: int
    uuid: str
    bus: str
    total: int
    free: int
    name: str


@dataclass(frozen=True)
class Share:
    """What one submission has of a GPU. memory: bytes its tensors may take.  fraction: the same, of the GPU's total.

    alone: no other submission is on this GPU.
    """

    uuid: str
    bus: str
    memory: int
    fraction: float
    alone: bool

    @classmethod
    def of(cls, gpu: Gpu, memory: int, alone: bool) -> Share:
        """This much of a GPU."""
        return cls(gpu.uuid, gpu.bus, memory, min(1.0, memory / gpu.total), alone)


# --- which there are --------------------------------------------------------------------------------------------------


def chosen(parameters: Mapping[str, Any]) -> str:
    """The DEVICE among a notebook's parameters where it is NVIDIA's: "cuda", "cuda:1"; else ""."""
    device = str(parameters.get("DEVICE", ""))
    return device if device.startswith("cuda") else ""


def best() -> str:
    """What `--device auto` is on this machine: "cuda" where there is a GPU that may be used, else "cpu"."""
    try:
        return "cuda" if gpus() else "cpu"
    except CourseError:
        return "cpu"


def gpus(device: str = "cuda") -> list[Gpu]:
    """This machine's GPUs, without those that CUDA_VISIBLE_DEVICES leaves out; with "cuda:1" number 1 of these alone.

    Numbers are those of nvidia-smi. Raises CourseError where there is none.
    """
    found = every_gpu()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
        if any(name.startswith("MIG") for name in names):
            raise CourseError("CUDA_VISIBLE_DEVICES names a slice of a GPU (MIG): name whole GPUs, by number or UUID")
        found = [gpu for name in names for gpu in found if name == str(gpu.index) or gpu.uuid.startswith(name)]
    if not found:
        seen = "" if visible is None else f" that CUDA_VISIBLE_DEVICES={visible} lets be used"
        raise CourseError(f"no GPU{seen}: `nvidia-smi` lists those of this machine; --device cpu needs none")
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdigit()):
        raise CourseError(f"--device {device!r} is none of cpu, cuda, cuda:NUMBER, auto")
    if colon and int(number) >= len(found):
        raise CourseError(f"--device {device}: there are GPUs 0 to {len(found) - 1}")
    return [found[int(number)]] if colon else found


def every_gpu() -> list[Gpu]:
    """All of this machine's, whatever CUDA_VISIBLE_DEVICES says. Raises CourseError."""
    return [
        Gpu(int(index), uuid, bus, int(total) << 20, int(free) << 20, name)
        for index, uuid, bus, total, free, name in _ask(f"--query-gpu={GPUS}", 6)
    ]


def _ask(query: str, columns: int) -> list[list[str]]:
    """Rows of nvidia-smi, sizes in MiB. Raises CourseError."""
    program = shutil.which("nvidia-smi")
    if program is None:
        raise CourseError("no GPU: nvidia-smi, which comes with NVIDIA's driver, is not there; --device cpu needs none")
    try:
        done = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=SMI_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CourseError(f"nvidia-smi cannot be asked ({error}): is NVIDIA's driver in order?") from None
    if done.returncode:
        why = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        raise CourseError(f"no GPU: nvidia-smi failed ({why[0]}); put NVIDIA's driver in order, or use --device cpu")
    rows = [[cell.strip() for cell in line.split(",", columns - 1)] for line in done.stdout.splitlines() if line]
    return [row for row in rows if len(row) == columns]


# --- slots ------------------------------------------------------------------------------------------------------------


def room(memory: int, cap: int, slots: int = 0) -> tuple[int, int]:
    """(submissions at a time, bytes each one's tensors may take) on a GPU with `memory` bytes to give.

    cap: at most so much each.  slots: this many; 0 for as many as have all of the cap, at least one.
    Raises CourseError.
    """
    count = slots or max(1, memory // (cap + CONTEXT))
    each = min(cap, memory // count - CONTEXT)
    if each < min(cap, LEAST):
        raise CourseError(
            f"{memory / GB:.3g} GB of GPU memory are not enough for {count} at a time, each with {CONTEXT / GB:g} GB "
            "for CUDA and some for its tensors: fewer --slots, or end the other programs that `nvidia-smi` lists"
        )
    return count, each


class Slots:
    """Shares of this machine's GPUs, each given to one submission at a time. For threads.

    cap, slots: see `room`; there is as much to give as is free now.
    """

    def __init__(self, found: Sequence[Gpu], cap: int, slots: int = 0) -> None:
        self.room = {gpu: room(gpu.free, cap, slots) for gpu in found}
        self.used: Counter[Gpu] = Counter()
        self.claimed: set[Gpu] = set()  # by one submission, which has it alone or waits until it has
        self.changed = threading.Condition()

    @property
    def total(self) -> int:
        return sum(count for count, _ in self.room.values())

    @contextlib.contextmanager
    def taken(self, alone: bool = False) -> Iterator[Share]:
        """A slot of the emptiest GPU, or all of one; waits until there is one."""
        with self.changed:
            self.changed.wait_for(lambda: self._free(alone))
            gpu = min(self._free(alone), key=lambda one: self.used[one] / self.room[one][0])
            if alone:
                self.claimed.add(gpu)
                self.changed.wait_for(lambda: not self.used[gpu])
            self.used[gpu] += 1
        try:
            count, memory = self.room[gpu]
            yield Share.of(gpu, memory, alone or count == 1)
        finally:
            with self.changed:
                self.used[gpu] -= 1
                if alone:
                    self.claimed.discard(gpu)
                self.changed.notify_all()

    def _free(self, alone: bool) -> list[Gpu]:
        open_ = [gpu for gpu in self.room if gpu not in self.claimed]
        return open_ if alone else [gpu for gpu in open_ if self.used[gpu] < self.room[gpu][0]]


# --- in one submission's kernel ---------------------------------------------------------------------------------------


def environment(given: Share | None) -> dict[str, str]:
    """What binds a kernel to its GPU, or to none."""
    # with the first of these torch asks NVML whether there is a GPU: libraries ask that while they are imported, and
    # CUDA's own answer is a first use
    always = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "CUDA_VISIBLE_DEVICES": given.uuid if given else ""}
    return always | (EACH if given else {})


def parameters(values: dict[str, Any]) -> dict[str, Any]:
    """The notebook's parameters in the kernel, which sees one GPU alone: "cuda:1" is its "cuda"."""
    return values | {"DEVICE": "cuda"} if chosen(values) else values


def set_cap(given: Share) -> str:
    """An expression for the kernel before any of the student's code: torch then refuses what is over the cap.

    It is False where torch finds no GPU, and the notebook none to use. Its first use of CUDA is here, after the fork.
    """
    torch = "__import__('torch').cuda"
    return f"{torch}.is_available() and not {torch}.set_per_process_memory_fraction({given.fraction!r})"


def files(given: Share | None, devices: Path = Path("/dev"), proc: Path = Path("/proc")) -> tuple[Path, ...]:
    """What of /dev a sandbox needs for this GPU, without what is another's alone.

    Where the driver does not say which is whose, all of it.
    """
    if given is None:
        return ()
    found = sorted(devices.glob("nvidia*"))
    domain, _, rest = given.bus.lower().partition(":")
    try:
        text = (proc / "driver/nvidia/gpus" / f"{domain[-4:]}:{rest}" / "information").read_text()
    except OSError:
        return tuple(found)
    minor = re.search(r"^Device Minor:\s*(\d+)", text, re.MULTILINE)
    if minor is None:
        return tuple(found)
    own = f"nvidia{minor[1]}"
    return tuple(path for path in found if path.name == own or not re.fullmatch(r"nvidia\d+", path.name))


def used(given: Share, inside: int) -> int:
    """Bytes of the GPU that the processes of a sandbox hold, whatever allocated them. inside: pid of one of them.

    0 where that cannot be known: in a container NVIDIA's pids are those of the machine around it, and mean others here.
    """
    if not watched():
        return 0
    try:
        space, total = os.stat(f"/proc/{inside}/ns/pid").st_ino, 0
        for uuid, pid, mib in _ask(f"--query-compute-apps={PROCESSES}", 3):
            with contextlib.suppress(OSError):  # it has ended
                if uuid == given.uuid and mib.isdigit() and os.stat(f"/proc/{pid}/ns/pid").st_ino == space:
                    total += int(mib) << 20
        return total
    except (OSError, CourseError):
        return 0


def watched() -> bool:
    """Whether the pids that nvidia-smi prints are those of this process's own namespace."""
    with contextlib.suppress(OSError):
        return os.stat("/proc/self/ns/pid").st_ino == FIRST_PIDS
    return False
