"""From whatever a student handed in to a plain notebook, or to a clear reason why it cannot be graded."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course import untrusted
from grader.course.students import shown
from grader.course.syllabus import Course, Week
from grader.submissions.archives import MAX_BYTES

MAX_PARTS = 8_000_000  # lists, objects and commas: what JSON takes in memory once it is read, a hundred bytes for each
MAX_CELLS = 5_000
MAX_DIGITS = 4_000  # of a whole number; Python refuses to read longer ones
WINDOWS_HAS_NOT = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that mean nothing in Windows-1252
ATTACHMENT_BYTES = 8 * 2**20
OBJECT = re.compile(rb"[\x00\xff\xfe\xef\xbb\xbf\s]*\{")  # how JSON that may be a notebook begins, in any encoding
ITSELF = "Hand in the notebook itself."
HAND_IN_AGAIN = "Open it in Jupyter or Colab, save it (File > Download > .ipynb) and hand in that file."


class NotGradable(Exception):
    """A submission that cannot be graded. The text says what is wrong and what to do; students read it."""


@dataclass(frozen=True)
class Submission:
    """What was handed in, reduced to what grading may use: the cells' types, sources, ids and tags.

    sha256: of the file's bytes.  notes: what had to be put right to read it, in plain words.
    """

    notebook: NotebookNode
    sha256: str
    notes: list[str] = field(default_factory=list)


def find(course: Course, week: Week, student: str) -> Path:
    """The student's file for the week, also where it has another name. Raises NotGradable where there is none."""
    folder = course.submission(week, student).parent
    if link := next((place for place in (folder.parent, folder) if place.is_symlink()), None):
        raise NotGradable(f"{_where(link, course)} is a link to somewhere else, which is not followed. {ITSELF}")
    return in_folder(folder, week)


def _where(place: Path, course: Course) -> str:
    return f"The folder {shown(str(place.relative_to(course.submitted)))}"


def in_folder(folder: Path, week: Week) -> Path:
    """The week's file in a folder of one student's, also where it has another name. Raises NotGradable."""
    path = folder / week.file
    try:
        if path.exists() or path.is_symlink():
            return path
        inside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        others = [p for p in inside if _is_notebook_name(p.name)] or [p for p in inside if _is_notebook(p)]
        if week.parts:
            others = [p for p in others if named_in(p.name, week.parts) == week.notebook]
    except (OSError, ValueError) as error:
        raise NotGradable(f"The file cannot be read ({_why(error)}). Hand it in again.") from None
    if len(others) == 1:  # "Copy of week01_clip.ipynb", "week01_clip (1).ipynb"
        return others[0]
    if others:
        names = ", ".join(shown(p.name) for p in others)
        raise NotGradable(f"There is no {path.name}, and several notebooks stand for it: {names}. Hand in one.")
    raise NotGradable(f"Nothing was handed in: there is no {path.name}.")


def named_in(file: str, notebooks: Sequence[str]) -> str:
    """Which of several notebooks a file's name speaks of, as "Copy of problem1 (2).ipynb" does; "" where not of one."""
    left, found = Path(file).stem, []
    for name in sorted(notebooks, key=len, reverse=True):  # "problem1-extra" is not "problem1"
        left, count = re.subn(rf"(?i)(?<![^\W_]){re.escape(name)}(?![^\W_])", "/", left)
        found += [name] * bool(count)
    return found[0] if len(found) == 1 else ""


def other_name(week: Week, path: Path) -> list[str]:
    """A note where a week's file has another name than the week's own."""
    expected = week.file
    return [] if path.name == expected else [f"the file is called {shown(path.name)}; taken as {expected}"]


def _is_notebook_name(name: str) -> bool:
    """Not "._week01.ipynb", which macOS puts beside a file on a foreign disk."""
    return name.lower().endswith(".ipynb") and not name.startswith(".")


def _is_notebook(path: Path) -> bool:
    """Whether a file of any name holds one, such as "week01.ipynb.txt". Links are not looked into."""
    try:
        if path.name.startswith(".") or not OBJECT.match(untrusted.read(path, 4096)):
            return False
        raw = untrusted.read(path)
    except OSError:
        return False
    return len(raw) <= MAX_BYTES and not fault_of(raw)


