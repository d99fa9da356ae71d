"""The kernel of a graded notebook: an IPython kernel that a judge can ask about the student's values.

Questions and answers are messages of their own kind, `judge_request` and `judge_reply`. They are no code that the
notebook's names, builtins or input transformers could change, and what answers them is put back as it was before the
notebook's first cell. Each question is answered by a fork of the kernel as it stands at that moment, so an answer that
hangs, crashes or changes things costs no other, and leaves the notebook as it was.

`CROSSMODAL_HELPER` names the week's helper package, which is imported before the notebook runs.
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
import threading
import warnings
from typing import Any

import psutil
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import UsageError
from traitlets import Type

from coursekit.codec import CodecError, parse
from coursekit.pristine import Pristine
from coursekit.student import Server, text_of

OURS = ("coursekit", "tinyworld")
# what the server of answers stands on, and what no library has a reason to change
BENEATH = ("json", "base64", "importlib", "numpy")
LONGEST = 80_000_000  # bytes of one answer; codec.Limits allows 64 MB of text
MARKS = 2_000_000  # see codec.parse: an answer is JSON by the notebook's leave
DRAWN_INTO = ("agg", "inline", "pdf", "ps", "svg")  # what `%matplotlib` may be told without a screen
PDEATHSIG, CHILD_SUBREAPER = 1, 36  # linux/prctl.h
ROUNDS = 50  # of ending what a question left running


class JudgedShell(ZMQInteractiveShell):
    """A shell in which a magic that needs a browser, a screen or a missing extension does not end its cell."""

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Draw into the notebook where a window or a widget was asked for."""
        return super().enable_matplotlib(gui if gui in DRAWN_INTO else "inline")

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except (UsageError, ImportError) as error:
            print(f"%{magic_name} does nothing here: {error}", file=sys.stderr)


class JudgedKernel(IPythonKernel):
    """An IPython kernel with a handler for `judge_request`.

    Its content: question, a name; text, a request to `coursekit.student.Server`; fork, whether to answer in a fork.
    The first request of a question is answered as the notebook stands then; the fork lives until the next question. The
    reply has the answer as `text` and what had been put back as `replaced`; or `lost`, why there is no answer.
    """

    msg_types = [*IPythonKernel.msg_types, "judge_request"]
    shell_class = Type(JudgedShell)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        helper = os.environ.get("CROSSMODAL_HELPER", "")
        for name in filter(None, (helper, helper and f"{helper}.probes", "coursekit.models")):
            with contextlib.suppress(Exception):  # the notebook's own import will say why
                importlib.import_module(name)
        sys.modules.pop(__name__, None)  # what is imported under this name from now on is another
        self.shell_handlers["judge_request"] = Answering(self, {*OURS, helper}).handle

    async def judge_request(self, socket: Any, ident: Any, parent: Any) -> None:
        """Answered by the handler that `__init__` put in its place."""


class Ended(Exception):
    """The fork that was to answer is gone; the text says how."""


