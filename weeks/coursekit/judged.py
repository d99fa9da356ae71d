"""The kernel of a graded notebook: an IPython kernel that a judge can ask about the student's values.

Questions and answers are messages of their own kind, `judge_request` and `judge_reply`. They are no code that the
notebook's names, builtins or input transformers could change, and what answers them is put back as it was before the
notebook's first cell. Each question is answered by a fork of the kernel as it stands at that moment, so an answer that
hangs, crashes or changes things costs no other, and leaves the notebook as it was. The calls come from frames like
those of the question's visible check in a cell (see `coursekit.frames`).

Every reply carries a proof that what answers had the key that the judge gave before the first cell. A notebook that
takes the kernel's handlers, or its way of sending, for its own gives replies without one, and they count for nothing.

`CROSSMODAL_HELPER` names the week's helper package, which is imported before the notebook runs.
"""

from __future__ import annotations

import asyncio
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
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

import IPython
import psutil
from ipykernel.compiler import get_file_name
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import UsageError
from traitlets import Type

from coursekit import checks, notebook, student
from coursekit.codec import CodecError, parse, proof
from coursekit.frames import Frame, called_from, posing
from coursekit.pristine import Pristine
from coursekit.student import Server, text_of

OURS = ("coursekit", "tinyworld")
# what the server of answers stands on, and what no library has a reason to change
BENEATH = ("json", "base64", "importlib", "numpy")
# what carries a question to the handler and the answer back, and what signs it
CARRIERS = ("ipykernel.kernelbase", "ipykernel.ipkernel", "jupyter_client.session", "coursekit.codec")
ASKED_BY = {  # by the kind of request, the functions of a check's end that make it, the outermost first
    "call": (student.Remote.__call__,),
    "attribute": (student.Remote.__getattr__,),
    "item": (student.Remote.__getitem__,),
    "gradients": (student.Student.gradients,),
    "get": (student.Student.__getattr__,),
}
LONGEST = 80_000_000  # bytes of one answer; codec.Limits allows 64 MB of text
MARKS = 2_000_000  # see codec.parse: an answer is JSON by the notebook's leave
DRAWN_INTO = ("agg", "inline", "pdf", "ps", "svg")  # what `%matplotlib` may be told without a screen
PDEATHSIG, CHILD_SUBREAPER = 1, 36  # linux/prctl.h
HELD = ("session", "shell_handlers", "shell_stream", "control_stream", "iopub_socket", "comm_manager")  # of a kernel
OWN_FRAMES = ("handle", "_reply", "_begin", "_serve")  # of Answering, that are on the stack of a call
PROBE = "_crossmodal_probe"  # a name that the notebook has for a moment, before its first cell
ROUNDS = 50  # of ending what a question left running


