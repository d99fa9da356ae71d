"""Folders for what kernels need outside their sandboxes, such as the file with a kernel's key.

They lie directly in /tmp, because the path of a unix socket must be short, and are called after the process that made
them and when it began: so what a process that was killed has left is known for that, also once its number is another's.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import psutil

BASE = Path("/tmp")
NAME = re.compile(r"xm-(\d+)-(\d+)-\w+")
DAY = 24 * 3600


def scratch_folder() -> Path:
    """A new one."""
    return Path(tempfile.mkdtemp(prefix=f"xm-{os.getpid()}-{_began(os.getpid())}-", dir=BASE))


def sweep_folders() -> list[Path]:
    """Remove what processes left that are gone; and what has another name, as older graders gave, after a day."""
    gone = []
    for path in BASE.glob("xm-*"):
        try:
            about = path.lstat()
            if about.st_uid != os.getuid() or path.is_symlink() or not path.is_dir():
                continue
            if found := NAME.fullmatch(path.name):
                left = abs(_began(int(found[1])) - int(found[2])) > 2
            else:
                left = time.time() - about.st_mtime > DAY
        except OSError:  # another's sweep was quicker
            continue
        if left:
            shutil.rmtree(path, ignore_errors=True)
            gone.append(path)
    return gone


def _began(pid: int) -> int:
    """When a process began, in seconds since 1970; 0 where there is none."""
    try:
        return int(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0
