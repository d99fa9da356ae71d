"""The sandbox a submission runs in, made by bubblewrap: its own user, process, network, mount, ipc and uts namespaces.

bubblewrap builds the namespaces and mounts and then only holds them; the kernel, a fork of the warm server, joins them
(see `confine`). What is inside: the system's programs and libraries and the course's student side, read-only; a private
/tmp, home and shared memory of limited size; nothing of the network, not even this machine's own; no other process.
Everything inside ends when the holder does, and the holder ends with the process that made it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from grader.course.syllabus import CourseError, Limits

HOME = Path("/home/student")
RUN = Path("/run/kernel")  # connection file and sockets
WRITABLE = ("/tmp", str(HOME), "/dev/shm", str(RUN))
REMEDY = (
    "Install bubblewrap 0.8 or later (`sudo apt install bubblewrap libseccomp2`; `grader doctor` tells what lacks), in "
    "a container that allows user namespaces (docker: --security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined). With --unsandboxed submissions run as you, and can read and change all that you can: only "
    "for files you trust."
)
SOCKET = 450_000  # bytes that one may hold, of those between processes (twice net.core.wmem_max)
TCP = 20  # and one of the others as so many
SOCKETS = ["--size", str(1 << 20)]
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# of /etc: how libraries, fonts, time zones and certificates are found, and nothing of this machine's users
SETTINGS = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "fonts",
    "localtime",
    "mime.types",
    "ssl/certs",
)
PROBE = """
import os, sys
from grader.course.syllabus import Limits
from grader.execution import confine
from grader.execution.sandbox import WRITABLE
user = confine.enter(int(sys.argv[1]))
confine.fit(WRITABLE)
child = os.fork()
if child == 0:
    confine.give_up(user, Limits())
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
PASSWD = f"student:x:1000:1000:student:{HOME}:/bin/sh\n"


class SandboxError(CourseError):
    """No sandbox could be made. The text says why and what to do."""


@dataclass(frozen=True)
class Policy:
    """What is inside a sandbox besides the system and this Python.

    readable: folders and files, shown read-only at their own paths.   hidden: folders of which nothing else is shown,
    also where they lie within something readable.   devices: of /dev, passed through for a GPU.   beside: (folder or
    file, name), shown read-only in the working folder, which itself can be written to.
    """

    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    devices: tuple[Path, ...] = ()
    beside: tuple[tuple[Path, str], ...] = ()


