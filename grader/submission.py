"""From whatever a student handed in to a plain notebook, or to a clear reason why it cannot be graded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course import Course, Week

MAX_BYTES = 64 * 2**20
MAX_CELLS = 5_000
ATTACHMENT_BYTES = 8 * 2**20
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


def find(course: Course, week: Week, student: str) -> tuple[Path, list[str]]:
    """The student's file for the week, and a note where it has another name. Raises NotGradable where there is none."""
    path = course.submission(week, student)
    if path.exists() or path.is_symlink():
        return path, []
    others = sorted(path.parent.glob("*.ipynb")) if path.parent.is_dir() else []
    if len(others) == 1:  # "Copy of week01_clip.ipynb", "week01_clip (1).ipynb"
        return others[0], [f"the file is called {others[0].name}; taken as {path.name}"]
    if others:
        names = ", ".join(p.name for p in others)
        raise NotGradable(f"There is no {path.name}, and several notebooks stand for it: {names}. Hand in one.")
    raise NotGradable(f"Nothing was handed in: there is no {path.name}.")


def load(source: Path | NotebookNode) -> Submission:
    """Read a submission. Raises NotGradable, and nothing else, whatever the file holds."""
    raw = json.dumps(source).encode() if isinstance(source, dict) else _bytes(Path(source))
    if len(raw) > MAX_BYTES:
        raise NotGradable(
            f"The file has {len(raw) / 2**20:.0f} MB; at most {MAX_BYTES >> 20} MB can be graded. "
            "Clear the outputs (Edit > Clear all outputs), save, and hand it in again."
        )
    try:
        notebook, notes = _notebook(_json(raw))
    except NotGradable:
        raise
    except Exception as error:  # files damaged in ways nobody foresaw
        raise NotGradable(f"The notebook is damaged ({type(error).__name__}). {HAND_IN_AGAIN}") from None
    return Submission(notebook, hashlib.sha256(raw).hexdigest(), notes)


def _bytes(path: Path) -> bytes:
    try:
        if path.is_symlink() and path.resolve().parent != path.parent.resolve():
            raise NotGradable(
                "The file is a link to somewhere else, which is not followed. Hand in the notebook itself."
            )
        if not path.exists():
            raise NotGradable(f"Nothing was handed in: there is no {path.name}.")
        if path.is_dir():
            raise NotGradable(f"{path.name} is a folder, not a notebook. Hand in the .ipynb file itself.")
        if not path.is_file():
            raise NotGradable(f"{path.name} is not a regular file. Hand in the .ipynb file itself.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotGradable(f"The file cannot be read ({error.strerror or error}). Hand it in again.") from None


def _json(raw: bytes) -> Any:
    if not raw.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise NotGradable(f"The file is empty. {HAND_IN_AGAIN}")
    for beginning, kind in ((b"%PDF", "a PDF"), (b"PK\x03\x04", "a zip archive"), (b"\x89PNG", "a picture")):
        if raw.startswith(beginning):
            raise NotGradable(f"The file is {kind}, not a notebook. {HAND_IN_AGAIN}")
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise NotGradable(f"The file is not text, so it is no notebook or it is damaged. {HAND_IN_AGAIN}") from None
    if text.lstrip()[:1] == "<":
        raise NotGradable(f"The file is a web page, not a notebook. {HAND_IN_AGAIN}")
    try:
        return json.loads(text, parse_constant=lambda name: None)  # NaN is not JSON, but some tools write it
    except (ValueError, RecursionError):
        what = "cut off or damaged" if text.lstrip()[:1] == "{" else "not a notebook"
        raise NotGradable(f"The file is {what}: it is not valid JSON. {HAND_IN_AGAIN}") from None


def _notebook(raw: Any) -> tuple[NotebookNode, list[str]]:
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        raise NotGradable(f"The file is JSON but not a notebook: it has no cells. {HAND_IN_AGAIN}")
    notes = []
    version = raw.get("nbformat", 4)
    if version in (1, 2, 3) or "cells" not in raw:
        raw = nbformat.convert(nbformat.from_dict({**raw, "nbformat": version if version in (1, 2, 3) else 3}), 4)
        notes.append(f"the notebook was in the old format {version}; converted")
    elif version != 4:
        raise NotGradable(f"The notebook is in format {str(version)[:20]}, which cannot be read. {HAND_IN_AGAIN}")
    cells = [cell for cell in raw["cells"] if isinstance(cell, dict)]
    if len(cells) < len(raw["cells"]):
        notes.append(f"{len(raw['cells']) - len(cells)} damaged cells were left out")
    if not cells:
        raise NotGradable(f"The notebook has no cells. {HAND_IN_AGAIN}")
    if len(cells) > MAX_CELLS:
        raise NotGradable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} can be graded.")
    return nbformat.v4.new_notebook(cells=[_cell(cell) for cell in cells]), notes


def _cell(raw: dict[str, Any]) -> NotebookNode:
    """A cell with only what is believed: its type, source, ids and tags. Outputs and other metadata stay behind."""
    source = raw.get("source", "")
    source = "".join(map(str, source)) if isinstance(source, list) else str(source if source is not None else "")
    source = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    given = raw.get("metadata")
    given = given if isinstance(given, dict) else {}
    nbgrader = given.get("nbgrader")
    metadata: dict[str, Any] = {}
    if isinstance(nbgrader, dict) and isinstance(nbgrader.get("grade_id"), str):
        metadata["grade_id"] = nbgrader["grade_id"]
    if isinstance(given.get("tags"), list):
        metadata["tags"] = [tag for tag in given["tags"] if isinstance(tag, str)]
    ids = [value for value in (raw.get("id"), given.get("id")) if isinstance(value, str)]  # Colab keeps it in metadata
    metadata["ids"] = ids
    kind = raw.get("cell_type")
    make = {"code": nbformat.v4.new_code_cell, "raw": nbformat.v4.new_raw_cell}.get(
        kind if isinstance(kind, str) else "", nbformat.v4.new_markdown_cell
    )
    cell = make(source, metadata=metadata)
    if cell.cell_type == "markdown" and _is_attachments(raw.get("attachments")):
        cell["attachments"] = nbformat.from_dict(raw["attachments"])
    return cell


def _is_attachments(value: Any) -> bool:
    """Pictures pasted into a text answer: {file: {mime type: base64}}, of a bearable size."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            isinstance(bundle, dict)
            and all(isinstance(kind, str) and isinstance(data, str) for kind, data in bundle.items())
            for bundle in value.values()
        )
        and sum(len(data) for bundle in value.values() for data in bundle.values()) <= ATTACHMENT_BYTES
    )