def load(source: Path | NotebookNode, inside: Path | None = None) -> Submission:
    """Read a submission. Raises NotGradable, and nothing else, whatever the file holds.

    inside: the folder submitted/, below which no folder may be a link.
    """
    try:
        raw = json.dumps(source).encode() if isinstance(source, dict) else read(Path(source), inside)
        if len(raw) > MAX_BYTES:
            raise _too_large(len(raw))
        content, notes = _json(raw)
        notebook, more = _notebook(content)
    except NotGradable:
        raise
    except Exception as error:  # files damaged in ways nobody foresaw
        raise NotGradable(f"The notebook is damaged ({type(error).__name__}). {HAND_IN_AGAIN}") from None
    return Submission(notebook, hashlib.sha256(raw).hexdigest(), [*notes, *more])


def fault_of(raw: bytes) -> str:
    """Why these bytes are no notebook, in a few words; "" where they are one, if perhaps a damaged one."""
    try:
        _notebook(_json(raw)[0])
    except NotGradable as error:
        return str(error).split(". ")[0].removeprefix("The file is ").rstrip(".")
    except Exception as error:
        return f"damaged ({type(error).__name__})"
    return ""


def read(path: Path, inside: Path | None = None) -> bytes:
    """A submitted file's bytes, no more than may be graded. inside: see `load`. Raises NotGradable."""
    try:
        with untrusted.opened(_in_its_folder(path), inside) as file:
            raw = file.read(MAX_BYTES + 1)
            if len(raw) > MAX_BYTES:
                raise _too_large(os.fstat(file.fileno()).st_size)
            return raw
    except untrusted.NoFile as error:
        if "link" in str(error):
            raise NotGradable(f"The file is {error} to somewhere else, which is not followed. {ITSELF}") from None
        raise NotGradable(f"{shown(path.name)} is {error}, no notebook. Hand in the .ipynb file itself.") from None
    except FileNotFoundError:
        raise NotGradable(f"Nothing was handed in: there is no {shown(path.name)}.") from None
    except (OSError, ValueError) as error:
        raise NotGradable(f"The file cannot be read ({_why(error)}). Hand it in again.") from None


def digest(path: Path, inside: Path | None = None) -> str:
    """sha256 of what was handed in, whatever it is. inside: see `load`. Raises OSError."""
    return untrusted.digest(_in_its_folder(path), inside)


def _in_its_folder(path: Path) -> Path:
    """The file; where it is a link to another in its own folder, that one."""
    try:
        target = os.readlink(path)
    except (OSError, ValueError):
        return path
    return path.with_name(target) if target == os.path.basename(target) not in ("", ".", "..") else path


def _too_large(size: int) -> NotGradable:
    return NotGradable(
        f"The file has {size:,} bytes; at most {MAX_BYTES:,} ({MAX_BYTES >> 20} MB) can be graded. "
        "Clear the outputs (Edit > Clear all outputs), save, and hand it in again."
    )


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _json(raw: bytes) -> tuple[Any, list[str]]:
    """The file as JSON, and what had to be overlooked. Read leniently, but never so that an answer could change."""
    if not raw.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise NotGradable(f"The file is empty. {HAND_IN_AGAIN}")
    for beginning, kind in ((b"%PDF", "a PDF"), (b"PK\x03\x04", "a zip archive"), (b"\x89PNG", "a picture")):
        if raw.startswith(beginning):
            raise NotGradable(f"The file is {kind}, not a notebook. {HAND_IN_AGAIN}")
    if raw.count(b"[") + raw.count(b"{") + raw.count(b",") > MAX_PARTS:
        raise NotGradable(
            "The file holds too much to be read: far more than any notebook needs. "
            "Clear the outputs (Edit > Clear all outputs), save, and hand it in again."
        )
    text, notes = _text(raw)
    text = text.lstrip("\ufeff\x00 \t\r\n\f\v\x85\xa0")
    if text[:1] == "<":
        raise NotGradable(f"The file is a web page, not a notebook. {HAND_IN_AGAIN}")
    decoder = json.JSONDecoder(
        strict=False,  # a raw tab or line end within a text: some editors write them
        parse_constant=lambda name: None,  # NaN is not JSON, but some tools write it
        parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else None,
    )
    try:
        content, end = decoder.raw_decode(text)
    except RecursionError:
        raise NotGradable(f"The file is damaged: it is nested too deeply to be read. {HAND_IN_AGAIN}") from None
    except ValueError:
        what = "cut off or damaged" if text[:1] == "{" else "not a notebook"
        raise NotGradable(f"The file is {what}: it is not valid JSON. {HAND_IN_AGAIN}") from None
    if text[end:].strip("\x00 \t\r\n"):
        notes.append("what stood after the notebook's end was left out")
    return content, notes


