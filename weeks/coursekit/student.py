"""A student's namespace, seen from outside it.

`Server` lives beside the student's work and answers requests; `Student` is the other end, which checks talk to. Between
them goes text of `codec` and nothing else. In a notebook both ends are in one process; in grading the `Student` is in
the judge and the text travels as messages of the kernel (see `coursekit.judged`). Either way the arguments a student's
function gets are copies, and the judge only ever receives data.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from coursekit.codec import DEFAULT, CodecError, Handle, Limits, decode, encode

Transport = Callable[[str], str]


class StudentError(Exception):
    """The student's code raised, or could not be asked. `kind` is the exception's name where it was theirs."""

    def __init__(self, kind: str, message: str, line: str = "") -> None:
        self.kind, self.message, self.line = kind, message, line
        super().__init__(f"{kind}: {message}" if message else kind)

    @property
    def unanswered(self) -> bool:
        """True where the stub is still the one that was released."""
        return self.kind == "NotImplementedError"


# --- beside the student's work --------------------------------------------------------------------------------------


class Server:
    """Answers requests on one namespace. Objects that are not data are kept here and named by number."""

    def __init__(self, namespace: Mapping[str, Any], limits: Limits = DEFAULT) -> None:
        self.namespace, self.limits = namespace, limits
        self.kept: dict[int, Any] = {}

    def __call__(self, text: str) -> str:
        """Answer one request: {"op", ...} in, {"value"} or {"error", "message", "line"} out. Never raises."""
        try:
            request = decode(text, self._resolve, self.limits)
            with usual_settings():
                value = getattr(self, "op_" + request.pop("op"))(**request)
            return encode({"value": value}, self._keep, self.limits)
        except CodecError as error:
            return encode({"error": "CodecError", "message": str(error), "line": ""})
        except BaseException as error:  # GeneratorExit and asyncio's CancelledError too
            told = (text_of(error) + _rebound(error, self.namespace))[:TEXT]
            return encode({"error": type(error).__name__[:80], "message": told, "line": _student_line(error)})

    def op_get(self, name: str) -> Any:
        if name not in self.namespace:
            raise NameError(f"{name} is not defined: run its cell, and keep its name")
        return self.namespace[name]

    def op_import(self, module: str) -> Any:
        return importlib.import_module(module)

    def op_attribute(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def op_item(self, target: Any, key: Any) -> Any:
        return target[key]

    def op_call(self, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        args, kwargs = _fitted(target, [_by_place(arg) for arg in args], kwargs)
        return target(*args, **kwargs)

    def op_gradients(self, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], wrt: Sequence[int]) -> Any:
        """Call `target` and differentiate its scalar result by the arguments at the places `wrt`."""
        import torch

        args = [arg.clone().requires_grad_(True) if i in wrt else arg for i, arg in enumerate(args)]
        result = self.op_call(target, args, kwargs)
        if not isinstance(result, torch.Tensor) or result.numel() != 1:
            raise TypeError(f"expected one number in a tensor, to differentiate; got {_describe(result)}")
        if not result.requires_grad:
            raise TypeError("the result does not depend on the inputs any more (was it detached, or under no_grad?)")
        return result, list(torch.autograd.grad(result.reshape(()), [args[i] for i in wrt], allow_unused=True))

    def _keep(self, value: Any) -> Handle:
        self.kept[len(self.kept)] = value
        return Handle(len(self.kept) - 1, type(value).__name__[:80], callable(value))

    def _resolve(self, handle: Handle) -> Any:
        if handle.id not in self.kept:
            raise CodecError(f"no object {handle.id} is kept here")
        return self.kept[handle.id]


@contextmanager
def usual_settings() -> Iterator[None]:
    """numpy, torch, warnings and recursion as they are before anybody changes them: an answer is judged by what it
    does, whatever another cell set for the whole process."""
    torch, limit = sys.modules.get("torch"), sys.getrecursionlimit()
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        warnings.simplefilter("ignore")
        sys.setrecursionlimit(max(limit, 3000))
        try:
            if torch is None:
                yield
                return
            dtype, device = torch.get_default_dtype(), torch.get_default_device()
            torch.set_default_dtype(torch.float32)
            if device.type != "cpu":
                torch.set_default_device("cpu")
            try:
                with torch.inference_mode(False), torch.enable_grad():
                    yield
            finally:
                torch.set_default_dtype(dtype)
                if device.type != "cpu":
                    torch.set_default_device(device)
        finally:
            sys.setrecursionlimit(limit)


def _fitted(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The same arguments as a function takes them whose author made some of them keyword-only or positional-only."""
    args, kwargs = list(args), dict(kwargs)
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some of C's have none
        return args, kwargs
    try:
        signature.bind(*args, **kwargs)
        return args, kwargs
    except TypeError:
        pass
    parameters = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    given = dict(zip((p.name for p in parameters), args, strict=False))
    if len(args) > len(parameters) or given.keys() & kwargs.keys():
        return args, kwargs
    given |= kwargs
    ahead = [given.pop(p.name) for p in parameters if p.kind == p.POSITIONAL_ONLY and p.name in given]
    try:
        signature.bind(*ahead, **given)
    except TypeError:  # then the error is about the call as it was meant
        return args, kwargs
    return ahead, given


def _by_place(value: Any) -> Any:
    """The same function for whoever calls it by place, such as a probe, where arguments are keyword-only."""
    if not isinstance(value, FunctionType | MethodType | partial):
        return value
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return value
    if not any(p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_ONLY) for p in parameters):
        return value

    @wraps(value)
    def called(*args: Any, **kwargs: Any) -> Any:
        ahead, named = _fitted(value, args, kwargs)
        return value(*ahead, **named)

    return called


