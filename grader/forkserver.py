"""A process that has imported the course's libraries once and forks a fresh IPython kernel from itself on request.

Importing torch, transformers, diffusers and open_clip costs 6 to 8 CPU seconds; a fork of a process that has done so
costs milliseconds, and its memory is shared until written to. The server runs no one's code: it imports, then listens
on the socket it inherited, one JSON object a line, and answers each in kind:

    {"op": "spawn", "argv": [...], "env": {...}, "cwd": "..."}   ->  {"pid": 123}
    {"op": "signal", "pid": 123, "signum": 2}                    ->  {"sent": true}
    {"op": "poll", "pid": 123}                                   ->  {"exit": null | 0 | -9 | ...}
    anything that fails                                          ->  {"error": "..."}

When the socket closes, the server kills every kernel it still has, with all their children, and ends.
Run as `python -m grader.forkserver FD MODULE...`. POSIX only.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any

# What the weeks' notebooks import. transformers and diffusers load their classes lazily, so those are named too.
# Nothing here may touch CUDA: a forked child could not use it any more.
LIBRARIES = (
    "matplotlib.pyplot",
    "numpy",
    "PIL.Image",
    "torch",
    "torchvision",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.processing_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers",
    "open_clip",
    "sklearn.decomposition",
    "sklearn.metrics.pairwise",
    "sklearn.linear_model",
    "skimage.data",
    "tqdm.auto",
    "tinyworld",
    "coursekit.models",
    "coursekit.plots",
    "coursekit.student",
)
PR_SET_PDEATHSIG = 1


def warm_up(libraries: Iterable[str]) -> None:
    """Import the libraries; those this machine lacks are left for the notebooks to miss."""
    for name in ("ipykernel.kernelapp", "ipykernel.ipkernel", *libraries):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else the first collection in a child would write to, and so copy, every page of the shared heap


class ForkServer:
    """Forks kernels, passes signals on, and reaps."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.exits: dict[int, int | None] = {}  # pid to exit code, None while running

    def serve(self) -> None:
        """Answer requests until the other end closes."""
        with self.connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
            for line in stream:
                try:
                    request = json.loads(line)
                    answer = getattr(self, "op_" + request.pop("op"))(**request)
                except Exception as error:  # the server outlives any request
                    answer = {"error": f"{type(error).__name__}: {error}"}
                stream.write(json.dumps(answer) + "\n")
                stream.flush()
        for pid in [pid for pid, code in self.exits.items() if code is None]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def op_spawn(self, argv: list[str], env: dict[str, str], cwd: str | None) -> dict[str, Any]:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self.connection.close()
                run_kernel(argv, env, cwd, parent)
            finally:
                os._exit(1)
        with contextlib.suppress(OSError):  # done here and in the child: whoever comes first
            os.setpgid(pid, pid)
        self.exits[pid] = None
        return {"pid": pid}

    def op_signal(self, pid: int, signum: int) -> dict[str, Any]:
        if self._poll(pid) is None:
            # an interrupt is for the kernel itself; what ends it, ends all it started
            (os.kill if signum == signal.SIGINT else os.killpg)(pid, signum)
        return {"sent": self.exits[pid] is None}

    def op_poll(self, pid: int) -> dict[str, Any]:
        return {"exit": self._poll(pid)}

    def op_forget(self, pid: int) -> dict[str, Any]:
        """The kernel is done with: end what it left running, and drop its exit code."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        return {"exit": self.exits.pop(pid, None)}

    def _poll(self, pid: int) -> int | None:
        if self.exits[pid] is None:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self.exits[pid] = os.waitstatus_to_exitcode(status)
        return self.exits[pid]


def run_kernel(argv: list[str], env: dict[str, str], cwd: str | None, server: int) -> None:
    """Become an IPython kernel: in the forked child, with no way back."""
    os.setpgid(0, 0)
    _die_with(server)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(signum, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    os.environ["JPY_PARENT_PID"] = str(server)
    if cwd:
        os.chdir(cwd)
    _fresh_randomness()
    torch = sys.modules.get("torch")
    if torch is not None and env.get("CROSSMODAL_THREADS"):
        torch.set_num_threads(int(env["CROSSMODAL_THREADS"]))
    sys.argv = list(argv)
    gc.enable()
    from ipykernel.kernelapp import IPKernelApp

    code = 0
    try:
        IPKernelApp.launch_instance(argv=argv[1:])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _die_with(server: int) -> None:
    """Ask Linux to kill this process when its parent dies, however that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it died in between
            os._exit(1)


def _fresh_randomness() -> None:
    """Else every kernel would draw the same 'random' numbers."""
    import random

    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the grader's to handle
    connection = socket.socket(fileno=int(sys.argv[1]))
    # ipykernel sets this too, but in the child, when matplotlib has been imported and has read it. The backend itself
    # is left for the child to import: it looks for a running IPython then, to show figures at the end of a cell.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    warm_up(sys.argv[2:])
    connection.sendall(b'{"ready": true}\n')
    ForkServer(connection).serve()
    os._exit(0)  # there is nothing to tidy, and some libraries complain about their own tidying


if __name__ == "__main__":
    main()
