"""Each question is judged as the notebook stands at its check, by code that the notebook cannot reach."""

from __future__ import annotations

import copy
import time

import nbformat
import pytest
from support.toy import RIGHT

from grader.analysis.bindings import Bindings
from grader.course.questions import questions_in
from grader.course.syllabus import Budget
from grader.grading.judge import AT_THE_END, Judge
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook

OWN = {**RIGHT, "table": "table = [2, 4, 6]"}  # in which no answer needs another
FULL = {"double": 4, "table": 2, "mean": 1.5, "why": 0}


@pytest.fixture
def grade(toy, week, monkeypatch):
    def graded(notebook, *, budget=None, **parameters):
        return grade_notebook(toy, week, notebook, options=Options(budget=budget, parameters=parameters)).grade

    return graded


def points(grade):
    return {question.question: question.points for question in grade.questions}


def note(grade, name):
    return next(question.note for question in grade.questions if question.question == name)


def last(notebook, source):
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    return notebook


def before(notebook, name, source):
    """With a cell ahead of the one of this id."""
    place = next(i for i, cell in enumerate(notebook.cells) if cell.id == name)
    notebook.cells.insert(place, nbformat.v4.new_code_cell(source))
    return notebook


LATER = {
    "a constant of the same name": "double = 96485.0",
    "a result of the same name": "table = mean(table)",
    "everything deleted": "%reset -f",
    "a name deleted": "del double, table, mean",
    "a star import": "from statistics import *\nfrom math import *\ntable = 3",
    "names of builtins": "list = len = isinstance = getattr = str = dict = type = 5",
    "names that servers use": "__import__ = exec = eval = globals = super = None",
    "the whole of builtins": "__builtins__ = {}",
    "another mean that is used by nobody": "def mean(values):\n    raise ValueError('for another purpose')",
    "a module emptied": "import numpy as np\nnp.mean = None",
    "an endless loop": "while True: pass",
    "an end": "import os; os._exit(1)",
    "a list that changes in place": "table.clear()",
}


@pytest.mark.parametrize("what", LATER)
def test_what_a_later_cell_does_costs_nothing(grade, right, what):
    assert points(grade(last(right, LATER[what]), budget=Budget(2, 30, 2))) == FULL


def test_the_cell_that_takes_a_name_is_told(grade, right):
    found = grade(last(right, "double = 96485.0"))
    number = len(right.cells)
    assert f"Cell {number} gives `double` another value after double was judged; that costs nothing." in found.log


EARLIER = {
    "names of builtins": "check = print = repr = encode = decode = Server = 3",
    "floats that raise": "import numpy as np\nnp.seterr(all='raise')",
    "warnings that raise": "import warnings\nwarnings.simplefilter('error')",
    "a shallow stack": "import sys\nsys.setrecursionlimit(200)",
    "a float too many": "import decimal\ndecimal.getcontext().prec = 1",
    "tracing": "import sys\nsys.settrace(lambda *a: None)",
    "another folder": "import os\nos.chdir('/')",
    "magics that are not there": "%load_ext google.colab.data_table\n%tensorflow_version 2.x\n%matplotlib widget",
}


@pytest.mark.parametrize("what", EARLIER)
def test_settings_of_the_whole_process_cost_nothing(grade, right, what):
    found = grade(before(right, "id-double", EARLIER[what]))
    assert points(found) == FULL, found.log


def test_torch_settings_cost_nothing(grade, fill):
    cell = "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
    cell += "torch.set_default_device('meta')\ntorch.autograd.set_grad_enabled(False)\n"
    mean = "def mean(values):\n    x = torch.zeros(3, requires_grad=True)\n    (2 * x).sum().backward()\n"
    mean += "    return torch.as_tensor(values).mean() + (x.grad.sum() - 6)"
    double = (
        "def double(n):\n    return int(torch.tensor(float(n)).new_tensor(2.0) * n) if torch.ones(1).dtype =="
        " torch.float32 else 0"
    )
    found = grade(before(fill(**{**OWN, "mean": mean, "double": double}), "id-double", cell), budget=Budget(60, 90, 30))
    assert points(found) == FULL, [q.checks for q in found.questions]


