"""Things in the place of a notebook that are none, and ways to another's: a verdict for each, and nobody waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from attacks.cases import Case, Expect

Plant = Callable[[Path, Path], None]  # where the notebook belongs, and an honest one's place


def _folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _socket(path: Path) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(_folder(path).parent)  # a socket's path must be short
        try:
            listening.bind(path.name)
        finally:
            os.chdir(here)


def _linked_week(path: Path, honest: Path) -> None:
    _folder(path).parent.rmdir()
    path.parent.symlink_to(honest.parent)


def _linked_student(path: Path, honest: Path) -> None:
    path.parent.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.parent.symlink_to(honest.parent.parent)


PLANTS: dict[str, tuple[Plant, str]] = {  # and what the reason says
    "a pipe": (lambda path, honest: os.mkfifo(_folder(path)), "not a regular file"),
    "a socket": (lambda path, honest: _socket(path), "not a regular file"),
    "a folder": (lambda path, honest: _folder(path).mkdir(), "a folder"),
    "a link to a device without end": (lambda path, honest: _folder(path).symlink_to("/dev/zero"), "link"),
    "a link to a terminal": (lambda path, honest: _folder(path).symlink_to("/dev/tty"), "link"),
    "a link to itself": (lambda path, honest: _folder(path).symlink_to(path.name), "link"),
    "a link to an honest student's notebook": (lambda path, honest: _folder(path).symlink_to(honest), "link"),
    "a week's folder that is a link to an honest student's": (_linked_week, "link"),
    "a student's folder that is a link to an honest student's": (_linked_student, "link"),
}
CASES = [
    Case(name, "files", lambda notebook: notebook, Expect("not gradable", {}, 30, says), plant)
    for name, (plant, says) in PLANTS.items()
]
