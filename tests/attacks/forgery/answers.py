"""Answers made for the judge: that know the visible checks, tell its calls apart, or end in odd ways."""

from __future__ import annotations

from attacks.cases import Case
from attacks.edits import FULL, TABLE, VISIBLE, answer, family

CASES: list[Case] = []
case = family(CASES, "forgery")

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
