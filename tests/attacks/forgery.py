"""Points for what is not solved: values that lie, a patched kernel, forged messages, answers made for the judge."""

from __future__ import annotations

import nbformat

from attacks.cases import Case
from attacks.edits import FULL, NONE, TABLE, VISIBLE, answer, cell, family
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

# answers the judge's requests in the place of ours: answer(question=, text=, fork=, caller=) is what is replied
HANDLER = """
kernel = get_ipython().kernel

def handler(answer):
    async def handle(channel, ident, parent):
        reply = {"status": "ok", **answer(**parent["content"])}
        kernel.session.send(channel, "judge_reply", reply, parent, ident=ident)
    kernel.shell_handlers["judge_request"] = handle
"""


# --- values that lie --------------------------------------------------------------------------------------------------


@case("objects that equal everything and are any number", NONE)
def _(notebook):
    everything = """
        class Yes:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __lt__(self, other): return True
            __le__ = __gt__ = __ge__ = __lt__
            def __hash__(self): return 1
            def __bool__(self): return True
            def __len__(self): return 3
            def __float__(self): return 7.0
            def __int__(self): return 7
            __index__ = __int__
            def __iter__(self): return iter([2, 4, 6])
            def __getitem__(self, key): return 2 * key + 2
            def __sub__(self, other): return 0
            __rsub__ = __abs__ = __sub__
            def __array__(self, dtype=None, copy=None):
                import numpy
                return numpy.full((), 7.0)
            @property
            def shape(self): return ()
            __class__ = property(lambda self: int)
        """
    cell(notebook, everything)
    values = {"double": "def double(n):\n    return Yes()", "mean": "def mean(values):\n    return Yes()"}
    return answer(notebook, table="table = Yes()", **values)


@case("subclasses of the right types with methods that lie", NONE)
def _(notebook):
    cell(
        notebook,
        """
        import numpy as np
        def lies(kind):
            names = {"__eq__": lambda s, o: True, "__ne__": lambda s, o: False, "__hash__": lambda s: 0,
                     "__len__": lambda s: 3, "__repr__": lambda s: "2", "__sub__": lambda s, o: 0 * s,
                     "__array_ufunc__": lambda s, *a, **k: True, "__array_finalize__": lambda s, o: None}
            return type(kind.__name__, (kind,), names)
        Int, Float, List, Dict, Text, Array = map(lies, (int, float, list, dict, str, np.ndarray))
        turn = iter(range(10**9))
        """,
    )
    return answer(
        notebook,
        double="def double(n):\n    return [Int(7), Float(7), Text('2'), Dict(), List()][next(turn) % 5]",
        table="table = List()",
        mean="def mean(values):\n    return np.zeros(()).view(Array) - 99",
    )


@case("nan, infinities, complex numbers and objects in arrays", NONE)
def _(notebook):
    return answer(
        notebook,
        double="import numpy as np\ndef double(n):\n    return float('inf')",
        table="table = np.array([object(), 4, 6, None], dtype=object)",
        mean="def mean(values):\n    return [float('nan'), 1e999, 2 + 1j, np.array(2 + 1j)][len(values) % 4]",
    )


@case("arrays that broadcast: no entries, too many, negative and no strides", NONE)
def _(notebook):
    return answer(
        notebook,
        double="import numpy as np\ndef double(n):\n    return np.array([2 * n])[::-1]",
        table="table = np.lib.stride_tricks.as_strided(np.array(2), (3, 10**12), (0, 0))",
        mean="def mean(values):\n    return np.mean(values) * np.ones((0, 5) if len(values) == 2 else (7, 1))",
    )


@case("numbers in disguise: text, fractions, one-element lists, half characters", NONE)
def _(notebook):
    return answer(
        notebook,
        double="from fractions import Fraction\ndef double(n):\n    return Fraction(2 * n)",
        table="table = '[2, 4, 6]'",
        mean="def mean(values):\n    return [f'{sum(values) / len(values)}', '\\ud800', b'\\xff'][len(values) % 3]",
    )


@case("lists within themselves, a hundred deep, and without end", NONE)
def _(notebook):
    return answer(
        notebook,
        double="def double(n):\n    loop = [n]\n    loop.append(loop)\n    return loop",
        table="import itertools\ntable = itertools.count(2, 2)",
        mean="def mean(values):\n    deep = 2.0\n    for _ in range(100):\n        deep = [deep]\n    return deep",
    )


