"""Getting out and up: namespaces, privileges, sockets and devices of the host."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import cell, family
from attacks.escape.attempts import TRY

CASES: list[Case] = []
case = family(CASES, "escape")


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