def test_a_better_answer_further_down_counts(grade, fill):
    wrong = fill(**{**OWN, "double": "def double(n):\n    return n"})
    found = grade(last(wrong, "def double(n):\n    return 2 * n"))
    assert points(found) == FULL and note(found, "double") == AT_THE_END
    found = grade(last(fill(**{**RIGHT, "mean": "def mean(v):\n    return total(v) / len(v)"}), "total = sum"))
    assert points(found) == FULL
    found = grade(
        last(fill(table=RIGHT["table"], mean=RIGHT["mean"]), "def double(n):\n    return 2 * n\ntable = [2, 4, 6]")
    )
    assert points(found) == FULL


def test_a_wrong_answer_is_tried_on_the_same_inputs_at_the_end(grade, fill):
    wrong = last(fill(double="def double(n):\n    return n"), "double = double")
    first, second = grade(wrong), grade(wrong)
    assert first.questions[0].checks[1].message == second.questions[0].checks[1].message


def test_a_name_lost_between_answer_and_check_names_its_cell(grade, right):
    found = grade(before(right, "id-check-double", "double = 7"))
    place = next(i for i, cell in enumerate(right.cells) if cell.source == "double = 7") + 1
    assert points(found)["double"] == 0 and note(found, "double") == f"Cell {place} gives `double` another value."
    assert "a int here where a function" in found.questions[0].checks[0].message


def test_a_builtin_taken_by_the_notebook_is_named(grade, fill):
    taken = before(fill(**{**RIGHT, "mean": "def mean(v):\n    return sum(v) / len(v)"}), "id-mean", "sum = None")
    found = grade(taken)
    assert points(found)["mean"] == 0 and "gives `sum` another value" in note(found, "mean")
    assert "another value to Python's own `sum`" in found.questions[2].checks[0].message


