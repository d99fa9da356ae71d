"""Answers that decide by the clock or by how often they were called are found."""

from __future__ import annotations

import pytest
from support.introspection import found, function

from grader.analysis.introspection_rules import CLOCK, COUNT

LOOKS = [
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
]


@pytest.mark.parametrize(("what", "source"), LOOKS)
def test_what_looks_is_found(what, source):
    lines = found(source)
    assert any(line.startswith("double, line ") and f", {what} (" in line for line in lines), lines
