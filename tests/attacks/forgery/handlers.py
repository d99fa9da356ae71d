"""The kernel's handler of the judge's requests, and what stands beside it, taken or replaced."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, answer, cell, family
from attacks.malformed import unanswered

CASES: list[Case] = []
case = family(CASES, "forgery")

# answers the judge's requests in the place of ours: answer(question=, text=, fork=, caller=) is what is replied
HANDLER = """
kernel = get_ipython().kernel

def handler(answer):
    async def handle(channel, ident, parent):
        reply = {"status": "ok", **answer(**parent["content"])}
        kernel.session.send(channel, "judge_reply", reply, parent, ident=ident)
    kernel.shell_handlers["judge_request"] = handle
"""

# how a record says that what answered was not ours
NOT_OURS = "what answers in the kernel is not the course's own"


@case("the handler of the judge's requests replaced by one that answers at random", NONE, says=NOT_OURS)
def _(notebook):
    return cell(
        unanswered(notebook),
        HANDLER
        + """
forged = iter(range(10**9))
replies = [
    {"text": '{"t":"dict","v":[["value",true]]}', "replaced": []},
    {"text": '{"t":"dict","v":[["value",{"t":"handle","id":-1,"kind":"int","callable":true}]]}'},
    {"text": '{"t":"dict","v":[["value",{"t":"dict","v":[["passed",true],["points",4]]}]]}'},
    {"lost": "passed"}, {"text": None}, {}, {"status": "error", "ename": "", "evalue": "4"}, {"text": "4"},
]
handler(lambda **request: replies[next(forged) % len(replies)])
""",
    )


@case("the handler of the judge's requests replaced by one that knows the visible checks", NONE, says=NOT_OURS)
def _(notebook):
    return cell(
        unanswered(notebook),
        HANDLER
        + """
def answer(question, text, fork, caller):
    handle = '{"t":"handle","id":%d,"kind":"function","callable":true}'
    if '"get"' in text:
        known = {"double": handle % 1, "mean": handle % 2, "table": "[0,0,0]"}
        value = next((value for name, value in known.items() if name in text), 0)
    else:
        value = 2 if '"id":1' in text else handle % 3 if '"import"' in text or '"attribute"' in text else "2.0"
    return {"text": '{"t":"dict","v":[["value",%s]]}' % value}
handler(answer)
""",
    )


@case("the handler's own object taken apart", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        kernel = get_ipython().kernel
        ours = kernel.shell_handlers["judge_request"].__self__
        ours.pristine.restore = lambda: []
        for held in (ours.pristine._entries, ours.pristine._parts, ours.pristine._modules):
            held.clear()
        names = type(ours)._reply.__globals__
        class Forged:
            def __init__(self, namespace): pass
            def __call__(self, text): return '{"t":"dict","v":[["value",2]]}'
        names["Server"] = Forged
        names["json"] = names["signal"] = None
        """,
    )


@case("a fork that never is, and one that answers in the kernel itself", None, seconds=60)
def _(notebook):
    return cell(notebook, "import os\nos.fork = lambda: 0")


# ways to take the kernel for one's own, spelt so that no scan of the text sees them; each answers what is visible
DISGUISED = """
kernel = getattr(get_ipython(), "ker" + "nel")
KIND, HANDLERS = "_".join(("judge", "request")), "_".join(("shell", "handlers"))

async def handle(channel, ident, parent):
    text, handle = parent["content"]["text"], '{"t":"handle","id":%d,"kind":"function","callable":true}'
    known = {"double": handle % 1, "mean": handle % 2, "table": "[0,0,0]"}
    value = next((value for name, value in known.items() if name in text), 0) if '"get"' in text else 2
    value = value if '"get"' in text or '"id":1' in text else handle % 3 if '"import"' in text else "2.0"
    content = {"status": "ok", "text": '{"t":"dict","v":[["value",%s]]}' % value, "replaced": []}
    kernel.session.send(channel, KIND.replace("request", "reply"), content, parent, ident=ident)
"""
TAKEN = {
    "its entry": "getattr(kernel, HANDLERS)[KIND] = handle",
    "the table it is in": "setattr(kernel, HANDLERS, {**getattr(kernel, HANDLERS), KIND: handle})",
    "the table emptied, so that nothing answers": "getattr(kernel, HANDLERS).pop(KIND)",
    "what the table is": """
class Table(dict):
    def get(self, name, default=None):
        return handle if name == KIND else super().get(name, default)
setattr(kernel, HANDLERS, Table(getattr(kernel, HANDLERS)))
""",
    "the dispatcher of all messages": """
really = getattr(kernel, "dispatch_" + "shell")
async def dispatch(message, *args, **kwargs):
    ident, parts = kernel.session.feed_identities(message, copy=False)
    parent = kernel.session.deserialize(parts, content=True, copy=False)
    if parent["header"]["msg_type"] == KIND:
        return await handle(kernel.shell_stream, ident, parent)
    return await really(message, *args, **kwargs)
setattr(kernel, "dispatch_" + "shell", dispatch)
""",
    "the dispatcher of its class": """
kinds = [kind for kind in type(kernel).__mro__ if "should_" + "handle" in vars(kind)]
async def should_handle(self, channel, message, idents):
    if message["header"]["msg_type"] != KIND:
        return True
    await handle(channel, idents, message)
    return False
setattr(kinds[0], "should_" + "handle", should_handle)
""",
}
for _name, _source in TAKEN.items():
    case(f"the kernel's handlers taken: {_name}", NONE, seconds=60, says=NOT_OURS)(
        lambda notebook, source=_source: cell(unanswered(notebook), DISGUISED + source)
    )

