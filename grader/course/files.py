"""Files that are written whole or not at all, and the hash of what is in one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

GRADER = Path(__file__).resolve().parents[1]  # the folder of the package `grader`


def write_atomically(path: Path, content: str | bytes, like: Iterable[Path] = ()) -> None:
    """Write a file, text as UTF-8, through a temporary one beside it. Raises OSError, and then nothing has changed.

    Its mode is what the umask leaves, its group the folder's where that is setgid. like: files that it is made from;
    the group and others get no more of it than of each of them, see `_narrow`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            _narrow(part, [source.absolute() for source in like if source.exists()])
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _narrow(path: Path, sources: Sequence[Path]) -> None:
    """Take from a file's mode what its group and others may not do with all of these, folders above them included."""
    if not sources:
        return
    with contextlib.suppress(OSError):  # their group, where it may be given
        os.chown(path, -1, sources[0].stat().st_gid)
    mode, group, above = stat.S_IMODE(path.stat().st_mode), path.stat().st_gid, set(path.absolute().parents)
    for place in {*sources, *(folder for source in sources for folder in source.parents if folder not in above)}:
        seen = place.stat()
        others = seen.st_mode & 7
        members = seen.st_mode >> 3 & 7 if seen.st_gid == group else others
        if place.is_dir():  # who may pass it may have all that lies beyond
            members, others = (7 if may & 1 else 0 for may in (members, others))
        mode &= 0o700 | members << 3 | others
    os.chmod(path, mode)


def sweep(folder: Path) -> None:
    """Remove what `write_atomically` left anywhere under `folder` when its process was killed."""
    for path in folder.rglob(".*.part"):
        if (found := re.match(r"\.(\d+)\.", path.name)) and not psutil.pid_exists(int(found[1])):
            with contextlib.suppress(OSError):  # another's, who will do it
                path.unlink()


def file_hash(path: Path) -> str:
    """sha256 of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
