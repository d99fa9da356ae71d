"""Code that looks at who calls it is found wherever it stands, with its line, and honest code is left alone."""

from __future__ import annotations

import copy

import nbformat
import pytest
from support.introspection import found, function
from support.known import known_answers
from support.toy import toy_notebook

from grader.analysis.introspection import flags
from grader.analysis.introspection_rules import CHECKS, CLOCK, COUNT, KERNEL, PROCESS, STACK, TRACE
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.questions import grade_id

WEEKS = list(find_course().weeks)


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


def test_code_that_is_nested_too_deeply_is_said_to_be():
    deep = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = " + "-" * 19_000 + "1")])
    assert flags(deep, nbformat.v4.new_notebook()) == ["The code is nested too deeply to be looked through."]