class JudgedShell(ZMQInteractiveShell):
    """A shell in which a magic that needs a browser, a screen or a missing extension does not end its cell."""

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Draw into the notebook where a window or a widget was asked for."""
        return super().enable_matplotlib(gui if gui in DRAWN_INTO else "inline")  # type: ignore[no-untyped-call]

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except (UsageError, ImportError) as error:
            print(f"%{magic_name} does nothing here: {error}", file=sys.stderr)


class JudgedKernel(IPythonKernel):
    """An IPython kernel with a handler for `judge_request`.

    Its content: question, a name; text, a request to `coursekit.student.Server`; fork, whether to answer in a fork;
    caller, [the question's name, and the file, name and module of a visible check of it]. The first request of a
    question is answered as the notebook stands then; the fork lives until the next question. The reply has the answer
    as `text` and what had been put back as `replaced`; or `lost`, why there is no answer; and `proof`, see
    `coursekit.codec.proof`. The very first request has nothing but the `key` for that, in hexadecimal.
    """

    msg_types = [*IPythonKernel.msg_types, "judge_request"]
    shell_class = Type(JudgedShell)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        helper = os.environ.get("CROSSMODAL_HELPER", "")
        for name in filter(None, (helper, helper and f"{helper}.probes", "coursekit.models")):
            with contextlib.suppress(Exception):  # the notebook's own import will say why
                importlib.import_module(name)
        sys.modules.pop(__name__, None)  # what is imported under this name from now on is another
        Answering(self, {*OURS, helper})

    async def judge_request(self, socket: Any, ident: Any, parent: Any) -> None:
        """Answered by the handler that `__init__` put in its place."""


class Ended(Exception):
    """The fork that was to answer is gone; the text says how."""


class Pools:
    """The libraries that share work among threads of their own, found before the notebook runs: to look takes long."""

    def __init__(self) -> None:
        self._loaded, self._found = _loads(), _thread_pools()

    def use_one_thread(self) -> None:
        """In a fork. The threads with which libraries share work are not in it: who waits for them waits for ever."""
        torch: Any = sys.modules.get("torch")
        if torch:
            torch.set_num_threads(1)
            torch.set_num_threads = lambda number: None
        found = self._found if self._loaded == _loads() else _thread_pools()
        if found is not None:
            found.limit(limits=1)


class Answering:
    """Answers a judge's requests for one kernel."""

    def __init__(self, kernel: JudgedKernel, packages: set[str]) -> None:
        self.kernel: Any = kernel  # its types allow for parts that a running kernel always has
        beneath = [name for name in sys.modules if name in BENEATH or name.startswith("json.")]
        course = [name for name in sys.modules if name.partition(".")[0] in packages]
        self.pristine = Pristine([*beneath, *course])
        self.carriers = Pristine(CARRIERS, modules_only=True)
        self.streams = (sys.stdout, sys.stderr)
        self.key = b""
        self.cell: list[Frame] = []  # from the kernel's dispatcher to a cell's own frame
        self.libc = ctypes.CDLL(None)
        self.pools = Pools()
        self.question = ""
        self.child = 0  # the fork of the present question
        self.others: set[int] = set()  # the children that the kernel had before
        self.link: Any = None  # the socket to that fork
        self.server: Server | None = None  # where this very process answers
        self.replaced: list[str] = []
        self.source = ""  # of the cell that calls seem to come from
        self.check: list[Frame] = []  # of the check in it
        self.held: dict[str, Any] = {}  # the kernel's own parts
        self.handlers: dict[str, Any] = {}
        self.had: frozenset[str] = frozenset()  # names of the kernel's and the session's own attributes
        kernel.shell_handlers["judge_request"] = self.handle

    async def handle(self, channel: Any, ident: Any, parent: dict[str, Any]) -> None:
        if self.key:
            content = parent["content"]
            reply = self._reply(**content)
            parts = (reply.get("text", ""), reply.get("lost", ""), *reply.get("replaced", ()))
            reply["proof"] = proof(self.key, parent["header"]["msg_id"], content["text"], *parts)
        else:
            await self._set_up(**parent["content"])
            reply = {}
        self.held["session"].send(channel, "judge_reply", {"status": "ok", **reply}, parent, ident=ident)

    async def _set_up(self, key: str) -> None:
        """Take the judge's key, and see what frames a cell has. From then on the own ones look like the outermost."""
        self.key = bytes.fromhex(key)
        names, outer = self.kernel.shell.user_ns, sys._getframe().f_code
        names[PROBE] = lambda: self.cell.extend(Frame.between(sys._getframe(1), outer))
        await self.kernel.do_execute(f"{PROBE}()", silent=True, store_history=False)
        del names[PROBE]
        kinds = [kind for kind in type(self.kernel).__mro__ if "execute_request" in vars(kind)]
        self.cell[:0] = [Frame.of(vars(kind)["execute_request"]) for kind in kinds]
        for name, seen in zip(OWN_FRAMES, self.cell, strict=False):
            setattr(self, name, MethodType(posing(getattr(self, name).__func__, seen), self))
        self.kernel.shell_handlers["judge_request"] = self.handle
        self.held = {name: getattr(self.kernel, name, None) for name in HELD}
        self.handlers = dict(self.kernel.shell_handlers)
        self.had = frozenset((*vars(self.kernel), *vars(self.kernel.session)))

    def _reply(self, question: str, text: str, fork: bool, caller: list[str]) -> dict[str, Any]:
        try:
            if question != self.question:
                self._end()
                self.question = question
                if question:
                    self._look_like(*caller)
                    self._begin(fork)
            if not question:
                return {"text": ""}
            if self.server is not None:
                return {"text": self._as_called(self.server, text, "_reply")(text), "replaced": self.replaced}
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

    def _put_back(self) -> list[str]:
        """Put the kernel's own parts back that the notebook replaced. Returns their names."""
        replaced = self.carriers.restore()
        for name, value in self.held.items():
            if getattr(self.kernel, name, None) is not value:
                setattr(self.kernel, name, value)
                replaced.append(f"kernel.{name}")
        for kind, handler in self.handlers.items():
            if self.held["shell_handlers"].get(kind) != handler:
                self.held["shell_handlers"][kind] = handler
                replaced.append(f"kernel.shell_handlers[{kind!r}]")
        for where, thing in (("kernel", self.kernel), ("session", self.held["session"])):
            for name in vars(thing).keys() - self.had:
                if isinstance(getattr(type(thing), name, None), FunctionType):
                    delattr(thing, name)
                    replaced.append(f"{where}.{name}")
        return replaced

    def _look_like(self, question: str, file: str, name: str, module: str) -> None:
        """From now on calls look as if this visible check made them, in a cell with nothing else."""
        self.source = f'check("{question}")'
        names = vars(sys.modules[module]) if module in sys.modules else {"__name__": module, "__file__": file}
        # here and not in a fork, for the name has the kernel's pid
        self.cell[-1] = replace(self.cell[-1], file=get_file_name(self.source))
        self.check = [Frame.of(notebook.check), Frame.of(checks.run_check), Frame(file, name, name, 2, names)]

    def _begin(self, fork: bool) -> None:
        torch = sys.modules.get("torch")
        self.replaced = self._put_back()
        if not fork or (torch is not None and torch.cuda.is_initialized()):  # CUDA does not survive a fork
            self.replaced += self.pristine.restore()
            self.server = Server(self.kernel.shell.user_ns)
            return
        signal.setitimer(signal.ITIMER_REAL, 0)  # an alarm that a cell left is for no answer
        self.others = _children()
        self._adopt(True)
        ours, theirs = socket.socketpair()
        parent, loop = os.getpid(), asyncio.get_running_loop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that other threads are not in the fork: none is needed
            child = os.fork()
        if child == 0:
            try:
                ours.close()
                asyncio._set_running_loop(loop)  # as in a cell, where `asyncio.run` says so too
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
                    return {"text": answer, "replaced": [*self.replaced, *(str(name)[:200] for name in replaced[:50])]}
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
        self.key = b""  # it signs what the kernel sends, and nothing here
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
        self.pools.use_one_thread()
        _fill_pools()
        server = Server(self.kernel.shell.user_ns)
        self._begin_cell()
        while len(head := _receive(link, 8)) == 8:
            text = _receive(link, int.from_bytes(head, "big")).decode("utf-8", "surrogatepass")
            answer = self._as_called(server, text, "_serve")(text)
            reply = json.dumps({"text": answer, "replaced": replaced}).encode()
            link.sendall(len(reply).to_bytes(8, "big") + reply)

    def _be_quiet(self) -> None:
        """What is printed or displayed here is nobody's, and the kernel's sockets are not ours to use."""
        quiet = {"write": len, "flush": lambda: None}
        for stream in self.streams:  # still the kernel's own kind
            for name, does in quiet.items():
                with contextlib.suppress(Exception):
                    object.__setattr__(stream, name, does)
        sys.stdout, sys.stderr = self.streams
        for sender in (self.kernel.iopub_socket, self.kernel.shell.display_pub, self.kernel.shell.displayhook):
            for name in ("send_multipart", "send", "publish", "__call__"):
                with contextlib.suppress(Exception):
                    object.__setattr__(sender, name, lambda *args, **kwargs: None)

    def _begin_cell(self) -> None:
        """Have the shell's record of cells say that the check's cell is running."""
        with contextlib.suppress(Exception):  # all of it is the notebook's to change
            history = self.kernel.shell.history_manager
            for inputs in (history.input_hist_parsed, history.input_hist_raw):
                inputs.append(self.source)
            if IPython.version_info >= (9,):  # it counts a cell as it begins; earlier ones as it ends
                self.kernel.shell.execution_count += 1

    def _as_called(self, server: Server, text: str, own: str) -> Callable[[str], str]:
        """The server, called as a check in a cell would call it. own: our function that does so."""
        op = text.partition('["op","')[2].partition('"')[0]
        asking = [Frame.of(function) for function in (*ASKED_BY.get(op, ()), student.Student._ask)]
        return called_from([*self.cell[OWN_FRAMES.index(own) + 1 :], *self.check, *asking], server)


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


class _Loaded(ctypes.Structure):
    """The beginning of `struct dl_phdr_info`, see dl_iterate_phdr(3)."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("count", ctypes.c_uint16),
        ("adds", ctypes.c_ulonglong),
    )


def _loads() -> int:
    """How often this process has loaded a library; to look at all modules instead would copy their pages in a fork."""
    adds = [0]

    def first(one: Any, size: int, data: Any) -> int:
        adds[0] = one.contents.adds
        return 1  # the count is the same in all of them

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.c_void_p)
    look = getattr(ctypes.CDLL(None), "dl_iterate_phdr", None)  # not on macOS, where nothing is forked
    if look:
        look(kind(first), None)
    return adds[0]


def _thread_pools() -> Any:
    """A threadpoolctl.ThreadpoolController; None where the library is not loaded."""
    threadpoolctl: Any = sys.modules.get("threadpoolctl")
    return threadpoolctl and threadpoolctl.ThreadpoolController()


def _fill_pools() -> None:
    """Pools of threads that the notebook made have none in a fork, and take them for there: let them start others."""
    pools = sys.modules.get("concurrent.futures.thread")
    for thread in list(pools._threads_queues) if pools else ():
        with contextlib.suppress(Exception):  # names of the library's own
            pool = thread._args[0]()
            pool._threads.clear()
            pool._idle_semaphore = threading.Semaphore(0)
