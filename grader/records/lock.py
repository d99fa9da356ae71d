"""One grader at a time in a class's folder.

The lock is the kernel's own (flock) on a file that stays where it is: it goes with the process that holds it, however
that ends, so there is no stale one. What the file says of its holder is for people to read.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from grader.course.syllabus import CourseError

NAME = ".grader.lock"


class Busy(CourseError):
    """Another grader is at work in this folder. The text says which and since when."""


@contextlib.contextmanager
def locked(work: Path, wait: bool = False, on_wait: Callable[[str], None] = lambda who: None) -> Iterator[None]:
    """Hold the folder's lock. wait: until it is free, after `on_wait` was told who has it. Raises Busy."""
    try:
        import fcntl
    except ImportError:  # Windows has none of this, nor the rest of what grading untrusted work needs
        yield
        return
    work.mkdir(parents=True, exist_ok=True)
    path = work / NAME
    try:
        file = path.open("a+", encoding="utf-8")
    except PermissionError:  # another's, which can be locked all the same
        if not path.exists():
            raise
        file = path.open(encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _holder(file)
            if not wait:
                raise Busy(f"{who} is grading in {work}. Let it finish, or use --wait.") from None
            on_wait(who)
            fcntl.flock(file, fcntl.LOCK_EX)
        if file.writable():
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "since": since}))
            file.flush()
        yield


def _holder(file: TextIO) -> str:
    file.seek(0)
    try:
        held = json.loads(file.read())
        return f"Another grader (process {held['pid']}, since {held['since']})"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not said so yet
        return "Another grader"
