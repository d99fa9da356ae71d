"""A process enters a sandbox that is already there, and gives up what it could use to leave or to harm the machine.

For a forked kernel, which cannot be started by bubblewrap because it does not start anew: it joins the namespaces that
bubblewrap made (setns(2), as nsenter does) and then drops every capability. Linux only; called in a forked child, which
has one thread, as joining a user namespace demands.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import sys

from grader.course import Limits

# linux/sched.h; in this order their names stand in /proc/PID/ns
NAMESPACES = {
    "user": 0x10000000,
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "net": 0x40000000,
    "pid": 0x20000000,
    "mnt": 0x00020000,
}
# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h


def enter(pid: int) -> None:
    """Join the namespaces of a process. The next fork is in its process namespace. Raises OSError."""
    flags = 0
    for name, flag in NAMESPACES.items():
        if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
            flags |= flag
    if not flags & NAMESPACES["user"]:
        raise OSError(0, "the sandbox has no user namespace of its own")
    descriptor = os.pidfd_open(pid)
    try:
        _call("setns", descriptor, flags)
    finally:
        os.close(descriptor)


def give_up(limits: Limits) -> None:
    """Set the limits, then drop all capabilities and the means of getting any back; in the fork after `enter`.

    Raises OSError.
    """
    _limit(resource.RLIMIT_CORE, 1)
    if limits.memory:
        _limit(resource.RLIMIT_DATA, _data_bytes() + limits.memory)
    if limits.processes and _release() >= (5, 14):  # before, it counted the user's processes outside too
        _limit(resource.RLIMIT_NPROC, limits.processes)
    if limits.files:
        _limit(resource.RLIMIT_NOFILE, limits.files)
    if limits.disk:
        _limit(resource.RLIMIT_FSIZE, limits.disk)
    if limits.cpu:
        _limit(resource.RLIMIT_CPU, limits.cpu)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    capability = 0
    while _libc().prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else a new owner of /proc/self would bar it from its own files
    if any(line.startswith(("CapPrm", "CapEff", "CapBnd")) and int(line.split()[1], 16) for line in _status()):
        raise OSError(0, "capabilities are left")


def die_with(parent: int) -> None:
    """Ask the system to kill this process when its parent ends, however that ends. parent: its pid, as seen here."""
    if sys.platform != "linux":
        return
    _call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:  # it ended in between
        os._exit(1)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _data_bytes() -> int:
    """What RLIMIT_DATA counts, of this process now."""
    return next((int(line.split()[1]) << 10 for line in _status() if line.startswith("VmData")), 0)


def _release() -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])


def _status() -> list[str]:
    with open("/proc/self/status", encoding="ascii") as file:
        return file.readlines()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc(), name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