class Sandbox:
    """A sandbox, as a context manager. `pid` is its first process, whose namespaces others can join.

    Entering raises SandboxError.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.pid = 0

    def __enter__(self) -> Sandbox:
        program, wait = shutil.which("bwrap"), shutil.which("cat")
        if program is None or wait is None:
            raise SandboxError(f"bubblewrap is not installed. {REMEDY}")
        with contextlib.ExitStack() as stack:
            # Not a pipe: were we killed meanwhile, writing to one would end bubblewrap's first process, and its second
            # would wait for it for ever.
            info = _in_memory("", stack)
            arguments, given = _arguments(self.policy, stack)
            listed = _in_memory("\0".join([*arguments, "--info-fd", str(info)]), stack)
            self._holder = subprocess.Popen(
                # by descriptor, so that the command line, which is seen inside, says nothing of this machine
                [program, "--args", str(listed), "--", wait],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[info, listed, *given],
                env={},  # it can be read inside
                start_new_session=True,
            )
            assert self._holder.stdin and self._holder.stdout and self._holder.stderr  # they are pipes
            try:
                self._holder.stdin.write(b"\n")
                self._holder.stdin.flush()
                ready = self._holder.stdout.read(1)  # `cat` answers, so all is mounted and written down
            except OSError:
                ready = b""
            namespaces = os.pread(info, 1 << 16, 0)
        if not ready:
            why = self._holder.stderr.read(2000).decode("utf-8", "replace").strip() or "it ended"
            self.close()
            raise SandboxError(f"bubblewrap made no sandbox: {why}. {REMEDY}")
        self.pid = json.loads(namespaces)["child-pid"]
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """End everything inside, now."""
        if self.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, 9)  # the first of its process namespace: the system kills the others with it
        self.pid = 0
        try:
            self._holder.wait(5)  # it reaps what it started
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        for stream in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def path(self, inside: Path) -> Path:
        """A file of the sandbox as seen from outside, while it lives."""
        return Path(f"/proc/{self.pid}/root") / inside.relative_to("/")

    def processes(self) -> list[int]:
        """Pids, as seen inside, of all its processes and not only of those that still have their parent."""
        try:
            return [int(name) for name in os.listdir(self.path(Path("/proc"))) if name.isdigit()]
        except OSError:
            return []

    def used_memory(self, enough: int) -> int:
        """Bytes that its processes hold: their own pages, and their share of those they share with others; what Linux
        keeps of tables of pages for them; and what may wait in their sockets, which no process is charged for.

        The exact sum takes milliseconds, so below `enough` the quick upper bound is returned.
        """
        waiting = self.sockets() * SOCKET
        own = self._sum("status", ("RssAnon:", "RssShmem:", "VmPTE:")) + waiting
        if own <= enough:
            return own
        return self._sum("smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")) + self._sum("status", ("VmPTE:",)) + waiting

    def sockets(self) -> int:
        """How many it has open, those that are only on their way from one process to another too."""
        try:
            net = Path(f"/proc/{self.pid}/net")
            local = (net / "unix").read_bytes().count(b"\n") - 1
            table = (net / "sockstat").read_text() + (net / "sockstat6").read_text()
            others = re.findall(r"(?:TCP|UDP|RAW)6?: inuse (\d+)", table)
        except OSError:
            return 0
        return max(0, local) + sum(map(int, others)) * TCP

    def _sum(self, file: str, fields: tuple[str, ...]) -> int:
        total, proc = 0, self.path(Path("/proc"))
        for pid in self.processes():
            with contextlib.suppress(OSError, ValueError):
                lines = (proc / str(pid) / file).read_text().splitlines()
                total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith(fields))
        return total


def _arguments(policy: Policy, stack: contextlib.ExitStack) -> tuple[list[str], list[int]]:
    """bubblewrap's arguments, and the descriptors they name."""
    mounts: list[tuple[Path, list[str]]] = []

    def readable(path: Path) -> None:
        mounts.append((path, ["--ro-bind-try", str(path), str(path)]))

    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            mounts.append((path, ["--symlink", os.readlink(path), name]))
        elif path.is_dir():
            readable(path)
    for name in SETTINGS:
        readable(Path("/etc") / name)
    for path in {*own_python(), *policy.readable}:
        readable(path)
    shown = [path for path, _ in mounts]
    covered = [folder for folder in policy.hidden if any(folder.is_relative_to(path) for path in shown)]
    mounts += [(folder, ["--tmpfs", str(folder)]) for folder in covered]
    given = []
    for name, text in (("passwd", PASSWD), ("group", "student:x:1000:\n"), ("hosts", "127.0.0.1 localhost\n")):
        given.append(_in_memory(text, stack))
        mounts.append((Path("/etc") / name, ["--ro-bind-data", str(given[-1]), f"/etc/{name}"]))
    size = ["--size", str(policy.limits.disk)] if policy.limits.disk else []
    mounts += [(Path(p), [*(SOCKETS if p == str(RUN) else size), "--tmpfs", p]) for p in WRITABLE]
    mounts += [(HOME / name, ["--ro-bind", str(path), str(HOME / name)]) for path, name in policy.beside]
    mounts += [(Path("/proc"), ["--proc", "/proc"]), (Path("/dev"), ["--dev", "/dev"])]
    # bubblewrap leaves the system's settings as they are; root outside could still write some of them from inside
    mounts.append((Path("/proc/sys"), ["--ro-bind", "/proc/sys", "/proc/sys"]))
    if policy.devices:
        mounts += [(device, ["--dev-bind-try", str(device), str(device)]) for device in policy.devices]
        readable(Path("/sys/bus/pci/devices"))
        readable(Path("/sys/devices"))
    mounts.sort(key=lambda mount: len(mount[0].parts))  # a folder before what lies in it
    arguments = ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    arguments += ["--die-with-parent", "--hostname", "crossmodal", "--clearenv"]
    for _, what in mounts:
        arguments += what
    for folder in covered:  # once all that lies within is mounted
        arguments += ["--remount-ro", str(folder)]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(HOME)], given


def _in_memory(text: str, stack: contextlib.ExitStack) -> int:
    """A descriptor from which this text can be read."""
    descriptor = os.memfd_create("bwrap")
    stack.callback(os.close, descriptor)
    os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def own_python() -> set[Path]:
    """Where this Python and its packages are. Not all of sys.path: that may begin with anybody's folder."""
    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    if site.ENABLE_USER_SITE:
        places.add(site.getusersitepackages())
    found = {Path(p) for p in places if Path(p).is_dir()}
    return {p for p in found if not any(p != other and p.is_relative_to(other) for other in found)}


def interpreter(argv0: str) -> tuple[Path, ...]:
    """What a kernelspec's program needs to be seen: the prefix of its environment, and that of the Python beneath."""
    found = shutil.which(argv0)
    if found is None:
        return ()
    return tuple(
        {Path(found).absolute().parent.parent, Path(found).resolve().parent.parent} - {Path("/"), Path("/usr")}
    )


def sweep() -> None:
    """End what bubblewrap leaves if its first process is killed in the instant before it releases the second.

    That one then waits for ever, in a session whose first process is gone, and runs nothing of anybody's.
    """
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        with contextlib.suppress(OSError, psutil.Error):
            if command[:1] + command[3:4] == [shutil.which("bwrap"), "--"] and not psutil.pid_exists(
                os.getsid(process.pid)
            ):
                process.kill()


@functools.lru_cache(maxsize=1)
def unavailable() -> str:
    """Why no sandbox can be made on this machine and what to do, or ""."""
    if sys.platform != "linux":
        return f"sandboxes need Linux (and its bubblewrap): grade on Linux, in WSL or in a Linux VM. {REMEDY}"
    try:
        with Sandbox(Policy()) as sandbox:
            done = subprocess.run(
                [sys.executable, "-c", PROBE, str(sandbox.pid)], capture_output=True, text=True, timeout=30
            )
    except (SandboxError, OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return f"a sandbox cannot be entered: {done.stderr.strip().splitlines()[-1]}. {REMEDY}"
    return ""


def free_memory() -> int:
    """Bytes that new work can use on this machine, or in the container where that has a limit of its own."""
    free = psutil.virtual_memory().available
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, free)