def _text(raw: bytes) -> tuple[str, list[str]]:
    encoding = json.detect_encoding(raw)  # UTF-8, 16 or 32, by its mark or by where the zero bytes are
    try:
        return raw.decode(encoding), [] if encoding.startswith("utf-8") else [f"the file was {encoding}; read as such"]
    except UnicodeDecodeError:
        if raw.lstrip()[:1] != b"{":
            raise NotGradable(f"The file is not text, so it is no notebook or it is damaged. {HAND_IN_AGAIN}") from None
    text = raw.decode("utf-8", "replace")
    if text.count("\ufffd") == sum(byte > 127 for byte in raw):  # nothing in it is UTF-8, so it was never that
        return raw.decode("latin-1" if WINDOWS_HAS_NOT & set(raw) else "cp1252"), [
            "the file was not UTF-8; read as Windows-1252"
        ]
    return text, ["characters that are not UTF-8 were replaced"]


def _notebook(raw: Any) -> tuple[NotebookNode, list[str]]:
    notes = []
    cells = raw.get("cells") if isinstance(raw, dict) else None
    if not isinstance(cells, list) and isinstance(raw, dict) and isinstance(raw.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in raw["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
        notes.append("the notebook was in the old format 3; converted")
    if not isinstance(cells, list):
        raise NotGradable(f"The file is JSON but not a notebook: it has no cells. {HAND_IN_AGAIN}")
    version = raw.get("nbformat")
    if isinstance(version, int) and version > 4:
        raise NotGradable(f"The notebook is in format {str(version)[:20]}, which cannot be read. {HAND_IN_AGAIN}")
    if len(cells) > MAX_CELLS:
        raise NotGradable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} can be graded.")
    whole = [cell for cell in cells if isinstance(cell, dict)]
    if len(whole) < len(cells):
        notes.append(f"{len(cells) - len(whole)} damaged cells were left out")
    if not whole:
        raise NotGradable(f"The notebook has no cells. {HAND_IN_AGAIN}")
    plain = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [_cell(cell) for cell in whole]}
    return nbformat.from_dict(plain), notes


def _cell(raw: dict[str, Any]) -> dict[str, Any]:
    """A cell with only what is believed: its type, source, ids and tags. Outputs and other metadata stay behind.

    Formats before 4 have "input" for the source of code, and "heading" and "html" cells, which are text.
    """
    source = _source(raw.get("source", raw.get("input")))
    given = raw.get("metadata")
    given = given if isinstance(given, dict) else {}
    nbgrader = given.get("nbgrader")
    metadata: dict[str, Any] = {}
    if isinstance(nbgrader, dict) and isinstance(nbgrader.get("grade_id"), str):
        metadata["grade_id"] = nbgrader["grade_id"]
    if isinstance(given.get("tags"), list):
        metadata["tags"] = [tag for tag in given["tags"] if isinstance(tag, str)]
    # Colab keeps the id in the metadata
    metadata["ids"] = [value for value in (raw.get("id"), given.get("id")) if isinstance(value, str)]
    cell: dict[str, Any] = {"cell_type": "markdown", "source": source, "metadata": metadata}
    match raw.get("cell_type"):
        case "code":
            cell |= {"cell_type": "code", "outputs": [], "execution_count": None}
        case "raw":
            cell["cell_type"] = "raw"
        case "heading" if isinstance(raw.get("level"), int):
            cell["source"] = "#" * min(max(raw["level"], 1), 6) + " " + source
    if cell["cell_type"] == "markdown" and _is_attachments(raw.get("attachments")):
        cell["attachments"] = raw["attachments"]
    return cell


def _source(raw: Any) -> str:
    """A cell's text, from a string or a list of lines, as UTF-8 can hold it: JSON may smuggle in half a character."""
    lines = raw if isinstance(raw, list) else [raw]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


def _is_attachments(value: Any) -> bool:
    """Pictures pasted into a text answer: {file: {mime type: base64}}, of a bearable size."""
    if not (isinstance(value, dict) and value and all(isinstance(bundle, dict) for bundle in value.values())):
        return False
    bundles = [(kind, data) for bundle in value.values() for kind, data in bundle.items()]
    if not all(isinstance(data, str) for _, data in bundles) or sum(len(d) for _, d in bundles) > ATTACHMENT_BYTES:
        return False
    return all(_is_unicode(text) for text in [*value, *(text for pair in bundles for text in pair)])


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