class Answering:
    """Answers a judge's requests for one kernel."""

    def __init__(self, kernel: JudgedKernel, packages: set[str]) -> None:
        self.kernel = kernel
        beneath = [name for name in sys.modules if name in BENEATH or name.startswith("json.")]
        course = [name for name in sys.modules if name.partition(".")[0] in packages]
        self.pristine = Pristine([*beneath, *course])
        self.libc = ctypes.CDLL(None)
        self.question = ""
        self.child = 0  # the fork of the present question
        self.others: set[int] = set()  # the children that the kernel had before
        self.link: socket.socket | None = None
        self.server: Server | None = None  # where this very process answers
        self.replaced: list[str] = []

    async def handle(self, channel: Any, ident: Any, parent: dict[str, Any]) -> None:
        reply = self._reply(**parent["content"])
        self.kernel.session.send(channel, "judge_reply", {"status": "ok", **reply}, parent, ident=ident)

    def _reply(self, question: str, text: str, fork: bool) -> dict[str, Any]:
        try:
            if question != self.question:
                self._end()
                self.question = question
                if question:
                    self._begin(fork)
            if not question:
                return {"text": ""}
            if self.server is not None:
                return {"text": self.server(text), "replaced": self.replaced}
            return self._ask(text)
        except KeyboardInterrupt:
            self._end()
            return {"lost": "it was interrupted"}
        except Ended as error:
            self._end()
            return {"lost": f"its process ended {error}"}
        except BaseException as error:  # no more processes or files; a signal's handler of the notebook's own
            self._end()
            return {"lost": f"it could not be asked ({text_of(error)})"}

    def _begin(self, fork: bool) -> None:
        torch = sys.modules.get("torch")
        if not fork or (torch is not None and torch.cuda.is_initialized()):  # CUDA does not survive a fork
            self.replaced = self.pristine.restore()
            self.server = Server(self.kernel.shell.user_ns)
            return
        signal.setitimer(signal.ITIMER_REAL, 0)  # an alarm that a cell left is for no answer
        self.others = _children()
        self._adopt(True)
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that other threads are not in the fork: none is needed
            child = os.fork()
        if child == 0:
            try:
                ours.close()
                self._serve(theirs, parent)
            finally:
                os._exit(1)
        theirs.close()
        self.child, self.link = child, ours

    def _end(self) -> None:
        """Be done with the present question."""
        self.question, self.server = "", None
        if self.link is not None:
            self.link.close()
            self.link = None
        if self.child:
            with contextlib.suppress(OSError):
                os.killpg(self.child, signal.SIGKILL)
            for _ in range(ROUNDS):  # of those that are not in its group, each becomes ours when its parent ends
                left = _children() - self.others
                for pid in left:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)
                if not left:
                    break
            self._adopt(False)
            self.child = 0

    def _adopt(self, yes: bool) -> None:
        """Whether processes whose parent ends become the kernel's children."""
        with contextlib.suppress(AttributeError):  # Linux only
            self.libc.prctl(CHILD_SUBREAPER, int(yes), 0, 0, 0)

    def _ask(self, text: str) -> dict[str, Any]:
        data = text.encode("utf-8", "surrogatepass")
        try:
            self.link.sendall(len(data).to_bytes(8, "big") + data)
            size = int.from_bytes(self._receive(8), "big")
            if size > LONGEST:
                raise Ended("with an answer that is too long")
            match parse(self._receive(size).decode(), MARKS):
                case {"text": str(answer), "replaced": list(replaced)}:
                    return {"text": answer, "replaced": replaced}
        except (BrokenPipeError, ConnectionResetError):
            raise Ended(self._how()) from None
        except (CodecError, UnicodeDecodeError):
            pass
        raise Ended("with an answer that cannot be read")

    def _receive(self, count: int) -> bytes:
        data = _receive(self.link, count)
        if len(data) < count:
            raise Ended(self._how())
        return data

    def _how(self) -> str:
        """How the fork ended."""
        try:
            _, status = os.waitpid(self.child, 0)
        except ChildProcessError:  # the notebook has the system forget its children
            return "early"
        code = os.waitstatus_to_exitcode(status)
        return f"by signal {-code}, {signal.strsignal(-code)}" if code < 0 else f"with exit status {code}"

    # --- in the fork ------------------------------------------------------------------------------------------------

    def _serve(self, link: socket.socket, parent: int) -> None:
        """Answer until the other end closes."""
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(None)
        threading.setprofile(None)
        gc.callbacks.clear()
        gc.freeze()  # else a collection would write to, and so copy, every page of the heap
        replaced = self.pristine.restore()
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel ends us instead
        with contextlib.suppress(AttributeError):  # Linux only
            self.libc.prctl(PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
        self._be_quiet()
        _use_one_thread()
        _fill_pools()
        server = Server(self.kernel.shell.user_ns)
        while len(head := _receive(link, 8)) == 8:
            text = _receive(link, int.from_bytes(head, "big")).decode("utf-8", "surrogatepass")
            reply = json.dumps({"text": server(text), "replaced": replaced}).encode()
            link.sendall(len(reply).to_bytes(8, "big") + reply)

    def _be_quiet(self) -> None:
        """What is printed or displayed here is nobody's, and the kernel's sockets are not ours to use."""
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
        for sender in (self.kernel.iopub_socket, self.kernel.shell.display_pub, self.kernel.shell.displayhook):
            for name in ("send_multipart", "send", "publish", "__call__"):
                with contextlib.suppress(Exception):
                    object.__setattr__(sender, name, lambda *args, **kwargs: None)


def _children() -> set[int]:
    """The pids of this process's own; none where the notebook has left no way to see them."""
    try:
        return {child.pid for child in psutil.Process().children()}
    except (OSError, psutil.Error):
        return set()


def _receive(link: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer at the end."""
    parts: list[bytes] = []
    while count and (part := link.recv(min(count, 1 << 20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _use_one_thread() -> None:
    """The threads with which libraries share work are not in a fork: who waits for them waits for ever."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.set_num_threads = lambda number: None
    if "threadpoolctl" in sys.modules:
        sys.modules["threadpoolctl"].threadpool_limits(1)


def _fill_pools() -> None:
    """Pools of threads that the notebook made have none in a fork, and take them for there: let them start others."""
    pools = sys.modules.get("concurrent.futures.thread")
    for thread in list(pools._threads_queues) if pools else ():
        with contextlib.suppress(Exception):  # names of the library's own
            pool = thread._args[0]()
            pool._threads.clear()
            pool._idle_semaphore = threading.Semaphore(0)