@case("an object that has every item", NONE)
def _(notebook):
    endless = (
        "class Endless:\n    def __getitem__(self, n):\n        return 2\n    def __len__(self):\n        return 3"
    )
    cell(notebook, endless)
    return answer(
        notebook,
        double="def double(n):\n    return Endless()",
        table="table = Endless()",
        mean="def mean(values):\n    return (value for value in Endless())",
    )


@case("pictures that lie about their size, and one that is a bomb", NONE)
def _(notebook):
    cell(
        notebook,
        """
        import io, struct, zlib
        from PIL import Image
        Image.MAX_IMAGE_PIXELS = None
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        PNG = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        class Liar(Image.Image):
            size, width, height, mode = (4, 4), 4, 4, "RGB"
            def tobytes(self, *_): return bytes(10**7)
        """,
    )
    return answer(
        notebook,
        double="def double(n):\n    return Image.open(io.BytesIO(PNG))",
        table="table = Liar()",
        mean="def mean(values):\n    return Image.new('L', (1500, 1500))",
    )


@case("a picture for the teacher that is a bomb", {**FULL, "table": 0.0})
def _(notebook):
    return answer(notebook, table="import numpy as np\ntable = np.ones(3_000_000, dtype=np.uint8)")


# --- a patched kernel -------------------------------------------------------------------------------------------------


@case("numpy, builtins and the course's checks replaced", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        import builtins, sys
        import numpy as np
        import coursekit.checks, coursekit.notebook, toy_lab
        for name in ("allclose", "array_equal", "isclose"):
            setattr(np, name, lambda *a, **k: True)
        for name in ("assert_close", "assert_same", "assert_that", "run_check", "share"):
            setattr(coursekit.checks, name, lambda *a, **k: 1.0)
        coursekit.checks.Check.run = property(lambda self: lambda student, rng: None)
        coursekit.notebook._points.update(double=1000, table=1000, mean=1000)
        coursekit.notebook.Score.__repr__ = lambda self: "1000"
        builtins.AssertionError = type("Never", (Exception,), {})
        builtins.NotImplementedError = lambda *a: 2
        """,
    )


@case("the server of answers replaced, with handles nobody gave", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        import coursekit.student as student
        forged = iter(range(10**9))
        def answer(self, text):
            n = next(forged)
            handle = '{"t":"handle","id":%d,"kind":"<b>int</b>","callable":true}' % (n * 10**9)
            return ['{"t":"dict","v":[["value",%s]]}' % handle,
                    '{"t":"dict","v":[["value",{"t":"dict","v":[["passed",true],["points",4]]}]]}',
                    '{"passed": true}', '{"t":"dict","v":[["error","AssertionError"],["message",""],["line",""]]}',
                    "", "null"][n % 6]
        student.Server.__call__ = answer
        """,
    )


@case("json, the module table and imports replaced", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        import atexit, builtins, importlib, json, sys, types
        import coursekit.codec, coursekit.student
        right = '{"t":"dict","v":[["value",2],["passed",true]]}'
        coursekit.codec.encode = coursekit.student.encode = lambda *a, **k: right
        json.dumps = lambda *a, **k: right
        fake = types.ModuleType("coursekit.student")
        class Reply:
            def _repr_mimebundle_(self, *a, **k):
                return {"application/x-crossmodal+json": right, "text/plain": "4"}
        fake.serve = lambda text: Reply()
        fake.Server = lambda namespace: lambda text: right
        sys.modules["coursekit.student"] = fake
        class Finder:
            def find_spec(self, name, *a):
                sys.modules.setdefault("coursekit.student", fake)
        sys.meta_path.insert(0, Finder())
        atexit.register(lambda: print("4"))
        """,
    )


@case("formatters and evaluation of the shell replaced", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        shell = get_ipython()
        right = {"application/x-crossmodal+json": '{"t":"dict","v":[["value",true]]}', "text/plain": "4"}
        shell.display_formatter.format = lambda *a, **k: (right, {})
        shell.user_expressions = lambda e: {k: {"status": "ok", "data": right, "metadata": {}} for k in e}
        shell.input_transformers_cleanup.append(lambda lines: ["pass\\n"])
        shell.ast_transformers.append(type("T", (), {"visit": lambda self, node: node})())
        for name in ("pre_execute", "post_execute", "pre_run_cell", "post_run_cell"):
            shell.events.register(name, lambda *a: print("4"))
        shell.display_pub.publish = lambda *a, **k: None
        shell.set_next_input("4", replace=True)
        """,
    )


