"""Code that looks at who calls it is found under any name, honest code is left alone, and no point depends on it."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace

import nbformat
import pytest
from support.known import known_answers
from support.light import grade_as
from support.toy import RIGHT, code, toy_notebook

from grader.analysis.introspection import flags
from grader.analysis.introspection_rules import CHECKS, CLOCK, COMPUTED, COUNT, KERNEL, MEMORY, PROCESS, STACK, TRACE
from grader.cli.progress import class_table
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.questions import grade_id
from grader.grading.pipeline import grade_notebook
from grader.records.grade import Grade
from grader.reporting import class_report, feedback

WEEKS = list(find_course().weeks)


def found(answer="", *cells, name="double"):
    """What is flagged where this answers `double`, with these cells of the student's own before it."""
    released = toy_notebook()
    notebook = copy.deepcopy(released)
    place = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == name)
    if answer:
        notebook.cells[place].source = answer
    notebook.cells[place:place] = [code(source, f"own-{i}") for i, source in enumerate(cells)]
    return flags(notebook, released, "toy_lab")


def function(body, head=""):
    """An answer with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"{head}\ndef double(n):\n{lines}\n    return 2 * n\n"


LOOKS = [
    # the call stack
    (STACK, function("if sys._getframe(1).x: n = 0", "import sys")),
    (STACK, function("if s._getframe(1).x: n = 0", "import sys as s")),
    (STACK, function("if g(1): n = 0", "from sys import _getframe as g")),
    (STACK, function("if look(1): n = 0", "import sys\nlook = sys._getframe")),
    (STACK, function("depth = len(inspect.stack())", "import inspect")),
    (STACK, function("depth = len(s())", "from inspect import stack as s")),
    (STACK, function("depth = len(stack())", "from inspect import *")),
    (STACK, function("import inspect as i\nf = i.currentframe()")),
    (STACK, function("f = inspect.getouterframes(None)", "import inspect")),
    (STACK, function("f = inspect.trace()", "import inspect")),
    (STACK, function("f = traceback.extract_stack()", "import traceback")),
    (STACK, function("f = ''.join(format_stack())", "from traceback import format_stack")),
    (STACK, function("f = list(traceback.walk_stack(None))", "import traceback")),
    (STACK, function("f = sys._current_frames()", "import sys")),
    (STACK, function("try: 1 / 0\nexcept Exception as e: f = e.__traceback__.tb_frame")),
    (STACK, function("f = (lambda: (yield))().gi_frame.f_back")),
    (STACK, function("f = getattr(sys, '_getframe')(1)", "import sys")),
    (STACK, function("f = vars(sys)['_getframe'](1)", "import sys")),
    (STACK, function("f = sys.__dict__['_getframe'](1)", "import sys")),
    (STACK, function("f = __import__('sys')._getframe(1)")),
    (STACK, function("f = __import__('inspect').stack()")),
    (STACK, function("f = importlib.import_module('inspect').stack()", "import importlib")),
    (STACK, function("f = a(sys)", "import sys, operator\na = operator.attrgetter('_getframe')")),
    (STACK, function("f = getattr(inspect, which)()", "import inspect\nwhich = 'stack'")),
    (STACK, function("f = eval('inspect.stack()')", "import inspect")),
    (STACK, function("for module in (inspect,): f = module.stack()", "import inspect")),
    (STACK, function("a, b = sys, inspect\nf = b.stack()", "import sys, inspect")),
    (STACK, function("if (i := inspect).stack(): n = 0", "import inspect")),
    (STACK, function("f = peek.stack()", "import inspect\nclass peek:\n    stack = inspect.stack")),
    (STACK, "def double(n, look=__import__('inspect')):\n    return 2 * n if len(look.stack()) > 4 else 0"),
    (STACK, "%%time\nimport inspect\ndef double(n):\n    return 2 * n * bool(inspect.stack())"),
    (STACK, "%time import inspect; double = lambda n: 2 * n * len(inspect.stack())"),
    (STACK, "get_ipython().run_cell('''import inspect\ndef double(n): return inspect.stack()''')"),
    (STACK, "import inspect\nclass Double:\n    def __call__(self, n): return inspect.stack()\ndouble = Double()"),
    (
        STACK,
        function("try:\n    return 2 * n if deep(0) else 0\nexcept RecursionError: pass", "def deep(k): deep(k + 1)"),
    ),
    (STACK, function("x = logging.getLogger().findCaller()", "import logging")),
    (STACK, function("x = np.sys._getframe()", "import numpy as np")),
    # the process and its environment
    (PROCESS, function("x = os.popen('ps').read()", "import os")),
    (PROCESS, function("x = subprocess.check_output(['ps'])", "import subprocess")),
    (PROCESS, function("x = open(os.path.join('/', 'proc', 'self'))", "import os")),
    (PROCESS, function("x = dict(E)", "import os\nE = os.environ")),
    (PROCESS, function("x = getenv('HOME')", "from os import *")),
    (PROCESS, "%%capture\nimport os\ndef double(n): return os.getpid()"),
    (PROCESS, function("x = %env HOME")),
    (PROCESS, function("if 'HOME' in os.environ: n = 0", "import os")),
    (PROCESS, function("x = e.get('HOME')", "from os import environ as e")),
    (PROCESS, function("x = os.getenv('HOME')", "import os")),
    (PROCESS, function("x = g('HOME')", "from os import getenv as g")),
    (PROCESS, function("x = os.environ['N']\nos.environ['N'] = x + '1'", "import os")),
    (PROCESS, function("x = os.getpid() == PID", "import os\nPID = os.getpid()")),
    (PROCESS, function("x = os.getppid()", "import os")),
    (PROCESS, function("x = open('/proc/self/status').read()")),
    (PROCESS, function("x = Path('/proc') / 'self'", "from pathlib import Path")),
    (PROCESS, function("x = !cat /proc/self/cmdline")),
    (PROCESS, function("x = !env")),
    (PROCESS, function("x = 'inspect' in sys.modules", "import sys")),
    (PROCESS, function("x = 'google.colab' in sys.modules", "import sys")),
    (PROCESS, function("from sys import modules as m\nx = len(m)")),
    (PROCESS, function("x = sys.argv", "import sys")),
    (PROCESS, function("x = threading.enumerate()", "import threading")),
    (PROCESS, function("x = t.current_thread().name", "import threading as t")),
    (PROCESS, function("x = psutil.Process()", "import psutil")),
    (PROCESS, function("x = resource.getrlimit(0)", "import resource")),
    (PROCESS, function("x = socket.gethostname()", "import socket")),
    (PROCESS, function("x = platform.node()", "import platform")),
    (PROCESS, function("x = multiprocessing.current_process()", "import multiprocessing")),
    # the kernel and the judge
    (KERNEL, function("x = 'coursekit.judged' in ''")),
    (KERNEL, function("import coursekit.judged")),
    (KERNEL, function("from coursekit import judged")),
    (KERNEL, function("from coursekit.student import Server")),
    (KERNEL, function("x = get_ipython().kernel")),
    (KERNEL, function("x = ip.kernel.shell_handlers", "ip = get_ipython()")),
    (KERNEL, function("x = g().kernel", "from IPython import get_ipython as g")),
    (KERNEL, function("x = 'judge_request'")),
    (KERNEL, function("x = 'CROSSMODAL_GRADED'")),
    (KERNEL, function("x = __builtins__")),
    (KERNEL, function("x = globals()['__builtins__']")),
    # memory and tracing
    (MEMORY, function("x = gc.get_objects()", "import gc")),
    (MEMORY, function("x = r(n)", "from gc import get_referrers as r")),
    (MEMORY, function("import ctypes")),
    (MEMORY, function("x = object.__subclasses__()")),
    (TRACE, function("sys.settrace(None)", "import sys")),
    (TRACE, function("p(None)", "from sys import setprofile as p")),
    (TRACE, function("threading.setprofile(None)", "import threading")),
    # the clock
    (CLOCK, function("if time.time() > 5: n = 0", "import time")),
    (CLOCK, function("now = t()\nif now - 3 > 5: n = 0", "from time import perf_counter as t")),
    (CLOCK, function("n = [n, 0][int(time.monotonic()) % 2]", "import time")),
    (CLOCK, function("if datetime.now().hour > 4: n = 0", "from datetime import datetime")),
    (CLOCK, function("while d.datetime.utcnow() < END: pass", "import datetime as d")),
    (CLOCK, function("match time.gmtime().tm_hour:\n    case 3: n = 0", "import time")),
    (CLOCK, "import time\nT = time.time()\ndouble = lambda n: 0 if time.time() - T > 60 else 2 * n"),
    (CLOCK, function("if age() > 60: n = 0", "import time\nT = time.time()\ndef age():\n    return time.time() - T")),
    (CLOCK, function("if np.datetime64('now') > END: n = 0", "import numpy as np")),
    # how often it was called
    (COUNT, function("if double.cache_info().misses > 3: n = 0", "import functools\n@functools.cache")[:-1]),
    (COUNT, function("for k in calls: n = n if k < 3 else 0", "import itertools\ncalls = itertools.count()")),
    (COUNT, function("for k in calls: n *= k", "def make():\n    yield 1\ncalls = make()")),
    (COUNT, function("n *= tick()", "import functools, itertools\ntick = functools.partial(next, itertools.count())")),
    (COUNT, function("n *= tick()", "import itertools\ntick = itertools.count().__next__")),
    (COUNT, function("return answers.pop()", "answers = [2, 4]")),
    (COUNT, "calls = 0\ndef double(n):\n    global calls\n    calls += 1\n    return 2 * n + max(0, calls - 5)"),
    (
        COUNT,
        "first = True\ndef double(n):\n    global first\n    if first:\n        first = False\n        return 2 * n",
    ),
    (
        COUNT,
        "class Double:\n    n = 0\n    @classmethod\n    def of(cls, x):\n        cls.n += 1\n"
        "        return 2 * x if cls.n < 3 else 0\ndouble = Double.of",
    ),
    (
        COUNT,
        "class Double:\n    n = 0\n    def of(self, x):\n        self.n += 1\n"
        "        return 2 * x if self.n < 3 else 0\ndouble = Double().of",
    ),
    (COUNT, function("double.calls += 1", "")),
    (COUNT, function("double.calls = getattr(double, 'calls', 0) + 1")),
    (COUNT, function("setattr(double, 'calls', 1)")),
    (COUNT, function("double.seen.append(n)")),
    (COUNT, function("double.__dict__['calls'] = 1")),
    (COUNT, function("global calls\ncalls += 1\nif calls > 3: n = 0", "calls = 0")),
    (COUNT, function("global calls\ncalls = calls + 1\nlate = calls > 3\nn = 0 if late else n", "calls = 0")),
    (COUNT, function("calls.append(n)\nif len(calls) > 3: n = 0", "calls = []")),
    (COUNT, function("calls[0] += 1\nif calls[0] > 3: n = 0", "calls = [0]")),
    (
        COUNT,
        function("calls['n'] += 1\nn = n * (calls['n'] < 3)", "from collections import Counter\ncalls = Counter()"),
    ),
    (COUNT, function("State.n += 1\nif State.n > 3: n = 0", "class State:\n    n = 0")),
    (COUNT, function("state.n += 1\nif state.n > 3: n = 0", "import types\nstate = types.SimpleNamespace(n=0)")),
    (COUNT, function("if next(calls) > 3: n = 0", "import itertools\ncalls = itertools.count()")),
    (COUNT, function("n *= next(factors)", "factors = iter([1, 1, 0])")),
    (COUNT, function("n *= factors.__next__()", "factors = iter([1, 1, 0])")),
    (COUNT, function("n *= step(factors)", "factors = iter([1, 1, 0])\nstep = next")),
    (COUNT, function("n = n if count() < 3 else 0", "k = 0\ndef count():\n    global k\n    k += 1\n    return k")),
    (COUNT, function("globals()['k'] = 3")),
    (COUNT, function("n *= len(In)")),
    (COUNT, "def double(n, seen=[]):\n    seen.append(n)\n    return 2 * n if len(seen) < 3 else 0"),
    (COUNT, "def double(n, *, seen={'n': 0}):\n    seen['n'] += 1\n    return 2 * n if seen['n'] < 3 else 0"),
    (COUNT, "import itertools\ndef double(n, c=itertools.count()):\n    return 2 * n if next(c) < 3 else 0"),
    (
        COUNT,
        "def make():\n    k = 0\n    def double(n):\n        nonlocal k\n        k += 1\n"
        "        return 2 * n if k < 3 else 0\n    return double\ndouble = make()",
    ),
    (
        COUNT,
        "def make(k=[0]):\n    seen = []\n    def inner(n):\n        seen.append(n)\n"
        "        return 2 * n if len(seen) < 3 else 0\n    return inner\ndouble = make()",
    ),
    (
        COUNT,
        "class Double:\n    n = 0\n    def __call__(self, x):\n        self.n += 1\n"
        "        return 2 * x if self.n < 3 else 0\ndouble = Double()",
    ),
    (
        COUNT,
        "def counted(f):\n    def wrapper(n):\n        wrapper.calls += 1\n        return f(n)\n    wrapper.calls = 0\n"
        "    return wrapper\n@counted\ndef double(n):\n    return 2 * n",
    ),
    # the course's checks and references
    (CHECKS, "from toy_lab import checks\ndouble = checks.reference"),
    (CHECKS, "from toy_lab.checks import doubles_one as d\ndef double(n): return d"),
    (CHECKS, function("import toy_lab.checks as c")),
    (CHECKS, function("x = toy_lab.checks.doubles_one", "import toy_lab")),
    (CHECKS, function("x = lab.reference.double(n)", "import toy_lab as lab")),
    (CHECKS, function("x = importlib.import_module('toy_lab.checks')", "import importlib")),
    (CHECKS, function("x = __import__('toy_lab.probes')")),
    (CHECKS, function("x = open('weeks/week01_toy/toy_lab/checks.py').read()")),
    (CHECKS, function("x = toy_lab.__file__", "import toy_lab")),
    (CHECKS, function("x = inspect.getsource(toy_lab)", "import inspect, toy_lab")),
    (CHECKS, function("x = src(check)", "from inspect import getsource as src\nfrom toy_lab import check")),
    (CHECKS, function("n = toy_lab.parts.double(n)", "import toy_lab")),
    (CHECKS, function("import clip_lab.checks")),
    (CHECKS, function("x = pkgutil.get_data('toy_lab', 'points.json')", "import pkgutil")),
    (CHECKS, function("x = u.find_spec('toy_lab').origin", "import importlib.util as u")),
    (CHECKS, function("x = check.__globals__", "from toy_lab import check")),
    # replaced parts
    ("replaces a part of numpy", function("np.mean = max", "import numpy as np")),
    ("replaces a part of torch.nn.functional", function("F.relu = max", "import torch.nn.functional as F")),
    ("replaces a part of torch.nn.Linear", function("", "from torch import nn\nnn.Linear.forward = max")),
    ("replaces a part of toy_lab.probes", "import toy_lab\ntoy_lab.probes.same = lambda *a: True"),
    ("replaces a part of toy_lab", "import toy_lab\ntoy_lab.LIMIT = 3"),
    ("replaces a part of sys.modules", "import sys\nsys.modules['numpy'] = 3"),
    ("replaces a part of sys.modules", "import sys\nsys.modules.update(numpy=3)"),
    ("replaces a part of builtins", "import builtins\nbuiltins.abs = max"),
    ("replaces a part of builtins", "import builtins as b\ndel b.abs"),
    ("replaces a part of numpy", "import sys, numpy\nsys.modules['numpy'].mean = max"),
    ("replaces a part of numpy", "import numpy as np\nsetattr(np, 'mean', max)"),
    ("replaces a part of numpy", "import numpy as np\nnp.__dict__['mean'] = max"),
    ("replaces a part of numpy", "import numpy as np\nvars(np)['mean'] = max"),
    ("replaces a part of numpy", "import numpy as np\nnp.__dict__.update(mean=max)"),
    ("replaces a part of the class of x", "x = 3\ntype(x).__add__ = max"),
    ("replaces a part of a library, by mock", "from unittest import mock\nmock.patch('numpy.mean').start()"),
    ("replaces a part of numpy", "import numpy as np\nnp.mean, np.sum = np.sum, np.mean"),
    ("replaces a part of numpy", "import numpy as np\nfor np.mean in [max]: pass"),
    ("replaces a part of numpy", "import numpy as np\nobject.__setattr__(np, 'mean', max)"),
    ("replaces a part of json", "import json\njson.dumps = lambda *a, **k: '1'"),
    ("replaces a part of builtins.__builtins__", "__builtins__.abs = max"),
    # put together as it runs
    (COMPUTED, function("f = getattr(inspect, 'st%s' % 'ack')()", "import inspect")),
    (COMPUTED, function("w = 'st'\nw += 'ack'\nf = getattr(inspect, w)()", "import inspect")),
    (COMPUTED, "import inspect\ndef double(n, w='signature'): return getattr(inspect, w)()"),
    (COMPUTED, function("f = dict(inspect.getmembers(inspect))['sta' 'ck']()", "import inspect")),
    (COMPUTED, function("f = getattr(sys, '_get' + 'frame')(1)", "import sys")),
    (COMPUTED, function("f = getattr(sys, ''.join(['_get', 'frame']))(1)", "import sys")),
    (COMPUTED, function("f = getattr(sys, name)(1)", "import sys\nname = '_get' + 'frame'")),
    (COMPUTED, function("f = look(sys, 'emarfteg_'[::-1])", "import sys\nlook = getattr")),
    (COMPUTED, function("f = getattr(n, chr(95) + 'x')")),
    (COMPUTED, function("f = __import__('in' + 'spect')")),
    (COMPUTED, function("f = i('in' + 'spect')", "from importlib import import_module as i")),
    (COMPUTED, function("exec(bytes([112]).decode())")),
    (COMPUTED, function("n = e(text)", "from builtins import eval as e\ntext = input()")),
    (COMPUTED, function("f = get_ipython().run_cell('a' + 'b')")),
]


@pytest.mark.parametrize(("what", "source"), LOOKS)
def test_what_looks_is_found(what, source):
    lines = found(source)
    assert any(line.startswith("double, line ") and f", {what} (" in line for line in lines), lines


@pytest.mark.parametrize(
    ("what", "cell", "answer"),
    [
        (STACK, "import inspect\ndef judged_now():\n    return len(inspect.stack()) > 9", "double = judged_now"),
        (PROCESS, "import os\nHERE = os.environ.get('HOME')", function("if HERE: n = 0")),
        (PROCESS, "import sys\nBEFORE = set(sys.modules)", function("if BEFORE: n = 0")),
        (KERNEL, "ip = get_ipython()\nip.events.register('pre_execute', print)", ""),
        (TRACE, "import sys\nsys.setprofile(print)", ""),
        (CHECKS, "from toy_lab import checks", ""),
        ("replaces a part of numpy.random", "import numpy as np\nnp.random.seed = print", ""),
        (
            COUNT,
            "def wrap(f):\n    def g(n):\n        g.calls += 1\n        return f(n)\n    return g",
            "@wrap\n" + function("")[1:],
        ),
        (COUNT, "seen = []\ndef count():\n    seen.append(1)\n    return len(seen)", function("if count() > 2: n = 0")),
        (CLOCK, "import time\nT = time.time()\ndef late(): return time.time() > T + 9", function("if late(): n = 0")),
    ],
)
def test_what_another_cell_does_for_an_answer_is_found(what, cell, answer):
    lines = found(answer, cell)
    assert any(line.startswith("cell 5, line ") and f", {what} (" in line for line in lines), lines


def test_a_flag_says_where_and_shows_the_line():
    assert found(function("\nif s._getframe(1).x: n = 0", "import sys as s")) == [
        "double, line 4, looks at the call stack (_getframe): `if s._getframe(1).x: n = 0`"
    ]


HONEST = [
    # answers
    function("path = os.path.join('a', 'b')", "import os"),
    function("x = np.random.default_rng(0).normal()\nnp.random.seed(0)", "import numpy as np"),
    "import functools\n@functools.cache\ndef double(n):\n    return 2 * n",
    "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef double(n):\n    return 2 * n",
    "class Double:\n    factor = 2\n    def __init__(self): self.count = 0\n    def forward(self, n):\n"
    "        self.count += 1\n        if self.count > 3: print('many')\n        return self.factor * n\n"
    "model = Double()\ndef double(n): return model.forward(n)",
    function("began = time.time()\nprint(f'{time.time() - began:.1f} s')", "import time"),
    function("made = datetime.now(UTC).isoformat()", "from datetime import UTC, datetime"),
    function("time = 3\nif time > 2: n = n + 0"),
    function("calls = 0\nfor _ in range(3):\n    calls += 1\nif calls > 2: pass"),
    function("best = 0\ndef visit(k):\n    nonlocal best\n    if k > best: best = k\nvisit(n)\nif best: pass"),
    function("done = []\ndef add(k):\n    done.append(k)\n    if len(done) > 2: return\nadd(n)"),
    function("first = next(iter([n]))\nit = iter([n])\nx = next(it)\ny = next((k for k in [1]), 0)"),
    function("history.append(n)", "history = []"),
    "def double(n, memo={}):\n    if n not in memo:\n        memo[n] = 2 * n\n    return memo[n]",
    "cache = {}\ndef double(n):\n    if n in cache: return cache[n]\n    cache[n] = 2 * n\n    return cache[n]",
    "def double(n, out=None):\n    out = [] if out is None else out\n    out.append(n)\n    return 2 * n",
    function("x = getattr(n, 'real')\ny = getattr(n, 'shape', None)\nhasattr(n, 'imag')"),
    "class M:\n    def forward(self, n):\n        return [getattr(self, f'layer{i}') for i in range(3)]\n"
    + function("for name in ('real', 'imag'): x = getattr(n, name)")[1:],
    function("try: n = json.loads(n)\nexcept (ValueError, RecursionError): pass", "import json"),
    function("try: pass\nexcept ValueError:\n    traceback.print_exc()", "import traceback"),
    function("model.eval()\nmodel.train(False)\ntorch.set_grad_enabled(False)", "import torch"),
    function("model.weight.data = n\nmodel.logit_scale.data = n\nmodel.weight.grad = None"),
    function('"""Not as in /proc or by sys._getframe: twice n, as judged by CROSSMODAL_ rules."""'),
    function("assert sys.version_info > (3, 8)\nx = sys.platform", "import sys"),
    function("words = 'the environ of a judged stack'.split()"),
    function("frame = n\nf = frame.stack if False else None\nx = torch.stack([n])", "import torch"),
    "from collections import Counter\ndef double(n):\n    counts = Counter()\n    counts.update([n])\n"
    "    counts[n] += 1\n    return 2 * n if counts else 0",
    function(
        "x = getattr(torch, name)\ny = getattr(nn, f'Conv{n}d')", "import torch\nfrom torch import nn\nname = str(3)"
    ),
    function("for parts in rows:\n    parts.x = 3\nfor k in rows: n += k", "import numpy as np\nrows = np.ones(3)"),
    function("x = list(map(next, [iter([1]), iter([2])]))"),
    "factor: int\ndef double(n: float) -> float:\n    twice: float\n    twice = 2 * n\n    return twice",
    # cells of one's own, with an ordinary answer
    ("import pandas as pd\npd.options.mode.chained_assignment = None\npd.set_option('display.width', 9)",),
    ("import PIL.Image\nPIL.Image.ANTIALIAS = PIL.Image.LANCZOS",),
    ("!pip install -q env-tools tops\n!ls env; ls ps",),
    ("import time\nbegan = time.time()\nfor epoch in range(3):\n    if time.time() - began > 60: break\n",),
    ("import time\ndef train():\n    began = time.perf_counter()\n    if time.perf_counter() - began > 9: return\n",),
    ("step = 0\ndef train():\n    global step\n    step += 1\n    if step > 3: return\ntrain()",),
    ("import os\nos.environ['TOKENIZERS'] = 'false'\nos.environ.setdefault('A', 'b')\ndel os.environ['A']",),
    ("import sys\nIN_COLAB = 'google.colab' in sys.modules\nif 'google.colab' in sys.modules: print('Colab')",),
    ("import os\nif os.environ.get('COLAB_GPU'): print('Colab')\nON = 'KAGGLE_URL_BASE' in os.environ",),
    ("import platform, sys\nprint(platform.platform(), sys.version)\nplatform.machine()",),
    ("import psutil\nprint(f'{psutil.virtual_memory().percent} %')",),
    ("import torch\ntorch.backends.cudnn.benchmark = True\ntorch.set_default_dtype(torch.float32)",),
    ("import matplotlib.pyplot as plt\nplt.rcParams['font.size'] = 3\nplt.rcParams.update({'font.size': 9})",),
    ("from PIL import Image\nImage.MAX_IMAGE_PIXELS = None",),
    ("import sys, io\nsys.path.append('..')\nsys.stdout = io.StringIO()\nsys.setrecursionlimit(5000)",),
    ("import gc\ngc.collect()\nimport inspect\nprint(inspect.signature(print), inspect.getsource(double))",),
    ("from toy_lab import check\ncheck('double');",),
    ("%%time\nfor i in range(3): pass",),
    ("%matplotlib inline\n%load_ext autoreload\n!ls\n%timeit sum([1])\nfiles = !ls",),
    ("def g(\n", "% nonsense", "\x00"),
]


@pytest.mark.parametrize("code", HONEST)
def test_honest_code_is_left_alone(code):
    lines = found(code) if isinstance(code, str) else found(function(""), *code)
    assert lines == []


def test_what_was_handed_out_is_nobodys_doing():
    released = toy_notebook()
    released.cells[1].source = "import sys\nif 'numpy' in sys.modules:\n    import os"
    notebook = copy.deepcopy(released)
    notebook.cells[1].source += "\nmine = 3"
    assert flags(notebook, released, "toy_lab") == []
    notebook.cells[1].source += "\nmine = 'numpy' in sys.modules"
    assert len(flags(notebook, released, "toy_lab")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x" + ".a" * 30_000,
        "x = " + "-" * 3_000 + "1",
        "x = " + "(" * 150 + ")" * 150,
        "x = " + " + ".join(["1"] * 5_000),
        "a = b\nb = a\na = a.x\nb = getattr(b, a)",
        "".join(f"x{i} = x{i + 1} or x{i + 2}\n" for i in range(3_000)),
        "".join(f"def f{i}():\n    global g{i}\n    g{i} += 1\n    return f{i + 1}() > g{i}\n" for i in range(300)),
        "import sys\n" * 20_000,
        "import sys\nx = '\ud800', sys.modules\n",
        "y = 1\n" * 200_000,
    ],
    ids=["a chain", "signs", "brackets", "a sum", "a circle", "a ladder", "counters", "long", "surrogates", "too long"],
)
def test_nothing_stops_it(source):
    began = time.process_time()
    found(source + "\ndef double(n): return 2 * n")
    found(function(""), source)
    assert time.process_time() - began < 20


SYNTAX = """
@(lambda f: f)
async def a(x, /, y: int = 1, *args: int, z, w=None, **more) -> None:
    async with x as (b, *c), y: pass
    async for d.e, [f[0], *g] in x: await d
    return [h async for h in x if h], {k: v for k, v in x}, {*x}, (yield)
