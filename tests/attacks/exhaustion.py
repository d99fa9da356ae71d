"""Time, memory, processes, output and disk used up: it ends, and what was fine in the same notebook still counts.

Limits are those of the attack course: 4 s a cell, 2 s a request of the judge, 0.5 GB, 64 processes, 256 files, 64 MB of
disk. `ESCAPED:` on stdout says that a limit did not hold.
"""

from __future__ import annotations

from attacks import forks
from attacks.cases import Case, Expect
from attacks.edits import FULL, TABLE, answer, cell, family, last_cell

CASES: list[Case] = []
case = family(CASES, "exhaustion")
DOUBLE = "def double(n):\n    return 2 * n\n"


# --- time -------------------------------------------------------------------------------------------------------------


@case("a loop without end, below an answer that is fine", says="took longer than 4 s, and was interrupted")
def _(notebook):
    return answer(notebook, double=DOUBLE + "while True:\n    pass", table=TABLE)


@case("sleep that ignores interrupts", {**FULL, "double": 0.0}, says="did not stop when interrupted")
def _(notebook):
    ignore = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    time.sleep(60)"
    return answer(notebook, double=DOUBLE + ignore, table=TABLE)


@case("native code that holds the interpreter", says="did not stop when interrupted")
def _(notebook):
    block = "import ctypes, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
    return cell(notebook, block + "ctypes.PyDLL(None).sleep(600)")


@case("a loop without end in C", says="did not stop when interrupted")
def _(notebook):
    return cell(notebook, "import collections, itertools\ncollections.deque(itertools.repeat(0), maxlen=0)")


@case("a regular expression that goes back again and again")
def _(notebook):
    return cell(notebook, "import re\nre.match('(a+)+b', 'a' * 60)")


@case("sleep while an object is deleted, and while a module is imported")
def _(notebook):
    return cell(
        notebook,
        """
        import sys, time
        class Slow:
            def __del__(self):
                while True:
                    try:
                        time.sleep(600)
                    except BaseException:
                        pass
        open("slow_module.py", "w").write("import time\\ntime.sleep(3)")
        sys.path.insert(0, "")
        import slow_module
        slow = Slow()
        del slow
        """,
    )


@case("one call of the judge without end", {**FULL, "double": 0.0}, says="no result after 2 s")
def _(notebook):
    return answer(notebook, double="def double(n):\n    while True:\n        pass", table=TABLE)


@case("one call of the judge in native code, after two good answers", {**FULL, "mean": 0.0}, says="no result after 2 s")
def _(notebook):
    return answer(notebook, mean="def mean(values):\n    return sum(range(10**12))")


@case("a thread that ends the kernel a little later", None, seconds=40)
def _(notebook):
    return cell(notebook, "import os, threading\nthreading.Timer(0.2, lambda: os._exit(1)).start()")


@case("input, a debugger and breakpoints", says="input")
def _(notebook):
    cell(notebook, "breakpoint()")
    cell(notebook, "try:\n    1 / 0\nexcept ZeroDivisionError:\n    import pdb\n    pdb.post_mortem()")
    return cell(notebook, "%pdb on\ninput('Go on? ')")


# --- the kernel's end -------------------------------------------------------------------------------------------------


@case("a crash in native code", says="the kernel died")
def _(notebook):
    return cell(notebook, "import ctypes\nctypes.string_at(8)")


@case("a stack that overflows", says="the kernel died")
def _(notebook):
    return cell(
        notebook, "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    return max(map(lambda x: f(), [1]))\nf()"
    )


@case("exit, abort and a kill of its own", seconds=40)
def _(notebook):
    cell(notebook, "import os\nos.kill(os.getpid(), 9)")
    return cell(notebook, "exit()")


# --- memory and processes ---------------------------------------------------------------------------------------------


@case("memory in one process", says="MemoryError")
def _(notebook):
    return cell(notebook, "kept = []\nwhile True:\n    kept.append(bytearray(b'x' * 10_000_000))")