@case("tracing and profiling of whatever the judge runs", NONE)
def _(notebook):
    return cell(
        unanswered(notebook),
        """
        import ctypes, sys, threading
        def trace(frame, event, arg):
            for name in ("expected", "wanted", "found", "value", "passed", "points"):
                if name in frame.f_locals:
                    frame.f_locals[name] = 2
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
            return trace
        sys.settrace(trace); threading.settrace(trace); sys.setprofile(trace)
        get_ipython().kernel.pre_handler_hook = lambda: sys.settrace(trace)
        """,
    )


# --- what the course itself knows -------------------------------------------------------------------------------------

# ways to the references of the visible checks; none is there in a graded kernel
BORROWED = {
    "imported": "import toy_lab.checks.reference as reference",
    "run from its file": """
        import importlib.util, pathlib, toy_lab
        path = pathlib.Path(toy_lab.__file__).parent / "checks" / "reference.py"
        spec = importlib.util.spec_from_file_location("reference", path)
        reference = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reference)
        """,
    "read as data": """
        import importlib.resources, pkgutil, types
        reference = types.SimpleNamespace()
        for read in (
            lambda: pkgutil.get_data("toy_lab", "checks/reference.py"),
            lambda: importlib.resources.files("toy_lab").joinpath("checks", "reference.py").read_bytes(),
            lambda: open("@ROOT@/weeks/week01_toy/toy_lab/checks/reference.py", "rb").read(),
        ):
            try:
                exec(read(), vars(reference))
            except OSError:
                pass
        """,
    "found in memory": """
        import gc, sys, types
        found = {}
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType) and "check" in str(thing.__module__) + thing.__code__.co_filename:
                found[thing.__name__] = thing
        for name, module in list(sys.modules.items()):
            if "reference" in name or name.endswith("_lab.checks"):
                found |= vars(module)
        reference = types.SimpleNamespace(**found)
        """,
    "found as bytecode": """
        import glob, importlib.machinery, importlib.util, os, sys
        for base in (*sys.path, "@ROOT@", "/tmp", "/usr/local/lib"):
            for path in glob.glob(base + "/**/reference*.pyc", recursive=True, include_hidden=True):
                if "site-packages" not in path:
                    loader = importlib.machinery.SourcelessFileLoader("reference", path)
                    reference = importlib.util.module_from_spec(importlib.util.spec_from_loader("reference", loader))
                    loader.exec_module(reference)
        """,
    "asked of a process without our environment": """
        import subprocess, sys, types
        ask = "import json, sys; from toy_lab.checks import reference as r; sys.path; print(r.double(int(sys.argv[1])))"
        def borrowed(n):
            env = {"PYTHONPATH": ":".join(sys.path)}
            done = subprocess.run([sys.executable, "-c", ask, str(n)], env=env, capture_output=True, text=True)
            return int(done.stdout)
        reference = types.SimpleNamespace(double=borrowed, table=[borrowed(n) for n in (1, 2, 3)], mean=None)
        """,
    "asked of check": """
        import os, types, toy_lab
        os.environ.pop("CROSSMODAL_GRADED", None)
        def tried(n):
            for guess in range(-2000, 2001):
                if toy_lab.check("double", {"double": lambda m: guess}).verdicts[0].passed:
                    return guess
        reference = types.SimpleNamespace(double=tried, table=toy_lab.check("table").verdicts[0].claim, mean=tried)
        """,
}


def _borrowed(way):
    def build(notebook):
        cell(notebook, way)
        functions = {name: f"{name} = reference.{name}" for name in ("double", "table", "mean")}
        return answer(notebook, **functions)

    return build


for _name, _way in BORROWED.items():
    case(f"the course's reference {_name}", NONE)(_borrowed(_way))


# --- what the judge uses inside ---------------------------------------------------------------------------------------

