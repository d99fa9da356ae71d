"""Times that other systems wrote, in nbgrader's timestamp.txt or in a name: read for certain, or not at all."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import parser, tz

from grader.course import untrusted
from grader.course.text import clean

STAMP = "timestamp.txt"  # nbgrader's, beside a submission
LATE = ".late"  # ours, where an LMS marks a submission as late without saying when it came
MAX_CHARACTERS = 80
ZONE = re.compile(r"(?P<time>.*\d) (?P<zone>[A-Za-z]+/[\w/+-]+)")  # "2026-11-01 12:34 Europe/Berlin"


def moment(text: str) -> datetime | None:
    """A time in UTC, without a zone, as nbgrader's gradebook keeps it. None where it can be read in no way, or in two.

    Without a zone it counts as UTC, as in nbgrader. A zone is an offset ("+0100", which nbgrader takes for seconds), a
    name of the time zone database, or an abbreviation that is known here.
    """
    text = " ".join(text.split())
    if not text.isprintable() or len(text) > MAX_CHARACTERS:
        return None
    if re.search(r"[A-Za-z][+-]\d", text):  # "UTC+3" is west of Greenwich for some, and east for others
        return None
    iso = bool(re.match(r"\d{4}-\d\d-\d\d(?!\d)", text))
    orders = [(False, False)] if iso else list(itertools.product((False, True), repeat=2))
    # what is missing would be filled in from these, and so be different
    defaults = datetime(2000, 1, 1), datetime(2003, 2, 2, 1, 1)
    try:
        readings = {_read(text, default, *order) for default in defaults for order in orders}
    except (ValueError, OverflowError, TypeError, AttributeError, ZoneInfoNotFoundError):
        return None
    return readings.pop() if len(readings) == 1 else None


def _read(text: str, default: datetime, dayfirst: bool, yearfirst: bool) -> datetime:
    named = ZONE.fullmatch(text)
    time: datetime = parser.parse(
        named["time"] if named else text, default=default, dayfirst=dayfirst, yearfirst=yearfirst, tzinfos=_zone
    )
    if named:
        time = time.replace(tzinfo=ZoneInfo(named["zone"]))
    offset = time.utcoffset()
    return time if offset is None else (time - offset).replace(tzinfo=None)


def _zone(name: str | None, offset: int | None) -> tzinfo | int:
    if offset is not None:
        return offset
    if (zone := tz.gettz(name)) is None:
        raise ValueError(f"no zone is called {name}")
    return zone


def stamp(folder: Path) -> tuple[datetime | None, str]:
    """When the submission in a folder was handed in, by its timestamp.txt; or None, and what is wrong with that file.

    ("" where there is none.) Whatever a student may have put there is read as text of one line.
    """
    path = folder / STAMP
    try:
        raw = untrusted.read(path, 4 * MAX_CHARACTERS)
    except untrusted.NoFile:
        return None, f"{STAMP} is no plain file"
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    except OSError as error:
        return None, f"{STAMP} cannot be read: {error.strerror}"
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = raw.decode("utf-16" if wide else "utf-8-sig", "replace").strip()
    if not text:
        return None, f"{STAMP} is empty"
    if time := moment(text):
        return time, ""
    shown = clean(text).replace("\n", " ")[:40]
    return None, f"{STAMP} says {shown!r}, which is no time that can be read for certain"
