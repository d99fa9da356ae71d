"""`setup`: one call at the top of a notebook that settles profile, device, seed and threads, and says so."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PROFILES = ("tiny", "full")


@dataclass(frozen=True)
class Session:
    """What a notebook runs with. `device` is a torch device."""

    profile: str
    device: Any
    seed: int
    threads: int


current: Session | None = None


def setup(profile: str = "tiny", device: str = "auto", seed: int = 0) -> Session:
    """Settle profile ("tiny" or "full"), device ("auto", "cpu", "cuda", "mps") and seed, and print one line.

    The tiny profile downloads nothing. The number of CPU threads is CROSSMODAL_THREADS where that is set (the grader
    sets it, so that parallel kernels do not fight over cores), else OMP_NUM_THREADS, else half the cores this process
    may use, or all of them in the full profile. On an NVIDIA GPU results are the same in every run, and of float32's
    full precision.
    Raises ValueError for a profile that does not exist, RuntimeError for a device this machine lacks.
    """
    global current
    import numpy as np
    import torch
    import transformers

    if profile not in PROFILES:
        raise ValueError(f'PROFILE is {profile!r}; use "tiny" (shipped, offline) or "full" (the Hub)')
    chosen = _device(device)
    threads, source = _threads(profile)
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - students' code may use the global generator
    torch.manual_seed(seed)
    if chosen.type == "cuda":
        _repeatable()
    current = Session(profile, chosen, seed, threads)
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else str(chosen)
    name += f", {threads} CPU thread{'s' if threads > 1 else ''}{source}"
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(f"Crossmodal: profile {profile}, {name}, seed {seed}, {versions}")
    return current


@contextmanager
def one_thread() -> Iterator[None]:
    """Steps of training this small gain nothing from a second thread, and on a busy machine lose by its waiting."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _threads(profile: str) -> tuple[int, str]:
    """How many CPU threads to use, and which variable says so, where one does. OMP_NUM_THREADS may be a list.

    Small models gain little from a second thread (a sixth of the time, on two cores), and it can cost a lot, for
    torch's threads spin while they wait for each other: beside one other busy program week 1 took 38 s in place of 9,
    and week 2 had not ended after seven minutes. On one thread they took 11 and 23 s there.
    """
    for name in ("CROSSMODAL_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").partition(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            return int(first), f" ({name})"
    return (_cores() if profile == "full" else max(1, _cores() // 2)), ""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _repeatable() -> None:
    """On an NVIDIA GPU: the same result in every run, and that of a CPU within float32's own rounding.

    See PyTorch's notes on reproducibility. What has no deterministic form only warns: right code must not fail by it.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False  # else the fastest of the moment is taken
    # TF32 keeps 10 bits of a factor: 1e-3 off, where checks allow less. The newer fp32_precision would say the same,
    # but once it is set `torch.backends.cudnn.flags` raises, which libraries use.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _device(name: str) -> Any:
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name.split(":")[0], False):
        here = ", ".join(kind for kind, there in available.items() if there)
        raise RuntimeError(
            f'DEVICE is {name!r}, which this machine does not have; it has {here}. "auto" picks the best'
        )
    return torch.device(name)