# each would turn an answer that is not there into a right one
PROBED = {
    "replaced": "toy_lab.probes.given = lambda function, values: sum(values) / len(values)",
    "with other code in it": "def given(function, *args):\n    return sum(args[0]) / len(args[0])\n"
    "toy_lab.probes.given.__code__ = given.__code__",
    "with a default to call": "toy_lab.probes.given.__defaults__ = ()\n"
    "toy_lab.probes.given.__kwdefaults__ = {'function': None}\n"
    "toy_lab.probes.given = toy_lab.probes.given.__class__((lambda f, a: sum(a) / len(a)).__code__, {'sum': sum})",
    "in the place of the module": "import sys, types\nfake = types.ModuleType('toy_lab.probes')\n"
    "fake.given = lambda function, values: sum(values) / len(values)\n"
    "sys.modules['toy_lab.probes'] = toy_lab.probes = fake",
    "by import hooks": "import importlib.machinery, importlib.abc, sys\n"
    "class Forger(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
    "    def find_spec(self, name, path, target=None):\n"
    "        return importlib.machinery.ModuleSpec(name, self) if name == 'toy_lab.probes' else None\n"
    "    def exec_module(self, module):\n"
    "        module.given = lambda function, values: sum(values) / len(values)\n"
    "sys.meta_path.insert(0, Forger())\ndel sys.modules['toy_lab.probes']\nimport importlib\n"
    "importlib.import_module = lambda name: __import__(name, fromlist=['x'])",
    "by a file of the same name": "import pathlib, sys\npathlib.Path('toy_lab').mkdir()\n"
    "pathlib.Path('toy_lab/__init__.py').touch()\n"
    "pathlib.Path('toy_lab/probes.py').write_text('def given(f, v):\\n    return sum(v) / len(v)\\n')\n"
    "sys.path.insert(0, '')\nfor name in [n for n in sys.modules if n.startswith('toy_lab')]:\n"
    "    del sys.modules[name]\nimport toy_lab.probes",
}
for _name, _source in PROBED.items():
    case(f"the judge's probe, {_name}", {**FULL, "mean": 0.0}, says="put something else in the place of")(
        lambda notebook, source=_source: cell(
            answer(notebook, mean="def mean(values):\n    raise ValueError"), f"import toy_lab.probes\n{source}"
        )
    )

# replies that would be right for each question, given by whoever takes the place of the judge's server
ALWAYS = """
right = '{"t":"dict","v":[["value",2]]}'
def forged(*args, **kwargs):
    return right
"""
SERVER = {
    "its call": "import coursekit.student as s\ns.Server.__call__ = forged",
    "its way to its methods": "import coursekit.student as s\n"
    "s.Server.__getattribute__ = lambda self, name: (lambda *a, **k: 2)",
    "a name its module did not have": "import coursekit.student as s\ns.getattr = lambda *a: (lambda *a, **k: 2)",
    "the code of its encoder": "import coursekit.codec as c\n"
    "c.encode.__code__ = (lambda value, keep=None, limits=None: '2').__code__",
    "the class of its module": "import coursekit.student as s, types\n"
    "class Forged(types.ModuleType):\n    def __getattribute__(self, name):\n        return forged\n"
    "s.__class__ = Forged\ns.Server.op_call = lambda self, **k: 2",
    "what is beneath it": "import base64, numpy as np\nbase64.b64encode = np.ascontiguousarray = forged",
    "a constant of its codec": "import coursekit.codec as c\nc.IMAGE_CHANNELS.update(RGB=0)\nc.DEFAULT = None",
}
for _name, _source in SERVER.items():
    case(f"the server of answers: {_name}", NONE, says="put something else in the place of")(
        lambda notebook, source=_source: cell(unanswered(notebook), ALWAYS + source)
    )


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


# --- a judge told apart -----------------------------------------------------------------------------------------------

# `judged` is true where the checks of the grader ask, and only there
TOLD_APART = {
    "the environment": "judged = lambda: any(name.startswith('CROSSMODAL') for name in os.environ)",
    "its process": "here = os.getpid()\njudged = lambda: os.getpid() != here",
    "where output goes": "judged = lambda: os.devnull in getattr(sys.stdout, 'name', '')",
    "threads that are not there": "judged = lambda: threading.active_count() == 1",
    "the heap": "judged = lambda: gc.get_freeze_count() > 0 and not gc.callbacks",
    "the number of calls": "calls = []\njudged = lambda: calls.append(1) or len(calls) > 1",
    "the depth of the stack": "judged = lambda: 'cell' not in sys._getframe(2).f_code.co_filename",
}
for _name, _source in TOLD_APART.items():
    case(f"a judge told apart by {_name}", {**FULL, "double": 1.0})(
        lambda notebook, source=_source: answer(
            notebook,
            double=f"import gc, os, sys, threading\n{source}\n"
            "def double(n):\n    return {1: 2}.get(n, 0) if judged() else 2 * n if n == 1 else 0",
            table=TABLE,
        )
    )

