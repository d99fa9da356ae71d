"""The files in a folder or a zip that somebody else made. Nothing is unpacked; links, bombs and oddities are named."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.course import untrusted
from grader.course.syllabus import CourseError

MAX_BYTES = untrusted.LARGEST  # of one file that is handed in
MAX_ENTRIES = 20_000
MAX_TOTAL = 8 * 2**30  # bytes read from one source
MAX_RATIO = 400  # of a file of more than a megabyte to what it takes in the zip: a notebook's is below 50
MAX_DEPTH = 8
LITTER = {
    "__MACOSX": "the system's own, not a notebook",
    ".ipynb_checkpoints": "Jupyter's copy of an earlier state",
    "__pycache__": "Python's own, not a notebook",
    ".git": "Git's own, not a notebook",
}


@dataclass(frozen=True)
class Entry:
    """A file of a source. path: its parts, as the source names it.  read: its first so many bytes; raises Refused."""

    path: tuple[str, ...]
    begin: Callable[[int], bytes]

    def read(self, most: int = 0) -> bytes:
        """All its bytes, or its first `most`. Raises Refused, also where there are more than MAX_BYTES."""
        content = self.begin(most or MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Refused(f"larger than {MAX_BYTES >> 20} MB")
        return content

    @property
    def name(self) -> str:
        return "/".join(self.path)


class Refused(Exception):
    """A file that is not taken. The text says why."""


def entries(source: Path, stack: contextlib.ExitStack) -> Iterator[tuple[Entry, str]]:
    """All files of a folder or a zip, each with why it is refused, or "".

    stack: keeps the zip open.
    """
    if source.is_dir():
        found = _files(source)
    elif source.is_file():
        found = _zipped(_opened(source, stack))
    else:
        raise CourseError(f"{source} is neither a folder nor a zip")
    for number, (entry, why) in enumerate(found):
        if number >= MAX_ENTRIES:
            yield Entry(("…",), _nothing), f"more than {MAX_ENTRIES} files; the rest was not looked at"
            return
        yield entry, why


def litter(path: tuple[str, ...]) -> str:
    """What a file is that a system leaves beside others, and nobody handed in; "" for any other."""
    if found := next((LITTER[part] for part in path if part in LITTER), ""):
        return found
    if path[-1].startswith("._") or path[-1].lower() in (".ds_store", "thumbs.db", "desktop.ini"):
        return "the system's own, not a notebook"
    return ""


def _nothing(most: int) -> bytes:
    return b""


def _files(folder: Path) -> Iterator[tuple[Entry, str]]:
    def walk(place: Path, parts: tuple[str, ...]) -> Iterator[tuple[Entry, str]]:
        try:
            inside = sorted(os.scandir(place), key=lambda item: item.name)
        except OSError as error:
            yield Entry(parts or (place.name,), _nothing), f"cannot be read: {error.strerror}"
            return
        for item in inside:
            path = (*parts, item.name)
            if item.is_symlink():
                yield Entry(path, _nothing), "a link, which is not followed"
            elif item.name in LITTER:
                yield Entry(path, _nothing), ""
            elif item.is_dir(follow_symlinks=False):
                if len(path) > MAX_DEPTH:
                    yield Entry(path, _nothing), "too many folders within each other"
                else:
                    yield from walk(Path(item.path), path)
            elif item.is_file(follow_symlinks=False):
                yield Entry(path, functools.partial(_read, Path(item.path))), ""
            else:
                yield Entry(path, _nothing), "not a regular file"

    return walk(folder, ())


def _read(path: Path, most: int) -> bytes:
    try:
        return untrusted.read(path, most - 1)
    except untrusted.NoFile as error:  # what was a file a moment ago may be a link or a pipe now
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None


def _opened(path: Path, stack: contextlib.ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CourseError(f"{path} cannot be read as a zip: {error}. Download it again.") from None


def _zipped(archive: zipfile.ZipFile) -> Iterator[tuple[Entry, str]]:
    left = MAX_TOTAL
    for info in archive.infolist():
        name = _zip_name(info)
        if name.endswith("/"):
            continue
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        why = _zip_fault(info, name, parts)
        if not why and name.lower().endswith(".ipynb"):
            left -= info.file_size
            why = "" if left >= 0 else f"the zip holds more than {MAX_TOTAL >> 30} GB of notebooks"
        yield Entry(parts or (name or "(no name)",), functools.partial(_unzip, archive, info)), why


def _zip_name(info: zipfile.ZipInfo) -> str:
    """An entry's name with slashes. Without the flag for UTF-8, zipfile takes the bytes for those of old DOS."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _zip_fault(info: zipfile.ZipInfo, name: str, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return "its path leads out of the zip"
    if "\x00" in name:
        return "its name holds a zero byte"
    if kind == stat.S_IFLNK:
        return "a link, which is not followed"
    if kind not in (0, stat.S_IFREG):
        return "not a regular file"
    if info.flag_bits & 0x1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in a way that is not read here; zip it as usual"
    if info.file_size > MAX_BYTES:
        return f"larger than {MAX_BYTES >> 20} MB"
    if info.file_size > 2**20 and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return "a zip bomb: nearly nothing in the zip, and megabytes once unpacked"
    return ""


def _unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(most)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, NotImplementedError, zlib.error) as error:
        raise Refused(f"damaged in the zip: {error}") from None
