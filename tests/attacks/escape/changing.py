"""Changing what is not the student's, ending what others run, outliving the notebook."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import cell, family, last_cell
from attacks.escape.attempts import TRY

CASES: list[Case] = []
case = family(CASES, "escape")


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