TEXT = 2000  # characters of an error's message


def text_of(error: BaseException) -> str:
    """What an error says, whatever its own way of saying it does."""
    try:
        return str(error)[:TEXT]
    except Exception:
        return "(its message cannot be shown)"


def _student_line(error: BaseException) -> str:
    """The last line of the student's own code that the error passed through, or ''."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "ipykernel" in f.filename or "<ipython" in f.filename
    ]
    return (frames[-1].line or "").strip()[:200] if frames else ""


def _rebound(error: BaseException, namespace: Mapping[str, Any]) -> str:
    """For a TypeError or NameError in the student's code: which names it uses are not what Python gives them."""
    try:
        if not isinstance(error, TypeError | AttributeError):
            return ""
        used: set[str] = set()
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is namespace:
                used.update(frame.f_code.co_names)
        kinds = {name: type(namespace[name]).__name__[:40] for name in sorted(used) if name in namespace}
        names = [f"`{name}` (a {kind})" for name, kind in kinds.items() if hasattr(builtins, name)]
        return f". Your notebook gives another value to Python's own {', '.join(names[:5])}" if names else ""
    except Exception:  # whatever the student's objects do when they are looked at
        return ""


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")


# --- the other end --------------------------------------------------------------------------------------------------


class Remote:
    """An object in the student's kernel: call it, read its attributes and items. Data comes back as data."""

    __iter__ = None  # it would ask for item after item, without end where the object never says that it has no more

    def __init__(self, student: Student, handle: Handle) -> None:
        self._student, self._handle = student, handle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._student._ask("call", target=self, args=list(args), kwargs=kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._student._ask("attribute", target=self, name=name)

    def __getitem__(self, key: Any) -> Any:
        return self._student._ask("item", target=self, key=key)

    def __repr__(self) -> str:
        return f"<the student's {self._handle.kind}>"


class Library(Remote):
    """A module in the student's kernel. What it holds is asked for once: each question costs a message."""

    def __init__(self, student: Student, handle: Handle) -> None:
        super().__init__(student, handle)
        self._held: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in self._held:
            self._held[name] = super().__getattr__(name)
        return self._held[name]


class Student:
    """What a check is given: `student.name` is a value, or a callable where the student wrote a function.

    Raises StudentError where the student's code raised or the name is missing, so a check need not guard.
    """

    def __init__(self, transport: Transport, limits: Limits = DEFAULT) -> None:
        self._transport, self._limits = transport, limits
        # asked for once: checks call the same few functions over and over
        self._objects: dict[str, Remote] = {}
        self._libraries: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._last: tuple[str, list[Any], dict[str, Any]] | None = None  # call of one of the notebook's own functions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._objects:
            return self._objects[name]
        self._asked.add(name)
        value = self._ask("get", name=name)
        if isinstance(value, Remote):
            self._objects[name] = value
        return value

    def __contains__(self, name: str) -> bool:
        try:
            self._ask("get", name=name)
        except StudentError as error:
            if error.kind == "NameError":
                return False
            raise
        return True

    def library(self, module: str) -> Any:
        """A module of the student's kernel, for building what is no data there, such as a model to pass in."""
        if module not in self._libraries:
            found = self._ask("import", module=module)
            self._libraries[module] = Library(self, found._handle) if isinstance(found, Remote) else found
        return self._libraries[module]

    def gradients(self, name: str, *args: Any, wrt: Sequence[int] = (0,), **kwargs: Any) -> tuple[Any, list[Any]]:
        """The student's scalar function `name` at `args`, and its gradients by the arguments at places `wrt`."""
        value, grads = self._ask("gradients", target=getattr(self, name), args=list(args), kwargs=kwargs, wrt=list(wrt))
        return value, grads

    def _ask(self, op: str, **request: Any) -> Any:
        target = request.get("target") if op in ("call", "gradients") else None
        if target is not None and (name := next((n for n, one in self._objects.items() if one is target), "")):
            self._last = (name, request["args"], request["kwargs"])
        text = encode({"op": op, **request}, _handle_of, self._limits)
        try:
            reply = decode(self._transport(text), lambda handle: Remote(self, handle), self._limits)
        except CodecError as error:
            raise StudentError("CodecError", str(error)) from None
        match reply:
            case {"value": value}:
                return value
            case {"error": str(kind), "message": str(message), "line": str(line)}:
                raise StudentError(kind, message, line)
        raise StudentError("CodecError", "the kernel's answer is not one of ours")


def names_asked(student: Student) -> set[str]:
    """The student's names that were asked for."""
    return set(student._asked)


def last_call(student: Student) -> tuple[str, list[Any], dict[str, Any]] | None:
    """Name, args and kwargs of the last call of one of the notebook's own functions."""
    return student._last


def as_it_is(value: Any, student: Student) -> Any:
    """An argument of such a call as the function gets it: of a `local_student`, the object and no stand-in for it."""
    if isinstance(value, list | tuple):
        return type(value)(as_it_is(item, student) for item in value)
    server = student._transport
    return server._resolve(value._handle) if isinstance(value, Remote) and isinstance(server, Server) else value


def _handle_of(value: Any) -> Handle:
    if isinstance(value, Remote):
        return value._handle
    raise CodecError(f"a check can send data or a student's own object, not a {type(value).__name__}")


def local_student(namespace: Mapping[str, Any]) -> Student:
    """Both ends in one process, for instant feedback in the notebook."""
    return Student(Server(namespace))
