"""What the judge uses, replaced in the kernel: libraries, the shell, its probes, its server of answers."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, NONE, answer, cell, family
from attacks.malformed import unanswered

CASES: list[Case] = []
case = family(CASES, "forgery")


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