class B(list, metaclass=type):
    i: int
    (j): int = 3
    k.l: int
    def m(self): nonlocal_ = super().m; del self.n, nonlocal_[0]; return lambda *, o=1: (p := o)
def q():
    global r, s
    for r in x: break
    else: import s
    with open(r) as s: pass
    match r:
        case {"t": [1, *u], **v} | B(w=3): pass
        case B() as r if r: raise X from None
        case [_, None, -1j, "a" "b"]: assert r, f"{r!r:>{s}}"
        case _: pass
    try: pass
    except* (A, B) as s: pass
    x[1:2, ::3] @= not ~-x if x else ...
    def t(): nonlocal y; y = yield from t(); next(); getattr(); setattr(1); exec(); print(*x, **y)
"""


@pytest.mark.parametrize("source", [SYNTAX, "def double(n):" + SYNTAX.replace("\n", "\n    "), "%%time" + SYNTAX])
def test_all_of_pythons_syntax_can_be_read(source):
    assert not any("could not" in line for line in [*found(source), *found(function(""), source)])
    assert not any(
        "could not" in line for line in found(source + "\nimport time\ndef double(n): return q() > time.time()")
    )


def test_what_cannot_be_looked_through_is_said():
    assert found("x = 1\n" * 100_000) == ["The code is too long to be looked through."]
    many = found(function("\n".join("f = sys._getframe()" for _ in range(100)), "import sys"))
    assert len(many) == 41 and many[-1] == "And 60 more."


@pytest.mark.parametrize("slug", WEEKS)
def test_no_solution_and_no_known_right_answer_is_flagged(slug):
    course = find_course()
    week = course.week(slug)
    released = released_notebook(course, week)
    solution = nbformat.read(course.root / "solutions" / slug / f"{slug}.ipynb", as_version=4)
    assert flags(solution, released, week.helper) == []
    right = [one for one in known_answers(slug) if one.right]
    rounds = max(sum(one.question == other.question for other in right) for one in right)
    for turn in range(rounds):  # in each notebook another answer to every question
        notebook = copy.deepcopy(released)
        for cell in notebook.cells:
            ours = [one for one in right if one.question == grade_id(cell)]
            if ours:
                cell.source = ours[turn % len(ours)].source
        assert flags(notebook, released, week.helper) == []


# --- through grading, the report and `grader similar` -----------------------------------------------------------------

SLY = "import sys\ndef double(n):\n    return 2 * n if sys._getframe(1).f_code.co_name else 0"
SAID = "double, line 3, looks at the call stack (_getframe): `return 2 * n if sys._getframe(1).f_code.co_name else 0`"


def test_a_flag_is_in_the_record_and_costs_nothing(toy, week, fill, right):
    grades = [grade_notebook(toy, week, one, "ada").grade for one in (right, fill(**{**RIGHT, "double": SLY}))]
    assert [grade.flags for grade in grades] == [[], [SAID]]
    assert [grade.points for grade in grades] == [7.5, 7.5]
    assert Grade.from_json(grades[1].to_json()) == grades[1]


def test_a_record_from_before_there_were_flags_is_read(toy, week, right):
    raw = json.loads(grade_as(toy, week, "ada", right).to_json())
    del raw["flags"]
    assert Grade.from_json(json.dumps(raw)).flags == []


def test_the_report_lists_flags_and_the_students_page_does_not(toy, week, right):
    honest, other = (grade_as(toy, week, name, right) for name in ("ada", "eve <i>"))
    told = class_report.page(toy, week, [honest, replace(other, flags=[SAID, "cell 3, line 1: `<b>`"])])
    section = told.split('<h2 id="flags">')[1].split("<h2")[0]
    assert "eve &lt;i&gt;</a>" in section and "ada" not in section and "no verdict" in section
    assert toy.feedback(week, "x").suffix in section and "<code>&lt;b&gt;</code>" in section
    assert "<code>return 2 * n if sys._getframe(1)" in section
    assert '<a href="#flags">Code to look at</a>: 1 submission.' in told
    assert "flags" not in class_report.page(toy, week, [honest]), "nothing is said where there is nothing"
    page = feedback.page(toy, week, replace(other, flags=[SAID]))
    assert "looks at the call stack" not in page and "to look at" not in page


def test_the_table_of_the_command_line_counts_them(toy, week, right):
    grades = [grade_as(toy, week, f"s{n}", right) for n in range(9)]
    parts = class_table([replace(grade, flags=[SAID]) for grade in grades])
    assert str(parts[-1]).startswith("9 submissions with code for a person to look at, see the report: s0, s1,")
    assert str(parts[-1]).endswith("and 3 more")
    assert not any("to look at" in str(part) for part in class_table(grades))


def test_similar_lists_them(call, toy, week, fill, right, hand_in):
    hand_in("ada", right)
    hand_in("eve", fill(double=SLY))
    result = call("similar", "1")
    assert result.exit_code == 0 and f"eve: {SAID}" in result.stdout, result.output
    page = (toy.report(week).parent / "similar.html").read_text(encoding="utf-8")
    assert "eve" in page.split('<h2 id="flags">')[1] and "ada" not in page.split('<h2 id="flags">')[1]
