"""The one way in for files that somebody else put there.

Only regular files are opened, through no link, and no more is read than was asked for: a pipe or a device holds nobody
up, a link shows nobody else's work, and a file without end fills no memory.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
LARGEST = 64 * 2**20  # bytes of one file that is handed in
# on Windows there are no such flags, and no pipes among files either
FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)


class NoFile(OSError):
    """There is something, but not a regular file that can be come by without a link. The text says what."""


def read(path: Path, most: int = LARGEST, inside: Path | None = None) -> bytes:
    """The file's first `most` bytes, and one more where there are more.

    inside: a folder that is trusted, and may itself be a link; no folder below it may be one. Without it only the file
    itself is looked at. Raises NoFile, or another OSError.
    """
    with opened(path, inside) as file:
        return file.read(most + 1)


def digest(path: Path, inside: Path | None = None) -> str:
    """sha256 of the file's content; of what is no such file, of what it is. Of a larger one than LARGEST its beginning
    and its size count. Raises OSError where there is nothing, or it cannot be read.
    """
    whole = hashlib.sha256()
    try:
        with opened(path, inside) as file:
            left = LARGEST
            while left > 0 and (part := file.read(min(CHUNK, left))):
                whole.update(part)
                left -= len(part)
            if left <= 0:
                whole.update(f"\0{os.fstat(file.fileno()).st_size}".encode())
    except NoFile as error:
        whole.update(f"\0{error}".encode())
    return whole.hexdigest()


@contextmanager
def opened(path: Path, inside: Path | None = None) -> Iterator[BinaryIO]:
    """The file, open for reading. See `read`."""
    folder = _folder(path.parent, inside)
    try:
        where = path if folder is None else path.name
        _must_be_a_file(os.lstat(where, dir_fd=folder).st_mode)
        with os.fdopen(os.open(where, FILE, dir_fd=folder), "rb") as file:
            _must_be_a_file(os.fstat(file.fileno()).st_mode)  # a moment ago it was one
            yield file
    finally:
        if folder is not None:
            os.close(folder)


def _folder(path: Path, inside: Path | None) -> int | None:
    """A descriptor of the folder; None where the system looks up no names in one."""
    if os.open not in os.supports_dir_fd:
        return None
    if inside is None or not path.is_relative_to(inside):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    here = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in path.relative_to(inside).parts:
            if stat.S_ISLNK(os.lstat(name, dir_fd=here).st_mode):
                raise NoFile("in a folder that is a link")
            inner = os.open(name, FOLDER, dir_fd=here)
            os.close(here)
            here = inner
    except BaseException:
        os.close(here)
        raise
    return here


def _must_be_a_file(mode: int) -> None:
    """Raises NoFile."""
    if stat.S_ISLNK(mode):
        raise NoFile("a link")
    if stat.S_ISDIR(mode):
        raise NoFile("a folder")
    if not stat.S_ISREG(mode):
        raise NoFile("not a regular file")
