"""A limit by the system on all of a sandbox's memory, where this process has a control group (cgroup v2) to itself.

systemd gives one: `systemd-run --user --scope -p Delegate=yes grader grade week01`. Linux then charges the sandbox with
everything, what waits in sockets and tables of pages included, and ends it at once. Elsewhere the limits of each
process hold, and the grader's watch adds them up about once a second (`kernel.Kernel`).

Documentation/admin-guide/cgroup-v2.rst of Linux; systemd's "Control Group APIs and Delegation".
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import time
from pathlib import Path
from typing import Any

ROOT = Path("/sys/fs/cgroup")
OURS = "grader"  # the group in ours to which the grader's processes move: none may be in one that has limited others
SLACK = 256 << 20  # bytes beyond the limit for what a process takes in memory by being there


@functools.lru_cache(maxsize=1)
def delegated() -> Path | None:
    """This process's own group, ready to have limited ones in it; None where there is none that is ours to use."""
    try:
        group = _group(ROOT, Path("/proc/self/cgroup").read_text())
        if group is None or not _is_delegated(group):
            return None
        _prepare(group)
        return group
    except OSError:
        return None


def _group(root: Path, text: str) -> Path | None:
    """The group that /proc/self/cgroup names, where it can limit memory."""
    names = [line.removeprefix("0::") for line in text.splitlines() if line.startswith("0::")]
    if not names:
        return None
    group = root / names[0].strip("/")
    group = group.parent if group.name == OURS else group
    controllers = group / "cgroup.controllers"
    return group if controllers.is_file() and "memory" in controllers.read_text().split() else None


def _is_delegated(group: Path) -> bool:
    """Whether systemd says that the group is for its processes to divide: nothing of the system's own is in it then."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return os.access(group, os.W_OK)
    return False


def _prepare(group: Path) -> None:
    """Move the group's processes into one of their own, and let groups beside that have limits. Raises OSError."""
    control = group / "cgroup.subtree_control"
    if "memory" in control.read_text().split():
        return
    (group / OURS).mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):  # it has ended
            (group / OURS / "cgroup.procs").write_text(pid)
    control.write_text("+memory")


class Group:
    """A limited group, as a context manager. folder: where its files are.

    memory: bytes that all in it may use together. Entering raises OSError.
    """

    def __init__(self, parent: Path, memory: int) -> None:
        self.folder, self.memory = parent / f"sandbox-{secrets.token_hex(4)}", memory

    def __enter__(self) -> Group:
        self.folder.mkdir()
        try:
            (self.folder / "memory.max").write_text(str(self.memory + SLACK))
            for name, value in (("memory.oom.group", "1"), ("memory.swap.max", "0")):
                if (self.folder / name).exists():  # an older Linux has none, or there is no swap
                    (self.folder / name).write_text(value)
        except BaseException:
            self.folder.rmdir()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        """End what is in it."""
        if (kill := self.folder / "cgroup.kill").exists():  # since Linux 5.14
            with contextlib.suppress(OSError):
                kill.write_text("1")
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:  # something in it has yet to end
                time.sleep(0.01)

    def was_full(self) -> bool:
        """Whether the system ended it because it was."""
        try:
            events = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return int(events.get("oom_kill", 0)) > 0
        except (OSError, ValueError):
            return False


def enter(folder: str) -> None:
    """Join a group: this process, and all that it will start. Raises OSError."""
    Path(folder, "cgroup.procs").write_text("0")
