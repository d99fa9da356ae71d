"""A cell's outputs, collected from a kernel's messages as a notebook keeps them, up to caps that hold at once."""

from __future__ import annotations

import contextlib
from typing import Any

import nbformat
from nbformat import NotebookNode

TEXT_BYTES = 1_000_000  # of streams, a cell
RICH_BYTES = 8_000_000  # of pictures and other displays, a cell
OUTPUTS = 200  # a cell


def as_shown(text: str) -> str:
    """Text as a terminal leaves it: of a line with carriage returns, such as a progress bar, what follows the last."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


class Outputs:
    """Collects a cell's outputs as a notebook keeps them, up to the caps."""

    def __init__(self) -> None:
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
                self._keep(message, kind, content)
        return False

    def _keep(self, message: dict[str, Any], kind: str, content: dict[str, Any]) -> None:
        display = (content.get("transient") or {}).get("display_id")
        if kind == "update_display_data":
            if self._fits(content):
                for old in self.displays.get(display, []):
                    old["data"], old["metadata"] = content["data"], content["metadata"]
            return
        if self.clear_next:
            self.kept.clear()
            self.clear_next = False
        if kind == "stream":
            self._stream(str(content["name"]), str(content["text"]))
            return
        if kind == "error":
            content = {**content, "evalue": str(content["evalue"])[:5000]}
            content["traceback"] = [str(line)[:20_000] for line in content["traceback"]][:50]
            message = {**message, "content": content}
        output = nbformat.v4.output_from_msg(message)
        if kind == "error" or self._fits(content):  # the reason of a failure is never cut
            self.kept.append(output)
            if isinstance(display, str):
                self.displays.setdefault(display, []).append(output)

    def _fits(self, content: dict[str, Any]) -> bool:
        size = sum(len(str(value)) for value in content["data"].values())
        self.seen += size
        if self.rich + size > RICH_BYTES or len(self.kept) >= OUTPUTS:
            self.cut = True
            return False
        self.rich += size
        return True

    def _stream(self, name: str, text: str) -> None:
        self.seen += len(text)
        room = TEXT_BYTES - self.text
        if len(text) > room:
            text, self.cut = text[: max(0, room)], True
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
                output.text = as_shown("".join(self.streams[id(output)]))
        if self.cut:
            note = "\n[output cut here: more than the grader keeps of one cell]\n"
            self.kept.append(nbformat.v4.new_output("stream", name="stdout", text=note))
        return self.kept
