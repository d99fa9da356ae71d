"""Which names may stand for a student: as a folder on any system, in nbgrader's paths, on a page and on a terminal."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 120  # of UTF-8; a file name has 255, and records add endings to it
LONGEST = 240  # bytes of UTF-8 that a folder in submitted/ may have, of a file's 255
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}
FORBIDDEN = set('/\\:*?"<>|')  # by Windows, or by everyone


def tidy(text: str) -> str:
    """A person's name as a folder's: composed characters (NFC), one underscore for any blanks, none around it."""
    return re.sub(r"\s+", "_", unicodedata.normalize("NFC", text).strip())


def fault(name: str) -> str:
    """Why a name cannot stand for a student, in a few words; "" where it can."""
    if not name or name != name.strip():
        return "is empty, or begins or ends with a blank" if name else "is empty"
    if name[0] in ".-":
        return f"begins with {name[0]!r}"
    if name.endswith("."):
        return "ends with a dot"
    if wrong := sorted(FORBIDDEN & set(name)):
        return f"contains {wrong[0]}"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "contains characters that do not show"
    if name.split(".")[0].rstrip().casefold() in DEVICES:
        return "is the name of a device on Windows"
    if len(name.encode()) > MAX_BYTES:
        return f"is longer than {MAX_BYTES} bytes"
    return ""


def no_record(name: str) -> str:
    """Why a folder's name cannot be that of a record; "" where it can."""
    if shown(name) != name:
        return "it is not UTF-8"
    if len(name.encode()) > LONGEST:
        return f"it has {len(name.encode())} bytes; with an ending, files have names of at most 255"
    return ""


def key(name: str) -> str:
    """Equal for names that some file system, or a hurried reader, takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def shown(name: str) -> str:
    """A file's name as text, also where its bytes are not UTF-8, which Python keeps as half characters."""
    return name.encode("utf-8", "replace").decode()
