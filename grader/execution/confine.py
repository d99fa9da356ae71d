"""A process enters a sandbox that is already there, and gives up what it could use to leave or to harm the machine.

For a forked kernel, which cannot be started by bubblewrap because it does not start anew: it joins the namespaces that
bubblewrap made (setns(2), as nsenter does) and then drops every capability. Linux only; called in a forked child, which
has one thread, as joining a user namespace demands.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import re
import resource
import sys
from collections.abc import Iterable

from grader.course.syllabus import Limits

NEWUSER = 0x10000000  # linux/sched.h
NAMESPACES = (0x08000000, 0x04000000, 0x40000000, 0x20000000, 0x00020000)  # ipc, uts, net, pid, mount
NS_GET_PARENT = 0xB702  # linux/nsfs.h
# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096  # linux/mount.h
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_CMP_EQ, SCMP_CMP_GE = 0x7FFF0000, 0x00050000, 4, 5  # seccomp.h
KEYCTL_JOIN_SESSION_KEYRING = 1
RESERVED_PIDS = 300
INODES = 50_000  # files and folders in each file system of a sandbox; each takes memory that is counted nowhere else
# System calls that namespaces do not cover, or that take memory which no limit counts: keys, hypervisor and kernel
# interfaces, anonymous files, System V memory; and those that need privileges nobody here has.
REFUSED = (
    *("add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup"),
    *("memfd_create", "memfd_secret", "shmget", "msgget", "semget"),
    *("mount", "umount2", "pivot_root", "move_mount", "fsopen", "open_tree", "setns", "unshare", "chroot"),
)
FAMILIES = (1, 2, 10, 16)  # of sockets: unix, IPv4, IPv6, netlink; the last three lead nowhere in here


def enter(pid: int) -> int:
    """Join the namespaces of a process; the next fork is in its process namespace. Raises OSError.

    Returns a descriptor of its user namespace, in which one has no power over the sandbox's mounts: what is joined here
    is the one around it, which bubblewrap made them in. `give_up` goes on to the inner one.
    """
    user = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    around = fcntl.ioctl(user, NS_GET_PARENT)
    if os.fstat(around).st_ino == os.stat("/proc/self/ns/user").st_ino:
        raise OSError(0, "the sandbox has not the two user namespaces that bubblewrap's --disable-userns makes")
    process = os.pidfd_open(pid)
    try:
        _call("setns", around, NEWUSER)
        _call("setns", process, sum(NAMESPACES))
    finally:
        os.close(around)
        os.close(process)
    return user


def give_up(user: int, limits: Limits) -> None:
    """Join the inner user namespace, set the limits, then drop all capabilities and the means of getting any back.

    In the fork after `enter`, with what that returned. Raises OSError.
    """
    if limits.processes and _release() >= (6, 14):  # before, the number was the whole machine's
        _few_numbers(limits.processes)
    _call("setns", user, NEWUSER)
    os.close(user)
    _limit(resource.RLIMIT_CORE, 1)
    if limits.memory:
        limit_data(limits.memory)
    if limits.processes and _release() >= (5, 14):  # before, it counted the user's processes outside too
        _limit(resource.RLIMIT_NPROC, limits.processes)
    if limits.files:
        _limit(resource.RLIMIT_NOFILE, limits.files)
    if limits.disk:
        _limit(resource.RLIMIT_FSIZE, limits.disk)
    if limits.cpu:
        _limit(resource.RLIMIT_CPU, limits.cpu)
    _libc().syscall(_number("keyctl"), KEYCTL_JOIN_SESSION_KEYRING, None)  # not the one of whoever logged in
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    capability = 0
    while _libc().prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    _call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else a new owner of /proc/self would bar it from its own files
    _filter()
    if any(line.startswith(("CapPrm", "CapEff", "CapBnd")) and int(line.split()[1], 16) for line in _status()):
        raise OSError(0, "capabilities are left")


def limit_data(more: int) -> None:
    """Let this process have so many bytes of memory of its own beyond what it has now. Linux only."""
    if sys.platform == "linux":
        _limit(resource.RLIMIT_DATA, _data_bytes() + more)


def _few_numbers(most: int) -> None:
    """Leave the sandbox so few process numbers that a fork bomb ends: RLIMIT_NPROC does not hold the machine's root.

    Once they have been gone through, Linux gives out those from 300 on again (RESERVED_PIDS in its kernel/pid.c). Where
    the setting cannot be written, counting from outside is what is left. Raises OSError if /proc/sys stays writable.
    """
    writable = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV
    with contextlib.suppress(OSError):
        _call("mount", None, b"/proc/sys", None, writable, None)
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(RESERVED_PIDS + most))
    if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        _call("mount", None, b"/proc/sys", None, writable | MS_RDONLY, None)


def fit(folders: Iterable[str]) -> None:
    """Limit the number of files in these file systems of the sandbox just entered. Raises OSError."""
    for folder in folders:
        _call("mount", None, folder.encode(), None, MS_REMOUNT | MS_NOSUID | MS_NODEV, b"nr_inodes=%d" % INODES)


def seal(folder: str) -> None:
    """Make a file system of the sandbox read-only: its sockets work, and can no longer be replaced. Raises OSError."""
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV
    _call("mount", None, folder.encode(), None, flags, None)


class _Compare(ctypes.Structure):
    """struct scmp_arg_cmp: a condition on an argument of a system call."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def _filter() -> None:
    """Have the system refuse what no notebook needs, here and in all that is started from here."""
    library = seccomp()
    context = library.seccomp_init(SCMP_ACT_ALLOW)
    refuse = SCMP_ACT_ERRNO | errno.EPERM
    for name in REFUSED:
        if (number := _number(name)) >= 0:  # else it is newer than the library
            _check(library.seccomp_rule_add_array(context, refuse, number, 0, None))
    others = [_Compare(0, SCMP_CMP_EQ, family, 0) for family in range(max(FAMILIES)) if family not in FAMILIES]
    for condition in (*others, _Compare(0, SCMP_CMP_GE, max(FAMILIES) + 1, 0)):
        _check(library.seccomp_rule_add_array(context, refuse, _number("socket"), 1, ctypes.byref(condition)))
    _check(library.seccomp_load(context))
    library.seccomp_release(context)


@functools.lru_cache(maxsize=1)
def seccomp() -> ctypes.CDLL:
    """libseccomp. Raises OSError where it is not installed."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
    ]
    library.seccomp_load.argtypes = library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    return library


def _number(name: str) -> int:
    return int(seccomp().seccomp_syscall_resolve_name(name.encode()))


def _check(result: int) -> None:
    if result:
        raise OSError(-result, f"seccomp: {os.strerror(-result)}")


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