ANSWERS = {
    "keyword-only": {"double": "def double(*, n):\n    return 2 * n", "mean": "def mean(*, values, axis=None):\n"
                     "    import numpy as np\n    return np.mean(values)"},
    "positional-only": {"double": "def double(n, /):\n    return 2 * n"},
    "a callable object": {
        "double": "class Double:\n    def __call__(self, *, n):\n        return 2 * n\ndouble = Double()"
    },
    "a magic ahead": {"double": "%%time\ndef double(n):\n    return 2 * n"},
    "a figure for a window": {"double": "%matplotlib notebook\nimport time\ndef double(n):\n    return 2 * n"},
    "a widget": {"double": "%matplotlib widget\ndef double(n):\n    return 2 * n"},
    "a partial": {"double": "from functools import partial\nfrom operator import mul\ndouble = partial(mul, 2)"},
    "a cache": {"double": "from functools import cache\n@cache\ndef double(n):\n    return 2 * n"},
    "a thread": {"double": "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
                 "pool.submit(int).result()\ndef double(n):\n    with ThreadPoolExecutor(2) as p:\n"
                 "        return p.submit(lambda: 2 * n).result()"},
    "a pool of threads made before": {"double": "from concurrent.futures import ThreadPoolExecutor\n"
                                      "pool = ThreadPoolExecutor(2)\nlist(pool.map(int, '12'))\ndef double(n):\n"
                                      "    return pool.submit(lambda: 2 * n).result()"},
    "an alarm left running": {"double": "import signal\ndef late(*_):\n    raise TimeoutError\n"
                              "signal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, 0.7)\n"
                              "def double(n):\n    import time\n    time.sleep(0.3)\n    return 2 * n"},
    "a process": {"double": "import subprocess, sys\ndef double(n):\n    return int(subprocess.run([sys.executable,"
                  " '-c', f'print(2 * {n})'], capture_output=True, text=True).stdout)"},
    "printing and drawing": {"double": "from IPython.display import display\nimport matplotlib.pyplot as plt\n"
                             "def double(n):\n    print(n)\n    display(n)\n    plt.plot([1, n])\n    plt.show()\n"
                             "    return 2 * n"},
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
def test_right_answers_of_any_make_keep_their_points(grade, fill, what):
    found = grade(fill(**{**OWN, **ANSWERS[what]}), budget=Budget(20, 60, 10))
    assert points(found) == FULL, [question.checks for question in found.questions]


@pytest.mark.parametrize("where", ["notebook", "widget", "qt", "inline", ""])
def test_a_figure_for_a_window_is_drawn_into_the_notebook(toy, week, right, where):
    """`%matplotlib` alone too, which looks for a screen."""
    draws = f"%matplotlib {where}\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nafter = 1"
    result = grade_notebook(toy, week, last(right, draws), options=Options(budget=Budget(60, 90, 5)))
    assert any("image/png" in output.get("data", {}) for output in result.notebook.cells[-1].outputs)
    assert points(result.grade) == FULL and result.grade.log == []


def test_a_compiled_answer_keeps_its_points(grade, fill):
    compiled = "import torch\n@torch.compile(mode='max-autotune')\ndef double(n):\n    return 2 * n\n"
    assert points(grade(fill(**{**RIGHT, "double": compiled}), budget=Budget(60, 90, 30))) == FULL


ENDS = {
    "hangs": "def {name}(n):\n    while True: pass",
    "hangs for good": "import signal\ndef {name}(n):\n    signal.signal(2, signal.SIG_IGN)\n    while True: pass",
    "crashes": "import ctypes\ndef {name}(n):\n    ctypes.string_at(0)",
    "ends its process": "import os\ndef {name}(n):\n    os._exit(3)",
    "kills its group": "import os\ndef {name}(n):\n    os.killpg(0, 9)",
    "closes everything": "import os\ndef {name}(n):\n    os.closerange(3, 99)\n    return n",
    "cancels itself": "import asyncio\ndef {name}(n):\n    raise asyncio.CancelledError",
    "answers for itself": "import sys\ndef {name}(n):\n    frame = sys._getframe()\n"
    "    while 'link' not in frame.f_locals:\n        frame = frame.f_back\n"
    "    frame.f_locals['link'].sendall((2).to_bytes(8, 'big') + b'[]')\n    return n",
    "states an answer that is too long": "import sys\ndef {name}(n):\n    frame = sys._getframe()\n"
    "    while 'link' not in frame.f_locals:\n        frame = frame.f_back\n"
    "    frame.f_locals['link'].sendall((2**60).to_bytes(8, 'big') + b'[]')\n    return n",
    "answers many times": "import os\ndef {name}(n):\n    os.fork()\n    os.fork()\n    return n",
}


@pytest.mark.parametrize("how", ENDS)
def test_an_answer_that_ends_badly_costs_only_itself(grade, fill, how):
    found = grade(fill(**{**RIGHT, "double": ENDS[how].format(name="double"), "table": "table = [2, 4, 6]"}),
                  budget=Budget(5, 40, 1))  # fmt: skip
    assert points(found) == {**FULL, "double": 0}
    assert next(q for q in found.questions if q.question == "double").status == "judged"


def test_an_answer_that_ends_the_kernel_costs_only_itself(grade, fill):
    ends = "import os\ndef double(n):\n    os.kill(os.getppid(), 9)"
    notebook = before(fill(**{**OWN, "double": ends}), "id-double", "import os; os._exit(1)")
    found = grade(before(notebook, "id-double", "import os; os.abort()"), budget=Budget(5, 60, 2))
    assert points(found) == {**FULL, "double": 0}
    assert found.questions[0].status == "not judged"


def test_what_was_judged_stands_when_a_later_answer_ends_the_kernel(grade, fill, monkeypatch):
    judged, really = [], Judge._judge
    monkeypatch.setattr(Judge, "_judge", lambda self, *about: judged.append(about[1].name) or really(self, *about))
    ends = "import os\ndef mean(values):\n    os.kill(os.getppid(), 9)"
    found = grade(fill(**{**OWN, "mean": ends}))
    assert points(found) == {**FULL, "mean": 0} and judged == ["double", "table", "mean"]


def test_processes_that_an_answer_leaves_behind_end_with_its_question(grade, fill):
    leaves = "import os, subprocess\ndef double(n):\n    subprocess.Popen(['sleep', '61.25'], start_new_session=True)\n"
    leaves += "    if os.fork() == 0:\n        os.setsid()\n        if os.fork():\n            os._exit(0)\n"
    leaves += "        os.execvp('sleep', ['sleep', '61.25'])\n    return 2 * n"
    look = "from pathlib import Path\nfor process in Path('/proc').glob('[0-9]*/cmdline'):\n"
    look += "    assert b'61.25' not in process.read_bytes()"
    found = grade(last(fill(**{**OWN, "double": leaves}), look))
    assert points(found) == FULL and found.log == []


def test_judging_leaves_the_notebook_as_it_was(grade, fill):
    counting = "calls = []\ndef double(n):\n    calls.append(n)\n    return 2 * n"
    found = grade(last(fill(**{**RIGHT, "double": counting, "table": "table = [2, 4, 6]"}), "assert calls == []"))
    assert points(found) == FULL and found.log == []


REPLACED = {
    "coursekit.student.Server.__call__": "import coursekit.student as s\ns.Server.__call__ = lambda self, t: '4'",
    "coursekit.codec.encode": "import coursekit.codec as c\nc.encode = lambda *a, **k: '{}'",
    "numpy.ascontiguousarray": "import numpy as np\nnp.ascontiguousarray = lambda *a, **k: None",
    "builtins.callable": "import builtins\nbuiltins.callable = lambda *a: True",
    "coursekit.student.Server.op_get": "from coursekit.student import Server\n"
    "Server.op_get.__code__ = (lambda self, name: 2).__code__",
    "coursekit.student": "import sys, types\nsys.modules['coursekit.student'] = types.ModuleType('coursekit.student')",
    "coursekit.student.Server.__getattribute__": "from coursekit.student import Server\n"
    "Server.__getattribute__ = lambda self, name: lambda **request: 2",
    "coursekit.student.getattr": "import coursekit.student as s\ns.getattr = lambda *a: lambda **request: 2",
    "coursekit.student.usual_settings": "import contextlib, coursekit.student as s\n"
    "s.usual_settings.__closure__[0].cell_contents = contextlib.nullcontext",
    "coursekit.codec.IMAGE_CHANNELS": "import coursekit.codec as c\nc.IMAGE_CHANNELS.clear()",
    "toy_lab.check": "import toy_lab\ntoy_lab.check = None",
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_replaces_the_judges_own_is_put_back_and_named(grade, fill, name):
    found = grade(before(fill(**{**RIGHT, "double": "def double(n):\n    return n"}), "id-double", REPLACED[name]))
    assert points(found) == {**FULL, "double": 0, "table": 1}
    assert any(f"in the place of {name}" in line for line in found.log), found.log


def test_names_are_followed_through_thousands_of_cells_in_no_time(right):
    released = copy.deepcopy(right)
    right.cells += [nbformat.v4.new_code_cell(f"a{n} = a{n + 1}") for n in range(9000)]
    last(right, "mean = a0")
    bindings = Bindings(right, released)
    (mean,) = (question for question in questions_in(released) if question.name == "mean")
    began = time.monotonic()
    assert len(bindings.later(mean, ["mean"])) == 9001
    assert time.monotonic() - began < 5  # a walk for every name takes a minute
