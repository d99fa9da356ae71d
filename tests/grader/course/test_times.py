"""Times are read for certain or not at all, whatever a student left beside a notebook."""

import os
from datetime import datetime

import pytest

from grader.course import times
from grader.course.times import moment


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2026-11-01 12:34:56", 12), ("2026-11-01T12:34:56Z", 12), ("2026-11-01 12:34:56.5 UTC", 12),
        ("2026-11-01 12:34:56 +0100", 11), ("2026-11-01 12:34:56+01:00", 11), ("2026-11-01 12:34:56 -0330", 16),
        ("2026-11-01 12:34:56 CET", 11), ("2026-11-01 12:34:56 Europe/Berlin", 11),
        ("2026-11-01 12:34:56.861687000 Z", 12), ("Nov 1, 2026 12:34:56 PM", 12), ("13/11/2026 12:34:56", 12),
    ],
)  # fmt: skip
def test_what_is_certain_is_read(text, hours):
    assert moment(text).hour == hours and moment(text).tzinfo is None


@pytest.mark.parametrize(
    "text",
    [
        "", "junk", "12", "Mar", "2026", "2026-11-01", "2026-02-30 12:00:00", "2026-13-01 12:00:00",
        "2026-11-01 25:00:00", "01/11/2026 12:00", "26-11-01 12:00", "2026-11-01 12:00 XYZ", "2026-11-01 12:00 UTC+3",
        "2026-11-01 12:00 Mars/Base", "2026-11-01 12:00 /etc/passwd", "2026-11-01 12:00 +9999",
        "0001-01-01 00:00:00 +1400", "9999-12-31 23:59:59 -1400", "9" * 70, "9" * 9000, "2026-11-01 12:00\x00",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_guessed(text):
    assert moment(text) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"2026-11-01 12:34:56 UTC\n", b"\xef\xbb\xbf2026-11-01 12:34:56 UTC\r\n",
        "\ufeff2026-11-01 12:34:56 UTC".encode("utf-16-le"), "\ufeff2026-11-01 12:34:56".encode("utf-16-be"),
    ],
)  # fmt: skip
def test_a_stamp_in_any_encoding(tmp_path, raw):
    (tmp_path / times.STAMP).write_bytes(raw)
    assert times.stamp(tmp_path) == (datetime(2026, 11, 1, 12, 34, 56), "")


def test_a_stamp_that_is_none(tmp_path):
    assert times.stamp(tmp_path) == (None, "")
    path = tmp_path / times.STAMP
    for raw, says in {b"": "is empty", b" \n": "is empty", b"\xff\xfe": "is empty", b"junk": "says 'junk'",
                      b"\x1b[31mred\xe9\x00": "no time", b"x" * 10**6: "no time"}.items():  # fmt: skip
        path.write_bytes(raw)
        time, why = times.stamp(tmp_path)
        assert time is None and says in why and why.isprintable() and len(why) < 200
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert times.stamp(tmp_path) == (None, "timestamp.txt is no plain file")
    path.unlink()
    os.mkfifo(path)
    assert times.stamp(tmp_path) == (None, "timestamp.txt is no plain file")
