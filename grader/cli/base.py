"""What the modules of the `grader` command share: options, and how errors are said (docs/commands.md).

A command imports what it works with when it runs: the whole command line is read before, and `--help` is to answer at
once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from grader.course.syllabus import CourseError
from grader.records.errors import RecordError

CourseDir = Annotated[
    Path | None, typer.Option("--course", help="The course's folder; else the one around here.", show_default=False)
]
WorkDir = Annotated[
    Path | None,
    typer.Option("--work", help="Where submitted/, records/ and gradebook.db are; else the course's folder."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another grader that is at work in the same folder.")]
PLAIN_WIDTH = 120  # of tables where nothing says how wide the screen is


class Commands(TyperGroup):
    """What a person can put right is one line and exit code 2, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        with steady() as out:
            value = self._invoke(ctx)
        if out.lost not in (0, errno.EPIPE):  # who closes a pipe has read enough
            raise typer.Exit(1)
        return value

    def _invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CourseError, RecordError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        except KeyboardInterrupt:
            errors().print("Stopped. What was finished is kept; the same command does the rest.")
            raise typer.Exit(130) from None


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for a table where it is a file or a pipe."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    errors().print(Text("error: ", "bold red") + Text(message))
    raise typer.Exit(2) from None


class Steady:
    """A text stream that never raises and never waits, so that no screen, pipe or disk decides whether work goes on.

    What a full pipe or a halted terminal does not take yet is kept until `finish`; characters that it cannot show are
    question marks; after an error nothing more is written, and `lost` is its number.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.lost, self.pending, self.lock = stream, 0, bytearray(), threading.RLock()
        try:
            self.descriptor = stream.fileno() if os.name == "posix" else -1
            stream.flush()
        except (OSError, ValueError):  # not a file of the system's
            self.descriptor = -1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        data = text.encode(encoding, "replace")
        with self.lock, self._noting():
            if self.lost:
                pass
            elif self.descriptor < 0:
                self.stream.write(data.decode(encoding))
            else:
                self.pending += data
                self._send(0)
        return len(text)

    def flush(self) -> None:
        with self.lock, self._noting():
            if self.descriptor < 0 and not self.lost:
                self.stream.flush()
            elif not self.lost:
                self._send(0)

    def finish(self) -> None:
        """Wait until all is written, or cannot be."""
        with self.lock, self._noting():
            if self.descriptor >= 0 and not self.lost:
                self._send(None)

    def _send(self, seconds: float | None) -> None:
        while self.pending and select.select([], [self.descriptor], [], seconds)[1]:
            with contextlib.suppress(BlockingIOError):
                # so much a pipe that is ready takes at once
                del self.pending[: os.write(self.descriptor, self.pending[: select.PIPE_BUF])]

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.lost = getattr(error, "errno", None) or errno.EBADF
            self.pending.clear()


@contextlib.contextmanager
def steady() -> Iterator[Steady]:
    """Let standard output and error be `Steady` meanwhile; gives the one for output."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file to be opened would be standard output
        pass
    os.close(spare)
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        out, err = (Steady(stream or nothing) for stream in before)
        sys.stdout, sys.stderr = out, err
        try:
            yield out
        finally:
            out.finish()
            if out.lost not in (0, errno.EPIPE):
                err.write(f"What is printed could not all be written: {os.strerror(out.lost)}. The rest is done.\n")
            err.finish()
            sys.stdout, sys.stderr = before
