"""Forged messages, signed with the kernel's key, and results written into the file."""

from __future__ import annotations

import nbformat

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, answer, cell, family
from attacks.malformed import unanswered

CASES: list[Case] = []
case = family(CASES, "forgery")

# writes messages to the kernel's own sockets, signed with its key
MESSAGES = """
import json, time
kernel = get_ipython().kernel
session, parent = kernel.session, kernel.get_parent("shell")
client = parent["header"]["session"]

def forge(content, parent_header=None, kind="judge_reply", parts=None):
    head = session.msg(kind, parent=parent)["header"]
    parts = [json.dumps(part, default=str).encode() for part in (head, parent_header or parent["header"], {}, content)]
    shell = getattr(kernel, "shell_socket", None) or kernel.shell_stream.socket
    shell.send_multipart([client.encode(), b"<IDS|MSG>", session.sign(parts), *parts])
"""


@case("signed replies ahead of the real ones, twice, and to requests still to come", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        MESSAGES
        + """
content = {"status": "ok", "text": '{"t":"dict","v":[["value",true]]}', "replaced": []}
base, _, number = parent["header"]["msg_id"].rpartition("_")
for ahead in (0, 0, *range(1, 60)):
    for kind in ("judge_reply", "execute_reply"):
        forge(content, {**parent["header"], "msg_id": f"{base}_{int(number) + ahead}"}, kind)
    forge({"execution_state": "idle"}, {**parent["header"], "msg_id": f"{base}_{int(number) + ahead}"}, "status")
forge(content, {"msg_id": "of nobody"})
""",
    )


@case("messages that are none: lists for headers, numbers for contents", FULL)
def _(notebook):
    return cell(
        notebook,
        MESSAGES
        + """
good = dict(parent["header"])
for header in ([1], "x", 5, None, {}, good):
    for content in ([1], "x", 5, None, {"payload": 5, "status": [], "text": 7, "replaced": 8, "execution_count": -3}):
        head = session.msg("judge_reply", parent=parent)["header"]
        parts = [json.dumps(part, default=str).encode() for part in (head, header, [], content)]
        shell = getattr(kernel, "shell_socket", None) or kernel.shell_stream.socket
        shell.send_multipart([client.encode(), b"<IDS|MSG>", session.sign(parts), *parts])
        kernel.iopub_socket.send_multipart([b"stream", b"<IDS|MSG>", session.sign(parts), *parts])
""",
    )


@case("a fork that answers too", {**FULL, "double": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="import os\ndef double(n):\n    return 7 if os.fork() else 8",
        table=TABLE,
    )


@case("outputs, points and verdicts written into the file", NONE)
def _(notebook):
    for one in unanswered(notebook).cells:
        if one.id.startswith("id-check-"):
            one.metadata.nbgrader.points = 1000.0
            one.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1000"}, execution_count=1)]
            one.execution_count = 1
    notebook.metadata["crossmodal"] = {"points": 1000, "outcome": "graded"}
    return notebook
