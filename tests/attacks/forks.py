"""Answers that use up the fork of the kernel in which they are asked: each costs its own question at most."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, answer, cell, family

CASES: list[Case] = []
case = family(CASES, "exhaustion")


# the socket by which a fork answers, from its frames
LINK = """import sys
    frame = sys._getframe()
    while "link" not in frame.f_locals:
        frame = frame.f_back
    link = frame.f_locals["link"]
"""
# bodies of an answer, which is asked in a fork; every other question keeps its points
ASKED = {
    "that waits, deaf to interrupts": "import signal, time\n"
    "    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n    while True:\n        time.sleep(60)",
    "that holds the interpreter": "import ctypes\n    ctypes.PyDLL(None).sleep(600)",
    "whose value takes for ever to write": "class Endless(list):\n        def __iter__(self):\n"
    "            while True:\n                pass\n    return Endless()",
    "whose error takes for ever to say": "class Slow(Exception):\n        def __str__(self):\n            while True:\n"
    "                pass\n    raise Slow",
    "that takes memory": "kept = []\n    while True:\n        kept.append(bytearray(b'x' * 10_000_000))",
    "that takes memory which is nobody's": "import mmap, time\n    kept = mmap.mmap(-1, 1_500_000_000)\n"
    "    for at in range(0, len(kept), 4096):\n        kept[at] = 1\n    time.sleep(9)",
    "that takes memory in many processes": "import os, time\n    for _ in range(40):\n        if os.fork() == 0:\n"
    "            os.setsid()\n            kept = bytearray(b'x' * 40_000_000)\n            time.sleep(60)\n"
    "            os._exit(0)\n    time.sleep(9)",
    "that is a fork bomb": "import os, time\n    until = time.monotonic() + 20\n    while time.monotonic() < until:\n"
    "        try:\n            os.fork()\n        except OSError:\n            time.sleep(0.05)",
    "that is a fork bomb of sessions of their own": "import os, time\n    while True:\n        try:\n"
    "            if os.fork() == 0:\n                os.setsid()\n        except OSError:\n"
    "            time.sleep(0.05)",
    "that starts threads without end": "import threading, time\n    while True:\n"
    "        threading.Thread(target=time.sleep, args=[30], daemon=True).start()",
    "that leaves the dead lying": "import os\n    for _ in range(200):\n        if os.fork() == 0:\n"
    "            os._exit(0)\n    return -1",
    "that opens files without end": "import os\n    while True:\n        os.open('/dev/null', os.O_RDONLY)",
    "that closes what it does not know": "import os\n    os.closerange(0, 256)\n    return -1",
    "that overflows the stack": "import sys\n    sys.setrecursionlimit(10**9)\n"
    "    f = lambda: max(map(lambda x: f(), [1]))\n    return f()",
    "that kills its group": "import os, signal\n    os.killpg(0, signal.SIGKILL)",
    "that stops itself": "import os, signal\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return -1",
    "that kills the kernel": "import os\n    os.kill(os.getppid(), 9)\n    return -1",
    "that kills all there is": "import os\n    os.kill(-1, 9)\n    return -1",
    "that stops the kernel": "import os, signal\n    os.kill(os.getppid(), signal.SIGSTOP)\n    return -1",
    "that interrupts the kernel": "import os, signal, time\n    for _ in range(50):\n"
    "        os.kill(os.getppid(), signal.SIGINT)\n        time.sleep(0.01)\n    return -1",
    "that writes over the kernel's memory": "import os, re\n    kernel = os.getppid()\n"
    "    for line in open(f'/proc/{kernel}/maps'):\n        span = re.match('([0-9a-f]+)-([0-9a-f]+) rw', line)\n"
    "        if span:\n            begin, end = (int(part, 16) for part in span.groups())\n            try:\n"
    "                with open(f'/proc/{kernel}/mem', 'wb', 0) as memory:\n                    memory.seek(begin)\n"
    "                    memory.write(bytes(min(end - begin, 1 << 20)))\n            except OSError:\n"
    "                pass\n    return -1",
    "that answers without end": LINK + "    while True:\n"
    "        link.send((10**6).to_bytes(8, 'big') + b'x' * 10**6)",
    "whose answer's length is a lie": LINK + "    link.send((79_000_000).to_bytes(8, 'big'))\n    return -1",
    "that answers with lists by the million": LINK
    + "    link.sendall((60_000_000).to_bytes(8, 'big') + b'[' + b'[],' * 20_000_000)\n    return -1",
    "that answers with another's word": LINK + "    link.sendall((2).to_bytes(8, 'big') + b'[]')\n    return -1",
    "that comes back twice from the fork": "import os\n    os.fork()\n"
    "    os.setsid() if os.getpid() % 2 else None\n    return -1",
}  # fmt: skip
for _name, _body in ASKED.items():
    case(f"an answer {_name}", {**FULL, "double": 0.0})(
        lambda notebook, body=_body: answer(notebook, double=f"def double(n):\n    {body}", table=TABLE)
    )


@case("every answer ends the kernel, but one", {**NONE, "table": 2.0}, seconds=40)
def _(notebook):
    ends = "import os\ndef {0}(n):\n    os.kill(os.getppid(), 9)"
    cell(notebook, "import os\nos.abort()")
    cell(notebook, "import os\nos._exit(1)")
    return answer(notebook, double=ends.format("double"), table=TABLE, mean=ends.format("mean"))


@case("two answers that are slow again and again, and a third that is not", {**NONE, "mean": 1.5}, seconds=40)
def _(notebook):
    slow = (
        "import time\ndef double(n):\n    time.sleep(60)\nclass Slow:\n    def __len__(self):\n        time.sleep(60)\n"
    )
    return answer(notebook, double=slow, table="class Table(list):\n    __iter__ = __len__ = double\ntable = Table()")


# what a cell leaves behind, that is there when a fork is made
AROUND = {
    "fork, wait and sockets that are others": "import os, socket\nos.fork = lambda: 1 / 0\n"
    "os.waitpid = lambda *_: (0, 0)\nsocket.socketpair = None",
    "functions to be called in forks": "import os, time\n"
    "os.register_at_fork(after_in_child=lambda: time.sleep(60), after_in_parent=lambda: os.kill(os.getpid(), 2))",
    "an exit that is none": "import os\nos._exit = lambda code: None\nos.kill = os.killpg = lambda *_: None",
    "a thread that takes what is on the links": "import socket, threading\ndef take():\n    while True:\n"
    "        for file in range(3, 40):\n            try:\n                link = socket.socket(fileno=file)\n"
    "                if link.family == socket.AF_UNIX and not link.getsockname():\n"
    "                    link.recv(10**6, socket.MSG_DONTWAIT)\n            except OSError:\n                pass\n"
    "            finally:\n                link.detach()\n"
    "link = socket.socket()\nthreading.Thread(target=take, daemon=True).start()",
    "a thread that forks, and one that imports": "import os, sys, threading, time\ndef forks():\n    while True:\n"
    "        if os.fork() == 0:\n            os._exit(0)\n        os.wait()\n"
    "def imports():\n    while True:\n        sys.modules.pop('this_one', None)\n        try:\n"
    "            import this_one\n        except ImportError:\n            pass\n"
    "for f in (forks, imports):\n    threading.Thread(target=f, daemon=True).start()",
    "processes and files at their limits": "import os, subprocess\ntry:\n    while True:\n"
    "        subprocess.Popen(['sleep', '60'], start_new_session=True)\nexcept OSError:\n    pass\ntry:\n"
    "    while True:\n        os.open('/dev/null', os.O_RDONLY)\nexcept OSError:\n    pass",
    "a thread that shows without end": "import threading\nfrom IPython.display import display\ndef shows():\n"
    "    while True:\n        display({'text/html': 'x' * 100_000}, raw=True)\n"
    "threading.Thread(target=shows, daemon=True).start()",
    "a thread that takes the processor": "import threading\ndef spins():\n    while True:\n        pass\n"
    "for _ in range(20):\n    threading.Thread(target=spins, daemon=True).start()",
    "handlers of signals that raise": "import signal\ndef raises(*_):\n    raise RuntimeError\n"
    "for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGPIPE):\n    signal.signal(number, raises)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)",
    "an event loop that never is idle": "import asyncio\nasync def busy():\n    while True:\n"
    "        await asyncio.sleep(0)\ntask = asyncio.get_running_loop().create_task(busy())",
    "an event loop that is held": "import asyncio, time\n"
    "asyncio.get_running_loop().call_later(0.2, lambda: time.sleep(600))",
}  # fmt: skip
for _name, _source in AROUND.items():
    case(f"left behind: {_name}", None, seconds=60)(lambda notebook, source=_source: cell(notebook, source))


@case("left behind: a notebook of honest answers at the limits of memory")
def _(notebook):
    return cell(notebook, "large = bytearray(b'x' * 350_000_000)")
