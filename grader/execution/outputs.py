"""A cell's outputs, collected from a kernel's messages as a notebook keeps them, up to caps that hold at once.

The student's code can write such messages itself, so nothing is kept that a notebook may not hold. (nbformat's own
`output_from_msg` makes an output of each message as it is; here parts of a stream are joined, and all is cut before.)
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course.text import printable

TEXT_BYTES = 1_000_000  # of a cell's streams
RICH_BYTES = 8_000_000  # of a cell's pictures and other displays
OUTPUTS = 200  # of a cell
NOTEBOOK_BYTES = 64_000_000  # of all cells' outputs together
DEPTH = 50  # of lists and dicts within each other in one output


def as_shown(text: str) -> str:
    """Text as a terminal leaves it: of a line with carriage returns, such as a progress bar, what follows the last."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


class Room:
    """What a notebook's outputs may still take, in bytes."""

    def __init__(self, left: int = NOTEBOOK_BYTES) -> None:
        self.left = left

    def take(self, size: int) -> bool:
        """Whether there is room for so much; it is taken then."""
        if size > self.left:
            return False
        self.left -= size
        return True


class Outputs:
    """Collects a cell's outputs as a notebook keeps them, up to the caps. room: the notebook's."""

    def __init__(self, room: Room | None = None) -> None:
        self.room = room or Room()
        self.kept: list[NotebookNode] = []
        self.text = self.rich = self.seen = 0  # kept of streams, kept of displays, and all that came
        self.cut = self.clear_next = False
        self.displays: dict[str, list[NotebookNode]] = {}
        self.streams: dict[int, list[str]] = {}  # by id of the output, its parts: joined once, at the end

    def take(self, message: dict[str, Any]) -> bool:
        """Take a message of iopub. True when it says that the kernel is done with the cell."""
        kind, content = message.get("msg_type"), message.get("content")
        if not isinstance(content, dict):
            return False
        if kind == "status":
            return content.get("execution_state") == "idle"
        if kind == "clear_output":
            if content.get("wait"):
                self.clear_next = True
            else:
                self.kept.clear()
        elif kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            with contextlib.suppress(Exception):  # a malformed message is no output
                self._keep(kind, content)
        return False

    def _keep(self, kind: str, content: dict[str, Any]) -> None:
        display: str | None = (content.get("transient") or {}).get("display_id")
        if kind == "update_display_data":
            if output := self._rich("display_data", content):
                for old in self.displays.get(display or "", []):
                    old["data"], old["metadata"] = output["data"], output["metadata"]
            return
        if self.clear_next:
            self.kept.clear()
            self.clear_next = False
        if kind == "stream":
            self._stream("stderr" if content["name"] == "stderr" else "stdout", str(content["text"]))
        elif kind == "error":
            self._error(content)
        elif output := self._rich(kind, content):
            self.kept.append(output)
            if isinstance(display, str):
                self.displays.setdefault(display, []).append(output)

    def _rich(self, kind: str, content: dict[str, Any]) -> NotebookNode | None:
        """A display or a result as an output, where there is room for it. Raises where it is not a valid one."""
        parts = {"data": content["data"], "metadata": content["metadata"]}
        if _deeper(parts, DEPTH):
            raise ValueError("nested too deeply")
        text = json.dumps(parts, ensure_ascii=False, allow_nan=False)
        self.seen += len(text)
        if self.rich + len(text) > RICH_BYTES or len(self.kept) >= OUTPUTS or not self.room.take(len(text)):
            self.cut = True
            return None
        output: NotebookNode = nbformat.v4.new_output(kind, **json.loads(printable(text)))
        if kind == "execute_result":
            output.execution_count = content.get("execution_count")
        nbformat.validate(output, ref="output", version=4)
        self.rich += len(text)
        return output

    def _error(self, content: dict[str, Any]) -> None:
        """The last one is kept whatever came before it: it is the reason of a failure."""
        lines = [printable(str(line)[:20_000]) for line in content["traceback"][:50]]
        name, value = printable(str(content["ename"])[:200]), printable(str(content["evalue"])[:5000])
        self.seen += len(name) + len(value) + sum(map(len, lines))
        if len(self.kept) > OUTPUTS:
            self.cut = True
            self.kept.pop()
        self.kept.append(nbformat.v4.new_output("error", ename=name, evalue=value, traceback=lines))

    def _stream(self, name: str, text: str) -> None:
        self.seen += len(text)
        most = max(0, min(TEXT_BYTES - self.text, self.room.left))
        if len(text) > most:
            text, self.cut = text[:most], True
        self.room.take(len(text))
        self.text += len(text)
        last = self.kept[-1] if self.kept else None
        if last is not None and last.output_type == "stream" and last.name == name:
            self.streams[id(last)].append(text)
        elif len(self.kept) >= OUTPUTS:
            self.cut = True
        elif text:
            self.kept.append(nbformat.v4.new_output("stream", name=name, text=""))
            self.streams[id(self.kept[-1])] = [text]

    def done(self) -> list[NotebookNode]:
        """The outputs, with what carriage returns overwrote left out and a note where something was cut."""
        for output in self.kept:
            if output.output_type == "stream":
                output.text = as_shown(printable("".join(self.streams[id(output)])))
        if self.cut:
            note = "\n[output cut here: more than the grader keeps of one cell]\n"
            self.kept.append(nbformat.v4.new_output("stream", name="stdout", text=note))
        return self.kept


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and dicts lie within each other at more than this many levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_deeper(one, levels - 1) for one in inner)