@case("memory shared between nobody", says="GB of memory")
def _(notebook):
    return cell(
        notebook,
        """
        import mmap, time
        kept = mmap.mmap(-1, 1_500_000_000)
        for at in range(0, len(kept), 4096):
            kept[at] = 1
        time.sleep(1)
        print("ESCAPED: 1.5 GB of shared memory")
        """,
    )


@case("memory in files without names and in System V segments")
def _(notebook):
    return cell(
        notebook,
        """
        import ctypes, os, time
        held, libc = 0, ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        try:
            for n in range(30):
                file = os.memfd_create(str(n))
                held += os.write(file, bytes(60_000_000))
        except OSError:
            pass
        for n in range(30):
            number = libc.shmget(0, 60_000_000, 0o1600)
            where = libc.shmat(number, None, 0) if number != -1 else 0
            if where and where != 2**64 - 1:
                ctypes.memset(where, 1, 60_000_000)
                held += 60_000_000
        time.sleep(1)
        if held > 600_000_000:
            print("ESCAPED:", held, "bytes")
        """,
    )


@case("many processes with a little memory each", says="GB of memory")
def _(notebook):
    return cell(
        notebook,
        """
        import os, time
        for n in range(40):
            if os.fork() == 0:
                kept = bytearray(b"x" * 40_000_000)
                time.sleep(60)
                os._exit(0)
        time.sleep(3)
        print("ESCAPED: 1.6 GB in 40 processes")
        """,
    )


@case("a fork bomb")
def _(notebook):
    return cell(
        notebook,
        """
        import os, time
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                os.fork()
            except OSError:
                time.sleep(0.05)
        """,
    )


@case("threads without end")
def _(notebook):
    return cell(
        notebook,
        """
        import threading, time
        started = 0
        try:
            while started < 5000:
                threading.Thread(target=time.sleep, args=[30], daemon=True).start()
                started += 1
        finally:
            if started > 200:
                print("ESCAPED:", started, "threads")
        """,
    )


@case("the dead left lying, and files left open")
def _(notebook):
    return cell(
        notebook,
        """
        import os
        opened = []
        try:
            while len(opened) < 5000:
                opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        count = len(opened)
        for file in opened:
            os.close(file)
        dead = 0
        try:
            while dead < 2000:
                if os.fork() == 0:
                    os._exit(0)
                dead += 1
        except OSError:
            pass
        if count > 256 or dead > 70:
            print("ESCAPED:", count, "files,", dead, "dead processes")
        """,
    )


# --- disk -------------------------------------------------------------------------------------------------------------


@case("disk: everything writable filled, one file without end")
def _(notebook):
    return cell(
        notebook,
        """
        import os
        held = 0
        for folder in ("/tmp", os.path.expanduser("~"), "/dev/shm", "/run/kernel", "/var/tmp", "/dev", "/run", "/"):
            for n in range(3):
                try:
                    with open(f"{folder}/large{n}", "wb", 0) as file:
                        while held < 2_000_000_000:
                            held += file.write(bytes(1 << 20))
                except OSError:
                    pass
        if held > 4 * 70_000_000:
            print("ESCAPED:", held, "bytes on disk")
        for folder in ("/tmp", os.path.expanduser("~"), "/dev/shm"):
            for n in range(3):
                if os.path.exists(f"{folder}/large{n}"):
                    os.unlink(f"{folder}/large{n}")
        """,
    )


@case("a million small files")
def _(notebook):
    return cell(
        notebook,
        """
        import os
        made = 0
        try:
            for made in range(1_000_000):
                os.close(os.open(f"/dev/shm/{made}", os.O_CREAT))
        finally:
            if made > 60_000:
                print("ESCAPED:", made, "files")
        """,
    )


# --- output -----------------------------------------------------------------------------------------------------------


@case("lines without end", says="printed more than 40 MB", seconds=40)
def _(notebook):
    return cell(notebook, "while True:\n    print('spam ' * 200)")