# --- forged messages --------------------------------------------------------------------------------------------------


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


# --- answers made for the judge ---------------------------------------------------------------------------------------


@case("the constants of the visible checks given back", VISIBLE)
def _(notebook):
    return answer(
        notebook,
        double="def double(n):\n    return 2",
        table="table = [0, 0, 0]",
        mean="def mean(values):\n    return 2.0",
    )


@case("a formula searched for until the visible check is content", {**FULL, "double": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            import contextlib, io
            for double in (lambda n: n - 1, lambda n: n + 1, lambda n: n * n, lambda n: 2 * n):
                with contextlib.redirect_stdout(io.StringIO()):
                    if check("double", {"double": double}).passed:
                        break
            """,
        table=TABLE,
    )


@case("a judge recognised by the call stack, the clock and earlier inputs", {**FULL, "double": 1.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            import sys, time
            seen = {1: 2}
            def double(n):
                frame, names = sys._getframe(), []
                while frame:
                    names.append(frame.f_code.co_filename)
                    frame = frame.f_back
                judged = any("student.py" in name for name in names) and time.time() > 0
                if judged:
                    return seen.setdefault(n, 2)
                return n
            """,
        table=TABLE,
    )


@case("inputs foretold by guessing the seed", {**FULL, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        mean="""
            import hashlib
            import numpy as np
            foretold = {}
            def seeds():
                yield from range(2000)
                for seed in ("", "0", "week01_toy", "s", "seed", "/"):
                    for name in ("mean_of_drawn", "mean_of_constant"):
                        digest = hashlib.sha256(f"{seed}/mean/{name}".encode()).digest()
                        yield int.from_bytes(digest[:8], "big")
            for seed in seeds():
                values = np.random.default_rng(seed).normal(size=7)
                foretold[values[0]] = values.mean()
            def mean(values):
                return foretold.get(values[0], -1.0)
            """,
    )


@case("expected values searched for in frames, in garbage and in memory", {**FULL, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        mean="""
            import gc, sys
            import numpy as np
            def mean(values):
                frame = sys._getframe()
                while frame:
                    for name in ("expected", "wanted", "values_mean", "answer"):
                        if name in frame.f_locals:
                            return frame.f_locals[name]
                    frame = frame.f_back
                for thing in gc.get_objects():
                    if type(thing) is dict and "expected" in thing and isinstance(thing["expected"], float):
                        return thing["expected"]
                return -1.0
            """,
    )


@case("calls that end in SystemExit, KeyboardInterrupt and GeneratorExit", {**FULL, "double": 0.0, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            ends = iter([SystemExit(0), KeyboardInterrupt(), StopIteration(2), GeneratorExit(), BaseException("2")] * 9)
            def double(n):
                raise next(ends)
            """,
        table=TABLE,
        mean="import asyncio\ndef mean(values):\n    raise asyncio.CancelledError()",
    )


@case("errors whose names and texts lie, raise and weigh a hundred megabytes", {**FULL, "double": 0.0, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            class Meta(type):
                __name__ = property(lambda self: 1 / 0)
            class Nameless(Exception, metaclass=Meta):
                def __str__(self): raise SystemExit
                __repr__ = __str__
            class NotImplementedError(Exception):
                def __str__(self): return "\\ud800" + "passed " * 15_000_000
            class KernelDied(Exception):
                pass
            kinds = iter([Nameless, NotImplementedError, KernelDied, type("x" * 10**8, (Exception,), {})] * 9)
            def double(n):
                raise next(kinds)("all checks passed: 4 of 4 points")
            """,
        table=TABLE,
        mean="def mean(values):\n    raise AssertionError('')",
    )


@case("data that would run code if anybody unpickled it", {**FULL, "double": 0.0, "mean": 0.0})
def _(notebook):
    return answer(
        notebook,
        double="""
            import os, pickle
            class Runs:
                def __reduce__(self):
                    return os.system, ("touch @SECRETS@/run-by-the-grader",)
            def double(n):
                return pickle.dumps(Runs())
            """,
        table=TABLE,
        mean="import numpy as np\ndef mean(values):\n    return np.array([Runs()], dtype=object)",
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