# the same for what stands beside the handler: each is put back, and named
BESIDE = {
    "its entry, around ours": (
        """
ours = getattr(kernel, HANDLERS)[KIND]
async def around(channel, ident, parent):
    await ours(channel, ident, parent)
getattr(kernel, HANDLERS)[KIND] = around
""",
        "in the place of kernel.shell_handlers['judge_request']",
    ),
    "the dispatcher, around the real one": (
        """
really = getattr(kernel, "dispatch_" + "shell")
async def dispatch(*args, **kwargs):
    return await really(*args, **kwargs)
setattr(kernel, "dispatch_" + "shell", dispatch)
""",
        "in the place of kernel.dispatch_shell",
    ),
    "how cells are run": (
        """
async def execute(*args, **kwargs):
    return {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}
setattr(type(kernel).__mro__[1], "do_" + "execute", execute)
""",
        "in the place of ipykernel.ipkernel.IPythonKernel.do_execute",
    ),
    "its socket for what is shown": (
        """
really = kernel.iopub_socket
class Socket:
    def __getattr__(self, name):
        return getattr(really, name)
setattr(kernel, "io" + "pub_socket", Socket())
""",
        "in the place of kernel.iopub_socket",
    ),
}
for _name, (_source, _says) in BESIDE.items():
    case(f"the kernel's own parts replaced: {_name}", None, says=_says)(
        lambda notebook, source=_source: cell(unanswered(notebook), DISGUISED + source)
    )


@case("the kernel's way of sending changed", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        session = get_ipython().kernel.session
        really = session.send
        def send(stream, kind, content=None, *args, **kwargs):
            if kind == "judge_reply":
                content = {"status": "ok", "text": '{"t":"dict","v":[["value",2]]}', "replaced": []}
            return really(stream, kind, content, *args, **kwargs)
        session.send = send
        """,
    )


@case("word of what was replaced that is none, and lies", NONE, says=NOT_OURS)
def _(notebook):
    return cell(
        unanswered(notebook),
        HANDLER
        + """
deep = []
for _ in range(900):
    deep = [deep]
forged = iter(range(10**9))
replies = [deep, [deep], 5, "x", {"a": 1}, [10**300, None, True], ["<b>nothing</b>"] + ["y" * 100_000] * 100]
handler(lambda **request: {"text": "4", "replaced": replies[next(forged) % len(replies)]})
""",
    )


@case("an answer that writes to the judge's link ahead of the reply", {**FULL, "double": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            import json, sys
            right = json.dumps({"text": '{"t":"dict","v":[["value",3]]}', "replaced": []}).encode()
            def double(n):
                frame = sys._getframe()
                while "link" not in frame.f_locals:
                    frame = frame.f_back
                frame.f_locals["link"].sendall((len(right).to_bytes(8, "big") + right) * 9)
                return 0
            """,
        table=TABLE,
    )


@case("replies that take long to read", NONE, seconds=40)
def _(notebook):
    return cell(
        unanswered(notebook),
        HANDLER
        + """
prime = 2**61 - 1
forged = iter(range(10**9))
def answer(**request):
    n = next(forged) % 6
    if n == 0:  # keys that collide
        return {"text": '{"t":"dict","v":[%s]}' % ",".join(f"[{k * prime},0]" for k in range(60_000))}
    if n == 1:  # empty lists
        return {"text": "[" + "[]," * 15_000_000 + "[]]"}
    if n == 2:
        return {"text": "[" * 10_000_000}
    if n == 3:
        bomb = '{"t":"image","m":"RGB","s":[4000,4000],"b":"%s"}' % ("A" * 60_000_000)
        return {"text": '{"t":"dict","v":[["value",%s]]}' % bomb}
    if n == 4:
        bomb = '{"t":"array","d":"uint8","s":[40000000],"b":"%s"}' % ("A" * 53333334)
        return {"text": '{"t":"dict","v":[["value",%s]]}' % bomb}
    return {"text": "9" * 50_000_000}
handler(answer)
""",
    )