@case("one line of half a gigabyte, and errors without end", seconds=40)
def _(notebook):
    cell(notebook, "import sys\nsys.stderr.write('x' * 150_000_000)")
    raises = "    try:\n        raise ValueError('x' * 100_000)\n    except ValueError:\n"
    return cell(notebook, "while True:\n" + raises + "        get_ipython().showtraceback()")


@case("displays of a gigabyte", seconds=40)
def _(notebook):
    return cell(
        notebook,
        """
        from IPython.display import display
        for n in range(100):
            display({"text/html": "x" * 10_000_000, "image/png": "A" * 1000}, raw=True)
        """,
    )


@case("outputs cleared by the million, and widgets that talk", seconds=40)
def _(notebook):
    return cell(
        notebook,
        """
        from IPython.display import clear_output, display
        kernel = get_ipython().kernel
        handle = display("", display_id=True)
        while True:
            clear_output()
            clear_output(wait=True)
            handle.update("x" * 100)
            kernel.session.send(kernel.iopub_socket, "comm_msg", {"comm_id": "x", "data": {"state": "y" * 1000}})
        """,
    )


@case("messages that grow a hundredfold when they are read", seconds=40)
def _(notebook):
    return cell(
        notebook,
        """
        import json
        kernel = get_ipython().kernel
        session, parent = kernel.session, kernel.get_parent("shell")
        head = session.msg("display_data", parent=parent)
        parts = [json.dumps(part, default=str).encode() for part in (head["header"], parent["header"], {})]
        parts.append(b'{"data": {"application/json": [' + b"[]," * 20_000_000 + b'[]]}, "metadata": {}}')
        for n in range(4):
            kernel.iopub_socket.send_multipart([b"x", b"<IDS|MSG>", session.sign(parts), *parts])
        """,
    )


@case("outputs of sixty cells, each within its cap", seconds=60)
def _(notebook):
    for n in range(60):
        cell(notebook, f"from IPython.display import display\ndisplay({{'text/html': '{n}' * 3_900_000}}, raw=True)")
    return notebook


@case("sockets between processes, full of what nobody reads", says="GB of memory")
def _(notebook):
    return cell(
        notebook,
        """
        import os, socket, time
        for _ in range(30):
            if os.fork() == 0:
                kept = []
                for _ in range(80):
                    pair = socket.socketpair()
                    for one in pair:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                        one.setblocking(False)
                        try:
                            while True:
                                one.send(b"x" * 65536)
                        except BlockingIOError:
                            pass
                    kept.append(pair)
                time.sleep(60)
        time.sleep(60)
        """,
    )


@case("tables of pages for a terabyte that is never written", None)
def _(notebook):
    return cell(
        notebook,
        """
        import mmap
        size = 1 << 40
        space = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)
        for at in range(0, size, 1 << 21):
            space[at]
        """,
    )


PARTS = """
import zmq
kernel = get_ipython().kernel
head = kernel.session.msg("stream", {"name": "stdout", "text": ""}, parent=kernel.get_parent("shell"))
parts = [b"x", *kernel.session.serialize(head)] + [b"x" * 30_000_000] * 200
kernel.iopub_socket.send_multipart(parts, copy=False)
"""
CASES.append(
    Case(
        "six gigabytes in the parts of one message",
        "exhaustion",
        lambda notebook: cell(notebook, PARTS),
        Expect("graded", None, 60),
    )
)


@case("an answer of a hundred megabytes, and one that comes byte by byte", {**FULL, "double": 0.0, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="def double(n):\n    return 'x' * 100_000_000",
        table=TABLE,
        mean="import time\ndef mean(values):\n    for _ in range(1000):\n        time.sleep(0.1)\n    return 2.0",
    )


@case("a process left behind that takes memory while nobody asks")
def _(notebook):
    return last_cell(
        notebook,
        """
        import os, time
        if os.fork() == 0:
            time.sleep(0.3)
            kept = []
            while True:
                kept.append(bytearray(b"x" * 1_000_000))
        """,
    )


CASES += forks.CASES
