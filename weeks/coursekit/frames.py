"""Calls that look, from inside the function that is called, as if other functions made them.

An answer that is right only for the judge must first tell the judge's calls from those of its visible check. The call
stack would be the easiest way. So the judge's calls come from frames like those of a check that runs in a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType
from typing import Any


@dataclass(frozen=True)
class Frame:
    """What of a frame is imitated. line: the one that is being run.  names: the globals."""

    file: str
    name: str
    qualified: str
    line: int
    names: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Frame:
        """A frame in which this function has just begun."""
        return cls._of(function.__code__, function.__code__.co_firstlineno, function.__globals__)

    @classmethod
    def _of(cls, code: CodeType, line: int, names: dict[str, Any]) -> Frame:
        return cls(code.co_filename, code.co_name, code.co_qualname, line, names)

    @classmethod
    def between(cls, inner: FrameType, outer: CodeType) -> list[Frame]:
        """The frames from the one that runs `outer`, without it, to `inner`; the outermost first."""
        found: list[Frame] = []
        frame: FrameType | None = inner
        while frame is not None and frame.f_code is not outer:
            found.append(cls._of(frame.f_code, frame.f_lineno, frame.f_globals))
            frame = frame.f_back
        return found[::-1]


def posing(function: FunctionType, frame: Frame) -> FunctionType:
    """The same function, running under the file, names and module of a frame; its globals are a copy."""
    names = {**function.__globals__, "__name__": frame.names.get("__name__"), "__file__": frame.names.get("__file__")}
    code = function.__code__.replace(co_filename=frame.file, co_name=frame.name, co_qualname=frame.qualified)
    return FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)


def called_from(frames: Sequence[Frame], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, to be called through frames like these, the outermost first."""
    for frame in reversed(frames):
        caller = _caller(function)
        code = caller.__code__.replace(
            co_filename=frame.file, co_name=frame.name, co_qualname=frame.qualified, co_firstlineno=frame.line - 1
        )
        function = FunctionType(code, frame.names, frame.name, None, caller.__closure__)
    return function


def _caller(function: Callable[..., Any]) -> FunctionType:
    def caller(*args: Any) -> Any:
        return function(*args)

    assert isinstance(caller, FunctionType)
    return caller
